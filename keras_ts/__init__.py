"""keras_ts: time-series forecasting for Keras 3.

Cut a series into windows (``WindowedSeries``), build a model for them (``from_preset``), forecast
with it (``forecast``) and judge it (``compare``). Layers, losses, metrics and baselines have
modules of those names; the layers that most models begin and end with are here, too.
"""

from typing import TYPE_CHECKING, Any

from keras_ts import baselines as baselines
from keras_ts import layers as layers
from keras_ts import losses as losses
from keras_ts import metrics as metrics
from keras_ts._registration import CLASSES
from keras_ts._version import __version__
from keras_ts.checks.leakage import check_leakage
from keras_ts.checks.reload import check_reload
from keras_ts.conversion.migrate import migrate_lambdas
from keras_ts.datasets import course_series
from keras_ts.evaluation.backtests.backtest import backtest
from keras_ts.evaluation.backtests.report import plot_backtest
from keras_ts.evaluation.calibrate import calibrate
from keras_ts.evaluation.compare import compare
from keras_ts.evaluation.fine_tune import fine_tune
from keras_ts.evaluation.importance import importance
from keras_ts.evaluation.score.follow import follow
from keras_ts.evaluation.score.score import score
from keras_ts.exporting.export import export_model
from keras_ts.forecasting.aggregate import aggregate
from keras_ts.forecasting.forecast import forecast
from keras_ts.forecasting.rollout import Rollout
from keras_ts.layers import ExpandSeries, ScaleOutput, WindowedInput
from keras_ts.panel.calendar import calendar_features
from keras_ts.panel.panel import Panel
from keras_ts.plotting.curves import plot_history, plot_series
from keras_ts.plotting.plot_forecast import plot_forecast
from keras_ts.presets.catalog import (
    choose_preset,
    from_preset,
    preset_names,
    sequence_to_sequence,
    sequence_to_vector,
)
from keras_ts.presets.description import RecurrentPreset
from keras_ts.presets.recipe import Recipe
from keras_ts.saving.load import load_model, load_windows
from keras_ts.saving.save import save_model
from keras_ts.saving.scorecard import scorecard
from keras_ts.sweep.callback import ExponentialLRSweep
from keras_ts.sweep.find import find_learning_rate
from keras_ts.windows.compat import timeseries_dataset_from_array, windowed_dataset
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries

__all__ = [
    "ExpandSeries", "ExponentialLRSweep", "Panel", "Recipe", "RecurrentPreset", "Rollout",
    "ScaleOutput", "WindowDataset", "WindowedInput", "WindowedSeries",
    "__version__", "aggregate", "backtest", "calendar_features", "calibrate",
    "check_leakage", "check_reload", "choose_preset", "compare", "course_series", "export_model",
    "find_learning_rate", "fine_tune", "follow", "forecast", "from_preset", "importance",
    "load_model", "load_windows", "migrate_lambdas", "plot_backtest", "plot_forecast",
    "plot_history", "plot_series", "preset_names", "save_model", "score",
    "scorecard", "sequence_to_sequence", "sequence_to_vector", "timeseries_dataset_from_array",
    "windowed_dataset",
]  # fmt: skip

if not TYPE_CHECKING:  # With it, type checkers would accept any attribute.

    def __getattr__(name: str) -> Any:
        """Return a registered class, since saved files name ``keras_ts`` as its module."""
        if name in CLASSES:
            return CLASSES[name]
        raise AttributeError(f"module 'keras_ts' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names alone."""
    return [*__all__, "baselines", "datasets", "layers", "losses", "metrics"]
