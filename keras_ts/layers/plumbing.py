"""Layers for presets only: not public, but registered, since saved files name them.

Some pass on masks that Keras changes or loses: after ``Concatenate``, a step is present if any
input has it, and a layer that supports no masks drops the mask with a warning.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer
from keras_ts.layers.normalize_window import present_steps, zero_unless
from keras_ts.windows.scale import known_steps, parted


@registered
class SelectColumns(SeriesLayer):
    """Selects columns of the last axis, in the order given, and keeps their values bit for bit."""

    _settings = ("columns",)

    def __init__(self, columns: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns: Any = _checks.indices("columns", list(columns))
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the columns."""
        return selected(inputs, self.columns)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the columns, in the dtype of the input."""
        return keras.KerasTensor((*inputs.shape[:-1], len(self.columns)), dtype=inputs.dtype)


def selected(values: Any, columns: Sequence[int]) -> Any:
    """Return columns of the last axis, by one slice for each run of neighbours."""
    # Exporters know slices; Keras's ``take`` on PyTorch makes an operation that they do not.
    begins = [place for place, c in enumerate(columns) if not place or c != columns[place - 1] + 1]
    runs = [columns[begin:end] for begin, end in pairwise([*begins, len(columns)])]
    parts = [values[..., run[0] : run[-1] + 1] for run in runs]
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)


# For recurrent layers, which are slow on long windows and forget a step after some dozens.
@registered
class LastSteps(SeriesLayer):
    """Keeps the last steps of each window, ``(batch, min(steps, time), ...)``, and their mask."""

    _settings = ("steps",)

    def __init__(self, steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = _checks.integer("steps", steps, 1)

    def call(self, inputs: Any) -> Any:
        """Return the last steps."""
        return inputs[:, -self.steps :]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the last steps."""
        return None if previous_mask is None else previous_mask[:, -self.steps :]

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the last steps, in the dtype of the input."""
        batch, length, *rest = inputs.shape
        steps = None if length is None else min(self.steps, length)
        return keras.KerasTensor((batch, steps, *rest), dtype=inputs.dtype)


# For sequence to sequence, which forecasts at every step of the window. The output has no mask: the
# columns ahead of a step are known even if the step itself is masked.
@registered
class KnownAhead(keras.layers.Layer):
    """Gives each step the columns of the steps after it: ``(batch, window, horizon, columns)``."""

    def call(self, inputs: Any) -> Any:
        """Read the steps ahead of every step."""
        past, future = inputs
        window, horizon = past.shape[1], future.shape[1]
        timeline = ops.concatenate([past, future], axis=1)
        ahead = [timeline[:, step : step + window] for step in range(1, horizon + 1)]
        return ops.stack(ahead, axis=2)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask."""


# For columns that are known less often, such as a monthly one in daily rows: masks would leave one
# day a month, and 0 is a value that the column never had. ``start=None`` leaves NaN, which
# ``NormalizeWindow(masked=True)`` keeps out of the column's statistics. ``start="first"`` is the
# first value of the column in the window, 0 if it has none.
@registered
class CarryForward(SeriesLayer):
    """Fills a missing value with the last known one of its column; before the first, ``start``."""

    _settings = ("start",)

    def __init__(self, start: float | str | None = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start if start in (None, "first") else _checks.real("start", start)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the windows with missing values filled."""
        values, missing = parted(ops.cast(inputs, self._float_dtype), ops)
        present = ops.cast(ops.logical_not(missing), values.dtype)
        # Before each round, a step holds the last known value of the ``reach`` steps up to it. As
        # ``reach`` doubles, the number of rounds is the logarithm of the window's length.
        reach = 1
        while reach < inputs.shape[1]:
            values = values + (1.0 - present) * _earlier(values, reach)
            present = ops.maximum(present, _earlier(present, reach))
            reach *= 2
        if self.start is None:
            # 0 / 0 is NaN. ``where``, exported by tf2onnx, gives NaN at steps with a value, too.
            return values / present
        start = self.start
        if start == "first":
            begins = present - _earlier(present, 1)
            start = ops.sum(begins * values, axis=1, keepdims=True)
        return values + (1.0 - present) * start


def _earlier(values: Any, steps: int) -> Any:
    """Return at each step the value ``steps`` before it, 0 before the window."""
    return ops.concatenate([ops.zeros_like(values[:, :steps]), values[:, :-steps]], axis=1)


@registered
class MissingAsColumns(SeriesLayer):
    """Gives 1 where a value is missing, and 0 elsewhere, in the shape of its input."""

    def call(self, inputs: Any) -> Any:
        """Return what is missing."""
        missing = parted(ops.cast(inputs, self._float_dtype), ops)[1]
        return ops.cast(missing, self._float_dtype)


# In a panel, the effect of an event is a multiple of this size. For a series well above 0, such as
# sales, the size is the level; for one around 0, the spread. Unlike the standard deviation, it
# hardly changes with a few closed days.
@registered
class RootMeanSquare(SeriesLayer):
    """Gives the root mean square of each column's present values, ``(batch, 1, features)``."""

    def call(self, inputs: Any) -> Any:
        """Return the root mean squares."""
        windows = ops.cast(inputs, self._float_dtype)
        present = ops.isfinite(windows)
        sizes = ops.where(present, ops.abs(windows), ops.zeros_like(windows))
        # Relative to the largest, since the square of a large float32 may be infinite.
        largest = ops.max(sizes, axis=1, keepdims=True)
        shares = sizes / ops.where(largest > 0, largest, ops.ones_like(largest))
        count = ops.sum(ops.cast(present, windows.dtype), axis=1, keepdims=True)
        total = ops.sum(ops.square(shares), axis=1, keepdims=True)
        return largest * ops.sqrt(total / ops.maximum(count, 1.0))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the root mean squares."""
        return (input_shape[0], 1, input_shape[2])


# For a new store without a row, of which only static columns are known. These say nothing of levels
# beyond those in training, so levels are clipped.
@registered
class LevelByStatic(SeriesLayer):
    """Gives a column without a value in its window the location and scale of similar series.

    Takes windows, locations, scales, and static columns if there are any; returns locations and
    scales, unchanged for columns with a value. ``fit_level`` sets the weights: ``asinh(location /
    unit)`` and ``log(scale)`` are linear in the static columns.

    With ``fewest`` above 1, a column of at least one and fewer than ``fewest`` values keeps its
    location. Its scale says little (0 for one value), and is replaced by that of similar series,
    made larger if the column's location is further from 0 than theirs, smaller if it is nearer. The
    layer then takes the normalized windows after the scales, and rescales them, too.
    """

    _settings = ("fewest",)

    def __init__(self, fewest: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fewest = _checks.integer("fewest", fewest, 1)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the weights, which are not trained."""
        windows, _, _, *static = input_shape
        static = static[self.fewest > 1 :]
        outputs = 2 * windows[-1]
        if columns := sum(part[-1] for part in static):
            self.kernel = self._weight("kernel", (columns, outputs), trainable=False)
            self.penalty = self._weight("penalty", (), trainable=False)  # read by ``calibrate``
        self.bias = self._weight("bias", (outputs,), trainable=False)
        self.ends = self._weight("ends", (2, outputs), trainable=False)
        self.unit = self._weight("unit", (windows[-1],), "ones", trainable=False)
        super().build(input_shape)

    def call(self, inputs: Any) -> tuple[Any, ...]:
        """Return the locations and scales, and the normalized windows with ``fewest``."""
        windows, location, scale, *static = (ops.cast(x, self._float_dtype) for x in inputs)
        normal, static = static[: self.fewest > 1], static[self.fewest > 1 :]
        known = known_steps(windows, ops)[:, None]
        empty = known < 1
        levels = self.bias[None]
        begin = 0
        for part in static:
            levels = levels + ops.matmul(part, self.kernel[begin : begin + part.shape[-1]])
            begin += part.shape[-1]
        levels = ops.clip(levels, self.ends[0], self.ends[1])[:, None]
        columns = windows.shape[-1]
        sines = (ops.exp(levels[..., :columns]) - ops.exp(-levels[..., :columns])) / 2.0
        by_static = self.unit * sines + ops.zeros_like(location)
        spread = ops.exp(levels[..., columns:]) + ops.zeros_like(scale)
        location = ops.where(empty, by_static, location)
        level = ops.abs(by_static[:, -1:]) + spread  # Near 0, a location says nothing of scale.
        of_few = spread * ((ops.abs(location[:, -1:]) + spread) / level)
        made = ops.where(known < self.fewest, of_few, scale)
        return location, made, *(values * (scale / made) for values in normal)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Pass on the mask of the normalized windows."""
        if self.fewest == 1:
            return None, None
        return None, None, None if previous_mask is None else previous_mask[3]

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shapes of locations, scales and, with ``fewest``, normalized windows."""
        outputs = inputs[1 : 3 + (self.fewest > 1)]
        return tuple(keras.KerasTensor(x.shape, dtype=self._float_dtype) for x in outputs)


# Columns of a calendar have no mask, so that ``Concatenate`` with them leaves no step masked.
# Recurrent layers would then also read the steps at which the series is missing.
@registered
class MaskLike(SeriesLayer):
    """Passes its first input on under the mask of its second, both ``(batch, time, ...)``."""

    def call(self, inputs: Any) -> Any:
        """Return the first input."""
        return ops.copy(inputs[0])  # The input itself would bring its own mask along.

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the second input."""
        return previous_mask[1] if isinstance(previous_mask, list | tuple) else None

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the first input."""
        return keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype)


# A convolution reads every step. A 0 in the place of a missing value would pass for a value.
@registered
class MaskAsColumn(SeriesLayer):
    """Adds a column of 1 at steps with values, and sets all columns to 0 at masked steps."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the columns, 0 at masked steps, and the column of the mask."""
        present = ops.ones_like(inputs[..., :1])
        if mask is not None:
            steps = present_steps(mask, inputs)
            inputs, present = zero_unless(steps, inputs), ops.cast(steps, inputs.dtype)
        return ops.concatenate([inputs, present], axis=-1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask."""

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Return the shape with one more column, in the dtype of the input."""
        *lead, columns = inputs.shape
        wider = None if columns is None else columns + 1
        return keras.KerasTensor((*lead, wider), dtype=inputs.dtype)


# For the layers after recurrent ones: ``Reshape`` warns of a mask that it cannot pass on, and a
# loss would leave out the masked steps.
@registered
class Unmask(keras.layers.Layer):
    """Passes its input on without the mask."""

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        return ops.copy(inputs)  # The input itself would bring its mask along.

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask."""
