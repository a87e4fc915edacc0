"""Borders of folds whose training parts grow in time: pure arithmetic."""


def fold_edges(
    count: int, n_splits: int, test_size: int | None = None, max_train_size: int | None = None
) -> list[tuple[int, int, int]]:
    """Return the first training position of each fold, its border, and its end.

    The last ``n_splits * test_size`` positions are divided into ``n_splits`` validation parts. Each
    fold trains on all positions before its part, as in ``sklearn.model_selection.TimeSeriesSplit``.

    Args:
        count: Number of positions.
        n_splits: Number of folds.
        test_size: Positions in a validation part. Defaults to None: ``count // (n_splits + 1)``.
        max_train_size: Most positions in a training part. Defaults to None: all before it.
    """
    if test_size is None:
        test_size = count // (n_splits + 1)
    edges = []
    for left in range(n_splits, 0, -1):
        border = max(count - left * test_size, 0)
        begin = 0 if max_train_size is None else max(border - max_train_size, 0)
        edges.append((begin, border, max(count - (left - 1) * test_size, 0)))
    return edges
