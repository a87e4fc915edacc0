"""Sorts one bucket of rows after the other, and writes its series into the files of a store."""

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._files import replacing
from keras_ts._typing import Array, IntArray
from keras_ts.scale.writing.buckets import Buckets, distributed
from keras_ts.scale.writing.unfinished import Unfinished, write_array
from keras_ts.windows.arithmetic.categories import expanded
from keras_ts.windows.arithmetic.frequencies import Frequencies
from keras_ts.windows.arithmetic.frequency import frequencies
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.reading.frames import matrix, open_frame
from keras_ts.windows.reading.panel import Panel, check_values, missing_rows, static_parted
from keras_ts.windows.reading.reader import read_panel
from keras_ts.windows.reading.stored import frequency_of, joined_frequencies, opened_polars
from keras_ts.windows.reading.texts import named_ahead, with_categories
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import WindowSpec

# The bytes of a bucket's rows as numbers, about; and how many times that is distributed again.
BUCKET_BYTES, TOO_LARGE = 1 << 25, 4
# More would make the batches of a file small, whose reading is slow.
MOST_BUCKETS = 256
# First part of the names of the files of sorted rows.
SORTED = "sorted"
# A bucket that so many hashes have not divided is sorted as it is.
_UNDIVIDED = 8


@dataclass(frozen=True)
class Layout:
    """How the rows of a source become numbers.

    Attributes:
        spec: The settings of the windows, with the categories of all columns of text.
        names: The columns except those of ids and timestamps.
        columns: The roles of the columns that are made of them.
        schema: The types of the source's columns.
        dtype: The dtype of a frame's numbers, static columns included.
    """

    spec: WindowSpec
    names: list[str]
    columns: Columns
    schema: Any
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, buckets: Buckets, spec: WindowSpec, whole: bool = True) -> "Layout":
        """Return the layout of distributed rows; refuse columns that cannot be numbers.

        Args:
            buckets: The rows.
            spec: The settings of the windows.
            whole: False if more rows may follow, with texts where there were none.
        """
        polars = opened_polars()
        schema = buckets.schema()
        names = [name for name in schema if name not in (spec.id_column, spec.time_column)]
        for name in spec.static_columns or ():  # type: ignore[union-attr]
            if schema.get(name) == polars.String and name in buckets.lacking:
                raise ValueError(
                    f"static_columns={name!r} holds missing texts. Fill them, or leave the column "
                    "out."
                )
        table = open_frame(_sample(buckets, schema, spec, whole))
        spec = with_categories([table], names, spec)
        dtype = matrix(table, names, spec.categories).dtype
        return cls(spec, names, Columns.of(spec, expanded(names, spec.categories)), schema, dtype)

    @property
    def static(self) -> list[str]:
        """The names of the static columns, in the order of the settings."""
        columns: Any = self.spec.static_columns or ()
        return list(columns)

    @property
    def row_bytes(self) -> int:
        """The bytes of a row as numbers, with those of a calendar."""
        return 8 * (len(self.columns.past) + len(self.columns.static) + 2 * len(self.spec.cycles))

    @property
    def early_calendar(self) -> bool:
        """True if a calendar can be computed before the frequency of all series is known."""
        return bool(self.spec.cycles) and all(isinstance(c, str) for c in self.spec.cycles)

    @property
    def kind(self) -> np.dtype[Any]:
        """The dtype of the values in the files of sorted rows."""
        return np.result_type(self.dtype, np.float32) if self.early_calendar else self.dtype

    @property
    def reading(self) -> WindowSpec:
        """The settings by which the columns that vary are read, with gaps in time left as such."""
        spec = self.spec
        categories = {c: of for c, of in (spec.categories or {}).items() if c not in self.static}
        return replace(
            spec,
            static_columns=None,
            categories=categories or None,
            min_inputs=None,
            missing="raise" if spec.missing == "raise" else "drop",
            calendar=spec.calendar if self.early_calendar else None,
        )


def _sample(buckets: Buckets, schema: Any, spec: WindowSpec, whole: bool) -> Any:
    """Return a frame that has the types of all rows, all texts, and a missing value where any is.

    Args:
        buckets: The rows.
        schema: Their types.
        spec: The settings of the windows.
        whole: As in ``Layout.of``.
    """
    polars = opened_polars()
    texts = {name: sorted(buckets.texts.get(name, ())) for name in named_ahead(spec, list(schema))}
    rows, sample = 1 + max(map(len, texts.values()), default=0), {}
    for name, kind in schema.items():
        values: list[Any] = [0] * rows
        if name in (spec.id_column, spec.time_column):
            kind = polars.Int64
        elif kind == polars.String and name in texts:
            listed: list[Any] = [*texts[name]] or [None if whole else "?"]
            values = [*listed, *listed[:1] * (rows - len(listed))]
            values[-1] = None if name in buckets.lacking else values[-1]
        elif kind == polars.Null and not whole:
            kind = polars.Float64
        elif not (kind.is_numeric() or kind == polars.Boolean):
            values = [None] * rows
        sample[name] = polars.Series(name, values, strict=False).cast(kind)
    return polars.DataFrame(sample)


@dataclass(frozen=True)
class SortedSeries:
    """What is kept in memory of the series of some buckets.

    Attributes:
        lengths: Length of each series.
        static: The values of the static columns, ``(series, columns)``.
        gaps: Flat positions that must not share a window with the one before.
        own: The frequency that each series has by itself.
        complete: True if all values are finite.
        keys: A polars frame with the id and the first timestamp of each series.
        zone: Name of the timestamps' time zone, or None.
        times: The timestamps' dtype, or None.
    """

    lengths: IntArray
    static: Array
    gaps: IntArray
    own: Frequencies
    complete: bool
    keys: Any
    zone: str | None
    times: str | None

    def save(self, path: Path) -> None:
        """Write the object into a file, whole or not at all."""
        keys = io.BytesIO()
        self.keys.write_ipc(keys)
        plain = {
            "kinds": [asdict(kind) for kind in self.own.kinds],
            **{name: getattr(self, name) for name in ("complete", "zone", "times")},
        }
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                **{name: getattr(self, name) for name in ("lengths", "static", "gaps")},
                codes=self.own.codes,
                keys=np.frombuffer(keys.getvalue(), np.uint8),
                plain=np.array(json.dumps(plain)),
            )

    @classmethod
    def load(cls, path: Path) -> "SortedSeries":
        """Read what ``save`` wrote."""
        with np.load(path) as file:
            read = dict(file)
        plain = json.loads(str(read.pop("plain")))
        own = Frequencies(tuple(map(frequency_of, plain.pop("kinds"))), read.pop("codes"))
        keys = opened_polars().read_ipc(io.BytesIO(read.pop("keys").tobytes()))
        return cls(**read, **plain, own=own, keys=keys)

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
            np.concatenate([part.static for part in parts]),
            np.concatenate([part.gaps + at for part, at in zip(parts, begins, strict=False)]),
            joined_frequencies([part.own for part in parts]),
            all(part.complete for part in parts),
            opened_polars().concat([part.keys for part in parts]),
            parts[0].zone,
            parts[0].times,
        )


def sort_bucket(
    buckets: Buckets, number: int, work: Unfinished, layout: Layout, row: int, seed: int = 1
) -> SortedSeries:
    """Write the series of a bucket into the files of sorted rows, from a row on.

    A bucket that is too large for memory is distributed to smaller ones first.

    Args:
        buckets: The rows.
        number: Number of the bucket.
        work: The folder to write to.
        layout: How rows become numbers.
        row: Number of the bucket's first row in the files.
        seed: Chooses the hash that distributes it.
    """
    rows = int(buckets.rows[number])
    size = rows * layout.row_bytes
    if size > TOO_LARGE * BUCKET_BYTES and seed < _UNDIVIDED:
        count = min(-(-size // BUCKET_BYTES), MOST_BUCKETS)
        smaller = Buckets(np.zeros(count, np.int64))
        path = work.path / f"again-{row}-{seed}"
        smaller.add(distributed(buckets.frames(number), path, layout.spec, count, seed), work.path)
        filled, begins = np.flatnonzero(smaller.rows), concatenated_offsets(smaller.rows)
        again = _UNDIVIDED if len(filled) == 1 else seed + 1  # It may be a single series.
        parts = [
            sort_bucket(smaller, part, work, layout, row + int(begins[part]), again)
            for part in filled.tolist()
        ]
        for file in smaller.files:
            file.unlink()
        return SortedSeries.joined(parts)
    frame = _in_order(
        opened_polars().concat(buckets.frames(number), how="vertical_relaxed"), layout
    )
    panel = read_panel(frame.drop(layout.spec.static_columns or ()), layout.reading, check=False)
    check_values(panel, layout.spec.handling)
    _write(work.folder, row, panel, layout)
    return _described(panel, frame, layout)


def _in_order(frame: Any, layout: Layout) -> Any:
    """Return rows sorted by series and time, or without a time in their order within a series."""
    polars, spec = opened_polars(), layout.spec
    frame = frame.cast(layout.schema)
    ids = frame[spec.id_column]
    if ids.dtype == polars.String:  # Numbers are sorted in half the time.
        ids = ids.cast(polars.Enum(ids.unique().sort())).to_physical()
    name = "".join(frame.columns)  # No other column has it.
    keys = [name] if spec.time_column is None else [name, spec.time_column]
    frame = frame.with_columns(ids.alias(name))
    return frame.sort(keys, maintain_order=spec.time_column is None).drop(name)


def _write(folder: Path, row: int, panel: Panel, layout: Layout) -> None:
    write_array(folder / f"{SORTED}.values", row, panel.values.astype(layout.kind))
    if panel.clock is not None:
        write_array(folder / f"{SORTED}.times", row, panel.clock.times)
        if panel.clock.local_times is not None:
            write_array(folder / f"{SORTED}.local_times", row, panel.clock.local_times)


def _described(panel: Panel, frame: Any, layout: Layout) -> SortedSeries:
    clock, spec = panel.clock, layout.spec
    own = Frequencies((), np.full(len(panel.lengths), -1))
    if clock is not None:
        own = frequencies(clock.times, clock.offsets, clock.local_times)
    names = [name for name in (spec.id_column, spec.time_column) if name is not None]
    return SortedSeries(
        panel.lengths,
        _static(frame, layout).astype(layout.dtype),
        panel.gaps,
        own,
        not missing_rows(panel.values).any(),
        frame.select(names)[panel.offsets[:-1]],
        str(clock.zones[0].info) if clock is not None and clock.zones else None,
        None if clock is None else clock.times.dtype.str,
    )


def _static(frame: Any, layout: Layout) -> Array:
    """Return the values of the static columns, or refuse one that changes within a series."""
    spec, series, names = layout.spec, layout.spec.id_column, layout.static
    if not names:
        return np.zeros((frame[series].n_unique(), 0))
    first = frame.select(series, *names).unique(maintain_order=True)
    for name in names:
        different = first.select(series, name).unique(maintain_order=True)
        again = different.filter(~different[series].is_first_distinct())
        if len(again):
            values = different.filter(different[series] == again[series][0])[name]
            raise ValueError(
                f"static_columns={name!r} changes within series {again[series][0]!r}: it has "
                f"{_checks.shown(values[0])} and {_checks.shown(values[1])}. A static column has "
                "one value per series; leave it out of static_columns."
            )
    made = expanded(names, spec.categories)
    table = matrix(open_frame(first), names, spec.categories)
    offsets = np.arange(len(first) + 1)
    _, static = static_parted(table, made, layout.columns, offsets, spec.categories)
    assert static is not None
    return static
