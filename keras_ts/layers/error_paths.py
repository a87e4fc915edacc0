"""Error paths: how the errors of a forecast vary together, so that sample paths can be drawn.

A calibrated forecast says how large the error of one day may be. The error of a week's total also
depends on whether errors of neighbouring days vary together; of a total over series, on whether
errors of series do. So ``calibrate(joint=True)`` keeps paths of calibration windows: the ranks of
their errors. At each step, the samples of a new forecast are equally spaced quantiles, put in the
order of the ranks of randomly drawn paths: the Schaake shuffle (Clark and others, Journal of
Hydrometeorology 2004), a draw from an empirical copula.
"""

import base64
import contextlib
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.layers.error_tails import Tails

# The most bytes of paths in a file. As text they take at most a third more, 1 MB.
MOST_BYTES = 740_000
_INDEX = 8  # Bytes of a path's origin and series together.
_KEY = 8  # Bytes of a series' key.
_UNIT = 4  # Bytes of a unit. A series has one for each tail of each target.
# The most origins to keep if not all paths fit: more series are worth more than more origins.
_ORIGINS = 1000
_RANKS = 255  # Ranks from 0 to 254.
# The normal score of each rank.
_SCORES = np.array([NormalDist().inv_cdf((rank + 0.5) / _RANKS) for rank in range(_RANKS)])
_NARROW = 0.001  # Half widths below this share of a series' unit count as none.
_ORDERS = 128  # Series without paths share this many orders of samples, and rotate them.


@dataclass(frozen=True)
class ErrorPaths:
    """Error paths as ranks, and how far errors exceeded the outermost quantiles."""

    ranks: Array  # ``(paths, steps, targets)``, of each error among those of its step.
    origins: IntArray  # ``(paths,)``, the number of each path's origin from 0, never decreasing.
    series: IntArray  # ``(paths,)``, places in ``keys``, increasing within an origin.
    keys: Array  # ``(series,)``, digests of ids, increasing.
    tails: Tails  # Of the series in ``keys``.

    @classmethod
    def of(
        cls,
        errors: Array,
        below: Array,
        above: Array,
        widths: Array,
        origins: Array,
        series: Array,
        keys: Array,
    ) -> Self:
        """Rank errors ``(paths, steps, targets)``; NaN is missing."""
        # ``below`` and ``above``: how far values lie below the lowest and above the highest
        # quantile, negative inside. ``widths``: half the distances between these two quantiles.
        # ``series`` are places in ``keys``.
        origins = np.unique(origins, return_inverse=True)[1]
        keys, places = np.unique(keys[series], return_inverse=True)
        tails = Tails.of(below, above, widths, places)
        order = np.lexsort([places, origins])
        origins, places = origins[order], places[order]
        return cls(_ranks_of(errors[order], origins, places), origins, places, keys, tails)

    def orders(
        self, seed: int, event: int, key: int, count: int, turns: Sequence[int] | IntArray = (0,)
    ) -> IntArray:
        """Return sample numbers by increasing value, ``(turns, steps, targets, count)``."""
        # All series that are forecast from time number ``event`` share the drawn origins.
        origins = int(self.origins[-1]) + 1
        drawn = np.random.default_rng([seed, event, 0]).permutation(origins)
        drawn = drawn[np.arange(count) % origins]
        paths, has_path = self._paths(drawn, key)
        ranks = self.ranks[paths].astype(np.float32)
        # Each series orders samples of equal rank by its own noise. With a single origin, all ranks
        # of a step are equal, and common noise would make all series rise together.
        generator = np.random.default_rng([seed, event, key])
        ranks += generator.random(ranks.shape, np.float32)
        placed = ranks.T[..., None, :]  # A view, (targets, steps, turns, samples).
        if not has_path.all():
            # A series without a path at a drawn origin gets what all series have in common there,
            # plus a part drawn for each sample from the series' other paths. A series without a
            # path at any drawn origin draws the parts from the paths of all series.
            pool = np.arange(len(self.ranks))
            if has_path.any():
                pool = np.flatnonzero(self.series == self.series[paths[has_path][0]])
            parts = self.ranks[generator.choice(pool, int((~has_path).sum()))]
            spans = np.take_along_axis(self._spans, parts.astype(np.intp), axis=0)
            scores = _scores_at(parts + (ranks[~has_path] % 1 - 0.5) * spans).astype(np.float32)
            scores *= np.sqrt(1 - self.shared).astype(np.float32)
            common = (np.sqrt(self.shared) * self._common[drawn[~has_path]]).astype(np.float32)
            if has_path.any():
                ranks[~has_path] = np.interp(scores + common, _SCORES, np.arange(_RANKS) + 0.5)
            else:
                # No sample has a rank, so the scores give the order. Turn ``t`` rotates the drawn
                # part by ``t`` samples: as good as a new draw.
                turned = (np.arange(count) - np.reshape(turns, (-1, 1))) % count
                placed = scores.T[..., turned] + common.T[..., None, :]
        return np.argsort(placed, axis=-1).transpose(2, 1, 0, 3)

    def donors(self, keys: Array, count: int) -> tuple[Array, IntArray, BoolArray]:
        """Return the key and turn of each series for ``orders``; True if the key is borrowed."""
        # If errors of series have nothing in common, series without paths borrow another's order.
        has_paths = np.isin(keys, self.keys)
        if not self.shared.any():
            others = self.keys[(keys % np.uint64(len(self.keys))).astype(np.int64)]
            return np.where(has_paths, keys, others), np.zeros(len(keys), np.int64), ~has_paths
        # To rotate ``_ORDERS`` orders takes less time than to compute one for each series.
        turns = (keys // np.uint64(_ORDERS) % np.uint64(count)).astype(np.int64)
        donors = np.where(has_paths, keys, keys % np.uint64(_ORDERS))
        return donors, np.where(has_paths, 0, turns), np.zeros(len(keys), bool)

    @cached_property
    def shared(self) -> Array:
        """Mean correlation between the errors of two series at one origin, by target."""
        counts = np.diff(self._begins)
        if len(counts) < 2 or counts.max() < 2:
            return np.zeros(self.ranks.shape[2])
        squares = np.add.reduceat(self._scores**2, self._begins[:-1])
        products = (np.add.reduceat(self._scores, self._begins[:-1]) ** 2 - squares).mean(axis=1)
        # Forecasts from neighbouring origins overlap, so about ``steps`` origins in a row count as
        # one block.
        number = max(len(counts) // self.ranks.shape[1], 2)
        blocks = np.arange(len(counts)) * number // len(counts)
        pairs = np.bincount(blocks, counts * (counts - 1))[:, None]
        found = np.zeros((number, products.shape[1]))
        np.add.at(found, blocks, products)
        # A correlation that may be chance becomes 0: it would add up in totals of many series.
        mean = np.maximum(found.sum(axis=0) / pairs.sum(), 0)
        error = np.sum((found - mean * pairs) ** 2, axis=0) / pairs.sum() ** 2
        return np.where(mean**2 > 4 * error, np.minimum(mean, 1), 0.0)

    @cached_property
    def _scores(self) -> Array:
        """Normal scores, less each series' mean, of variance 1 by target."""
        scores = _SCORES[self.ranks]
        sums = np.zeros((len(self.keys), *scores.shape[1:]))
        np.add.at(sums, self.series, scores)
        scores -= (sums / np.bincount(self.series)[:, None, None])[self.series]
        return scores / np.sqrt(np.maximum((scores**2).mean(axis=(0, 1)), 1e-9))

    @cached_property
    def _common(self) -> Array:
        """What all series had in common at each origin, ``(origins, steps, targets)``."""
        counts = np.diff(self._begins)[:, None, None]
        means = np.add.reduceat(self._scores, self._begins[:-1]) / counts
        return np.asarray(means * np.sqrt(counts / (1 + (counts - 1) * self.shared)))

    @cached_property
    def _spans(self) -> Array:
        """The share of errors that have each rank, times 255, ``(ranks, steps, targets)``."""
        cells = self.ranks.reshape(len(self.ranks), -1).astype(np.intp)
        cells += _RANKS * np.arange(cells.shape[1])
        counts = np.bincount(cells.ravel(), minlength=_RANKS * cells.shape[1])
        counts = counts.reshape(*self.ranks.shape[1:], _RANKS).transpose(2, 0, 1)
        return counts * (_RANKS / len(self.ranks))

    def _paths(self, origins: IntArray, key: int) -> tuple[IntArray, BoolArray]:
        """Return a series' path at each origin, and True where it has one."""
        place = int(np.searchsorted(self.keys, np.uint64(key)))
        numbers = origins * len(self.keys) + place
        found = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        known = place < len(self.keys) and int(self.keys[place]) == key
        return found, known & (self._numbers[found] == numbers)

    @cached_property
    def _numbers(self) -> IntArray:
        """The number of each path by its origin and series, increasing."""
        return self.origins * len(self.keys) + self.series

    @cached_property
    def _begins(self) -> IntArray:
        """The first path of each origin, and the number of all paths."""
        return np.searchsorted(self.origins, np.arange(int(self.origins[-1]) + 2))

    def with_units(self, values: Array, keys: Array) -> Array:
        """Append both tails' units to forecasts ``(series, steps, targets, quantiles)``."""
        return self.tails.with_units(values, *self._tails_of(keys))

    def narrow(self, values: Array, keys: Array) -> BoolArray:
        """Return True for forecasts with a target whose quantiles nearly agree at every step."""
        places, known = self._tails_of(keys)
        units = np.where(known[:, None, None], self.tails.units[places], 0).max(axis=2)
        half = (values[..., -1] - values[..., 0]) / 2
        wide, present = half > _NARROW * units[:, None], np.isfinite(half)
        found: BoolArray = (present.any(axis=1) & ~wide.any(axis=1)).any(axis=1)
        return found

    def _tails_of(self, keys: Array) -> tuple[IntArray, BoolArray]:
        """Return the place of each key in ``self.keys``, and True if it is there."""
        places = np.searchsorted(self.keys, keys) % len(self.keys)
        return places, self.keys[places] == keys

    def get_config(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        places = [part.astype("<i4") for part in (self.origins, self.series)]
        parts = [self.keys.astype("<u8"), *places, self.tails.units.astype("<f4"), self.ranks]
        return {
            "shape": [len(self.keys), *self.ranks.shape],
            "shares": self.tails.shares.tolist(),
            "exceedances": self.tails.exceedances.tolist(),
            "data": packed(b"".join(part.tobytes() for part in parts)),
        }

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Return the paths of a config, which may come from an untrusted file."""
        with contextlib.suppress(TypeError, ValueError, KeyError, OverflowError):
            count, paths, steps, targets = (_checks.integer("", n, 1) for n in config["shape"])
            layout = np.dtype([
                ("keys", "<u8", (count,)), ("places", "<i4", (2, paths)),
                ("units", "<f4", (count, targets, 2)), ("ranks", "u1", (paths, steps, targets)),
            ])  # fmt: skip
            if layout.itemsize > MOST_BYTES:  # More than ``kept_paths`` keeps.
                raise ValueError
            [read] = np.frombuffer(unpacked(config["data"], layout.itemsize), layout)
            (origins, series), keys, ranks = read["places"].astype(int), read["keys"], read["ranks"]
            sizes, shares = (np.array(config[k], np.float64) for k in ("exceedances", "shares"))
            tails, turns = Tails(read["units"], shares, sizes), np.diff(origins)
            fits = (
                tails.sound() and (ranks < _RANKS).all(),
                (keys[1:] > keys[:-1]).all() and (series >= 0).all() and (series < count).all(),
                origins[0] == 0 and (turns >= 0).all() and (turns <= 1).all(),
                (np.diff(origins * count + series) > 0).all(),
            )
            if all(fits):
                return cls(ranks, origins, series, keys, tails)
        raise ValueError(
            "paths must be what calibrate(..., joint=True) made, or None. Received: "
            f"paths={_checks.shown(config)}."
        )


def packed(data: bytes) -> str:
    """Return bytes as a text for a file."""
    return base64.b64encode(zlib.compress(data)).decode()


def unpacked(text: Any, size: int) -> bytes:
    """Return ``size`` bytes from a text, which may come from an untrusted file."""
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes are not {size}")
    return data


def kept_paths(origins: Array, series: IntArray, keys: Array, steps: int, targets: int) -> IntArray:
    """Return the windows whose paths to keep: all, if they fit into ``MOST_BYTES``."""
    # Otherwise those of at most a thousand origins, drawn at random, and of as many series as fit,
    # by smallest key. Keys are digests, so these series are a random sample.
    windows = np.arange(len(series))
    of_path, of_series = steps * targets + _INDEX, _KEY + 2 * _UNIT * targets
    if len(windows) * of_path + len(keys) * of_series > MOST_BYTES:
        some = np.random.default_rng(0).permutation(np.unique(origins))[:_ORIGINS]
        windows = windows[np.isin(origins, some)]
    order = np.argsort(keys, kind="stable")
    counts = np.bincount(series[windows], minlength=len(keys))[order]
    fitting = order[np.cumsum(counts * of_path + of_series * (counts > 0)) <= MOST_BYTES]
    chosen = windows[np.isin(series[windows], fitting)]
    if len(chosen):
        return chosen
    # Not even one series fits, if steps and targets are many: then random windows are kept.
    few = max(MOST_BYTES // (of_path + of_series), 1)
    return np.sort(np.random.default_rng(0).permutation(windows)[:few])


def key_of(label: Any) -> int:
    """Return the digest of a series' id, by which a file recognizes the series."""
    # pandas turns whole ids into floats if one is missing.
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    return int.from_bytes(hashlib.blake2b(str(label).encode(), digest_size=_KEY).digest(), "little")


def _scores_at(ranks: Array) -> Array:
    """Return normal scores, linear between ranks."""
    # np.interp searches for each rank, which takes six times as long.
    ranks = np.clip(ranks, 0, _RANKS - 1)
    floors = np.minimum(ranks.astype(np.intp), _RANKS - 2)
    return _SCORES[floors] + (ranks - floors) * np.diff(_SCORES)[floors]


def _ranks_of(errors: Array, origins: IntArray, series: IntArray) -> Array:
    """Return the rank of each error among those of its step and target; ties share a rank."""
    # The normal score of a missing error is the value of a regression on the steps beside it, plus
    # the residual at another origin. All series take the residual at the same other origin. So
    # steps and series vary together as they would if no errors were missing. A path without any
    # error of a target gets random ones.
    ranks, generator = _ranked(errors), np.random.default_rng(0)
    scores = np.where(np.isnan(errors), np.nan, _SCORES[ranks])
    steps, numbers = range(errors.shape[1]), origins * (series.max() + 1) + series
    for sides in ((-1, 1), (-1,), (1,)):
        for step in steps if sides[0] < 0 else reversed(steps):
            near = [step + side for side in sides]
            if near[0] < 0 or near[-1] not in steps:
                continue
            for here, beside in zip(scores[:, step].T, scores[:, near].mean(axis=1).T, strict=True):
                missing, both = np.isnan(here) & ~np.isnan(beside), ~np.isnan(here + beside)
                if missing.any() and both.any():
                    x, y = beside[both], here[both]
                    slope = x @ y / max(x @ x, 1e-9)
                    others = generator.choice(np.unique(origins[both]), origins[-1] + 1)
                    donors = others[origins[missing]] * (series.max() + 1) + series[missing]
                    left = np.searchsorted(numbers[both], donors) % len(y)
                    here[missing] = slope * beside[missing] + (y - slope * x)[left]
    return _ranked(np.where(np.isnan(scores), generator.normal(size=scores.shape), scores))


def _ranked(errors: Array) -> Array:
    """Return ranks by step and target; a missing error gets 0."""
    ranks = np.zeros(errors.shape, np.uint8)
    for place in np.ndindex(errors.shape[1:]):
        values = errors[(slice(None), *place)]
        present = ~np.isnan(values)
        if present.any():
            _, codes, counts = np.unique(values[present], return_inverse=True, return_counts=True)
            middle = np.cumsum(counts) - counts / 2
            ranks[(present, *place)] = middle[codes] * _RANKS / present.sum()
    return ranks
