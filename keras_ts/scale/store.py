"""``PanelStore``: a panel on disk, written piece by piece and read as memory maps."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from keras_ts import _checks
from keras_ts._files import checksum, locked, path_text
from keras_ts._progress import ProgressBar
from keras_ts.scale.writing.engine import Survey, look_at, opened_duckdb, read_series, sorted_blocks
from keras_ts.scale.writing.finishing import (
    SORTED,
    Layout,
    SortedSeries,
    finish,
    read_static,
    write_series,
)
from keras_ts.scale.writing.sources import open_source
from keras_ts.windows.arithmetic.cycles import is_place
from keras_ts.windows.reading.panel import table_of, with_columns
from keras_ts.windows.reading.stored import SETTINGS, StoredPanel, broken, opened_polars
from keras_ts.windows.windowed_series import WindowedSeries


class PanelStore(StoredPanel):
    """A panel of any size in a folder, whose rows stay on disk until a batch needs them.

    ``build``, ``count``, ``split`` and ``folds`` of ``WindowedSeries``, ``windows_for`` of presets,
    ``backtest`` and ``forecast`` take a store as they take a frame, and give the same windows in
    another order: series stand in the order of ``ids``. Rows are sorted within each series.

    Windows of the store must have the ids, timestamps, static columns and calendar that ``write``
    was given; only the calendar may be left out. Targets, columns known ahead, lengths and batches
    may differ. If the series have gaps in time, ``missing`` must be ``"mask"`` or
    ``"mask_targets"`` either in the windows of both, store and dataset, or in neither.

    Example:

    >>> import tempfile, numpy as np, polars as pl
    >>> from keras_ts import WindowedSeries
    >>> from keras_ts.scale import PanelStore
    >>> def january(shop):
    ...     days = np.arange("2024-01-01", "2024-02-01", dtype="M8[D]")
    ...     return pl.DataFrame({"shop": shop, "day": days, "units": np.arange(31.0)})
    >>> windows = WindowedSeries(7, target_columns="units", id_column="shop", time_column="day")
    >>> folder = tempfile.mkdtemp()
    >>> PanelStore.write((january(shop) for shop in ("a", "b")), folder, windows)
    PanelStore of 2 series and 62 rows
    >>> windows.build(PanelStore(folder)).num_windows
    48

    Args:
        folder: A folder that ``write`` wrote.

    Raises:
        FileNotFoundError: There is no such folder.
        ImportError: polars, pyarrow or narwhals is not installed.
        ValueError: The folder holds no store, or an unfinished one, or one of its files is cut off.
    """

    @classmethod
    def write(cls, source: Any, folder: str | os.PathLike[str], windows: WindowedSeries) -> Self:
        """Write a store from rows in any order, which need not fit into memory.

        DuckDB sorts the rows by id and time, and keeps in files what exceeds its memory. Sorting
        takes some hundred megabytes of memory, or as much as the longest series. While the store is
        written, the folder takes twice the size of the rows as numbers. Rows that do not come from
        Parquet files are also copied there, compressed.

        An interrupted write leaves a folder that cannot be opened; the same call begins anew. A
        write that takes more than some seconds shows its progress.

        Args:
            source: A folder of Parquet files (with its subfolders), a Parquet file, a pyarrow
                ``Dataset``, a polars ``LazyFrame``, a ``Panel``, or an iterable of pandas, polars
                or Arrow frames. Rows of one series may be in several of them.
            folder: A new or empty folder, or one that an interrupted write left.
            windows: The settings by which rows are read: columns and their roles, ``calendar``,
                ``categories`` and ``missing``. With ``missing="mask"`` or ``"mask_targets"``, gaps
                in time are filled with missing rows. ``id_column`` is required.

        Returns:
            The store.

        Raises:
            FileExistsError: The folder holds a store or other files.
            ImportError: polars, pyarrow, narwhals or duckdb is not installed.
            OSError: The disk is full; make room, and repeat the call.
            RuntimeError: Another process is writing to the folder.
            TypeError: ``source`` or ``windows`` is of another type, or a column holds no numbers.
            ValueError: A file cannot be read, or the rows are refused as ``windows.build`` would
                refuse them.
        """
        opened_polars(), opened_duckdb()
        _checks.instance("windows", windows, WindowedSeries)
        windows, source = with_columns(windows, source), table_of(source)
        if windows.id_column is None:
            raise ValueError(
                "A store holds series by their ids: pass windows with id_column. Without one, "
                "windows.build takes a single series as a frame or as a memory map."
            )
        if any(map(is_place, windows.calendar_entries)):
            raise ValueError(
                f"calendar={list(windows.calendar_entries)}: a store has no holidays, which are "
                "learned from a training part. Give them as columns of 0 and 1 in future_columns."
            )
        place = Path(path_text("folder", folder)).absolute()
        with unfinished(place) as work:
            _write(source, place, work, windows)
        store = cls(folder)
        shutil.rmtree(work, ignore_errors=True)
        if store.settings.files != SORTED:
            for path in place.glob(f"{SORTED}.*"):
                path.unlink()
        return store

    def verify(self) -> None:
        """Read all files of the store once, and refuse any that has changed since it was written.

        Opening a store compares only the sizes of its files, which is fast for a store of any size.
        Verify a store that was copied, or that lies on a doubtful disk, before you train on it.

        Example:

        >>> import tempfile, polars as pl
        >>> from keras_ts import WindowedSeries
        >>> from keras_ts.scale import PanelStore
        >>> table = pl.DataFrame({"shop": "a", "units": [3.0, 5.0, 4.0]})
        >>> windows = WindowedSeries(2, target_columns="units", id_column="shop")
        >>> store = PanelStore.write([table], tempfile.mkdtemp(), windows)
        >>> store.verify()

        Raises:
            ValueError: A file has changed (the message names it); or the store was written by
                keras_ts 0.2, which left no checksums.
        """
        self._refuse_replaced()
        if self.settings.checksums is None:
            raise ValueError(
                f"folder={self.folder!r} cannot be verified: an older keras_ts wrote it, and left "
                "no checksums. Write the store again."
            )
        for name, (_, written) in self.settings.checksums.items():
            path = Path(self.folder) / name
            if checksum(path) != written:
                raise broken(path, "its bytes are no longer those that were written")

    @property
    def ids(self) -> list[Any]:
        """The ids of the series, in their order."""
        return list(self.labels)

    def __repr__(self) -> str:
        return f"PanelStore of {len(self.labels):,} series and {self.settings.rows:,} rows"


# The files that an unfinished store may have left; no others are deleted.
_WRITTEN = ("sorted.*", "regular.*", "*.npy", "keys.arrow")


@contextlib.contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Yield the folder of an unfinished store, inside ``folder``, to one process at a time."""
    path = folder / "unfinished"
    _refuse_complete(folder)
    if folder.is_dir() and not path.is_dir() and any(folder.iterdir()):
        raise FileExistsError(
            f"folder={str(folder)!r} holds other files. Name a new folder for the store."
        )
    path.mkdir(parents=True, exist_ok=True)
    with locked(path / "lock") as alone:
        if not alone:
            raise RuntimeError(f"Another process is writing to folder={str(folder)!r}.")
        _refuse_complete(folder)  # Another process may have finished in the meantime.
        # Delete what an interrupted write left, except the lock.
        for pattern in _WRITTEN:
            for left in folder.glob(pattern):
                left.unlink()
        for left in path.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            elif left.name != "lock":
                left.unlink()
        try:
            yield path
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise OSError(
                error.errno,
                f"{error.strerror}: the store is not complete. Make room, and call "
                "PanelStore.write again",
                str(folder),
            ) from error


def _refuse_complete(folder: Path) -> None:
    if (folder / SETTINGS).exists():
        raise FileExistsError(
            f"folder={str(folder)!r} holds a store already: open it with PanelStore(folder), or "
            "name another folder."
        )


def _write(source: Any, folder: Path, work: Path, windows: WindowedSeries) -> None:
    """Write all files of a store."""
    survey, parts = Survey(), list[SortedSeries]()
    for rows in open_source(source, work):
        look_at(survey, rows, windows)
        if len(survey.files) == 1:  # Refuse wrong columns before more rows are read.
            Layout.of(survey, windows, surveyed=False)
    read_series(survey, windows)
    progress = ProgressBar(sum(rows.count() for rows in survey.files), "row")
    for frame in sorted_blocks(survey, work, windows):
        layout = Layout.of(survey, windows)
        parts.append(write_series(frame, folder, layout))
        progress.add(len(frame))
    finish(SortedSeries.joined(parts), read_static(survey, layout), folder, layout)
