"""``Rollout``: a Keras model that runs another in a loop over the outputs."""

import math
from typing import Any

import keras
from keras import ops

from keras_ts import _keras_private
from keras_ts._dtypes import at_least_float32
from keras_ts.windows.windowed_series import WindowedSeries


class Rollout(keras.Model):
    """Feeds a model's outputs back as its inputs; Keras compiles loop and model as one."""

    def __init__(
        self,
        model: keras.Model,
        windows: WindowedSeries,
        rounds: int,
        target_shape: tuple[int, ...],
    ) -> None:
        super().__init__(dtype=at_least_float32(model))
        self.inner, self.windows, self.rounds = model, windows, rounds
        self.target_shape = target_shape

    def call(self, inputs: Any) -> Any:
        """Forecast ``rounds`` horizons; ``inputs`` holds every position that a window spans."""
        rate = self.windows.sampling_rate
        if self.rounds == 1:
            return self._horizon(self.inner(inputs[:, ::rate], training=False))
        horizon, (reach, *columns) = self.windows.horizon, inputs.shape[1:]
        batch = ops.shape(inputs)[0]
        room = ops.zeros((batch, self.rounds * horizon, *columns), inputs.dtype)
        timeline = ops.concatenate([inputs, room], axis=1)
        rest = [0] * len(columns)

        def one_round(number: Any, carried: Any) -> Any:
            timeline, state = carried
            now = number * horizon
            recent = ops.slice(timeline, [0, now, *rest], (batch, reach, *columns))
            output, state = self._call_within_loop(recent[:, ::rate], state)
            ahead = ops.reshape(self._horizon(output), (batch, horizon, *columns))
            fed = ops.cast(ahead, timeline.dtype)
            return ops.slice_update(timeline, [0, now + reach, *rest], fed), state

        variables = self.inner.non_trainable_variables
        # The loop carries the state, since a seed moves on from step to step.
        state = [variable.value for variable in variables]
        filled, state = ops.fori_loop(0, self.rounds, one_round, (timeline, state))
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)
        return ops.reshape(filled[:, reach:], (batch, self.rounds * horizon, *self.target_shape))

    def _call_within_loop(self, inputs: Any, state: list[Any]) -> tuple[Any, list[Any]]:
        """Call the model on values of its state; return its output and the state after it.

        A compiled loop cannot write to variables, as a layer that draws random numbers does.
        """
        variables = self.inner.non_trainable_variables
        weights = [(weight, weight.value) for weight in self.inner.trainable_variables]
        with keras.StatelessScope([*weights, *zip(variables, state, strict=True)]) as scope:
            output = self.inner(inputs, training=False)
        unseeded = _keras_private.global_seed_generator()
        if unseeded is not None and scope.get_current_value(unseeded.state) is not None:
            raise ValueError(
                "The model draws random numbers without a seed, and would draw the same ones at "
                "every step that it feeds back. Give its layer a keras.random.SeedGenerator."
            )
        return output, [scope.get_current_value(variable) for variable in variables]

    def _horizon(self, output: Any) -> Any:
        """Return the model's output as ``(batch, horizon, ...)``, of a sequence the last step's."""
        horizon, targets = self.windows.horizon, self.target_shape
        check_output(tuple(output.shape), self.windows, targets)
        if self.windows.targets == "sequence":
            output = output[:, -1]
        return ops.reshape(output, (-1, horizon, *targets))


def check_output(
    shape: tuple[int | None, ...], windows: WindowedSeries, targets: tuple[int, ...]
) -> None:
    """Refuse outputs of another shape than a window's targets, or as many values in a row.

    Args:
        shape: Shape of the model's output, its batch in front.
        windows: The settings that the targets follow.
        targets: Shape of the targets at one step.
    """
    horizon, sequence = windows.horizon, windows.targets == "sequence"
    ahead = shape[2:] if sequence else shape[1:]
    wanted = horizon * math.prod(targets)
    shaped = len(ahead) < 2 or ahead == (horizon, *targets)
    values = math.prod(size or 0 for size in ahead)
    if len(shape) < 2 + sequence or not shaped or values != wanted:
        hint = ""
        if len(shape) == 3 and not sequence:
            hint = ' A sequence-to-sequence model takes windows with targets="sequence".'
        raise ValueError(
            f"The model gives outputs of shape {shape[1:]} per window; horizon={horizon} and "
            f"targets of shape {targets} need {wanted} values. Build the model with that many "
            f"outputs, or use the windows that it was trained on.{hint}"
        )
