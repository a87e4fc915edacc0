"""Smooths the losses of a sweep, so that single outliers do not move the curve. NumPy alone.

No function depends on the unit of the loss: for ``a > 0``, the result of ``a * losses + c`` is
``a * result + c``.
"""

import math
import statistics
from collections import deque
from collections.abc import Sequence

import numpy as np

from keras_ts._typing import Array

# Among nine losses, up to four outliers do not set the median. Five high losses in a row do, and
# are read as a divergence.
WINDOW = 9
_HALF = WINDOW // 2
# Five standard deviations, in median absolute deviations: of normal noise, a standard deviation is
# 1.4826 of these.
_FARTHEST = 5 * 1.4826
# The first smoothed losses average fewer losses than this, too few to judge by.
FEWEST_POINTS = 10


def usable(losses: Sequence[float] | Array) -> int:
    """Return how many losses come before the first one that is not finite."""
    finite = np.isfinite(np.asarray(losses, dtype=np.float64))
    return len(finite) if finite.all() else int(finite.argmin())


def without_outliers(losses: Sequence[float] | Array) -> Array:
    """Return the losses with each outlier replaced by the median of its neighbours."""
    # A loss is an outlier if it lies more than five standard deviations from the median of the
    # ``WINDOW`` losses around it; their median absolute deviation gives the standard deviation
    # (Hampel's identifier; R. K. Pearson, Outliers in process modeling and identification, 2002).
    # Near an end, the first or the last ``WINDOW`` losses serve. The first loss that is not finite,
    # and all after it, stay as they are.
    values = np.array(losses, dtype=np.float64)
    end = usable(values)
    finite = values[:end].tolist()
    for place, loss in enumerate(finite):
        first = max(min(place - _HALF, end - WINDOW), 0)
        neighbours = finite[first : first + WINDOW]
        median = statistics.median(neighbours)
        spread = statistics.median([abs(neighbour - median) for neighbour in neighbours])
        if abs(loss - median) > _FARTHEST * spread:
            values[place] = median
    return values


def without_inner_outliers(losses: Sequence[float] | Array) -> Array:
    """Return ``without_outliers(losses)``, but keep high outliers at the end as recorded."""
    # Too few losses follow them to tell an outlier from the start of a divergence. To take an
    # outlier for a divergence is the smaller mistake: the suggested rate is then too low, not too
    # high.
    recorded, cleaned = np.asarray(losses, dtype=np.float64), without_outliers(losses)
    calm = np.flatnonzero(recorded[: usable(recorded)] <= cleaned[: usable(recorded)])
    after = calm[-1] + 1 if len(calm) else 0
    return np.concatenate([cleaned[:after], recorded[after:]])


def moving_average(losses: Sequence[float] | Array, smoothing: float) -> Array:
    """Return the exponential moving average, corrected for its start at 0."""
    # It is divided by the sum of its weights so far, as in Adam (Kingma and Ba, 2015).
    state, averages = (0.0, 0.0), []
    for loss in losses:
        state = _averaged(state, float(loss), smoothing)
        averages.append(state[0] / state[1])
    return np.array(averages)


# Only later losses tell an outlier from a rise, so each new loss may change the last few smoothed
# losses. The others are not computed again, so adding a loss takes the same time at any length.
class Smoother:
    """Updates ``moving_average(without_outliers(losses))`` as the losses come in one by one."""

    def __init__(self, smoothing: float) -> None:
        self.smoothed: list[float] = []
        self._smoothing = smoothing
        self._recent: deque[float] = deque(maxlen=WINDOW)
        # The average over the losses that no later loss can change, and the average over all.
        self._settled = self._latest = (0.0, 0.0)

    def add(self, loss: float) -> None:
        """Add the next loss."""
        self._recent.append(loss)
        count = len(self.smoothed) + 1
        if all(map(math.isfinite, self._recent)):
            first = count - 1 - _HALF if count > WINDOW else 0
            values = without_outliers(self._recent)[first - count :]
        else:
            self._settled, first, values = self._latest, count - 1, np.array([loss])
        del self.smoothed[first:]
        self._latest = self._settled
        for place, value in enumerate(values.tolist(), first):
            self._latest = _averaged(self._latest, value, self._smoothing)
            self.smoothed.append(self._latest[0] / self._latest[1])
            if count >= WINDOW and place == count - 1 - _HALF:
                self._settled = self._latest


def level_curve(losses: Sequence[float] | Array, smoothing: float) -> Array:
    """Return the losses smoothed from both sides, so that the curve does not lag behind them."""
    # A loss ``k`` steps away has weight ``s ** k``, with ``s = smoothing / (2 - smoothing)``, so
    # that both sides together average over as many losses as ``moving_average`` does. Losses after
    # the lowest point are cut off at the height of the curve's start. Otherwise the huge losses of
    # a divergence would raise the curve before it, and move its lowest point.
    raw = np.asarray(losses, dtype=np.float64)
    decay = smoothing / (2 - smoothing)
    weights = _decaying_sum(np.ones(len(raw)), decay)
    forward = _decaying_sum(raw, decay) / weights
    bottom = int(forward.argmin())
    level = forward[:FEWEST_POINTS].max()
    capped = np.concatenate([raw[:bottom], np.minimum(raw[bottom:], level)])
    sums = _decaying_sum(capped, decay) + _decaying_sum(capped[::-1], decay)[::-1] - capped
    return sums / (weights + weights[::-1] - 1)


def _averaged(state: tuple[float, float], loss: float, smoothing: float) -> tuple[float, float]:
    average, weight = state
    return smoothing * average + (1 - smoothing) * loss, smoothing * weight + (1 - smoothing)


def _decaying_sum(values: Array, smoothing: float) -> Array:
    """Return ``sum_j smoothing ** j * values[i - j]`` for every ``i``."""
    total, sums = 0.0, []
    for value in values:
        total = smoothing * total + value
        sums.append(total)
    return np.array(sums)
