"""Reloading a model in another process, and comparing what comes back with what went.

Keras loses some things without a word. Which ones changes from version to version, so
nothing here is looked for by name: everything is compared.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts._models import check_model
from keras_ts.saving.causes import short
from keras_ts.saving.load import load_model
from keras_ts.saving.portrait import SEED, Portrait, take
from keras_ts.saving.save import write

# The other process does what the contract asks of whoever loads: import keras_ts, no more.
_CHILD = """
import sys
sys.path.append(sys.argv[2])
import keras_ts
from keras_ts.saving.reload import child
child(sys.argv[1])
"""
_RTOL = 1e-5
# Beyond these, the variables of one part share a line: they are lost together.
_MOST_LINES = 3


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was: where, and what was before and after the reload."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class ReloadReport:
    """What ``check_reload`` found: ``differences``, ``ok`` if there are none, readable as text."""

    differences: tuple[Difference, ...]
    compared: int

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        if self.ok:
            return f"Reloads as it is: {self.compared} settings, variables and results agree."
        count = len(self.differences)
        return "\n".join(
            [
                f"Reloading loses or changes {'one thing' if count == 1 else f'{count} things'}:",
                *map(str, self.differences),
            ]
        )


def check_reload(model: keras.Model, x: Any) -> ReloadReport:
    """Save a model, reload it in a fresh process, and name everything that differs.

    Compared are the outputs for ``x``, the loss and metrics of made-up errors, the
    optimizer and its state, every variable, and every setting of every part. The fresh
    process imports keras_ts and nothing else, under the same backend and dtype policy. It
    takes the seconds that a process takes to start; the model is left as it was.

    Example:

    >>> import numpy as np
    >>> from keras_ts import RecurrentPreset, check_reload
    >>> model = RecurrentPreset(units=(4,), window=20).build()
    >>> check_reload(model, np.ones((2, 20))).ok
    True

    A loss that Keras does not write down whole:

    >>> import keras
    >>> model.compile("sgd", keras.losses.Huber(delta=2.0))
    >>> report = check_reload(model, np.ones((2, 20)))
    >>> [difference.where for difference in report.differences]
    ['Loss', 'Results']

    Args:
        model: The model, built.
        x: What it takes: an array, or a list or dict of arrays; a few windows are enough.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``x`` a dataset.
        ValueError: The model is not built, or does not run on ``x``.
    """
    check_model(model, built=True)
    if isinstance(x, keras.utils.PyDataset):
        raise TypeError(
            "x must be arrays: of a WindowDataset, give the inputs of a batch, dataset[0][0]. "
            f"Received: {type(x).__name__}."
        )
    x = keras.tree.map_structure(np.asarray, x)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(model, folder / "model.keras", None)
        _write_inputs(folder / "inputs.npz", x)
        before = _taken(model, x)
        package = str(Path(__file__).parents[2])
        run = subprocess.run(  # noqa: S603 - our own interpreter, our own code
            [sys.executable, "-c", _CHILD, name, package],
            env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
            cwd=name,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(f"The fresh process failed:\n{run.stderr[-2000:]}")
        failures, after = _read(folder / "portrait.npz")
    differences = [Difference("Loading", failure) for failure in failures]
    differences += [] if after is None else compare(before, after, bool(failures))
    return ReloadReport(tuple(differences), sum(map(len, before.values())))


def _taken(model: keras.Model, x: Any) -> Portrait:
    try:
        return take(model, x)
    except Exception as error:
        raise ValueError(f"x: the model does not run on it: {short(error)}") from error


def child(name: str) -> None:
    """Load the model in folder ``name``, as far as it loads, and write its portrait there."""
    folder = Path(name)
    x = _read_inputs(folder / "inputs.npz")
    failures, model = [], None
    for compiled in (True, False):
        try:
            model = load_model(folder / "model.keras", compile=compiled)
            break
        except ValueError as error:
            failures.append(" ".join(str(error).splitlines()[1:]))
    portrait = None if model is None else take(model, x)
    _write(folder / "portrait.npz", list(dict.fromkeys(failures)), portrait)


def compare(before: Portrait, after: Portrait, uncompiled: bool = False) -> list[Difference]:
    """Return everything of ``before`` that is not in ``after`` as it was."""
    found = []
    for owner, places in before.items():
        if uncompiled and owner in ("Optimizer", "Loss", "Compiling"):
            continue
        if owner not in after:
            found.append(Difference(owner, "lost"))
        elif places.get("") != after[owner].get(""):
            found.append(
                Difference(owner, f"{places.get('')} before, {after[owner].get('')} after")
            )
        else:
            found += [Difference(owner, what) for what in _within(places, after[owner], uncompiled)]
    return found


def _within(before: dict[str, Any], after: dict[str, Any], uncompiled: bool) -> Iterator[str]:
    """What differs in one part: each setting by itself, variables together."""
    changed = []
    for place in dict.fromkeys([*before, *after]):
        was, now = before.get(place), after.get(place)
        if not _differs(was, now) or (uncompiled and place.startswith(("loss", "metric"))):
            continue
        if isinstance(was, np.ndarray):
            changed.append((place, was, now))
        else:
            yield f"{_readable(place)} was {was}, is {now}"
    if len(changed) <= _MOST_LINES:
        yield from (_change(*each) for each in changed)
    else:
        total = sum(isinstance(value, np.ndarray) for value in before.values())
        yield f"{len(changed)} of {total} are lost or differ: {_change(*changed[0])}, ..."


def _change(place: str, was: Any, now: Any) -> str:
    if not isinstance(now, np.ndarray):
        return f"{_readable(place)} is lost"
    if place.endswith(SEED):
        return f"{SEED} is another, so that training that goes on draws others"
    if was.shape != now.shape:
        return f"{_readable(place)} had shape {was.shape}, has {now.shape}"
    if was.size == 1:
        return f"{_readable(place)} was {was.item():.6g}, is {now.item():.6g}"
    return f"{_readable(place)} is off by up to {np.abs(was - 1.0 * now).max():.3g}"


def _differs(was: Any, now: Any) -> bool:
    if isinstance(was, np.ndarray):
        return not _close(was, now)
    if isinstance(now, np.ndarray):
        return was is not None
    # What is not there is as good as unset: Keras sets some attributes at first use.
    unset = (None, "None", "False")
    return was != now and not (was in unset and now in unset)


def _close(was: Any, now: Any) -> bool:
    if not isinstance(now, np.ndarray) or was.shape != now.shape:
        return False
    if was.dtype.kind not in "fc":
        return bool(np.array_equal(was, now))
    largest = np.abs(was[np.isfinite(was)]).max(initial=0.0)
    return bool(np.allclose(now, was, rtol=_RTOL, atol=_RTOL * largest, equal_nan=True))


def _readable(place: str) -> str:
    return place.lstrip("_").replace("._", ".") or "it"


def _write_inputs(path: Path, x: Any) -> None:
    leaves = keras.tree.flatten(x)
    settings = {
        "structure": keras.tree.pack_sequence_as(x, list(range(len(leaves)))),
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
        "dtype_policy": keras.dtype_policies.serialize(keras.config.dtype_policy()),
    }
    np.savez(path, text=json.dumps(settings), **{str(i): leaf for i, leaf in enumerate(leaves)})


def _read_inputs(path: Path) -> Any:
    """Return the inputs, and make Keras's settings those of the process they come from."""
    with np.load(path) as stored:
        settings = json.loads(str(stored["text"]))
        keras.config.set_floatx(settings["floatx"])
        keras.config.set_image_data_format(settings["image_data_format"])
        keras.config.set_dtype_policy(keras.dtype_policies.deserialize(settings["dtype_policy"]))
        return keras.tree.map_structure(lambda i: stored[str(i)], settings["structure"])


def _write(path: Path, failures: list[str], portrait: Portrait | None) -> None:
    arrays: list[Any] = []

    def numbered(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return len(arrays) - 1
        return value

    text = portrait and {
        owner: {place: numbered(value) for place, value in places.items()}
        for owner, places in portrait.items()
    }
    np.savez(
        path,
        text=json.dumps([failures, text]),
        **{str(i): array for i, array in enumerate(arrays)},
    )


def _read(path: Path) -> tuple[list[str], Portrait | None]:
    with np.load(path) as stored:
        failures, text = json.loads(str(stored["text"]))
        return failures, text and {
            owner: {
                place: stored[str(value)] if isinstance(value, int) else value
                for place, value in places.items()
            }
            for owner, places in text.items()
        }
