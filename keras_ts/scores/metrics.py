"""The columns of scores: each has a heading, a loss for every target, and the mean's own form.

A further metric is a line in ``POINT`` or ``QUANTILE``: every report, file and card then has it.
``y`` is the actual value and ``f`` the forecast. Plain NumPy, without a framework.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray


def absolute_errors(actual: Array, predicted: Array) -> Array:
    """Return ``|y - f|``. Their mean is MAE, the mean absolute error."""
    errors: Array = np.abs(actual - predicted)
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


class Metric(NamedTuple):
    """A column of scores."""

    heading: str
    losses: Callable[..., Array]
    of_means: Callable[[Array], Array] = np.asarray


# The losses of a point, ``(y, f, scale)``.
POINT = {
    "mae": Metric("MAE", lambda y, f, scale: absolute_errors(y, f)),
    "rmse": Metric("RMSE", lambda y, f, scale: np.square(y - f), np.sqrt),
    "mase": Metric("MASE", scaled_errors),
    "smape": Metric("sMAPE", lambda y, f, scale: symmetric_percentages(y, f)),
}
# Those of quantiles on a last axis, of which the outer ones bound the interval: ``(y, q, levels)``.
QUANTILE = {
    "pinball": Metric("pinball", pinball_losses),
    "coverage": Metric(
        "coverage", lambda y, q, levels: covered(y, q[..., 0], q[..., -1]).astype(float)
    ),
    "width": Metric("width", lambda y, q, levels: q[..., -1] - q[..., 0]),
}
METRICS = POINT | QUANTILE


def heading(name: str) -> str:
    """Return the heading of a column; one of a person's own metric has its name."""
    return METRICS[name].heading if name in METRICS else name


def all_losses(
    actual: Array, predicted: Array, scale: Array, levels: Sequence[float] | None = None
) -> dict[str, Array]:
    """Return the losses of each metric in ``POINT`` and, with levels, in ``QUANTILE``.

    With levels, ``predicted`` has a last axis of quantiles, and the median is the point forecast.
    """
    point = points_of(predicted, levels)
    losses = {name: metric.losses(actual, point, scale) for name, metric in POINT.items()}
    if levels is not None:
        losses |= {
            name: metric.losses(actual, predicted, levels) for name, metric in QUANTILE.items()
        }
    return losses


def of_means(name: str, means: Array) -> Array:
    """Return a metric from the means of its losses."""
    return METRICS[name].of_means(means) if name in METRICS else means
