"""Reads a table of forecasts, and assigns each to a window and a step.

``forecast`` returns such a table, and so do ``WindowDataset.align`` and other libraries. Their
columns have different names, which ``Fields`` finds. A forecast belongs to the window of its series
and origin, and to the step from the origin to its target. A table has a column of origins or of
steps, or the forecasts of a single origin for each series.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import bound_of, level_columns, points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.judged import JudgedWindows, NoVerdictError
from keras_ts.windows.arithmetic.labels import Rows, distinct_rows, places_of
from keras_ts.windows.reading.clock import Zone
from keras_ts.windows.reading.frames import numbered, numbered_ids, open_frame
from keras_ts.windows.reading.timestamps import read_clock

# The usual names of columns: first those of keras_ts, then those of other libraries.
_IDS, _TIMES = ("series", "unique_id"), ("target", "ds")
_ORIGINS, _STEP = ("origin", "cutoff"), "step"
_ACTUAL = ("actual", "y")
_FOLD, _SAMPLE = "fold", "sample"


class Fields(NamedTuple):
    """The names of a table's columns by what they hold; None for a column that is not there."""

    id: str | None
    time: str | None
    origin: str | None
    step: str | None
    values: tuple[tuple[str, ...], ...]  # for each target its columns, one for each level
    levels: tuple[float, ...] | None  # None for a point

    @classmethod
    def of(
        cls,
        name: str,
        columns: Sequence[str],
        targets: Sequence[str],
        id_column: str | None,
        time_column: str | None,
    ) -> "Fields":
        """Find the columns by their usual names and by those of the series."""

        def first(names: Sequence[str | None]) -> str | None:
            return next((name for name in names if name is not None and name in columns), None)

        keys = {
            "id": first([id_column, *_IDS]),
            "time": first([time_column, *_TIMES]),
            "origin": first(_ORIGINS),
            "step": first([_STEP]),
        }
        rest = [column for column in columns if column not in (*keys.values(), _FOLD)]
        # A table of statsforecast names the actual values like the target.
        actual = {*_ACTUAL, *targets} if "cutoff" in columns else set(_ACTUAL) - set(targets)
        if "prediction" in rest:
            points = ["prediction"]
        elif set(targets) <= set(rest) - actual:
            points = list(targets)
        else:
            bounds = [column for column in rest if (bound := bound_of(column)) and bound[0] in rest]
            points = [column for column in rest if column not in (*actual, *bounds)]
            if len(points) != 1 or len(targets) != 1:
                raise ValueError(
                    f"It is not clear which column of {name} holds the forecasts of "
                    f"{_checks.shown(list(targets))}: it has {_checks.shown(list(columns))}. Name "
                    "it like the target, or pass no columns but that one, the ids and the times."
                )
        found = [_with_levels(point, rest, points) for point in points]
        levels, values = zip(*found, strict=True)
        if len(set(levels)) > 1:
            raise ValueError(
                f"{name} must have the same quantiles for every target. Received: "
                f"{_checks.shown(list(levels))}."
            )
        return cls(**keys, values=values, levels=levels[0])


def _with_levels(
    point: str, columns: Sequence[str], points: Sequence[str]
) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    """Return the levels of a forecast, or None, and their columns, the lowest first."""
    by_level = {0.5: point, **level_columns(point, columns, points)}
    if len(by_level) == 1:
        return None, (point,)
    levels = tuple(sorted(by_level))
    return levels, tuple(by_level[level] for level in levels)


class Times(NamedTuple):
    """Timestamps, in UTC if they have a time zone, or numbers."""

    name: str  # the table that they belong to, for an error
    values: Array
    zoned: bool
    zone: Zone | None = None

    def check_alike(self, other: "Times") -> None:
        """Refuse times of another kind, which would match nothing or wrong times."""
        if self.kind != other.kind:
            raise TypeError(
                f"The times of {self.name} are {self.kind}, and those of {other.name} are "
                f"{other.kind}. Give both the same."
            )

    @property
    def kind(self) -> str:
        """Their kind in words."""
        if self.values.dtype.kind != "M":
            return "numbers"
        return "dates with a time zone" if self.zoned else "dates without a time zone"


class ForecastTable:
    """A table of forecasts: a dict of columns such as ``align`` returns, or a frame."""

    def __init__(self, name: str, table: Any) -> None:
        self.name = name
        self._dict = isinstance(table, Mapping)
        if isinstance(table, Mapping):
            self._table: Any = {str(key): np.asarray(values) for key, values in table.items()}
            lengths = {key: len(values) for key, values in self._table.items()}
            if len(set(lengths.values())) != 1:
                raise ValueError(f"{name} must have columns of equal length. Received: {lengths}.")
        elif not hasattr(table, "columns"):
            raise TypeError(
                f"{name} must be a frame or a dict of columns. Received: {type(table).__name__}."
            )
        else:
            self._table = open_frame(table)
        self.columns = list(self._table) if self._dict else list(self._table.columns)

    def ids(self, column: str) -> tuple[list[Any], IntArray]:
        """Return a column's ids in order of first occurrence, and each row's place among them."""
        values = self._table[column]
        if not self._dict:
            return numbered_ids(values)
        if values.dtype == object:
            return numbered(values.tolist(), f"column {column!r} of {self.name}")
        first, codes = distinct_rows([values])
        return values[first].tolist(), codes

    def is_numeric(self, column: str) -> bool:
        """Return True for a column of numbers."""
        values = self._table[column]
        return values.dtype.kind in "biuf" if self._dict else bool(values.dtype.is_numeric())

    def is_dated(self, column: str) -> bool:
        """Return True for a column of dates or timestamps."""
        values = self._table[column]
        return values.dtype.kind in "MO" if self._dict else bool(values.dtype.is_temporal())

    def times(self, column: str) -> "Times":
        """Return a column of timestamps or of numbers."""
        if not self._dict:
            try:
                clock = read_clock([self._table], column, np.array([0, len(self._table)]))
            except (TypeError, ValueError) as error:
                raise type(error)(f"{self.name}: {error}") from None
            return Times(self.name, clock.times, bool(clock.zones), *clock.zones)
        times = self._table[column]
        if times.dtype != object:
            if times.dtype.kind not in "Miuf":
                raise TypeError(
                    f"{self.name}: column {column!r} must hold dates, timestamps or numbers. "
                    f"Received {times.dtype}, first value {times[0]!r}. Parse it first, for "
                    "example with pandas.to_datetime."
                )
            return Times(self.name, times, zoned=False)
        stamps = times.tolist()
        zoned = any(getattr(stamp, "tzinfo", None) is not None for stamp in stamps)
        if zoned:
            stamps = [stamp.astimezone(UTC).replace(tzinfo=None) for stamp in stamps]
        return Times(self.name, np.array(stamps, dtype="datetime64[us]"), zoned)

    def steps(self, column: str) -> IntArray:
        """Return a column of steps, which count from 1."""
        steps = self.numbers(column)[:, 0]
        if not (np.isfinite(steps).all() and (steps == np.rint(steps)).all() and steps.min() >= 1):
            raise ValueError(
                f"{self.name}: column {column!r} must hold the numbers of steps, 1 for the first "
                f"row after the origin. Received: {steps.min():g} to {steps.max():g}."
            )
        return steps.astype(np.int64)

    def of_rows(self, rows: IntArray) -> "ForecastTable":
        """Return a table of some of its rows."""
        if self._dict:
            return ForecastTable(self.name, {name: v[rows] for name, v in self._table.items()})
        return ForecastTable(self.name, self._table[rows].to_native())

    def paths(self, fields: Fields) -> IntArray:
        """Return the rows of sample paths, ``(forecasts, samples)``; refuse a missing sample."""
        samples = self.numbers(_SAMPLE)[:, 0]
        keys = fields.id, fields.time, fields.origin, fields.step
        codes = np.stack([self.ids(column)[1] for column in keys if column is not None])
        count, order = len(np.unique(samples)), np.lexsort([samples, *codes])
        if len(order) % count == 0:
            rows = order.reshape(-1, count)
            alike = (codes[:, rows] == codes[:, rows[:, :1]]).all()
            if alike and (samples[rows] == samples[rows[0]]).all() and fields.levels is None:
                return rows
        raise ValueError(
            f"{self.name} has a column {_SAMPLE!r}, so it must hold each sample once at every step "
            "of every series and origin, and no quantiles. Several origins need a column 'origin' "
            "or 'step'."
        )

    def forecasts(self, fields: Fields) -> Array:
        """Return the forecasts, ``(rows, targets[, quantiles])``; refuse quantiles that cross."""
        values = np.stack([self.matrix(names) for names in fields.values], axis=1)
        if "prediction" in fields.values[0]:  # One column with an axis of targets.
            values = values.reshape(len(values), len(fields.levels or (0,)), -1).swapaxes(1, 2)
        refuse_infinite(self.name, values, "row")
        if fields.levels is None:
            return values[..., 0]
        crossed = (np.diff(values, axis=-1) < 0).any(axis=(1, 2))
        if crossed.any():
            raise ValueError(
                f"{self.name} has quantiles that cross in {int(crossed.sum())} rows, the first of "
                f"them row {int(crossed.argmax())}: of {list(fields.values[0])} each must be at "
                "least the one before. Sort them, or correct the names of the columns."
            )
        return values

    def matrix(self, columns: Sequence[str]) -> Array:
        """Return columns of numbers side by side, ``(rows, columns)``."""
        return np.hstack([self.numbers(column) for column in columns])

    def numbers(self, column: str) -> Array:
        """Return a column of numbers, ``(rows, targets)``; NaN where one is missing."""
        values = self._table[column]
        if not self._dict:
            import narwhals as nw

            if not values.dtype.is_numeric():
                raise TypeError(
                    f"column {column!r} of {self.name} must hold numbers. Received: {values.dtype}."
                )
            values = values.cast(nw.Float64).to_numpy()
        values = _checks.numeric(values, f"column {column!r} of {self.name}").astype(np.float64)
        return values.reshape(len(values), int(np.prod(values.shape[1:])))


def on_windows(
    name: str, table: Any, judged: JudgedWindows
) -> tuple[Array, tuple[float, ...] | None]:
    """Return a table's forecasts for windows, NaN where it has none, and its levels or None."""
    # Sample paths have no levels, and an axis of samples in their place.
    read, spec, panel = ForecastTable(name, table), judged.dataset.windows, judged.panel
    targets = [str(target) for target in panel.columns.by_part()["target"]]
    names = [column for column in read.columns if column != _SAMPLE]
    fields = Fields.of(name, names, targets, spec.id_column, spec.time_column)
    values = read.forecasts(fields)
    if _SAMPLE in read.columns:
        rows = read.paths(fields)
        read, values = read.of_rows(rows[:, 0]), np.moveaxis(values[rows], 1, -1)
    series = _series(read, fields, judged)
    if fields.time is None:
        raise ValueError(
            f"{name} must say which rows it forecasts, in a column {spec.time_column or 'target'!r}"
            f". It has {_checks.shown(read.columns)}."
        )
    clock, gap, horizon = panel.clock, judged.geometry.gap, judged.geometry.horizon
    numbers = np.repeat(np.arange(len(panel.lengths)), panel.lengths)
    times = np.arange(len(numbers)) - panel.offsets[numbers] if clock is None else clock.times
    panel_times = Times("the series", times, clock is not None and bool(clock.zones))
    panel_rows = Rows(numbers, times)

    def flat(column: str) -> IntArray:
        """Return the flat position of each time in its series, -1 if it has no such row."""
        given = read.times(column)
        panel_times.check_alike(given)
        return panel_rows.locate(series, given.values)

    target = flat(fields.time)
    present: BoolArray = target >= 0
    if fields.origin is not None:
        origin, before = flat(fields.origin), np.zeros(len(series), bool)
        if fields.step is not None:
            # An origin before its series has no row, so its place is counted back from the target.
            first = times[panel.offsets[np.maximum(series, 0)]]
            before = read.times(fields.origin).values < first
            origin = np.where(before, target - gap - read.steps(fields.step), origin)
        present = present & (before | (origin >= 0))
    elif fields.step is not None:
        origin = target - gap - read.steps(fields.step)
    elif horizon == 1:
        origin = target - gap - 1
    else:
        origin = _one_run(name, judged, series, target, present) - gap - 1
    windows = Rows(judged.ranges.series_of(np.arange(judged.count)), judged.origins())
    window = windows.locate(np.where(present, series, -1), origin)
    step = target - origin - gap - 1
    if not np.isfinite(values).any():
        raise ValueError(f"{name} has no forecast that is a number.")
    usable = (window >= 0) & (step >= 0) & (step < horizon)
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
    cells = np.bincount(window * horizon + step)
    if cells.max() > 1:
        raise ValueError(
            f"{name} has {int(cells.max())} forecasts of one series, origin and step. Keep one."
        )
    # (windows, steps, targets[, levels])
    forecasts = np.full((judged.count, horizon, *values.shape[1:]), np.nan)
    forecasts[window, step] = values[usable]
    points = forecasts[..., 0] if _SAMPLE in read.columns else points_of(forecasts, fields.levels)
    _refuse_actual(name, points, judged.targets())
    return forecasts, fields.levels


def _refuse_other_steps(name: str, steps: IntArray, found: IntArray, usable: BoolArray) -> None:
    """Refuse a column of steps that disagrees with the steps found from origin to target."""
    wrong = np.flatnonzero(usable & (steps != found))
    if len(wrong):
        raise ValueError(
            f"{name} contradicts itself in {len(wrong)} rows: row {wrong[0]} says step "
            f"{steps[wrong[0]]}, and its time belongs to step {found[wrong[0]]} after its origin. "
            "The origin is the last row known, and 'step' counts rows from 1, the first forecast. "
            "Correct the one that is wrong, or drop that column."
        )


def refuse_infinite(name: str, forecasts: Array, part: str) -> None:
    """Refuse infinite forecasts in the rows or windows of an array; NaN means no forecast."""
    infinite = np.isinf(forecasts).reshape(len(forecasts), -1)
    if infinite.any():
        raise NoVerdictError(
            f"{name} has {int(infinite.sum())} infinite forecasts, the first in {part} "
            f"{int(infinite.any(axis=1).argmax())}. Correct them, or write NaN where there is none."
        )


def _refuse_actual(name: str, forecasts: Array, actual: Array) -> None:
    """Refuse a table whose forecasts equal the actual values: a wrong column was read."""
    both = np.isfinite(forecasts) & np.isfinite(actual)
    values = actual[both]
    if len(values) > 1 and (forecasts[both] == values).all() and (values != values[0]).any():
        raise ValueError(
            f"The forecasts of {name} are the actual values, without any error. Pass the column of "
            "the forecasts, not that of the actual values."
        )


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


def _one_run(
    name: str, judged: JudgedWindows, series: IntArray, target: IntArray, present: BoolArray
) -> IntArray:
    """Return the first target of each row's series, for a table without origins and steps."""
    none = np.iinfo(np.int64).max
    first = np.full(len(judged.labels), none)
    np.minimum.at(first, series[present], target[present])
    begin: IntArray = np.where(series >= 0, first[series], none)
    steps = (target - begin)[present]
    if len(np.unique(target[present])) < len(steps) or (steps >= judged.geometry.horizon).any():
        raise ValueError(
            f"{name} has forecasts from several origins, or more steps than horizon="
            f"{judged.geometry.horizon}, and no column that says the origin: add a column "
            "'origin' (the time of the last row known) or 'step' (1 for the first forecast)."
        )
    return begin
