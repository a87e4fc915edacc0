"""Checks paths, and writes files whole or not at all."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import zlib
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


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file's bytes."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc


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
    # If ``filepath`` is a link, the file that it points to is replaced. Permissions stay. A killed
    # process leaves its temporary file, which the next process that writes to the folder removes.
    target = file_target(filepath)
    _clear_leftovers(target.parent)
    with _reserved(target.parent, Path(filepath).suffix) as temporary:
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
    # The old folder is renamed, then the new one takes its place; if that fails, the old one is put
    # back. A process that is killed between the two leaves both in a folder ``.keras_ts.*`` beside
    # ``filepath``, as ``old`` and ``new``; the next call that succeeds there removes them. Calls
    # wait for each other if the file system has locks. A folder without ``mark`` belongs to
    # somebody else and is refused, as is one with files that ``folder`` lacks.
    target = folder_target(filepath, mark)
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    prefix = f".keras_ts.{digest}."
    with _waited_for(target.parent) as alone:
        lost = sorted(_files_in(folder_target(filepath, mark)) - _files_in(folder))
        if lost:
            raise FileExistsError(
                f"{str(filepath)!r} holds files that the new folder does not have, such as "
                f"{lost[0]!r}, and would be replaced. Name another place, or move them."
            )
        leftovers = [entry for entry in target.parent.iterdir() if entry.name.startswith(prefix)]
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=prefix) as beside:
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
        for leftover in leftovers if alone else []:
            shutil.rmtree(leftover, ignore_errors=True)


def _files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@contextlib.contextmanager
def _waited_for(folder: Path) -> Iterator[bool]:
    """Wait for a lock of a folder, and hold it; yield False if the file system has no locks."""
    if fcntl is None:  # pragma: no cover
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield bool(_lock(handle, wait=True))
    finally:
        os.close(handle)


@contextlib.contextmanager
def _reserved(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the path of a new file, locked so that no other process removes it."""
    while True:
        # A random name is short enough even if the target's has the greatest length. It keeps the
        # suffix, by which Keras and matplotlib choose the format.
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
    """Create a file and lock it; yield False if another process holds the lock."""
    with path.open("a+b") as file:
        yield _lock(file, wait=False) is not False


def _clear_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left behind."""
    # What cannot be listed, opened or removed belongs to another user, or is gone already.
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name) and path.is_file():
                with contextlib.suppress(OSError), path.open("rb") as file:
                    if _lock(file, wait=False):
                        path.unlink()


def _lock(file: Any, wait: bool) -> bool | None:
    """Lock an open file until it is closed. False: another process has the lock. None: no locks."""
    if fcntl is None:  # pragma: no cover
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # The file system has no locks.
        return None
    return True
