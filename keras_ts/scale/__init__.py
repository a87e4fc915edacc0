"""Forecasts of more series than one machine holds: adapters to engines that spread work.

No other module imports this one, and it imports no engine.
"""

from keras_ts.scale.batch_forecaster import BatchForecaster

__all__ = ["BatchForecaster"]
