"""Checks models, and predicts in one process, of a distributed run too."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

import keras
import numpy as np

from keras_ts._backends import Run, is_distributed, runner, unwrapped
from keras_ts._typing import Array

_ATTRIBUTE = "keras_ts_run"


def check_model(model: Any, built: bool = False) -> keras.Model:
    """Return a Keras model without PyTorch's wrapper; refuse anything else."""
    model = unwrapped(model)
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model. Received: {type(model).__name__}.")
    if built and not model.built:
        raise ValueError("model is not built yet: give it an Input, or call it once on data.")
    return model


def has_own_step(model: keras.Model) -> bool:
    """Return True if a model overrides the methods by which Keras computes its loss."""
    steps = ("train_step", "test_step", "compute_loss")
    return any(getattr(type(model), name) is not getattr(keras.Model, name) for name in steps)


def build_optimizer(model: keras.Model) -> None:
    """Make the variables of a model's optimizer, in the scope of its distribution strategy."""
    # If the first step of a fit made them, TensorFlow would trace that step twice.
    if not model.optimizer.built:
        strategy = getattr(model, "distribute_strategy", None)
        with nullcontext() if strategy is None else strategy.scope():
            model.optimizer.build(model.trainable_variables)


def inputs_of(model: keras.Model) -> Any:
    """Return the symbolic inputs of a model."""
    # A Sequential has no ``input`` unless it was called on symbolic tensors.
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def value_of(variable: Any) -> Array:
    """Return a variable or tensor as an array: a copy, since some backends return a view."""
    return np.array(keras.ops.convert_to_numpy(variable))


def predict(model: keras.Model, inputs: Any, batch_size: int | None = None) -> Any:
    """Return the outputs of a model for arrays, computed by this process alone."""
    # Keras's ``predict`` would make a pipeline of the arrays, which takes longer than some batches.
    rows = len(keras.tree.flatten(inputs)[0])
    batch_size = batch_size or rows
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        # Each replica would predict the whole batch.
        return model.predict(inputs, batch_size=batch_size, verbose=0)
    if isinstance(getattr(model, "input", None), list) and hasattr(inputs, "shape"):
        inputs = [inputs]  # Else Keras warns of another structure on PyTorch.
    # Under a ``keras.distribution`` Keras would divide the rows among all processes, and could not
    # gather the outputs. So each process predicts all rows on one of its devices.
    run = _compiled_run(model) if is_distributed(model) else model.predict_on_batch
    batches = [
        keras.tree.map_structure(np.asarray, run(_rows(inputs, begin, begin + batch_size)))
        for begin in range(0, rows, batch_size)
    ]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)


def variables_of(model: keras.Model) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a key that changes with a model's variables, or with which of them are trainable."""
    # A compiled function takes variables by position, so it must be compiled again after a layer
    # was frozen, or LoRA or quantization replaced variables.
    return tuple(map(id, model.trainable_variables)), tuple(map(id, model.non_trainable_variables))


def _compiled_run(model: keras.Model) -> Run:
    """Return a function that runs the model, which is compiled once."""
    key = bool(model.run_eagerly), model.jit_compile, *variables_of(model)
    if not hasattr(model, _ATTRIBUTE):
        setattr(model, _ATTRIBUTE, lru_cache(1)(lambda _: runner(model)))
    run: Run = getattr(model, _ATTRIBUTE)(key)
    return run


def _rows(inputs: Any, begin: int, end: int) -> Any:
    return keras.tree.map_structure(lambda part: part[begin:end], inputs)


@contextmanager
def undistributed() -> Iterator[None]:
    """Hide the distribution from Keras, so that this process makes variables alone."""
    # While it saves a model, Keras makes new objects to compare with. Under a distribution all
    # processes would have to make the variables of those objects at the same time.
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)
