"""Scales of series and windows: mean absolute steps, means and standard deviations."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.panel.rows import in_blocks, in_pieces, run_positions

# Rows that are read at once.
_BLOCK = 1 << 20
# The most series to read, one by one: more would hardly change medians of their moments.
_MOST_SERIES = 1 << 14


def mean_absolute_steps(
    values: Array,
    begin: IntArray,
    end: IntArray,
    columns: IntArray,
    lag: int = 1,
    places: IntArray | None = None,
    block: int = _BLOCK,
    squares: bool = False,
) -> Array:
    """Return the mean absolute step of each span of rows and column, ``(spans, columns)``."""
    # This is the mean of ``|y[t] - y[t - lag]|`` where both values are finite and within the span
    # (0 if there is no such step): the scale of Hyndman and Koehler, *Another look at measures of
    # forecast accuracy* (2006). A step no larger than rounding counts as 0: otherwise a constant
    # series would get a huge weight, the inverse of its scale. Spans are disjoint and in order.
    # ``places`` are the increasing times ``t`` of the rows, by default their positions. With
    # ``squares``, a last axis holds the mean absolute and the mean squared steps, for RMSSE.
    totals = np.zeros((1 + squares, len(begin), len(columns)))
    count = np.zeros(totals.shape[1:])
    for start in range(lag if places is None else 1, len(values), block):
        stop = min(start + block, len(values))
        position = np.arange(start, stop)
        first = max(start - lag, 0)
        earlier, paired = position - lag, True
        if places is not None:
            earlier = first + np.searchsorted(places[first:stop], places[start:stop] - lag)
            paired = places[earlier] == places[start:stop] - lag
        span = np.searchsorted(begin, position, side="right") - 1
        inside = paired & (earlier >= begin[span]) & (position < end[span])
        read = values[first:stop]
        read = read[:, columns] if read.ndim == 2 else read[:, None]
        read = read.astype(np.result_type(read, np.float32))
        before, after = read[earlier - first], read[start - first :]
        with np.errstate(invalid="ignore"):  # Steps that are not finite are left out.
            steps = np.abs(after.astype(np.float64) - before)
            rounding = np.spacing(np.maximum(np.abs(before), np.abs(after)))
            steps[steps <= 2 * rounding] = 0
        for column, step in enumerate(steps.T):
            counted = inside & np.isfinite(step)
            for power, total in enumerate(totals, start=1):
                total[:, column] += np.bincount(span[counted], step[counted] ** power, len(begin))
            count[:, column] += np.bincount(span[counted], minlength=len(begin))
    means: Array = totals / np.maximum(count, 1)
    return np.moveaxis(means, 0, -1) if squares else means[0]


def window_scales(past: Any, ops: Any = np) -> Any:
    """Return the mean absolute step within each window, ``(windows, columns)``."""
    # Conformal prediction divides errors by this scale. With ``keras.ops`` it takes tensors. Steps
    # to or from a value that is not finite are left out; if none is left, the scale is 0.
    with np.errstate(invalid="ignore"):
        steps, missing = parted(ops.abs(past[:, 1:] - past[:, :-1]), ops)
    count = ops.sum(ops.where(missing, ops.zeros_like(steps), ops.ones_like(steps)), axis=1)
    return ops.sum(steps, axis=1) / ops.maximum(count, 1.0)


def known_steps(past: Any, ops: Any = np) -> Any:
    """Return the number of finite values of each window, ``(windows, columns)``."""
    values, missing = parted(past, ops)
    return ops.sum(ops.where(missing, ops.zeros_like(values), ops.ones_like(values)), axis=1)


def parted(values: Any, ops: Any = np) -> tuple[Any, Any]:
    """Return the values with 0 for NaN and infinity, and a mask that is True for these."""
    # NaN and infinity times 0 are NaN. The condition has to be an ``isnan``: any other ``where``
    # becomes a sum of products in tf2onnx, to which the NaN that is not chosen adds NaN * 0.
    with np.errstate(invalid="ignore"):
        missing = ops.isnan(0.0 * values)
    return ops.where(missing, ops.zeros_like(values), values), missing


def merged(begin: IntArray, end: IntArray) -> IntArray:
    """Merge spans that touch or overlap; return those left, in order, ``(spans, 2)``."""
    order = np.argsort(begin, kind="stable")
    begin, reach = begin[order], np.maximum.accumulate(end[order])
    breaks = np.flatnonzero(begin[1:] > reach[:-1])
    return np.stack([begin[np.append(0, breaks + 1)], reach[np.append(breaks, len(reach) - 1)]], 1)


def moments(values: Array, spans: Any) -> tuple[Array, Array]:
    """Return mean and standard deviation of the finite values of each column in disjoint spans."""
    count, total, squares = np.zeros((3, 1 if values.ndim == 1 else values.shape[1]))
    for block, finite in _blocks(values, spans):
        count += finite.sum(axis=0)
        total += block.sum(axis=0)
    count = np.maximum(count, 1)
    mean = total / count
    # A second pass, since E[x^2] - E[x]^2 loses its digits for a column far from 0.
    for block, finite in _blocks(values, spans):
        squares += np.square(np.where(finite, block - mean, 0.0)).sum(axis=0)
    return mean, np.sqrt(squares / count)


def moments_by_series(values: Array, begin: IntArray, end: IntArray) -> tuple[IntArray, Any, Any]:
    """Return indices of series, and means and deviations of their columns, NaN without a value."""
    # If there are too many series, some of them, evenly spread, are read.
    chosen: IntArray = np.arange(len(begin))
    if len(begin) > _MOST_SERIES:
        chosen = np.linspace(0, len(begin) - 1, _MOST_SERIES).astype(np.int64)
    parts = []
    for first, last in zip(begin[chosen], end[chosen], strict=True):
        rows = np.asarray(values[first:last], dtype=np.float64)
        rows = rows if rows.ndim == 2 else rows[:, None]
        finite = np.isfinite(rows)
        count = np.where(finite.any(axis=0), finite.sum(axis=0), np.nan)
        mean = np.where(finite, rows, 0.0).sum(axis=0) / count
        squares = np.square(np.where(finite, rows - mean, 0.0)).sum(axis=0)
        parts.append((mean, np.sqrt(squares / count)))
    means, deviations = np.stack(parts, axis=1)
    return chosen, means, deviations


def _blocks(values: Array, spans: Any) -> Iterator[tuple[Array, Array]]:
    """Yield blocks of rows in float64, 0 where not finite, and masks of the finite values."""
    begin, end = np.reshape(spans, (-1, 2)).T
    span, done, count = in_pieces(end - begin, _BLOCK)
    first = begin[span] + done
    for block in in_blocks(count, _BLOCK):
        rows: Any = slice(first[block][0], first[block][0] + count[block][0])
        if len(count[block]) > 1:
            rows = run_positions(first[block], count[block])
        read = np.asarray(values[rows], dtype=np.float64)
        read = read.reshape(len(read), -1)
        finite = np.isfinite(read)
        yield np.where(finite, read, 0.0), finite
