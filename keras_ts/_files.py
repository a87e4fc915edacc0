"""Checks paths, and writes files whole or not at all."""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_ts import _checks

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows lacks these locks
    fcntl = None  # type: ignore[assignment]


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
    """Yield a temporary path beside ``filepath``; if the block succeeds, move the file there."""
    # If ``filepath`` is a link, the file that it points to is replaced. Permissions stay. A random
    # name is short enough even if the target's has the greatest length. It keeps the suffix, by
    # which Keras and matplotlib choose the format.
    target = file_target(filepath)
    temporary = target.with_name(f".keras_ts.{secrets.token_hex(8)}{Path(filepath).suffix}")
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def file_target(filepath: str | os.PathLike[str]) -> Path:
    """Return the file that ``filepath`` means, or raise an error if it cannot be written."""
    path, target = _target(filepath)
    if target.is_dir():
        raise IsADirectoryError(f"{path!r} is a folder: name a file in it.")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{path!r}: the file exists, and may not be written.")
    return target


def folder_target(filepath: str | os.PathLike[str], mark: str) -> Path:
    """Return the folder that ``filepath`` means; refuse an existing one without ``mark``."""
    path, target = _target(filepath)
    if target.exists() and not (target / mark).is_file():
        raise FileExistsError(
            f"{path!r} exists and is no folder with a {mark}, so it is not replaced. Name "
            "another place, or remove it."
        )
    return target


def _target(filepath: str | os.PathLike[str]) -> tuple[str, Path]:
    path = path_text("filepath", filepath)
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path!r}: the folder {target.parent} does not exist.")
    return path, target


def put_folder(folder: Path, filepath: str | os.PathLike[str], mark: str) -> None:
    """Copy a folder to ``filepath``, whole or not at all; replace an older one with ``mark``."""
    # A folder without ``mark`` belongs to somebody else and is refused, as is one with files that
    # ``folder`` lacks.
    target = folder_target(filepath, mark)
    new = beside(target, "new")
    with locked_folder(target.parent):
        put_back(target)
        lost = sorted(_files_in(folder_target(filepath, mark)) - _files_in(folder))
        if lost:
            raise FileExistsError(
                f"{str(filepath)!r} holds files that the new folder does not have, such as "
                f"{lost[0]!r}, and would be replaced. Name another place, or move them."
            )
        shutil.rmtree(new, ignore_errors=True)
        try:
            shutil.copytree(folder, new)
            swap(new, target)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def beside(target: Path, what: str) -> Path:
    """Return the place beside a folder of a "new" one, or of the "old" one as it is replaced."""
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]  # Names may be long.
    return target.with_name(f".keras_ts.{digest}.{what}")


def swap(new: Path, target: Path) -> None:
    """Let a new folder take the place of ``target``, within a lock of the folder around them."""
    # A process that is killed leaves the old folder beside, or the new one in place.
    old = beside(target, "old")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        put_back(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def put_back(target: Path) -> None:
    """Put an old folder back if a process ended before the new one took its place."""
    old = beside(target, "old")
    if old.exists() and not (target.exists() and any(target.iterdir())):
        if target.exists():
            target.rmdir()
        old.rename(target)


def _files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@contextlib.contextmanager
def locked_folder(folder: Path, wait: bool = True) -> Iterator[bool | None]:
    """Lock a folder; yield False if another process has the lock, None if there are no locks."""
    if fcntl is None:  # pragma: no cover
        yield None
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        locked: bool | None = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            locked = False
        except OSError:  # The file system has no locks.
            locked = None
        yield locked
    finally:
        os.close(handle)
