"""Simple forecasts that a model has to beat, as in ``compare``."""

from keras_ts.evaluation.forecasters.baselines import (
    Drift,
    LinearRegression,
    Median,
    MovingAverage,
    Naive,
    SeasonalNaive,
    Theta,
)

__all__ = [
    "Drift", "LinearRegression", "Median", "MovingAverage", "Naive", "SeasonalNaive", "Theta",
]  # fmt: skip
# ``dir`` shows only the public names.
__dir__ = __all__.copy
