"""Tells if forecasts keep what their intervals and the model's scorecard promised."""

from collections.abc import Iterator, Mapping

import numpy as np

from keras_ts._quantiles import outer_coverage, points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic.coverage import coverage_of
from keras_ts.evaluation.arithmetic.verdict import FEWEST, Origins
from keras_ts.scores.card import Scorecard
from keras_ts.scores.metrics import METRICS, POINT, heading, of_sums
from keras_ts.scores.report import Rows, grouped, whole_percent
from keras_ts.windows.arithmetic.labels import distinct_rows

# The n + 1-th error exceeds all n before with probability 1 / (n + 1): a range of errors from
# fewer origins says little.
_FEWEST_ORIGINS = 10
# Forecasts from origins closer than a horizon share targets: a longer horizon needs more origins.
_ORIGINS_PER_STEP = 5
# By metric, the least share of series whose rows must have come. The MASE of nearly all series is
# close to that of all. The MAE depends on the largest series, so none may be missing.
_FEWEST_SERIES = {"mae": 1.0, "mase": 0.9}


def coverage(rows: Rows, overlap: int) -> Iterator[str]:
    """Yield what share of values the outer quantiles held, if there are several origins."""
    # The targets of ``overlap`` origins in a row overlap.
    rows = rows.only(np.logical_or.reduce(np.isfinite(rows.actual), axis=1))
    origin, levels = rows.columns["origin"], rows.levels
    if levels is None or len(levels) < 2 or len(np.unique(origin)) < 2:
        return
    series = grouped(rows.columns["series"])[1]
    # Rows of one series and origin are one window.
    first, window = distinct_rows([series, origin])
    distinct, times = np.unique(origin[first], return_inverse=True)
    count, needed, asked = len(distinct), max(2 * overlap, 3), outer_coverage(levels)
    if count < needed:
        yield (
            f"{count} origins are too few to say if the {whole_percent(asked)} interval holds: "
            f"that takes {needed}, since the targets of {overlap} in a row overlap."
        )
    else:
        counted = np.isfinite(rows.actual)
        inside = METRICS["coverage"].losses(rows.actual, rows.predicted, levels, rows.scales)
        summed = (np.where(counted, inside, 0.0), counted)
        covered = np.stack([np.bincount(window, values.sum(axis=1)) for values in summed])
        origins = Origins(series[first], times, overlap, overlap)
        yield coverage_of(asked, covered, origins).sentence("the forecasts")
        if not origins.few_series and count < FEWEST * overlap:
            yield (
                f"With {count} origins, of which {overlap} in a row overlap, that holds for "
                "other series, not for other times."
            )


def judged(card: Scorecard, rows: Rows) -> tuple[str | None, str]:
    """Return the verdict on what a scorecard promised, or None, and a sentence on it."""
    # The promise is a range of the mean error over the first steps of all series, so a forecast is
    # compared over the same steps and series, or not at all.
    if not card.ok:
        return None, (
            "The weights of the model were trained further since they were judged, so its "
            "scorecard promises nothing."
        )
    by, promised = card.values["by"], card.values["promised"]
    if by not in _FEWEST_SERIES:
        return None, f"The scorecard judges by {heading(by)}, for which it has no range of errors."
    point = points_of(rows.predicted, rows.levels)
    losses, expected = POINT[by].losses(rows.actual, point, rows.scales), np.isfinite(point)
    if POINT[by].scaled:
        if np.isnan(rows.scales).all():
            metric = f"{POINT[by].article} {heading(by)}"
            return None, f"The scorecard promises {metric}: pass train= to scale these errors, too."
        expected &= np.isfinite(rows.scales[..., 0])
    came = ~np.isnan(losses).all(axis=1)
    if not came.any():
        return None, "There is no error to compare with what the scorecard promised."
    longest = int(rows.columns["step"][came].max())
    ranges = np.array([promised["errors"][end] for end in ("low", "high")], np.float64)  # None: NaN
    if longest > ranges.shape[1] or np.isnan(ranges[:, longest - 1]).any():
        return None, f"The scorecard promises nothing for {longest} steps."
    fewest = max(_FEWEST_ORIGINS, _ORIGINS_PER_STEP * longest)
    if promised["origins"] < fewest:
        return None, (
            f"The model was judged at {promised['origins']} origins only: a range of errors over "
            f"{longest} steps needs at least {fewest}."
        )
    errors, steps, left_out, lacking = _compared(by, rows.columns, losses, expected, longest)
    if not len(errors):
        return None, lacking
    # An origin counts by its steps: one step of yesterday's forecast, seven of last week's.
    error, low, high = np.average([errors, *ranges[:, steps - 1]], axis=1, weights=steps)
    verdict = "better" if error < low else "worse" if error > high else "as promised"
    where = {"better": "is lower than", "worse": "is higher than", "as promised": "lies within"}
    first = f"{steps.max()} steps" if steps.max() > 1 else "step"
    several = f", from {len(errors)} origins," if len(errors) > 1 else ""
    without = f" Left out are {left_out} origins that lack steps or series."
    return verdict, (
        f"The {heading(by)} over the first {first}{several} is {error:.4g}. It "
        f"{where[verdict]} what the model's scorecard promised: {low:.4g} to {high:.4g} at "
        f"95 % of {promised['origins']} held-out origins.{without * (left_out > 0)}"
    )


def _compared(
    by: str, columns: Mapping[str, Array], losses: Array, expected: BoolArray, longest: int
) -> tuple[Array, IntArray, int, str]:
    """Return origins' errors and last steps, the number of origins left out, and why, in words."""
    # ``expected`` is True where there is an error once the row comes. The arrays below have a row
    # for each origin and a column for each step. Steps count from 1; all beyond ``longest`` share
    # a column.
    origins, steps = columns["origin"], np.minimum(columns["step"], longest + 1)
    shape = int(origins.max()) + 1, longest + 2
    places = np.ravel_multi_index((origins, steps), shape)

    def summed(weights: Array) -> Array:
        return np.bincount(places, weights, shape[0] * shape[1]).reshape(shape)

    known = ~np.isnan(losses)
    rows = summed(np.any(known, axis=1))
    forecast = summed(np.ones(len(origins))) > 0
    complete = forecast.sum(axis=1) == np.where(forecast, np.arange(shape[1]), 0).max(axis=1)
    series = len(set(columns["series"][expected.any(axis=1)].tolist()))
    needed = int(np.ceil(_FEWEST_SERIES[by] * series))
    # A step without any row (a holiday) is skipped; a step that lacks some rows ends its origin.
    ended = np.cumsum((rows > 0) & (rows < needed), axis=1) > 0
    used = (rows > 0) & ~ended & complete[:, None]
    compared, begun = used.any(axis=1), (rows > 0).any(axis=1)
    total = np.where(used, summed(np.where(known, losses, 0.0).sum(axis=1)), 0.0).sum(axis=1)
    count = np.where(used, summed(known.sum(axis=1)), 0).sum(axis=1)
    last = np.where(used, np.arange(shape[1]), 0).max(axis=1)
    lacking = (
        "The scorecard promises the error over the first steps of a forecast, and the table of "
        "forecasts lacks some of these."
    )
    if (complete & begun).any():
        lacking = (
            "The scorecard promises the error over all series: at the first step, rows of "
            f"{needed} of {series} series must have come, and no origin has so many."
        )
    errors = of_sums(by, total[compared], count[compared])
    return errors, last[compared], int((begun & ~compared).sum()), lacking
