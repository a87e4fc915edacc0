"""Writes sorted rows into the files of a store, and then fills gaps and adds the calendar.

Gaps are filled on a grid that all series share, and a series too short to have a frequency takes
that of other series. So gaps and calendar wait until the rows of all series are written.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts._files import checksum, replacing
from keras_ts._progress import ProgressBar
from keras_ts._typing import Array, IntArray
from keras_ts.scale.writing.engine import BLOCK_BYTES, Survey
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.arithmetic.geometry import concatenated_offsets, in_blocks
from keras_ts.windows.arithmetic.labels import expanded
from keras_ts.windows.reading.calendar import checked_front, with_calendar
from keras_ts.windows.reading.clock import Clock, Zone
from keras_ts.windows.reading.flat_series import (
    FlatSeries,
    check_values,
    missing_rows,
    static_parted,
)
from keras_ts.windows.reading.frames import (
    Text,
    ids_of,
    matrix,
    named_ahead,
    open_frame,
    with_categories,
)
from keras_ts.windows.reading.panel import read_panel
from keras_ts.windows.reading.regular import on_common_grid, with_missing_rows
from keras_ts.windows.reading.stored import SETTINGS, StoredSettings, opened_polars, part_of_panel
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import WindowSpec

# First part of the names of files of sorted rows.
SORTED = "sorted"


@dataclass(frozen=True)
class Layout:
    """The settings and dtypes by which the rows of a source become numbers."""

    spec: WindowSpec  # The settings of the windows, with the categories of all columns of text.
    names: list[str]  # The columns except those of ids and timestamps.
    columns: Columns  # The roles of ``names``, with a column of 0 and 1 for each category.
    schema: Any  # The types of the source's columns.
    dtype: np.dtype[Any]  # The dtype of a frame's numbers, static columns included.

    @classmethod
    def of(cls, survey: Survey, spec: WindowSpec, surveyed: bool = True) -> "Layout":
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
        # ``sample`` is a small frame with the types of all rows, all their texts, and a missing
        # text where rows lack one. Until all rows are ``surveyed``, some types and texts are
        # unknown.
        known = {name: sorted(survey.texts.get(name, ())) for name in named_ahead(spec, [*schema])}
        rows, sample = 1 + max(map(len, known.values()), default=0), {}
        for name, kind in schema.items():
            values: list[Any] = [0] * rows
            if name in (spec.id_column, spec.time_column):
                kind = polars.Int64
            elif kind == polars.String and name in known:
                first = (spec.categories or {}).get(name, "?")
                listed: list[Any] = known[name] or [None if surveyed else first[0]]
                values = [*listed, *listed[:1] * (rows - len(listed))]
                values[-1] = None if name in survey.lacking else values[-1]
            elif kind == polars.Null and not surveyed:
                kind = polars.Float64
            elif not (kind.is_numeric() or kind == polars.Boolean):
                values = [None] * rows
            sample[name] = polars.Series(name, values, strict=False).cast(kind)
        table = open_frame(polars.DataFrame(sample))
        texts = [lambda name: Text.of(table[name])]
        spec = with_categories(texts, names, table.columns, spec)
        dtype = matrix(table, names, spec).dtype
        return cls(spec, names, Columns.of(spec, expanded(names, spec.categories)), schema, dtype)

    @property
    def reading(self) -> WindowSpec:
        """The settings for sorted rows: without static columns and calendar, gaps left open."""
        spec = self.spec
        categories = {
            c: of for c, of in (spec.categories or {}).items() if c not in spec.per_series
        }
        return replace(
            spec,
            static_columns=None,
            categories=categories or None,
            min_inputs=None,
            missing="drop" if spec.handling.series else "raise",
            calendar=None,
        )


@dataclass(frozen=True)
class SortedSeries:
    """What stays in memory of series whose rows were written to files."""

    lengths: IntArray  # Rows of each series.
    gaps: IntArray  # Rows, numbered over all series, that follow a gap in time.
    inferred: Frequencies  # The frequency of each series, from its own timestamps.
    complete: bool  # True if all values are finite.
    keys: Any  # A polars frame with the id and the first timestamp of each series.
    zone: str | None  # Name of the time zone, or None.
    times: str | None  # dtype of the timestamps, or None.

    @classmethod
    def joined(cls, parts: Iterable["SortedSeries"]) -> "SortedSeries":
        """Return the series of all parts, in their order."""
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
            Frequencies.joined([part.inferred for part in parts]),
            all(part.complete for part in parts),
            opened_polars().concat([part.keys for part in parts]),
            parts[0].zone,
            parts[0].times,
        )


def write_series(frame: Any, folder: Path, layout: Layout) -> SortedSeries:
    """Append a sorted frame of whole series to the files of sorted rows."""
    frame = frame.cast({name: layout.schema[name] for name in frame.columns})
    panel, spec = read_panel(frame, layout.reading, check=False), layout.spec
    check_values(panel, spec.handling)
    write_rows(folder / SORTED, panel, layout.dtype)
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
    columns = expanded(names, layout.spec.categories)
    frame = open_frame(survey.series.cast({name: layout.schema[name] for name in names}))
    table = matrix(frame, names, layout.spec)
    offsets = np.arange(len(table) + 1)
    _, static = static_parted(table, columns, layout.columns, offsets, layout.spec.categories)
    assert static is not None
    return static.astype(layout.dtype)


# First part of the names of files of rows to which a calendar or missing rows were added.
_REGULAR = "regular"


def finish(series: SortedSeries, static: Array, folder: Path, layout: Layout) -> None:
    """Write the other files of a store; the last one, of the settings, makes the store complete."""
    spec = layout.spec
    panel = _sorted_panel(series, folder, layout)
    grid = panel if panel.clock is None else on_common_grid(panel)
    gappy = bool(len(grid.gaps))
    fills = gappy and spec.handling.gaps == "fill"
    files, dtype, lengths = SORTED, layout.dtype, panel.lengths
    if fills or spec.cycles:
        files = _REGULAR
        dtype, lengths = _rewritten(grid if fills else panel, fills, folder, layout)
    of_all = series.inferred, series.inferred, series.inferred
    if panel.clock is not None and grid.clock is not None:
        of_all = series.inferred, panel.clock.frequencies, grid.clock.frequencies
    frequencies = Frequencies.joined(of_all)
    settings = StoredSettings(
        files=files,
        rows=int(lengths.sum()),
        dtype=dtype.str,
        names=tuple(layout.names),
        static=layout.spec.per_series,
        categories=spec.categories and {c: tuple(texts) for c, texts in spec.categories.items()},
        calendar=spec.calendar_entries,
        id_column=spec.id_column or "",
        time_column=spec.time_column,
        times=series.times,
        zone=series.zone,
        kinds=frequencies.kinds,
        complete=series.complete and not fills,
        filled=spec.handling.gaps == "fill",
        gappy=gappy,
        token=uuid.uuid4().hex,
    )
    arrays = {
        "offsets": concatenated_offsets(lengths),
        "gaps": panel.gaps[:0] if fills else panel.gaps,
        "static": static,
        "frequencies": frequencies.codes.reshape(3, -1),
    }
    for name, array in arrays.items():
        with replacing(folder / f"{name}.npy") as temporary:
            np.save(temporary, array)
    with replacing(folder / "keys.arrow") as temporary:
        series.keys.write_ipc(temporary)
    written = [*folder.glob("*.npy"), folder / "keys.arrow"]
    written += folder.glob(f"{files}.*")
    checksums = {path.name: [path.stat().st_size, checksum(path)] for path in sorted(written)}
    settings = replace(settings, checksums=checksums)
    with replacing(folder / SETTINGS) as temporary:
        temporary.write_text(settings.as_json(), "utf-8")


def _sorted_panel(series: SortedSeries, folder: Path, layout: Layout) -> FlatSeries:
    """Return sorted rows as a panel of memory maps, with the frequencies of its series."""
    offsets = concatenated_offsets(series.lengths)

    def rows(name: str, dtype: Any, shape: tuple[int, ...]) -> Array:
        return np.memmap(folder / f"{SORTED}.{name}", np.dtype(dtype), "r", shape=shape)

    values = rows("values", layout.dtype, (int(offsets[-1]), len(layout.columns.past)))
    clock = None
    if series.times is not None:
        clock = Clock(rows("times", series.times, values.shape[:1]), offsets)
        if series.zone is not None:
            local = rows("local_times", series.times, values.shape[:1])
            clock = replace(clock, local_times=local, zones=(Zone(series.zone, "polars"),))
        clock = replace(clock, filled_by=clock.fitted(series.inferred))
    return FlatSeries(
        values,
        offsets,
        single=False,
        columns=layout.columns,
        clock=clock,
        gaps=series.gaps,
        labels=tuple(ids_of(open_frame(series.keys)[layout.spec.id_column])),
    )


def _rewritten(
    panel: FlatSeries, fills: bool, folder: Path, layout: Layout
) -> tuple[np.dtype[Any], IntArray]:
    """Write rows anew, with missing rows and a calendar; return their dtype and the lengths."""
    spec, dtype = layout.spec, layout.dtype
    if panel.clock is None and spec.cycles:
        checked_front(panel, f"calendar={list(spec.cycles)}")
    if spec.cycles or dtype.kind != "f":
        dtype = np.result_type(dtype, np.float32)
    lengths, row = [], 0
    progress = ProgressBar(len(panel.values), "row")
    row_bytes = 8 * (len(layout.columns.names) + 2 * len(spec.cycles))
    for series in in_blocks(panel.lengths, max(BLOCK_BYTES // row_bytes, 1)):
        part = part_of_panel(panel, series)
        if fills:
            part = with_missing_rows(part, spec)
            places = np.arange(len(part.values)) if part.given is None else part.given
            write_array(folder / f"{_REGULAR}.given", places + row)
        if spec.calendar is not None:
            part = with_calendar(part, spec)
        write_rows(folder / _REGULAR, part, dtype)
        lengths.append(part.lengths)
        row += len(part.values)
        progress.add(int(panel.lengths[series].sum()))
    return dtype, np.concatenate(lengths)


def write_rows(place: Path, panel: FlatSeries, dtype: np.dtype[Any]) -> None:
    """Append the rows of a panel to the files whose names begin with ``place``."""
    arrays, clock = {"values": panel.values.astype(dtype)}, panel.clock
    if clock is not None:
        arrays["times"] = clock.times
        if clock.local_times is not None:
            arrays["local_times"] = clock.local_times
    for name, array in arrays.items():
        write_array(place.with_name(f"{place.name}.{name}"), array)


def write_array(path: Path, array: Array) -> None:
    """Append an array to a file."""
    with path.open("ab") as file:
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
