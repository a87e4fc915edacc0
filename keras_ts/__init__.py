"""keras_ts: time-series forecasting for Keras 3."""

from keras_ts._version import __version__
from keras_ts.checks.export import ExportReport, check_export
from keras_ts.checks.leakage import check_leakage
from keras_ts.checks.leakage_report import LeakageReport
from keras_ts.checks.reload import ReloadDifference, ReloadReport, check_reload
from keras_ts.conversion.migrate import migrate_lambdas
from keras_ts.conversion.portable import save_portable
from keras_ts.datasets import course_series
from keras_ts.evaluation.backtest import backtest
from keras_ts.evaluation.backtest_report import BacktestReport
from keras_ts.evaluation.calibrate import calibrate
from keras_ts.evaluation.compare import baselines, compare
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.forecasting.forecast import forecast
from keras_ts.forecasting.rollout import Rollout
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.carry_forward import CarryForward
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.known_ahead import KnownAhead
from keras_ts.layers.last_steps import LastSteps
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.mask_like import MaskLike
from keras_ts.layers.mask_missing import MaskMissing
from keras_ts.layers.normalize_window import NormalizeWindow
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.layers.select_columns import SelectColumns
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.layers.unmask import Unmask
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.losses import IntervalCoverage, MedianMAE, QuantileLoss, StandardizedMSE
from keras_ts.plotting.backtest import plot_backtest
from keras_ts.plotting.forecast import plot_forecast
from keras_ts.plotting.series import plot_series
from keras_ts.plotting.training import plot_history
from keras_ts.presets.catalog import from_preset, preset_names
from keras_ts.presets.recipe import Recipe
from keras_ts.presets.recurrent import RecurrentPreset, sequence_to_sequence, sequence_to_vector
from keras_ts.saving.load import load_model, load_windows
from keras_ts.saving.save import save_model
from keras_ts.sweep.callback import ExponentialLRSweep
from keras_ts.sweep.find import find_learning_rate
from keras_ts.windows.compat import timeseries_dataset_from_array, windowed_dataset
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.pad import pad_front
from keras_ts.windows.reading.calendar import calendar_features
from keras_ts.windows.windowed_series import WindowedSeries

__all__ = [
    "BacktestReport",
    "CalendarEvents",
    "CarryForward",
    "ComparisonReport",
    "ConformalInterval",
    "ExpandSeries",
    "ExponentialLRSweep",
    "ExportReport",
    "IntervalCoverage",
    "KnownAhead",
    "LastSteps",
    "LeakageReport",
    "LinearForecast",
    "MaskLike",
    "MaskMissing",
    "MedianMAE",
    "NormalizeWindow",
    "QuantileLoss",
    "Recipe",
    "RecurrentPreset",
    "ReloadDifference",
    "ReloadReport",
    "RestoreWindow",
    "Rollout",
    "ScaleOutput",
    "SelectColumns",
    "SmoothedForecast",
    "SortedQuantiles",
    "StandardizedMSE",
    "Unmask",
    "WindowDataset",
    "WindowedInput",
    "WindowedSeries",
    "__version__",
    "backtest",
    "baselines",
    "calendar_features",
    "calibrate",
    "check_export",
    "check_leakage",
    "check_reload",
    "compare",
    "course_series",
    "find_learning_rate",
    "forecast",
    "from_preset",
    "load_model",
    "load_windows",
    "migrate_lambdas",
    "pad_front",
    "plot_backtest",
    "plot_forecast",
    "plot_history",
    "plot_series",
    "preset_names",
    "save_model",
    "save_portable",
    "sequence_to_sequence",
    "sequence_to_vector",
    "timeseries_dataset_from_array",
    "windowed_dataset",
]
