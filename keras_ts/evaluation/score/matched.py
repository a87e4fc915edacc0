"""Matches forecasts with the rows that came since, for ``score`` and ``follow``."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.forecasters.table import Fields, ForecastTable
from keras_ts.panel.clock import Clock, Zone, as_written
from keras_ts.panel.columns import PLAIN
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.labels import Rows, distinct_rows, places_of
from keras_ts.panel.panel import Panel, table_of
from keras_ts.panel.rows import concatenated_offsets
from keras_ts.windows.carried import Carried
from keras_ts.windows.spec import WindowSpec


class Keys:
    """The series and the time of each row of a table."""

    def __init__(self, table: ForecastTable, ids: Sequence[str], time_column: str) -> None:
        self._table, self._times = table, table.times(time_column)
        self._ids = tuple(ids)
        self.labels, self.series = [0], np.zeros(len(self._times.values), np.int64)
        if ids:
            self.labels, self.series = table.series(ids)

    def places_in(self, other: "Keys") -> IntArray:
        """Return, for each row, the row of another table with the same id and time, or -1."""
        if not len(other.series):
            return np.full(len(self.series), -1)
        other._times.check_alike(self._times)
        rows = Rows(other.series, other._times.values)
        other._check_distinct(rows)
        series = places_of(self.labels, other.labels)[self.series]
        return rows.locate(series, self._times.values)

    def later_than(
        self, other: "Keys", counted: BoolArray | None = None
    ) -> tuple[BoolArray, BoolArray]:
        """Return which rows are of a series in ``other``, and which come after its last row."""
        # Rows of the other table that are not ``counted`` are ignored.
        numbers, times = other.series, other._times.values
        if counted is not None:
            numbers, times = numbers[counted], times[counted]
        series = places_of(self.labels, other.labels)[self.series]
        known = (series >= 0) & np.isin(series, numbers)
        if not known.any():
            return known, known
        order = np.argsort(times)
        last = np.full(len(other.labels), times[order[0]])
        last[numbers[order]] = times[order]
        return known, known & (self._times.values > last[series])

    def refuse_twice(self, origins: IntArray) -> None:
        """Refuse two rows with one id, time and origin."""
        series_and_origin = self.series * (origins.max() + 1) + origins
        self._check_distinct(Rows(series_and_origin, self._times.values))

    def _check_distinct(self, rows: Rows) -> None:
        if rows.twice is None:
            return
        first, second = rows.twice
        if not self._ids:
            cure = (
                "If it holds several series, forecasts and actual must have the same column of "
                "ids; else keep one row for each time."
            )
        elif {"step", "origin"} & set(self._table.columns):
            cure = "Keep one of them."
        else:
            cure = (
                "Keep one row for each id and time; several origins need a column 'step' or "
                "'origin'."
            )
        raise ValueError(
            f"{self._table.name} has two rows for {self.example(first)}: rows {first} and "
            f"{second}, counted from 0. {cure}"
        )

    def example(self, row: int = 0) -> str:
        """Return the id and the time of a row in words."""
        time = as_written(self._times.values[row])
        return time if not self._ids else f"{self.labels[self.series[row]]!r} at {time}"

    @property
    def zone(self) -> str | None:
        """The name of the times' zone, or None."""
        return None if self._times.zone is None else str(self._times.zone.info)

    @property
    def time_order(self) -> IntArray:
        """Each row's place in time order; rows of one time share it."""
        return np.unique(self._times.values, return_inverse=True)[1]

    def time(self, row: int) -> str:
        """Return the time of a row as people write it, in the times' zone."""
        times, zone = self._times.values[row : row + 1], self._times.zone
        return as_written((times if zone is None else zone.shown(times))[0])

    def origins(self, fields: Fields, other: "Keys", frequency: str | None = None) -> IntArray:
        """Return the number of each row's origin, from 0 on, in time order, alike in all series."""
        # Steps are counted in ``frequency``; if None, in the frequency of both tables' times.
        if fields.origin is not None:
            return np.unique(self._table.times(fields.origin).values, return_inverse=True)[1]
        if fields.step is None:
            return np.zeros(len(self.series), np.int64)
        steps = self._table.steps(fields.step)
        return np.unique(self.moments(other, frequency)[0] - steps, return_inverse=True)[1]

    def overlap(self, origins: IntArray) -> int:
        """Return the largest number of consecutive origins whose targets overlap."""
        times, count = self.time_order, int(origins.max()) + 1
        first, last = np.full(count, times.max()), np.zeros(count, np.int64)
        np.minimum.at(first, origins, times)
        np.maximum.at(last, origins, times)
        # The first target of each origin and all later ones: it never decreases.
        first = np.minimum.accumulate(first[::-1])[::-1]
        return int((np.searchsorted(first, last, side="right") - np.arange(count)).max())

    def moments(
        self, other: "Keys", frequency: str | None, by: str | None = None
    ) -> tuple[IntArray, bool]:
        """Return each row's time as a number of steps, and True if times are regular."""
        # A day begins at midnight of the time zone ``by``; if None, of a zone of the tables.
        values = self._times.values
        distinct = np.unique(np.concatenate([values, other._times.values]))
        zone = other._times.zone or self._times.zone
        if zone is not None and by not in (None, str(zone.info)):
            zone = replace(zone, info=str(by))
        clock = _clock(distinct, np.array([0, len(distinct)]), zone, frequency)
        places = np.searchsorted(distinct, values)
        if clock.frequency is None:  # Irregular: each distinct time is a step.
            return places, False
        return np.rint(clock.numbers).astype(np.int64)[places], True

    def steps(
        self, fields: Fields, origins: IntArray, other: "Keys",
        frequency: str | None = None, gap: int = 0,
    ) -> IntArray:  # fmt: skip
        """Return the step of each row, from the table's column or counted from the origin."""
        if fields.step is not None:
            return self._table.steps(fields.step)
        given = None if fields.origin is None else self._table.times(fields.origin)
        if given is not None and given.kind == self._times.kind:
            since = self._since(given.values, other, frequency) - gap
            # Otherwise the column numbers runs, or holds the first day of each forecast.
            if ((since >= 1) & (since == np.rint(since))).all():
                return since.astype(np.int64)
        # Without such an origin, the rows of a series and origin are steps 1, 2, ...
        order = np.lexsort((self._times.values, origins, self.series))
        runs = np.stack([self.series[order], origins[order]])
        begins = np.r_[True, (np.diff(runs) != 0).any(axis=0)]
        first = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
        steps = np.empty(len(order), np.int64)
        steps[order] = np.arange(len(order)) - first + 1
        return steps

    def _since(self, origins: Array, other: "Keys", frequency: str | None) -> Array:
        """Return the steps from each row's origin to the row, NaN without a frequency."""
        theirs = places_of(other.labels, self.labels)[other.series]
        series = np.concatenate([self.series, self.series, theirs[theirs >= 0]])
        times = np.concatenate([self._times.values, origins, other._times.values[theirs >= 0]])
        first, numbers = distinct_rows([series, times])
        order = np.lexsort((times[first], series[first]))
        offsets = concatenated_offsets(np.bincount(series[first], minlength=len(self.labels)))
        zone = other._times.zone or self._times.zone
        clock = _clock(times[first][order], offsets, zone, frequency)
        moments = np.full(len(order), np.nan)
        if clock.frequency is not None:
            moments[order] = clock.numbers
        targets, begins = np.split(moments[numbers[: 2 * len(origins)]], 2)
        return targets - begins

    def panel(self, values: Array) -> FlatSeries:
        """Return the rows as series in time order, with values ``(rows, targets)``."""
        order = np.lexsort((self._times.values, self.series))
        offsets = concatenated_offsets(np.bincount(self.series, minlength=len(self.labels)))
        return FlatSeries(
            values[order],
            offsets,
            single=not self._ids,
            columns=replace(PLAIN, targets=tuple(range(values.shape[1]))),
            clock=_clock(self._times.values[order], offsets, self._times.zone),
            labels=tuple(self.labels) if self._ids else None,
        )


def _clock(
    times: Array, offsets: IntArray, zone: Zone | None, expected: str | None = None
) -> Clock:
    local = None if zone is None else zone.shown(times)
    return Clock(times, offsets, local, expected=expected)


class Names(NamedTuple):
    """The columns of ``actual``: ids and times, by which forecasts are matched, and targets."""

    ids: tuple[str, ...]
    time: str
    targets: tuple[str, ...]

    @classmethod
    def of(cls, ahead: ForecastTable, came: ForecastTable, windows: WindowSpec | None) -> "Names":
        """Return the names in the windows, or else those that the tables suggest."""
        shared = [name for name in ahead.columns if name in came.columns and name != "step"]
        if windows is not None and windows.time_column is not None:
            chosen = windows.target_columns
            targets = chosen if isinstance(chosen, tuple) else (chosen,)
            if chosen is None:
                targets = tuple(name for name in shared if name not in windows.keys)
            return cls(windows.id_columns, windows.time_column, tuple(map(str, targets)))
        if "step" in ahead.columns:
            # A table of ``forecast``: keys, the step, and then the targets.
            place = ahead.columns.index("step")
            keys = [name for name in ahead.columns[:place] if name in shared]
            targets = tuple(name for name in ahead.columns[place:] if name in shared)
        else:
            keys = [name for name in shared if not came.is_numeric(name)]
            targets = tuple(name for name in shared if came.is_numeric(name))
            rest = [name for name in came.columns if name not in shared and came.is_numeric(name)]
            if not targets and len(rest) == 1:  # Forecasts are named after a model.
                targets = (rest[0],)
        dated = [name for name in keys if came.is_dated(name) or ahead.is_dated(name)]
        times = dated or [name for name in keys[-1:] if came.is_numeric(name)]
        ids = [name for name in keys if name not in times]
        if len(times) != 1 or (len(ids) > 1 and "step" not in ahead.columns) or not targets:
            raise ValueError(
                "It is not clear by which columns forecasts and rows are matched: forecasts has "
                f"{_checks.shown(ahead.columns)}, and actual {_checks.shown(came.columns)}. Name "
                "the columns of ids, times and targets the same in both tables"
                + (", or pass the model's file as filepath=." if windows is None else ".")
            )
        return cls(tuple(ids), times[0], targets)


class Matched(NamedTuple):
    """The rows of a table of forecasts, with the actual values that came."""

    names: Names
    fields: Fields
    keys: Keys  # of the forecasts
    rows: Keys  # of ``actual``, the table of rows that came
    counted: BoolArray  # which targets in ``actual`` are finite, ``(rows of actual, targets)``
    come: BoolArray  # True for a forecast whose row is in ``actual``
    values: Array  # the actual value of each forecast, ``(forecasts, targets)``; NaN if none
    forecasts: Array  # ``(forecasts, targets[, quantiles])``
    origins: IntArray  # the number of each forecast's origin, from 0 on
    steps: IntArray

    @classmethod
    def of(cls, forecasts: Any, actual: Any, carried: Carried | None) -> "Matched":
        """Match two tables by the columns that a model's windows name, or else by their own."""
        ahead = ForecastTable("forecasts", forecasts)
        came = ForecastTable("actual", table_of(actual))
        windows: WindowSpec | None = None if carried is None else carried.windows
        if windows is None and isinstance(actual, Panel):
            windows = WindowSpec(1, **actual.settings)
        names = Names.of(ahead, came, windows)
        if carried is not None and carried.columns is not None:  # In the order of the model.
            ordered = map(str, carried.columns.by_part()["target"])
            shared = tuple(name for name in ordered if name in names.targets)
            names = names._replace(targets=shared or names.targets)
        fields = Fields.of("forecasts", ahead.columns, names.targets, names.ids, names.time)
        keys = Keys(ahead, fields.ids, fields.time or names.time)
        if not len(keys.series):
            raise ValueError("forecasts is a table without a row: there is nothing to score.")
        rows = Keys(came, names.ids, names.time)
        places = keys.places_in(rows)
        come = places >= 0
        if not come.any() and len(rows.series):
            known, later = keys.later_than(rows)
            if not (known.any() and later[known].all()):
                raise ValueError(
                    "actual holds none of the rows that were forecast: no row has the id and the "
                    f"time of a forecast. The first forecast is of {keys.example()}, and the first "
                    f"row of actual of {rows.example()}. Pass the rows that came since, with the "
                    "same ids and times."
                )
        targets = came.matrix(names.targets)
        counted = np.isfinite(targets)
        values = np.full((len(come), len(names.targets)), np.nan)
        values[come] = targets[places[come]]
        frequency, gap = (None, 0) if carried is None else (carried.frequency, carried.windows.gap)
        origins = keys.origins(fields, rows, frequency)
        keys.refuse_twice(origins)
        steps = keys.steps(fields, origins, rows, frequency, gap)
        made = ahead.forecasts(fields)
        return cls(names, fields, keys, rows, counted, come, values, made, origins, steps)
