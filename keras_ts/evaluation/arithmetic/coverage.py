"""Margins of prediction intervals, and the uncertainty of a measured coverage. Plain NumPy.

Margins are those of split conformal prediction. The variance of a coverage is estimated from sums
over stretches of time, because errors of neighbouring windows are correlated, and from sums over
series. The larger estimate counts, or that over series if there are fewer than six stretches.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.verdict import FEWEST, Origins, lasting, shared_excess
from keras_ts.scores.report import percent, whole_percent

_NORMAL = 1.959964
# ``differing_halves`` cuts each half of the time into this many stretches.
_STRETCHES = 4
# The two-sided 2.5 % limit of Student's t with 6 degrees of freedom. Variances from short stretches
# are too small: in simulations, equal halves exceed this limit in up to 5 % of cases.
_LIMIT = 2.969
# Series at one time count as correlated by at most this, since 1 - correlation is a divisor.
_MOST_SHARED = 0.95


def windows_needed(coverage: float) -> int:
    """Return the smallest number of scores whose margin promises this coverage."""
    count = max(math.floor(coverage / (1 - coverage)) - 1, 1)
    while _rank(count, coverage) > count:
        count += 1
    return count


def class_margins(scores: Array, classes: IntArray, number: int, coverage: float) -> Array:
    """Return the margins of each class, ``(classes, steps, targets)``."""
    parts = by_class(scores, classes, number)
    return np.stack([ranked(part, (coverage,))[..., 0] for part in parts])


def by_class(scores: Array, classes: IntArray, number: int) -> Iterator[Array]:
    """Yield, for each class, the scores, NaN for windows and targets of other classes."""
    for place in range(number):
        yield np.where((classes == place)[:, None], scores, np.nan)


def joined_classes(
    scores: Array, classes: IntArray, bounds: tuple[int, ...], coverage: float
) -> tuple[int, ...]:
    """Join each class with too few scores to the next one, the last to the one before it."""
    # ``bounds`` are the smallest numbers of known inputs of the classes, before and after.
    begins, begin = [], 0
    for place in range(len(bounds)):
        inside = (classes >= begin) & (classes <= place)
        counts = np.sum(~np.isnan(scores) & inside[:, None], axis=0)
        if counts.min() >= windows_needed(coverage):
            begins.append(begin)
            begin = place + 1
    return tuple(bounds[begin] for begin in begins or [0])


def ranked(scores: Array, levels: Sequence[float]) -> Array:
    """Return ``(..., levels)`` quantiles of ``(windows, ...)`` scores, leaving out NaN."""
    # Of ``n`` scores it is the ``ceil((n + 1) * level)``-th smallest, at most the ``n``-th; NaN if
    # there are none. A new exchangeable score is at most the ``ceil((n + 1) * level)``-th smallest
    # with a probability of at least ``level``: Lei and others, 2018, theorem 2.2.
    if not len(scores):
        return np.full((*scores.shape[1:], len(levels)), np.nan)
    counts, column = np.unique(np.sum(~np.isnan(scores), axis=0), return_inverse=True)
    places = np.array(
        [[max(min(_rank(n, level), n) - 1, 0) for level in levels] for n in counts.tolist()]
    )
    ordered = np.partition(scores, np.unique(places), axis=0)
    of_levels = np.moveaxis(places[column.reshape(scores.shape[1:])], -1, 0)
    return np.moveaxis(np.take_along_axis(ordered, of_levels, axis=0), 0, -1)


def floors(scales: Array) -> Array:
    """Return the smallest scale above 0 of each target, or 1, to replace scales of 0."""
    positive = np.where(scales > 0, scales, np.inf).min(axis=0)
    return np.where(np.isfinite(positive), positive, 1.0)


def _rank(count: int, coverage: float) -> int:
    # Rounded first, so that ``ceil`` does not raise a whole number with a rounding error.
    return math.ceil(round((count + 1) * coverage, 9))


class Coverage(NamedTuple):
    """A measured coverage with its 95 % interval by Wilson (1927)."""

    asked: float  # the nominal share
    share: float  # the measured share
    low: float
    high: float
    independent: float  # how many independent values would leave ``share`` as uncertain

    def sentence(self, name: str) -> str:
        """Say in a sentence what share of values the interval of the model ``name`` held."""
        asked = whole_percent(self.asked)
        beside = f"which cannot be told from {asked}"
        if not self.low <= self.asked <= self.high:
            beside = "fewer than asked" if self.share < self.asked else "more than asked"
        return (
            f"The {asked} interval of {name} held {percent(self.share)} of values, {beside}: 95 % "
            f"interval {percent(self.low)} to {percent(self.high)}, as wide as for "
            f"{self.independent:.0f} independent values."
        )


def coverage_of(asked: float, covered: Array, origins: Origins) -> Coverage:
    """Return a coverage with its interval, from each window's numbers of values inside and all."""
    inside, count = covered
    total = count.sum()
    share = float(inside.sum() / total)
    residuals = (inside - share * count) / total
    times, overlap = np.bincount(origins.times, residuals), origins.overlap
    lengths, biases = lasting(times[None], overlap)
    stretches = max(len(times) // int(lengths[0]), 1)
    units, variance = stretches, 0.0
    if stretches >= FEWEST:
        variance = _variance(times, stretches) * (1 + 2 * float(biases[0]))
    if not origins.few_series:
        by_series = np.bincount(origins.series, residuals)
        between = _variance(by_series, len(by_series))
        if stretches < FEWEST and between > 0:
            # The spread between series lacks the errors that all of them share at one time.
            units = min(len(by_series), max(len(times), 2))
            variance = between * (1 + _shared(residuals, origins))
        elif between > variance:
            units, variance = len(by_series), between
    independent = float(units)
    if variance > 0:
        # Few units estimate the variance badly, so Student's t replaces the normal distribution:
        # its quantile 0.975, by Cornish and Fisher's expansion in 1 / freedom.
        terms = enumerate((_NORMAL, 2.372, 2.823, 2.556, 1.593))
        student = sum(term / (units - 1) ** power for power, term in terms)
        independent = share * (1 - share) / variance * (_NORMAL / student) ** 2
    # Forecasts of the same value by several windows count as one.
    distinct = total * (len(times) + overlap - 1) / (len(times) * overlap)
    independent = min(max(independent, 1.0), float(distinct))
    z = _NORMAL**2 / independent
    middle = (share + z / 2) / (1 + z)
    reach = np.sqrt(share * (1 - share) * z + z**2 / 4) / (1 + z)
    low, high = float(max(middle - reach, 0.0)), float(min(middle + reach, 1.0))
    return Coverage(asked, share, low, high, independent)


def _shared(residuals: Array, origins: Origins) -> float:
    """Return the variance by shocks that series share, over the variance between series."""
    # If ``s`` series have correlation ``r``, the variance of their sum is ``1 + (s - 1) r`` times
    # the sum of their variances, and the variance between them shows ``1 - r`` of that sum.
    series = len(residuals) / origins.num_times
    at_times = np.sum(np.bincount(origins.times, residuals) ** 2) / np.sum(residuals**2) - 1
    excess = max(shared_excess(residuals, origins), float(at_times), 0.0)
    correlation = min(excess / max(series - 1, 1.0), _MOST_SHARED)
    return series * correlation / (1 - correlation)


def differing_halves(times: Array, overlap: int) -> tuple[float, float] | None:
    """Return the coverages in both halves of the time, if a t-test finds them different."""
    # ``times`` is ``(2, times)``: the numbers of values inside, and of all values. The test is that
    # of Ibragimov and Müller, Journal of Business & Economic Statistics 2010.
    times = times[:, times[1] > 0]
    middle = times.shape[1] // 2
    if middle < _STRETCHES:
        return None
    halves = times[:, :middle], times[:, middle:]
    shares = [float(inside.sum() / count.sum()) for inside, count in halves]
    # Residuals are taken from the share of their half, so that a change between the halves does not
    # look like errors that last.
    residuals = [
        (inside - share * count) / count.sum()
        for (inside, count), share in zip(halves, shares, strict=True)
    ]
    lengths, biases = lasting(np.concatenate(residuals)[None], overlap)
    if middle // int(lengths[0]) < _STRETCHES:
        return None
    bias = float(biases[0]) * int(lengths[0]) * _STRETCHES / middle
    variance = sum(_variance(half, _STRETCHES) for half in residuals) * (1 + 2 * bias)
    if abs(shares[1] - shares[0]) <= _LIMIT * np.sqrt(variance):
        return None
    return shares[0], shares[1]


def _variance(residuals: Array, parts: int) -> float:
    """Return the variance of a sum of residuals, from the sums of ``parts`` stretches."""
    begins = np.arange(parts) * len(residuals) // parts
    sums = np.add.reduceat(residuals, begins)
    return float(np.sum(sums**2)) * parts / (parts - 1)
