"""Compiles the loop of a forecast once, runs it on batches of few shapes, and checks the result.

A model holds its compiled loops, and each loop holds the model, so that Python frees them together.
A dictionary from models to loops would keep every model forever, even with weak keys, since its
values hold the models.
"""

import threading
from collections import OrderedDict
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts._dtypes import at_least_float32
from keras_ts._models import Run, run_by_jax, variables_of
from keras_ts._progress import ProgressBar
from keras_ts._typing import Array, BoolArray
from keras_ts.forecasting.loop import Loop, Rounds
from keras_ts.interface import Interface
from keras_ts.windows.reading.panel import Panel, missing_rows
from keras_ts.windows.roles import Inputs, as_x

_ATTRIBUTE = "keras_ts_loops"
# Largest numbers of rows, and of values of ``past``, in a batch.
_MOST_ROWS, _MOST_VALUES = 1024, 1 << 24
# Most loops that a model keeps: a compiled one takes some megabytes.
_MOST = 8
# Below this, float32 holds no square of a thousandth of a value.
_LEAST = 1e3 * float(np.sqrt(np.finfo(np.float32).tiny))
# Held while a loop is looked up or made, which is fast; the loop compiles in its first run.
_LOOKING_UP = threading.Lock()


class _Kept:
    """The loops of one model, the most recently used last.

    An object of a plain class, since Keras would track a dictionary or a loop as part of the model.
    """

    def __init__(self) -> None:
        self.loops: OrderedDict[Any, Run] = OrderedDict()


def compiled_loop(model: keras.Model, rounds: Rounds, shapes: dict[str, tuple[int, ...]]) -> Run:
    """Return a function that runs the loop of ``model``, and compiles it in its first run.

    Args:
        model: The model.
        rounds: The rounds.
        shapes: The shapes of the inputs by their roles, without the batch.
    """
    eager, jit = bool(model.run_eagerly), model.jit_compile
    key = (rounds, tuple(shapes.items()), eager, jit, *variables_of(model))
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
            run = run_by_jax(loop) if keras.backend.backend() == "jax" else loop.predict_on_batch
            kept.loops[key] = run
        kept.loops.move_to_end(key)
        while len(kept.loops) > _MOST:
            kept.loops.popitem(last=False)
    return run


def loop_inputs(model: keras.Model, shapes: dict[str, tuple[int, ...]]) -> Any:
    """Return the inputs of a loop, as a dict if there are several."""
    dtype = at_least_float32(model)
    inputs = {part: keras.Input(shape, name=part, dtype=dtype) for part, shape in shapes.items()}
    return as_x(inputs)


def predict(run: Run, inputs: dict[str, Array], progress: ProgressBar) -> Array:
    """Return the outputs of a loop for all rows of ``inputs``.

    Every new shape is compiled, so the number of rows in a batch is a power of two. The last batch
    is filled up with its own rows.

    Args:
        run: Runs the loop on a batch.
        inputs: The inputs by roles.
        progress: Counts the rows.
    """
    rows = len(inputs["past"])
    most = min(_MOST_ROWS, max(1, _MOST_VALUES // max(1, inputs["past"][0].size)))
    size = min(1 << (rows - 1).bit_length(), 1 << (most.bit_length() - 1))
    outputs: list[Array] = []
    for first in range(0, rows, size):
        batch = {part: _filled(array[first : first + size], size) for part, array in inputs.items()}
        out = run(as_x(batch))
        outputs.append(np.asarray(ops.convert_to_numpy(out))[: rows - first])
        progress.add(len(outputs[-1]))
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)


def _filled(batch: Any, size: int) -> Array:
    if len(batch) == size:
        return batch
    return batch[np.arange(size) % len(batch)]


def fed(inputs: dict[str, Array], dtype: str, panel: Panel, chosen: Array) -> dict[str, Array]:
    """Return the inputs in the model's precision, or refuse values that do not fit it.

    Args:
        inputs: The inputs by roles, ``(chosen, ...)``.
        dtype: The precision.
        panel: All series, for an error.
        chosen: The numbers of the series to forecast.
    """
    with np.errstate(over="ignore"):
        cast = {part: values.astype(dtype) for part, values in inputs.items()}
    for part, values in inputs.items():
        if values.dtype.kind == "f" and values.dtype.itemsize <= cast[part].dtype.itemsize:
            continue
        lost = ~np.isfinite(cast[part]) & np.isfinite(values)
        if lost.any():
            row = int(np.argwhere(lost)[0][0])
            raise ValueError(
                f"{panel.series(int(chosen[row]))} holds {values[lost][0]:.3g} in the columns of "
                f"{part!r}, more than the model's precision, {dtype}, can hold. Divide the column "
                "by a number, before training too."
            )
    return cast


def closed_steps(inputs: dict[str, Array], rounds: Rounds) -> tuple[BoolArray, BoolArray]:
    """Return which steps a plan closes, and which have no value to be forecast from.

    A plan may close all steps of a window that a later round reads. What follows is then as unknown
    as after a series without a value.

    Returns:
        Two arrays ``(chosen, steps)``, True for these steps.
    """
    count, horizon = len(inputs["past"]), rounds.geometry.horizon
    closed: BoolArray = np.zeros((count, rounds.steps), bool)
    hollow = closed.copy()
    if not rounds.planned:
        return closed, hollow
    closed = np.logical_or.reduce(np.isnan(Inputs.of(inputs).ahead[..., : rounds.planned]), axis=2)
    if rounds.count == 1 or not closed.any():
        return closed, hollow
    present = np.isfinite(inputs["past"][..., rounds.target_places])
    for begin in range(0, rounds.steps, horizon):
        ahead = np.repeat(~closed[:, begin : begin + horizon, None], present.shape[2], axis=2)
        if begin:
            levels = present[:, :: rounds.geometry.sampling_rate].any(axis=1, keepdims=True)
            hollow[:, begin : begin + horizon] = (ahead & ~levels).any(axis=2)
            ahead = ahead & levels
        present = np.concatenate([present, ahead], axis=1)[:, -rounds.geometry.reach :]
    return closed, hollow


def check_sizes(
    ahead: Array,
    inputs: dict[str, Array],
    interface: Interface,
    panel: Panel,
    chosen: Array,
) -> None:
    """Refuse a forecast of values that are too large or too small to be squared.

    One of too large values is not finite. From missing inputs that are not masked it may be so.

    Args:
        ahead: The forecast, ``(chosen, steps, ...)``.
        inputs: The inputs by roles, as ``fed`` returns them.
        interface: The model's interface.
        panel: All series, for an error.
        chosen: The numbers of the series to forecast.
    """
    if interface.normalizes:
        past = inputs["past"].reshape(*inputs["past"].shape[:2], -1)
        targets = past[..., panel.columns.targets]
        sizes = np.where(np.isfinite(targets), np.abs(targets), 0).max(axis=1)
        tiny = (sizes > 0) & (sizes < _LEAST)
        if tiny.any():
            row, column = np.argwhere(tiny)[0]
            raise ValueError(
                f"{panel.series(int(chosen[row]))} has no value above {sizes[row, column]:.3g} in "
                f"its last window of {panel.columns.by_part()['target'][int(column)]!r}: the model "
                f"squares values, and float32 cannot hold squares of values below {_LEAST:.3g} to "
                "three digits. Multiply the series by a number, before training too, and divide "
                "the forecast by it."
            )
    bad = missing_rows(ahead.reshape(len(ahead), -1))
    if bad.any() and interface.masked is None:
        for values in inputs.values():
            bad &= ~missing_rows(values.reshape(len(values), -1))
    if bad.any():
        row = int(bad.argmax())
        values = np.concatenate([part[row].ravel() for part in inputs.values()])
        largest, most = np.nanmax(np.abs(values)), np.sqrt(np.finfo(values.dtype).max)
        raise ValueError(
            f"The model's forecast of {panel.series(int(chosen[row]))} is not finite. Its inputs "
            f"go up to {largest:.3g}: models square values, and {values.dtype} cannot hold squares "
            f"of values above {most:.3g}. Divide the series by a number, and multiply the forecast "
            "by it. If the inputs are no larger than in training, the training has diverged, and "
            "the weights are not finite: train with a smaller learning rate."
        )
