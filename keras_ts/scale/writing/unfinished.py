"""The folder in which a store is written, by one process at a time."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts._files import locked
from keras_ts._typing import Array
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.reading.stored import SETTINGS

# The files of an unfinished store. Any other file in its folder belongs to somebody else.
_WRITTEN = ("sorted.*", "regular.*", "*.npy", "keys.arrow")


class Unfinished:
    """The folder ``unfinished`` within that of a store, to be removed when the store is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "unfinished"

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Make the folder, keep other processes out of it, and remove what a cut-off write left."""
        self._refuse_whole()
        if self.folder.is_dir() and not self.path.is_dir() and any(self.folder.iterdir()):
            raise FileExistsError(
                f"folder={str(self.folder)!r} holds other files. Name a new folder for the store."
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise NotADirectoryError(
                f"folder={str(self.folder)!r} is a file, or lies below one. Name a folder."
            ) from None
        with locked(self.path / "lock") as alone:
            if not alone:
                raise RuntimeError(f"Another process is writing to folder={str(self.folder)!r}.")
            self._refuse_whole()  # Another process may have finished in the meantime.
            self._clear()
            try:
                yield
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise OSError(
                    error.errno,
                    f"{error.strerror}: the store is not whole yet. Make room, and call "
                    "PanelStore.write again",
                    str(self.folder),
                ) from error

    def _clear(self) -> None:
        """Remove all files that an earlier write left, except the lock."""
        for pattern in _WRITTEN:
            for path in self.folder.glob(pattern):
                path.unlink()
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()

    def _refuse_whole(self) -> None:
        if (self.folder / SETTINGS).exists():
            raise FileExistsError(
                f"folder={str(self.folder)!r} holds a store already: open it with "
                "PanelStore(folder), or name another folder."
            )


def write_rows(place: Path, row: int, panel: FlatSeries, dtype: np.dtype[Any]) -> None:
    """Write a panel into the files whose names begin with ``place``, from row ``row`` on."""
    arrays, clock = {"values": panel.values.astype(dtype)}, panel.clock
    if clock is not None:
        arrays["times"] = clock.times
        if clock.local_times is not None:
            arrays["local_times"] = clock.local_times
    for name, array in arrays.items():
        write_array(place.with_name(f"{place.name}.{name}"), row, array)


def write_array(path: Path, row: int, array: Array) -> None:
    """Write an array into a file with rows of the same shape, from row ``row`` on."""
    if not len(array):
        return
    with path.open("r+b" if path.exists() else "xb") as file:
        file.seek(row * (array.nbytes // len(array)))
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
