"""``CalendarEvents``: effects of recurring events, such as a holiday on the same date each year.

A net learns smooth seasons from the sine and cosine of a calendar. It does not learn one day of a
year from the three times that a series has seen it.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer

# Events of a cycle that the layer has room for.
MOST = 256


@registered
class CalendarEvents(SeriesLayer):
    """Gives the effect of events, such as holidays, by the sine and cosine of a calendar.

    An event is a point of a cycle, and the amount that it adds to each output of a step that falls
    on it. With ``steps`` that amount may differ by the step of the forecast: in a week that is shut
    all days, a forecast from before it misses each day, and one from within it has seen some. A new
    layer has no events, and training adds none: ``RecurrentPreset`` with ``smoothing`` finds those
    of a training part when it builds a model.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_ts import calendar_features
    >>> from keras_ts.layers import CalendarEvents
    >>> days = np.arange("2023-12-23", "2023-12-27", dtype="datetime64[D]")
    >>> year = calendar_features(days, "year")[None]
    >>> layer = CalendarEvents()
    >>> layer.build(year.shape)
    >>> layer.set_events(0, year[0, 2:3], [[-9.0]])  # The 25th, if it is no leap year
    >>> keras.ops.convert_to_numpy(layer(year))[0, :, 0].tolist()
    [0.0, 0.0, -9.0, 0.0]

    Args:
        outputs: Values to forecast at each step. Defaults to 1.
        steps: Steps of the forecast, if what an event adds differs by the step. Defaults to None:
            it adds the same at all steps, however many there are.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, steps, 2 * cycles)``: sine and cosine of each cycle, as ``calendar_features``
        returns them, at the steps of the forecast.

    Output shape:
        ``(batch, steps, outputs)``. Float32 under a half-precision policy.

    Raises:
        TypeError: ``outputs`` or ``steps`` is not an integer.
        ValueError: ``outputs`` or ``steps`` is below 1; or the inputs are not pairs, or of another
            number of steps.
    """

    _settings = ("outputs", "steps")

    def __init__(self, outputs: int = 1, steps: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outputs = _checks.integer("outputs", outputs, 1)
        self.steps = None if steps is None else _checks.integer("steps", steps, 1)

    def build(self, input_shape: Any) -> None:
        """Make the places of the events."""
        shape = tuple(input_shape)
        if len(shape) != 3 or not shape[2] or shape[2] % 2:
            raise ValueError(
                "CalendarEvents takes the sine and cosine of each cycle, (batch, steps, 2 * "
                f"cycles). Received shape {shape}."
            )
        if self.steps is not None and shape[1] not in (None, self.steps):
            raise ValueError(
                f"CalendarEvents(steps={self.steps}) takes the calendar of {self.steps} steps. "
                f"Received shape {shape}."
            )
        cycles = shape[2] // 2
        axes = {-1: shape[2]} if self.steps is None else {1: self.steps, -1: shape[2]}
        self.input_spec = keras.InputSpec(ndim=3, axes=axes)
        # No step is within a reach of 0: such a place has no event.
        self.points = self._weight("points", (cycles, MOST, 2), trainable=False)
        self.reaches = self._weight("reaches", (cycles, MOST), trainable=False)
        effects = (cycles, MOST, *self._effect)
        self.effects = self._weight("effects", effects, trainable=False)
        super().build(input_shape)

    @property
    def _effect(self) -> tuple[int, ...]:
        """Shape of the effect of an event."""
        return (self.outputs,) if self.steps is None else (self.steps, self.outputs)

    def set_events(self, cycle: int, points: Any, effects: Any, width: float = 2e-6) -> None:
        """Set the events of a cycle, in place of those that it had.

        Args:
            cycle: Number of the cycle, from 0.
            points: Sine and cosine of each event, ``(events, 2)``. If there are more than 256,
                those with the largest effects are kept. A date of ``"year"`` has two, for leap
                years and others.
            effects: Amounts that the events add to each output, ``(events, outputs)``, or with
                ``steps`` set ``(events, steps, outputs)``.
            width: The angle around a point that counts as the point, in radians, up to pi.
                Defaults to 2e-6, which is the point itself in float32.

        Raises:
            ValueError: There is no such cycle, or the values do not fit.
        """
        cycles = self.points.shape[0]
        points, effects = np.asarray(points, "float64"), np.asarray(effects, "float64")
        if _checks.integer("cycle", cycle, 0) >= cycles:
            raise ValueError(
                f"cycle must be below {cycles}, the number of cycles. Received: {cycle}."
            )
        if points.shape != (len(effects), 2) or effects.shape[1:] != self._effect:
            expected = ", ".join(map(str, ("events", *self._effect)))
            raise ValueError(
                f"points must be (events, 2) and effects ({expected}). Received shapes "
                f"{points.shape} and {effects.shape}."
            )
        if not (np.isfinite(effects).all() and np.allclose(np.square(points).sum(axis=1), 1)):
            raise ValueError("effects must be finite, and points the sine and cosine of an angle.")
        if not 0 < width <= np.pi:
            raise ValueError(f"width must be an angle above 0 and up to pi. Received: {width}.")
        sizes = np.abs(effects).max(axis=tuple(range(1, effects.ndim)), initial=0.0)
        largest = sizes.argsort()[::-1][:MOST]
        for weight, values in (
            (self.points, points[largest]),
            (self.reaches, np.full(len(largest), 2 * np.sin(width / 4))),
            (self.effects, effects[largest]),
        ):
            every = np.array(ops.convert_to_numpy(weight))
            every[cycle] = 0.0
            every[cycle, : len(largest)] = values
            weight.assign(every)

    def call(self, inputs: Any) -> Any:
        """Return the effects."""
        dtype = self._float_dtype
        cycles, places = self.reaches.shape
        steps = ops.shape(inputs)[1]
        at = ops.reshape(ops.cast(inputs, dtype), (-1, steps, cycles, 1, 2))
        points = ops.cast(self.points, dtype)
        # A difference first: the cosine of a minute in a year is 1 in float32. Two arrays, since a
        # sum over an axis of two takes ten times as long.
        squares = ops.square(at[..., 0] - points[..., 0]) + ops.square(at[..., 1] - points[..., 1])
        met = ops.cast(squares < ops.square(ops.cast(self.reaches, dtype)), dtype)
        met = ops.reshape(met, (-1, steps, cycles * places))
        effects = ops.cast(ops.reshape(self.effects, (cycles * places, *self._effect)), dtype)
        if self.steps is None:
            return ops.matmul(met, effects)
        by_step = ops.matmul(ops.transpose(met, (1, 0, 2)), ops.transpose(effects, (1, 0, 2)))
        return ops.transpose(by_step, (1, 0, 2))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the effects."""
        return (*input_shape[:2], self.outputs)
