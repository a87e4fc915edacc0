"""keras_ts: time-series forecasting for Keras 3."""

from keras_ts._version import __version__
from keras_ts.forecasting.course_series import course_series
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.presets import (
    RecurrentPreset,
    from_preset,
    preset_names,
    sequence_to_sequence,
    sequence_to_vector,
)
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.spec import WindowedSeries

__all__ = [
    "ExpandSeries",
    "RecurrentPreset",
    "ScaleOutput",
    "WindowDataset",
    "WindowedSeries",
    "__version__",
    "course_series",
    "from_preset",
    "preset_names",
    "sequence_to_sequence",
    "sequence_to_vector",
]
