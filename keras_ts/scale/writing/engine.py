"""Reads a source twice: first ids and static columns, then the rows, which DuckDB sorts.

DuckDB sorts by the number of the id among all ids, and by time, and keeps in files what exceeds its
memory. The rows come back in blocks of whole series.
"""

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_ts import _checks
from keras_ts._progress import ProgressBar
from keras_ts.scale.writing.sources import Rows
from keras_ts.windows.reading.frames import named_ahead
from keras_ts.windows.reading.stored import opened_polars
from keras_ts.windows.spec import WindowSpec

# Rough bytes in a block of sorted rows, and in a batch of rows that enters or leaves DuckDB.
BLOCK_BYTES, BATCH_BYTES = 1 << 25, 1 << 22
# What DuckDB may use; more threads would need more memory.
_MEMORY, _THREADS = "200MB", 2
# A column with more distinct texts does not hold categories, so only this many are kept.
_MOST_TEXTS = 2000


def opened_duckdb() -> Any:
    """Return the module duckdb, or raise an error that says how to install it."""
    return _checks.needed("duckdb", "PanelStore.write")


@dataclass
class Survey:
    """The files, types, series, missing values and texts of a source."""

    files: list[Rows] = field(default_factory=list)
    empty: Any = None  # A frame without rows, with types that hold the values of all rows.
    # A frame with the id and the static columns of each series, in the order of ids.
    series: Any = None
    lacking: set[str] = field(default_factory=set)  # Names of columns with missing values.
    # The distinct texts of each column of text that is known ahead or static.
    texts: dict[str, set[str]] = field(default_factory=dict)

    def see(self, frame: Any, spec: WindowSpec) -> None:
        """Note the missing values and the texts of a frame."""
        self.lacking |= {name for name in frame.columns if frame[name].null_count()}
        for name in named_ahead(spec, frame.columns):
            if frame.schema[name] == opened_polars().String:
                distinct = self.texts.get(name, set()) | set(frame[name].unique().drop_nulls())
                self.texts[name] = set(list(distinct)[:_MOST_TEXTS])

    @property
    def varying(self) -> list[str]:
        """The columns that DuckDB sorts: all but the ids and the static ones."""
        return [name for name in self.empty.columns if name not in self.series.columns]

    @property
    def schema(self) -> Any:
        """The types of the columns; numbers with missing values are floats."""
        polars, schema = opened_polars(), dict(self.empty.schema)
        for name in self.lacking:
            if schema[name].is_numeric() or schema[name] == polars.Boolean:
                schema[name] = polars.Float64()
        return polars.Schema(schema)


def look_at(survey: Survey, rows: Rows, spec: WindowSpec) -> None:
    """Add a file to a survey, and refuse columns that differ from those of earlier files."""
    empty = rows.empty()
    like = empty if survey.empty is None else survey.empty
    check_columns(like, empty, rows.name, spec)
    both = [like, empty.select(like.columns)]
    survey.empty = opened_polars().concat(both, how="vertical_relaxed")
    survey.files.append(rows)


def read_series(survey: Survey, spec: WindowSpec) -> None:
    """Read the ids and the static columns of all rows into a survey."""
    polars, names = opened_polars(), [spec.id_column, *spec.per_series]
    count = sum(rows.count() for rows in survey.files)
    if not count:
        raise ValueError("source has no row, so there is no series to store.")
    series = survey.empty.select(names)
    types = series.schema
    progress = ProgressBar(count, "row")
    for rows in survey.files:
        for frame in rows.frames(names):
            refuse_missing(frame[spec.id_column], "id_column", rows.name)
            new = frame.select(names).cast(types).join(series, names, how="anti", nulls_equal=True)
            series = polars.concat([series, new.unique()])
            progress.add(len(frame))
    series = series.sort(spec.id_column)
    again = series.filter(~series[spec.id_column].is_first_distinct())
    for name in names[1:] if len(again) else ():
        label = again[spec.id_column][0]
        values = series.filter(polars.col(spec.id_column) == label)[name].unique()
        if len(values) > 1:
            raise ValueError(
                f"static_columns={name!r} changes within series {label!r}: it has "
                f"{_checks.shown(values[0])} and {_checks.shown(values[1])}. A static column has "
                "one value per series; leave it out of static_columns."
            )
    survey.see(series, spec)
    survey.series = series


def sorted_blocks(survey: Survey, work: Path, spec: WindowSpec) -> Iterator[Any]:
    """Yield frames of whole series, sorted by id and time (by row, without timestamps)."""
    # DuckDB reads all rows before it returns the first, so the survey is complete by then.
    import pyarrow

    duckdb = opened_duckdb()
    ids, failed = survey.series[spec.id_column], list[BaseException]()
    names = survey.varying
    # Columns are renamed, since DuckDB treats "Y" and "y" as equal.
    originals = {f"c{number}": name for number, name in enumerate(names)}
    first = _to_arrow(_prepared(survey.empty, survey, spec, 0))
    batch_rows = max(BATCH_BYTES // (8 * (len(names) + 2)), 1)
    settings = {
        "memory_limit": _MEMORY,
        "temp_directory": str(work / "sorting"),
        "threads": _THREADS,
        "preserve_insertion_order": False,
        # Otherwise DuckDB might build the hash table of the join from all rows, not from the ids.
        "disabled_optimizers": "join_order,build_side_probe_side",
    }

    def batches() -> Iterator[Any]:
        try:
            yield from _batches(survey, spec, batch_rows)
        except BaseException as error:
            failed.append(error)
            raise

    source = pyarrow.RecordBatchReader.from_batches(first.schema, batches())
    series = _to_arrow(ids.to_physical().alias("id").to_frame().with_row_index("number"))
    try:
        with duckdb.connect(config=settings) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.register("source", source)
            connection.register("series", series)
            ordered = connection.sql(
                "SELECT * EXCLUDE (id) FROM source JOIN series USING (id) ORDER BY number, place"
            )
            block_rows = BLOCK_BYTES // (8 * (len(names) + 1))
            for frame in _of_whole_series(ordered.to_arrow_reader(batch_rows), block_rows):
                label = ids[frame["number"]].alias(spec.id_column)
                block = frame.select(*originals).rename(originals).with_columns(label)
                yield block.select(n for n in survey.empty.columns if n in block.columns)
    except duckdb.Error as error:
        if failed:
            raise failed[0] from None
        if "No space left" in str(error) or "max_temp_directory_size" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device") from error
        raise


def _batches(survey: Survey, spec: WindowSpec, most: int) -> Iterator[Any]:
    """Yield the rows of a source as Arrow batches for DuckDB, and complete the survey."""
    columns: list[str] = [survey.series.columns[0], *survey.varying]
    progress, row = ProgressBar(sum(rows.count() for rows in survey.files), "row"), 0
    for rows in survey.files:
        for frame in rows.frames(columns):
            if spec.time_column is not None:
                refuse_missing(frame[spec.time_column], "time_column", rows.name)
            survey.see(frame, spec)
            yield from _to_arrow(_prepared(frame, survey, spec, row)).to_batches(most)
            row += len(frame)
            progress.add(len(frame))


def _prepared(frame: Any, survey: Survey, spec: WindowSpec, row: int) -> Any:
    """Return ``id``, ``place`` (the time, or the number of the row) and values ``c0``, ``c1``..."""
    polars = opened_polars()
    names = survey.varying
    types = {name: survey.empty.schema[name] for name in (*names, spec.id_column)}
    frame = frame.select(*types).cast(types)
    columns = {f"c{number}": frame[name].to_physical() for number, name in enumerate(names)}
    place = polars.int_range(row, row + len(frame), dtype=polars.Int64, eager=True)
    if spec.time_column is not None:
        place = frame[spec.time_column].to_physical()
    return polars.DataFrame({"id": frame[spec.id_column].to_physical(), "place": place, **columns})


def _to_arrow(frame: Any) -> Any:
    return frame.to_arrow(compat_level=opened_polars().CompatLevel.oldest())


def _of_whole_series(batches: Iterable[Any], most: int) -> Iterator[Any]:
    """Yield the rows of sorted batches in frames of about ``most`` rows, cut between series."""
    polars, held, enough = opened_polars(), list[Any](), most
    for batch in batches:
        held.append(polars.from_arrow(batch))
        if sum(map(len, held)) < enough:
            continue
        joined = polars.concat(held)
        last = int(joined["number"].search_sorted(joined["number"][-1]))
        if last:
            yield joined[:last]
        held = [joined[last:]]
        enough = max(most, 2 * len(held[0]))  # Copy a long series only each time it has doubled.
    if held:
        yield polars.concat(held)


def check_columns(like: Any, other: Any, name: str, spec: WindowSpec) -> None:
    """Refuse a file without ids or times, or with other columns or types than earlier files."""
    if set(other.columns) != set(like.columns):
        raise ValueError(
            f"{name} has the columns {_checks.shown(other.columns)}, and the rows before "
            f"it have {_checks.shown(like.columns)}. All rows of a source must have the same."
        )
    for argument in ("id_column", "time_column"):
        column = getattr(spec, argument)
        if column is not None and column not in like.columns:
            raise ValueError(f"{argument}={column!r} is not in {name}: {like.columns}.")
    polars = opened_polars()
    for column, kind in other.schema.items():
        before = like.schema[column]
        compatible = len({_family(kind), _family(before)} - {""}) < 2
        if column == spec.id_column and kind != before:
            # Converting types could merge two ids or split one.
            compatible = (
                kind.is_integer() and before.is_integer() and polars.UInt64 not in (kind, before)
            )
        if not compatible:
            raise TypeError(
                f"column {column!r} must have one type in all rows. Received {before}, and {kind} "
                f"in {name}. Convert one of the two."
            )


def _family(kind: Any) -> str:
    """Return the same name for types that files may mix in a column; "" for a column of nulls."""
    if kind == opened_polars().Null:
        return ""
    return "numbers" if kind.is_numeric() or kind == opened_polars().Boolean else str(kind)


def refuse_missing(column: Any, argument: str, name: str) -> None:
    """Refuse rows that lack an id or a timestamp."""
    count = column.null_count()
    if column.dtype.is_float():
        count += int(column.is_nan().sum())
    if count:
        raise ValueError(
            f"{argument}={column.name!r} has {count} missing value{'s' * (count > 1)} in {name}. "
            "Fill them in, or drop such rows."
        )
