"""``units_of``: the units of the targets that a model was built for."""

import keras

from keras_ts.layers.smoothed_forecast import SmoothedForecast


def units_of(model: keras.Model) -> float | list[float]:
    """Return the unit of each target that the model keeps, or 1 if it was built alone."""
    layer = next((layer for layer in model.layers if isinstance(layer, SmoothedForecast)), None)
    if layer is None:
        raise ValueError(
            'The loss "standardized_mse" needs the units of the targets, and only a model with '
            "smoothing keeps them. Use a preset with smoothing, or replace(recipe, loss='mse')."
        )
    return 1.0 if layer.unit is None else layer.unit
