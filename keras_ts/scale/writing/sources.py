"""Opens a source as Parquet files, which are read some rows at a time.

All rows are read twice. So frames, lazy frames and datasets are first written to Parquet files in
the folder of the unfinished store.
"""

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_ts.windows.reading.frames import is_frame
from keras_ts.windows.reading.stored import opened_polars

# Rough bytes of the rows that are read at once.
PIECE_BYTES = 1 << 25


@dataclass(frozen=True)
class Rows:
    """The rows of a Parquet file."""

    name: str
    path: Path

    def empty(self) -> Any:
        """Return a polars frame with the columns of the file, without rows."""
        with self._opened() as file:
            return _with_texts(opened_polars().from_arrow(file.schema_arrow.empty_table()))

    def count(self) -> int:
        """Return the number of rows."""
        with self._opened() as file:
            return int(file.metadata.num_rows)

    def frames(self, columns: list[str]) -> Iterator[Any]:
        """Yield the rows of some columns in polars frames, in their order."""
        with self._opened() as file:
            groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
            size = sum(group.total_byte_size for group in groups)
            width = max(size // max(file.metadata.num_rows, 1), 8 * len(columns))
            for batch in file.iter_batches(max(PIECE_BYTES // width, 1), columns=columns):
                yield _with_texts(opened_polars().from_arrow(batch))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        import pyarrow.parquet

        with _reading(self.name), pyarrow.parquet.ParquetFile(self.path) as file:
            yield file


def open_source(source: Any, work: Path) -> Iterable[Rows]:
    """Return the Parquet files of a source; other sources are written into ``work`` first."""
    polars = opened_polars()
    import pyarrow.dataset

    if isinstance(source, str | os.PathLike):
        return _files(Path(source))
    if isinstance(source, pyarrow.dataset.Dataset):
        return _of_dataset(source, work)
    if isinstance(source, polars.LazyFrame):
        path = work / "source.parquet"
        source.sink_parquet(path, compression="lz4", row_group_size=1 << 19)
        return [Rows("the lazy frame", path)]
    listed = isinstance(source, list | tuple)
    if not listed and (hasattr(source, "__arrow_c_stream__") or is_frame(source)):
        source = [source]
    if not isinstance(source, Iterable) or isinstance(source, bytes):
        raise TypeError(
            "source must be a folder of Parquet files, a Parquet file, a pyarrow Dataset, a polars "
            "LazyFrame, or an iterable of pandas, polars or Arrow frames. Received: "
            f"{type(source).__name__}."
        )
    return _of_frames(source, work)


def _files(path: Path) -> list[Rows]:
    """Return the Parquet files of a folder and of its subfolders."""
    if not path.exists():
        raise FileNotFoundError(f"source={str(path)!r}: there is no such file or folder.")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    # Engines keep Parquet files of their own in folders such as ``_delta_log``.
    parts = {file: file.relative_to(path).parts for file in files}
    files = [file for file in files if not any(part[0] in "_." for part in parts[file])]
    if not files:
        raise FileNotFoundError(f"source={str(path)!r}: the folder holds no file *.parquet.")
    if any("=" in folder for file in files for folder in parts[file][:-1]):
        raise ValueError(
            f"source={str(path)!r} keeps columns in the names of its folders. Pass "
            f'pyarrow.dataset.dataset({str(path)!r}, partitioning="hive"), which reads them.'
        )
    return [Rows(str(file), file) for file in files]


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Raise an error that names the file if the ``with`` block cannot read it."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{name!r} cannot be read: {error}. Replace the file, and call PanelStore.write again."
        ) from error


def _of_dataset(dataset: Any, work: Path) -> Iterator[Rows]:
    """Write the batches of a pyarrow dataset into one file."""
    import pyarrow.parquet

    path, kind = work / "source.parquet", {"compression": "lz4", "write_statistics": False}
    with _reading("the dataset"):
        batches = dataset.to_batches()
        first = next(batches, None)
        schema = dataset.schema if first is None else first.schema
        with pyarrow.parquet.ParquetWriter(path, schema, **kind) as writer:
            for batch in itertools.chain([] if first is None else [first], batches):
                writer.write_batch(batch)
    yield Rows("the dataset", path)


def _of_frames(frames: Iterable[Any], work: Path) -> Iterator[Rows]:
    """Write each frame, of any library, into a file."""
    polars = opened_polars()
    for number, frame in enumerate(frames):
        name, path = f"frame {number} of source", work / f"source-{number:06d}.parquet"
        if isinstance(frame, polars.LazyFrame):
            frame = frame.collect()
        elif type(frame).__module__.partition(".")[0] == "pandas":
            frame = polars.from_pandas(frame)
        elif hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
            frame = polars.DataFrame(frame)
        else:
            raise TypeError(
                f"{name} must be a pandas, polars or Arrow frame. Received: {type(frame).__name__}."
            )
        _with_texts(frame).write_parquet(path, compression="lz4", statistics=False)
        yield Rows(name, path)


def _with_texts(frame: Any) -> Any:
    """Return a frame with categories as texts, since the categories of batches differ."""
    polars = opened_polars()
    kinds = polars.selectors.by_dtype(polars.Categorical, polars.Enum)
    return frame.with_columns(kinds.cast(polars.String))
