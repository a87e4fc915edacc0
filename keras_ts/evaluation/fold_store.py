"""A folder that keeps the predictions of finished folds, so that a backtest can go on."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._files import path_text, replacing
from keras_ts._typing import Array
from keras_ts.windows.reading.panel import Panel

_SETTINGS = "backtest.json"
_BLOCK = 1 << 22

Fold = tuple[Array, tuple[float, ...] | None]


class FoldStore:
    """The folds that are done, with the settings and the data that they were done with."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(path_text("folder", folder))
        if self._folder.exists() and not self._folder.is_dir():
            raise NotADirectoryError(f"folder={str(folder)!r} is a file: name a folder.")
        path = self._folder / _SETTINGS
        self._earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    @property
    def seed(self) -> int | None:
        """The seed of the backtest that began here, or None."""
        return None if self._earlier is None else _checks.integer("seed", self._earlier["seed"], 0)

    def begin(self, settings: dict[str, Any]) -> None:
        """Go on with a backtest of the same settings, or write those of a new one.

        Raises:
            ValueError: The folder holds a backtest of other settings or data.
        """
        # JSON makes lists of tuples.
        settings = json.loads(json.dumps(settings))
        if self._earlier is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._folder / _SETTINGS) as path:
                path.write_text(json.dumps(settings, indent=1), encoding="utf-8")
            return
        for name, value in settings.items():
            earlier = self._earlier.get(name)
            if earlier != value:
                raise ValueError(
                    f"folder={str(self._folder)!r} holds a backtest with {name}="
                    f"{_checks.shown(earlier)}, and this one has {name}={_checks.shown(value)}. "
                    "Name another folder, or remove this one."
                )

    def load(self, fold: int) -> Fold | None:
        """Return a fold's predictions and the levels of their quantiles, or None if not done."""
        path = self._path(fold)
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as file:
            levels = tuple(file["levels"].tolist())
            return file["predictions"], levels or None

    def save(self, fold: int, predictions: Array, levels: tuple[float, ...] | None) -> None:
        """Keep a fold's predictions."""
        with replacing(self._path(fold)) as path:
            np.savez(path, predictions=predictions, levels=np.array(levels or ()))

    def _path(self, fold: int) -> Path:
        return self._folder / f"fold_{fold}.npz"


def digest(panel: Panel, sample_weight: Any) -> str:
    """Return a number of the data, as text, that changes with every value and timestamp."""
    found = hashlib.sha256()
    arrays = [panel.values, panel.offsets, panel.gaps]
    arrays += [] if panel.static is None else [panel.static]
    arrays += [] if panel.clock is None else [panel.clock.times]
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        for begin in range(0, len(array), _BLOCK):
            found.update(np.ascontiguousarray(array[begin : begin + _BLOCK]).tobytes())
    found.update(repr((panel.labels, panel.columns)).encode())
    weights = sample_weight
    if weights is not None and not isinstance(weights, str):
        parts = weights if isinstance(weights, list | tuple) else [weights]
        weights = [np.asarray(part).tolist() for part in parts]
    found.update(repr(weights).encode())
    return found.hexdigest()
