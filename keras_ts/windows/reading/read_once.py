"""``Frames`` and ``Arrays`` turn data into a ``FlatSeries``; ids and times are read only once."""

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.geometry import concatenated_offsets, per_row
from keras_ts.windows.arithmetic.inferring import disorder
from keras_ts.windows.arithmetic.labels import collapsed, expanded
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries, lacking_rows, static_parted
from keras_ts.windows.reading.frames import (
    Text,
    beside,
    blocks_of,
    numbered_ids,
    open_frame,
    with_categories,
)
from keras_ts.windows.reading.irregular import refuse_disorder, refuse_gaps
from keras_ts.windows.reading.regular import on_common_grid, with_missing_rows
from keras_ts.windows.reading.timestamps import read_clock
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import COLUMN_SETTINGS, WindowSpec


class Frames:
    """One frame, or a list with the same columns; ids, times and texts are read only once."""

    def __init__(self, frames: Any, spec: WindowSpec, in_order: bool = True) -> None:
        """Open the frames; ``in_order=False`` sorts the rows of each series by time."""
        self.given, self.listed = frames, isinstance(frames, list | tuple)
        if self.listed and spec.id_column is not None:
            raise ValueError(
                f"id_column={spec.id_column!r} needs one long frame. Received a list of "
                f"{len(frames)} frames: leave out id_column, or concatenate them."
            )
        self.tables = [open_frame(frame) for frame in (frames if self.listed else [frames])]
        self.columns = _column_names(self.tables, spec)
        self._spec, self._in_order = spec, in_order
        keys = (spec.id_column, spec.time_column)
        self.features = tuple(name for name in self.columns if name not in keys)
        self._texts: dict[tuple[int, str], Text] = {}
        self._read_before: dict[Any, FlatSeries] = {}

    def selected(self, features: Sequence[str]) -> Self:
        """Return the same frames with some of their columns, in the given order."""
        if tuple(features) == self.features:
            return self
        part = copy.copy(self)
        others = [name for name in self.columns if name not in self.features]
        part.columns, part.features = [*others, *features], tuple(features)
        return part

    def read(self, spec: WindowSpec) -> FlatSeries:
        """Return the series, with the roles of columns and gaps treated as ``spec`` says."""
        features = self.features
        texts = [partial(self._text, number) for number in range(len(self.tables))]
        unseen = spec.unseen if spec.categories else None
        spec = with_categories(texts, features, self.columns, spec)
        columns = Columns.of(spec, expanded(features, spec.categories))
        of_texts = tuple((spec.categories or {}).items())
        key = features, of_texts, tuple(columns.static), unseen
        flat = self._read_before.get((key, False))
        if flat is None:
            # Only the last selection of columns is cached: most often it is the next one, too.
            flat = self._read(features, columns, spec)
            self._read_before = {(key, False): flat}
        flat = replace(flat, columns=columns, categories=spec.categories)
        if flat.clock is None or spec.handling.gaps == "ignore":
            return flat
        if spec.handling.gaps == "refuse":
            refuse_gaps(flat, flat.clock.inferred[0], spec)
        flat = replace(flat, gaps=flat.clock.inferred[0])
        if spec.handling.gaps != "fill":
            return flat
        filled = self._read_before.get((key, True))
        if filled is None:
            filled = with_missing_rows(on_common_grid(flat), spec)
            filled = replace(filled, checked=flat.checked and filled.given is None)
            self._read_before[key, True] = filled
        return replace(filled, columns=columns)

    def _read(self, features: tuple[str, ...], columns: Columns, spec: WindowSpec) -> FlatSeries:
        """Read the series; refuse unfit values, ids and times, but do not look for gaps in time."""
        static = collapsed(columns.static, spec.categories)
        varying = [name for name in features if name not in static]
        read = []
        for number, table in enumerate(self.tables):
            what = f"series[{number}]" if self.listed else "series"
            text = partial(self._text, number)
            blocks = blocks_of(table, features, spec, what, text)
            read.append(dict(zip(features, blocks, strict=True)))
        dtype = np.result_type(*(block.dtype for blocks in read for block in blocks.values()))
        row_order, offsets, labels = self._series

        def laid_out(names: list[str], dtype: Any) -> Array:
            joined = [beside([blocks[name] for name in names], dtype) for blocks in read]
            made = joined[0] if len(joined) == 1 else np.concatenate(joined)
            return made if row_order is None else made[row_order]

        never_changing = None
        if static:
            kind = np.result_type(*(blocks[name].dtype for blocks in read for name in static))
            made = expanded(static, spec.categories)
            _, never_changing = static_parted(
                laid_out(static, kind), made, columns, offsets, spec.categories
            )
            assert never_changing is not None
            never_changing = never_changing.astype(dtype)
        flat = FlatSeries(
            laid_out(varying, dtype),
            offsets,
            single=not self.listed and labels is None,
            columns=columns,
            static=never_changing,
            clock=self._clock,
            labels=labels,
            row_order=row_order,
            categories=spec.categories,
        )
        if flat.clock is not None:
            refuse_disorder(flat, spec)
        return replace(flat, checked=not any(bad.any() for _, bad in lacking_rows(flat)))

    def _text(self, number: int, name: str) -> Text:
        """Return a column of a frame with its values numbered."""
        if (number, name) not in self._texts:
            self._texts[number, name] = Text.of(self.tables[number][name])
        return self._texts[number, name]

    @cached_property
    def _given_clock(self) -> Clock | None:
        """The timestamps in the order of the frames' rows."""
        if self._spec.time_column is None:
            return None
        offsets = concatenated_offsets([len(table) for table in self.tables])
        return read_clock(self.tables, self._spec.time_column, offsets)

    @cached_property
    def _series(self) -> "_Series":
        """Where the rows of each series are."""
        clock = self._given_clock
        if self._spec.id_column is None:
            offsets = concatenated_offsets([len(table) for table in self.tables])
            series = _Series(None, offsets, None)
        else:
            series = _Series.of_ids(self.tables[0][self._spec.id_column])
        if self._in_order or clock is None:
            return series
        times = clock.times if series.row_order is None else clock.times[series.row_order]
        if disorder(times, series.offsets) is None:
            return series
        numbers = per_row(np.arange(len(series.offsets) - 1), series.offsets)
        order = np.lexsort((times, numbers))
        rows = order if series.row_order is None else series.row_order[order]
        return series._replace(row_order=rows)

    @cached_property
    def _clock(self) -> Clock | None:
        """The timestamps, one series after the other."""
        if (clock := self._given_clock) is None:
            return None
        rows = slice(None) if self._series.row_order is None else self._series.row_order
        local = None if clock.local_times is None else clock.local_times[rows]
        offsets = self._series.offsets
        return replace(clock, times=clock.times[rows], offsets=offsets, local_times=local)


class _Series(NamedTuple):
    """Where the rows of each series are."""

    row_order: IntArray | None  # The rows, one series after the other; None for all in order.
    offsets: IntArray  # The place of each series' first row, and the number of rows.
    labels: tuple[Any, ...] | None  # The ids of the series, or None.

    @classmethod
    def of_ids(cls, column: Any) -> Self:
        """Read a column of ids."""
        labels, codes = numbered_ids(column)
        first = np.zeros(len(labels), np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        if _missing(column[first]).any():
            missing = _missing(column)
            count = int(missing.sum())
            raise ValueError(
                f"id_column={column.name!r} has {count} missing value{'s' * (count > 1)}, the "
                f"first in row {int(missing.argmax())}. Fill in the ids, or drop such rows."
            )
        lengths = np.bincount(codes, minlength=len(labels))
        rows = None if (codes[1:] >= codes[:-1]).all() else np.argsort(codes, kind="stable")
        return cls(rows, concatenated_offsets(lengths), tuple(labels))


def _missing(ids: Any) -> BoolArray:
    missing: BoolArray = ids.is_null().to_numpy()
    return missing | np.isnan(ids.to_numpy()) if ids.dtype.is_float() else missing


def _column_names(tables: list[Any], spec: WindowSpec) -> list[str]:
    """Return the names of the columns that all tables share, or raise an error."""
    names = list(tables[0].columns)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"Columns of a frame must have names that are strings. Received: {names}. "
            "Rename them, frame.columns = map(str, frame.columns), or pass frame.to_numpy()."
        )
    for number, table in enumerate(tables):
        if table.columns != names:
            raise ValueError(
                "All frames of a panel must have the same columns. Received "
                f"{names} and, in series[{number}], {list(table.columns)}."
            )
    for argument in ("id_column", "time_column"):
        column = getattr(spec, argument)
        if column is not None and column not in names:
            index = getattr(getattr(tables[0].to_native(), "index", None), "names", ())
            hint = " It is the index: pass frame.reset_index()." if column in index else ""
            raise ValueError(f"{argument}={column!r} is not in the frame: {names}.{hint}")
    return names


class Arrays:
    """One array, or a list of arrays with the same columns, laid end to end."""

    def __init__(self, arrays: Any, spec: WindowSpec) -> None:
        """Read the arrays; refuse settings that name columns of ids or timestamps."""
        for argument in ("id_column", "time_column"):
            if getattr(spec, argument) is not None:
                raise ValueError(
                    f"{argument}={getattr(spec, argument)!r} needs a pandas or polars frame, or a "
                    f"keras_ts.scale.PanelStore. Received: {type(arrays).__name__}."
                )
        self.given = arrays
        self.single = not isinstance(arrays, list | tuple) or not all(
            hasattr(item, "__array__") and np.ndim(item) > 0 for item in arrays
        )
        if self.single:
            opened = [_one_array(arrays, "series")]
        else:
            opened = [_one_array(item, f"series[{i}]") for i, item in enumerate(arrays)]
        if not opened:
            raise ValueError("series is an empty list; a panel needs at least one series.")
        if len({array.shape[1:] for array in opened}) > 1:
            raise ValueError(
                "All series of a panel must have the same columns. Received shapes "
                f"{sorted({array.shape for array in opened})[:5]}."
            )
        self.offsets = concatenated_offsets([len(array) for array in opened])
        self.values = opened[0] if len(opened) == 1 else np.concatenate(opened)

    def read(self, spec: WindowSpec) -> FlatSeries:
        """Return the series, with the roles of columns that ``spec`` gives them."""
        if self.values.ndim == 1:
            for argument in COLUMN_SETTINGS:
                if getattr(spec, argument) is not None:
                    raise ValueError(
                        f"{argument}={getattr(spec, argument)!r} needs an array (time, columns). "
                        f"Received (time,): reshape it to (time, 1), or leave {argument} out."
                    )
            return FlatSeries(self.values, self.offsets, self.single)
        names = range(self.values.shape[1])
        columns = Columns.of(spec, names)
        values, static = static_parted(self.values, names, columns, self.offsets)
        return FlatSeries(values, self.offsets, self.single, columns, static)


def _one_array(values: Any, what: str) -> Array:
    if isinstance(values, str | os.PathLike):
        raise TypeError(
            f"{what} must hold numbers. Received the string {values!r}. Read a file first, for "
            "example with pandas.read_csv, or write it into a keras_ts.scale.PanelStore."
        )
    try:
        array = _checks.numeric(values, what)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
    except ValueError:
        raise ValueError(
            f"{what} is a list of rows of different lengths. For a panel pass a list of "
            "arrays: [np.asarray(row) for row in series]."
        ) from None
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(
            f"{what} must be (time,) or (time, columns). Received shape {array.shape}. "
            "For several series pass a list of arrays."
        )
    return array
