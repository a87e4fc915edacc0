"""Logs a forecaster to MLflow: what it is, how good it is, and a model that takes and gives frames.

It is imported by its own name, ``from keras_ts.tracking import log_forecaster``, and needs MLflow.

MLflow's own flavor for Keras saves a model of tensors, and loads it in a process that has not
imported keras_ts, so Keras refuses its layers. Here MLflow keeps the folder that ``save_model``
writes, and a few lines of code that run at loading: they choose a backend that is installed, import
keras_ts, and forecast from frames.
"""

from keras_ts.tracking.log import LoggedForecaster as LoggedForecaster
from keras_ts.tracking.log import log_forecaster

__all__ = ["log_forecaster"]
