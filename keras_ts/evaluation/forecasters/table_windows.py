"""Assigns each forecast of a table to a window, by series and origin, and to a step.

The origin comes from a column of origins or of steps. Without both, a table must hold the forecasts
of a single origin for each series.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.forecasters.table import SAMPLE, Fields, ForecastTable, Times
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.panel.labels import Rows, places_of


class OnWindows(NamedTuple):
    """A table's forecasts by window and step, NaN where it has none."""

    forecasts: Array  # (windows, steps, targets[, levels or samples])
    levels: tuple[float, ...] | None
    last_step: int  # the last step forecast, from 1; may lie beyond the horizon of the windows


def on_windows(name: str, table: Any, judged: JudgedWindows) -> OnWindows:
    """Return a table's forecasts for windows."""
    read, spec, panel = ForecastTable(name, table), judged.dataset.windows, judged.panel
    targets = [str(target) for target in panel.columns.by_part()["target"]]
    names = [column for column in read.columns if column != SAMPLE]
    fields = Fields.of(name, names, targets, spec.id_columns, spec.time_column)
    values = read.forecasts(fields)
    rows = np.arange(len(values))[:, None]
    if SAMPLE in read.columns:
        rows = read.paths(fields)
        read, values = read.of_rows(rows[:, 0]), np.moveaxis(values[rows], 1, -1)
    series = _series(read, fields, judged)
    if fields.time is None:
        raise ValueError(
            f"{name} must say which rows it forecasts, in a column {spec.time_column or 'target'!r}"
            f". It has {_checks.shown(read.columns)}."
        )
    finite = np.isfinite(values).any(axis=tuple(range(1, values.ndim)))
    clock, gap, horizon = panel.clock, judged.geometry.gap, judged.geometry.horizon
    numbers = np.repeat(np.arange(len(panel.lengths)), panel.lengths)
    times = np.arange(len(numbers)) - panel.offsets[numbers] if clock is None else clock.times
    panel_times = Times("the series", times, clock is not None and clock.zone is not None)
    panel_rows = Rows(numbers, times)

    def flat(column: str) -> IntArray:
        """Return the flat position of each row's time in its series, -1 if it is not there."""
        given = read.times(column)
        panel_times.check_alike(given)
        return panel_rows.locate(series, given.values)

    target = flat(fields.time)
    present: BoolArray = target >= 0
    steps = None if fields.step is None else read.steps(fields.step)
    if fields.origin is not None:
        origin, before = flat(fields.origin), np.zeros(len(series), bool)
        if steps is not None:
            # No row of its series is at such an origin, so steps are counted back from the target.
            first = times[panel.offsets[np.maximum(series, 0)]]
            before = read.times(fields.origin).values < first
            origin = np.where(before, target - gap - steps, origin)
        present = present & (before | (origin >= 0))
        known = read.times(fields.time).values <= read.times(fields.origin).values
        _refuse_known(name, rows[known & finite])
    elif steps is not None:
        origin = target - gap - steps
    elif horizon == 1:
        origin = target - gap - 1
    else:
        origin = _one_run(name, judged, series, target, present) - gap - 1
    windows = Rows(judged.ranges.series_of(np.arange(judged.count)), judged.origins())
    window = windows.locate(np.where(present, series, -1), origin)
    step = target - origin - gap - 1
    usable = (window >= 0) & (step >= 0) & (step < horizon)
    if fields.origin is not None and steps is not None:
        _refuse_other_steps(name, steps, step + 1, usable)
    if not usable.any():
        ids = ""
        if (series < 0).all() and fields.ids:
            first = read.series(fields.ids)[0][0]
            ids = (
                f" It has ids such as {_checks.shown(first)}, and the series "
                f"such as {_checks.shown(judged.labels[0])}."
            )
        raise ValueError(
            f"{name} forecasts none of the targets that are judged: no row has the series, the "
            f"origin and the time of one.{ids} Judge it on the rows that it forecasts."
        )
    last_step = int(step[(window >= 0) & finite].max(initial=-1)) + 1
    window, step = window[usable], step[usable]
    cells = np.bincount(window * horizon + step)
    if cells.max() > 1:
        raise ValueError(
            f"{name} has {int(cells.max())} forecasts of one series, origin and step. Keep one."
        )
    forecasts = np.full((judged.count, horizon, *values.shape[1:]), np.nan)
    forecasts[window, step] = values[usable]
    points = forecasts[..., 0] if SAMPLE in read.columns else points_of(forecasts, fields.levels)
    _refuse_actual(name, points, judged.targets())
    return OnWindows(forecasts, fields.levels, last_step)


def _refuse_known(name: str, rows: IntArray) -> None:
    """Refuse forecasts at or before their origin, by their rows ``(forecasts, samples)``."""
    if rows.size:
        raise ValueError(
            f"{name} has forecasts at or before their origin in {rows.size} rows, the first of "
            f"them row {rows.min()}. The origin is the last row that was known; is it the first "
            "forecast day here? Subtract one step. Leave out fitted values of rows that were known."
        )


def _refuse_other_steps(name: str, steps: IntArray, found: IntArray, usable: BoolArray) -> None:
    """Refuse a column of steps that disagrees with the columns of origins and targets."""
    wrong = np.flatnonzero(usable & (steps != found))
    if len(wrong):
        raise ValueError(
            f"{name} contradicts itself in {len(wrong)} rows: row {wrong[0]} says step "
            f"{steps[wrong[0]]}, and its time belongs to step {found[wrong[0]]} after its origin. "
            "The origin is the last row known, and 'step' counts rows from 1, the first forecast. "
            "Correct the one that is wrong, or drop that column."
        )


def _refuse_actual(name: str, forecasts: Array, actual: Array) -> None:
    """Refuse forecasts that equal the actual values: they come from a wrong column."""
    both = np.isfinite(forecasts) & np.isfinite(actual)
    values = actual[both]
    if len(values) > 1 and (forecasts[both] == values).all() and (values != values[0]).any():
        raise ValueError(
            f"The forecasts of {name} are the actual values, without any error. Pass the column of "
            "the forecasts, not that of the actual values."
        )


def _series(read: ForecastTable, fields: Fields, judged: JudgedWindows) -> IntArray:
    """Return the number of the series of each row, -1 for a series that is not judged."""
    if not fields.ids:
        if len(judged.labels) > 1:
            raise ValueError(
                f"{read.name} must say which of {len(judged.labels)} series it forecasts, in a "
                f"column {judged.dataset.windows.id_column or 'series'!r}. It has "
                f"{_checks.shown(read.columns)}."
            )
        return np.zeros(len(read.numbers(fields.values[0][0])), np.int64)
    ids, codes = read.series(fields.ids)
    if len(judged.labels) == 1 and judged.panel.labels is None:
        return np.zeros(len(codes), np.int64)
    return places_of(ids, judged.labels)[codes]


def _one_run(
    name: str, judged: JudgedWindows, series: IntArray, target: IntArray, present: BoolArray
) -> IntArray:
    """Return the first target of each row's series; refuse forecasts of several origins."""
    none = np.iinfo(np.int64).max
    first = np.full(len(judged.labels), none)
    np.minimum.at(first, series[present], target[present])
    begin: IntArray = np.where(series >= 0, first[series], none)
    steps = (target - begin)[present]
    twice = len(np.unique(target[present])) < len(steps)
    if twice or (steps >= judged.geometry.horizon).any():
        found = f"more steps than horizon={judged.geometry.horizon}"
        raise ValueError(
            f"{name} has {'several rows for one series and time' if twice else found}, and no "
            "column that says the origin: add a column 'origin' (the time of the last row known) "
            f"or 'step' (1 for the first forecast){', or drop_duplicates() them' * twice}."
        )
    return begin
