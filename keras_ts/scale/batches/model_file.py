"""``ModelFile``: the file of a model, which each process loads once.

Engines copy a small object to their workers, often for each task, and a worker runs many tasks. So
the object holds the path alone, and the loaded model stays with the process.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import keras

from keras_ts._files import path_text
from keras_ts.saving.load import load_model, load_windows, located, look_through
from keras_ts.windows.windowed_series import WindowedSeries

# The most models that a process keeps: a worker may run for many nights, each with a new model.
_MOST = 2
_MODELS: "OrderedDict[ModelFile, keras.Model]" = OrderedDict()
_LOADING = threading.Lock()


@dataclass(frozen=True)
class ModelFile:
    """A file or a remote place that holds a model."""

    path: str  # The absolute path, or an address with ``://``.
    digest: str | None  # SHA-256 of the contents; None for an address.

    @classmethod
    def of(cls, filepath: str | os.PathLike[str]) -> Self:
        """Return a file that exists and is whole, or any address."""
        path = path_text("filepath", filepath)
        if "://" in path:
            return cls(path, None)
        place = Path(located(os.path.abspath(path)))  # noqa: PTH100 - links stay links
        if not place.exists():
            raise FileNotFoundError(
                f"{path!r}: there is no such file. Name a file that this process and all workers "
                "can read under one path, or an address with :// that Keras loads from."
            )
        if place.is_file():
            look_through(str(place))
        return cls(str(place), _digest(place))

    def windows(self) -> WindowedSeries | None:
        """Return the windows in the file; None for an address or a folder only Keras reads."""
        if self.digest is None or Path(self.path).is_dir():
            return None
        return load_windows(self.path)

    def model(self) -> keras.Model:
        """Return the model, which the first call in a process loads."""
        with _LOADING:
            if self not in _MODELS:
                self._check_contents()
                _MODELS[self] = load_model(self.path)
            _MODELS.move_to_end(self)
            while len(_MODELS) > _MOST:
                _MODELS.popitem(last=False)
            return _MODELS[self]

    def _check_contents(self) -> None:
        if self.digest is None:
            return
        machine = os.uname().nodename if hasattr(os, "uname") else "this machine"
        if not Path(self.path).exists():
            raise FileNotFoundError(
                f"{self.path!r}: there is no such file on {machine}. Put it where all workers can "
                "read it under this path, such as a shared disk."
            )
        if _digest(Path(self.path)) != self.digest:
            raise ValueError(
                f"{self.path!r} on {machine} has other contents than when the BatchForecaster was "
                "made, so one run would mix forecasts of two models. Make a new BatchForecaster, "
                "and save each model under a name of its own."
            )


def _digest(path: Path) -> str:
    """Return a SHA-256 hex digest of a file, or of all files in a folder."""
    digest: Any = hashlib.sha256()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            if path.is_dir():
                digest.update(str(file.relative_to(path)).encode())
            digest.update(file.read_bytes())
    return str(digest.hexdigest())
