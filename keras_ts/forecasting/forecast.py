"""``forecast``: from the end of a series on, as far as one likes."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.layers._precision import at_least_float32
from keras_ts.windows.series import Panel, missing_rows, read_panel

if TYPE_CHECKING:
    from keras_ts.windows.spec import WindowedSeries


def forecast(
    model: keras.Model, series: Any, windows: "WindowedSeries", steps: int | None = None
) -> Array:
    """Forecast the values that follow ``series``.

    As far as the horizon reaches, the model's own outputs are the forecast; past it they
    are fed back as inputs, in one compiled loop, and their errors with them.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import WindowedSeries, forecast
    >>> persist = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x[:, -1:])])
    >>> forecast(persist, np.array([1.0, 2.0, 3.0, 4.0]), WindowedSeries(3), steps=2).tolist()
    [4.0, 4.0]

    Args:
        model: A model that takes one window and forecasts a horizon.
        series: Anything that ``windows.build`` takes; a panel is forecast series by series.
        windows: How the model's training data was windowed.
        steps: Positions to forecast. Defaults to None: the horizon.

    Output shape:
        ``(steps,)`` for a single target, ``(steps, targets)`` for several; in front of
        them an axis for the series of a panel.

    Raises:
        ValueError: A series is shorter than a window, or its last window is not whole, the model's output does not fit the
            windows, or feeding back is asked for where not every column is forecast.
    """
    steps = windows.horizon if steps is None else _checks.integer("steps", steps, 1)
    panel = read_panel(series, windows)
    if windows.future_columns or panel.static is not None:
        raise ValueError(
            "forecast cannot know the future values of future_columns, nor pass on "
            "static_columns; predict with model.predict on windows of your own."
        )
    rounds = -(-steps // windows.horizon)
    if rounds > 1:
        _check_feeds_back(panel, windows, steps)
    rollout = Rollout(model, windows, rounds, _target_shape(panel))
    out = np.asarray(ops.convert_to_numpy(rollout.predict_on_batch(_last_inputs(panel, windows))))
    return out[0, :steps] if panel.single else out[:, :steps]


class Rollout(keras.Model):
    """The model in a loop over its own outputs, compiled as one by Keras itself."""

    def __init__(
        self,
        model: keras.Model,
        windows: "WindowedSeries",
        rounds: int,
        target_shape: tuple[int, ...],
    ) -> None:
        super().__init__(dtype=at_least_float32(model))
        self.inner, self.windows, self.rounds = model, windows, rounds
        self.target_shape = target_shape

    def call(self, inputs: Any) -> Any:
        """Forecast ``rounds`` horizons; ``inputs`` reach back one window, unthinned."""
        if self.rounds == 1:
            return self._horizon(self._model_output(inputs))
        horizon, (reach, *columns) = self.windows.horizon, inputs.shape[1:]
        batch = ops.shape(inputs)[0]
        room = ops.zeros((batch, self.rounds * horizon, *columns), inputs.dtype)
        timeline = ops.concatenate([inputs, room], axis=1)
        rest = [0] * len(columns)

        def one_round(number: Any, timeline: Any) -> Any:
            now = number * horizon
            recent = ops.slice(timeline, [0, now, *rest], (batch, reach, *columns))
            ahead = self._horizon(self._model_output(recent))
            fed = ops.cast(ops.reshape(ahead, (batch, horizon, *columns)), timeline.dtype)
            return ops.slice_update(timeline, [0, now + reach, *rest], fed)

        filled = ops.fori_loop(0, self.rounds, one_round, timeline)[:, reach:]
        return ops.reshape(filled, (batch, self.rounds * horizon, *self.target_shape))

    def _model_output(self, recent: Any) -> Any:
        # Stateless, as a layer that counts or draws (dropout's seed) would otherwise write
        # to its state from inside the loop.
        output, _ = self.inner.stateless_call(
            [variable.value for variable in self.inner.trainable_variables],
            [variable.value for variable in self.inner.non_trainable_variables],
            recent[:, :: self.windows.sampling_rate],
            training=False,
        )
        return output

    def _horizon(self, output: Any) -> Any:
        """The model's output as ``(batch, horizon, ...)``, the last step's of a sequence."""
        horizon, targets = self.windows.horizon, self.target_shape
        if self.windows.targets == "sequence":
            output = output[:, -1]
        values = int(np.prod(output.shape[1:]))
        shaped = len(output.shape) < 3 or tuple(output.shape[1:]) == (horizon, *targets)
        if values != horizon * int(np.prod(targets)) or not shaped:
            raise ValueError(
                f"The model gives outputs of shape {tuple(output.shape[1:])} per window; "
                f"horizon={horizon} and targets of shape {targets} need "
                f"{horizon * int(np.prod(targets))} values. Use the windows that "
                "the model was trained on"
                + (
                    ', which for a sequence-to-sequence model say targets="sequence".'
                    if len(output.shape) == 3 and self.windows.targets == "vector"
                    else "."
                )
            )
        return ops.reshape(output, (-1, horizon, *targets))


def _last_inputs(panel: Panel, windows: "WindowedSeries") -> Array:
    reach = windows.geometry.reach
    short = np.flatnonzero(panel.lengths < reach)
    if len(short):
        raise ValueError(
            f"series is too short: window={windows.window}, sampling_rate="
            f"{windows.sampling_rate} read back {reach} positions, and "
            + (f"series {short[0]} has" if not panel.single else "it has")
            + f" {panel.lengths[short[0]]}."
        )
    if windows.missing != "keep":
        _check_whole(panel, reach)
    values = np.stack([panel.values[end - reach : end] for end in panel.bounds[1:]])
    return values if values.dtype.kind == "f" else values.astype(keras.config.floatx())


def _check_whole(panel: Panel, reach: int) -> None:
    """Refuse to forecast from a window that training would have left out."""
    for begin, end in zip(panel.bounds[:-1], panel.bounds[1:], strict=True):
        begin = max(begin, end - reach)
        missing = np.flatnonzero(missing_rows(panel.values[begin:end]))
        gaps = panel.breaks[(panel.breaks > begin) & (panel.breaks < end)]
        if len(missing) or len(gaps):
            at = begin + missing[0] if len(missing) else gaps[0]
            raise ValueError(
                f"The last window of the series has a missing value or a gap at "
                f"{panel.place(int(at))}, so there is nothing whole to forecast from. Fill it, "
                'or pass missing="keep".'
            )


def _target_shape(panel: Panel) -> tuple[int, ...]:
    if panel.values.ndim == 1 or isinstance(panel.targets, int):
        return ()
    return (panel.values.shape[1] if panel.targets is None else len(panel.targets),)


def _check_feeds_back(panel: Panel, windows: "WindowedSeries", steps: int) -> None:
    columns = 1 if panel.values.ndim == 1 else panel.values.shape[1]
    every = panel.targets is None or np.atleast_1d(panel.targets).tolist() == list(range(columns))
    if not every or windows.gap:
        reason = f"gap={windows.gap}" if windows.gap else "not every column is a target, in order"
        raise ValueError(
            f"steps={steps} goes past horizon={windows.horizon}, which needs forecasts as "
            f"inputs, and {reason}. Train with horizon={steps}, or forecast every column "
            "without a gap."
        )
