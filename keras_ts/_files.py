"""Checks paths, and writes files whole or not at all."""

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_ts import _checks

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows lacks these locks, so leftovers stay there
    fcntl = None  # type: ignore[assignment]

_TEMPORARY = re.compile(r"\.keras_ts\.[0-9a-f]{16}(\..*)?")


def path_text(name: str, value: Any) -> str:
    """Return a path as a str, or raise an error that names the argument."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise TypeError(
            f"{name} must be a str or a Path. Received: {name}={_checks.shown(value)} "
            f"({type(value).__name__})."
        )
    if not path or "\0" in path:
        what = "holds a null character" if path else "is empty"
        raise ValueError(f"{name} {what}: name a file. Received: {name}={path!r}.")
    return path


def existing(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` if it is a file, or raise an error that names it."""
    where = Path(path)
    if not where.exists():
        raise FileNotFoundError(f"{str(where)!r}: there is no such file.")
    if not where.is_file():
        raise ValueError(f"{str(where)!r} is not a file.")
    return where


@contextlib.contextmanager
def replacing(filepath: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``filepath``; if the block succeeds, move the file there.

    If ``filepath`` is a link, the file that it points to is replaced. Permissions stay. A killed
    process leaves its temporary file behind; the next one that writes to the folder removes it.
    """
    path = path_text("filepath", filepath)
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path!r}: the folder {target.parent} does not exist.")
    if target.is_dir():
        raise IsADirectoryError(f"{path!r} is a folder: name a file in it.")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{path!r}: the file exists, and may not be written.")
    _clear_leftovers(target.parent)
    with _reserved(target.parent, Path(path).suffix) as temporary:
        try:
            yield temporary
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def put_folder(folder: Path, filepath: str | os.PathLike[str], mark: str) -> None:
    """Copy a folder to ``filepath``, whole or not at all; one that is there is replaced.

    Args:
        folder: The folder to copy.
        filepath: Where to. Between two renames there is nothing there; if the second one fails, the
            old folder is put back.
        mark: A file of such folders. A folder without it is somebody's own, and is refused.
    """
    path = path_text("filepath", filepath)
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path!r}: the folder {target.parent} does not exist.")
    if target.exists() and not (target / mark).is_file():
        raise FileExistsError(
            f"{path!r} is there, and is no folder with a {mark}, which would be replaced. Name "
            "another place, or remove it."
        )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".keras_ts.") as beside:
        new, old = Path(beside) / "new", Path(beside) / "old"
        shutil.copytree(folder, new)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise


@contextlib.contextmanager
def _reserved(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the path of a new file, locked so that no other process removes it."""
    while True:
        # A name of its own is short enough even where the target's is as long as a name can be. It
        # keeps the suffix, by which Keras and matplotlib choose the format.
        path = folder / f".keras_ts.{secrets.token_hex(8)}{suffix}"
        try:
            file = path.open("xb")
        except OSError as error:
            # The caller named the target, and would not recognize the temporary file's name.
            reason = f"{error.strerror}: no file can be made in this folder"
            raise OSError(error.errno, reason, str(folder)) from None
        with file:
            if not _lock(file, wait=True):
                # Windows cannot move an open file.
                file.close()
            # Another process may have removed the file before it was locked.
            if path.exists():
                yield path
                return


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file, which is made; yield False if another process holds the lock."""
    with path.open("a+b") as file:
        alone = True
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                alone = False
            except OSError:  # The file system has no locks.
                pass
        yield alone


def _clear_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left behind."""
    # What cannot be listed, opened or removed belongs to another user, or is gone already.
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if not _TEMPORARY.fullmatch(path.name) or not path.is_file():
                continue
            with contextlib.suppress(OSError), path.open("rb") as file:
                if _lock(file, wait=False):
                    path.unlink()


def _lock(file: Any, wait: bool) -> bool:
    """Lock an open file until it is closed or the process ends; return True if that worked."""
    if fcntl is None:  # pragma: no cover
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # Another process holds the lock, or the file system has none.
        return False
    return True
