"""Writes the sorted rows of a source into the files of a store, one block after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.scale.writing.engine import Survey
from keras_ts.scale.writing.unfinished import write_rows
from keras_ts.windows.arithmetic.categories import expanded
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.reading.flat_series import (
    check_values,
    missing_rows,
    static_parted,
)
from keras_ts.windows.reading.frames import matrix, open_frame
from keras_ts.windows.reading.panel import read_panel
from keras_ts.windows.reading.stored import opened_polars
from keras_ts.windows.reading.texts import Text, named_ahead, with_categories
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import WindowSpec

# First part of the names of the files of sorted rows.
SORTED = "sorted"


@dataclass(frozen=True)
class Layout:
    """How the rows of a source become numbers."""

    spec: WindowSpec  # The settings of the windows, with the categories of all columns of text.
    names: list[str]  # The columns except those of ids and timestamps.
    columns: Columns  # The roles of the columns that are made of them.
    schema: Any  # The types of the source's columns.
    dtype: np.dtype[Any]  # The dtype of a frame's numbers, static columns included.

    @classmethod
    def of(cls, survey: Survey, spec: WindowSpec, whole: bool = True) -> "Layout":
        """Return the layout of the rows of a source; refuse columns that cannot be numbers."""
        polars = opened_polars()
        schema = survey.schema
        names = [name for name in schema if name not in (spec.id_column, spec.time_column)]
        for name in spec.per_series:
            if schema.get(name) == polars.String and name in survey.lacking:
                raise ValueError(
                    f"static_columns={name!r} holds missing texts. Fill them, or leave the column "
                    "out."
                )
        table = open_frame(_sample(survey, schema, spec, whole))
        texts = [lambda name: Text.of(table[name])]
        spec = with_categories(texts, names, table.columns, spec)
        dtype = matrix(table, names, spec).dtype
        return cls(spec, names, Columns.of(spec, expanded(names, spec.categories)), schema, dtype)

    @property
    def row_bytes(self) -> int:
        """The bytes of a row as numbers, with those of a calendar."""
        return 8 * (len(self.columns.names) + 2 * len(self.spec.cycles))

    @property
    def reading(self) -> WindowSpec:
        """The settings by which the columns that vary are read, without a calendar; gaps stay."""
        spec = self.spec
        categories = {
            c: of for c, of in (spec.categories or {}).items() if c not in spec.per_series
        }
        return replace(
            spec,
            static_columns=None,
            categories=categories or None,
            min_inputs=None,
            missing="raise" if spec.missing == "raise" else "drop",
            calendar=None,
        )


def _sample(survey: Survey, schema: Any, spec: WindowSpec, whole: bool) -> Any:
    """Return a frame that has the types of all rows, all texts, and a missing value where any is.

    Unless the survey is ``whole``, a column without a type or a text may get one later.
    """
    polars = opened_polars()
    texts = {name: sorted(survey.texts.get(name, ())) for name in named_ahead(spec, list(schema))}
    rows, sample = 1 + max(map(len, texts.values()), default=0), {}
    for name, kind in schema.items():
        values: list[Any] = [0] * rows
        if name in (spec.id_column, spec.time_column):
            kind = polars.Int64
        elif kind == polars.String and name in texts:
            listed: list[Any] = [*texts[name]] or [None if whole else "?"]
            values = [*listed, *listed[:1] * (rows - len(listed))]
            values[-1] = None if name in survey.lacking else values[-1]
        elif kind == polars.Null and not whole:
            kind = polars.Float64
        elif not (kind.is_numeric() or kind == polars.Boolean):
            values = [None] * rows
        sample[name] = polars.Series(name, values, strict=False).cast(kind)
    return polars.DataFrame(sample)


@dataclass(frozen=True)
class SortedSeries:
    """What is kept in memory of the series of some blocks."""

    lengths: IntArray  # Length of each series.
    gaps: IntArray  # Flat positions that must not share a window with the one before.
    own: Frequencies  # The frequency that each series has by itself.
    complete: bool  # True if all values are finite.
    keys: Any  # A polars frame with the id and the first timestamp of each series.
    zone: str | None  # Name of the timestamps' time zone, or None.
    times: str | None  # The timestamps' dtype, or None.

    @classmethod
    def joined(cls, parts: Iterable["SortedSeries"]) -> "SortedSeries":
        """Return the series of all parts, one part after the other."""
        parts = list(parts)
        begins = concatenated_offsets([part.lengths.sum() for part in parts])
        different = {part.times for part in parts}
        if len(different) > 1:
            raise ValueError(
                f"The timestamps of some series are {' and of others '.join(map(str, different))}: "
                "they do not fit one type. Convert the column."
            )
        return cls(
            np.concatenate([part.lengths for part in parts]),
            np.concatenate([part.gaps + at for part, at in zip(parts, begins, strict=False)]),
            Frequencies.joined([part.own for part in parts]),
            all(part.complete for part in parts),
            opened_polars().concat([part.keys for part in parts]),
            parts[0].zone,
            parts[0].times,
        )


def write_series(frame: Any, folder: Path, layout: Layout, row: int) -> SortedSeries:
    """Write a sorted frame of whole series into the files of sorted rows, from a row on."""
    frame = frame.cast({name: layout.schema[name] for name in frame.columns})
    panel, spec = read_panel(frame, layout.reading, check=False), layout.spec
    check_values(panel, spec.handling)
    write_rows(folder / SORTED, row, panel, layout.dtype)
    clock, none = panel.clock, Frequencies((), np.full(len(panel.lengths), -1))
    names = [name for name in (spec.id_column, spec.time_column) if name is not None]
    return SortedSeries(
        panel.lengths,
        panel.gaps,
        none if clock is None else clock.inferred[1],
        not missing_rows(panel.values).any(),
        frame.select(names)[panel.offsets[:-1]],
        str(clock.zones[0].info) if clock is not None and clock.zones else None,
        None if clock is None else clock.times.dtype.str,
    )


def read_static(survey: Survey, layout: Layout) -> Array:
    """Return the values of the static columns, ``(series, columns)``."""
    names = list(layout.spec.per_series)
    if not names:
        return np.zeros((len(survey.series), 0), layout.dtype)
    made = expanded(names, layout.spec.categories)
    first = open_frame(survey.series.cast({name: layout.schema[name] for name in names}))
    table = matrix(first, names, layout.spec)
    offsets = np.arange(len(table) + 1)
    _, static = static_parted(table, made, layout.columns, offsets, layout.spec.categories)
    assert static is not None
    return static.astype(layout.dtype)
