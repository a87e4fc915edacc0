"""Scores of a table of forecasts, for all its rows or for each value of one of its columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.metrics import all_losses, of_means
from keras_ts.windows.align import label_column


def scores_of_rows(
    actual: Array,
    predicted: Array,
    scales: Array,
    levels: Sequence[float] | None,
    by: str | None = None,
    column: Array | None = None,
) -> dict[str, Array]:
    """Return the scores of all rows, or of the rows with each value of a column named ``by``.

    Targets that are not finite are left out. With levels, the last axis is of quantiles.
    """
    rows = len(actual)
    scores: dict[str, Array] = {}
    count, group = 1, np.zeros(rows, np.int64)
    if by is not None and column is not None:
        scores[by], group = _grouped(column)
        count = len(scores[by])
    shape = rows, int(np.prod(actual.shape[1:]))
    observed = np.isfinite(actual).reshape(shape)
    for metric, loss in all_losses(actual, predicted, scales, levels).items():
        loss = loss.reshape(shape)
        # A NaN forecast must show in every score; only MASE leaves out rows, without a scale.
        counted = observed & ~np.isnan(loss) if metric == "mase" else observed
        total = np.bincount(group, np.where(counted, loss, 0).sum(axis=1), count)
        number = np.bincount(group, counted.sum(axis=1), count)
        means = np.divide(total, number, out=np.full(count, np.nan), where=number > 0)
        scores[metric] = of_means(metric, means)
    return scores


def _grouped(column: Array) -> tuple[Array, IntArray]:
    """Return a column's distinct values in order of appearance, and each row's place in them."""
    places: dict[Any, int] = {}
    group = [places.setdefault(value, len(places)) for value in column.tolist()]
    return label_column(tuple(places)), np.array(group, np.int64)
