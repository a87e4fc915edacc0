"""Changes later values of a series, and returns it in the form in which it came.

The new values differ enough to move a forecast, and are plausible, since a pipeline may fail if a
count becomes negative, or a flag becomes 2.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.geometry import WindowRanges, concatenated_offsets, layout
from keras_ts.windows.reading.flat_series import missing_rows
from keras_ts.windows.reading.frames import Text, is_frame, named_ahead, open_frame
from keras_ts.windows.reading.panel import read_panel
from keras_ts.windows.spec import COLUMN_SETTINGS, WindowSpec
from keras_ts.windows.split import all_windows, check_nonempty


# Moments are numbered from 0: the distinct timestamps of the whole panel or, without timestamps,
# the positions from the start of each series.
class ChangeableSeries:
    """A series, or a panel of them, whose values after a moment can be changed."""

    def __init__(self, series: Any, windows: WindowSpec) -> None:
        self._items, self._listed = _items(series)
        self._tables = [_numeric_columns(item, windows) for item in self._items]
        self._windows = replace(_without_absent(windows, self._tables[0]), calendar=None)
        fills = self._windows.handling.gaps == "fill"
        keeping = replace(self._windows, missing="keep", min_inputs=None)
        table = self._as_given(self._tables)
        self.panel = read_panel(table, self._windows if fills else keeping, check=False)
        panel = self.panel
        self.series = np.repeat(np.arange(len(panel.lengths)), panel.lengths)
        places = np.arange(len(self.series)) - panel.offsets[self.series]
        times = places if panel.clock is None else panel.clock.times
        self.moments: IntArray = np.unique(times, return_inverse=True)[1].reshape(-1)
        self._names = panel.columns.past
        values = panel.values.reshape(len(places), panel.num_columns).astype(np.float64)
        self._columns = [
            PlausibleColumn(values[:, c], self.series, _dtype(self._tables[0], name))
            for c, name in enumerate(self._names)
        ]
        self._unknown = list(panel.columns.own)
        finite: BoolArray = np.logical_or.reduce(np.isfinite(values[:, self._unknown]), axis=1)
        # The last moment at which there is a value that can be changed.
        self.last_moment = int(self.moments[finite].max(initial=-1))
        given = int(panel.given_lengths.sum())
        self._rows = np.arange(given) if panel.row_order is None else panel.row_order
        self._item_offsets = concatenated_offsets([len(item) for item in self._items])

    def layouts(self) -> list[WindowRanges]:
        """Return the windows if ``predict`` fills missing values, and if it does not."""
        geometry = self._windows.geometry
        filled = layout(self.panel.offsets, self.panel.gaps, geometry)
        check_nonempty(filled, self.panel, self._windows)
        if not self._windows.handling.filters:
            return [filled]
        dropping = read_panel(self._as_given(self._tables), self._windows)
        dropped = layout(dropping.offsets, dropping.gaps, geometry)
        return [filled, dropped, all_windows(dropping, self._windows)]

    def holes(self) -> IntArray:
        """Return the positions in the panel of missing rows right before a row that is not."""
        bad = missing_rows(self.panel.values)
        return np.flatnonzero(bad[:-1] & ~bad[1:] & (np.diff(self.series) == 0))

    def copied(self) -> Any:
        """Return a copy, so that a function may write into its argument."""
        return self._as_given([copy.deepcopy(item) for item in self._items])

    def changed(self, after: int, kind: str) -> Any:
        """Return a copy whose values later than moment ``after`` are changed; after -1, all are."""
        # Columns known ahead, static columns, missing values, dtypes and the order of rows stay.
        later = self.moments > after
        generator = np.random.default_rng(after + 1)
        new = {c: self._columns[c].changed(kind, later, generator) for c in self._unknown}
        changes = {}
        for c, values in new.items():
            # NaN differs from itself.
            at = np.flatnonzero((values != self._columns[c].values) & np.isfinite(values))
            # Rows that fill a gap in time were not given, and have no value to change.
            rows = at if self.panel.given is None else np.searchsorted(self.panel.given, at)
            changes[c] = rows, values[at]
        items = []
        for number, item in enumerate(self._items):
            begin, end = self._item_offsets[number : number + 2]
            writes = {}
            for c, (rows, values) in changes.items():
                # Rows can be out of order only in a long frame, which is the only item then.
                here = slice(*np.searchsorted(rows, (begin, end)))
                writes[self._names[c]] = (self._rows[rows[here]] - begin, values[here])
            items.append(_written(item, writes))
        return self._as_given(items)

    def position(self, moment: int, beside: int | None = None) -> int:
        """Return a position in the panel of a moment, if possible in the series of ``beside``."""
        at = np.flatnonzero(self.moments == moment)
        same = at if beside is None else at[self.series[at] == self.series[beside]]
        return int(same[0] if len(same) else at[0])

    def stamp(self, flat: int) -> Any:
        """Return the timestamp of a position in the panel or its place in its series."""
        if self.panel.clock is not None:
            return self.panel.clock.stamps(np.array([flat]))[0]
        return int(flat - self.panel.offsets[self.series[flat]])

    def label(self, flat: int) -> Any:
        """Return the id or number of a position's series, or None if there is only one series."""
        number = int(self.series[flat])
        if self.panel.single:
            return None
        return self.panel.labels[number] if self.panel.labels else number

    def _as_given(self, items: list[Any]) -> Any:
        return items if self._listed else items[0]


def _items(series: Any) -> tuple[list[Any], bool]:
    """Return the series of a panel, or a single one, in a list; and True if a list was given."""
    listed = isinstance(series, list | tuple) and bool(series)
    # A list of anything but frames and arrays is a single series.
    listed = listed and all(
        is_frame(item) or (hasattr(item, "__array__") and np.ndim(item) > 0) for item in series
    )
    items = series if listed else [series]
    read = [item if is_frame(item) or _is_column(item) else np.asarray(item) for item in items]
    return read, listed


def _is_column(item: Any) -> bool:
    """Return True for a column of pandas or polars, False for an array."""
    return hasattr(item, "to_numpy") and hasattr(item, "to_list")


def _numeric_columns(item: Any, windows: WindowSpec) -> Any:
    """Return a frame with the columns that can be read: numbers, bools, ids, times, some text."""
    # Text is read in columns known ahead and static ones, none of which is ever changed.
    if not is_frame(item):
        return item
    import narwhals as nw

    table = open_frame(item)
    texts = named_ahead(windows, table.columns)
    readable = [
        name
        for name in table.columns
        if name in (windows.id_column, windows.time_column)
        or table[name].dtype.is_numeric()
        or table[name].dtype == nw.Boolean
        or (name in texts and Text.of(table[name]).of_text)
    ]
    return table.select(readable).to_native()


def _without_absent(windows: WindowSpec, table: Any) -> WindowSpec:
    """Return the windows without columns that a series lacks, which a pipeline may make."""
    if is_frame(table):
        present: Callable[[Any], bool] = set(table.columns).__contains__
    else:
        count = 0 if np.ndim(table) < 2 else np.shape(table)[1]

        def present(column: Any) -> bool:
            return isinstance(column, int) and -count <= column < count

    # A pipeline may merge categories, so those of the windows are left out, too.
    left: dict[str, Any] = {"categories": None}
    for role in COLUMN_SETTINGS:
        named = getattr(windows, role)
        if isinstance(named, tuple):
            left[role] = tuple(column for column in named if present(column)) or None
        elif named is not None and not present(named):
            left[role] = None
    return replace(windows, **left)


def _dtype(item: Any, name: Any) -> np.dtype[Any]:
    """Return the NumPy dtype of the numbers in a column."""
    if isinstance(item, np.ndarray):
        return item.dtype
    import narwhals as nw

    if _is_column(item) and not is_frame(item):
        dtype = nw.from_native(item, series_only=True).dtype
    else:
        table = open_frame(item)
        # A category's column of 0 and 1 is not in the frame.
        dtype = table[name].dtype if name in table.columns else nw.Boolean
    if dtype == nw.Boolean:
        return np.dtype(bool)
    namesake = dtype.is_integer() or dtype == nw.Float32
    return np.dtype(str(dtype).lower()) if namesake else np.dtype(np.float64)


def _written(item: Any, writes: dict[Any, tuple[IntArray, Array]]) -> Any:
    """Return a copy of an item with values written into rows of its columns."""
    if isinstance(item, np.ndarray):
        new = np.array(item)
        for name, (rows, values) in writes.items():
            new[rows if new.ndim == 1 else (rows, name)] = values.astype(new.dtype)
        return new
    import narwhals as nw

    if not is_frame(item):
        ((rows, values),) = writes.values()
        return _scattered(nw.from_native(item, series_only=True), rows, values).to_native()
    table = open_frame(copy.deepcopy(item))
    columns = [_scattered(table[name], *write) for name, write in writes.items()]
    return table.with_columns(*columns).to_native()


def _scattered(column: Any, rows: IntArray, values: Array) -> Any:
    import narwhals as nw

    if column.dtype.is_integer():
        values = values.astype(np.int64 if values.min(initial=0) < 0 else np.uint64)
    new = nw.new_series(column.name or "", values, backend=column.implementation)
    return column.scatter(rows.tolist(), new.cast(column.dtype))


# A maximum moves when values are raised, a minimum when they are lowered. If a pipeline clips
# values to their range, only shuffled ones change.
KINDS = ("raised", "lowered", "shuffled")


class PlausibleColumn:
    """A column of all series one after another, whose values can be changed."""

    def __init__(self, values: Array, series: IntArray, dtype: np.dtype[Any]) -> None:
        self.values = values
        self._series, self._dtype = series, dtype
        self._finite = np.isfinite(values)
        held = values[self._finite]
        low, high = np.full((2, int(series.max(initial=0)) + 1), np.nan)
        np.fmin.at(low, series[self._finite], held)
        np.fmax.at(high, series[self._finite], held)
        self._low, self._high = low, high
        distinct = np.unique(held[: 1 << 12])
        self._pair = len(distinct) <= 2 and len(distinct := np.unique(held)) == 2
        self._ends = distinct[[0, -1]] if len(distinct) else np.zeros(2)
        self._positive = bool((held >= 0).all())
        self._share = self._positive and dtype.kind == "f" and bool((held <= 1).all())

    def changed(self, kind: str, rows: BoolArray, generator: np.random.Generator) -> Array:
        """Return the column with other values where ``rows`` is True; missing ones stay."""
        # Raised and lowered values leave the range of their series, but are not negative if no
        # value is, nor above 1 in a column of shares. In a column of two values, all become the
        # larger or the smaller one or, if shuffled, each becomes the other.
        rows = rows & self._finite
        old, series = self.values[rows], self._series[rows]
        if self._pair:
            # Swapped values may have the same sum, so two kinds set all to one value.
            low, high = self._ends
            ends = {"raised": high, "lowered": low}
            new = np.full_like(old, ends[kind]) if kind in ends else low + high - old
        elif kind == "shuffled":
            new = np.empty_like(old)
            new[np.argsort(series, kind="stable")] = old[
                np.lexsort((generator.random(len(old)), series))
            ]
        else:
            new = self._beyond(kind, old, series, generator)
        result = self.values.copy()
        result[rows] = self._as_stored(new)
        return result

    def _as_stored(self, values: Array) -> Array:
        """Return values rounded and clipped to what the column's dtype holds."""
        if self._dtype.kind in "iu":
            limits = np.iinfo(self._dtype)
            # No float64 lies between this and the largest integer of eight bytes.
            highest = min(int(limits.max), (1 << 63) - 1024)
            return np.clip(np.rint(values), limits.min, highest)
        if self._dtype.kind == "f":
            largest = float(np.finfo(self._dtype).max) / 4
            return np.clip(values, -largest, largest).astype(self._dtype).astype(np.float64)
        return values

    def _beyond(
        self, kind: str, old: Array, series: IntArray, generator: np.random.Generator
    ) -> Array:
        low, high = self._low[series], self._high[series]
        spread = high - low
        spread = np.where(spread > 0, spread, np.maximum(np.abs(old), 1.0))
        amount = generator.uniform(1.1, 2.0, len(old))
        share = generator.uniform(0.1, 0.6, len(old))
        if kind == "raised":
            if self._share:
                # Between 1 and the largest value or, if that is 1, the old value.
                return np.where(high < 1, high + (1 - high) * share, old + (1 - old) * share)
            return old + spread * amount
        if self._positive:
            lowest = np.where(low > 0, low, old) * share
            return np.maximum(lowest, 1.0 * (low > 0)) if self._dtype.kind in "iu" else lowest
        return old - spread * amount
