"""A picture of a backtest: the error at each step ahead."""

from typing import Any

import numpy as np

from keras_ts.plotting.axes import MODEL, QUIET, Path, finished_axes, ready_axes


def plot_backtest(backtest: Any, *, ax: Any = None, path: Path = None) -> Any:
    """Draw the mean absolute error by step: of every fold, and of all folds together.

    Example:

    >>> import numpy as np
    >>> from keras_ts import plot_backtest
    >>> table = {"fold": [0, 0, 1, 1], "step": [1, 2, 1, 2], "actual": np.zeros(4)}
    >>> axes = plot_backtest({**table, "prediction": np.array([1.0, 2.0, 3.0, 6.0])})
    >>> axes.lines[-1].get_ydata().tolist()
    [2.0, 4.0]

    Args:
        backtest: The ``BacktestReport`` that ``backtest`` returned, or its ``table``.
        ax: Axes to draw on. Defaults to a new figure's.
        path: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    table = getattr(backtest, "table", backtest)
    missing = [name for name in ("fold", "step", "actual", "prediction") if name not in table]
    if missing:
        raise ValueError(
            f"backtest must be what backtest returned, or its table. It has no {missing[0]!r}."
        )
    fold, step = np.asarray(table["fold"]), np.asarray(table["step"])
    errors = np.abs(np.asarray(table["actual"]) - np.asarray(table["prediction"]))
    errors = errors.reshape(len(errors), -1).mean(axis=1)
    steps, folds = np.unique(step), np.unique(fold)
    ax = ready_axes(ax)
    for place, number in enumerate(folds):
        within = fold == number
        means = [errors[within & (step == one)].mean() for one in steps]
        label = "each fold" if place == 0 else None
        ax.plot(steps, means, color=QUIET, linewidth=0.9, marker=".", label=label)
    means = [errors[step == one].mean() for one in steps]
    ax.plot(steps, means, color=MODEL, linewidth=1.6, marker="o", label="all folds")
    ax.set_xlabel("step")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("mean absolute error")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, loc="best")
    return finished_axes(ax, path)
