"""How far a net is trusted beside a simpler forecast, from the errors of both on held-out windows.

The forecast is a line plus a share of the net's difference from it. For each step and target, a
closed form gives the share with the least squared error. A few hundred windows say little, since
neighbouring windows share most targets. So the share is shrunk towards one half: the mean of two
forecasts is better than the worse one, and often than both.
"""

import numpy as np

from keras_ts._typing import Array

# The share has a prior, normal around one half, with this standard deviation.
_SPREAD = 0.5
_ROUNDING = 1e-6  # Errors of no more, relative to the target, are float32's.
_TINY = np.finfo("float64").tiny


def error_sums(by_net: Array, by_lines: Array, actual: Array, weights: Array | None) -> Array:
    """Return sums over windows, ``(5, lines, steps, targets)``, to be added up over blocks."""
    # They are those of the net's difference from a line times the line's error, of both squared, of
    # the weights, and of the windows that count. Forecasts are ``(windows, steps, targets)``.
    differences, errors = by_net - by_lines, actual - by_lines
    errors[np.abs(errors) <= _ROUNDING * np.abs(actual)] = 0.0
    # Where one of the forecasts is missing, none counts.
    counted = (np.isfinite(differences) & np.isfinite(errors)).all(axis=0)
    weighted = counted if weights is None else counted * weights[:, None, None]
    differences, errors = np.where(weighted > 0, [differences, errors], 0.0)
    terms = differences * errors, differences**2, errors**2, np.ones(errors.shape)
    sums = [(weighted * term).sum(axis=1) for term in terms]
    return np.stack([*sums, np.broadcast_to((weighted > 0).sum(axis=0), sums[0].shape)])


def better_line(sums: Array) -> int:
    """Return the number of the line that errs less: 1 if there are two and it is the second."""
    # The parts in both squared errors, so that no target decides by its units. A target without an
    # error, or without a value, does not count.
    both = sums[2].sum(axis=0)
    parts = sums[2, -1][both > 0] / both[both > 0]
    return int(len(sums[2]) > 1 and len(parts) > 0 and parts.mean() < 0.5)


def best_share(sums: Array, horizon: int) -> Array:
    """Return the net's share, from 0 to 1, ``(steps, targets)``, from the sums of one line."""
    products, squares, errors = sums[:3] / np.maximum(sums[3], _TINY)
    differs = squares > 0
    best = np.clip(products / np.where(differs, squares, 1.0), 0.0, 1.0)
    # The weight of the prior: the mean square that ``best`` leaves, over the number of windows that
    # do not overlap.
    rest = errors - 2 * best * products + best**2 * squares
    prior = np.maximum(rest, 0.0) * horizon / np.maximum(sums[4], 1.0) / _SPREAD**2
    share = (products + 0.5 * prior) / np.where(differs, squares + prior, 1.0)
    return np.where(differs, np.clip(share, 0.0, 1.0), 0.5)
