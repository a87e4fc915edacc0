"""Adaptive conformal inference: the level of a prediction interval follows the interval's misses.

The level is the share of held-out scores that exceed the margin of the interval. Values that come
later miss the interval as often, as long as their scores are like the held-out ones. Gibbs and
Candes, "Adaptive Conformal Inference Under Distribution Shift" (NeurIPS 2021), move the level by
each outcome: a miss lowers it, which widens the interval. A model's file keeps scores and levels.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.paths import MOST_BYTES, packed, unpacked

_RATE = 0.05  # That of Gibbs and Candes.
_QUANTILES = 200  # The most that a file keeps of a set of scores.
# A file keeps so many of the latest origins; any earlier one counts as followed.
MOST_ORIGINS = 1000
_LONGEST_TEXT, _EARLIEST = 64, -(1 << 62)


@dataclass(frozen=True)
class Scores:
    """Evenly spaced quantiles of the held-out scores of intervals."""

    # ``(sets, classes, steps, targets, quantiles)``, increasing along the last axis. There is a set
    # for each coverage, or one for all, and a class for each entry of ``ConformalInterval.inputs``.
    quantiles: Array
    count: int  # The most scores of any set, class, step and target.

    def margins(self, levels: Array) -> Array:
        """Return margins ``(coverages, classes, steps, targets)``; all classes share ``levels``."""
        # Margins are interpolated between two quantiles: a file may keep few of them, and rounding
        # a level could widen an interval that should narrow.
        number, shares = self.quantiles.shape[-1], 1 - levels
        # Rounded, so that 1 - 0.2 is exactly the 160th of 200 quantiles.
        places = np.clip(np.round(shares * number, 9) - 1, 0, number - 1)
        # ``count`` scores cannot promise a share above ``count / (count + 1)``: from there on, the
        # margin is the largest score.
        greatest = np.round(shares * (self.count + 1), 9) >= self.count
        places = np.where(greatest, number - 1, places)[:, None, ..., None]
        shape = np.broadcast_shapes(places.shape[:-1], self.quantiles.shape[:-1])
        quantiles = np.broadcast_to(self.quantiles, (*shape, number))
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
    """Return the probabilities of the quantiles to keep of each of ``cells`` sets of scores."""
    number = max(min(_QUANTILES, MOST_BYTES // (4 * cells)), 1)
    return [place / number for place in range(1, number + 1)]


@dataclass(frozen=True)
class Followed:
    """The levels reached, and the forecasts whose outcomes have moved them."""

    levels: Array  # ``(coverages, steps, targets)``
    origins: tuple[int, ...]  # The latest that were followed, as numbers of steps, increasing.
    since: str  # The first time that was followed, as text for people.
    zone: str | None = None  # The time zone if origins are numbered by local days, else None.

    def get_config(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return {**asdict(self), "levels": self.levels.tolist(), "origins": list(self.origins)}

    @classmethod
    def from_config(cls, config: Any, scores: Scores | None, coverages: int) -> Self:
        """Return the levels and origins of a config, which may come from an untrusted file."""
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
    """Return the levels at which intervals begin: one minus each coverage."""
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
    """Return levels ``(coverages, steps, targets)``, moved by each origin in turn."""
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
        # An interval at the level reached by now would miss more by as much as the level has risen.
        missed = missed + (levels - made_at)
        rate = _RATE * np.minimum(since / ahead, 1.0)
        levels = levels + np.where(np.isnan(missed), 0.0, rate * (shares - missed))
        levels = np.clip(levels, 1 / (count + 1), 1.0)
    return levels


def shares_missed(
    actual: Array, low: Array, high: Array, origins: IntArray, steps: IntArray, horizon: int
) -> Array:
    """Return shares of values that intervals missed, ``(origins, coverages, steps, targets)``."""
    # A row is a series at one step, counted from 1, of an origin. ``actual`` is ``(rows,
    # targets)``, the bounds ``(rows, targets, coverages)``. NaN and infinity are left out.
    value = actual[..., None]
    known = np.isfinite(value + low + high)
    places, shape = origins * horizon + steps - 1, ((origins.max() + 1) * horizon, *low.shape[1:])
    missed, count = np.zeros(shape), np.zeros(shape)
    np.add.at(missed, places, known & ((value < low) | (value > high)))
    np.add.at(count, places, known)
    shares = np.where(count > 0, missed / np.maximum(count, 1), np.nan)
    return shares.reshape(-1, horizon, *low.shape[1:]).transpose(0, 3, 1, 2)


def gaps_of(origins: IntArray, earlier: Sequence[int]) -> list[float]:
    """Return the steps to each origin from the one before, in either list; 1 for the first."""
    before = np.unique([*origins, *earlier])
    places = np.searchsorted(before, origins)
    gaps: Array = np.where(places > 0, origins - before[places - 1], 1)
    return gaps.tolist()
