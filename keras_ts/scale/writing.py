"""Writes the files of a store: DuckDB reads and sorts the rows of a source, which become arrays.

All series have one frequency, by which gaps are filled. So the timestamps alone are sorted and read
first, and then all columns.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.panel.calendar import with_calendar
from keras_ts.panel.flat_series import FlatSeries, check_values, missing_rows
from keras_ts.panel.frames import matrix, named_ahead, open_frame, series_ids
from keras_ts.panel.panel import Panel
from keras_ts.panel.regular import refuse_gaps, refuse_irregular, with_missing_rows
from keras_ts.panel.stored import SETTINGS, StoredSettings, opened_polars
from keras_ts.panel.tables import Frames
from keras_ts.windows.spec import WindowSpec

# Rough bytes of the rows in a block of whole series, and in a batch that leaves DuckDB.
BLOCK_BYTES, BATCH_BYTES = 1 << 25, 1 << 22
# The columns that DuckDB sorts by: the number of the series, and the time or number of the row.
_SERIES, _PLACE = "keras_ts series", "keras_ts place"


def write_columns(source: Any, folder: Path, spec: WindowSpec) -> None:
    """Write the rows of a source as the files of a store into an empty folder."""
    duckdb = _checks.needed("duckdb", "PanelStore.write")
    working = folder / "working"
    working.mkdir()
    settings = {
        "memory_limit": "200MB",
        "temp_directory": str(working),
        "threads": 2,  # More threads would need more memory.
        # Without timestamps, rows keep the order of the source.
        "preserve_insertion_order": spec.time_column is None,
    }
    with duckdb.connect(config=settings) as connection:
        relation, time_type = _opened(source, connection, working, spec)
        rows = _Rows.of(relation, connection, time_type, spec)
        stored = _write_rows(rows, _timeline(rows, working), folder)
    shutil.rmtree(working)
    stored = replace(stored, sizes={path.name: path.stat().st_size for path in folder.iterdir()})
    (folder / SETTINGS).write_text(stored.as_json(), "utf-8")


def _opened(source: Any, connection: Any, working: Path, spec: WindowSpec) -> tuple[Any, Any]:
    """Return a source as DuckDB reads it, and the polars type of its timestamps, if it is known."""
    import pyarrow.dataset
    import pyarrow.parquet

    polars, path = opened_polars(), working / "source.parquet"
    if isinstance(source, str | os.PathLike):
        path = Path(source)
    elif isinstance(source, polars.LazyFrame):
        source.sink_parquet(path, compression="lz4")
    else:
        if not isinstance(source, pyarrow.dataset.Dataset):
            table = open_frame(source)
            source = pyarrow.dataset.dataset(table.to_arrow().select(table.columns))
        dated = spec.time_column is not None  # Otherwise rows must keep their order.
        pyarrow.dataset.write_dataset(source, path, format="parquet", use_threads=dated)
    files = [path]
    if path.is_dir():
        files = sorted(path.rglob("*.parquet")) or sorted(path.rglob("*.csv"))
        # Engines keep files of their own in folders such as ``_delta_log``.
        files = [f for f in files if not any(p[0] in "_." for p in f.relative_to(path).parts)]
    csv = any(file.suffix == ".csv" for file in files)
    # By name, since otherwise the types of the first file would hold for all.
    read = connection.read_csv if csv else connection.read_parquet
    relation = read([str(file) for file in files], union_by_name=True)
    schema = pyarrow.schema([]) if csv else pyarrow.parquet.read_schema(files[0])
    if spec.time_column not in schema.names:
        return relation, None
    # DuckDB keeps neither time zones nor all units of timestamps.
    times = schema.empty_table().select([spec.time_column])
    return relation, polars.from_arrow(times).schema[spec.time_column]


@dataclass(frozen=True)
class _Rows:
    """The rows of a source."""

    relation: Any  # DuckDB's relation of the columns, with ``_SERIES`` and ``_PLACE``.
    time_type: Any  # The polars type of the timestamps; None for that of DuckDB.
    spec: WindowSpec  # The settings of the windows, with the categories of all columns of text.
    names: list[str]  # The columns except those of ids and timestamps.
    dtype: np.dtype[Any]  # The dtype of the values.
    ids: Any  # The ids of the series, a sorted polars frame.

    @classmethod
    def of(cls, source: Any, connection: Any, time_type: Any, spec: WindowSpec) -> "_Rows":
        """Give columns the types to be stored in, and texts their categories."""
        polars, empty = opened_polars(), source.limit(0).pl()
        Frames(empty, spec)  # Refuses a source without the columns of ids and timestamps.
        columns, categories = list[str](), dict(spec.categories or {})
        for name, kind in empty.schema.items():
            column = made = _quoted(name)
            if name == spec.time_column:
                made = _quoted(_PLACE)
            elif kind in (polars.Decimal, polars.Int128) and name not in spec.id_columns:
                column += "::DOUBLE"
            elif kind == polars.String and name in named_ahead(spec, [name]):
                texts = source.project(column).distinct().pl()[name]
                categories.setdefault(name, sorted(texts.drop_nulls()))
            columns.append(f"{column} AS {made}")
        if spec.time_column is None:
            columns.append(f"row_number() OVER () AS {_quoted(_PLACE)}")
        relation = source.project(", ".join(columns)).set_alias("rows")
        key = ", ".join(map(_quoted, spec.id_columns))
        number = f"row_number() OVER (ORDER BY {key}) - 1 AS {_quoted(_SERIES)}"
        source.project(key).distinct().project(f"{key}, {number}").create("ids")
        series = connection.table("ids")
        ids = series.order(_quoted(_SERIES)).pl().drop(_SERIES)
        if not len(ids) or any(column.null_count() for column in ids):
            raise ValueError(f"source has no rows, or rows without an id in {spec.id_column!r}.")
        spec = replace(spec, categories={c: of for c, of in categories.items() if of} or None)
        names = [name for name in empty.columns if name not in spec.keys]
        # Other rows than the first may lack a value, so all values are floats.
        dtype = np.result_type(matrix(open_frame(relation.limit(1).pl()), names, spec), np.float32)
        return cls(relation.join(series, key), time_type, spec, names, dtype, ids)

    @property
    def labels(self) -> tuple[Any, ...]:
        """The ids of the series."""
        return tuple(series_ids(open_frame(self.ids), self.spec.id_columns))

    def frames(self, names: list[str]) -> Iterator[Any]:
        """Yield some columns in polars frames of whole series, sorted by id and time."""
        polars, held, by = opened_polars(), None, [_SERIES, _PLACE]
        ordered = self.relation.project(", ".join(map(_quoted, by + names)))
        ordered = ordered.order(", ".join(map(_quoted, by)))
        row_bytes = 8 * len(ordered.columns)
        for batch in ordered.to_arrow_reader(max(BATCH_BYTES // row_bytes, 1)):
            read = polars.from_arrow(batch)
            held = read if held is None else polars.concat([held, read])
            last = int(held[_SERIES].search_sorted(held[_SERIES][-1]))
            if last and len(held) >= BLOCK_BYTES // row_bytes:
                yield self._named(held[:last])
                held = held[last:]
        yield self._named(held)

    def _named(self, rows: Any) -> Any:
        frame = rows.drop(_SERIES, _PLACE).with_columns(*self.ids[rows[_SERIES]])
        if self.spec.time_column is None:
            return frame
        times = rows[_PLACE].cast(self.time_type or rows[_PLACE].dtype)
        if (times.cast(rows[_PLACE].dtype) != rows[_PLACE]).any():
            raise ValueError(
                f"time_column={self.spec.time_column!r} is {self.time_type} in the first file, and "
                "another file has timestamps that do not fit this type."
            )
        return frame.with_columns(times.alias(self.spec.time_column))


def _quoted(name: Any) -> str:
    return '"' + name.replace('"', '""') + '"'


def _timeline(rows: _Rows, working: Path) -> FlatSeries:
    """Return all series with their timestamps and gaps, without values; refuse irregular steps."""
    spec, lengths, clock = rows.spec, [0], None
    plain = WindowSpec(1, id_column=spec.id_column, time_column=spec.time_column, missing="keep")
    for frame in rows.frames([]):
        frame = frame.with_columns(opened_polars().lit(0).alias(_PLACE))  # Windows need values.
        part = Panel.of(frame, plain).read(check=False)
        lengths += part.lengths.tolist()
        if (clock := part.clock) is not None:
            _append(working / "times", clock.times)
            _append(working / "shown", clock.shown)
    panel = FlatSeries(np.empty(0), np.cumsum(lengths), single=False, labels=rows.labels)
    if clock is None:
        return panel
    times = np.memmap(working / "times", clock.times.dtype, "r")
    local = None if clock.zone is None else np.memmap(working / "shown", times.dtype, "r")
    clock = replace(clock, times=times, offsets=panel.offsets, local_times=local)
    panel = replace(panel, clock=clock)
    refuse_irregular(panel, spec.time_column)
    if spec.handling.gaps == "refuse":
        refuse_gaps(panel, clock.gaps, spec)
    return replace(panel, gaps=clock.gaps)


def _write_rows(rows: _Rows, timeline: FlatSeries, folder: Path) -> StoredSettings:
    """Write the files of a store, with gaps filled and a calendar; return its settings."""
    spec, clock, written = rows.spec, timeline.clock, 0
    fills, complete = len(timeline.gaps) > 0 and spec.handling.gaps == "fill", True
    reading = replace(spec, min_inputs=None, calendar=None, missing="keep")
    lengths, static, keys = [0], list[Array](), list[Any]()
    for frame in rows.frames(rows.names):
        part = Panel.of(frame, reading).read(check=False)
        check_values(part, spec.handling)
        complete = complete and not missing_rows(part.values).any()
        keys.append(frame.drop(rows.names)[part.offsets[:-1]])
        if part.clock is not None and clock is not None:
            own = replace(part.clock, known=clock.frequency)
            part = replace(part, clock=own, gaps=own.gaps if fills else part.gaps)
        if fills:
            part = with_missing_rows(part, spec)
            given = np.arange(len(part.values)) if part.given is None else part.given
            _append(folder / "rows.given", given + written)
        if spec.calendar is not None:
            part = with_calendar(part, spec)
        _append(folder / "rows.values", part.values.astype(rows.dtype))
        if part.clock is not None:
            _append(folder / "rows.times", part.clock.times)
            if part.clock.local_times is not None:
                _append(folder / "rows.local_times", part.clock.local_times)
        static.append(np.zeros((len(part.lengths), 0)) if part.static is None else part.static)
        lengths += part.lengths.tolist()
        written += len(part.values)
    np.save(folder / "offsets.npy", np.cumsum(lengths))
    np.save(folder / "gaps.npy", timeline.gaps[:0] if fills else timeline.gaps)
    np.save(folder / "static.npy", np.concatenate(static).astype(rows.dtype))
    opened_polars().concat(keys).write_ipc(folder / "keys.arrow")
    return StoredSettings(
        rows=written,
        dtype=rows.dtype.str,
        names=tuple(rows.names),
        static=spec.per_series,
        categories=spec.categories,
        calendar=spec.calendar_entries,
        id_column=spec.id_column if isinstance(spec.id_column, str) else spec.id_columns,
        time_column=spec.time_column,
        times=None if clock is None else clock.times.dtype.str,
        zone=None if clock is None or clock.zone is None else str(clock.zone.info),
        frequency=None if clock is None else clock.frequency,
        complete=complete and not fills,
        filled=spec.handling.gaps == "fill",
        gappy=len(timeline.gaps) > 0,
        token=uuid.uuid4().hex,
    )


def _append(path: Path, array: Array) -> None:
    with path.open("ab") as file:
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
