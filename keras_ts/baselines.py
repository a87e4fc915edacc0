"""The forecasts that a model has to beat, which ``compare`` judges it beside."""

from keras_ts.evaluation.baselines import (
    Drift,
    LinearRegression,
    MovingAverage,
    Naive,
    SeasonalNaive,
)

__all__ = ["Drift", "LinearRegression", "MovingAverage", "Naive", "SeasonalNaive"]
