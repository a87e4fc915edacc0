"""Settles what depends on all series of a store, and completes its files.

Series that are too short to have a frequency of their own get that of others, and series may share
a grid with missing rows. Both need the timestamps of all series, but only some rows at a time.
"""

import uuid
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts._files import checksum, replacing
from keras_ts._progress import ProgressBar
from keras_ts._typing import Array, IntArray
from keras_ts.scale.writing.engine import BLOCK_BYTES
from keras_ts.scale.writing.sorting import SORTED, Layout, SortedSeries
from keras_ts.scale.writing.unfinished import Unfinished, write_array, write_rows
from keras_ts.windows.arithmetic.frequency import Frequencies
from keras_ts.windows.arithmetic.geometry import concatenated_offsets, in_blocks
from keras_ts.windows.arithmetic.inferring import kept
from keras_ts.windows.reading.calendar import checked_front, with_calendar
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.reading.frames import ids_of, open_frame
from keras_ts.windows.reading.regular import on_common_grid, with_missing_rows
from keras_ts.windows.reading.stored import (
    SETTINGS,
    StoredSettings,
    part_of_panel,
)
from keras_ts.windows.reading.zone import Zone

# How the names of files of rows begin once a calendar or missing rows were added.
_REGULAR = "regular"


def finish(series: SortedSeries, static: Array, work: Unfinished, layout: Layout) -> None:
    """Write all files of a store except those of sorted rows; the settings come last."""
    spec = layout.spec
    panel = _sorted_panel(series, work, layout)
    grid = panel if panel.clock is None else on_common_grid(panel)
    gappy = bool(len(grid.gaps))
    fills = gappy and spec.handling.gaps == "fill"
    files, kind, lengths = SORTED, layout.dtype, panel.lengths
    if fills or spec.cycles:
        files = _REGULAR
        kind, lengths = _rewritten(grid if fills else panel, fills, work, layout)
    of_all = series.own, series.own, series.own
    if panel.clock is not None and grid.clock is not None:
        of_all = series.own, panel.clock.frequencies, grid.clock.frequencies
    whole = Frequencies.joined(of_all)
    settings = StoredSettings(
        files=files,
        rows=int(lengths.sum()),
        dtype=kind.str,
        names=tuple(layout.names),
        static=layout.spec.per_series,
        categories=spec.categories and {c: tuple(texts) for c, texts in spec.categories.items()},
        calendar=spec.cycles,
        id_column=spec.id_column or "",
        time_column=spec.time_column,
        times=series.times,
        zone=series.zone,
        kinds=whole.kinds,
        complete=series.complete and not fills,
        filled=spec.handling.gaps == "fill",
        gappy=gappy,
        token=uuid.uuid4().hex,
    )
    arrays = {
        "offsets": concatenated_offsets(lengths),
        "gaps": panel.gaps[:0] if fills else panel.gaps,
        "static": static,
        "frequencies": whole.codes.reshape(3, -1),
    }
    for name, array in arrays.items():
        with replacing(work.folder / f"{name}.npy") as temporary:
            np.save(temporary, array)
    with replacing(work.folder / "keys.arrow") as temporary:
        series.keys.write_ipc(temporary)
    written = [*work.folder.glob("*.npy"), work.folder / "keys.arrow"]
    written += work.folder.glob(f"{files}.*")
    checksums = {path.name: [path.stat().st_size, checksum(path)] for path in sorted(written)}
    settings = replace(settings, checksums=checksums)
    with replacing(work.folder / SETTINGS) as temporary:
        temporary.write_text(settings.as_json(), "utf-8")


def _sorted_panel(series: SortedSeries, work: Unfinished, layout: Layout) -> FlatSeries:
    """Return the panel of sorted rows, as memory maps, with the frequencies of its series."""
    offsets = concatenated_offsets(series.lengths)

    def rows(name: str, dtype: Any, shape: tuple[int, ...]) -> Array:
        return np.memmap(work.folder / f"{SORTED}.{name}", np.dtype(dtype), "r", shape=shape)

    values = rows("values", layout.dtype, (int(offsets[-1]), len(layout.columns.past)))
    clock = None
    if series.times is not None:
        clock = Clock(rows("times", series.times, values.shape[:1]), offsets)
        if series.zone is not None:
            local = rows("local_times", series.times, values.shape[:1])
            clock = replace(clock, local_times=local, zones=(Zone(series.zone, "polars"),))
        own = series.own
        if len(own.kinds) > 1:  # As in ``Clock.frequencies``.
            like = own.usual(series.lengths)
            own = kept(clock.times, offsets, clock.local_times, own, like)
        clock = replace(clock, filled_by=own)
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
    panel: FlatSeries, fills: bool, work: Unfinished, layout: Layout
) -> tuple[np.dtype[Any], IntArray]:
    """Write the rows anew, with missing rows and a calendar; return their dtype and the lengths."""
    spec, kind = layout.spec, layout.dtype
    if panel.clock is None and spec.cycles:
        checked_front(panel, f"calendar={list(spec.cycles)}")
    if spec.cycles or kind.kind != "f":
        kind = np.result_type(kind, np.float32)
    lengths, row = [], 0
    progress = ProgressBar(len(panel.values), "row")
    for series in in_blocks(panel.lengths, max(BLOCK_BYTES // layout.row_bytes, 1)):
        begin, end = series.start, series.stop
        part = part_of_panel(panel, series)
        if fills:
            part = with_missing_rows(part, spec)
            places = np.arange(len(part.values)) if part.given is None else part.given
            first = int(panel.offsets[begin])
            write_array(work.folder / f"{_REGULAR}.given", first, places + row)
        if spec.calendar is not None:
            part = with_calendar(part, spec)
        write_rows(work.folder / _REGULAR, row, part, kind)
        lengths.append(part.lengths)
        row += len(part.values)
        progress.add(int(panel.offsets[end] - panel.offsets[begin]))
    return kind, np.concatenate(lengths)
