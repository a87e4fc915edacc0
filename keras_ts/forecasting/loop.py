"""``Loop``: a layer that calls a model on its own outputs, one horizon per round.

``forecast`` compiles the layer, and ``Rollout`` saves and exports it. A round appends outputs and
columns known ahead to the inputs, and drops as many rows in front: converters to ONNX support
concatenation, but no update in place.
"""

import math
import threading
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_ts import _keras_private
from keras_ts._backends import Run, runner
from keras_ts._dtypes import at_least_float32
from keras_ts._models import variables_of
from keras_ts._progress import ProgressBar
from keras_ts._typing import Array
from keras_ts.interface import Interface
from keras_ts.panel.columns import Columns
from keras_ts.panel.roles import Inputs, as_x
from keras_ts.windows.geometry import Geometry

# An attribute of the model caches its compiled loops, which refer to the model, so that Python
# frees them together; a dictionary would keep every model forever, even with weak keys. A loop
# takes some megabytes, so only the last few are cached.
_ATTRIBUTE, _MOST_LOOPS = "keras_ts_loops", 8
# Held while a loop is looked up or made, which is fast; the loop compiles in its first run.
_LOOKING_UP = threading.Lock()
# Largest numbers of rows, and of values of ``past``, in a batch.
_MOST_ROWS, _MOST_VALUES = 1024, 1 << 24


@dataclass(frozen=True)
class Rounds:
    """The rounds of a forecast, each of one horizon."""

    geometry: Geometry
    count: int
    targets: tuple[int, ...]  # Shape of the targets at one step: ``()`` or ``(n,)``.
    quantiles: int = 0  # On the last axis of the output; 0 for a point forecast.
    # The index of each past column in the list of the targets and, after them, the columns known
    # ahead; None if a column is in neither, so that there can be only one round.
    sources: tuple[int, ...] | None = None
    # How many of the columns known ahead, from the first, come from ``future=``. A step that lacks
    # one of their values is closed: its forecast is NaN. 0 if no step can be closed.
    planned: int = 0

    @classmethod
    def of(cls, interface: Interface, columns: Columns, steps: int) -> Self:
        """Return the rounds of a forecast, or refuse a model that does not fit them."""
        windows, quantiles = interface.windows, interface.quantiles
        rounds = cls(
            windows.geometry,
            -(-steps // windows.horizon),
            columns.target_shape,
            len(quantiles or ()),
            columns.sources,
            len(columns.planned) if windows.handling.partial else 0,
        )
        shape = getattr(interface.model, "output_shape", None)
        if isinstance(shape, tuple):
            rounds.check_output(shape)
        if rounds.count == 1:
            return rounds
        beyond = (
            f"steps={steps} goes past horizon={windows.horizon}, which needs forecasts as inputs"
        )
        if quantiles is not None:
            raise ValueError(
                f"{beyond}, and the model returns quantiles: a median fed back would make later "
                f"quantiles too narrow. Train with horizon={steps}."
            )
        if rounds.sources is None or windows.gap:
            reason = f"gap={windows.gap} leaves rows without a forecast"
            if not windows.gap:
                reason = "not every column is a target, known ahead or one of a calendar"
            raise ValueError(
                f"{beyond}, and {reason}. Train with horizon={steps}, or with gap=0 and every "
                "column a target or known ahead."
            )
        return rounds

    @property
    def steps(self) -> int:
        """Number of steps that all rounds forecast together."""
        return self.count * self.geometry.horizon

    @property
    def step_shape(self) -> tuple[int, ...]:
        """Shape of the forecast at one step."""
        return (*self.targets, self.quantiles) if self.quantiles else self.targets

    @property
    def target_places(self) -> list[int]:
        """The indices of the targets among the past columns, if there are several rounds."""
        assert self.sources is not None
        return [self.sources.index(target) for target in range(math.prod(self.targets))]

    def check_output(self, shape: tuple[int | None, ...]) -> None:
        """Refuse outputs that have neither the targets' shape nor as many values in a flat one."""
        geometry, quantiles = self.geometry, ""
        ahead = shape[2:] if geometry.sequence else shape[1:]
        fits = len(shape) >= 2 + geometry.sequence
        if self.quantiles:
            quantiles = f" in {self.quantiles} quantiles each"
            fits = fits and ahead[-1] == self.quantiles
            ahead = ahead[:-1]
        needed = geometry.horizon * math.prod(self.targets)
        shaped = len(ahead) < 2 or ahead == (geometry.horizon, *self.targets)
        if not fits or not shaped or math.prod(size or 0 for size in ahead) != needed:
            hint = ""
            if len(shape) == 3 and not geometry.sequence and not quantiles:
                hint = ' A sequence-to-sequence model takes windows with targets="sequence".'
            raise ValueError(
                f"The model gives outputs of shape {shape[1:]} per window; horizon="
                f"{geometry.horizon} and targets of shape {self.targets} need {needed} values"
                f"{quantiles}. Build the model with that many outputs, or use the windows that it "
                f"was trained on.{hint}"
            )


class Loop(keras.layers.Layer):
    """Calls a model once per round, on the inputs and on the outputs of earlier rounds."""

    # ``unrolled`` makes a loop of Python, which a debugger can step through.
    def __init__(self, model: keras.Model, rounds: Rounds, steps: int, unrolled: bool) -> None:
        super().__init__(dtype=at_least_float32(model), name="loop")
        self.model, self.rounds, self.steps, self.unrolled = model, rounds, steps, unrolled

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the forecast."""
        batch = keras.tree.flatten(inputs)[0].shape[0]
        return keras.KerasTensor((batch, self.steps, *self.rounds.step_shape), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the settings without the model, which a ``Rollout`` saves."""
        return {**super().get_config(), "rounds": asdict(self.rounds), "steps": self.steps}

    def call(self, inputs: Any) -> Any:
        """Forecast from the last rows of each series and the columns known ahead after them."""
        recent, known, constant = Inputs.of(inputs)
        carried = {"recent": recent}
        if known is not None:
            # The last row is repeated until there are rows for all rounds.
            missing = self.rounds.steps - known.shape[1]
            carried["known"] = ops.concatenate([known] + [known[:, -1:]] * missing, axis=1)
        if self.rounds.count == 1:
            ahead = self._horizon(self.model(self._window(carried, constant), training=False))
            return self._closed(ahead, carried)[:, : self.steps]
        # The first round shows which variables a call changes, such as those of random number
        # generators. A compiled loop cannot write to them, so it carries their values.
        ahead, values = self._stateless_call(self._window(carried, constant), {})
        ahead = self._closed(ahead, carried)
        variables = [
            variable for variable in self.model.non_trainable_variables if id(variable) in values
        ]
        carried = self._moved_on(carried, ahead)
        carried["done"] = ops.concatenate([ahead] * self.rounds.count, axis=1)
        carried["state"] = [values[id(variable)] for variable in variables]

        def one_round(_: Any, carried: Any) -> Any:
            state = dict(zip(map(id, variables), carried["state"], strict=True))
            ahead, values = self._stateless_call(self._window(carried, constant), state)
            ahead = self._closed(self._with_past(ahead, carried), carried)
            done = carried["done"][:, self.rounds.geometry.horizon :]
            return {
                **self._moved_on(carried, ahead),
                "done": ops.concatenate([done, ahead], axis=1),
                "state": [values[id(variable)] for variable in variables],
            }

        if self.unrolled:
            for number in range(1, self.rounds.count):
                carried = one_round(number, carried)
        else:
            carried = ops.fori_loop(1, self.rounds.count, one_round, carried)
        for variable, value in zip(variables, carried["state"], strict=True):
            variable.assign(value)
        return carried["done"][:, : self.steps]

    def _window(self, carried: dict[str, Any], constant: dict[str, Any]) -> Any:
        shape, known = self.rounds.geometry, carried.get("known")
        known = None if known is None else known[:, : shape.horizon]
        return Inputs(carried["recent"][:, :: shape.sampling_rate], known, constant).x

    def _closed(self, ahead: Any, carried: dict[str, Any]) -> Any:
        """Return a horizon with NaN at each closed step."""
        planned = self.rounds.planned
        if not planned:
            return ahead
        plan = carried["known"][:, : self.rounds.geometry.horizon, :planned]
        open_steps = ops.min(ops.cast(ops.equal(plan, plan), ahead.dtype), axis=2)
        values = [1] * len(self.rounds.step_shape)
        return _where(ahead, ops.reshape(open_steps, (-1, self.rounds.geometry.horizon, *values)))

    def _with_past(self, ahead: Any, carried: dict[str, Any]) -> Any:
        """Return a horizon with NaN for each target that closed steps left without past values."""
        rounds = self.rounds
        if not rounds.planned:
            return ahead
        places = rounds.target_places
        read = carried["recent"][:, :: rounds.geometry.sampling_rate]
        targets = ops.take(read, places, axis=2)
        present = ops.max(ops.cast(ops.equal(targets, targets), ahead.dtype), axis=1)
        return _where(ahead, ops.reshape(present, (-1, 1, *rounds.targets)))

    def _moved_on(self, carried: dict[str, Any], ahead: Any) -> dict[str, Any]:
        """Return the inputs of the next round: those of this one, moved on by a horizon."""
        horizon, sources = self.rounds.geometry.horizon, self.rounds.sources
        assert sources is not None
        recent = carried["recent"]
        rows = ops.reshape(ahead, (-1, horizon, math.prod(self.rounds.targets)))
        rows = ops.cast(rows, recent.dtype)
        moved = {}
        if "known" in carried:
            known = carried["known"]
            rows = ops.concatenate([rows, known[:, :horizon]], axis=-1)
            moved["known"] = ops.concatenate([known[:, horizon:], known[:, :horizon]], axis=1)
        if sources != tuple(range(rows.shape[-1])):
            rows = ops.take(rows, list(sources), axis=-1)
        rows = ops.reshape(rows, (-1, horizon, *recent.shape[2:]))
        moved["recent"] = ops.concatenate([recent[:, horizon:], rows], axis=1)
        if horizon > recent.shape[1]:
            moved["recent"] = rows[:, horizon - recent.shape[1] :]
        return moved

    def _stateless_call(self, inputs: Any, state: dict[int, Any]) -> tuple[Any, dict[int, Any]]:
        """Return a horizon, and values by ``id`` of variables that change or are in ``state``."""
        variables = self.model.variables
        values = [state.get(id(variable), variable.value) for variable in variables]
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            before = [scope.get_current_value(variable) for variable in variables]
            output = self._horizon(self.model(inputs, training=False))
        unseeded = _keras_private.global_seed_generator()
        if unseeded is not None and scope.get_current_value(unseeded.state) is not None:
            raise ValueError(
                "The model draws random numbers without a seed, and would draw the same ones in "
                "every round. Pass seed=keras.random.SeedGenerator(...) to its layer."
            )
        after = [scope.get_current_value(variable) for variable in variables]
        return output, {
            id(variable): value
            for variable, old, value in zip(variables, before, after, strict=True)
            if value is not old or id(variable) in state
        }

    def _horizon(self, output: Any) -> Any:
        """Return the model's output as ``(batch, horizon, ...)``, the last one of a sequence."""
        geometry = self.rounds.geometry
        self.rounds.check_output(tuple(output.shape))
        if geometry.sequence:
            output = output[:, -1]
        ahead = ops.reshape(output, (-1, geometry.horizon, *self.rounds.step_shape))
        return ops.cast(ahead, self.compute_dtype)


def _where(values: Any, present: Any) -> Any:
    """Return values where ``present`` is 1, and NaN where it is 0."""
    # 0 / 0 is NaN. Exported by tf2onnx, ``where`` would give NaN elsewhere, too.
    return values * present / present


def compiled_loop(model: keras.Model, rounds: Rounds, shapes: dict[str, tuple[int, ...]]) -> Run:
    """Return a function that runs the loop for inputs of ``shapes``, compiled in its first call."""
    settings = tuple(shapes.items()), bool(model.run_eagerly), model.jit_compile
    with _LOOKING_UP:
        if not hasattr(model, _ATTRIBUTE):
            setattr(model, _ATTRIBUTE, lru_cache(_MOST_LOOPS)(partial(_compiled, model)))
        return getattr(model, _ATTRIBUTE)(rounds, *settings, variables_of(model))


def _compiled(
    model: keras.Model, rounds: Rounds, shapes: Any, eager: bool, jit: Any, variables: Any
) -> Run:
    """Return a function that runs a new loop; ``variables`` is only a part of the cache's key."""
    inputs = loop_inputs(model, dict(shapes))
    loop = keras.Model(inputs, Loop(model, rounds, rounds.steps, eager)(inputs), name="forecast")
    loop.run_eagerly, loop.jit_compile = eager, jit
    return runner(loop)


def loop_inputs(model: keras.Model, shapes: dict[str, tuple[int, ...]]) -> Any:
    """Return the inputs of a loop, as a dict if there are several."""
    dtype = at_least_float32(model)
    inputs = {part: keras.Input(shape, name=part, dtype=dtype) for part, shape in shapes.items()}
    return as_x(inputs)


def predict(run: Run, inputs: dict[str, Array], progress: ProgressBar) -> Array:
    """Return the outputs of a loop for all rows of ``inputs``."""
    # Every new shape is compiled, so the number of rows in a batch is a power of two. The last
    # batch repeats its rows to reach that number.
    rows = len(inputs["past"])
    most = min(_MOST_ROWS, max(1, _MOST_VALUES // inputs["past"][0].size))
    size = min(1 << (rows - 1).bit_length(), 1 << (most.bit_length() - 1))
    outputs: list[Array] = []
    for first in range(0, rows, size):
        batch = {part: array[first : first + size] for part, array in inputs.items()}
        count = min(size, rows - first)
        if count < size:
            batch = {part: array[np.arange(size) % count] for part, array in batch.items()}
        out = run(as_x(batch))
        outputs.append(np.asarray(ops.convert_to_numpy(out))[:count])
        progress.add(count)
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
