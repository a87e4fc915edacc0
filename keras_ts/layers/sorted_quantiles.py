"""``SortedQuantiles``: quantiles that never cross.

A network learns each quantile separately, so its 0.1 quantile may exceed its 0.9. Sorting is the
rearrangement of Chernozhukov, Fernandez-Val and Galichon ("Quantile and Probability Curves Without
Crossing", Econometrica 2010), who show that it never moves an estimate away from the truth.
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer


@registered
class SortedQuantiles(SeriesLayer):
    """Puts the quantiles of each output in increasing order.

    Put the layer last in a network that forecasts quantiles, and train with ``QuantileLoss``.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import SortedQuantiles
    >>> layer = SortedQuantiles([0.1, 0.5, 0.9])
    >>> np.asarray(layer(np.array([[3.0, 1.0, 2.0]]))).tolist()
    [[1.0, 2.0, 3.0]]

    Two outputs, each of three quantiles:

    >>> np.asarray(layer(np.array([[3.0, 1.0, 2.0, 40.0, 60.0, 50.0]]))).tolist()
    [[[1.0, 2.0, 3.0], [40.0, 50.0, 60.0]]]

    Args:
        quantiles: The levels of the quantiles, increasing between 0 and 1, with 0.5, the median,
            among them.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(..., outputs * len(quantiles))``, the quantiles of an output side by side.

    Output shape:
        ``(..., outputs, len(quantiles))``; for a single output ``(..., len(quantiles))``. Float32
        under a half-precision policy. A NaN among the quantiles of an output makes all of them NaN.

    Raises:
        TypeError: ``quantiles`` is not a list of numbers.
        ValueError: ``quantiles`` do not increase between 0 and 1, or lack 0.5; or the last axis of
            the input is no multiple of ``len(quantiles)``.
    """

    _settings = ("quantiles",)

    def __init__(self, quantiles: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantiles = _checks.levels("quantiles", quantiles)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Separate the outputs, and sort the quantiles of each."""
        count = len(self.quantiles)
        outputs = self._outputs(inputs.shape)
        x = ops.cast(inputs, self._float_dtype)
        if outputs > 1:
            x = ops.stack([x[..., level::count] for level in range(count)], axis=-1)
        # TensorFlow's sort leaves the numbers beside a NaN out of order; the other backends put NaN
        # on the highest level, and the median looks right. So all become their sum, which is NaN.
        undefined = ops.any(ops.isnan(x), axis=-1, keepdims=True)
        return ops.where(undefined, ops.sum(x, axis=-1, keepdims=True), ops.sort(x, axis=-1))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the input's shape with its last axis split into outputs and quantiles."""
        outputs = self._outputs(input_shape)
        return (*input_shape[:-1], *([outputs] if outputs > 1 else []), len(self.quantiles))

    def _outputs(self, shape: Any) -> int:
        """Return how many outputs there are, each with its quantiles."""
        count, last = len(self.quantiles), shape[-1] if len(shape) > 1 else None
        if not last or last % count:
            raise ValueError(
                f"SortedQuantiles needs {count} values per output on the last axis, as many as "
                f"quantiles={_checks.shown(list(self.quantiles))}. Received shape {tuple(shape)}."
            )
        return int(last) // count
