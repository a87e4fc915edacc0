"""Files that are either wholly written or not there."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it there if the block succeeds.

    What a link points to is replaced, not the link. Permissions stay.
    """
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: the folder {target.parent} does not exist.")
    if target.is_dir():
        raise IsADirectoryError(f"path={str(path)!r} is a folder: name a file in it.")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"path={str(path)!r}: the file is there, and may not be written.")
    # A short name, as the file's own may be as long as any can be; its ending says what is in it.
    temporary = target.with_name(f".keras_ts.{secrets.token_hex(8)}{Path(path).suffix}")
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
