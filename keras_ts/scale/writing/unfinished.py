"""The folder of a store that is being written, and how far its write has come.

Each file in it is written whole or not at all, so that a write can go on wherever it was cut off.
"""

import contextlib
import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._files import locked, replacing
from keras_ts._typing import Array
from keras_ts.windows.reading.stored import SETTINGS

_PLAN = "plan.json"


class Unfinished:
    """The folder ``unfinished`` within that of a store.

    Attributes:
        folder: The folder of the store.
        path: The folder within it, which is removed when the store is whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "unfinished"

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Make the folder, unless it holds something else, and keep other processes out of it."""
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
            try:
                yield
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise OSError(
                    error.errno,
                    f"{error.strerror}: the store is not whole yet. Make room, and call "
                    "PanelStore.write again: it goes on",
                    str(self.folder),
                ) from error

    def _refuse_whole(self) -> None:
        if (self.folder / SETTINGS).exists():
            raise FileExistsError(
                f"folder={str(self.folder)!r} holds a store already: open it with "
                "PanelStore(folder), or name another folder."
            )

    def agree(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Keep what a write is about to do, or return what an earlier one began with.

        Args:
            plan: What the write depends on; its entry "free" may differ.

        Raises:
            ValueError: The earlier one had another source or other settings.
        """
        began = self.read(_PLAN)
        if began is None:
            self.write(_PLAN, plan)
            return plan
        plan = json.loads(json.dumps(plan))
        for name in plan:
            if name != "free" and plan[name] != began.get(name):
                self.refuse(
                    f"with {name}={_checks.shown(began.get(name))}, and not "
                    f"{_checks.shown(plan[name])}"
                )
        return began

    def refuse(self, what: str) -> None:
        """Raise an error: a write of something else was interrupted here."""
        raise ValueError(
            f"folder={str(self.folder)!r} holds an unfinished store that was begun {what}. Call "
            "PanelStore.write as then, and it goes on; or delete the folder to start over."
        )

    def read(self, name: str) -> Any:
        """Return what ``write`` wrote under a name, or None."""
        path = self.path / name
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def write(self, name: str, value: Any) -> None:
        """Write a value as JSON, whole or not at all."""
        with replacing(self.path / name) as temporary:
            temporary.write_text(json.dumps(value, allow_nan=False), "utf-8")


def write_array(path: Path, row: int, array: Array) -> None:
    """Write an array into a file that holds rows like its own, from a row on."""
    if not len(array):
        return
    with path.open("r+b" if path.exists() else "xb") as file:
        file.seek(row * (array.nbytes // len(array)))
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
