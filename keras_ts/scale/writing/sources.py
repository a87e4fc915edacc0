"""Divides a source of rows into pieces that fit into memory, in an order that never changes.

A write that goes on after an interruption leaves out the pieces that it has read. Each piece has a
key, by which it notices that a piece is no longer the same.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_ts._files import replacing
from keras_ts.windows.reading.reader import is_frame
from keras_ts.windows.reading.stored import opened_polars

# The bytes that a piece has in memory, about.
PIECE_BYTES = 1 << 26


@dataclass(frozen=True)
class Piece:
    """Some rows of a source.

    Attributes:
        name: Its name in an error.
        read: Returns its polars frames, one after the other.
        key: What the piece is recognized by, as JSON takes it; None for its rows.
    """

    name: str
    read: Callable[[], Iterator[Any]]
    key: Any = None


@dataclass(frozen=True)
class Source:
    """The pieces of a source, in order.

    Attributes:
        description: What it is, by which another source is noticed.
        pieces: The pieces.
        rows: The number of rows, or None if unknown.
        size: The bytes that all rows would have in memory, about; None if unknown.
    """

    description: str
    pieces: Iterable[Piece]
    rows: int | None = None
    size: int | None = None


def open_source(source: Any, work: Path) -> Source:
    """Return the pieces of a folder, a file, a dataset, a lazy frame or frames.

    Args:
        source: As in ``PanelStore.write``.
        work: A folder for the rows of a lazy frame, which are computed once.
    """
    polars = opened_polars()
    import pyarrow.dataset

    if isinstance(source, str | os.PathLike):
        return _of_files(Path(source))
    if isinstance(source, pyarrow.dataset.Dataset):
        return _of_dataset(source)
    if isinstance(source, polars.LazyFrame):
        return _of_lazy_frame(source, work)
    if _is_frame(source):
        source = [source]
    if not isinstance(source, Iterable) or isinstance(source, bytes):
        raise TypeError(
            "source must be a folder of Parquet files, a Parquet file, a pyarrow Dataset, a polars "
            "LazyFrame, or an iterable of pandas, polars or Arrow frames. Received: "
            f"{type(source).__name__}."
        )
    return Source(f"frames ({type(source).__name__})", _of_frames(source))


def _of_files(path: Path) -> Source:
    """Return the row groups of Parquet files, in pieces of similar size."""
    if not path.exists():
        raise FileNotFoundError(f"source={str(path)!r}: there is no such file or folder.")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    # Spark and others write files of their own beside those of rows.
    files = [file for file in files if not _is_hidden(file.relative_to(path).parts)]
    if not files:
        raise FileNotFoundError(f"source={str(path)!r}: the folder holds no file *.parquet.")
    if any("=" in part for file in files for part in file.relative_to(path).parts[:-1]):
        raise ValueError(
            f"source={str(path)!r} has columns in the names of its folders. Pass "
            f'pyarrow.dataset.dataset({str(path)!r}, partitioning="hive"), which reads them.'
        )
    pieces: list[Piece] = []
    waiting: list[tuple[Path, list[int]]] = []
    held, rows, size = 0, 0, 0
    for file in files:
        with _reading(file):
            metadata = _parquet(file).metadata
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            own = max(group.total_byte_size, 8 * group.num_rows * metadata.num_columns)
            if waiting and held + own > PIECE_BYTES:
                pieces.append(_row_groups(waiting))
                waiting, held = [], 0
            if waiting and waiting[-1][0] == file:
                waiting[-1][1].append(number)
            else:
                waiting.append((file, [number]))
            held, size, rows = held + own, size + own, rows + group.num_rows
    if waiting:
        pieces.append(_row_groups(waiting))
    return Source(f"files {path.absolute()}", pieces, rows, size)


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(("_", ".")) for part in parts)


def _parquet(file: Path) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(file)


def _row_groups(groups: list[tuple[Path, list[int]]]) -> Piece:
    """Return a piece of some row groups of some files."""
    key = []
    for file, numbers in groups:
        status = file.stat()
        key.append([file.name, status.st_size, status.st_mtime_ns, numbers])

    def read() -> Iterator[Any]:
        for file, numbers in groups:
            with _reading(file):
                opened = _parquet(file)
                metadata = [opened.metadata.row_group(number) for number in numbers]
                rows = sum(group.num_rows for group in metadata)
                size = sum(group.total_byte_size for group in metadata) + 8 * rows
                most = rows if size <= 2 * PIECE_BYTES else max(rows * PIECE_BYTES // size, 1)
                if most == rows:
                    batches: Iterable[Any] = [opened.read_row_groups(numbers)]
                else:
                    batches = opened.iter_batches(most, numbers)
                for batch in batches:
                    yield opened_polars().from_arrow(batch)

    return Piece(", ".join(str(file) for file, _ in groups[:3]), read, key)


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Name a file in the error of a block that cannot read it."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{str(file)!r} cannot be read: {error}. Replace the file, and call PanelStore.write "
            "again: it goes on."
        ) from error


def _of_dataset(dataset: Any) -> Source:
    """Return the fragments of a pyarrow dataset, one piece each."""
    import pyarrow
    import pyarrow.dataset

    def read(fragment: Any) -> Iterator[Any]:
        try:
            scanner = pyarrow.dataset.Scanner.from_fragment(fragment, schema=dataset.schema)
            yield from _joined(scanner.to_batches())
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(
                f"{_title(fragment)} cannot be read: {error}. Call PanelStore.write again, when it "
                "can: it goes on."
            ) from error

    try:
        fragments = list(dataset.get_fragments())
    except ValueError:  # Of a filtered dataset.
        batches = [Piece("the dataset", lambda: _joined(dataset.to_batches()))]
        return Source(f"dataset {dataset.schema}", batches)
    pieces = [
        Piece(_title(fragment), functools.partial(read, fragment), _key(fragment))
        for fragment in fragments
    ]
    return Source(f"dataset {dataset.schema}", pieces, dataset.count_rows())


def _title(fragment: Any) -> str:
    return str(getattr(fragment, "path", "the dataset"))


def _key(fragment: Any) -> Any:
    """Return the path, size and time of a fragment's file; None to recognize it by its rows."""
    path = getattr(fragment, "path", None)
    if path is None:
        return None
    status = fragment.filesystem.get_file_info(path)
    if status.size is None or not status.mtime_ns:
        return None
    return [path, status.size, status.mtime_ns, str(fragment.partition_expression)]


def _joined(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield polars frames of Arrow batches, several in one while they are small."""
    import pyarrow

    waiting: list[Any] = []
    for batch in batches:
        waiting.append(batch)
        if sum(held.nbytes for held in waiting) > PIECE_BYTES:
            yield opened_polars().from_arrow(pyarrow.Table.from_batches(waiting))
            waiting = []
    if waiting:
        yield opened_polars().from_arrow(pyarrow.Table.from_batches(waiting))


def _of_lazy_frame(frame: Any, work: Path) -> Source:
    """Return the rows of a lazy frame from a file, into which polars streams them.

    What the frame reads may have changed since an interrupted write, which its plan does not tell.
    So it is computed again, and its pieces are recognized by their rows.
    """
    path = work / "source.parquet"
    with replacing(path) as temporary:
        frame.sink_parquet(temporary, compression="lz4", row_group_size=1 << 19)
    files = _of_files(path)
    pieces = [replace(piece, name="the lazy frame", key=None) for piece in files.pieces]
    return Source("lazy frame", pieces, files.rows, files.size)


def _of_frames(frames: Iterable[Any]) -> Iterator[Piece]:
    for number, frame in enumerate(frames):
        name = f"frame {number} of source"
        yield Piece(name, functools.partial(_converted, frame, name))


def _converted(frame: Any, name: str) -> Iterator[Any]:
    yield _as_polars(frame, name)


def _is_frame(frame: Any) -> bool:
    if isinstance(frame, list | tuple):
        return False
    return hasattr(frame, "__arrow_c_stream__") or is_frame(frame)


def _as_polars(frame: Any, name: str) -> Any:
    """Return a frame of any library as one of polars."""
    polars = opened_polars()
    if isinstance(frame, polars.DataFrame):
        return frame
    if isinstance(frame, polars.LazyFrame):
        return frame.collect()
    if type(frame).__module__.partition(".")[0] == "pandas":
        return polars.from_pandas(frame)
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
        return polars.DataFrame(frame)
    raise TypeError(
        f"{name} must be a pandas, polars or Arrow frame. Received: {type(frame).__name__}."
    )
