"""Keeps the compiled loops of a model with the model, so that they are freed with it.

A loop holds its model. A dictionary from models to loops would therefore keep every model for ever,
even one whose keys are weak references. Here the model holds its loops, and Python frees the two of
them together.
"""

from collections import OrderedDict
from typing import Any

import keras

from keras_ts._dtypes import at_least_float32
from keras_ts.forecasting.loop import Loop, Rounds

_ATTRIBUTE = "_keras_ts_loops"
# A loop that is compiled takes some megabytes.
_MOST = 8


class _Kept:
    """The loops of one model, the latest used last.

    Keras would track a dictionary, or a loop by itself, as a part of the model.
    """

    def __init__(self) -> None:
        self.loops: OrderedDict[Any, keras.Model] = OrderedDict()


def compiled_loop(
    model: keras.Model, rounds: Rounds, shapes: dict[str, tuple[int, ...]]
) -> keras.Model:
    """Return the loop of ``model`` through ``rounds``, made and compiled at the first call.

    Args:
        model: The model.
        rounds: The rounds.
        shapes: The shapes of the inputs by their parts, without the batch.
    """
    kept = getattr(model, _ATTRIBUTE, None)
    if kept is None:
        kept = _Kept()
        setattr(model, _ATTRIBUTE, kept)
    eager, jit = bool(model.run_eagerly), model.jit_compile
    key = (rounds, tuple(shapes.items()), eager, jit, *_variables(model))
    loop = kept.loops.get(key)
    if loop is None:
        inputs = loop_inputs(model, shapes)
        loop = keras.Model(inputs, Loop(model, rounds, unrolled=eager)(inputs), name="forecast")
        loop.run_eagerly, loop.jit_compile = eager, jit
        kept.loops[key] = loop
    kept.loops.move_to_end(key)
    while len(kept.loops) > _MOST:
        kept.loops.popitem(last=False)
    return loop


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
