"""The scale of a series: how far it moves from one position to the next."""

import numpy as np

from keras_ts._typing import Array, IntArray


def mean_absolute_steps(
    values: Array, begin: IntArray, end: IntArray, columns: IntArray, block: int = 1 << 20
) -> Array:
    """Return the mean absolute step of each series and column, ``(series, columns)``.

    The mean of ``|y[t] - y[t - 1]|`` over ``begin < t < end``, both values finite: the scale of
    Hyndman and Koehler, *Another look at measures of forecast accuracy* (2006). It is 0 where there
    is no such step.

    Args:
        values: ``(positions,)`` or ``(positions, columns)``.
        begin: First flat position to look at, in each series, one series after another.
        end: Flat position after the last, in each series.
        columns: Columns to look at.
        block: Most positions to read at once, so that memory stays bounded.
    """
    total, count = np.zeros((2, len(begin), len(columns)))
    for start in range(1, len(values), block):
        stop = min(start + block, len(values))
        position = np.arange(start, stop)
        series = np.searchsorted(begin, position, side="right") - 1
        inside = (position > begin[series]) & (position < end[series])
        read = values[start - 1 : stop]
        read = read[:, columns] if read.ndim == 2 else read[:, None]
        steps = np.abs(np.diff(read.astype(np.float64), axis=0))
        for column, step in enumerate(steps.T):
            known = inside & np.isfinite(step)
            total[:, column] += np.bincount(series[known], step[known], len(begin))
            count[:, column] += np.bincount(series[known], minlength=len(begin))
    means: Array = total / np.maximum(count, 1)
    return means
