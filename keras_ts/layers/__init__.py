"""Keras layers for time series."""

from keras_ts.layers.bounded import Bounded
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.mask_missing import MaskMissing
from keras_ts.layers.normalize_window import NormalizeWindow
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.layers.windowed_input import WindowedInput

__all__ = [
    "Bounded", "CalendarEvents", "ConformalInterval", "ExpandSeries", "LinearForecast",
    "MaskMissing", "NormalizeWindow", "RestoreWindow", "ScaleOutput", "SmoothedForecast",
    "SortedQuantiles", "WindowedInput",
]  # fmt: skip
# ``dir`` shows the public names alone.
__dir__ = __all__.copy
