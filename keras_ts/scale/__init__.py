"""Panels larger than memory, kept on disk; forecasts in the workers of Spark or Ray.

``import keras_ts`` leaves this package out: ``from keras_ts.scale import ...``.
"""

from keras_ts.scale.batch_forecaster import BatchForecaster
from keras_ts.scale.store import PanelStore

__all__ = ["BatchForecaster", "PanelStore"]
