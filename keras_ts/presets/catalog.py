"""The named presets: the models of a TensorFlow course, others that do better, and a regression.

The course's recurrent nets are here as taught. The best known of them has a larger error than the
naive forecast on the course's own series. ``gru_32x2`` sees each window relative to the window's
last value, and beats both the naive forecast and the linear regression. ``smooth_gru``, for one
long series, adds exponential smoothing and a linear autoregression to a net. ``seasonal_gru``, for
panels of short series, subtracts a season of ``period`` steps from each window. ``linear`` is the
linear regression itself.

``choose_preset`` goes by the number of a table's series, their rows and their frequency. It reads
no target values, so held-out values do not influence the choice. The guide "Choose a model" has
the figures behind its rules.
"""

from collections.abc import Sequence
from math import gcd
from typing import Any, NamedTuple, Unpack

import keras
import numpy as np

from keras_ts import _checks
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.frequency import RULES
from keras_ts.presets.description import RecurrentPreset
from keras_ts.presets.recipe import Recipe
from keras_ts.presets.settings import BuildSettings, PresetOverrides
from keras_ts.presets.training_windows import check_settings, read_table
from keras_ts.windows.spec import WindowSettings

_SWEEP = Recipe("huber", "sgd", 1e-8, 128, 100, momentum=0.9, steps_per_decade=20, window=20)
_HUBER = Recipe("huber", "sgd", 5e-5, 128, 500, momentum=0.9, window=20)
_SQUARED = Recipe("mse", "sgd", 1e-6, 32, 100, momentum=0.9, window=20)
_DECAYING = Recipe("mae", "adamw", 1e-3, 32, 60, cosine_decay=True, window=20)
# At most 6,000 updates: 60 epochs of 100 batches. More take longer, and do not improve a model with
# a calendar.
_LONG = Recipe(
    "standardized_mse", "adamw", 1e-3, 32, 60, cosine_decay=True, window=12, window_share=1 / 16,
    most_steps=100,
)  # fmt: skip
# Even untrained, the model forecasts well, so few windows may mean few updates. An epoch has at
# most 79 batches, or 20,000 windows.
_PANEL = Recipe(
    "mae", "adamw", 1e-2, 256, 8, cosine_decay=True, least_updates=300, window=12, window_periods=6,
    most_steps=79,
)  # fmt: skip
# Solved, not trained: the recipe gives the windows, and the loss for ``evaluate``.
_SOLVED = Recipe(
    "mae", "adamw", 1e-3, 256, 1, window=12, window_share=1 / 16, window_periods=6,
)  # fmt: skip
# A single series of at least this many rows gets smooth_gru, a shorter one seasonal_gru.
_MANY_ROWS = 500
_HOUR, _DAY = 3_600, 86_400
# For a season of a year: the seconds between two rows, the rows in the season, and their name.
_OF_A_YEAR = ((7 * _DAY, 52, "week"), (30.4 * _DAY, 12, "month"), (91.3 * _DAY, 4, "quarter"))
# The median time between rows may differ from a length above by this share.
_UNEVEN = 0.05
# The most rows in a season of a day, since a window of two seasons takes long to read.
_MOST_ROWS = 150


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
    names = {"dataset", "core", "window", "outputs", "target"} & settings.keys()
    of_build = {name: settings.pop(name) for name in names}
    return RecurrentPreset(kind, **settings).build(**of_build)


class Choice(NamedTuple):
    """A preset, and the reason for it."""

    preset: RecurrentPreset
    reason: str

    def __str__(self) -> str:
        return self.reason


def choose_preset(
    series: Any,
    horizon: int,
    *,
    period: int | None = None,
    quantiles: Sequence[float] | None = None,
    **settings: Unpack[WindowSettings],
) -> Choice:
    """Choose a preset for your table, and say why.

    One series of 500 rows or more gets ``smooth_gru``. If it is to forecast several steps without a
    calendar, the reason also names the preset ``linear``, which was better on two of the five long
    series of "Benchmarks" 24 steps ahead, and on none one step ahead. A shorter series, or several,
    get ``seasonal_gru``, with the season that the frequency suggests: 24 rows for hours, 7 for
    days, 5 for weekdays, 52 for weeks, 12 for months, 4 for quarters; or with none, if the longest
    series has fewer rows than two such seasons and two horizons.

    Example:

    >>> import numpy as np
    >>> from keras_ts import choose_preset
    >>> panel = [np.arange(40.0), np.arange(70.0)]
    >>> choice = choose_preset(panel, horizon=6, period=12)
    >>> choice.preset.period, choice.preset.smoothing
    (12, 'mixed')
    >>> print(choice)
    seasonal_gru(period=12), since there are 2 series.

    Args:
        series: Anything that ``WindowedSeries.build`` takes.
        horizon: Number of steps to forecast.
        period: Rows in a season. Defaults to None: by the frequency of the table; without
            timestamps, no season.
        quantiles: The quantiles to forecast, as for ``RecurrentPreset``. Defaults to None: a point.
        **settings: Settings of ``WindowedSeries``, such as ``target_columns``, ``id_column``,
            ``time_column`` and ``calendar``, as for ``RecurrentPreset.windows_for``.

    Raises:
        TypeError: A setting is unknown or of the wrong type.
        ValueError: The series cannot be read, or none is longer than the horizon.
    """
    horizon = _checks.integer("horizon", horizon, 1)
    if period is not None:
        period = _checks.integer("period", period, 1)
    check_settings(settings)
    panel = read_table(series, settings)
    count, longest = len(panel.lengths), int(panel.lengths.max(initial=0))
    if longest <= horizon:
        raise ValueError(
            f"The longest series has {longest} rows, which leaves none to learn from before a "
            f"horizon of {horizon}."
        )
    if count == 1 and longest >= _MANY_ROWS:
        reason = f"smooth_gru, since there is one series, of {longest:,} rows."
        # Without Python code, since the command prints the reason, too.
        if not settings.get("calendar"):
            if horizon > 1:
                cycle = "" if panel.clock is not None else ", such as a cycle of 7 rows for days"
                reason += (
                    f" To forecast {horizon} steps, give it a calendar{cycle}: without one it may "
                    "lose to a linear regression (the preset linear) or a seasonal naive forecast."
                )
            if period is not None:
                reason += f" It uses no period: give it a calendar with a cycle of {period} rows."
        return Choice(from_preset("smooth_gru", quantiles=quantiles), reason)
    why = f"there are {count:,} series" if count > 1 else f"one series of {longest:,} rows is short"
    origin = ""
    if period is None:
        period, origin = season_by_frequency(panel, horizon)
    preset = from_preset("seasonal_gru", period=period, quantiles=quantiles)
    return Choice(preset, f"seasonal_gru(period={period}), since {why}{origin}.")


def suggested_period(series: Any, horizon: int, **settings: Any) -> int:
    """Return the rows in the season of a table's frequency; 1 for no season, or too few rows."""
    check_settings(settings)
    return season_by_frequency(read_table(series, settings), horizon)[0]


def season_by_frequency(panel: FlatSeries, horizon: int) -> tuple[int, str]:
    """Return the rows in the season, 1 for none or too few rows, and the clause that says why."""
    period, origin = _by_frequency(panel)
    longest = int(panel.lengths.max(initial=0))
    # Two seasons for a window, a horizon after it, and another horizon that may be held out.
    if period > 1 and longest < 2 * (period + horizon):
        return 1, f", and {longest} rows are too few for a season of {period}"
    return period, origin


def _by_frequency(panel: FlatSeries) -> tuple[int, str]:
    """Return the rows in the season that the timestamps suggest, and the clause that says why."""
    clock = panel.clock
    if clock is None:
        return 1, ", and without time_column= or period= no season is known"
    frequency = clock.frequency
    if frequency is None or clock.times.dtype.kind != "M":
        return 1, ", and the timestamps have no frequency that suggests a season"
    rule = RULES.get(str(frequency.rule))
    if rule is not None and rule.season is not None:
        period, origin = rule.season
        return period // gcd(period, frequency.step), origin
    inner = np.delete(np.diff(clock.times), clock.offsets[1:-1] - 1)
    # As numbers: the median of time spans takes many times longer.
    median = np.array(int(np.median(inner.astype(np.int64)))).astype(inner.dtype)
    seconds = float(median / np.timedelta64(1, "s"))
    if _DAY / _MOST_ROWS <= seconds <= _HOUR and _DAY % seconds == 0:
        return round(_DAY / seconds), ", with a season of a day"
    if seconds == _DAY:
        return 7, ", of days"
    for length, rows, name in _OF_A_YEAR:
        if abs(seconds / length - 1) <= _UNEVEN:
            return rows, f", of {name}s"
    return 1, f", and the frequency, {frequency}, suggests no season"
