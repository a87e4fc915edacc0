"""Borders of folds whose training parts grow in time: pure arithmetic."""

from itertools import pairwise

import numpy as np

from keras_ts._typing import IntArray


def fold_edges(
    count: IntArray, n_splits: int, test_size: int | None = None, max_train_size: int | None = None
) -> list[tuple[IntArray, IntArray, IntArray]]:
    """Return the first training position of each fold, its border, and its end.

    The last ``n_splits * test_size`` positions are divided into ``n_splits`` validation parts. Each
    fold trains on all positions before its part, as in ``sklearn.model_selection.TimeSeriesSplit``.
    """
    size = count // (n_splits + 1) if test_size is None else test_size
    borders = [np.maximum(count - left * size, 0) for left in range(n_splits, -1, -1)]
    most = count if max_train_size is None else max_train_size
    return [(np.maximum(border - most, 0), border, end) for border, end in pairwise(borders)]
