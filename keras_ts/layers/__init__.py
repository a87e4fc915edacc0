"""Keras layers for time series."""

from keras_ts.layers.bounded import Bounded
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.carry_forward import CarryForward
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.known_ahead import KnownAhead
from keras_ts.layers.last_steps import LastSteps
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.mask_as_column import MaskAsColumn
from keras_ts.layers.mask_like import MaskLike
from keras_ts.layers.mask_missing import MaskMissing
from keras_ts.layers.normalize_window import NormalizeWindow
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.root_mean_square import RootMeanSquare
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.select_columns import SelectColumns
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.layers.unmask import Unmask
from keras_ts.layers.windowed_input import WindowedInput

__all__ = [
    "Bounded", "CalendarEvents", "CarryForward", "ConformalInterval", "ExpandSeries",
    "KnownAhead", "LastSteps", "LinearForecast", "MaskAsColumn", "MaskLike", "MaskMissing",
    "NormalizeWindow", "RestoreWindow", "RootMeanSquare", "ScaleOutput", "SelectColumns",
    "SmoothedForecast", "SortedQuantiles", "Unmask", "WindowedInput",
]  # fmt: skip
