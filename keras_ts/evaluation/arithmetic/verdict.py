"""Tests whether one forecaster's mean error is smaller than another's. Plain NumPy.

Errors of neighbouring origins are correlated. So for one series, the interval of the skill comes
from the moving-block bootstrap of Künsch, *The jackknife and the bootstrap for general stationary
observations*, Annals of Statistics 17 (1989), on a circle, so that each origin is equally likely.
In a panel, the bootstrap draws series, and shocks that several series share widen the interval.
Errors of fewer than six series are summed at each time: the interval holds for these series only.

The interval is computed for the logarithm of the ratio of both mean errors, which treats both
forecasters alike. It is studentized, and so needs fewer origins than an interval of percentiles.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

DRAWS = 1000
CONFIDENCE = 0.95
# The fewest blocks for an interval: of two equal forecasters, one wins all of five blocks in 6 %.
FEWEST = 6
# If there are more than twice this many series, they are pooled into this many groups.
GROUPS = 1000
# At most this many drawn numbers are in memory at once.
_AT_ONCE = 1 << 20
# Mean errors that differ by a smaller share count as equal.
_ROUNDING = 1e-5
# Blocks are longer by this factor than is best for estimating a variance, since an interval needs
# less bias. It is the smallest of 1, 1.5, 2, 2.5 and 3 with which intervals cover 95 %.
_FACTOR = 2
# Few errors often look uncorrelated by luck, which makes the variance of shocks too small: by a
# sixth with sixty origins, in simulations. The least bias is this over the root of the origins.
_LEAST_BIAS = 0.8
# ``lasting`` sums at least this many lags: few dozen errors do not show correlations clearly.
_LAGS = 2
# The columns of a skill in a table, and their names in ``Skill``.
ENDS = {"skill": "value", "skill_low": "low", "skill_high": "high"}


class Skill(NamedTuple):
    """One minus a forecaster's mean error over another's, with its 95 % interval (NaN if none)."""

    value: Any  # a number, or ``(series,)`` for skills on single series, like ``low`` and ``high``
    low: Any
    high: Any
    stretch: Any = 1  # the length of a block

    @property
    def few(self) -> Any:
        """True if there are too few windows for an interval."""
        return np.isnan(self.low)

    @property
    def verdict(self) -> Any:
        """The verdict as in ``ComparisonReport.verdicts``, or an array of those on each series."""
        verdicts = ["beats", "loses to", "is not judged beside"]
        cases = [self.low > 0, self.high < 0, self.few]
        verdict = np.select(cases, verdicts, "cannot be told from")
        return verdict if verdict.ndim else verdict.item()

    def rooted(self) -> "Skill":
        """Return the skill by roots of mean squares, from the skill by mean squares."""
        value, low, high = (1 - np.sqrt(1 - np.asarray(end))[()] for end in self[:3])
        return self._replace(value=value, low=low, high=high)


@dataclass(frozen=True)
class Origins:
    """Series and times ``(count,)`` of errors' origins, both numbered from 0 without gaps."""

    series: IntArray
    times: IntArray
    overlap: int  # the number of neighbouring times whose targets overlap
    neighbours: int  # the number of neighbouring origins of one series whose targets overlap

    @classmethod
    def of(cls, series: IntArray, times: Array, overlap: int) -> "Origins":
        """Number series and times; targets of ``overlap`` neighbours in one series overlap."""
        series = np.unique(series, return_inverse=True)[1]
        times = np.unique(times, return_inverse=True)[1]
        # Other series may have origins between two neighbours of one series.
        steps = np.diff(times)[np.diff(series) == 0]
        step = float(np.median(steps)) if len(steps) else 1.0
        return cls(series, times, int(np.ceil(overlap * step)), overlap)

    def at(self, chosen: BoolArray) -> "Origins":
        """Return the origins where ``chosen`` is True, numbered anew."""
        return Origins.of(self.series[chosen], self.times[chosen], self.neighbours)

    @cached_property
    def num_series(self) -> int:
        """Number of series."""
        return int(self.series.max()) + 1

    @property
    def few_series(self) -> bool:
        """True if series are too few to show how series differ: intervals are about these alone."""
        return self.num_series < FEWEST

    @cached_property
    def num_times(self) -> int:
        """Number of times."""
        return int(self.times.max()) + 1

    @property
    def at_one_time(self) -> bool:
        """True if there are fewer times than three, or than twice ``overlap``."""
        return self.num_times < max(2 * self.overlap, 3)

    def too_few(self, skill: Skill) -> str:
        """Say why a skill has no interval, with the number of origins."""
        there = f"there are {self.num_times} origins"
        if skill.stretch > 1:
            count = self.num_times // skill.stretch
            there += f", {count} stretch{'es' * (count != 1)} of {skill.stretch}"
        share = "series share errors that last" if self.num_series > 1 else "errors last"
        # The length is estimated, unless it is that of targets that overlap.
        more = "; more origins may show longer ones" * (skill.stretch > self.overlap)
        return f"{there}, and an interval takes {FEWEST} ({share} that long{more})"

    @cached_property
    def pooled(self) -> "Origins":
        """The origins, with random groups of series instead of very many series."""
        # Sums over random groups vary as sums over series do. A thousand show the spread to 2 %.
        if self.num_series <= 2 * GROUPS:
            return self
        groups = np.random.default_rng(0).permutation(self.num_series) % GROUPS
        return Origins(groups[self.series], self.times, self.overlap, self.neighbours)

    @cached_property
    def order(self) -> IntArray:
        """The places of the origins, ``(count,)``, series by series and in time order."""
        return np.argsort(self.series * self.num_times + self.times, kind="stable")


def skill(errors: Array, others: Array, origins: Origins, rivals: int = 1) -> Skill:
    """Return the skill of a forecaster over another one, from paired errors ``(count,)``."""
    # With several seeds, ``errors`` are ``(seeds, count)``, and the variance between seeds widens
    # the interval. The other forecaster is the luckiest of ``rivals`` equally good ones, which
    # makes the skill too low. So the upper end is raised: its 2.5 % are divided by ``rivals``.
    by_seed = np.atleast_2d(errors)
    if origins.few_series:
        sums = np.stack([np.bincount(origins.times, losses) for losses in (*by_seed, others)])
        parts = _alone(sums[:-1, None], sums[-1:], origins.overlap, rivals)
        return Skill(*(part[0].item() for part in parts))
    errors = by_seed.mean(axis=0)
    ratios, rows = _compared(errors[None], others[None])
    value = float(1 - ratios[0])
    # A ratio of 0 has no logarithm, and a ratio that never changes has no spread.
    if not errors.any() or not others.any() or not rows.any():
        return Skill(value, value, value)
    groups = origins.pooled
    sums = np.stack([np.bincount(groups.series, losses) for losses in (errors, others)])
    spreads, distances = _drawn(sums[:, None], 1)
    shared, stretches, length = _shocks(rows[0], groups)
    spread = spreads[0]
    if stretches < FEWEST:
        moved = spread**2 * shared_excess(rows[0], origins)
        # Over few stretches, a skill may come from large shared shocks, and has no interval. Nor
        # has it if the series do not differ.
        if max(shared, moved, _ROUNDING**2) > spread**2:
            return Skill(value, np.nan, np.nan, length)
        spread = np.sqrt(spread**2 + max(moved - shared, 0.0))
    # Stretches are few, so their shocks are drawn from Student's t distribution.
    draws = np.random.default_rng(1).standard_t(max(stretches - 1, 1), size=DRAWS)
    distances = np.abs(spread * distances + np.sqrt(shared) * draws)
    low, high = _ends(ratios, _with_luck(distances, by_seed[:, None]), rivals)
    return Skill(value, float(low[0]), float(high[0]))


def skills_by_series(errors: Array, others: Array, origins: Origins, rivals: int = 1) -> Skill:
    """Return the skill on each series alone."""
    # Series of equal length are judged together, since the draws depend on lengths only.
    counts = np.bincount(origins.series)
    firsts = np.cumsum(counts) - counts
    value, low, high = np.empty((3, len(counts)))
    stretch = np.empty(len(counts), np.int64)
    for count in np.unique(counts).tolist():
        series, most = np.flatnonzero(counts == count), max(_AT_ONCE // max(count, DRAWS), 1)
        for begin in range(0, len(series), most):
            places = series[begin : begin + most]
            windows = origins.order[firsts[places][:, None] + np.arange(count)]
            parts = _alone(
                np.atleast_2d(errors)[:, windows], others[windows], origins.neighbours, rivals
            )
            for column, part in zip((value, low, high, stretch), parts, strict=True):
                column[places] = part
    return Skill(value, low, high, stretch)


def _alone(by_seed: Array, others: Array, overlap: int, rivals: int) -> tuple[Array, ...]:
    """Return each series' skill, its ends and block length, from ``(seeds, series, count)``."""
    errors = by_seed.mean(axis=0)
    ratios, shares = _compared(errors, others)
    # From few errors, the estimated length is too long as often as too short. So where targets
    # overlap, six blocks of at least the overlap and 5 / 6 of the estimated length suffice.
    lengths, biases = lasting(shares, overlap)
    shorter = shares.shape[1] // FEWEST
    if overlap > 1:
        fits = (lengths > shorter) & (shorter >= np.maximum(overlap, 5 * lengths / 6))
        biases = np.where(fits, biases * lengths / max(shorter, 1), biases)
        lengths = np.where(fits, shorter, lengths)
    low = np.where(errors.shape[1] // lengths < FEWEST, np.nan, 1 - ratios)
    high = low.copy()
    drawn = ~np.isnan(low) & errors.any(axis=1) & others.any(axis=1) & shares.any(axis=1)
    for length in np.unique(lengths[drawn]).tolist():
        rows = drawn & (lengths == length)
        spreads, distances = _drawn(np.stack([errors[rows], others[rows]]), length)
        # Few errors show only a part of the bias, so it counts twice.
        distances *= (np.sqrt(1 + 2 * biases[rows]) * spreads)[:, None]
        distances = _with_luck(distances, by_seed[:, rows])
        low[rows], high[rows] = _ends(ratios[rows], distances, rivals)
    return 1 - ratios, low, high, lengths


def _compared(errors: Array, others: Array) -> tuple[Array, Array]:
    """Return each row's ratio of sums, and each error's share of its sum less the other's."""
    total, other = errors.sum(axis=1), others.sum(axis=1)
    ratios = np.where(total == other, 1.0, np.inf)
    np.divide(total, other, out=ratios, where=other > 0)
    # The same forecasts in single and in double precision are equally good.
    ratios[np.abs(ratios - 1) <= _ROUNDING] = 1.0
    of_total = errors / np.where(total > 0, total, 1.0)[:, None]
    shares = of_total - others / np.where(other > 0, other, 1.0)[:, None]
    # A rounding error is not a difference.
    shares[np.abs(shares) <= 1e-12 * of_total] = 0.0
    return ratios, shares


def _with_luck(distances: Array, by_seed: Array) -> Array:
    """Add the luck of seeds, from ``(seeds, rows, count)`` errors, to ``(rows, DRAWS)``."""
    seeds = len(by_seed)
    if seeds == 1:
        return distances
    # The variance of the mean over seeds is the variance between seeds over their number.
    logs = np.log(np.maximum(by_seed.sum(axis=-1), np.finfo(float).tiny))
    spread = np.sqrt(logs.var(axis=0, ddof=1) / seeds)
    draws = np.random.default_rng(2).standard_t(seeds - 1, size=DRAWS)
    return np.abs(distances + spread[:, None] * draws)


def _ends(ratios: Array, distances: Array, rivals: int) -> tuple[Array, Array]:
    """Return the ends of the intervals of skills, from ``(rows, DRAWS)`` distances."""
    levels = [CONFIDENCE, 1 - (1 - CONFIDENCE) / rivals]
    up, down = np.quantile(distances, levels, method="higher", axis=1)
    ratio = np.log(ratios)
    with np.errstate(over="ignore"):  # With few errors, the lower end may be -infinity.
        return 1 - np.exp(ratio + up), 1 - np.exp(ratio - down)


def _shocks(shares: Array, origins: Origins) -> tuple[float, int, int]:
    """Return the variance of shocks that series share, and the number and length of stretches."""
    # The variance is the sum over pairs of series of their covariance within stretches of time:
    # Cameron, Gelbach and Miller, *Robust inference with multiway clustering*, Journal of Business
    # & Economic Statistics 29 (2011).
    count = origins.num_times
    if origins.at_one_time:
        return 0.0, 1, origins.overlap
    lengths, biases = lasting(np.bincount(origins.times, shares)[None], origins.overlap)
    length, bias = int(lengths[0]), max(float(biases[0]), _LEAST_BIAS / count**0.5)
    # A variance needs several stretches, even if these are short. A thousand show it to 5 %.
    stretches = min(max(count // length, min(count // origins.overlap, FEWEST)), GROUPS)
    shape = (origins.num_series, stretches)
    cells = origins.series * stretches + origins.times * stretches // count
    number = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(cells, shares, shape[0] * shape[1]).reshape(shape)
    # Each series' mean is subtracted: a series that is better at all times has no shock.
    rest = sums - sums.sum(axis=1, keepdims=True) * number / number.sum(axis=1, keepdims=True)
    pairs = float(np.sum(rest.sum(axis=0) ** 2) - np.sum(rest**2))
    shared = max(pairs, 0.0) * stretches / (stretches - 1) * (1 + 2 * bias)
    return shared, count // length, length


def shared_excess(shares: Array, origins: Origins) -> float:
    """Return the variance that shocks shared by series add, over the variance without them."""
    # Errors of series that share shocks move together from one origin to the next. It is assumed
    # that shared errors stay correlated as long as others.
    same = np.diff(origins.series[origins.order]) == 0
    moves = np.diff(shares[origins.order])[same]
    sums = np.bincount(origins.times[origins.order][1:][same], moves)
    separate = float(np.sum(moves**2))
    return float(np.sum(sums**2)) / separate - 1.0 if separate > 0 else 0.0


def _drawn(losses: Array, length: int) -> tuple[Array, Array]:
    """Return standard errors ``(rows,)`` of log ratios, and studentized distances of draws."""
    # Losses are ``(2, rows, count)``, distances ``(rows, DRAWS)``.
    rows, count = losses.shape[1:]
    blocks = count // length
    totals = losses.sum(axis=-1)
    # The sum of ``length`` neighbours on a circle, one for each start.
    circle = np.concatenate([np.zeros_like(losses[..., :1]), losses, losses[..., : length - 1]], -1)
    before = np.cumsum(circle, axis=-1)
    sums = before[..., length:] - before[..., :-length]
    shares = sums[0] / totals[0][:, None] - sums[1] / totals[1][:, None]
    spread = np.sqrt(count / length * np.mean(shares**2, axis=-1) / (1 - length / count))
    ratio = np.log(totals[0] / totals[1])
    distances = np.empty((rows, DRAWS))
    generator = np.random.default_rng(0)
    step = max(_AT_ONCE // (rows * blocks), 1)
    for begin in range(0, DRAWS, step):
        draws = min(step, DRAWS - begin)
        drawn = sums[..., generator.integers(count, size=(draws, blocks))]
        total = drawn.sum(axis=-1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = drawn[0] / total[0] - drawn[1] / total[1]
            spreads = np.sqrt(np.sum(shares**2, axis=-1) * blocks / (blocks - 1))
            distance = np.abs(np.log(total[0] / total[1])[..., 0] - ratio[:, None]) / spreads
        # 0 / 0 is a draw with neither a distance nor a spread.
        distances[:, begin : begin + draws] = np.where(np.isnan(distance), 0.0, distance)
    # If all blocks of a row have one ratio, a distance is a rounding error over a spread of 0.
    return spread, np.where(spread[:, None] > 1e-12, distances, 0.0)


def lasting(differences: Array, overlap: int) -> tuple[IntArray, Array]:
    """Return the lengths ``(series,)`` of blocks to draw, and the biases of their variances."""
    # The differences of errors are ``(series, count)``, in time order; ``overlap`` is the least
    # length. With autocovariances ``R(k)`` and ``c = sum |k| R(k) / sum R(k)``, the length is
    # ``(1.5 c^2 n)^(1/3)``: Politis and White, *Automatic block-length selection for the dependent
    # bootstrap*, Econometric Reviews 23 (2004), for a circle as corrected by Patton, Politis and
    # White, Econometric Reviews 28 (2009). A variance from such blocks is too small by a share of
    # about ``c / length``. The sums end before five or more lags in a row whose autocorrelations
    # are no larger than by chance.
    count = differences.shape[-1]
    # Blocks grow at least at this rate, however independent the errors look.
    least = min(max(overlap, int(np.ceil(count ** (1 / 3)))), count)
    run = max(5, int(np.ceil(np.sqrt(np.log10(count)))))
    most = min(int(np.ceil(max(np.sqrt(count), overlap))) + run, count - 1)
    centred = differences - differences.mean(axis=-1, keepdims=True)
    powers = np.abs(np.fft.rfft(centred, 2 * count)) ** 2
    covariances = np.fft.irfft(powers, 2 * count)[:, : min(most + run, count - 1) + 1] / count
    variances = covariances[:, :1]
    chance = 2 * np.sqrt(np.log10(count) / count)
    large = np.abs(covariances[:, 1 : most + 1]) >= chance * variances
    last = np.maximum(_before_small(large, run), max(overlap - 1, _LAGS))
    # A flat-top window: full weight up to ``last``, falling to 0 at twice that.
    lags = np.arange(1, most + 1)
    weights = np.clip(2 * (1 - lags / np.minimum(2 * last, most)[:, None]), 0, 1)
    sampled = covariances
    for _ in range(3):
        weighted = weights * covariances[:, 1 : most + 1]
        long_run = covariances[:, 0] + 2 * weighted.sum(axis=1)
        bend = 2 * (lags * weighted).sum(axis=1)
        # Covariances about the sample's own mean leave out the variance of that mean.
        covariances = sampled + np.maximum(long_run, 0.0)[:, None] / count
    # Rows that are not ``related`` show no positive correlation of neighbouring errors.
    related = (variances[:, 0] > 0) & (bend > 0)
    reach = np.divide(bend, long_run, out=np.zeros_like(bend), where=related & (long_run > 0))
    lengths = np.ceil(_FACTOR * (1.5 * reach**2 * count) ** (1 / 3)).astype(np.int64)
    lengths = np.where(related & (long_run <= 0), count, np.clip(lengths, least, count))
    return lengths, reach / lengths


def _before_small(large: BoolArray, run: int) -> IntArray:
    """Return for each row how many lags precede the first ``run`` consecutive small ones."""
    lags = large.shape[1]
    if lags < run:
        return np.full(len(large), lags)
    small = ~np.any(np.lib.stride_tricks.sliding_window_view(large, run, axis=1), axis=-1)
    return np.where(small.any(axis=1), small.argmax(axis=1), lags)
