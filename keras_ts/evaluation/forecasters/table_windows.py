"""Puts the forecasts of a table on windows.

A forecast belongs to the window of its series and origin, and to the step that leads from there to
its target. A table says the origin, or the step, or has one run of forecasts for each series.
"""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.forecasters.table import Fields, ForecastTable, Times
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.windows.arithmetic.labels import Rows, places_of


def on_windows(
    name: str, table: Any, judged: JudgedWindows
) -> tuple[Array, tuple[float, ...] | None]:
    """Return a table's forecasts for windows, NaN where it has none, and its levels or None.

    They are ``(windows, steps, targets[, levels])``.
    """
    read, spec, panel = ForecastTable(name, table), judged.dataset.windows, judged.panel
    targets = [str(own) for own in panel.columns.by_part()["target"]]
    fields = Fields.of(name, read.columns, targets, spec.id_column, spec.time_column)
    series = _series(read, fields, judged)
    if fields.time is None:
        raise ValueError(
            f"{name} must say which rows it forecasts, in a column {spec.time_column or 'target'!r}"
            f". It has {_checks.shown(read.columns)}."
        )
    rows = _Rows(judged)
    target = rows.flat(series, read.times(fields.time))
    window, step = _windows_and_steps(read, fields, judged, rows, series, target)
    values = read.forecasts(fields)
    if not np.isfinite(values).any():
        raise ValueError(f"{name} has no forecast that is a number.")
    usable = (window >= 0) & (step >= 0) & (step < judged.geometry.horizon)
    if fields.origin is not None and fields.step is not None:
        _refuse_other_steps(name, read.steps(fields.step), step + 1, usable)
    if not usable.any():
        ids = ""
        if (series < 0).all() and fields.id is not None:
            ids = (
                f" It has ids such as {_checks.shown(read.ids(fields.id)[0][0])}, and the series "
                f"such as {_checks.shown(judged.labels[0])}."
            )
        raise ValueError(
            f"{name} forecasts none of the targets that are judged: no row has the series, the "
            f"origin and the time of one.{ids} Judge it on the rows that it forecasts."
        )
    window, step = window[usable], step[usable]
    cells = np.bincount(window * judged.geometry.horizon + step)
    if cells.max() > 1:
        raise ValueError(
            f"{name} has {int(cells.max())} forecasts of one series, origin and step. Keep one."
        )
    forecasts = np.full((judged.count, judged.geometry.horizon, *values.shape[1:]), np.nan)
    forecasts[window, step] = values[usable]
    _refuse_actual(name, points_of(forecasts, fields.levels), judged.targets())
    return forecasts, fields.levels


def _refuse_other_steps(name: str, said: IntArray, found: IntArray, usable: BoolArray) -> None:
    """Refuse steps that are not those from origin to target, one of which is then another's."""
    wrong = np.flatnonzero(usable & (said != found))
    if len(wrong):
        raise ValueError(
            f"{name} contradicts itself in {len(wrong)} rows: row {wrong[0]} says step "
            f"{said[wrong[0]]}, and its time is that of step {found[wrong[0]]} after its origin. "
            "The origin is the last row known, and 'step' counts rows from 1, the first forecast. "
            "Correct the one that is wrong, or drop that column."
        )


def _refuse_actual(name: str, forecasts: Array, actual: Array) -> None:
    """Refuse a table whose forecasts are the actual values, of whatever column they were read."""
    both = np.isfinite(forecasts) & np.isfinite(actual)
    values = actual[both]
    if len(values) > 1 and (forecasts[both] == values).all() and (values != values[0]).any():
        raise ValueError(
            f"The forecasts of {name} are the actual values, without any error. Pass the column of "
            "the forecasts, not that of the values that came."
        )


class _Rows:
    """The rows of a panel by series and time, or by their positions in the series."""

    def __init__(self, judged: JudgedWindows) -> None:
        panel, clock = judged.panel, judged.panel.clock
        series = np.repeat(np.arange(len(panel.lengths)), panel.lengths)
        times = np.arange(len(series)) - panel.offsets[series] if clock is None else clock.times
        self._times = Times("the series", times, clock is not None and bool(clock.zones))
        self._rows = Rows(series, times)

    def flat(self, series: IntArray, times: Times) -> IntArray:
        """Return the flat position of each time in its series, -1 if it has no such row."""
        self._times.check_alike(times)
        return self._rows.locate(series, times.values)


def _series(read: ForecastTable, fields: Fields, judged: JudgedWindows) -> IntArray:
    """Return the number of the series of each row, -1 for a series that is not judged."""
    if fields.id is None:
        if len(judged.labels) > 1:
            raise ValueError(
                f"{read.name} must say which of {len(judged.labels)} series it forecasts, in a "
                f"column {judged.dataset.windows.id_column or 'series'!r}. It has "
                f"{_checks.shown(read.columns)}."
            )
        return np.zeros(len(read.numbers(fields.values[0][0])), np.int64)
    ids, codes = read.ids(fields.id)
    if len(judged.labels) == 1 and judged.panel.labels is None:
        return np.zeros(len(codes), np.int64)
    return places_of(ids, judged.labels)[codes]


def _windows_and_steps(
    read: ForecastTable,
    fields: Fields,
    judged: JudgedWindows,
    rows: _Rows,
    series: IntArray,
    target: IntArray,
) -> tuple[IntArray, IntArray]:
    """Return the window of each row, -1 if it is not judged, and its step from 0."""
    gap = judged.geometry.gap
    present: BoolArray = target >= 0
    if fields.origin is not None:
        origin = rows.flat(series, read.times(fields.origin))
        present = present & (origin >= 0)
    elif fields.step is not None:
        origin = target - gap - read.steps(fields.step)
    elif judged.geometry.horizon == 1:
        origin = target - gap - 1
    else:
        origin = _one_run(read, judged, series, target, present) - gap - 1
    windows = Rows(judged.ranges.series_of(np.arange(judged.count)), judged.origins())
    window = windows.locate(np.where(present, series, -1), origin)
    return window, target - origin - gap - 1


def _one_run(
    read: ForecastTable,
    judged: JudgedWindows,
    series: IntArray,
    target: IntArray,
    present: BoolArray,
) -> IntArray:
    """Return the first target of each row's series, for a table without origins and steps."""
    none = np.iinfo(np.int64).max
    first = np.full(len(judged.labels), none)
    np.minimum.at(first, series[present], target[present])
    begin: IntArray = np.where(series >= 0, first[series], none)
    steps = (target - begin)[present]
    if len(np.unique(target[present])) < len(steps) or (steps >= judged.geometry.horizon).any():
        raise ValueError(
            f"{read.name} has forecasts from several origins, or more steps than horizon="
            f"{judged.geometry.horizon}, and no column that says the origin: add a column "
            "'origin' (the time of the last row known) or 'step' (1 for the first forecast)."
        )
    return begin
