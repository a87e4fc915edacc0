"""Simple forecasts that a model has to beat; ``compare`` judges a model against them."""

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
# ``dir`` shows the public names alone.
__dir__ = __all__.copy
