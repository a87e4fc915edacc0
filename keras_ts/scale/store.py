"""``PanelStore``: a panel on disk, written by DuckDB and read as memory maps."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from keras_ts._files import beside, locked_folder, path_text, put_back, swap
from keras_ts.panel.cycles import is_place
from keras_ts.panel.panel import Panel, table_of
from keras_ts.panel.stored import SETTINGS, StoredPanel, opened_polars
from keras_ts.scale.writing import write_columns
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
    >>> days = np.arange("2024-01-01", "2024-02-01", dtype="M8[D]")
    >>> table = pl.concat(
    ...     pl.DataFrame({"shop": shop, "day": days, "units": np.arange(31.0)}) for shop in "ab"
    ... )
    >>> windows = WindowedSeries(7, target_columns="units", id_column="shop", time_column="day")
    >>> folder = tempfile.mkdtemp()
    >>> PanelStore.write(table, folder, windows)
    PanelStore of 2 series and 62 rows
    >>> windows.build(PanelStore(folder)).num_windows
    48

    Args:
        folder: A folder that ``write`` wrote.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: The folder holds no store, or one of its files is cut off.
    """

    @classmethod
    def write(cls, source: Any, folder: str | os.PathLike[str], windows: WindowedSeries) -> Self:
        """Write a store from rows in any order, which need not fit into memory.

        DuckDB reads and sorts the rows. This takes some hundred megabytes of memory, or as much as
        the longest series, and twice the size of the rows as numbers on disk. The store is written
        beside ``folder`` and takes its place when it is whole, so that an interrupted write leaves
        an old store as it was.

        Args:
            source: A folder of Parquet or CSV files (with its subfolders), one such file, a pyarrow
                ``Dataset``, a polars ``LazyFrame``, a pandas, polars or Arrow frame, or a
                ``Panel``. Rows of one series may be in several files.
            folder: A new or empty folder, or one with a store, which is replaced.
            windows: The settings by which rows are read: columns and their roles, ``calendar``,
                ``categories`` and ``missing``. With ``missing="mask"`` or ``"mask_targets"``, gaps
                in time are filled with missing rows. ``id_column`` is required.

        Raises:
            FileExistsError: The folder holds other files, or holds or lies in the source.
            RuntimeError: Another process is writing to the folder.
            ValueError: The rows are refused as ``windows.build`` would refuse them.
        """
        opened_polars()
        if isinstance(source, Panel):
            windows, source = source.settle(windows), table_of(source)
        if windows.id_column is None:
            raise ValueError("A store holds series by their ids: pass windows with id_column.")
        if any(map(is_place, windows.calendar_entries)):
            raise ValueError("A store has no holidays: make them columns of 0 and 1 before.")
        place = Path(path_text("folder", folder)).resolve()
        _refuse_source(source, place)
        with _replaced(place) as new:
            write_columns(source, new, windows)
        return cls(folder)

    @property
    def ids(self) -> list[Any]:
        """The ids of the series, in their order."""
        return list(self.labels)

    def __repr__(self) -> str:
        return f"PanelStore of {len(self.labels):,} series and {self.settings.rows:,} rows"


_FILES = {SETTINGS, "keys.arrow", "offsets.npy", "gaps.npy", "static.npy"}
_FILES |= {f"rows.{name}" for name in ("values", "times", "local_times", "given")}


def _refuse_source(source: Any, folder: Path) -> None:
    """Refuse a folder that holds the source, or that lies in it."""
    files = [source] if isinstance(source, str | os.PathLike) else getattr(source, "files", ())
    for path in (Path(file).resolve() for file in files):
        if folder in (path, *path.parents) or path in folder.parents:
            raise FileExistsError(f"folder={str(folder)!r} holds the source or lies in it.")


def _refuse_others(folder: Path) -> None:
    """Refuse a folder that holds anything but a store."""
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if names and not {SETTINGS} <= names <= _FILES:
        raise FileExistsError(f"folder={str(folder)!r} holds other files. Name a new folder.")


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, which takes the place of ``folder`` if the block succeeds."""
    new = beside(folder, "new")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with locked_folder(folder.parent):
            put_back(folder)
            _refuse_others(folder)
            new.mkdir(exist_ok=True)
            alone = stack.enter_context(locked_folder(new, wait=False))
        if alone is False:
            raise RuntimeError(f"Another process is writing to folder={str(folder)!r}.")
        try:
            for left in new.iterdir():  # By a process that was killed.
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield new
            with locked_folder(folder.parent):
                _refuse_others(folder)
                swap(new, folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
