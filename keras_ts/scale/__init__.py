"""Past one machine's memory and time: panels on disk, and forecasts in the workers of an engine.

It is imported by its own name, ``import keras_ts.scale`` or ``from keras_ts.scale import ...``, and
imports no engine.
"""

from keras_ts.scale.batch_forecaster import BatchForecaster
from keras_ts.scale.store import PanelStore

__all__ = ["BatchForecaster", "PanelStore"]
