"""Copies the state that a fit changes, and puts it back bit for bit."""

import random
import sys
from typing import Any

import keras
import numpy as np

from keras_ts import _keras_private
from keras_ts._typing import Array


class Snapshot:
    """Copies the state of a built model, its optimizer and the random generators."""

    def __init__(self, model: keras.Model) -> None:
        self._values = [_copy(variable) for variable in _variables(model)]
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002 - Keras and its users draw from it
        self._torch = sys.modules["torch"].get_rng_state() if "torch" in sys.modules else None
        # Keras has no generator of its own before the first draw without a seed.
        self._seeds = _keras_private.global_seed_generator()
        self._seed = None if self._seeds is None else _copy(self._seeds.state)

    def restore(self, model: keras.Model) -> None:
        """Put the model, its optimizer and the random generators back."""
        for variable, value in zip(_variables(model), self._values, strict=True):
            variable.assign(value)
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002 - as above
        if self._torch is not None:
            sys.modules["torch"].set_rng_state(self._torch)
        if self._seeds is not None:
            self._seeds.state.assign(self._seed)
        _keras_private.set_global_seed_generator(self._seeds)


def _variables(model: keras.Model) -> list[Any]:
    # model.get_weights() leaves out the states of seed generators, such as those of dropout, and
    # optimizer.set_weights() leaves out the variables of a wrapped optimizer.
    return [*model.variables, *_recurrent_states(model), *model.optimizer.variables]


def _recurrent_states(model: keras.Model) -> list[Any]:
    return [
        state
        for layer in _keras_private.layers_within(model)
        if isinstance(layer, keras.layers.RNN) and layer.states is not None
        for state in keras.tree.flatten(layer.states)
    ]


def _copy(variable: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(variable))
