"""Levels that follow the misses of prediction intervals: adaptive conformal inference.

The margin of an interval is the held-out score that a share of the scores, the level, exceeds. New
scores exceed it as often while they are like the held-out ones. Gibbs and Candes, "Adaptive
Conformal Inference Under Distribution Shift" (NeurIPS 2021), move the level by each outcome: too
many misses lower it, and intervals widen. A model's file keeps the scores and the moved levels.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.paths import MOST_BYTES, packed, unpacked

# The rate of Gibbs and Candes.
_RATE = 0.05
_QUANTILES = 200
# Number of the latest origins that are remembered; any earlier one counts as followed.
MOST_ORIGINS = 1000
_LONGEST_TEXT, _EARLIEST = 64, -(1 << 62)


@dataclass(frozen=True)
class Scores:
    """Evenly spaced quantiles of the held-out scores of intervals."""

    # ``(sets, classes, steps, targets, kept)``, increasing along the last axis. There is a set for
    # each coverage, or one for all, and a class for each entry of ``ConformalInterval.inputs``.
    quantiles: Array
    count: int  # The most scores of any cell.

    def margins(self, levels: Array) -> Array:
        """Return margins ``(coverages, classes, steps, targets)``; all classes share ``levels``."""
        # Margins are linear between two kept quantiles: a file with many cells keeps few of them,
        # and rounding a level could widen a band that should narrow.
        kept, shares = self.quantiles.shape[-1], 1 - levels
        # Rounded, so that 1 - 0.2 is exactly the 160th of 200 quantiles.
        places = np.clip(np.round(shares * kept, 9) - 1, 0, kept - 1)
        # From the greatest share on that ``count`` scores can promise, the margin is the largest.
        greatest = np.round(shares * (self.count + 1), 9) >= self.count
        places = np.where(greatest, kept - 1, places)[:, None, ..., None]
        shape = np.broadcast_shapes(places.shape[:-1], self.quantiles.shape[:-1])
        quantiles = np.broadcast_to(self.quantiles, (*shape, kept))
        low, high = (
            np.take_along_axis(quantiles, rounded(places).astype(np.int64), axis=-1)
            for rounded in (np.floor, np.ceil)
        )
        return (low + places % 1 * (high - low))[..., 0]

    def unmoved(self, coverage: Sequence[float]) -> Array:
        """Return the levels ``(coverages, steps, targets)`` of intervals that have not moved."""
        return unmoved(coverage, *self.quantiles.shape[2:4])

    def get_config(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        data = packed(self.quantiles.astype("<f4").tobytes())
        return {"shape": list(self.quantiles.shape), "count": self.count, "data": data}

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Return the scores of a config, which may come from an untrusted file."""
        with contextlib.suppress(TypeError, ValueError, KeyError, OverflowError):
            shape = [_checks.integer("", length, 1) for length in config["shape"]]
            count, size = _checks.integer("", config["count"], 1), 4
            for length in shape:
                size *= length
            if len(shape) == 5 and size <= MOST_BYTES:
                quantiles = np.frombuffer(unpacked(config["data"], size), "<f4").reshape(shape)
                if np.isfinite(quantiles).all() and (np.diff(quantiles) >= 0).all():
                    return cls(quantiles, count)
        raise ValueError(
            f"scores must be what calibrate made, or None. Received: scores={_checks.shown(config)}"
            "."
        )


def kept_levels(cells: int) -> list[float]:
    """Return the levels of the quantiles to keep of each of ``cells`` sets of scores."""
    kept = max(min(_QUANTILES, MOST_BYTES // (4 * cells)), 1)
    return [place / kept for place in range(1, kept + 1)]


@dataclass(frozen=True)
class Followed:
    """How far levels have moved, and by what."""

    levels: Array  # The share of misses of each margin, ``(coverages, steps, targets)``.
    origins: tuple[int, ...]  # The latest that were followed, as numbers of steps, increasing.
    since: str  # The first moment that was followed, as people write it.
    zone: str | None = None  # The time zone of the days that number origins, or None.

    def get_config(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return {**asdict(self), "levels": self.levels.tolist(), "origins": list(self.origins)}

    @classmethod
    def from_config(cls, config: Any, scores: Scores | None, coverages: int) -> Self:
        """Return what a config holds, which may come from an untrusted file."""
        with contextlib.suppress(TypeError, ValueError, KeyError, AttributeError):
            levels, since = np.array(config["levels"], np.float64), config["since"]
            zone = config.get("zone")
            origins = tuple(_checks.integer("", origin, _EARLIEST) for origin in config["origins"])
            fits = (
                levels.shape == (coverages, *scores.quantiles.shape[2:4]),  # type: ignore[union-attr]
                ((levels >= 0) & (levels <= 1)).all(),
                len(origins) <= MOST_ORIGINS and sorted(set(origins)) == list(origins),
                isinstance(since, str) and len(since) <= _LONGEST_TEXT,
                zone is None or (isinstance(zone, str) and len(zone) <= _LONGEST_TEXT),
            )
            if all(fits):
                return cls(levels, origins, since, zone)
        raise ValueError(
            "followed must be what follow made, with the scores that calibrate made, or None. "
            f"Received: followed={_checks.shown(config)}."
        )


def unmoved(coverage: Sequence[float], steps: int, targets: int) -> Array:
    """Return the shares of misses that coverages ask for, where levels begin."""
    misses = np.reshape([1 - share for share in coverage], (-1, 1, 1))
    return np.broadcast_to(misses, (len(coverage), steps, targets))


def moved(
    levels: Array,
    misses: Array,
    coverage: Sequence[float],
    gaps: Sequence[float],
    count: int,
    gap: int = 0,
) -> Array:
    """Return levels ``(coverages, steps, targets)``, moved by the misses of origins in turn."""
    # ``misses``, ``(origins, coverages, steps, targets)``, are of intervals made at ``levels``, NaN
    # where no value came; ``gaps`` are the steps to each origin from the last, ``count`` is the
    # number of held-out scores, and the first target lies ``gap`` + 1 steps ahead. A forecast k
    # steps ahead shares k - 1 of its steps with the forecast of the next origin, and its outcome
    # comes k steps later. At the full rate, a single spell of large errors would count k times
    # before any interval has widened, and levels would swing from one end to the other.
    ahead = gap + np.arange(1, levels.shape[1] + 1)[:, None]
    shares = unmoved(coverage, *levels.shape[1:])
    made_at = levels
    for missed, since in zip(misses, gaps, strict=True):
        # Intervals at the level reached by now would miss more by as much as the level has risen.
        missed = missed + (levels - made_at)
        rate = _RATE * np.minimum(since / ahead, 1.0)
        levels = levels + np.where(np.isnan(missed), 0.0, rate * (shares - missed))
        levels = np.clip(levels, 1 / (count + 1), 1.0)
    return levels


def shares_missed(
    actual: Array, low: Array, high: Array, origins: IntArray, steps: IntArray, horizon: int
) -> Array:
    """Return shares of values that intervals missed, ``(origins, coverages, steps, targets)``."""
    # ``actual`` is ``(rows, targets)``, the bounds ``(rows, targets, coverages)``. ``steps`` count
    # from 1. NaN and infinity are left out.
    value = actual[..., None]
    known = np.isfinite(value + low + high)
    places, shape = origins * horizon + steps - 1, ((origins.max() + 1) * horizon, *low.shape[1:])
    missed, count = np.zeros(shape), np.zeros(shape)
    np.add.at(missed, places, known & ((value < low) | (value > high)))
    np.add.at(count, places, known)
    shares = np.where(count > 0, missed / np.maximum(count, 1), np.nan)
    return shares.reshape(-1, horizon, *low.shape[1:]).transpose(0, 3, 1, 2)


def gaps_of(origins: IntArray, earlier: Sequence[int]) -> list[float]:
    """Return the steps to each origin from the one before it, new or earlier; 1 for the first."""
    before = np.unique([*origins, *earlier])
    places = np.searchsorted(before, origins)
    gaps: Array = np.where(places > 0, origins - before[places - 1], 1)
    return gaps.tolist()
