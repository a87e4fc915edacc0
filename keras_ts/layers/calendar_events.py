"""``CalendarEvents``: what a series does each time its calendar comes to the same point.

A net learns smooth seasons from the sine and cosine of a calendar. It does not learn one day of a
year from the three times that a series has seen it.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._dtypes import at_least_float32
from keras_ts._registration import registered

# Events of a cycle; there are as many places for them in the layer, whatever a series has.
MOST = 64


@registered
class CalendarEvents(keras.layers.Layer):
    """Gives the effect of events, such as holidays, by the sine and cosine of a calendar.

    An event is a point of a cycle, and what it adds to each output of a step that falls on it. At
    first there are none. ``RecurrentPreset(smoothing="linear")`` finds those of a single series:
    the phases at which the first forecasts of its model are wrong again and again, by more than
    noise would explain. They are not trained.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_ts import CalendarEvents, calendar_features
    >>> days = np.arange("2024-12-23", "2024-12-27", dtype="datetime64[D]")
    >>> year = calendar_features(days, "year")[None]
    >>> layer = CalendarEvents()
    >>> layer.build(year.shape)
    >>> layer.set_events(0, year[0, 2:3], 2 * np.pi / 365, [[-9.0]])  # The 25th
    >>> keras.ops.convert_to_numpy(layer(year))[0, :, 0].tolist()
    [0.0, 0.0, -9.0, 0.0]

    Args:
        outputs: Values to forecast at each step. Defaults to 1.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, steps, 2 * cycles)``: sine and cosine of each cycle, as ``calendar_features``
        returns them, at the steps of the forecast.

    Output shape:
        ``(batch, steps, outputs)``. Float32 under a half-precision policy.

    Raises:
        TypeError: ``outputs`` is not an integer.
        ValueError: ``outputs`` is below 1, or the inputs are not pairs.
    """

    def __init__(self, outputs: int = 1, **kwargs: Any) -> None:
        # In half precision a day is no longer a point of its own in a year.
        super().__init__(autocast=False, **kwargs)
        self.outputs = _checks.integer("outputs", outputs, 1)

    def build(self, input_shape: Any) -> None:
        """Make the places of the events."""
        shape = tuple(input_shape)
        if len(shape) != 3 or not shape[2] or shape[2] % 2:
            raise ValueError(
                "CalendarEvents takes the sine and cosine of each cycle, (batch, steps, 2 * "
                f"cycles). Received shape {shape}."
            )
        cycles = shape[2] // 2
        # No step is within a reach of 0: such a place has no event.
        self.points = self._weight("points", (cycles, MOST, 2))
        self.reaches = self._weight("reaches", (cycles, MOST))
        self.effects = self._weight("effects", (cycles, MOST, self.outputs))
        super().build(input_shape)

    def _weight(self, name: str, shape: tuple[int, ...]) -> Any:
        dtype = at_least_float32(self)
        return self.add_weight(
            shape=shape, initializer="zeros", dtype=dtype, trainable=False, name=name
        )

    def set_events(self, cycle: int, points: Any, width: float, effects: Any) -> None:
        """Set the events of a cycle, in place of those that it had.

        Args:
            cycle: Number of the cycle, from 0.
            points: Sine and cosine of each event, ``(events, 2)``. Of more than 64 events those of
                the largest effects are kept.
            width: How long an event takes, as an angle: ``2 pi / 365`` for a day of the year.
            effects: What each event adds to each output, ``(events, outputs)``.
        """
        effects = np.asarray(effects, "float64")
        largest = np.abs(effects).max(axis=1, initial=0.0).argsort()[::-1][:MOST]
        for weight, values in (
            (self.points, np.asarray(points)[largest]),
            (self.reaches, np.full(len(largest), 2 * np.sin(width / 4))),
            (self.effects, effects[largest]),
        ):
            every = np.array(ops.convert_to_numpy(weight))
            every[cycle] = 0.0
            every[cycle, : len(largest)] = values
            weight.assign(every)

    def call(self, inputs: Any) -> Any:
        """Return the effects."""
        dtype = at_least_float32(self)
        cycles, places = self.reaches.shape
        steps = ops.shape(inputs)[1]
        at = ops.reshape(ops.cast(inputs, dtype), (-1, steps, cycles, 1, 2))
        # A difference first: the cosine of a minute in a year is 1 in float32.
        apart = ops.sum(ops.square(at - ops.cast(self.points, dtype)), axis=-1)
        met = ops.cast(apart < ops.square(ops.cast(self.reaches, dtype)), dtype)
        met = ops.reshape(met, (-1, steps, cycles * places))
        effects = ops.reshape(self.effects, (cycles * places, self.outputs))
        return ops.matmul(met, ops.cast(effects, dtype))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the effects."""
        batch, steps, _ = inputs.shape
        return keras.KerasTensor((batch, steps, self.outputs), dtype=at_least_float32(self))

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {**super().get_config(), "outputs": self.outputs}
