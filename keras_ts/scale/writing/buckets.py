"""Distributes rows to buckets of whole series, and reads the rows of a bucket.

A series may be spread over all of a source. A hash of its id says which bucket it belongs to, so
that one bucket after the other can be sorted in memory. Each block of rows becomes a file that
holds one Arrow batch for each bucket: bucket 7 is batch 7 of every file.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._files import replacing
from keras_ts._progress import ProgressBar
from keras_ts._typing import IntArray
from keras_ts.scale.writing.sources import Piece
from keras_ts.scale.writing.unfinished import Unfinished
from keras_ts.windows.reading.stored import opened_polars
from keras_ts.windows.reading.texts import named_ahead
from keras_ts.windows.spec import WindowSpec

# A column with more texts holds no categories; they need not all be kept to say so.
_MOST_TEXTS = 2000


@dataclass
class Buckets:
    """Rows distributed to buckets.

    Attributes:
        rows: Number of rows of each bucket.
        files: The files of rows, in the order of the source.
        lacking: The columns with missing values.
        texts: The distinct texts of each column of text that is known ahead or static.
    """

    rows: IntArray
    files: list[Path] = field(default_factory=list)
    lacking: set[str] = field(default_factory=set)
    texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, piece: dict[str, Any], folder: Path) -> None:
        """Add the rows of a piece, as ``_distributed`` describes it."""
        self.rows = self.rows + np.array(piece["rows"], np.int64)
        self.files += [folder / name for name in piece["files"]]
        self.lacking |= set(piece["lacking"])
        for name, texts in piece["texts"].items():
            self.texts.setdefault(name, set()).update(texts)

    def frames(self, bucket: int) -> Iterator[Any]:
        """Yield the rows of a bucket, in the order of the source."""
        for path in self.files:
            yield opened_polars().from_arrow(_opened(path).get_batch(bucket))

    def schema(self) -> Any:
        """Return the types of the columns that hold all rows; numbers that may miss are floats."""
        polars = opened_polars()
        different = {str(_opened(path).schema): path for path in self.files}
        empty = [_empty(path) for path in different.values()]
        schema = dict(polars.concat(empty, how="vertical_relaxed").schema)
        for name in self.lacking:
            if schema[name].is_numeric() or schema[name] == polars.Boolean:
                schema[name] = polars.Float64()
        return polars.Schema(schema)


@lru_cache(maxsize=256)
def _opened(path: Path) -> Any:
    import pyarrow

    # Not mapped: the pages of all files would count as memory of the process.
    return pyarrow.ipc.open_file(pyarrow.OSFile(str(path)))


def close_files() -> None:
    """Close the files of rows."""
    _opened.cache_clear()


def _empty(path: Path) -> Any:
    return opened_polars().from_arrow(_opened(path).schema.empty_table())


def distribute(
    pieces: Iterable[Piece],
    work: Unfinished,
    spec: WindowSpec,
    count: int,
    check: Callable[[Buckets], Any],
    progress: ProgressBar,
) -> Buckets:
    """Distribute the rows of a source, but for pieces that an interrupted write distributed.

    Args:
        pieces: The source.
        work: The folder to write to.
        spec: The settings of the windows.
        count: Number of buckets.
        check: Refuses columns; called with the rows of the first piece.
        progress: Counts the rows.
    """
    buckets, number = Buckets(np.zeros(count, np.int64)), -1
    for number, piece in enumerate(pieces):
        name = f"piece-{number:06d}"
        done, like = work.read(f"{name}.json"), buckets.files[:1]
        frames = _checked(piece, spec, _empty(like[0]) if like else None)
        if done is None:
            done = distributed(frames, work.path / name, spec, count, hashed=piece.key is None)
            if piece.key is not None:
                done["key"] = piece.key
            work.write(f"{name}.json", done)
        elif done["key"] != (piece.key or _content(frames)):
            work.refuse(f"from a source of which {piece.name} has changed since")
        buckets.add(done, work.path)
        if number == 0 and buckets.files:
            check(buckets)
        progress.add(sum(done["rows"]))
    if work.read(f"piece-{number + 1:06d}.json") is not None:
        work.refuse("from a source with more rows")
    if not buckets.rows.sum():
        raise ValueError("source has no row, so there is no series to store.")
    return buckets


def distributed(
    frames: Iterable[Any],
    path: Path,
    spec: WindowSpec,
    count: int,
    seed: int = 0,
    hashed: bool = False,
) -> dict[str, Any]:
    """Write the rows of frames into files of buckets, and describe them as plain values.

    Args:
        frames: The frames.
        path: The beginning of the files' names.
        spec: The settings of the windows.
        count: Number of buckets.
        seed: Chooses the hash.
        hashed: True to describe the rows by a hash, too. Defaults to False.
    """
    polars = opened_polars()
    rows, content = np.zeros(count, np.int64), 0
    files: list[str] = []
    lacking: set[str] = set()
    texts: dict[str, set[str]] = {}
    for frame in frames:
        hashes = _hashes(frame, spec, seed)
        content += _hash_of_rows(frame) if hashed else 0
        codes = (hashes % count).cast(polars.UInt16).to_numpy()
        file = path.with_name(f"{path.name}-{len(files):04d}.arrow")
        _write(frame, codes, count, file)
        files.append(file.name)
        rows += np.bincount(codes, minlength=count)
        lacking |= {name for name in frame.columns if frame[name].null_count()}
        for name in named_ahead(spec, frame.columns):
            if frame.schema[name] == polars.String:
                distinct = frame[name].unique().drop_nulls().to_list()
                texts[name] = set(list(texts.get(name, set()) | set(distinct))[:_MOST_TEXTS])
    return {
        "key": [int(rows.sum()), content],
        "rows": rows.tolist(),
        "files": files,
        "lacking": sorted(lacking),
        "texts": {name: sorted(distinct) for name, distinct in texts.items()},
    }


def _write(frame: Any, codes: IntArray, count: int, file: Path) -> None:
    """Write rows into a file, the rows of each bucket as one batch, in their order."""
    import pyarrow

    polars = opened_polars()
    # A view of strings would be written with the strings of all rows for each bucket.
    table = frame[np.argsort(codes, kind="stable")].to_arrow(
        compat_level=polars.CompatLevel.oldest()
    )
    table = table.combine_chunks()
    batch = table.to_batches()[0] if len(table) else None
    ends = np.cumsum(np.bincount(codes, minlength=count)).tolist()
    with (
        replacing(file) as temporary,
        pyarrow.OSFile(str(temporary), "wb") as sink,
        pyarrow.ipc.new_file(sink, table.schema) as writer,
    ):
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            if begin == end or batch is None:
                writer.write_batch(pyarrow.RecordBatch.from_pylist([], table.schema))
            else:
                writer.write_batch(batch.slice(begin, end - begin))


def _content(frames: Iterable[Any]) -> list[int]:
    """Return what frames without a key are recognized by: the number and a hash of their rows."""
    rows, content = 0, 0
    for frame in frames:
        rows += len(frame)
        content += _hash_of_rows(frame)
    return [rows, content]


def _hash_of_rows(frame: Any) -> int:
    return int(frame.hash_rows().to_numpy().sum(dtype=np.uint64))


def _checked(piece: Piece, spec: WindowSpec, like: Any) -> Iterator[Any]:
    """Yield the frames of a piece with the columns of earlier ones; refuse others.

    Args:
        piece: The piece.
        spec: The settings of the windows.
        like: A frame with the columns of earlier pieces, or None.
    """
    polars = opened_polars()
    for frame in piece.read():
        columns = frame.columns if like is None else like.columns
        if set(frame.columns) != set(columns):
            raise ValueError(
                f"{piece.name} has the columns {_checks.shown(frame.columns)}, and the rows before "
                f"it have {_checks.shown(columns)}. All rows of a source must have the same."
            )
        for name in (spec.id_column, spec.time_column):
            if name is not None and name not in columns:
                argument = "id_column" if name == spec.id_column else "time_column"
                raise ValueError(f"{argument}={name!r} is not in {piece.name}: {columns}.")
        # Batches of Arrow would each need the categories of their own.
        frame = frame.select(columns).with_columns(
            polars.selectors.by_dtype(polars.Categorical, polars.Enum).cast(polars.String)
        )
        if like is None:
            like = frame.clear()
        _check_types(frame, like, spec, piece.name)
        _refuse_missing(frame, spec, piece.name)
        if len(frame):
            yield frame


def _hashes(frame: Any, spec: WindowSpec, seed: int = 0) -> Any:
    """Return a hash of each row's id, the same for integers of any size."""
    polars, ids = opened_polars(), frame[spec.id_column]
    if ids.dtype.is_integer() and ids.dtype != polars.UInt64:
        ids = ids.cast(polars.Int64)
    return ids.hash(seed)


def _check_types(frame: Any, like: Any, spec: WindowSpec, name: str) -> None:
    """Refuse a column whose type does not go with that of earlier rows."""
    polars = opened_polars()
    for column, kind in frame.schema.items():
        before = like.schema[column]
        alike = len({_family(kind), _family(before)} - {""}) < 2
        if column == spec.id_column and kind != before:
            # Other types would make one id of two, or two of one.
            alike = (
                kind.is_integer() and before.is_integer() and polars.UInt64 not in (kind, before)
            )
        if not alike:
            raise TypeError(
                f"column {column!r} must be alike in all rows. Received {before}, and in {name} "
                f"{kind}. Convert one of the two."
            )


def _family(kind: Any) -> str:
    """Name the types that have a common one which holds the values of all."""
    if kind == opened_polars().Null:
        return ""
    return "numbers" if kind.is_numeric() or kind == opened_polars().Boolean else str(kind)


def _refuse_missing(frame: Any, spec: WindowSpec, name: str) -> None:
    for argument in ("id_column", "time_column"):
        column = getattr(spec, argument)
        if column is None:
            continue
        count = frame[column].null_count()
        if frame.schema[column].is_float():
            count += int(frame[column].is_nan().sum())
        if count:
            raise ValueError(
                f"{argument}={column!r} has {count} missing value{'s' * (count > 1)} in {name}. "
                "Fill them in, or drop such rows."
            )
