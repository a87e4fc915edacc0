"""Reads Keras's files without trusting them.

A ``.keras`` file is a zip archive: its table of contents is checked before anything is read, and
nothing is unpacked to disk. An HDF5 file can point to other files, or declare terabytes in a few
bytes. Keras writes no such files, so they are refused.
"""

import contextlib
import io
import json
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_ts._files import existing, replacing
from keras_ts._typing import Array

ZIP = b"PK\x03\x04"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

# zipfile raises these errors for damaged signatures, compression methods and offsets.
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, OverflowError)
# Parsing JSON can take twenty times its size in memory. A layer takes about 1,500 bytes.
_MOST_JSON = 4 << 20
_MOST_MEMBERS, _MOST_OBJECTS, _MOST_CONFIG = 10_000, 100_000, 8 << 20
# Keras stores its members uncompressed; weights compressed by hand shrink by less than this factor.
_MOST_EXPANSION = 100
# HDF5's flags DONT_COPY and DONT_RELEASE, which h5py does not name.
_WITHOUT_A_COPY = 0x2 | 0x4


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    """Open a ``.keras`` file for reading, and check its table of contents."""
    file = existing(path)
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(file))
        except (*_DAMAGE, ValueError):
            raise ValueError(f"{str(file)!r} {_kind(file)}") from None
        _check(archive, file)
        yield archive


def read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a member; its checksum must be right."""
    with _readable(f"{archive.filename!r}: {name}"):
        return archive.read(name)


def read_json(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    """Return the JSON object in member ``name`` of an archive."""
    where = f"{archive.filename!r}: {name}"
    try:
        size = archive.getinfo(name).file_size
    except KeyError:
        raise ValueError(f"{where} is missing; this is not a file that Keras saved.") from None
    if size > _MOST_JSON:
        raise ValueError(
            f"{where} takes {size:,} bytes, more than any sensible model's ({_MOST_JSON:,}). "
            "If you made the file yourself, keras.saving.load_model loads it."
        )
    try:
        value = json.loads(read(archive, name))
    except (ValueError, RecursionError):
        raise ValueError(f"{where} is not valid JSON.") from None
    if not isinstance(value, dict):
        raise ValueError(f"{where} must hold a JSON object, not {type(value).__name__}.")
    return value


def rewrite(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    members: Mapping[str, bytes],
) -> None:
    """Copy ``source`` to ``target``, with some ``members`` replaced."""
    with opened(source) as old, replacing(target) as path, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            if info.filename in members or info.is_dir():
                continue
            with (
                _readable(f"{str(source)!r}: {info.filename}"),
                old.open(info) as reader,
                new.open(info.filename, "w", force_zip64=True) as writer,
            ):
                shutil.copyfileobj(reader, writer, 1 << 20)
        for name, content in members.items():
            with new.open(name, "w", force_zip64=True) as writer:
                writer.write(content)


def update_json(path: Path, name: str, values: Mapping[str, Any]) -> None:
    """Set ``values`` in a JSON member of a file, in place."""
    # The bytes of the old member stay in the file, but the table of contents no longer lists them.
    with zipfile.ZipFile(path, "a") as archive:
        content = json.dumps({**read_json(archive, name), **values}, allow_nan=False).encode()
        if len(content) > _MOST_JSON:
            raise ValueError(
                f"{name} would take {len(content):,} bytes; keras_ts loads up to {_MOST_JSON:,}."
            )
        archive.filelist.remove(archive.NameToInfo.pop(name))
        archive.writestr(name, content)


@contextlib.contextmanager
def _readable(where: str) -> Iterator[None]:
    """Raise a clear error if the ``with`` block reads a damaged member."""
    try:
        yield
    except (*_DAMAGE, zlib.error, EOFError) as error:
        raise ValueError(f"{where} is damaged ({error}); copy the file again.") from None


def _kind(path: Path) -> str:
    """Describe a file that is not a zip archive."""
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        if path.suffix == ".keras":
            return "is an HDF5 file under the wrong name: rename it to end in .h5."
        return "is an HDF5 file. Pass a .keras file."
    if not start:
        return "is empty: copy or download it again."
    if start.startswith(ZIP):
        return "is cut off or damaged: copy or download it again."
    return "is not a .keras file, which would be a zip archive."


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse a table of contents that Keras would not write."""
    infos = archive.infolist()
    reason = None
    if len(infos) > _MOST_MEMBERS:
        reason = f"it lists {len(infos):,} members"
    elif len({info.filename for info in infos}) < len(infos):
        reason = "it lists a member twice"
    elif sum(info.compress_size for info in infos) > path.stat().st_size:
        reason = "its members overlap"
    for info in infos:
        name = info.filename
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or name[1:2] == ":":
            reason = f"its member {name[:60]!r} lies outside the archive"
        elif stat.S_ISLNK(info.external_attr >> 16):
            reason = f"its member {name[:60]!r} is a link"
        elif info.flag_bits & 1:
            reason = f"its member {name[:60]!r} is encrypted"
        elif info.file_size > _MOST_EXPANSION * info.compress_size + (1 << 20):
            reason = f"its member {name[:60]!r} claims to unpack to {info.file_size:,} bytes"
    if reason is not None:
        raise ValueError(f"{str(path)!r} is not a file that Keras saved, and is refused: {reason}.")


def check_weights(content: bytes, where: str) -> None:
    """Check the weights that a ``.keras`` file holds."""
    from h5py import h5f

    with _damaged(where):
        # Reading from these bytes calls no Python, as reading from a BytesIO would.
        try:
            file = h5f.open_file_image(content, flags=_WITHOUT_A_COPY)
        except ValueError as error:  # The first bytes are wrong.
            raise OSError(str(error)) from error
        # The open file reads from ``content``, so it must be closed first.
        with contextlib.closing(file):
            _check_objects(file, len(content), where)


def check_hdf5(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check an ``.h5`` model; return its config and the version of Keras that it names."""
    where = repr(path)
    file_path = existing(path)
    size = file_path.stat().st_size
    with file_path.open("rb") as start:
        zipped = start.read(len(ZIP)) == ZIP
    if zipped:
        raise ValueError(f"{where} is a .keras file under the wrong name: rename it to .keras.")
    import h5py

    with _damaged(where), h5py.File(path, "r") as file:
        _check_objects(file.id, size, where)
        text, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
    if text is None:
        raise ValueError(
            f"{where} holds no model. If it holds weights, build the model first, then call "
            "model.load_weights(filepath)."
        )
    try:
        config = json.loads(text) if len(text) <= _MOST_CONFIG else None
    except (TypeError, ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise ValueError(f"{where}: its model_config is not what Keras writes.")
    return config, {"keras_version": version}


def arrays(source: str | bytes, where: str) -> Iterator[tuple[str, Array]]:
    """Yield the path and the values of every data set in an HDF5 file."""
    import h5py

    with (
        _damaged(where),
        h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r") as file,
    ):
        names: list[str] = []
        file.visit(names.append)
        for name in names:
            if isinstance(file[name], h5py.Dataset):
                yield name, file[name][()]


@contextlib.contextmanager
def _damaged(where: str) -> Iterator[None]:
    try:
        yield
    # The type of the error depends on where the file is damaged.
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{where} is cut off or damaged: copy or download it again.") from error


def _check_objects(file: Any, size: int, where: str) -> None:
    """Refuse links, too many objects, and data sets larger than the file could hold."""
    # The low-level interface of h5py takes a tenth of the time of its high-level objects.
    from h5py import h5d, h5l, h5o

    seen = 0

    def link(name: bytes, info: Any) -> str | None:
        nonlocal seen
        seen += 1
        if info.type != h5l.TYPE_HARD:
            return f"{name!r} is a link"
        return "it holds too many objects" if seen > _MOST_OBJECTS else None

    def entry(name: bytes, info: Any) -> str | None:
        if info.type != h5o.TYPE_DATASET:
            return None
        data = h5d.open(file, name)
        # Values in one piece, as Keras writes them, lie within this file.
        if data.get_offset() is not None:
            return None
        plist = data.get_create_plist()
        if plist.get_external_count() or plist.get_layout() == h5d.VIRTUAL:
            return f"{name!r} reads from other files"
        values = data.get_space().get_simple_extent_npoints()
        if values * data.get_type().get_size() > _MOST_EXPANSION * size:
            return f"{name!r} claims {values:,} values"
        return None

    reason = file.links.visit(link, info=True) or h5o.visit(file, entry, info=True)
    if reason is not None:
        raise ValueError(f"{where} is not what Keras writes, and is refused: {reason}.")
