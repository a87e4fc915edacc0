"""Reads a table of forecasts, as ``forecast``, ``WindowDataset.align`` or another library returns.

``Fields`` finds its columns, whose names differ between libraries.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import bound_of, level_columns
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.judged import NoVerdictError
from keras_ts.panel.clock import Zone
from keras_ts.panel.frames import combined_ids, numbered, numbered_ids, open_frame
from keras_ts.panel.labels import distinct_rows
from keras_ts.panel.timestamps import read_clock

# The usual names of columns: first those of keras_ts, then those of other libraries.
_IDS, _TIMES = ("series", "unique_id"), ("target", "ds")
_ORIGINS, _STEP = ("origin", "cutoff"), "step"
_ACTUAL = ("actual", "y")
_FOLD, SAMPLE = "fold", "sample"


class Fields(NamedTuple):
    """The names of a table's columns by what they hold; None for a column that is not there."""

    ids: tuple[str, ...]
    time: str | None
    origin: str | None
    step: str | None
    values: tuple[tuple[str, ...], ...]  # for each target, a column for each level
    levels: tuple[float, ...] | None  # None for point forecasts

    @classmethod
    def of(
        cls,
        name: str,
        columns: Sequence[str],
        targets: Sequence[str],
        id_columns: Sequence[str],
        time_column: str | None,
    ) -> "Fields":
        """Find the columns by their usual names and by those of the series."""

        def first(names: Sequence[str | None]) -> str | None:
            return next((name for name in names if name is not None and name in columns), None)

        keys = {
            "time": first([time_column, *_TIMES]),
            "origin": first(_ORIGINS),
            "step": first([_STEP]),
        }
        ids = tuple(id_columns)
        if not ids or not {*ids} <= {*columns}:
            ids = tuple(filter(None, [first(_IDS)])) if len(ids) < 2 else ()
        rest = [column for column in columns if column not in (*ids, *keys.values(), _FOLD)]
        # In a table of statsforecast, which has a cutoff, the target's column has actual values.
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
        return cls(ids, **keys, values=values, levels=levels[0])


def _with_levels(
    point: str, columns: Sequence[str], points: Sequence[str]
) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    """Return the levels of a target's forecasts, or None, and their columns, lowest first."""
    by_level = {0.5: point, **level_columns(point, columns, points)}
    if len(by_level) == 1:
        return None, (point,)
    levels = tuple(sorted(by_level))
    return levels, tuple(by_level[level] for level in levels)


class Times(NamedTuple):
    """Timestamps, in UTC if they have a time zone, or numbers."""

    name: str  # the table's name, for an error
    values: Array
    zoned: bool
    zone: Zone | None = None

    def check_alike(self, other: "Times") -> None:
        """Refuse times of another kind, which would match wrong times or none."""
        if self.kind != other.kind:
            raise TypeError(
                f"The times of {self.name} are {self.kind}, and those of {other.name} are "
                f"{other.kind}. Give both the same."
            )

    @property
    def kind(self) -> str:
        """What the times are, in words."""
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

    def series(self, columns: Sequence[str]) -> tuple[list[Any], IntArray]:
        """Return the ids of the series in order of first occurrence, and each row's place."""
        read = [self.ids(name) for name in columns]
        return read[0] if len(read) == 1 else combined_ids(columns, read)

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
            clock = read_clock(self._table, column)
            return Times(self.name, clock.times, clock.zone is not None, clock.zone)
        times = self._table[column]
        if times.dtype != object:
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
        """Return the rows of each forecast's samples, ``(forecasts, samples)``, or refuse them."""
        samples = self.numbers(SAMPLE)[:, 0]
        names = [n for n in (*fields.ids, fields.time, fields.origin, fields.step) if n]
        codes = np.stack([self.ids(name)[1] for name in names])
        count, order = len(np.unique(samples)), np.lexsort([samples, *codes])
        if len(order) % count == 0:
            rows = order.reshape(-1, count)
            one_key = (codes[:, rows] == codes[:, rows[:, :1]]).all()
            if one_key and (samples[rows] == samples[rows[0]]).all() and fields.levels is None:
                return rows
        first, places = distinct_rows([*codes])
        found = np.bincount(places)
        distinct = np.bincount(places[distinct_rows([places, samples])[0]])
        example = ""
        for place in np.flatnonzero((found != count) | (distinct != count))[:1]:
            at = ", ".join(f"{name} {self._table[name][int(first[place])]}" for name in names)
            example = f" At {at} it has {found[place]} rows: {distinct[place]} of {count} samples."
        raise ValueError(
            f"{self.name} has a column {SAMPLE!r}, so it must hold each sample once at every step "
            f"of every series and origin, and no quantiles.{example} Several origins need a column "
            "'origin' or 'step'."
        )

    def forecasts(self, fields: Fields) -> Array:
        """Return forecasts ``(rows, targets[, levels])``; refuse quantiles that cross."""
        values = np.stack([self.matrix(names) for names in fields.values], axis=1)
        if "prediction" in fields.values[0]:  # Each column has an axis of targets.
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


def refuse_infinite(name: str, forecasts: Array, part: str) -> None:
    """Refuse infinite forecasts, and name the first row or window that has one."""
    infinite = np.isinf(forecasts).reshape(len(forecasts), -1)
    if infinite.any():
        raise NoVerdictError(
            f"{name} has {int(infinite.sum())} infinite forecasts, the first in {part} "
            f"{int(infinite.any(axis=1).argmax())}. Correct them, or write NaN where there is none."
        )
