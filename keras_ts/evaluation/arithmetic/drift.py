"""Tells whether means over the latest rows differ from their past by more than chance: plain NumPy.

A mean over a run of n rows is called changed if it is further from the mean of its past than

    t s(n) sqrt((k + 1) / (k - 1)).

s(n) is the standard deviation of means over all runs of n rows of the past, which overlap, so it
holds what series share and what lasts from row to row. k is the number of such runs without common
rows, and t a quantile of Student's t of 1.5 (k - 1) degrees of freedom: Meketon and Schmeiser,
*Overlapping batch means: something for nothing?*, Winter Simulation Conference (1984). The root
stands for the mean of the past, which differs by chance, too. A season that the past shows may move
the mean further: the square of a multiple of the season's standard deviation is added to that of
the limit. Errors and steps are compared by their logarithms.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray

# Two-sided quantiles of a normal value. Five measures make one false call in 200 looks if each
# makes one in 1000, which is 3.29. The rest is for values that are not normal, as errors are least.
_NORMAL = {"error": 4.0, "bias": 3.8, "coverage": 3.4, "level": 3.8, "step": 3.8}
# A wave's crest is 1.4 standard deviations from its mean, and seasons are sharper than waves. Past
# rows shorter than the season have another mean: its crest is 2.8 from its trough.
_FROM_MEAN, _FROM_TROUGH = 2.0, 2.8
# A spread is a season's if it is that of runs so many times as long as those compared.
_LASTS = 4
# The fewest runs without common rows of which a spread is known.
_FEWEST_RUNS = 5
# Level and step are measured on so many series at most.
_MOST_SERIES = 1000
# A run of a length that is no whole number of weeks differs by its weekdays.
_WEEK = 7


def run_lengths(rows: int, period: int | None) -> list[int]:
    """Return the lengths of runs of which spreads are kept, for a number of rows."""
    whole = period if period and period > 1 else _WEEK
    lengths = [length for length in (1, 2, 3, 5, 8, 13, 21) if length < whole]
    while whole <= rows // _FEWEST_RUNS:
        lengths.append(whole)
        whole *= 2
    return [length for length in lengths if length <= max(rows // _FEWEST_RUNS, 1)]


def spreads(by_row: Array, lengths: Sequence[int]) -> Array:
    """Return the standard deviations of means over runs of each length, NaN for too few rows."""
    # ``by_row`` is ``(2, rows)``: the sums of a row's values, and their number.
    totals, counts = by_row
    center = totals.sum() / max(counts.sum(), 1)
    sums = np.cumsum([[0, 0], *zip(totals - center * counts, counts, strict=True)], axis=0)
    found = np.full(len(lengths), np.nan)
    for place, length in enumerate(lengths):
        runs = sums[length:] - sums[:-length]
        runs = runs[runs[:, 1] > 0]
        if len(runs) >= _FEWEST_RUNS * length:
            found[place] = np.sqrt(np.mean((runs[:, 0] / runs[:, 1]) ** 2))
    return found


def most_by_chance(
    normal: float, spreads: Array, lengths: IntArray, rows: int, run: float
) -> float:
    """Return by how much the mean of a run of rows may differ from that of ``rows`` by chance."""
    # ``normal`` is the limit of a normal value whose standard deviation is known to be 1.
    # Means of shorter runs differ by more, so each shorter length gives a limit: the least holds.
    known = np.isfinite(spreads) & (lengths <= max(run, 1.0))
    if not known.any():
        return np.inf
    runs = rows / lengths[known]
    free = 1.5 * (runs - 1)
    # Wallace, Annals of Mathematical Statistics 30 (1959), approximates the quantile of t.
    quantile = normal * (8 * free + 3) / (8 * free + 1)
    quantile = np.sqrt(free * np.expm1(quantile**2 / free))
    return float(np.min(quantile * spreads[known] * np.sqrt((runs + 1) / (runs - 1))))


def errors_by_chance(runs: Mapping[str, Any], name: str, weights: Array, scale: float) -> float:
    """Return by how much a mean of errors may differ from that of the held-out rows.

    ``runs`` are the spreads in a scorecard. ``weights`` has the number of errors of each row, and
    ``scale`` is what the mean grows by if steps grow by one mean step.
    """
    spread, lengths = np.array(runs[name], np.float64), np.array(runs["length"])  # None: NaN
    run = weights.sum() ** 2 / np.sum(weights**2)
    most = most_by_chance(_NORMAL[name], spread, lengths, runs["held_out"], run)
    # Errors grow with the steps of a season, of which held-out rows may be the trough.
    return float(np.hypot(most, _FROM_TROUGH * scale * _season(runs, "step", 1)))


def values_by_chance(runs: Mapping[str, Any], name: str, rows: int) -> float:
    """Return by how much ``"level"`` or ``"step"`` of a run may differ from the training rows'."""
    season = _season(runs, name, rows)
    spread, lengths = np.array(runs[name], np.float64), np.array(runs["length"])
    noise = np.sqrt(np.maximum(spread**2 - season**2, 0.0))
    most = most_by_chance(_NORMAL[name], noise, lengths, runs["train"], rows)
    return float(np.hypot(most, _FROM_MEAN * season))


def ends(name: str, center: float, most: float) -> tuple[float, float]:
    """Return the range of a measure that differs from ``center`` by ``most`` at most."""
    if name in ("error", "step"):  # Positive and skewed: their logarithms vary as normal values do.
        ratio = np.exp(min(most / max(center, 1e-30), 700.0))
        return float(center / ratio), float(center * ratio)
    low, high = center - most, center + most
    return (max(low, 0.0), min(high, 1.0)) if name == "coverage" else (low, high)


def _season(runs: Mapping[str, Any], name: str, rows: int) -> float:
    """Return the spread of the longest runs, or 0 unless they are far longer than ``rows``."""
    lengths, spread = np.array(runs["length"]), np.array(runs[name], np.float64)
    known = np.flatnonzero(np.isfinite(spread) & (lengths >= _LASTS * rows))
    return float(spread[known[-1]]) if len(known) else 0.0


def some(count: int) -> IntArray:
    """Return the numbers of at most a thousand of the series: more say little more."""
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_SERIES)).astype(np.int64))


def norms_of(series: IntArray, values: Array, count: int) -> Array:
    """Return means and mean steps of series, ``(count, targets, 2)``, NaN where there are none."""
    # Rows are in time order within each series, and a step is from the row before.
    norms = [_by(series, part, count) for part in (values, np.abs(_steps(series, values)))]
    with np.errstate(invalid="ignore"):
        return np.stack([np.where(known > 0, sums / known, np.nan) for sums, known in norms], -1)


def level_and_step(series: IntArray, times: Array, values: Array, norms: Array) -> Array:
    """Return, by time, sums over series of their levels and steps, and counts: ``(2, 2, times)``.

    A level is a value less the mean of its series, and a step the size of a change, both in units
    of the series' mean step. ``norms`` has these for each row.
    """
    rows, count = np.unique(times, return_inverse=True)[1], len(np.unique(times))
    mean, step = norms[..., 0], np.where(norms[..., 1] > 0, norms[..., 1], np.nan)
    parts = (values - mean) / step, np.abs(_steps(series, values)) / step
    return np.array([[part.sum(axis=1) for part in _by(rows, found, count)] for found in parts])


def _steps(series: IntArray, values: Array) -> Array:
    """Return each row's change from the row before in its series, NaN in the first one."""
    changes = np.diff(values, axis=0, prepend=np.nan)
    changes[1:][np.diff(series) != 0] = np.nan
    return changes


def _by(groups: IntArray, values: Array, count: int) -> tuple[Array, Array]:
    """Return sums and numbers of the known values in each group, ``(count, columns)`` each."""
    found = np.zeros((2, count, values.shape[1]))
    for column, part in enumerate(values.T):
        known = np.isfinite(part)
        found[0, :, column] = np.bincount(groups[known], part[known], count)
        found[1, :, column] = np.bincount(groups[known], minlength=count)
    return found[0], found[1]
