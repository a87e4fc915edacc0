"""Past one machine's memory and time: panels on disk, and forecasts in batches.

It is imported by its own name, ``import keras_ts.scale`` or ``from keras_ts.scale import ...``.
"""

from keras_ts.scale.store import PanelStore

__all__ = ["PanelStore"]
