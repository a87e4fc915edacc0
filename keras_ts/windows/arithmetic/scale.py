"""The scale of a series or of a window: how far it moves from one position to the next."""

from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.parted import parted


def mean_absolute_steps(
    values: Array, begin: IntArray, end: IntArray, columns: IntArray, block: int = 1 << 20
) -> Array:
    """Return the mean absolute step of each series and column, ``(series, columns)``.

    The mean of ``|y[t] - y[t - 1]|`` over ``begin < t < end``, both values finite: the scale of
    Hyndman and Koehler, *Another look at measures of forecast accuracy* (2006). It is 0 where there
    is no such step. The arguments are those of ``absolute_steps``.
    """
    total, count = absolute_steps(values, begin, end, columns, block=block)
    means: Array = total / np.maximum(count, 1)
    return means


def window_scales(past: Any, ops: Any = np) -> Any:
    """Return the mean absolute step within each window, ``(windows, columns)``.

    The scale of conformal prediction: ``ConformalInterval`` reads it off new windows, ``calibrate``
    off held-out ones. Steps to or from a value that is not finite are left out; without any step it
    is 0.

    Args:
        past: ``(windows, inputs, columns)``.
        ops: ``numpy``, or ``keras.ops`` for tensors.
    """
    with np.errstate(invalid="ignore"):
        steps, missing = parted(ops.abs(past[:, 1:] - past[:, :-1]), ops)
    count = ops.sum(ops.where(missing, ops.zeros_like(steps), ops.ones_like(steps)), axis=1)
    return ops.sum(steps, axis=1) / ops.maximum(count, 1.0)


def absolute_steps(
    values: Array,
    begin: IntArray,
    end: IntArray,
    columns: IntArray,
    lag: int = 1,
    block: int = 1 << 20,
) -> tuple[Array, Array]:
    """Return the sum and the number of absolute steps, each ``(spans, columns)``.

    Steps are ``|y[t] - y[t - lag]|``, both values finite and within the span. A step that rounding
    alone can make is 0: one over it would be a huge weight for a series that is constant.

    Args:
        values: ``(positions,)`` or ``(positions, columns)``.
        begin: First flat position to look at in each span; the spans are disjoint and in order,
            such as one for each series.
        end: Flat position after the last, in each span.
        columns: Columns to look at.
        lag: Positions between the values of a step. Defaults to 1.
        block: Most positions to read at once, so that memory stays bounded.
    """
    total, count = np.zeros((2, len(begin), len(columns)))
    for start in range(lag, len(values), block):
        stop = min(start + block, len(values))
        position = np.arange(start, stop)
        span = np.searchsorted(begin, position, side="right") - 1
        inside = (position >= begin[span] + lag) & (position < end[span])
        read = values[start - lag : stop]
        read = read[:, columns] if read.ndim == 2 else read[:, None]
        read = read.astype(np.result_type(read, np.float32))
        before, after = read[:-lag], read[lag:]
        with np.errstate(invalid="ignore"):  # Steps to or from what is not finite are left out.
            steps = np.abs(after.astype(np.float64) - before)
            rounding = np.spacing(np.maximum(np.abs(before), np.abs(after)))
            steps[steps <= 2 * rounding] = 0
        for column, step in enumerate(steps.T):
            known = inside & np.isfinite(step)
            total[:, column] += np.bincount(span[known], step[known], len(begin))
            count[:, column] += np.bincount(span[known], minlength=len(begin))
    return total, count
