"""Checks models for the whole package, and predicts with them in a run of several devices."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

_ATTRIBUTE = "keras_ts_run"

# Runs a model on a batch of inputs, in any number of threads at once.
Run = Callable[[Any], Any]


def unwrapped(model: Any) -> Any:
    """Return the Keras model within PyTorch's ``DistributedDataParallel``, or ``model`` itself."""
    torch: Any = sys.modules.get("torch")
    if torch is None or keras.backend.backend() != "torch":
        return model
    wrapped = isinstance(model, torch.nn.parallel.DistributedDataParallel)
    return model.module if wrapped else model


def check_model(model: Any, built: bool = False) -> keras.Model:
    """Return a Keras model without PyTorch's wrapper; refuse anything else."""
    model = unwrapped(model)
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model. Received: {type(model).__name__}.")
    if built and not model.built:
        raise ValueError("model is not built yet: give it an Input, or call it once on data.")
    return model


def check_graph(model: Any) -> keras.Model:
    """Return a built Sequential or functional model; raise an error for anything else."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        unbuilt = isinstance(model, keras.Sequential)
        raise TypeError(
            "model must be a built Sequential or functional model. "
            f"Received: {type(model).__name__}"
            + (" that is not built: give it an Input." if unbuilt else ".")
        )
    return model


def has_own_step(model: keras.Model) -> bool:
    """Return True if a model computes its loss by a method of its own."""
    steps = ("train_step", "test_step", "compute_loss")
    return any(getattr(type(model), name) is not getattr(keras.Model, name) for name in steps)


def build_optimizer(model: keras.Model) -> None:
    """Make the variables of a model's optimizer, in the scope of its distribution strategy."""
    if not model.optimizer.built:
        strategy = getattr(model, "distribute_strategy", None)
        with nullcontext() if strategy is None else strategy.scope():
            model.optimizer.build(model.trainable_variables)


def predict(model: keras.Model, inputs: Any, batch_size: int | None = None) -> Any:
    """Return the outputs of a model for arrays, computed by this process alone."""
    # Under a ``keras.distribution`` Keras's own ``predict`` would divide the rows among the devices
    # of all processes, and could not gather the outputs of the others. Each process has a copy of
    # the variables, so it predicts all rows on one of its devices.
    if not is_distributed(model):
        if batch_size is None:
            return model.predict_on_batch(inputs)
        return model.predict(inputs, batch_size=batch_size, verbose=0)
    run, rows = _compiled_run(model), len(keras.tree.flatten(inputs)[0])
    batch_size = batch_size or rows
    batches = [
        keras.tree.map_structure(np.asarray, run(_rows(inputs, begin, begin + batch_size)))
        for begin in range(0, rows, batch_size)
    ]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)


def run_by_jax(model: keras.Model) -> Run:
    """Return a function that runs a model on JAX without replacing the arrays of its variables."""
    # ``predict_on_batch`` would donate the arrays to the compiled function and assign the arrays
    # that it returns, so that other threads could read deleted arrays in the meantime.
    import jax

    def step(trainable: list[Any], non_trainable: list[Any], inputs: Any) -> tuple[Any, list[Any]]:
        output, after = model.stateless_call(trainable, non_trainable, inputs, training=False)
        changed = [
            None if value is old else value for value, old in zip(after, non_trainable, strict=True)
        ]
        return output, changed

    compiled = jax.jit(step) if model.jit_compile and not model.run_eagerly else step

    def run(inputs: Any) -> Any:
        variables = model.non_trainable_variables
        trainable = [_here(variable) for variable in model.trainable_variables]
        output, changed = compiled(trainable, [_here(variable) for variable in variables], inputs)
        for variable, value in zip(variables, changed, strict=True):
            # Only random number generators change their state.
            if value is not None:
                variable.assign(value)
        return output

    return run


def variables_of(model: keras.Model) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a key that changes if the model gets other variables, or other trainable ones."""
    # A compiled model takes the values of both lists by their order, and would not notice that
    # another layer was frozen, or that LoRA or quantization replaced variables.
    return tuple(map(id, model.trainable_variables)), tuple(map(id, model.non_trainable_variables))


@dataclass(frozen=True)
class _Compiled:
    """A compiled model. Keras would track a tuple as part of the model."""

    key: Any
    run: Run


def _compiled_run(model: keras.Model) -> Run:
    """Return a function that runs the model, which is compiled once."""
    key = bool(model.run_eagerly), model.jit_compile, *variables_of(model)
    compiled = getattr(model, _ATTRIBUTE, None)
    if compiled is None or compiled.key != key:
        compiled = _Compiled(key, run_by_jax(model))
        setattr(model, _ATTRIBUTE, compiled)
    return compiled.run


def is_distributed(model: keras.Model) -> bool:
    """Return True if a ``keras.distribution`` is set, or once was for this model."""
    if keras.backend.backend() != "jax":
        return False
    values = (variable.value for variable in model.variables)
    return keras.distribution.distribution() is not None or any(map(_is_spread, values))


def _here(variable: Any) -> Any:
    """Return the value of a variable as an array on one device of this process."""
    value = variable.value
    if not _is_spread(value):
        return value
    if value.is_fully_replicated:
        return value.addressable_data(0)
    if not value.is_fully_addressable:
        raise ValueError(
            f"The variable {variable.path} is divided among several processes, each of which holds "
            "a part of it, so that none can predict alone. Gather the values in all processes by "
            "jax.experimental.multihost_utils.process_allgather(variable.value, tiled=True), and "
            "assign them to a model that was made without keras.distribution."
        )
    return np.asarray(value)


def _is_spread(value: Any) -> bool:
    return len(value.sharding.device_set) > 1


def _rows(inputs: Any, begin: int, end: int) -> Any:
    return keras.tree.map_structure(lambda part: part[begin:end], inputs)


@contextmanager
def undistributed() -> Iterator[None]:
    """Let this process do alone what Keras would do together with others."""
    # Keras makes objects to compare with while it saves a model. Under a distribution all processes
    # would have to make their variables at the same time.
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)
