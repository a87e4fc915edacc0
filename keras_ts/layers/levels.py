"""``levels_of``: the levels of the quantiles or bounds that a model ends in."""

from typing import Any

import keras

from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.sorted_quantiles import SortedQuantiles


def last_layer(model: keras.Model) -> Any:
    """Return the layer that a model ends in, within inner models too."""
    last: Any = model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    return last


def levels_of(model: keras.Model) -> tuple[float, ...] | None:
    """Return the levels of the quantiles or calibrated bounds that a model ends in, or None."""
    last = last_layer(model)
    return last.levels if isinstance(last, SortedQuantiles | ConformalInterval) else None
