"""Computes the losses whose means are the metrics, each with its formula and its source.

``y`` is the actual value and ``f`` the forecast. Every function returns one loss for each target,
so that a mean can be taken over all targets, a step or a series. Plain NumPy, without a framework.
"""

from collections.abc import Sequence

import numpy as np

from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray

POINT = ("mae", "rmse", "mase", "smape")
QUANTILE = ("pinball", "coverage", "width")


def absolute_errors(actual: Array, predicted: Array) -> Array:
    """Return ``|y - f|``. Their mean is MAE, the mean absolute error."""
    errors: Array = np.abs(actual - predicted)
    return errors


def squared_errors(actual: Array, predicted: Array) -> Array:
    """Return ``(y - f) ** 2``. The square root of their mean is RMSE."""
    errors: Array = np.square(actual - predicted)
    return errors


def scaled_errors(actual: Array, predicted: Array, scale: Array) -> Array:
    """Return ``|y - f| / scale``. Their mean is MASE, the mean absolute scaled error."""
    # The scale is the mean absolute step of the training part, ``mean |y[t] - y[t - period]|``:
    # Hyndman and Koehler, *Another look at measures of forecast accuracy*, International Journal of
    # Forecasting 22 (2006).
    return absolute_errors(actual, predicted) / scale


def symmetric_percentages(actual: Array, predicted: Array) -> Array:
    """Return ``200 |y - f| / (|y| + |f|)``, or 0 for 0 / 0. Their mean is sMAPE, in per cent."""
    # Makridakis and Hibon, *The M3-Competition*, International Journal of Forecasting 16 (2000).
    size = np.abs(actual) + np.abs(predicted)
    shares: Array = absolute_errors(actual, predicted) / np.where(size > 0, size, 1.0)
    return 200.0 * shares


def pinball_losses(actual: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Return the mean over levels, the last axis, of ``max(p (y - q), (p - 1) (y - q))``."""
    # Koenker and Bassett, *Regression quantiles*, Econometrica 46 (1978).
    errors = actual[..., None] - quantiles
    share = np.asarray(levels)
    losses: Array = np.maximum(share * errors, (share - 1.0) * errors).mean(axis=-1)
    return losses


def covered(actual: Array, low: Array, high: Array) -> BoolArray:
    """Return True where ``low <= y <= high``. The mean is the coverage of the interval."""
    inside: BoolArray = (low <= actual) & (actual <= high)
    return inside


def widths(low: Array, high: Array) -> Array:
    """Return ``high - low``. Their mean is the width of the interval."""
    return high - low


def all_losses(
    actual: Array, predicted: Array, scale: Array, levels: Sequence[float] | None = None
) -> dict[str, Array]:
    """Return the losses of each metric in ``POINT`` and, with levels, in ``QUANTILE``.

    With levels, ``predicted`` has a last axis of quantiles: the median is the point forecast, and
    the outer ones bound the interval.
    """
    point = points_of(predicted, levels)
    losses = {
        "mae": absolute_errors(actual, point),
        "rmse": squared_errors(actual, point),
        "mase": scaled_errors(actual, point, scale),
        "smape": symmetric_percentages(actual, point),
    }
    if levels is None:
        return losses
    low, high = predicted[..., 0], predicted[..., -1]
    return losses | {
        "pinball": pinball_losses(actual, predicted, levels),
        "coverage": covered(actual, low, high).astype(float),
        "width": widths(low, high),
    }


def of_means(name: str, means: Array) -> Array:
    """Return a metric from the means of its losses."""
    return np.sqrt(means) if name == "rmse" else means
