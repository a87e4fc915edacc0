"""Simple forecasts that a model has to beat; ``compare`` judges a model against them."""

from keras_ts.evaluation.forecasters.baselines import (
    Drift,
    LinearRegression,
    MovingAverage,
    Naive,
    SeasonalNaive,
)

__all__ = ["Drift", "LinearRegression", "MovingAverage", "Naive", "SeasonalNaive"]


def __dir__() -> list[str]:
    """Return the public names alone."""
    return __all__
