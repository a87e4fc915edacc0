"""The scale of a series: how far it moves from one position to the next."""

import numpy as np

from keras_ts._typing import Array, IntArray


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
