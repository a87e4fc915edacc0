"""keras_ts: time-series forecasting for Keras 3."""

from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.spec import WindowedSeries

__all__ = ["WindowDataset", "WindowedSeries"]
