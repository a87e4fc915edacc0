"""A series whose values after a moment are changed, in the form in which it came."""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.panel.flat_series import missing_rows
from keras_ts.panel.frames import is_frame, open_frame
from keras_ts.panel.panel import Panel
from keras_ts.panel.roles import BY_SETTING
from keras_ts.panel.rows import concatenated_offsets
from keras_ts.panel.stored import StoredPanel
from keras_ts.windows.geometry import layout
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import all_windows

# A maximum moves when values are raised, a minimum when they are lowered. If a pipeline clips
# values to their range, or ranks them, shuffled ones still change.
KINDS = ("raised", "lowered", "shuffled")


class ChangeableSeries:
    """A series, or a panel of them, whose values after a moment can be changed."""

    # Moments are the numbers of the distinct timestamps of the panel, or positions in the series.
    def __init__(self, series: Any, windows: WindowSpec) -> None:
        self._listed = isinstance(series, list | tuple) and bool(series)
        self._listed = self._listed and all(getattr(item, "shape", ()) for item in series)
        self._items = [_opened(item) for item in (series if self._listed else [series])]
        tables, self._windows = _readable(self._items, windows)
        self._table = tables if self._listed else tables[0]
        fills = self._windows.handling.gaps == "fill"
        keeping = replace(self._windows, missing="keep", min_inputs=None)
        spec = self._windows if fills else keeping
        panel = Panel.of(self._table, spec).read(check=False)
        self.panel, number = panel, len(panel.values)
        series_of = np.repeat(np.arange(len(panel.lengths)), panel.lengths)
        places = np.arange(number) - panel.offsets[series_of]
        times = places if panel.clock is None else panel.clock.times
        self.moments: IntArray = np.unique(times, return_inverse=True)[1].reshape(-1)
        lacks = missing_rows(panel.values)
        # The moments of missing rows right before a row that might fill them.
        self.holes = self.moments[:-1][lacks[:-1] & ~lacks[1:] & (np.diff(series_of) == 0)]
        # Rows that fill a gap in time stand in the panel alone.
        rows = np.arange(number) if panel.given is None else panel.given
        rows = rows if panel.row_order is None else rows[np.argsort(panel.row_order)]
        self._moments, self._series = self.moments[rows], series_of[rows]
        values = panel.values.reshape(number, -1)[rows].astype(np.float64)
        self._columns = {panel.columns.past[c]: values[:, c] for c in panel.columns.own}

    def origins(self, shape: tuple[int, ...]) -> IntArray:
        """Return the flat position of each forecast's last input, for predictions of a shape."""
        geometry, panel = self._windows.geometry, self.panel
        # The windows if ``predict`` fills missing values, and if it does not.
        layouts = [layout(panel.offsets, panel.gaps, geometry)]
        if self._windows.handling.filters:
            read = Panel.of(self._table, self._windows).read()
            layouts += [layout(read.offsets, read.gaps, geometry), all_windows(read, self._windows)]
        ranges = next((ranges for ranges in layouts if shape[:1] == (ranges.total,)), None)
        steps = (geometry.window,) * geometry.sequence
        if ranges is None or shape[1 : 1 + len(steps)] != steps:
            counts = " or ".join(map(str, sorted({ranges.total for ranges in layouts})))
            raise ValueError(
                "predict must return the predictions of all windows in time order: an array of "
                f"shape ({', '.join(map(str, (counts, *steps)))}, ...). Received shape {shape}."
            )
        numbers = np.arange(ranges.total)
        inputs = np.arange(geometry.window) if steps else np.array([geometry.window - 1])
        flat = ranges.starts(numbers)[:, None] + geometry.sampling_rate * inputs
        # A forecast at an input before its series counts as made at the series' first row.
        return np.maximum(flat, panel.offsets[ranges.series_of(numbers)][:, None]).reshape(-1)

    def changed(self, after: float, kind: str = KINDS[0]) -> Any:
        """Return a copy whose values later than moment ``after`` are changed."""
        # Columns known ahead, static columns, missing values, dtypes and the order of rows stay.
        generator, changes = np.random.default_rng(0), {}
        for name, values in self._columns.items():
            rows = np.flatnonzero((self._moments > after) & np.isfinite(values))
            first = self._items[0][name] if is_frame(self._items[0]) else self._items[0]
            dtype = str(first.dtype).lower()
            limits = np.iinfo(dtype) if dtype.startswith(("int", "uint")) else None
            changes[name] = rows, _new_values(kind, values, rows, self._series, limits, generator)
        ends = concatenated_offsets([len(item) for item in self._items])
        items = [
            _written(item, changes, begin, end)
            for item, begin, end in zip(self._items, ends, ends[1:], strict=False)
        ]
        return items if self._listed else items[0]


def _opened(item: Any) -> Any:
    """Return a frame or a column of narwhals, or an array."""
    if isinstance(item, StoredPanel):
        raise TypeError(
            "check_leakage changes values, and a PanelStore can only be read. Pass some of its "
            "series as a frame."
        )
    if is_frame(item):
        return open_frame(item)
    if not hasattr(item, "to_list"):
        return np.asarray(item)
    import narwhals as nw

    return nw.from_native(item, series_only=True)


def _readable(items: list[Any], windows: WindowSpec) -> tuple[list[Any], WindowSpec]:
    """Return tables of ids, times and numbers, and the windows without other columns."""
    width = np.size(items[0][:1])
    names: Any = range(-width, width)
    if is_frame(items[0]):
        keys, types = windows.keys, items[0].schema.items()
        numbers = [name for name, kind in types if kind.is_numeric() or str(kind) == "Boolean"]
        names = list(dict.fromkeys([*keys, *numbers]))
        items = [item.select(names) for item in items]
    # ``predict`` may make columns that the windows name and the series lacks.
    roles: dict[str, Any] = dict.fromkeys(("categories", "calendar"))
    for role in BY_SETTING:
        named = getattr(windows, role)
        listed = named if isinstance(named, tuple) else (named,)
        roles[role] = tuple(name for name in listed if name in names) or None
    tables = [item if isinstance(item, np.ndarray) else item.to_native() for item in items]
    return tables, replace(windows, **roles)


def _written(item: Any, changes: dict[Any, tuple[IntArray, Array]], begin: int, end: int) -> Any:
    """Return a copy of an item with new values in some rows, counted over all items."""
    new = item.clone() if is_frame(item) else item
    array = np.array(item, order="C") if isinstance(item, np.ndarray) else None
    for name, (rows, values) in changes.items():
        here = slice(*np.searchsorted(rows, (begin, end)))
        if array is not None:
            array.reshape(len(array), -1)[rows[here] - begin, name] = values[here]
            continue
        import narwhals as nw

        column = new[name] if is_frame(new) else new
        written = nw.new_series("", values[here], backend=column.implementation)
        column = column.scatter((rows[here] - begin).tolist(), written.cast(column.dtype))
        new = new.with_columns(column) if is_frame(new) else column
    return new.to_native() if array is None else array


def _new_values(
    kind: str, column: Array, rows: IntArray, series: IntArray, limits: Any, generator: Any
) -> Array:
    """Return other values for some rows of a column, which holds all series."""
    # They are plausible, since a pipeline may fail if a count becomes negative, or a flag 2.
    old, numbers, held = column[rows], series[rows], np.isfinite(column)
    distinct = np.unique(column[held])
    if len(distinct) == 2:
        # A shuffle may keep the sum, so each of two values becomes the other.
        ends = {"raised": distinct[1], "lowered": distinct[0], "shuffled": distinct.sum() - old}
        return np.broadcast_to(ends[kind], old.shape)
    if kind == "shuffled":
        new, drawn = np.empty_like(old), np.lexsort((generator.random(len(rows)), numbers))
        new[np.argsort(numbers, kind="stable")] = old[drawn]
        return new
    low, high = np.full((2, int(series.max(initial=0)) + 1), np.nan)
    np.fmin.at(low, series[held], column[held])
    np.fmax.at(high, series[held], column[held])
    low, high = low[numbers], high[numbers]
    share, amount = generator.uniform([[0.1], [1.1]], [[0.6], [2.0]], (2, len(rows)))
    amount *= np.where(high > low, high - low, np.maximum(np.abs(old), 1.0))
    positive = bool((column[held] >= 0).all())
    if kind == "lowered" and positive:
        new = np.where(low > 0, low, old) * share
        new = new if limits is None else np.maximum(new, low > 0)
    elif kind == "raised" and positive and limits is None and (column[held] <= 1).all():
        top = np.where(high < 1, high, old)
        new = top + (1 - top) * share
    else:
        new = old + (amount if kind == "raised" else -amount)
    if limits is None:
        return new
    # No float64 lies between this and the largest integer of eight bytes.
    return np.clip(np.rint(new), limits.min, min(int(limits.max), (1 << 63) - 1024))
