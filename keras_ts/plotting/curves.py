"""``plot_series``, ``plot_history``, ``plot_sweep``: curves over time, epochs and rates."""

from typing import Any

import numpy as np

from keras_ts.plotting.axes import (
    ALARM,
    MODEL,
    QUIET,
    Path,
    finished,
    ink,
    label_time,
    legend_above,
    moments_of,
    ready,
    written,
)


def plot_series(
    series: Any,
    *,
    times: Any = None,
    label: str | None = None,
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw a series over time; missing values leave gaps.

    Example:

    >>> from keras_ts import course_series, plot_series
    >>> axes = plot_series(course_series())
    >>> len(axes.lines)
    1

    Args:
        series: ``(time,)`` or ``(time, columns)``.
        times: Timestamps or numbers for the horizontal axis, one per row. Defaults to None: the
            positions.
        label: Name for the legend.
        ax: Axes to draw on. Defaults to a new figure's.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    values = np.asarray(series, dtype=float)
    moments = np.arange(len(values)) if times is None else moments_of(times)
    ax = ready(ax)
    ax.plot(moments, values, linewidth=1.0, label=None if label is None else written(label))
    label_time(ax, moments)
    ax.set_ylabel("value")
    if label is not None:
        ax.legend(frameon=False)
    return finished(ax, filepath)


def plot_history(
    history: Any,
    *,
    last: int | None = None,
    metric: str = "loss",
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw a metric over the epochs of a fit, with its validation curve if there is one.

    Example:

    >>> from keras_ts import plot_history
    >>> axes = plot_history({"loss": [3.0, 2.0, 1.5], "val_loss": [3.2, 2.4, 2.0]}, last=2)
    >>> [line.get_label() for line in axes.lines][:2]
    ['training', 'validation']

    Args:
        history: The ``History`` that ``fit`` returned, or its ``history`` dict. NaN stands for an
            epoch without a validation.
        last: Draw only this many of the last epochs, since high losses at first would flatten the
            curve. Defaults to None: all.
        metric: Name of the metric. Defaults to ``"loss"``.
        ax: Axes to draw on. Defaults to a new figure's.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    curves, ax = getattr(history, "history", history), ready(ax)
    # A History knows the first epoch of ``fit(initial_epoch=)``; its dict does not.
    first = min(getattr(history, "epoch", None) or [0]) + 1
    for name, label, color in ((metric, "training", ink()), (f"val_{metric}", "validation", MODEL)):
        if name == metric or name in curves:
            values = np.asarray(curves[name], dtype=float)
            epochs = np.arange(first, first + len(values))[-(last or len(values)) :]
            values = values[-len(epochs) :]
            # A line of one point is invisible.
            marker = "o" if len(values) == 1 or np.isnan(values).any() else None
            ax.plot(epochs, values, color=color, linewidth=1.3, marker=marker, label=label)
    ax.set_xlabel("epoch")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(written(metric))
    ax.legend(frameon=False)
    return finished(ax, filepath)


def plot_sweep(
    rates: Any, losses: Any, smoothed: Any, suggested: float | None, label: str,
    *, ax: Any = None, filepath: Path = None,
) -> Any:  # fmt: skip
    """Draw losses over learning rates, for ``ExponentialLRSweep.plot``; return the axes."""
    # ``smoothed`` ends where the loss diverges, or before the first loss that is not finite.
    rates, losses, smoothed = np.asarray(rates), np.asarray(losses), np.asarray(smoothed)
    ax = ready(ax)
    ax.set_xscale("log")
    ax.plot(rates, losses, color=QUIET, linewidth=0.8, label=label)
    if len(smoothed):
        ax.plot(rates[: len(smoothed)], smoothed, color=ink(), linewidth=1.6, label="smoothed")
        # A diverging loss would flatten the rest of the curve, so the axis is cut off.
        bottom, start = losses[: len(smoothed)].min(), smoothed.max()
        top = start + 0.35 * (start - bottom)
        if top > bottom:
            ax.set_ylim(bottom - 0.05 * (top - bottom), top)
        if not losses[-1] <= top:
            below = np.flatnonzero(losses <= start)
            begin = min(below[-1] + 1, len(rates) - 1) if len(below) else 0
            ax.axvspan(rates[begin], rates[-1], color=ALARM, alpha=0.25, label="diverged")
    if suggested is None:
        ax.plot([], [], " ", label="no rate suggested")
    else:
        ax.axvline(suggested, color=MODEL, linewidth=1.3, label=f"suggested: {suggested:.2e}")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    legend_above(ax)
    return finished(ax, filepath)
