"""Keeps the compiled loops of a model with the model, so that they are freed with it.

A loop holds its model. A dictionary from models to loops would therefore keep every model for ever,
even one whose keys are weak references. Here the model holds its loops, and Python frees the two of
them together.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import keras

from keras_ts._dtypes import at_least_float32
from keras_ts.forecasting.loop import Loop, Rounds

_ATTRIBUTE = "_keras_ts_loops"
# A loop that is compiled takes some megabytes.
_MOST = 8
# Held while loops are looked up or made, which takes little; a loop compiles when it is first run.
_LOOKING_UP = threading.Lock()

# Runs a loop on a batch of inputs, in any number of threads at once.
Run = Callable[[Any], Any]


class _Kept:
    """The loops of one model, the latest used last.

    Keras would track a dictionary, or a loop by itself, as a part of the model.
    """

    def __init__(self) -> None:
        self.loops: OrderedDict[Any, Run] = OrderedDict()


def compiled_loop(model: keras.Model, rounds: Rounds, shapes: dict[str, tuple[int, ...]]) -> Run:
    """Return what runs the loop of ``model`` through ``rounds``, compiled when it is first run.

    Args:
        model: The model.
        rounds: The rounds.
        shapes: The shapes of the inputs by their parts, without the batch.
    """
    eager, jit = bool(model.run_eagerly), model.jit_compile
    key = (rounds, tuple(shapes.items()), eager, jit, *_variables(model))
    with _LOOKING_UP:
        kept = getattr(model, _ATTRIBUTE, None)
        if kept is None:
            kept = _Kept()
            setattr(model, _ATTRIBUTE, kept)
        run = kept.loops.get(key)
        if run is None:
            inputs = loop_inputs(model, shapes)
            loop = keras.Model(inputs, Loop(model, rounds, unrolled=eager)(inputs), name="forecast")
            loop.run_eagerly, loop.jit_compile = eager, jit
            run = _run_by_jax(loop) if keras.backend.backend() == "jax" else loop.predict_on_batch
            kept.loops[key] = run
        kept.loops.move_to_end(key)
        while len(kept.loops) > _MOST:
            kept.loops.popitem(last=False)
    return run


def _run_by_jax(loop: keras.Model) -> Run:
    """Return what runs a loop on JAX, and leaves the arrays of its variables alone.

    ``predict_on_batch`` donates them to the compiled function, and assigns those that it returns:
    any other thread that reads the variables meanwhile finds arrays that are deleted.
    """
    import jax

    def step(trainable: list[Any], non_trainable: list[Any], inputs: Any) -> tuple[Any, list[Any]]:
        output, after = loop.stateless_call(trainable, non_trainable, inputs, training=False)
        changed = [
            None if value is old else value for value, old in zip(after, non_trainable, strict=True)
        ]
        return output, changed

    compiled = jax.jit(step) if loop.jit_compile and not loop.run_eagerly else step

    def run(inputs: Any) -> Any:
        variables = loop.non_trainable_variables
        trainable = [variable.value for variable in loop.trainable_variables]
        output, changed = compiled(trainable, [each.value for each in variables], inputs)
        for variable, value in zip(variables, changed, strict=True):
            # A generator of random numbers moves on; all else stays.
            if value is not None:
                variable.assign(value)
        return output

    return run


def _variables(model: keras.Model) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what tells the variables of a model from those that it had, or had to train, before.

    A compiled loop takes the values of both lists by their places, and does not notice that
    another layer was frozen, or that LoRA or quantization put other variables there.
    """
    return tuple(map(id, model.trainable_variables)), tuple(map(id, model.non_trainable_variables))


def loop_inputs(model: keras.Model, shapes: dict[str, tuple[int, ...]]) -> Any:
    """Return the inputs of a loop, as a dict if there are several."""
    dtype = at_least_float32(model)
    inputs = {part: keras.Input(shape, name=part, dtype=dtype) for part, shape in shapes.items()}
    return inputs if len(inputs) > 1 else inputs["past"]
