"""Keeps the predictions of finished folds in a folder, so that a backtest can be resumed."""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._files import path_text, replacing
from keras_ts._typing import Array
from keras_ts.presets.description import RecurrentPreset
from keras_ts.saving.config import short
from keras_ts.windows.reading.flat_series import FlatSeries

_SETTINGS = "backtest.json"
_BLOCK = 1 << 22


class Fold(NamedTuple):
    """What a fold's model forecast: points or quantiles, and the quantiles of totals."""

    predictions: Array
    levels: tuple[float, ...] | None
    totals: Array | None = None  # None unless totals are judged, and the model has error paths
    num_errors: int = 0  # how many held-out errors the model's intervals come from


class FoldStore:
    """A folder of finished folds, with the settings and a digest of the data of the backtest."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(path_text("folder", folder))
        path = self._folder / _SETTINGS
        self._earlier: dict[str, Any] | None = None
        if path.is_file():
            with _reading(path):
                settings = json.loads(path.read_text(encoding="utf-8"))
                _checks.integer("seed", settings["seed"], 0)
            self._earlier = settings
        elif done := self._kept("fold") + self._kept("model"):
            raise ValueError(
                f"folder={str(folder)!r} holds {done[0].name} without {_SETTINGS}, which says what "
                "backtest it belongs to. Name another folder, or remove this one."
            )

    @property
    def seed(self) -> int | None:
        """The seed of the backtest in this folder, or None if it holds none yet."""
        return None if self._earlier is None else int(self._earlier["seed"])

    def begin(self, settings: dict[str, Any]) -> None:
        """Resume a backtest that has the same settings, or write the settings of a new one."""
        # JSON turns tuples into lists.
        settings = json.loads(json.dumps(settings))
        if self._earlier is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._folder / _SETTINGS) as path:
                path.write_text(json.dumps(settings, indent=1), encoding="utf-8")
            return
        for name, value in settings.items():
            earlier = self._earlier.get(name)
            if earlier == value:
                continue
            if isinstance(earlier, dict) and isinstance(value, dict):
                places = sorted({*earlier, *value})
                name = next(p for p in places if earlier.get(p) != value.get(p))
                earlier, value = earlier.get(name), value.get(name)
            raise ValueError(
                f"folder={str(self._folder)!r} holds a backtest with {name}="
                f"{_checks.shown(earlier)}, and this one has {name}={_checks.shown(value)}. "
                "Name another folder, or remove this one."
            )

    def has(self, fold: int) -> bool:
        """Return True if a fold is finished."""
        return self._path(fold).is_file()

    def load(self, fold: int, shape: tuple[int, ...]) -> Fold | None:
        """Return what a fold's model forecast, or None if the fold is not finished."""
        if not self.has(fold):
            return None
        path = self._path(fold)
        with _reading(path):
            file = _arrays(path)
            predictions, levels = file["predictions"], tuple(file["levels"].tolist())
            totals = file.get("totals")
            if predictions.shape != shape + ((len(levels),) if levels else ()):
                raise ValueError(f"its predictions have the shape {predictions.shape}")
            if totals is not None and totals.shape != (len(totals), 1, *predictions.shape[2:]):
                raise ValueError(f"its totals have the shape {totals.shape}")
        return Fold(predictions, levels or None, totals, int(file.get("num_errors", 0)))

    def save(self, number: int, fold: Fold) -> None:
        """Keep a fold's predictions."""
        arrays: dict[str, Any] = {} if fold.totals is None else {"totals": fold.totals}
        arrays |= {"predictions": fold.predictions, "levels": np.array(fold.levels or ())}
        arrays |= {"num_errors": np.array(fold.num_errors)}
        with replacing(self._path(number)) as path:
            np.savez(path, **arrays)

    def load_model(self, first: int) -> list[Array] | None:
        """Return the variables of the model trained on fold ``first``, or None without a file."""
        path = self._path(first, "model")
        if not path.is_file():
            return None
        with _reading(path):
            file = _arrays(path)
            return [file[f"arr_{place}"] for place in range(len(file))]

    def save_model(self, folds: range, variables: list[Array]) -> None:
        """Keep the model of some folds; remove other models, and predictions of these folds."""
        for fold in folds:
            self._path(fold).unlink(missing_ok=True)
        # NumPy's files cannot hold bfloat16.
        storable = [v.astype(np.float32) if v.dtype.kind == "V" else v for v in variables]
        with replacing(self._path(folds.start, "model")) as path:
            np.savez(path, *storable)
        for other in set(self._kept("model")) - {self._path(folds.start, "model")}:
            other.unlink()

    def _kept(self, kind: str) -> list[Path]:
        return sorted(self._folder.glob(f"{kind}_*.npz"))

    def _path(self, fold: int, kind: str = "fold") -> Path:
        return self._folder / f"{kind}_{fold}.npz"


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{str(path)!r} is broken ({short(error)}). Remove "
            f"{'its folder' if path.name == _SETTINGS else 'that file'}, and the same call writes "
            "it again."
        ) from None


def _arrays(path: Path) -> dict[str, Array]:
    # Opened here, since NumPy does not close a file that it cannot read.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return dict(file)


def described(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return plain values of arguments by place, and the places of other objects, as of code."""
    values: dict[str, Any] = {}
    opaque: list[str] = []

    def add(place: str, value: Any) -> None:
        registered = keras.saving.get_registered_name(type(value))
        if type(value) is RecurrentPreset or (">" in registered and hasattr(value, "get_config")):
            add(place, value.get_config())
            values[place] = registered
            return
        if keras.ops.is_tensor(value):
            value = keras.ops.convert_to_numpy(value)
        elif isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str):
            finite = not isinstance(value, float) or np.isfinite(value)
            values[place] = value if finite else repr(value)
        elif isinstance(value, dict | list | tuple):
            values[place] = f"{type(value).__name__} of {len(value)}"
            for inner in sorted(value, key=repr) if isinstance(value, dict) else range(len(value)):
                add(f"{place}[{inner!r}]", value[inner])
        elif hasattr(value, "__array__") and (array := np.asarray(value)).dtype.kind != "O":
            content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
            values[place] = f"{array.dtype} {array.shape} {content}"
        else:
            values[place] = type(value).__name__
            opaque.append(place)

    for name in sorted(arguments):
        add(name, arguments[name])
    return values, opaque


def digest(panel: FlatSeries, sample_weight: Any) -> str:
    """Return a SHA-256 hex digest of the data: values, timestamps, columns and weights."""
    hasher = hashlib.sha256()
    arrays = [panel.values, panel.offsets, panel.gaps, *panel.by_series.values()]
    arrays += [] if panel.clock is None else [panel.clock.times]
    for array in arrays:
        hasher.update(f"{array.dtype} {array.shape}".encode())
        for begin in range(0, len(array), _BLOCK):
            hasher.update(np.ascontiguousarray(array[begin : begin + _BLOCK]).tobytes())
    hasher.update(repr((panel.labels, panel.columns.by_part())).encode())
    if sample_weight is not None:
        parts = sample_weight if isinstance(sample_weight, list | tuple) else [sample_weight]
        sample_weight = [np.asarray(part).tolist() for part in parts]
    hasher.update(repr(sample_weight).encode())
    return hasher.hexdigest()
