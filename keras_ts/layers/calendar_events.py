"""``CalendarEvents``: effects of recurring events, such as a holiday on the same date each year.

A net learns smooth seasons from the sine and cosine of a calendar. In a series of three years it
does not learn a single day of the year, such as Christmas or the last Monday of May.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts._typing import Array, IntArray
from keras_ts.layers.base import SeriesLayer

# Events of a cycle that the layer has room for.
MOST = 256


@registered
class CalendarEvents(SeriesLayer):
    """Returns the effects of events, such as holidays, for steps given by sines and cosines.

    An event is a point of a cycle, such as a date of the year. It adds an amount to each output of
    a step that falls on it. With ``steps``, the amount may differ by the step of the forecast: a
    net that has read the first days of a closed week needs less correction for the days after. A
    new layer has no events, and training adds none: ``RecurrentPreset`` with ``smoothing`` finds
    them in the training part when it builds a model, and lists them in ``names``.

    An event that moves, such as the last Monday of May, takes a pair of a date and a weekday for
    each date on which it can fall. A step has to fall on both.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_ts import calendar_features
    >>> from keras_ts.layers import CalendarEvents
    >>> days = np.arange("2023-12-23", "2023-12-27", dtype="datetime64[D]")
    >>> year = calendar_features(days, "year")[None]
    >>> layer = CalendarEvents()
    >>> layer.build(year.shape)
    >>> layer.set_events(0, year[0, 2:3], [[-9.0]])  # The 25th, outside of leap years
    >>> keras.ops.convert_to_numpy(layer(year))[0, :, 0].tolist()
    [0.0, 0.0, -9.0, 0.0]

    Args:
        outputs: Values to forecast at each step. Defaults to 1.
        steps: Steps of the forecast, if the amounts differ by step. Defaults to None: an event adds
            the same at all steps, however many there are.
        moving: Numbers of the cycles ``"week"`` and ``"year"``, from 0, to make room for events
            that move. Defaults to None: no event moves.
        names: The events in words. Defaults to (): no names.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, steps, 2 * cycles)``: sine and cosine of each cycle, as ``calendar_features``
        returns them, at the steps of the forecast.

    Output shape:
        ``(batch, steps, outputs)``. Float32 under a half-precision policy.

    Raises:
        TypeError: ``outputs``, ``steps`` or an entry of ``moving`` is not an integer, or one of
            ``names`` is not a string.
        ValueError: ``outputs`` or ``steps`` is below 1; ``moving`` are not two cycles that the
            inputs have; or the inputs are not pairs, or not as many steps as ``steps`` says.
    """

    _settings = ("outputs", "steps", "moving", "names")

    def __init__(
        self,
        outputs: int = 1,
        steps: int | None = None,
        *,
        moving: Sequence[int] | None = None,
        names: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs = _checks.integer("outputs", outputs, 1)
        self.steps = None if steps is None else _checks.integer("steps", steps, 1)
        self.moving = None
        if moving is not None:
            self.moving = tuple(_checks.integer("moving", cycle, 0) for cycle in moving)
            if len(self.moving) != 2 or self.moving[0] == self.moving[1]:
                raise ValueError(f"moving must be the numbers of two cycles. Received: {moving}.")
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"names must be texts. Received: {_checks.shown(names)}.")
        self.names = tuple(names)

    def build(self, input_shape: Any) -> None:
        """Make room for the events."""
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
        if max(self.moving or (0,)) >= cycles:
            raise ValueError(f"moving={self.moving} must be below {cycles}, the number of cycles.")
        axes = {-1: shape[2]} if self.steps is None else {1: self.steps, -1: shape[2]}
        self.input_spec = keras.InputSpec(ndim=3, axes=axes)
        # A row for each cycle and, last, one for the events that move. Unused places have a reach
        # of 0, within which no step lies.
        rows = cycles + (self.moving is not None)
        self.points = self._weight("points", (rows, MOST, 2), trainable=False)
        self.reaches = self._weight("reaches", (rows, MOST), trainable=False)
        self.effects = self._weight("effects", (rows, MOST, *self._effect), trainable=False)
        if self.moving is not None:
            self.weekdays = self._weight("weekdays", (MOST, 2), trainable=False)
        super().build(input_shape)

    @property
    def _effect(self) -> tuple[int, ...]:
        """Shape of the effect of an event."""
        return (self.outputs,) if self.steps is None else (self.steps, self.outputs)

    def set_events(self, cycle: int, points: Any, effects: Any, width: float = 2e-6) -> None:
        """Replace the events of a cycle.

        Args:
            cycle: Number of the cycle, from 0.
            points: Sine and cosine of each event, ``(events, 2)``. If there are more than 256,
                those with the largest effects are kept. A date of ``"year"`` has two points, one in
                leap years and one in others.
            effects: Amounts that the events add to each output, ``(events, outputs)``, or with
                ``steps`` set ``(events, steps, outputs)``.
            width: The angle of the arc around a point on which a step falls on the event, in
                radians, up to pi. Defaults to 2e-6, which is the point itself in float32.

        Raises:
            ValueError: There is no such cycle, or the values do not fit.
        """
        cycles = self.points.shape[0] - (self.moving is not None)
        if _checks.integer("cycle", cycle, 0) >= cycles:
            raise ValueError(
                f"cycle must be below {cycles}, the number of cycles. Received: {cycle}."
            )
        self._set(cycle, points, effects, width)

    def set_moving_events(self, points: Any, weekdays: Any, effects: Any) -> None:
        """Replace the events that move.

        Args:
            points: Sine and cosine of the year, ``(events, 2)``: for the last Monday of May, seven
                dates, and the same dates in a leap year. If there are more than 256, those with the
                largest effects are kept.
            weekdays: Sine and cosine of the week, ``(events, 2)``: the weekday of each point.
            effects: As for ``set_events``.

        Raises:
            ValueError: The layer has no ``moving``, or the values do not fit.
        """
        if self.moving is None:
            raise ValueError("The layer was made without moving=, so it has no events that move.")
        weekdays = np.asarray(weekdays, "float64")
        if weekdays.shape != np.shape(points) or not _on_circle(weekdays):
            raise ValueError(
                "weekdays must be the sine and cosine of an angle for each of points. Received "
                f"shape {weekdays.shape} for {np.shape(points)}."
            )
        largest = self._set(-1, points, effects, 2e-6)
        places = np.zeros((MOST, 2))
        places[: len(largest)] = weekdays[largest]
        self.weekdays.assign(places)

    def _set(self, row: int, points: Any, effects: Any, width: float) -> IntArray:
        """Set the events of a row, and return the indices of those that are kept."""
        points, effects = np.asarray(points, "float64"), np.asarray(effects, "float64")
        if points.shape != (*effects.shape[:1], 2) or effects.shape[1:] != self._effect:
            expected = ", ".join(map(str, ("events", *self._effect)))
            raise ValueError(
                f"points must be (events, 2) and effects ({expected}). Received shapes "
                f"{points.shape} and {effects.shape}."
            )
        if not (np.isfinite(effects).all() and _on_circle(points)):
            raise ValueError("effects must be finite, and points the sine and cosine of an angle.")
        if not 0 < _checks.real("width", width) <= np.pi:
            raise ValueError(f"width must be an angle above 0 and up to pi. Received: {width}.")
        sizes = np.abs(effects).max(axis=tuple(range(1, effects.ndim)), initial=0.0)
        largest: IntArray = sizes.argsort(kind="stable")[::-1][:MOST]
        for weight, values in (
            (self.points, points[largest]),
            (self.reaches, np.full(len(largest), 2 * np.sin(width / 4))),
            (self.effects, effects[largest]),
        ):
            places = np.array(ops.convert_to_numpy(weight))
            places[row] = 0.0
            places[row, : len(largest)] = values
            weight.assign(places)
        return largest

    def call(self, inputs: Any) -> Any:
        """Return the effects."""
        dtype = self._float_dtype
        rows, places = self.reaches.shape
        steps = ops.shape(inputs)[1]
        at = ops.reshape(ops.cast(inputs, dtype), (-1, steps, inputs.shape[2] // 2, 1, 2))
        points = ops.cast(self.points, dtype)
        if self.moving is not None:
            week, year = (at[:, :, cycle : cycle + 1] for cycle in self.moving)
            at = ops.concatenate([at, year], axis=2)
        squares = _squares(at, points)
        if self.moving is not None:
            # The larger distance counts: a step must be near both the date and the weekday.
            both = ops.maximum(squares[:, :, -1:], _squares(week, ops.cast(self.weekdays, dtype)))
            squares = ops.concatenate([squares[:, :, :-1], both], axis=2)
        falls = ops.cast(squares < ops.square(ops.cast(self.reaches, dtype)), dtype)
        falls = ops.reshape(falls, (-1, steps, rows * places))
        effects = ops.cast(ops.reshape(self.effects, (rows * places, *self._effect)), dtype)
        if self.steps is None:
            return ops.matmul(falls, effects)
        by_step = ops.matmul(ops.transpose(falls, (1, 0, 2)), ops.transpose(effects, (1, 0, 2)))
        return ops.transpose(by_step, (1, 0, 2))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the effects."""
        return (*input_shape[:2], self.outputs)


def _squares(at: Any, points: Any) -> Any:
    """Return the squared distances of points on a circle."""
    # The cosine of an angle would not do: for a minute of a year it is 1 in float32. A sum over the
    # last axis takes ten times as long.
    return ops.square(at[..., 0] - points[..., 0]) + ops.square(at[..., 1] - points[..., 1])


def _on_circle(points: Array) -> bool:
    return np.allclose(np.square(points).sum(axis=1), 1)
