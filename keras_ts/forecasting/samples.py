"""Draws sample paths of forecasts that vary jointly across steps, targets and series."""

import secrets
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray
from keras_ts.interface import Interface
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.error_paths import ErrorPaths, key_of
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.labels import distinct_rows


@dataclass(frozen=True)
class Sampling:
    """Draws ``count`` sample paths of a model's forecasts."""

    count: int
    seed: int
    paths: ErrorPaths
    quantiles: tuple[float, ...]
    minimum: float
    maximum: float

    @classmethod
    def of(cls, interface: Interface, num_samples: Any, seed: Any) -> Self | None:
        """Return the checked settings; None without ``num_samples``."""
        if num_samples is None:
            if seed is not None:
                raise ValueError(f"seed is for num_samples: pass both. Received: seed={seed!r}.")
            return None
        count = _checks.integer("num_samples", num_samples, 1)
        if (paths := paths_of(interface)) is None or interface.quantiles is None:
            raise ValueError(
                "num_samples needs a model that keeps whole error paths. Make it by "
                "calibrate(model, validation, joint=True), on windows that it was not trained on."
            )
        seed = secrets.randbits(62) if seed is None else _checks.integer("seed", seed, 0)
        bounds = interface.bounds
        low, high = (None, None) if bounds is None else (bounds.minimum, bounds.maximum)
        low, high = -np.inf if low is None else low, np.inf if high is None else high
        return cls(count, seed, paths, interface.quantiles, low, high)

    def draw(self, values: Array, keys: Array, begins: Array | None) -> Array:
        """Return samples ``(series, steps, ..., samples)`` of ``values``, ``(..., quantiles)``."""
        # ``keys`` identify the series; ``begins`` are the times of the first steps, or None.
        donors, turns, by_lot = self.paths.donors(keys, self.count)
        events, shared = _events(len(keys), begins)
        weights = self.paths.tails.weights(self.quantiles, self.count).astype(values.dtype)
        flat = values.reshape(*values.shape[:2], -1, len(self.quantiles))
        samples = np.empty((*flat.shape[:3], self.count), values.dtype)
        flat = self.paths.with_units(flat, keys)
        first, numbers = distinct_rows([events, donors])
        order, ends = np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))
        for row, series in zip(first, np.split(order, ends)[:-1], strict=True):
            event, donor = int(events[row]), int(donors[row])
            of_series = turns[series] if turns[series].any() else (0,)
            orders = self.paths.orders(self.seed, event, donor, self.count, of_series)
            increasing = flat[series] @ weights
            drawn = np.empty_like(increasing)
            np.put_along_axis(drawn, orders[:, : flat.shape[1]], increasing, axis=-1)
            samples[series] = drawn
        # Series with another's key, or without a time, are independent: whole paths change places.
        for row in np.flatnonzero(by_lot | ~shared):
            order = np.random.default_rng([self.seed, int(keys[row])]).permutation(self.count)
            samples[row] = samples[row][..., order]
        np.clip(samples, self.minimum, self.maximum, out=samples)
        return samples.reshape(*values.shape[:-1], self.count)


def keys_of(panel: FlatSeries) -> Array:
    """Return the key by which the error paths of each series are found."""
    labels = panel.labels or range(len(panel.lengths))
    return np.array([key_of(label) for label in labels], np.uint64)


def paths_of(interface: Interface) -> ErrorPaths | None:
    """Return the error paths that a model keeps, None if it keeps none."""
    last = interface.last_layer
    return last.paths if isinstance(last, ConformalInterval) else None


def _events(count: int, begins: Array | None) -> tuple[Array, BoolArray]:
    """Return a number for the time at which each forecast begins, and True if it has a time."""
    if begins is None:
        return np.zeros(count, np.uint64), np.zeros(count, bool)
    known: BoolArray = begins == begins  # Only NaT and NaN differ from themselves.
    dates = begins.dtype.kind == "M"
    numbers = begins.astype("datetime64[us]") if dates else np.nan_to_num(begins)
    return np.where(known, numbers.astype(np.int64), 0).view(np.uint64), known
