"""Reloads a model in another process, and compares the result with the saved model.

Each version of Keras silently loses different settings. So the check has no list of settings: it
compares fingerprints, which hold all settings, variables and results, a dict for each part.
"""

import os
import pickle
import re
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts._models import check_model, value_of
from keras_ts._typing import Array
from keras_ts.losses import QuantileLoss
from keras_ts.saving.load import load_model
from keras_ts.saving.save import write

# The other process imports keras_ts and the named modules, as a program that loads the model must.
_CHILD = """
import importlib, sys
sys.path += sys.argv[3:]
from keras_ts.checks.reload import child
for name in filter(None, sys.argv[2].split(",")):
    importlib.import_module(name)
child(sys.argv[1])
"""
_CURE = (
    "Put it into a module, registered there by keras.saving.register_keras_serializable, and pass "
    "imports=['that_module'] for the fresh process."
)
_RTOL = 1e-5
# Owner ("Layer 'dense'") -> place within it ("units") -> a setting as text, or numbers.
Fingerprint = dict[str, dict[str, Any]]
# The place of the state of a random generator.
SEED = "state of its random numbers"
# A part loses its variables together, so if more than this many differ, they share one line.
_MOST_LINES = 3


@dataclass(frozen=True)
class ReloadDifference:
    """A difference in one part of a model between saving and reloading it.

    Attributes:
        where: The part: ``"Model"``, ``"Layer 'dense'"``, ``"Optimizer"``, ``"Loss"``,
            ``"Compiling"``, ``"Results"``, or ``"Loading"`` if loading fails.
        what: The setting, variable or result, with its values before and after.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class ReloadReport:
    """The result of ``check_reload``; print it for a text with one difference a line.

    Attributes:
        differences: ``ReloadDifference`` objects, one for each thing that is lost or changed.
        compared: Number of settings, variables and results of the saved model, even if it fails to
            load.
    """

    differences: tuple[ReloadDifference, ...]
    compared: int

    @property
    def ok(self) -> bool:
        """True if nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        if self.ok:
            return f"Reloads as it is: {self.compared} settings, variables and results agree."
        count = len(self.differences)
        head = f"Reloading loses or changes {'one thing' if count == 1 else f'{count} things'}:"
        return "\n".join([head, *map(str, self.differences)])


def check_reload(model: keras.Model, x: Any, *, imports: str | Sequence[str] = ()) -> ReloadReport:
    """Save a model, reload it in a fresh process, and name everything that differs.

    The check compares the outputs for ``x``, the loss and metrics on made-up targets, the optimizer
    and its state, every variable, and every setting of every part. The fresh process imports
    keras_ts and ``imports``, under the same backend and dtype policy, and takes some seconds to
    start. The model is left as it was.

    Example:

    Keras does not save ``delta``, a setting of this loss.

    >>> import keras, numpy as np
    >>> from keras_ts import RecurrentPreset, check_reload
    >>> model = RecurrentPreset(units=(4,)).build(window=20)
    >>> model.compile("sgd", keras.losses.Huber(delta=2.0))
    >>> report = check_reload(model, np.ones((2, 20)))
    >>> report.ok, [difference.where for difference in report.differences]
    (False, ['Loss', 'Results'])

    Args:
        model: The model, built.
        x: Inputs of the model: an array, or a list or dict of arrays; a few windows are enough.
        imports: Names of the modules with layers or losses of your own, which register themselves
            with ``keras.saving.register_keras_serializable``. Defaults to none.

    Returns:
        A ``ReloadReport``: its ``ok`` is True if nothing differs.

    Raises:
        ValueError: The model is not built, or returns no finite number on ``x``.
        RuntimeError: The fresh process fails, for instance if it cannot import one of ``imports``.
    """
    model = check_model(model, built=True)
    x = keras.tree.map_structure(np.asarray, x)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(model, folder / "model.keras", None)
        # Keras's global settings, which the other process takes over.
        policy = keras.dtype_policies.serialize(keras.config.dtype_policy())
        settings = keras.config.floatx(), keras.config.image_data_format(), policy
        (folder / "inputs.pickle").write_bytes(pickle.dumps((x, settings)))
        before = take(model, x)
        _refuse_missing(before["Results"])
        modules = imports if isinstance(imports, str) else ",".join(imports)
        command = [sys.executable, "-c", _CHILD, name, modules, *map(os.path.abspath, sys.path)]
        env = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
        run = subprocess.run(  # noqa: S603 - our own interpreter, our own code
            command, env=env, cwd=name, capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise RuntimeError(f"The fresh process failed:\n{run.stderr[-2000:]}")
        results = (folder / "results.pickle").read_bytes()
        failures, after = pickle.loads(results)  # noqa: S301 - our child's
    differences = [ReloadDifference("Loading", failure) for failure in failures]
    differences += [] if after is None else compare(before, after, bool(failures))
    return ReloadReport(tuple(differences), sum(map(len, before.values())))


def _refuse_missing(results: dict[str, Any]) -> None:
    """Refuse outputs without a finite number, which would hide every difference."""
    outputs = [value for place, value in results.items() if place.startswith("output")]
    judged = [output for output in outputs if output.dtype.kind == "f"] or outputs
    if not any(np.isfinite(output).any() for output in judged):
        raise ValueError(
            "The model returns no finite number on x, so nothing can be compared. Pass windows "
            "without missing values."
        )


def child(name: str) -> None:
    """Load the model in folder ``name``, as far as it loads, and write its fingerprint there."""
    folder = Path(name)
    inputs = (folder / "inputs.pickle").read_bytes()
    x, (floatx, data_format, policy) = pickle.loads(inputs)  # noqa: S301 - our parent's
    keras.config.set_floatx(floatx)
    keras.config.set_image_data_format(data_format)
    keras.config.set_dtype_policy(keras.dtype_policies.deserialize(policy))
    failures, model = [], None
    for compiled in (True, False):
        try:
            model = load_model(folder / "model.keras", compile=compiled)
            break
        except ValueError as error:
            failure = " ".join(str(error).splitlines()[1:])
            failures.append(re.sub(r"(?<=which cannot be found\. ).*", _CURE, failure))
    results = list(dict.fromkeys(failures)), None if model is None else take(model, x)
    (folder / "results.pickle").write_bytes(pickle.dumps(results))


def compare(
    before: Fingerprint, after: Fingerprint, uncompiled: bool = False
) -> list[ReloadDifference]:
    """Return what ``after`` lacks, adds or holds with other values in the parts of ``before``."""
    differences = []
    for owner, places in before.items():
        if uncompiled and owner in ("Optimizer", "Loss", "Compiling"):
            continue
        if owner not in after:
            changes: Iterable[str] = ["lost"]
        elif places.get("") != after[owner].get(""):
            changes = [f"{places.get('')} before, {after[owner].get('')} after"]
        else:
            changes = _within(places, after[owner], uncompiled)
        differences += [ReloadDifference(owner, what) for what in changes]
    return differences


def _within(before: dict[str, Any], after: dict[str, Any], uncompiled: bool) -> Iterator[str]:
    """Yield the differences in one part: a line for each setting, but one for many variables."""
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
        yield from (_change(*change) for change in changed)
    else:
        total = sum(isinstance(value, np.ndarray) for value in before.values())
        yield f"{len(changed)} of {total} are lost or differ: {_change(*changed[0])}, ..."


def _change(place: str, was: Any, now: Any) -> str:
    if not isinstance(now, np.ndarray):
        return f"{_readable(place)} is lost"
    if place.endswith(SEED):
        return f"{SEED} differs, so that further training draws other numbers"
    if was.shape != now.shape:
        return f"{_readable(place)} had shape {was.shape}, has {now.shape}"
    if was.size == 1:
        return f"{_readable(place)} was {was.item():.6g}, is {now.item():.6g}"
    return f"{_readable(place)} is off by up to {np.abs(was - 1.0 * now).max():.3g}"


def _differs(was: Any, now: Any) -> bool:
    if isinstance(was, np.ndarray):
        if not isinstance(now, np.ndarray) or was.shape != now.shape:
            return True
        if was.dtype.kind not in "fc":
            return not np.array_equal(was, now)
        largest = np.abs(was[np.isfinite(was)]).max(initial=0.0)
        return not np.allclose(now, was, rtol=_RTOL, atol=_RTOL * largest, equal_nan=True)
    if isinstance(now, np.ndarray):
        return was is not None
    # Keras sets some attributes at first use, so a missing attribute counts as an unset one.
    unset = (None, "None", "False")
    return was != now and not (was in unset and now in unset)


def _readable(place: str) -> str:
    return place.lstrip("_").replace("._", ".") or "it"


def take(model: keras.Model, x: Any) -> Fingerprint:
    """Return the fingerprint of ``model`` and its outputs for ``x``; leave the model as it was."""
    variables: list[Any] = []
    fingerprint: Fingerprint = {"Model": {"": type(model).__name__, "name": repr(model.name)}}
    for owner, layer in _layers(model):
        fingerprint[owner] = dict(_inside(layer, variables))
    if model.compiled:
        optimizer = model.optimizer
        state = dict(_inside(optimizer, []))
        state["iterations"] = repr(int(optimizer.iterations))
        # An optimizer that is not built has no state, and the reloaded one would have zeros.
        others = [v for v in optimizer.variables if v is not optimizer.iterations]
        for i, variable in enumerate(others if optimizer.built else []):
            state[f"variables[{i}]"] = value_of(variable)
        fingerprint["Optimizer"] = state
        fingerprint["Loss"] = dict(_flat("", model.loss, variables))
        settings = model.get_compile_config() or {}
        fingerprint["Compiling"] = {
            place: value
            for name in sorted(settings.keys() - {"optimizer", "loss"})
            for place, value in _flat(name, settings[name], variables)
        }
    variables += [v for metric in model.metrics for v in metric.variables]
    before = [(variable, value_of(variable)) for variable in variables]
    fingerprint["Results"] = _results(model, x)
    # Generators from which training draws nothing, such as that of a dropout of 0, are left out.
    model(x, training=True)
    for owner, layer in _layers(model):
        places = fingerprint[owner]
        for place, now in _inside(layer, []):
            if place.endswith(SEED) and np.array_equal(now, places[place]):
                del places[place]
    for variable, value in before:
        variable.assign(value)
    return fingerprint


def _layers(model: keras.Model, inside: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yield the layers of a model and of the models inside it, each with its place."""
    for layer in model.layers:
        # Two inner models may have layers of the same name.
        name = f"{inside}{layer.name}"
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{name}/")
        else:
            yield f"Layer {name!r}", layer


def _results(model: keras.Model, x: Any) -> dict[str, Any]:
    """Return the model's outputs for ``x``, and its loss and metrics on made-up targets."""
    outputs = model(x, training=False)
    results = dict(_flat("output", outputs, []))
    if not model.compiled:
        return results
    try:
        model.reset_metrics()
        y = keras.tree.map_structure(_with_errors, outputs)
        if isinstance(model.loss, QuantileLoss):
            y = y[..., 0]
        results["loss"] = value_of(model.compute_loss(x=x, y=y, y_pred=outputs, training=False))
        values = model.compute_metrics(x, y, outputs)
        # The metric "loss" is a mean over batches; the loss is compared above.
        values.pop("loss", None)
        results |= {f"metric {name!r}": value_of(value) for name, value in values.items()}
        model.reset_metrics()
    # Some losses, as for classification, refuse such targets; their settings are compared.
    except Exception as error:
        results["loss"] = f"not compared ({type(error).__name__} on made-up targets)"
    return results


def _with_errors(output: Any) -> Array:
    """Return targets with errors of all sizes, above and below a limit like Huber's ``delta``."""
    values = value_of(output)
    errors = np.geomspace(20.0, 0.03, values.size) * np.resize([1, -1], values.size)
    return values + errors.reshape(values.shape).astype(values.dtype)


def _inside(item: Any, variables: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the class, the settings and the variables of an object of Keras."""
    yield "", type(item).__name__
    if isinstance(item, keras.random.SeedGenerator):
        yield from _flat(SEED, item.state, variables)
        return
    if isinstance(item, keras.Model):
        yield from _flat("layers", item.layers, variables)
        return
    settings = item.get_config() if hasattr(item, "get_config") else {}
    # The config may lack a setting, so attributes are compared too, except those of initializers:
    # their seeds no longer matter once a model is saved.
    if not isinstance(item, keras.initializers.Initializer):
        settings = {**settings, **_attributes(item)}
    settings.pop("name", None)
    for name, value in settings.items():
        yield from _flat(name, value, variables)


def _attributes(item: Any) -> dict[str, Any]:
    """Return the attributes of an object; of a layer, without those that every layer has."""
    if isinstance(item, keras.optimizers.Optimizer):
        public = {name: v for name, v in vars(item).items() if not name.startswith("_")}
        return {name: v for name, v in public.items() if name not in ("built", "iterations")}
    if not isinstance(item, keras.layers.Layer):
        return vars(item)
    # PyTorch keeps the layers inside a layer apart from its attributes.
    inner = dict(item.named_children()) if hasattr(item, "named_children") else {}
    bare = vars(keras.layers.Layer())
    # TensorFlow's lists of tracked objects, ``_self_...``, contain everything a second time.
    attributes = {
        name: value
        for name, value in {**vars(item), **inner}.items()
        if name not in bare and not name.startswith("_self_")
    }
    return {**attributes, "trainable": item.trainable, "dtype": item.dtype_policy.name}


def _flat(place: str, value: Any, variables: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings and numbers within ``value``, each with its place."""
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        yield place, repr(value.item() if isinstance(value, np.generic) else value)
    elif isinstance(value, keras.Variable):
        variables.append(value)
        yield place, value_of(value)
    elif isinstance(value, np.ndarray) or keras.ops.is_tensor(value):
        yield place, value_of(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{place}.{key}".strip("."), item, variables)
    elif isinstance(value, Sequence):
        for i, item in enumerate(value):
            yield from _flat(f"{place}[{i}]", item, variables)
    elif isinstance(value, types.FunctionType | type):
        yield place, f"{value.__module__}.{value.__qualname__}"
    elif hasattr(value, "get_config"):
        for name, item in _inside(value, variables):
            yield f"{place}.{name}".strip("."), item
