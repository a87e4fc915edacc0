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


def interval_scores(actual: Array, low: Array, high: Array, share: float) -> Array:
    """Return ``(high - low) + 2 / (1 - share) d``, ``d`` the distance of ``y`` from the interval.

    Winkler, *A decision-theoretic approach to interval estimation*, Journal of the American
    Statistical Association 67 (1972).
    """
    outside = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    scores: Array = high - low + 2 / (1 - share) * outside
    return scores


class Metric(NamedTuple):
    """A column of scores, printed in every table or only where it is asked for."""

    heading: str
    losses: Callable[..., Array]
    of_means: Callable[[Array], Array] = np.asarray
    printed: bool = True


# The losses of a point, ``(y, f, scale)``. A scale is the mean absolute step of the training part,
# and beside it the mean squared one, on a last axis.
POINT = {
    "mae": Metric("MAE", lambda y, f, scale: absolute_errors(y, f)),
    "rmse": Metric("RMSE", lambda y, f, scale: np.square(y - f), np.sqrt),
    "mase": Metric("MASE", lambda y, f, scale: scaled_errors(y, f, scale[..., 0])),
    "smape": Metric("sMAPE", lambda y, f, scale: symmetric_percentages(y, f)),
    # The sum of errors over that of sizes: ``RATIOS``.
    "wape": Metric("WAPE", lambda y, f, scale: np.abs(y), printed=False),
    # The M5 competition's: Makridakis and others, International Journal of Forecasting 38 (2022).
    "rmsse": Metric(
        "RMSSE", lambda y, f, scale: np.square(y - f) / scale[..., 1], np.sqrt, printed=False
    ),
    "bias": Metric("bias", lambda y, f, scale: f - y, printed=False),
}
# Of these the column is the mean of another one's losses over the mean of their own.
RATIOS = {"wape": "mae"}
# Those of quantiles on a last axis, of which the outer ones bound the interval:
# ``(y, q, levels, scale)``.
QUANTILE = {
    "pinball": Metric("pinball", lambda y, q, levels, scale: pinball_losses(y, q, levels)),
    "coverage": Metric(
        "coverage", lambda y, q, levels, scale: covered(y, q[..., 0], q[..., -1]).astype(float)
    ),
    "width": Metric("width", lambda y, q, levels, scale: q[..., -1] - q[..., 0]),
    "sql": Metric(
        "SQL",
        lambda y, q, levels, scale: pinball_losses(y, q, levels) / scale[..., 0],
        printed=False,
    ),
    "interval_score": Metric(
        "interval score",
        lambda y, q, levels, scale: interval_scores(
            y, q[..., 0], q[..., -1], levels[-1] - levels[0]
        ),
        printed=False,
    ),
}
# These mean the same of two forecasters only if both have the same levels.
OF_COMMON_LEVELS = ("pinball", "sql", "interval_score")
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
    losses = point_losses(actual, points_of(predicted, levels), scale)
    if levels is not None:
        losses |= quantile_losses(actual, predicted, scale, levels, levels)
    return losses


def point_losses(actual: Array, point: Array, scale: Array) -> dict[str, Array]:
    """Return the losses of each metric in ``POINT``."""
    # A series that is constant in train has a scale of NaN, one of 0 / 0 none.
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: metric.losses(actual, point, scale) for name, metric in POINT.items()}


def quantile_losses(
    actual: Array,
    quantiles: Array,
    scale: Array,
    levels: Sequence[float],
    common: Sequence[float],
) -> dict[str, Array]:
    """Return the losses of each metric in ``QUANTILE``, some of them of ``common`` levels alone."""
    shared = quantiles[..., [list(levels).index(level) for level in common]]
    return {
        name: metric.losses(actual, shared, common, scale)
        if name in OF_COMMON_LEVELS
        else metric.losses(actual, quantiles, levels, scale)
        for name, metric in QUANTILE.items()
        if len(common) > 1 or name not in OF_COMMON_LEVELS
    }


def of_means(name: str, means: Array) -> Array:
    """Return a metric from the means of its losses."""
    return METRICS[name].of_means(means) if name in METRICS else means
