"""Tells with an interval if one forecaster's error is smaller than another's. Arithmetic alone.

Errors of neighbouring origins are alike, because their targets overlap and because a bad spell
lasts. So whole blocks of neighbours are drawn anew, and not single errors: the moving-block
bootstrap of Künsch, *The jackknife and the bootstrap for general stationary observations*, Annals
of Statistics 17 (1989), on a circle, so that every origin is drawn equally often.

The interval is that of the logarithm of the ratio of both mean errors, which is symmetric in the
two. It is studentized: each draw's distance is measured in its own standard error, which holds
what it promises with fewer origins than percentiles of the draws do.
"""

from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array

DRAWS = 1000
CONFIDENCE = 0.95
# Fewer blocks tell nothing of the spread between blocks.
_FEWEST = 4
# Draws are made some at a time, so that this many numbers are in memory at once.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Skill:
    """One minus a mean error over another, with its interval.

    Attributes:
        value: The skill: 0.1 for a tenth less error.
        low: Lower end of the 95 % interval. NaN if there are too few errors for one.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """One of ``"beats"``, ``"loses to"`` and ``"cannot be told from"``."""
        if self.low > 0:
            return "beats"
        return "loses to" if self.high < 0 else "cannot be told from"


def block_length(count: int, horizon: int, stride: int) -> int:
    """Return the number of neighbouring origins to draw together.

    At least those whose targets overlap, and twice as many where eight blocks are left. For steps
    far apart, blocks grow with the cube root of the number of origins, the rate at which the error
    of a block bootstrap falls fastest.
    """
    overlap = -(-horizon // stride)
    return max(overlap, min(2 * overlap, count // 8), int(np.ceil(1.5 * count ** (1 / 3))))


def skill(errors: Array, others: Array, length: int) -> Skill:
    """Return the skill of a forecaster beside another, from paired errors.

    Args:
        errors: ``(count,)``, the errors of the forecaster, not negative.
        others: ``(count,)``, the errors of the other, for the same targets.
        length: The number of neighbours to draw together. 1 if errors are independent, as those
            of the series of a panel.
    """
    total, other = float(errors.sum()), float(others.sum())
    value = 0.0 if total == other else -np.inf
    if other > 0:
        value = 1.0 - total / other
    count, blocks = len(errors), len(errors) // length
    if blocks < _FEWEST:
        return Skill(value, np.nan, np.nan)
    if not total > 0 or not other > 0:  # A ratio of 0 has no logarithm, and no spread.
        return Skill(value, value, value)
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
        # Draws without a spread tell nothing if they have no distance either.
        distances.append(np.where(np.isnan(distance), 0.0, distance))
    reach = float(np.quantile(np.concatenate(distances), CONFIDENCE, method="higher")) * spread
    reach = 0.0 if np.isnan(reach) else reach
    return Skill(value, 1 - np.exp(ratio + reach), 1 - np.exp(ratio - reach))


def _block_sums(errors: Array, length: int) -> Array:
    """Return the sum of each run of ``length`` neighbours on a circle, one for each beginning."""
    before = np.concatenate([[0.0], np.cumsum(np.concatenate([errors, errors[: length - 1]]))])
    return before[length:] - before[:-length]


def _parts(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]
