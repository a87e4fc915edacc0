"""Names presets: the eight models of the course, and three that do better.

The course's recurrent nets stand here as taught, and the best-known one loses to "tomorrow is
like today" on the course's own series. ``gru_32x2`` sees each window relative to the window's last
value, and beats both that forecast and a linear autoregression. ``smooth_gru``, for one long
series, adds exponential smoothing and a linear autoregression to it. ``seasonal_gru``, for panels
of short series, takes the season off each window; it needs ``period``, the steps in a season, if
there is one.
"""

from dataclasses import fields
from typing import Any

from keras_ts.presets.recipe import Recipe
from keras_ts.presets.recurrent import RecurrentPreset

_SWEEP = Recipe("huber", "sgd", 1e-8, 128, 100, momentum=0.9, steps_per_decade=20, window=20)
_HUBER = Recipe("huber", "sgd", 5e-5, 128, 500, momentum=0.9, window=20)
_SQUARED = Recipe("mse", "sgd", 1e-6, 32, 100, momentum=0.9, window=20)
_DECAYING = Recipe("mae", "adamw", 1e-3, 32, 60, cosine_decay=True, window=20)
_LONG = Recipe(
    "standardized_mse", "adamw", 1e-3, 32, 60, cosine_decay=True, window=12, window_share=1 / 16
)
# A panel of a thousand series has enough windows for 8 epochs; one of forty has four batches. So
# few updates need a high rate.
_PANEL = Recipe(
    "mae", "adamw", 1e-2, 256, 8, cosine_decay=True, least_updates=240, window=12, window_periods=6
)


def _rnn(units: int, **settings: Any) -> dict[str, Any]:
    return {"cell": "simple_rnn", "units": (units, units), **settings}


def _bilstm(layers: int) -> dict[str, Any]:
    return {"cell": "lstm", "units": (32,) * layers, "bidirectional": True, "output_scale": 100.0}


_NAMED: dict[str, tuple[dict[str, Any], Recipe | None]] = {
    "simple_rnn_20x2": (_rnn(20, features=1), None),
    "simple_rnn_20x2_sequence": (_rnn(20, features=1, kind="sequence_to_sequence"), None),
    "simple_rnn_20x2_scaled": (_rnn(20, output_scale=100.0), None),
    "simple_rnn_40x2_sweep": (_rnn(40, output_scale=100.0), _SWEEP),
    "simple_rnn_40x2": (_rnn(40, output_scale=100.0), _HUBER),
    "bilstm_32": (_bilstm(1), _SQUARED),
    "bilstm_32x2": (_bilstm(2), _SQUARED),
    "bilstm_32x3": (_bilstm(3), _SQUARED),
    "gru_32x2": ({"cell": "gru", "units": (32, 32), "window_norm": "last"}, _DECAYING),
    "smooth_gru": (
        {
            "cell": "gru",
            "units": (32,),
            "window_norm": "last",
            "smoothing": "linear",
            "memory": 32,
        },
        _LONG,
    ),
    "seasonal_gru": (
        {
            "cell": "gru",
            "units": (64,),
            "window_norm": "seasonal",
            "period": 1,
            "smoothing": "mixed",
        },
        _PANEL,
    ),
}


def preset_names() -> list[str]:
    """Return the names that ``from_preset`` takes.

    Example:

    >>> from keras_ts import preset_names
    >>> "simple_rnn_40x2" in preset_names()
    True
    """
    return list(_NAMED)


def from_preset(name: str, **overrides: Any) -> RecurrentPreset:
    """Return a named preset, with the recipe for training its model.

    Example:

    >>> from keras_ts import from_preset
    >>> preset = from_preset("bilstm_32", window=20)
    >>> preset.cell, preset.recipe.loss, preset.recipe.learning_rate
    ('lstm', 'mse', 1e-06)

    Args:
        name: One of ``preset_names()``.
        **overrides: Arguments of ``RecurrentPreset`` that replace those of the preset.

    Raises:
        TypeError: ``RecurrentPreset`` has no such argument.
        ValueError: There is no preset of this name.
    """
    if name not in _NAMED:
        raise ValueError(f"name must be one of {', '.join(_NAMED)}. Received: name={name!r}.")
    known = [field.name for field in fields(RecurrentPreset)]
    if unknown := [argument for argument in overrides if argument not in known]:
        raise TypeError(
            f"from_preset takes the arguments of RecurrentPreset, {', '.join(known)}. Received: "
            f"{', '.join(unknown)}. Horizon and columns are those of the dataset that build is "
            "given; loss, rate and epochs are in recipe."
        )
    settings, recipe = _NAMED[name]
    return RecurrentPreset(**{**settings, "recipe": recipe, **overrides})
