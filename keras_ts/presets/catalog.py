"""The named presets: the eight models of the course, three that do better, and a regression.

The course's recurrent nets are here as taught, and the best-known one has a larger error than the
naive forecast on the course's own series. ``gru_32x2`` sees each window relative to the window's
last value, and beats both the naive forecast and the linear regression. ``smooth_gru``, for one
long series, adds exponential smoothing and a linear autoregression to it. ``seasonal_gru``, for
panels of short series, takes the season off each window; it needs ``period`` if there is a season.
``linear`` is the linear regression itself.
"""

from typing import Any, Unpack

import keras

from keras_ts.presets.description import RecurrentPreset
from keras_ts.presets.recipe import Recipe
from keras_ts.presets.settings import BuildSettings, PresetOverrides

_SWEEP = Recipe("huber", "sgd", 1e-8, 128, 100, momentum=0.9, steps_per_decade=20, window=20)
_HUBER = Recipe("huber", "sgd", 5e-5, 128, 500, momentum=0.9, window=20)
_SQUARED = Recipe("mse", "sgd", 1e-6, 32, 100, momentum=0.9, window=20)
_DECAYING = Recipe("mae", "adamw", 1e-3, 32, 60, cosine_decay=True, window=20)
# At most 6,000 updates: 60 epochs of 100 batches. More updates take longer, and with a calendar
# they forecast no better.
_LONG = Recipe(
    "standardized_mse", "adamw", 1e-3, 32, 60, cosine_decay=True, window=12, window_share=1 / 16,
    most_steps=100,
)  # fmt: skip
# The forecast is good before training, so few windows make few updates. An epoch of a thousand
# series has 20,000 windows, an epoch of five series a single batch.
_PANEL = Recipe(
    "mae", "adamw", 1e-2, 256, 8, cosine_decay=True, least_updates=300, window=12, window_periods=6,
    most_steps=79,
)  # fmt: skip
# Solved, not trained: the recipe chooses the windows, and the loss that ``evaluate`` returns.
_SOLVED = Recipe(
    "mae", "adamw", 1e-3, 256, 1, window=12, window_share=1 / 16, window_periods=6,
)  # fmt: skip


def _stack(cell: str, *units: int, **settings: Any) -> dict[str, Any]:
    return {"cell": cell, "units": units, **settings}


def _bilstm(layers: int) -> dict[str, Any]:
    return _stack("lstm", *(32,) * layers, bidirectional=True, output_scale=100.0)


_WIDE = _stack("simple_rnn", 40, 40, output_scale=100.0)
_NAMED: dict[str, tuple[dict[str, Any], Recipe | None]] = {
    "simple_rnn_20x2": (_stack("simple_rnn", 20, 20, features=1), None),
    "simple_rnn_20x2_sequence": (
        _stack("simple_rnn", 20, 20, features=1, kind="sequence_to_sequence"), None
    ),
    "simple_rnn_20x2_scaled": (_stack("simple_rnn", 20, 20, output_scale=100.0), None),
    "simple_rnn_40x2_sweep": (_WIDE, _SWEEP),
    "simple_rnn_40x2": (_WIDE, _HUBER),
    "bilstm_32": (_bilstm(1), _SQUARED),
    "bilstm_32x2": (_bilstm(2), _SQUARED),
    "bilstm_32x3": (_bilstm(3), _SQUARED),
    "gru_32x2": (_stack("gru", 32, 32, window_norm="last"), _DECAYING),
    "smooth_gru": (_stack("gru", 32, window_norm="last", smoothing="linear", memory=32), _LONG),
    "seasonal_gru": (
        _stack("gru", 32, window_norm="seasonal", period=1, smoothing="mixed"), _PANEL
    ),
    "linear": ({"cell": "linear"}, _SOLVED),
}  # fmt: skip


def preset_names() -> list[str]:
    """Return the names that ``from_preset`` takes.

    Example:

    >>> from keras_ts import preset_names
    >>> "simple_rnn_40x2" in preset_names()
    True
    """
    return list(_NAMED)


def from_preset(name: str, **overrides: Unpack[PresetOverrides]) -> RecurrentPreset:
    """Return a named preset, with the recipe for training its model.

    Example:

    >>> from keras_ts import from_preset
    >>> preset = from_preset("bilstm_32", dropout=0.1)
    >>> preset.cell, preset.recipe.loss, preset.recipe.learning_rate
    ('lstm', 'mse', 1e-06)
    >>> preset.build(window=20).input_shape
    (None, 20)

    Args:
        name: One of ``preset_names()``.
        **overrides: Arguments of ``RecurrentPreset`` that replace those of the preset.

    Raises:
        TypeError: ``RecurrentPreset`` has no such argument.
        ValueError: There is no preset of this name.
    """
    if name not in _NAMED:
        raise ValueError(f"name must be one of {', '.join(_NAMED)}. Received: name={name!r}.")
    settings, recipe = _NAMED[name]
    return RecurrentPreset(**{**settings, "recipe": recipe, **overrides})


def sequence_to_vector(**settings: Unpack[BuildSettings]) -> keras.Model:
    """Build a model that forecasts once per window.

    Example:

    >>> from keras_ts import sequence_to_vector
    >>> sequence_to_vector(cell="lstm", units=(8,), window=20).output_shape
    (None, 1)

    Args:
        **settings: Arguments of ``RecurrentPreset`` other than ``kind``, and of its ``build``.
    """
    return _built("sequence_to_vector", {**settings})


def sequence_to_sequence(**settings: Unpack[BuildSettings]) -> keras.Model:
    """Build a model that forecasts at every step of a window.

    Example:

    >>> from keras_ts import sequence_to_sequence
    >>> sequence_to_sequence(units=(8,), window=20).output_shape
    (None, 20, 1)

    Args:
        **settings: Arguments of ``RecurrentPreset`` other than ``kind``, and of its ``build``.
    """
    return _built("sequence_to_sequence", {**settings})


def _built(kind: Any, settings: dict[str, Any]) -> keras.Model:
    names = ("dataset", "core", "window", "outputs", "target")
    of_build = {name: settings.pop(name) for name in names if name in settings}
    return RecurrentPreset(kind, **settings).build(**of_build)
