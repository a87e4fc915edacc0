"""Reads forecasts that come as a table, whatever made them, and puts them on windows.

``forecast`` returns such a table, and so do ``WindowDataset.align``, other libraries and
yesterday's file. Their columns have different names, which ``Fields`` finds. A forecast belongs to
the window of its series and origin, and to the step that leads from there to its target.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.reading import JudgedWindows
from keras_ts.windows.reading.frames import ids_of, open_frame
from keras_ts.windows.reading.timestamps import read_clock

# What other libraries call the columns; those of keras_ts and of the windows come first.
_IDS, _TIMES, _ORIGINS, _STEP = (
    ("series", "unique_id"),
    ("target", "ds"),
    ("origin", "cutoff"),
    "step",
)
_ACTUAL = ("actual", "y")
_FOLD = "fold"
# An interval of statsforecast: "AutoETS-lo-80".
_BOUND = re.compile(r"(.+)-(lo|hi)-([\d.]+)$")


@dataclass(frozen=True)
class Fields:
    """Which columns of a table hold what.

    Attributes:
        id: The column of ids, or None.
        time: The column of the targets' times, or None.
        origin: The column of the origins' times, or None.
        step: The column of steps, or None.
        values: For each target, its columns, one for each level.
        levels: The levels of quantiles, or None for a point.
    """

    id: str | None
    time: str | None
    origin: str | None
    step: str | None
    values: tuple[tuple[str, ...], ...]
    levels: tuple[float, ...] | None

    @classmethod
    def of(
        cls,
        name: str,
        columns: Sequence[str],
        targets: Sequence[str],
        id_column: str | None,
        time_column: str | None,
    ) -> "Fields":
        """Find the columns by their names.

        Args:
            name: What the table is called in an error.
            columns: The names of its columns.
            targets: The names of the targets in the series.
            id_column: The column of ids in the series, or None.
            time_column: The column of timestamps in the series, or None.

        Raises:
            ValueError: It is not clear which column holds the forecasts.
        """

        def first(names: Sequence[str | None]) -> str | None:
            return next((own for own in names if own is not None and own in columns), None)

        keys = {
            "id": first([id_column, *_IDS]),
            "time": first([time_column, *_TIMES]),
            "origin": first(_ORIGINS),
            "step": first([_STEP]),
        }
        rest = [own for own in columns if own not in (*keys.values(), _FOLD)]
        # A table of statsforecast has the actual values under the target's own name.
        actual = {*_ACTUAL, *(targets if "cutoff" in columns else ())}
        if "prediction" in rest:
            points = ["prediction"]
        elif set(targets) <= set(rest) - actual:
            points = list(targets)
        else:
            points = [own for own in rest if own not in actual and not _is_bound(own, rest)]
            if len(points) != 1 or len(targets) != 1:
                raise ValueError(
                    f"It is not clear which column of {name} holds the forecasts of "
                    f"{_checks.shown(list(targets))}: it has {_checks.shown(list(columns))}. Name "
                    "it like the target, or pass the columns of ids and times and that one alone."
                )
        found = [_with_levels(point, rest) for point in points]
        levels = [own for own, _ in found]
        if any(own != levels[0] for own in levels):
            raise ValueError(
                f"{name} must have the same quantiles for every target. Received: "
                f"{_checks.shown(levels)}."
            )
        return cls(**keys, values=tuple(own for _, own in found), levels=levels[0])


def _is_bound(column: str, columns: Sequence[str]) -> bool:
    match = _BOUND.match(column)
    return match is not None and match[1] in columns


def _with_levels(
    point: str, columns: Sequence[str]
) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    """Return the levels of a forecast and their columns, increasing; None and its own without."""
    by_level = {0.5: point}
    for column in columns:
        bound = _BOUND.match(column)
        if bound is not None and bound[1] == point:
            side = 0.5 if bound[2] == "hi" else -0.5
            by_level[round(0.5 + side * float(bound[3]) / 100, 6)] = column
        elif column.startswith(f"{point}_"):
            level = _number(column.removeprefix(f"{point}_"))
            if level is not None and 0 < level < 1:
                by_level[level] = column
    if len(by_level) == 1:
        return None, (point,)
    levels = tuple(sorted(by_level))
    return levels, tuple(by_level[level] for level in levels)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class ForecastTable:
    """A table of forecasts: a dict of columns such as ``align`` returns, or a frame.

    Args:
        name: What it is called in an error.
        table: The table.
    """

    def __init__(self, name: str, table: Any) -> None:
        self.name = name
        self._dict = isinstance(table, Mapping)
        if isinstance(table, Mapping):
            self._table: Any = {str(key): np.asarray(values) for key, values in table.items()}
            lengths = {key: len(values) for key, values in self._table.items()}
            if len(set(lengths.values())) != 1:
                raise ValueError(f"{name} must have columns of equal length. Received: {lengths}.")
        else:
            self._table = open_frame(table)
        self.columns = list(self._table) if self._dict else list(self._table.columns)

    def ids(self, column: str) -> list[Any]:
        """Return a column of ids."""
        return self._table[column].tolist() if self._dict else ids_of(self._table[column])

    def times(self, column: str) -> Array:
        """Return a column of timestamps, in UTC if there are time zones, or of numbers."""
        if not self._dict:
            length = len(self._table)
            return read_clock([self._table], column, np.array([0, length])).times
        times = self._table[column]
        if times.dtype != object:
            return times
        naive = [stamp.astimezone(UTC).replace(tzinfo=None) for stamp in times.tolist()]
        return np.array(naive, dtype="datetime64[us]")

    def numbers(self, column: str) -> Array:
        """Return a column of numbers, with an axis of targets; NaN where one is missing."""
        values = self._table[column]
        if not self._dict:
            if not values.dtype.is_numeric():
                raise TypeError(
                    f"column {column!r} of {self.name} must hold numbers. Received: {values.dtype}."
                )
            values = values.cast(_float64()).to_numpy()
        values = _checks.numeric(values, f"column {column!r} of {self.name}").astype(np.float64)
        return values.reshape(len(values), -1)


def _float64() -> Any:
    import narwhals as nw

    return nw.Float64


def on_windows(
    name: str, table: Any, judged: JudgedWindows
) -> tuple[Array, tuple[float, ...] | None]:
    """Return a table's forecasts for windows, and the levels of their quantiles or None.

    Args:
        name: What the table is called in an error.
        table: The table.
        judged: The windows.

    Returns:
        ``(windows, steps, targets)``, with a last axis of quantiles if there are any; NaN where the
        table has no forecast.

    Raises:
        ValueError: The table has no forecast for any of the windows, or several for one target;
            its columns are not clear, or it holds the actual values.
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
    places = _Places(judged)
    target = places.flat(name, series, read.times(fields.time))
    window, step = _windows_and_steps(read, fields, judged, places, series, target)
    values = np.stack([np.hstack([read.numbers(c) for c in own]) for own in fields.values], axis=1)
    if "prediction" in fields.values[0]:  # One column with an axis of targets.
        values = values.reshape(len(values), len(fields.levels or (0,)), -1).swapaxes(1, 2)
    usable = (window >= 0) & (step >= 0) & (step < judged.geometry.horizon)
    if not usable.any():
        raise ValueError(
            f"{name} forecasts none of the targets that are judged: no row has the series, the "
            "origin and the time of one. Judge it on the rows that it forecasts."
        )
    window, step = window[usable], step[usable]
    cells = np.bincount(window * judged.geometry.horizon + step)
    if cells.max() > 1:
        raise ValueError(
            f"{name} has {int(cells.max())} forecasts of one series, origin and step. Keep one."
        )
    forecasts = np.full((judged.count, judged.geometry.horizon, *values.shape[1:]), np.nan)
    forecasts[window, step] = values[usable]
    _refuse_actual(name, forecasts, judged.targets())
    return (forecasts[..., 0] if fields.levels is None else forecasts), fields.levels


def _refuse_actual(name: str, forecasts: Array, actual: Array) -> None:
    """Refuse a table whose forecasts are the actual values, of whatever column they were read."""
    both = np.isfinite(forecasts[..., 0]) & np.isfinite(actual)
    own = actual[both]
    if len(own) > 1 and (forecasts[both, 0] == own).all() and (own != own[0]).any():
        raise ValueError(
            f"The forecasts of {name} are the actual values, without any error. Pass the column of "
            "the forecasts, not that of the values that came."
        )


class _Places:
    """The flat positions of the rows of a panel, by series and time."""

    def __init__(self, judged: JudgedWindows) -> None:
        self._panel = judged.panel
        clock = judged.panel.clock
        if clock is not None:
            self._times = np.unique(clock.times)
            rows = np.repeat(np.arange(len(judged.labels)), judged.panel.lengths)
            self._keys = rows * len(self._times) + np.searchsorted(self._times, clock.times)

    def flat(self, name: str, series: IntArray, times: Array) -> IntArray:
        """Return the flat position of each time in its series, -1 if it has no such row."""
        dated = self._panel.clock is not None and self._panel.clock.times.dtype.kind == "M"
        if (times.dtype.kind == "M") != dated:
            kinds = ("dates", "numbers") if dated else ("numbers of rows", "dates")
            raise TypeError(
                f"The series is timed by {kinds[0]}, and {name} by {kinds[1]}. Give both the same."
            )
        if self._panel.clock is None:
            flat = self._panel.offsets[series] + times
            inside = (times >= 0) & (times < self._panel.lengths[series]) & (series >= 0)
            return np.where(inside, flat, -1).astype(np.int64)
        rank = np.minimum(np.searchsorted(self._times, times), len(self._times) - 1)
        key = series * len(self._times) + rank
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        same = (self._times[rank] == times) & (self._keys[place] == key) & (series >= 0)
        return np.where(same, place, -1)


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
    numbers = {label: number for number, label in enumerate(judged.labels)}
    ids = read.ids(fields.id)
    if len(judged.labels) == 1 and judged.panel.labels is None:
        return np.zeros(len(ids), np.int64)
    return np.array([numbers.get(label, -1) for label in ids], dtype=np.int64)


def _windows_and_steps(
    read: ForecastTable,
    fields: Fields,
    judged: JudgedWindows,
    places: _Places,
    series: IntArray,
    target: IntArray,
) -> tuple[IntArray, IntArray]:
    """Return the window of each row, -1 if it is not judged, and its step from 0."""
    gap = judged.geometry.gap
    present: BoolArray = target >= 0
    if fields.origin is not None:
        origin = places.flat(read.name, series, read.times(fields.origin))
        present = present & (origin >= 0)
    elif fields.step is not None:
        origin = target - gap - read.numbers(fields.step)[:, 0].astype(np.int64)
    elif judged.geometry.horizon == 1:
        origin = target - gap - 1
    else:
        origin = _one_run(read, judged, series, target, present) - gap - 1
    origins = judged.origins()
    order = np.argsort(origins, kind="stable")
    place = np.minimum(np.searchsorted(origins, origin, sorter=order), len(origins) - 1)
    window = order[place]
    own = present & (origins[window] == origin)
    own &= judged.ranges.series_of(window) == series
    return np.where(own, window, -1), target - origin - gap - 1


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
