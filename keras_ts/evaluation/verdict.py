"""Tests with an interval if one forecaster's error is smaller than another's. Plain NumPy.

Errors of neighbouring origins are correlated, because their targets overlap and because bad spells
last. So the bootstrap draws whole blocks of neighbours, not single errors: the moving-block
bootstrap of Künsch, *The jackknife and the bootstrap for general stationary observations*, Annals
of Statistics 17 (1989), on a circle, so that every origin is drawn equally often.

Blocks are as long as the differences of errors last, which ``lasting`` estimates. With fewer than
six there is no interval, since they do not show the spread between blocks.

The interval is that of the logarithm of the ratio of both mean errors, which treats the two alike.
It is studentized: each draw's distance is divided by the draw's own standard error. So it reaches
its coverage with fewer origins than an interval of percentiles does.
"""

from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.lasting import lasting

DRAWS = 1000
CONFIDENCE = 0.95
# Five blocks, or series, all favour one of two equal forecasters in 2 of 32 cases: too often.
FEWEST = 6
# The most numbers of the draws that are in memory at once.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Skill:
    """The skill of a forecaster, one minus its mean error over another's, with its interval.

    Attributes:
        value: The skill: 0.1 for a tenth less error.
        low: Lower end of the 95 % interval. NaN if there are too few errors for one.
        high: Upper end.
        few: ``"windows"`` or ``"series"`` if there are too few of them for an interval, else empty.
        stretch: The number of neighbouring windows that are drawn together.
    """

    value: float
    low: float
    high: float
    few: str = ""
    stretch: int = 1

    @property
    def verdict(self) -> str:
        """One of ``"beats"``, ``"loses to"`` and ``"cannot be told from"``."""
        if self.low > 0:
            return "beats"
        return "loses to" if self.high < 0 else "cannot be told from"


@dataclass(frozen=True)
class Origins:
    """The origins whose errors are compared.

    Attributes:
        series: ``(count,)``, the number of each origin's series, from 0 without a gap.
        times: ``(count,)``, the number of each origin's time, from 0 without a gap. In time order
            where there is one series.
        overlap: The number of neighbouring times whose targets overlap.
    """

    series: IntArray
    times: IntArray
    overlap: int

    @classmethod
    def of(cls, series: IntArray, times: Array, overlap: int) -> "Origins":
        """Number series and times from 0 without gaps.

        Args:
            series: ``(count,)``, any numbers.
            times: ``(count,)``, timestamps or positions.
            overlap: The number of neighbouring origins of one series whose targets overlap.
        """
        series = np.unique(series, return_inverse=True)[1]
        times = np.unique(times, return_inverse=True)[1]
        # Other series may have origins between two neighbours of one series.
        steps = np.diff(times)[np.diff(series) == 0]
        step = float(np.median(steps)) if len(steps) else 1.0
        return cls(series, times, int(np.ceil(overlap * step)))

    @property
    def num_series(self) -> int:
        """Number of series."""
        return int(self.series.max()) + 1

    @property
    def at_one_time(self) -> bool:
        """True if most targets overlap, so that the errors say nothing about other times."""
        return int(self.times.max()) + 1 < max(2 * self.overlap, 2)


def skill(errors: Array, others: Array, origins: Origins, rivals: int = 1) -> Skill:
    """Return the skill of a forecaster over another one, from paired errors.

    Args:
        errors: ``(count,)``, the absolute errors of the forecaster.
        others: ``(count,)``, the absolute errors of the other one, for the same targets.
        origins: The origins of both.
        rivals: The number of equally good forecasters, the other one included, of which it had the
            lowest error. It was chosen for its luck, which makes the skill too low, so the upper
            end is raised: each rival gets its share of the 2.5 %. Defaults to 1.
    """
    total, other = float(errors.sum()), float(others.sum())
    value = (0.0 if total == other else -np.inf) if other == 0 else 1.0 - total / other
    shares = errors / (total or 1.0) - others / (other or 1.0)
    # Rounding errors are no difference.
    shares[np.abs(shares) <= 1e-12 * errors / (total or 1.0)] = 0.0
    if origins.num_series == 1:
        length, bias = _blocks(shares, origins.overlap)
        if len(errors) // length < FEWEST:
            return Skill(value, np.nan, np.nan, "windows", length)
    elif origins.num_series < FEWEST:
        return Skill(value, np.nan, np.nan, "series")
    # A ratio of 0 has no logarithm, and one that never changes has no spread.
    if not total or not other or not shares.any():
        return Skill(value, value, value)
    if origins.num_series == 1:
        spread, distances = _drawn(errors, others, length)
        # Few errors show only part of the bias, so it is doubled.
        distances = np.sqrt(1 + 2 * bias) * spread * distances
    else:
        sums = np.bincount(origins.series, errors), np.bincount(origins.series, others)
        spread, distances = _drawn(*sums, 1)
        shared, stretches, length = _shocks(shares, origins)
        if shared > spread**2 and stretches < FEWEST:
            return Skill(value, np.nan, np.nan, "windows", length)
        # Stretches are few, so their shocks are drawn from Student's t distribution.
        draws = np.random.default_rng(1).standard_t(max(stretches - 1, 1), size=DRAWS)
        distances = np.abs(spread * distances + np.sqrt(shared) * draws)
    ratio = np.log(total / other)
    levels = [CONFIDENCE, 1 - (1 - CONFIDENCE) / rivals]
    reach, more = np.quantile(distances, levels, method="higher")
    return Skill(value, 1 - np.exp(ratio + reach), 1 - np.exp(ratio - more))


def _blocks(shares: Array, overlap: int) -> tuple[int, float]:
    """Return the length of blocks and the bias of their variance, as ``lasting`` does.

    From few errors, ``lasting`` estimates too long blocks as often as too short ones. Where targets
    overlap, the overlap is known, so six blocks of at least that length and five sixths of the
    estimate are accepted.
    """
    length, bias = lasting(shares, overlap)
    shorter = len(shares) // FEWEST
    if overlap > 1 and length > shorter >= max(overlap, 5 * length / 6):
        return shorter, bias * length / shorter
    return length, bias


def _shocks(shares: Array, origins: Origins) -> tuple[float, int, int]:
    """Return the variance that is added by shocks which several series share at one time.

    It is the covariance of two series within stretches of time, summed over all pairs: as in
    Cameron, Gelbach and Miller, *Robust inference with multiway clustering*, Journal of Business &
    Economic Statistics 29 (2011).

    Returns:
        The variance, the number of stretches and their length.
    """
    count = int(origins.times.max()) + 1
    if origins.at_one_time:
        return 0.0, 1, count
    length, bias = lasting(np.bincount(origins.times, shares), origins.overlap)
    # A variance can only be estimated from several stretches, even if they are short.
    stretches = max(count // length, min(count // origins.overlap, FEWEST))
    shape = (origins.num_series, stretches)
    cells = origins.series * stretches + origins.times * stretches // count
    number = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(cells, shares, shape[0] * shape[1]).reshape(shape)
    # Without each series' mean: a series that is better at all times has no shock.
    rest = sums - sums.sum(axis=1, keepdims=True) * number / number.sum(axis=1, keepdims=True)
    pairs = float(np.sum(rest.sum(axis=0) ** 2) - np.sum(rest**2))
    shared = max(pairs, 0.0) * stretches / (stretches - 1) * (1 + 2 * bias)
    return shared, count // length, length


def _drawn(errors: Array, others: Array, length: int) -> tuple[float, Array]:
    """Return the standard error of the log ratio, and the studentized distance of each draw."""
    total, other = errors.sum(), others.sum()
    count, blocks = len(errors), len(errors) // length
    sums = np.stack([_block_sums(errors, length), _block_sums(others, length)])
    shares = sums[0] / total - sums[1] / other
    spread = np.sqrt(count / length * np.mean(shares**2) / (1 - length / count))
    ratio = np.log(total / other)
    distances = []
    generator = np.random.default_rng(0)
    for draws in _parts(DRAWS, max(_AT_ONCE // blocks, 1)):
        drawn = sums[:, generator.integers(count, size=(draws, blocks))]
        totals = drawn.sum(axis=2, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = drawn[0] / totals[0] - drawn[1] / totals[1]
            spreads = np.sqrt(np.sum(shares**2, axis=1) * blocks / (blocks - 1))
            distance = np.abs(np.log(totals[0] / totals[1])[:, 0] - ratio) / spreads
        # 0 / 0: a draw with neither a distance nor a spread.
        distances.append(np.where(np.isnan(distance), 0.0, distance))
    return float(spread), np.concatenate(distances)


def _block_sums(errors: Array, length: int) -> Array:
    """Return the sum of ``length`` neighbours on a circle, one for each start."""
    before = np.concatenate([[0.0], np.cumsum(np.concatenate([errors, errors[: length - 1]]))])
    return before[length:] - before[:-length]


def _parts(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]
