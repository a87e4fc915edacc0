"""``Frames`` and ``Arrays`` turn data into a ``FlatSeries``; ids and times are read only once."""

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.clock import Clock
from keras_ts.panel.columns import Columns
from keras_ts.panel.flat_series import FlatSeries, lacking_rows, static_parted
from keras_ts.panel.frames import (
    Text,
    beside,
    blocks_of,
    is_frame,
    numbered_series,
    open_frame,
    with_categories,
)
from keras_ts.panel.inferring import disorder
from keras_ts.panel.labels import collapsed, expanded
from keras_ts.panel.regular import (
    refuse_disorder,
    refuse_gaps,
    refuse_irregular,
    with_missing_rows,
)
from keras_ts.panel.roles import BY_SETTING
from keras_ts.panel.rows import concatenated_offsets, per_row
from keras_ts.panel.settings import TableSettings
from keras_ts.panel.timestamps import read_clock


class Frames:
    """A frame; its ids, times and texts are read only once."""

    def __init__(self, frame: Any, spec: TableSettings, in_order: bool = True) -> None:
        """Open the frame; ``in_order=False`` sorts the rows of each series by time."""
        self.given, self.table = frame, open_frame(frame)
        self.columns = _column_names(self.table, spec)
        self._spec, self._in_order = spec, in_order
        self.features = tuple(name for name in self.columns if name not in spec.keys)
        self._texts: dict[str, Text] = {}
        self._read_before: dict[Any, FlatSeries] = {}

    def selected(self, features: Sequence[str]) -> Self:
        """Return the same frame with some of its columns, in the given order."""
        if tuple(features) == self.features:
            return self
        part = copy.copy(self)
        others = [name for name in self.columns if name not in self.features]
        part.columns, part.features = [*others, *features], tuple(features)
        return part

    def read(self, spec: TableSettings) -> FlatSeries:
        """Return the series, with the roles of columns and gaps treated as ``spec`` says."""
        features = self.features
        unseen = spec.unseen if spec.categories else None
        spec = with_categories(self._text, features, self.columns, spec)
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
        refuse_irregular(flat, spec.time_column)
        flat = replace(flat, gaps=flat.clock.gaps)
        if spec.handling.gaps == "refuse":
            refuse_gaps(flat, flat.gaps, spec)
        if spec.handling.gaps != "fill":
            return flat
        filled = self._read_before.get((key, True))
        if filled is None:
            filled = with_missing_rows(flat, spec)
            filled = replace(filled, checked=flat.checked and filled.given is None)
            self._read_before[key, True] = filled
        return replace(filled, columns=columns)

    def _read(self, features: tuple[str, ...], columns: Columns, spec: TableSettings) -> FlatSeries:
        """Read the series; refuse unfit values, ids and times, but do not look for gaps in time."""
        static = collapsed(columns.static, spec.categories)
        varying = [name for name in features if name not in static]
        read = blocks_of(self.table, features, spec, "series", self._text)
        blocks = dict(zip(features, read, strict=True))
        dtype = np.result_type(*(block.dtype for block in read))
        row_order, offsets, labels = self._series

        def laid_out(names: list[str], dtype: Any) -> Array:
            made = beside([blocks[name] for name in names], dtype)
            return made if row_order is None else made[row_order]

        never_changing = None
        if static:
            kind = np.result_type(*(blocks[name].dtype for name in static))
            made = expanded(static, spec.categories)
            _, never_changing = static_parted(
                laid_out(static, kind), made, columns, offsets, spec.categories
            )
            assert never_changing is not None
            never_changing = never_changing.astype(dtype)
        flat = FlatSeries(
            laid_out(varying, dtype),
            offsets,
            single=labels is None,
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

    def _text(self, name: str) -> Text:
        """Return a column with its values numbered."""
        if name not in self._texts:
            self._texts[name] = Text.of(self.table[name])
        return self._texts[name]

    @cached_property
    def _given_clock(self) -> Clock | None:
        """The timestamps in the order of the frame's rows."""
        column = self._spec.time_column
        return None if column is None else read_clock(self.table, column)

    @cached_property
    def _series(self) -> "_Series":
        """Where the rows of each series are."""
        clock = self._given_clock
        if self._spec.id_column is None:
            series = _Series(None, np.array([0, len(self.table)]), None)
        else:
            series = _Series.of_ids(self.table, self._spec.id_columns)
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
    def of_ids(cls, table: Any, columns: Sequence[str]) -> Self:
        """Read the columns of ids."""
        labels, codes = numbered_series(table, columns)
        first = np.zeros(len(labels), np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        for column in (table[name] for name in columns):
            if _missing(column[first]).any():
                missing = _missing(column)
                raise ValueError(
                    f"id_column={column.name!r} has {missing.sum()} missing values, the first in "
                    f"row {missing.argmax()}. Fill in the ids, or drop such rows."
                )
        lengths = np.bincount(codes, minlength=len(labels))
        rows = None if (codes[1:] >= codes[:-1]).all() else np.argsort(codes, kind="stable")
        return cls(rows, concatenated_offsets(lengths), tuple(labels))


def _missing(ids: Any) -> BoolArray:
    missing: BoolArray = ids.is_null().to_numpy()
    return missing | np.isnan(ids.to_numpy()) if ids.dtype.is_float() else missing


def _column_names(table: Any, spec: TableSettings) -> list[str]:
    """Return the names of a table's columns, or raise an error."""
    names = list(table.columns)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"Columns of a frame must have names that are strings. Received: {names}. Rename them, "
            "or pass an array."
        )
    for column in spec.keys:
        if column not in names:
            argument = "time_column" if column == spec.time_column else "id_column"
            raise ValueError(
                f"{argument}={column!r} is not in the frame: {names}. An index must become a "
                "column first."
            )
    return names


class Arrays:
    """One array, or a list of arrays with the same columns, laid end to end."""

    def __init__(self, arrays: Any, spec: TableSettings) -> None:
        """Read the arrays; refuse settings that name columns of ids or timestamps."""
        for argument in ("id_column", "time_column"):
            if getattr(spec, argument) is not None:
                raise ValueError(
                    f"{argument}={getattr(spec, argument)!r} needs a pandas or polars frame, or a "
                    f"keras_ts.scale.PanelStore. Received: {type(arrays).__name__}."
                )
        if isinstance(arrays, list | tuple) and any(map(is_frame, arrays)):
            raise TypeError(
                "series is a list of frames. Concatenate them into one, with a column that tells "
                "its series apart, and name that in id_column."
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

    def read(self, spec: TableSettings) -> FlatSeries:
        """Return the series, with the roles of columns that ``spec`` gives them."""
        if self.values.ndim == 1:
            for argument in BY_SETTING:
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
            f"{what} must hold numbers. Received the string {values!r}. Read a file first, or "
            "write it into a keras_ts.scale.PanelStore."
        )
    try:
        array = _checks.numeric(values, what)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
    except ValueError:
        raise ValueError(
            f"{what} is a list of rows of different lengths. For a panel pass a list of arrays."
        ) from None
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(
            f"{what} must be (time,) or (time, columns). Received shape {array.shape}. "
            "For several series pass a list of arrays."
        )
    return array
