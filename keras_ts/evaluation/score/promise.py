"""What a scorecard promised, and whether forecasts kept it.

The promise is a range: of the mean error over the first steps, at the origins on which the model
was judged. So a forecast is compared with it by the same steps and the same series, or not at all.
"""

from collections.abc import Mapping

import numpy as np

from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.scores.card import Scorecard
from keras_ts.scores.metrics import absolute_errors, heading, scaled_errors
from keras_ts.scores.report import Rows

# One error in n + 1 exceeds the largest of n others, so with fewer origins a range says little.
_FEWEST_ORIGINS = 10
# Forecasts from origins closer than a horizon share targets: a longer horizon needs more origins.
_ORIGINS_PER_STEP = 5
# Series that lack rows may be the good ones or the bad ones. The MASE of nearly all series is close
# to that of all. The MAE depends on the largest series, so none may be missing.
_FEWEST_SERIES = {"mae": 1.0, "mase": 0.9}


def judged(card: Scorecard, rows: Rows) -> tuple[str | None, str]:
    """Return the verdict on what a scorecard promised, or None, and a sentence on it."""
    # The columns of ``rows`` hold the ``series``, ``origin`` (a number) and ``step`` of each.
    if not card.ok:
        return None, (
            "The weights of the model were trained further since they were judged, so its "
            "scorecard promises nothing."
        )
    by, promised = card.values["by"], card.values["promised"]
    if by not in _FEWEST_SERIES:
        return None, f"The scorecard judges by {heading(by)}, of which it promises nothing."
    point = points_of(rows.predicted, rows.levels)
    errors, expected = absolute_errors(rows.actual, point), np.isfinite(point)
    if by == "mase":
        scales = rows.scales[..., 0]
        if np.isnan(scales).all():
            return None, "The scorecard promises a MASE: pass train= to compare this one with it."
        errors = scaled_errors(rows.actual, point, scales)
        expected &= np.isfinite(scales)
    came = ~np.isnan(errors).all(axis=1)
    if not came.any():
        return None, "There is no error to compare with what the scorecard promised."
    longest = int(rows.columns["step"][came].max())
    # None becomes NaN.
    ranges = np.array([promised["errors"][end] for end in ("low", "high")], np.float64)
    if longest > ranges.shape[1] or np.isnan(ranges[:, longest - 1]).any():
        return None, f"The scorecard promises nothing for {longest} steps."
    fewest = max(_FEWEST_ORIGINS, _ORIGINS_PER_STEP * longest)
    if promised["origins"] < fewest:
        return None, (
            f"The model was judged at {promised['origins']} origins only, and from {fewest} on its "
            f"scorecard promises how much errors over {longest} steps vary."
        )
    expected = np.asarray(expected.any(axis=1))
    means, steps, left_out, lacking = _compared(by, rows.columns, errors, expected, longest)
    if not len(means):
        return None, lacking
    error, (low, high) = means.mean(), ranges[:, steps - 1].mean(axis=1)
    verdict = "better" if error < low else "worse" if error > high else "as promised"
    where = {"better": "is lower than", "worse": "is higher than", "as promised": "lies within"}
    first = f"{steps.max()} steps" if steps.max() > 1 else "step"
    several = f", from {len(means)} origins," if len(means) > 1 else ""
    without = f" Left out are {left_out} origins that lack steps or series."
    return verdict, (
        f"The {heading(by)} over the first {first}{several} is {error:.4g}. It "
        f"{where[verdict]} what the model's scorecard promised: {low:.4g} to {high:.4g} at "
        f"95 % of {promised['origins']} held-out origins.{without * (left_out > 0)}"
    )


def _compared(
    by: str, columns: Mapping[str, Array], errors: Array, expected: BoolArray, longest: int
) -> tuple[Array, IntArray, int, str]:
    """Return each origin's mean error over its first steps, and their number."""
    # Then how many origins lack some of these steps, and what they lack, in a sentence.
    # Tables of origins and steps, which count from 1; those beyond the longest are one.
    origins, steps = columns["origin"], np.minimum(columns["step"], longest + 1)
    shape = int(origins.max()) + 1, longest + 2
    places = np.ravel_multi_index((origins, steps), shape)

    def summed(weights: Array) -> Array:
        return np.bincount(places, weights, shape[0] * shape[1]).reshape(shape)

    there = ~np.isnan(errors)
    rows = summed(np.any(there, axis=1))
    forecast = summed(np.ones(len(origins))) > 0
    complete = forecast.sum(axis=1) == np.where(forecast, np.arange(shape[1]), 0).max(axis=1)
    ids = columns["series"][expected].tolist()
    series = len(set(ids))
    needed = int(np.ceil(_FEWEST_SERIES[by] * series))
    # A day that no series has, such as a holiday, is passed over. One that some lack is an end.
    ended = np.cumsum((rows > 0) & (rows < needed), axis=1) > 0
    used = (rows > 0) & ~ended & complete[:, None]
    compared, some = used.any(axis=1), (rows > 0).any(axis=1)
    total = np.where(used, summed(np.where(there, errors, 0.0).sum(axis=1)), 0.0).sum(axis=1)
    count = np.where(used, summed(there.sum(axis=1)), 0).sum(axis=1)
    last = np.where(used, np.arange(shape[1]), 0).max(axis=1)
    lacking = (
        "The scorecard promises the error over the first steps of a forecast, and the table of "
        "forecasts lacks some of these."
    )
    if (complete & some).any():
        lacking = (
            f"The scorecard promises the error over all series: of {series}, rows of {needed} "
            "at least must have come. From no origin have so many come for the first step."
        )
    means = total[compared] / count[compared]
    return means, last[compared], int((some & ~compared).sum()), lacking
