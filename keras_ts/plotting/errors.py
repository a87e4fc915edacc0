"""``plot_backtest``, and the picture of errors by step that reports share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.plotting.axes import (
    MODEL,
    QUIET,
    Path,
    colors_of,
    finished,
    ink,
    ready,
    written,
)
from keras_ts.plotting.series import numbers

_NAMES = {"mae": "mean absolute error (MAE)", "mase": "mean absolute scaled error (MASE)"}


def plot_backtest(backtest: Any, *, ax: Any = None, filepath: Path = None) -> Any:
    """Draw the mean error at each step ahead, for every fold and for all folds together.

    The error is MASE if the verdict of the report is by MASE, and otherwise MAE. If there is a
    verdict, the error of the best baseline over all folds is drawn, too.

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
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    table = getattr(backtest, "table", backtest)
    names = ("fold", "step", "actual", "prediction")
    missing = [n for n in names if not hasattr(table, "__contains__") or n not in table]
    if missing:
        raise ValueError(
            "backtest must be the report that backtest returned, or its table. Received: "
            f"{type(backtest).__name__} without {missing[0]!r}."
        )
    folds, steps = np.asarray(table["fold"]), np.asarray(table["step"])
    if not len(folds):
        raise ValueError("backtest must have at least one row. Received: a table without rows.")
    actual = numbers("actual", table["actual"]).reshape(len(folds), -1)
    errors = np.abs(actual - numbers("prediction", table["prediction"]).reshape(len(folds), -1))
    # A missing actual value is left out of the mean. A forecast of NaN stays in, so that it shows.
    observed = np.isfinite(actual)
    comparison = getattr(backtest, "comparison", None)
    by = "mae" if comparison is None or comparison.by not in _NAMES else comparison.by
    if by == "mase":
        scales = backtest.scales.reshape(errors.shape)
        observed &= np.isfinite(scales)
        errors /= scales
    errors[~observed] = 0.0
    drawn_steps, places = np.unique(steps, return_inverse=True)
    ax = ready(ax)
    for number, fold in enumerate(np.unique(folds)):
        rows = folds == fold
        means = _means(errors[rows], observed[rows], places[rows], len(drawn_steps))
        label = "each fold" if number == 0 else None
        ax.plot(drawn_steps, means, color=QUIET, linewidth=0.9, marker=".", label=label)
    means = _means(errors, observed, places, len(drawn_steps))
    ax.plot(drawn_steps, means, color=MODEL, linewidth=1.6, marker="o", label="all folds")
    if comparison is not None and not comparison.total:
        scores = comparison.scores(by="step")
        rows = scores["name"] == comparison.best
        label = f"best baseline: {comparison.best}"
        ax.plot(scores["step"][rows], scores[by][rows], color=ink(), linestyle="--", label=label)
    ax.set_xlabel("step")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(_NAMES[by])
    # Above the highest line is room for the legend.
    ax.set_ylim(0, 1.2 * ax.get_ylim()[1])
    ax.legend(frameon=False, fontsize="small", loc="upper center", ncols=3)
    return finished(ax, filepath)


def _means(errors: Array, observed: BoolArray, places: IntArray, steps: int) -> Array:
    """Return the mean error at each step, and NaN at a step without an actual value."""
    total = np.bincount(places, errors.sum(axis=1), steps)
    count = np.bincount(places, observed.sum(axis=1), steps)
    return np.divide(total, count, out=np.full(steps, np.nan), where=count > 0)


def plot_errors(
    errors: Mapping[str, Any], metric: str, *, ax: Any = None, filepath: Path = None
) -> Any:
    """Draw errors at steps 1, 2, ... of models, and of a baseline, named last; None is a gap."""
    ax, highest = ready(ax), 0.0
    for (name, values), color in zip(errors.items(), colors_of(len(errors)), strict=True):
        heights = np.array(values, dtype=np.float64)
        steps = np.arange(1, len(heights) + 1)
        highest = max(highest, float(np.nanmax(heights, initial=0.0)))
        marker = "o" if len(heights) <= 31 else None
        ax.plot(steps, heights, color=color, linewidth=1.6, marker=marker, label=written(name))
    ax.set_xlabel("step")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(metric)
    # Above the highest marker, so that none is cut off.
    ax.set_ylim(0, 1.08 * highest or 1.0)
    ax.legend(frameon=False, loc="best")
    return finished(ax, filepath)
