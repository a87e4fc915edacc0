"""Chooses the windows on which a preset is trained, by its recipe and the rows of a table."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts.layers.normalize_window import check_whole_periods
from keras_ts.panel.cycles import WEEKS, days_off
from keras_ts.panel.flat_series import FlatSeries, lacking_rows
from keras_ts.panel.frequency import RULES
from keras_ts.panel.panel import Panel
from keras_ts.panel.settings import HANDLING, OF_THE_TABLE
from keras_ts.presets.season import season_beyond
from keras_ts.presets.settings import PresetSettings
from keras_ts.windows.dataset import WindowDataset, of_source
from keras_ts.windows.gather import ShortPasts
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import Part
from keras_ts.windows.windowed_series import WindowedSeries

# A level and a trend need so many inputs; a season needs so many periods, and one row.
_FEWEST_INPUTS, _FEWEST_PERIODS = 4, 2
# A window for a long season is longer than the season by this part, so that two seasons overlap.
_PART_BEYOND = 1 / 8
# The days off of four weeks; if there are fewer, values may be missing on them by chance.
_FEWEST_DAYS_OFF = 8


def check_settings(names: Iterable[str]) -> None:
    """Refuse a name that ``windows_for`` does not take."""
    known = [
        "at",
        *(each.name for each in _checks.in_order(WindowedSeries) if each.name != "targets"),
    ]
    if unknown := [name for name in names if name not in known]:
        raise TypeError(
            f"windows_for takes {', '.join(known)}; every other column is past. Received: "
            f"{', '.join(map(_checks.shown, unknown))}."
        )


def read_once(series: Any, settings: Mapping[str, Any]) -> Panel:
    """Return a panel, which reads a table once for all callers; the settings name its columns."""
    check_settings(settings)
    return Panel.of(series, _of_table(settings))


def _of_table(settings: Mapping[str, Any]) -> WindowSpec:
    of_the_table = {name: settings[name] for name in OF_THE_TABLE if name in settings}
    return WindowSpec(1, missing="mask_targets", **of_the_table)


def read_table(series: Any, settings: Mapping[str, Any]) -> FlatSeries:
    """Read a table by the settings of ``WindowedSeries`` that name its columns."""
    handling = HANDLING.get(str(settings.get("missing")), HANDLING["raise"])
    return Panel.of(series, _of_table(settings)).read(_of_table(settings), not handling.drops)


def training_windows(
    preset: PresetSettings,
    series: Any,
    horizon: int,
    part_of: Callable[[FlatSeries], Part] | None,
    settings: Mapping[str, Any],
) -> WindowedSeries:
    """Return windows by the rules in the docstring of ``RecurrentPreset.windows_for``."""
    if "targets" in settings:
        raise TypeError(
            f"windows_for takes no targets: the preset's kind={preset.kind!r} says which they are."
        )
    check_settings(settings)
    if isinstance(series, Panel):
        settings = series.settings | {k: v for k, v in settings.items() if v is not None}
    panel = read_table(series, settings)
    part = Part(panel.offsets[:-1], panel.offsets[1:]) if part_of is None else part_of(panel)
    rows = part.end - part.begin
    several, period = len(rows) > 1, preset.period or 1
    chosen: dict[str, Any] = {
        "horizon": _checks.integer("horizon", horizon, 1),
        "targets": preset.kind.removeprefix("sequence_to_"),
        "missing": _missing(panel),
        "shuffle": True,
    }
    if panel.categories and not settings.get("categories"):
        chosen["unseen"] = "mean"  # Categories given by hand may occur in no row.
    if preset.recipe is not None:
        chosen["batch_size"] = preset.recipe.batch_size
    if several:
        chosen |= {"weighting": period if period > 1 else "inverse_scale", "remainder": "pad"}
    chosen |= settings
    if "missing" not in settings and not panel.columns.planned:
        _warn_empty_days_off(panel, settings.get("time_column"))
    frequency = None if panel.clock is None else panel.clock.frequency
    rule = None if frequency is None else RULES.get(str(frequency.rule))
    if period == 7 and rule is not None and rule.week and str(frequency).startswith("1 "):
        warnings.warn(
            f"period=7 counts rows, and a week of {rule.week}, the steps of time_column="
            f"{settings.get('time_column')!r}, has {WEEKS[rule.week].count('1')}. Pass that "
            "number for a season of a week.",
            stacklevel=3,
        )
    ahead = _checks.integer("gap", chosen.get("gap", 0), 0) + chosen["horizon"]
    longest = int(rows.max(initial=0))
    rate = _checks.integer("sampling_rate", chosen.get("sampling_rate", 1), 1)
    if chosen.get("window") is None:
        chosen["window"] = _window(preset, longest, ahead, rate)
        if len(rows) == 1 and rate == 1 and preset.recipe and preset.recipe.window_share:
            values = panel.values[int(part.begin[0]) : int(part.end[0])].reshape(longest, -1)
            target = values[:, panel.columns.targets[0]]
            if season := season_beyond(target, chosen["window"], ahead):
                chosen["window"] = season + int(season * _PART_BEYOND)
    if preset.window_norm and preset.period:
        length = _checks.integer("window", chosen["window"], 1)
        check_whole_periods(f"window_norm={preset.window_norm!r}", preset.period, length)
    handling = HANDLING.get(chosen["missing"])
    if several and handling is not None and handling.masked:
        # From one origin a net learns neither a season nor a price, so the series of median length
        # gets a period of origins, at most half of its rows before the horizon.
        before = rows[rows > ahead] - ahead
        median = int(np.median(before)) if len(before) else 0
        beside_origins = (median - min(period, median // 2)) // rate + 1
        fewest = min(_inputs_in(_FEWEST_PERIODS * period + 1, rate), beside_origins)
        fewest = min(max(fewest, _FEWEST_INPUTS), _inputs_in(int(panel.lengths.min()), rate))
        longest_past = _inputs_in(longest - ahead, rate)
        most = min(_checks.integer("window", chosen["window"], 1), longest_past)
        chosen.setdefault("min_inputs", max(min(fewest, most), 1))
    return WindowedSeries(**chosen)


def _inputs_in(rows: int, rate: int) -> int:
    """Return the number of inputs, ``rate`` rows apart, that this number of rows holds."""
    return (rows - 1) // rate + 1


def with_short_pasts(dataset: WindowDataset, share: float) -> WindowDataset:
    """Return a dataset in which a share of the windows lack their oldest inputs."""
    source = dataset._source
    geometry, fewest = source.spec.geometry, source.spec.min_inputs
    # Only if windows may begin before a series. A net for sequences sees every length anyway.
    if fewest is None or not geometry.before or geometry.sequence:
        return dataset
    short = ShortPasts(share, fewest, geometry.window, source.sampler.total)
    return of_source(dataset, replace(source, kept=short))


def _missing(panel: FlatSeries) -> str:
    """Return "raise" for one series without a missing value or a plan, else "mask_targets"."""
    # Windows of several series may begin before their series, with missing inputs. A plan of
    # columns known ahead may leave out days, even if the table has all.
    holes = not panel.checked and any(rows.any() for _, rows in lacking_rows(panel))
    several, planned = len(panel.lengths) > 1, bool(panel.columns.planned)
    return "mask_targets" if holes or several or planned else "raise"


def _warn_empty_days_off(panel: FlatSeries, time_column: Any) -> None:
    """Warn if daily rows never have a target on the days off: these days are forecast, too."""
    # The rows of a store stay on its disk: they are not read for a warning.
    clock = panel.clock
    if clock is None or panel.checked or panel.on_disk:
        return
    if str(clock.frequency) != "1 day":
        return
    given = slice(None) if panel.given is None else panel.given
    days = clock.shown[given].astype("datetime64[D]")
    targets = panel.values.reshape(len(panel.values), -1)[given][:, list(panel.columns.targets)]
    empty = np.logical_and.reduce(~np.isfinite(targets), axis=1)
    for week, mask in WEEKS.items():
        off = ~np.is_busday(days, mask)
        few = len(np.unique(days[off])) < _FEWEST_DAYS_OFF
        if few or not empty[off].all() or 2 * empty[~off].sum() >= len(empty[~off]):
            continue
        warnings.warn(
            f"time_column={time_column!r} has {off.sum():,} rows on a {days_off(week)}, and "
            "none has a value of a target. So the step is a day, and these days are forecast, too. "
            "If they have no values by rule, drop these rows: then the step is a "
            f"{week.removesuffix('s')}, and a week has {mask.count('1')}. To forecast them, "
            'pass missing="mask_targets".',
            stacklevel=4,
        )


def _window(preset: PresetSettings, longest: int, ahead: int, rate: int) -> int:
    """Return the steps of a window, by the recipe; ``longest``, ``ahead`` and ``rate`` are rows."""
    if preset.recipe is None or preset.recipe.window is None:
        raise ValueError(
            "The preset has no recipe that says how long a window is. Pass window=, the steps in a "
            "window."
        )
    if longest <= ahead:
        raise ValueError(
            f"The longest series has {longest} rows to train on, no more than the {ahead} from the "
            "end of a window to its last target. Shorten the horizon, or move the border at."
        )
    return preset.recipe.window_for(
        ahead + -(-(longest - ahead) // rate), ahead, preset.period or 1
    )
