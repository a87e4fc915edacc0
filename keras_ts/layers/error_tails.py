"""Tails: how far samples lie beyond a forecast's outermost quantiles, which bound its band.

A calibrated band holds most values, and a total depends on the others, too. So a model's file holds
how far values exceeded the band, in units of each series, since the exceedances of a large shop say
nothing of a small one; and how much exceedances grow with the width of the band at their step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

_KNOTS = 33  # Number of quantiles of exceedances that are kept.
# The unit of a series is the mean of its exceedances and of ``_PRIOR`` times its mean half width,
# scaled to half widths by a factor of at most ``_MOST_HALVES``.
_PRIOR, _MOST_HALVES = 5, 3.0


@dataclass(frozen=True)
class Tails:
    """Exceedances below the lowest and above the highest quantile."""

    # ``(series, targets, 2)``, a mean of the series' exceedances and of the band's half width.
    units: Array
    # ``(2,)``, how much exceedances grow with the half width of the band at their step: from 0, not
    # at all, to 1, in proportion.
    shares: Array
    # ``(2, knots)``, evenly spaced quantiles of their sizes, in units of ``share * half width of
    # the step + (1 - share) * unit of the series``.
    exceedances: Array

    @classmethod
    def of(cls, below: Array, above: Array, widths: Array, series: IntArray) -> Self:
        """Return the tails of distances ``below`` and ``above`` the band, negative inside it."""
        # Distances and half ``widths`` of the band are ``(paths, steps, targets)``, and ``series``
        # is ``(paths,)``.
        units = _units_of(widths, (below, above), series)
        typical = np.moveaxis(np.where(units > 0, units, np.nan)[series][:, None], -1, 0)
        tails = [
            _tail_of(past / unit, widths / unit, series)
            for past, unit in zip((below, above), typical, strict=True)
        ]
        shares, sizes = zip(*tails, strict=True)
        return cls(units, np.array(shares), np.stack(sizes))

    def sound(self) -> bool:
        """Return True if shapes and ranges are right; a file may hold others."""
        shares, sizes = self.shares, self.exceedances
        fits = (
            shares.shape == (2,) and ((shares >= 0) & (shares <= 1)).all(),
            np.isfinite(self.units).all() and (self.units >= 0).all(),
            sizes.shape == (2, _KNOTS) and np.isfinite(sizes).all() and (sizes >= 0).all(),
        )
        return all(fits) and bool((np.diff(sizes) >= 0).all())

    def with_units(self, values: Array, series: IntArray, known: BoolArray) -> Array:
        """Append both tails' units to forecasts ``(series, steps, targets, quantiles)``."""
        # The unit of a series that is not ``known`` is the mean half width of its band.
        half = (values[..., -1] - values[..., 0]) / 2
        means = _means_of(half, np.arange(len(half)))
        has_unit = known[:, None, None] & (self.units[series] > 0)
        units = np.where(has_unit, self.units[series], means[..., None])[:, None]
        tails = [s * half + (1 - s) * units[..., side] for side, s in enumerate(self.shares)]
        return np.concatenate([values, np.stack(tails, axis=-1).astype(values.dtype)], axis=-1)

    def weights(self, quantiles: Sequence[float], count: int) -> Array:
        """Return weights ``(quantiles + 2, count)`` that map forecasts with units to samples."""
        # The samples are ``count`` equally spaced quantiles, interpolated between the forecast's;
        # beyond its outermost ones they follow the exceedances.
        levels, sample_levels = np.asarray(quantiles), (np.arange(count) + 0.5) / count
        weights = np.stack([np.interp(sample_levels, levels, unit) for unit in np.eye(len(levels))])
        knots = np.linspace(0, 1, _KNOTS)
        lower = np.interp(1 - sample_levels / levels[0], knots, self.exceedances[0])
        upper = np.interp(1 - (1 - sample_levels) / (1 - levels[-1]), knots, self.exceedances[1])
        lower, upper = lower * (sample_levels < levels[0]), upper * (sample_levels > levels[-1])
        return np.concatenate([weights, [-lower, upper]])


def _sums_of(values: Array, there: BoolArray, series: IntArray) -> tuple[Array, Array]:
    """Return the sum of each series' values, by target, and how many there are."""
    sums, counts = np.zeros((2, int(series.max()) + 1, values.shape[2]))
    np.add.at(sums, series, np.where(there, values, 0).sum(axis=1))
    np.add.at(counts, series, there.sum(axis=1))
    return sums, counts


def _means_of(widths: Array, series: IntArray) -> Array:
    """Return the mean width of each series, by target; 0 without a width."""
    sums, counts = _sums_of(widths, np.isfinite(widths), series)
    return sums / np.maximum(counts, 1)


def _units_of(widths: Array, tails: tuple[Array, Array], series: IntArray) -> Array:
    """Return the unit of each series' exceedances, by target."""
    # A series that hardly varies may exceed its band by many widths. Its unit grows with that:
    # otherwise such a series would decide how far the samples of others exceed their bands.
    means = _means_of(widths, series)
    units = np.empty((*means.shape, 2))
    for side, past in enumerate(tails):
        sums, counts = _sums_of(past, np.isfinite(past) & (past > 0), series)
        sizes = (_PRIOR * means + sums) / (_PRIOR + counts)
        # A new series has its half width as unit, so the units of all are scaled to half widths.
        ratios = sizes[means > 0] / means[means > 0]
        halves = np.clip(np.median(ratios) if len(ratios) else 1.0, 1 / _MOST_HALVES, _MOST_HALVES)
        units[..., side] = sizes / halves
    # Rounded as in a file.
    return np.minimum(units, np.finfo(np.float32).max).astype(np.float32)


def _tail_of(distances: Array, widths: Array, series: IntArray) -> tuple[float, Array]:
    """Return the share by which exceedances grow with widths, and quantiles of their sizes."""
    # If a series varies more on some days, exceedances are in proportion to the widths. If demand
    # is mostly zero, they are as large where the band has hardly any width. The slope of a line of
    # least squares tells how much of each is the case.
    past = np.isfinite(distances) & (distances > 0)
    if not past.any():
        return 1.0, np.zeros(_KNOTS)
    owner = np.broadcast_to(series[:, None, None], past.shape)[past]
    distances, widths, counts = distances[past], widths[past], np.bincount(owner)
    # Within series, since what differs between them is in their units.
    gaps = widths - (np.bincount(owner, widths) / np.maximum(counts, 1))[owner]
    slope = max(float(gaps @ distances), 0.0) / max(float(gaps @ gaps), 1e-300)
    constant = max(float(distances.mean()) - slope * float(widths.mean()), 0.0)
    share = slope / (slope + constant)
    units = share * widths + (1 - share)
    return share, _quantiles_of(distances[units > 0] / units[units > 0], units[units > 0])


def _quantiles_of(distances: Array, weights: Array) -> Array:
    """Return quantiles of distances, as means around each knot."""
    # Weighted by units, so that samples exceed the band by as much as values did on average.
    order = np.argsort(distances, kind="stable")
    sizes, shares = distances[order], weights[order] / weights.sum()
    cells = np.clip((np.arange(_KNOTS + 1) - 0.5) / (_KNOTS - 1), 0, 1)
    sums = np.cumsum([0, *(sizes * shares)])
    means = np.diff(np.interp(cells, np.cumsum([0, *shares]), sums)) / np.diff(cells)
    # Exceedances begin at 0: otherwise the outermost quantile of samples would lie further out.
    means[0] = 0.0
    return np.maximum.accumulate(means)
