"""Checks HDF5 files before anything is read from them.

An HDF5 file can point to other files, and a data set of a few bytes can declare terabytes. Keras
writes neither.
"""

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

from keras_ts._files import existing
from keras_ts._typing import Array
from keras_ts.saving.archive import ZIP

_MOST_OBJECTS = 100_000
_MOST_EXPANSION = 100
_MOST_CONFIG = 8 << 20
# HDF5's DONT_COPY and DONT_RELEASE, for which h5py has no names.
_AS_IT_IS = 0x2 | 0x4


def check_content(content: bytes, where: str) -> None:
    """Check the weights that a ``.keras`` file holds."""
    from h5py import h5f

    with _damaged(where):
        # HDF5 reads a file in memory without calling back into Python.
        try:
            file = h5f.open_file_image(content, flags=_AS_IT_IS)
        except ValueError as error:  # The first bytes are wrong.
            raise OSError(str(error)) from error
        # The open file reads from ``content``, and must not outlive it.
        with contextlib.closing(file):
            _check(file, len(content), where)


def check_model(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
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
        _check(file.id, size, where)
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
    """Yield the path and the values of every data set, one at a time."""
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


def _check(file: Any, size: int, where: str) -> None:
    """Refuse links out of the file, and data sets larger than it could hold."""
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
        # In one piece, in this file, as Keras writes every data set; more checks cost time.
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
