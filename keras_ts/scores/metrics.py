"""The metrics, which are columns of scores: each has a heading, a loss, and a way to average it.

To add a metric, add it to ``POINT`` or ``QUANTILE``: every report, file and card then has it,
and with ``measure=True`` a verdict may use it.
``y`` is the actual value, ``f`` the forecast, and ``q`` a quantile at level ``p``. Plain NumPy.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_ts._quantiles import points_of
from keras_ts._typing import Array


def symmetric_percentages(actual: Array, predicted: Array) -> Array:
    """Return ``200 |y - f| / (|y| + |f|)``, or 0 for 0 / 0. Their mean is sMAPE, in per cent."""
    # Makridakis and Hibon, *The M3-Competition*, International Journal of Forecasting 16 (2000).
    size = np.abs(actual) + np.abs(predicted)
    shares: Array = np.abs(actual - predicted) / np.where(size > 0, size, 1.0)
    return 200.0 * shares


def pinball_losses(actual: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Return the mean over levels, the last axis, of ``max(p (y - q), (p - 1) (y - q))``."""
    # Koenker and Bassett, *Regression quantiles*, Econometrica 46 (1978).
    errors = actual[..., None] - quantiles
    share = np.asarray(levels)
    return np.maximum(share * errors, (share - 1.0) * errors).mean(axis=-1)


def interval_scores(actual: Array, low: Array, high: Array, share: float) -> Array:
    """Return ``(high - low) + 2 / (1 - share) d``; ``d`` is how far ``y`` lies outside."""
    # Winkler, *A decision-theoretic approach to interval estimation*, Journal of the American
    # Statistical Association 67 (1972).
    outside = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    return high - low + 2 / (1 - share) * outside


class Metric(NamedTuple):
    """A column of scores, and all that reports, verdicts and files ask about it."""

    heading: str
    losses: Callable[..., Array]
    printed: bool = True  # False for a column that is printed only if asked for.
    measure: bool = False  # True if a verdict may use it: then it is no ratio, and never below 0.
    rooted: bool = False  # True if the column is the root of the mean loss.
    scaled: bool = False  # True if a series without a scale is left out.
    common: bool = False  # True if it uses only the levels that all forecasters have.
    numerator: str | None = None  # If set, the column is this metric's mean loss over its own.
    article: str = "a"  # The article of its heading.


# Losses of a point forecast, from ``(y, f, scale)``. The last axis of ``scale`` holds, over train,
# the mean of ``|y[t] - y[t - period]|`` and that of its square: Hyndman and Koehler, *Another look
# at measures of forecast accuracy*, International Journal of Forecasting 22 (2006).
POINT = {
    "mae": Metric("MAE", lambda y, f, scale: np.abs(y - f), measure=True, article="an"),
    "rmse": Metric("RMSE", lambda y, f, scale: np.square(y - f), rooted=True),
    "mase": Metric(
        "MASE", lambda y, f, scale: np.abs(y - f) / scale[..., 0], measure=True, scaled=True
    ),
    "smape": Metric("sMAPE", lambda y, f, scale: symmetric_percentages(y, f)),
    # The sum of absolute errors over the sum of absolute values: its loss is the divisor.
    "wape": Metric("WAPE", lambda y, f, scale: np.abs(y), printed=False, numerator="mae"),
    # The M5 competition's: Makridakis and others, International Journal of Forecasting 38 (2022).
    "rmsse": Metric(
        "RMSSE", lambda y, f, scale: np.square(y - f) / scale[..., 1],
        printed=False, measure=True, rooted=True, scaled=True, article="an",
    ),
    "bias": Metric("bias", lambda y, f, scale: f - y, printed=False),
}  # fmt: skip
# Losses of quantiles, from ``(y, q, levels, scale)``. The last axis of ``q`` holds the quantiles,
# and the outer ones bound the interval.
QUANTILE = {
    "pinball": Metric("pinball", lambda y, q, levels, _: pinball_losses(y, q, levels), common=True),
    "coverage": Metric(
        "coverage", lambda y, q, _, scale: ((q[..., 0] <= y) & (y <= q[..., -1])).astype(float)
    ),
    "width": Metric("width", lambda y, q, levels, scale: q[..., -1] - q[..., 0]),
    "sql": Metric(
        "SQL", lambda y, q, levels, scale: pinball_losses(y, q, levels) / scale[..., 0],
        printed=False, measure=True, scaled=True, common=True,
    ),
    "interval_score": Metric(
        "interval score",
        lambda y, q, p, scale: interval_scores(y, q[..., 0], q[..., -1], p[-1] - p[0]),
        printed=False, common=True,
    ),
}  # fmt: skip
METRICS = POINT | QUANTILE
# By the name of each ratio, the metric in its numerator.
RATIOS = {name: metric.numerator for name, metric in METRICS.items() if metric.numerator}


def heading(name: str) -> str:
    """Return the heading of a column; a user's own metric is headed by its name."""
    return METRICS[name].heading if name in METRICS else name


def all_losses(
    actual: Array, predicted: Array, scale: Array, levels: Sequence[float] | None = None
) -> dict[str, Array]:
    """Return the losses of ``POINT`` and, with levels on the last axis, of ``QUANTILE``."""
    losses = point_losses(actual, points_of(predicted, levels), scale)
    if levels is not None:
        losses |= quantile_losses(actual, predicted, scale, levels, levels)
    return losses


def point_losses(actual: Array, point: Array, scale: Array) -> dict[str, Array]:
    """Return the losses of each metric in ``POINT``."""
    # The square of an error above 1e154 is infinite, and so are then RMSE and RMSSE.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {name: metric.losses(actual, point, scale) for name, metric in POINT.items()}


def quantile_losses(
    actual: Array, quantiles: Array, scale: Array, levels: Sequence[float], common: Sequence[float]
) -> dict[str, Array]:
    """Return the losses of ``QUANTILE``; some use only the ``common`` levels, and need two."""
    shared = quantiles[..., [list(levels).index(level) for level in common]]
    return {
        name: metric.losses(actual, shared, common, scale)
        if metric.common
        else metric.losses(actual, quantiles, levels, scale)
        for name, metric in QUANTILE.items()
        if len(common) > 1 or not metric.common
    }


def of_sums(name: str, totals: Array, counts: Array) -> Array:
    """Return a metric from sums and their divisors, mostly counts; NaN where a divisor is 0."""
    means = np.divide(totals, counts, out=np.full(np.shape(totals), np.nan), where=counts > 0)
    return np.sqrt(means) if is_rooted(name) else means


def is_rooted(name: str) -> bool:
    """Return True if a column is the root of its mean loss: skills then compare roots."""
    return name in METRICS and METRICS[name].rooted
