"""Adaptive conformal inference: the level of a prediction interval follows the interval's misses.

The level is the share of held-out scores that exceed the margin of the interval. Gibbs and Candes,
"Adaptive Conformal Inference Under Distribution Shift" (NeurIPS 2021), move it by each outcome: a
miss lowers it, which widens the interval. A model's file keeps scores and levels.
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.layers.error_paths import MOST_BYTES, packed, unpacked

_RATE = 0.05  # That of Gibbs and Candes.
_QUANTILES = 200  # The most that a file keeps of a set of scores.


@dataclass(frozen=True)
class Scores:
    """Evenly spaced quantiles of the held-out scores of intervals."""

    # ``(sets, classes, steps, targets, quantiles)``, increasing along the last axis. There is a set
    # for each coverage, or one for all, and a class for each entry of ``ConformalInterval.inputs``.
    quantiles: Array
    count: int  # The most scores of any set, class, step and target.

    def margins(self, levels: Array) -> Array:
        """Return margins ``(coverages, classes, steps, targets)``; all classes share ``levels``."""
        # Margins are interpolated, since rounding a level could widen an interval that should
        # narrow. Places are rounded, so that 1 - 0.2 is exactly the 160th of 200 quantiles.
        number, shares = self.quantiles.shape[-1], 1 - levels
        places = np.clip(np.round(shares * number, 9) - 1, 0, number - 1)
        # ``count`` scores cannot promise a share above ``count / (count + 1)``: from there on, the
        # margin is the largest score.
        greatest = np.round(shares * (self.count + 1), 9) >= self.count
        places = np.where(greatest, number - 1, places)[:, None, ..., None]
        low, high = (
            np.take_along_axis(self.quantiles, rounded(places).astype(np.int64), axis=-1)
            for rounded in (np.floor, np.ceil)
        )
        return (low + places % 1 * (high - low))[..., 0]

    def get_config(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        data = packed(self.quantiles.astype("<f4").tobytes())
        return {"shape": list(self.quantiles.shape), "count": self.count, "data": data}

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Return the scores of a config, which may come from an untrusted file."""
        with contextlib.suppress(TypeError, ValueError, KeyError, OverflowError):
            shape = [_checks.integer("", length, 1) for length in config["shape"]]
            count, size = _checks.integer("", config["count"], 1), 4 * math.prod(shape)
            if len(shape) == 5 and size <= MOST_BYTES:
                quantiles = np.frombuffer(unpacked(config["data"], size), "<f4").reshape(shape)
                if np.isfinite(quantiles).all() and (np.diff(quantiles) >= 0).all():
                    return cls(quantiles, count)
        raise ValueError(f"scores must be what calibrate made. Received: {_checks.shown(config)}.")


def kept_levels(cells: int) -> list[float]:
    """Return the probabilities of the quantiles to keep of each of ``cells`` sets of scores."""
    number = max(min(_QUANTILES, MOST_BYTES // (4 * cells)), 1)
    return [place / number for place in range(1, number + 1)]


@dataclass(frozen=True)
class Followed:
    """The levels reached, and the forecasts whose outcomes have moved them."""

    levels: Array  # ``(coverages, steps, targets)``
    origins: tuple[int, ...]  # The first and the last that were followed, as numbers of steps.
    since: str  # The first time that was followed, as text for people.

    def get_config(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return {**asdict(self), "levels": self.levels.tolist(), "origins": list(self.origins)}

    @classmethod
    def from_config(cls, config: Any, scores: Scores | None, coverages: int) -> Self:
        """Return the levels and origins of a config, which may come from an untrusted file."""
        with contextlib.suppress(TypeError, ValueError, KeyError, AttributeError):
            levels = np.array(config["levels"], np.float64)
            origins = [int(origin) for origin in config["origins"]]
            shape = (coverages, *scores.quantiles.shape[2:4])  # type: ignore[union-attr]
            if levels.shape == shape and ((levels >= 0) & (levels <= 1)).all():
                ends = sorted({origins[0], origins[-1]}) if origins else []
                return cls(levels, tuple(ends), str(config["since"])[:64])
        raise ValueError(f"followed must be what follow made. Received: {_checks.shown(config)}.")


def unmoved(coverage: Sequence[float]) -> Array:
    """Return the levels ``(coverages, 1, 1)`` of intervals that have not moved."""
    return np.reshape([1 - share for share in coverage], (-1, 1, 1))


def moved(
    levels: Array, misses: Array, coverage: Sequence[float], gaps: Sequence[float], count: int,
    gap: int = 0,
) -> Array:  # fmt: skip
    """Return levels ``(coverages, steps, targets)``, moved by each origin in turn."""
    # ``misses``, ``(origins, coverages, steps, targets)``, are of intervals made at ``levels``, NaN
    # where no value came; ``gaps`` are the steps to each origin from the last, ``count`` is the
    # number of held-out scores, and the first target lies ``gap`` + 1 steps ahead. A forecast k
    # steps ahead shares k - 1 of its steps with the forecast of the next origin. At the full rate,
    # one spell of large errors would count k times before any interval has widened.
    ahead, made_at = gap + np.arange(1, misses.shape[2] + 1)[:, None], levels
    for missed, since in zip(misses, gaps, strict=True):
        # An interval at the level reached by now would miss more by as much as the level has risen.
        missed = missed + (levels - made_at)
        rate = _RATE * np.minimum(since / ahead, 1.0)
        levels = levels + np.where(np.isnan(missed), 0.0, rate * (unmoved(coverage) - missed))
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
