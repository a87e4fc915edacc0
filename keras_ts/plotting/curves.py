"""``plot_series``, ``plot_history``, ``plot_sweep``: curves over time, epochs and rates."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.plotting.axes import (
    ALARM,
    MODEL,
    QUIET,
    Path,
    finished,
    ink,
    label_time,
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

    Raises:
        TypeError: ``series`` is not an array of numbers, or is a frame with columns of dates or
            text; or ``times`` are neither numbers nor dates.
        ValueError: ``series`` is empty, or ``times`` has another length.
    """
    values = checked_series(series)
    moments = None if times is None else checked_times(times, len(values))
    ax = ready(ax)
    places = np.arange(len(values)) if moments is None else moments
    ax.plot(places, values, linewidth=1.0, label=None if label is None else written(label))
    label_time(ax, moments)
    ax.set_ylabel("value")
    if label is not None:
        ax.legend(frameon=False)
    return finished(ax, filepath)


def is_frame(data: Any) -> bool:
    """Return True for a data frame, and False for an array."""
    return hasattr(type(data), "columns")


def checked_series(series: Any) -> Array:
    """Return a series as an array of floats; refuse one that is empty or misshapen."""
    values = numbers("series", series)
    if values.ndim not in (1, 2) or not len(values):
        raise ValueError(
            "series must have the shape (time,) or (time, columns) and at least one row. Received: "
            f"{values.shape}."
        )
    return values


def numbers(name: str, values: Any) -> Array:
    """Return values as an array of floats, or refuse them under their ``name``."""
    with contextlib.suppress(TypeError, ValueError):
        if not np.iscomplexobj(values):  # NumPy would drop the imaginary part.
            return np.asarray(values, dtype=float)
    if is_frame(values):
        raise TypeError(
            f"{name} must hold only numbers. Received: a frame with other columns, too. Pass "
            "the columns of numbers, and the dates as times, as in frame['units'], "
            "times=frame['day']."
        )
    raise TypeError(f"{name} must be one array of real numbers. Received: {_checks.shown(values)}.")


def checked_times(times: Any, length: int) -> Array:
    """Return ``length`` times as an array of numbers, or of timestamps without time zones."""
    if getattr(getattr(times, "dtype", None), "time_zone", None):
        times = times.dt.replace_time_zone(None)  # NumPy would read polars' local times in UTC.
    moments = np.asarray(times)
    if moments.dtype == object and all(isinstance(moment, date) for moment in moments.flat):
        clock = [m.replace(tzinfo=None) if isinstance(m, datetime) else m for m in moments.flat]
        moments = np.array(clock, "datetime64[us]")
    if moments.ndim != 1 or moments.dtype.kind not in "biufmM":
        raise TypeError(
            "times must be a list of numbers or dates. Received "
            f"{moments.dtype} of shape {moments.shape}: {_checks.shown(times)}. Convert dates in "
            "other forms with pandas.to_datetime(times)."
        )
    if len(moments) != length:
        raise ValueError(
            f"times must have {length} entries, one per value drawn. Received: {len(moments)}."
        )
    return moments


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
        history: The ``History`` that ``fit`` returned, or its ``history`` dict, whose first epoch
            counts as 1. Epochs without a validation are NaN.
        last: Draw only this many of the last epochs, since high losses at first would flatten the
            curve. Defaults to None: all.
        metric: Name of the metric. Defaults to ``"loss"``.
        ax: Axes to draw on. Defaults to a new figure's.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.

    Raises:
        TypeError: ``history`` is no history.
        ValueError: ``metric`` is not in ``history``, or was not validated after each epoch.
    """
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    if not hasattr(curves, "keys"):
        raise TypeError(
            "history must be the History that fit returned, or its history dict. Received: "
            f"{_checks.shown(history)}."
        )
    if metric not in list(curves):
        raise ValueError(
            f"metric must be one of the history's, {sorted(curves)}. Received: metric={metric!r}."
        )
    if last is not None:
        last = _checks.integer("last", last, 1)
    ax = ready(ax)
    # A History knows the first epoch of ``fit(initial_epoch=)``; its dict does not.
    first = min(getattr(history, "epoch", None) or [0]) + 1
    epochs = np.arange(first, first + len(curves[metric]))
    for name, label, color in ((metric, "training", ink()), (f"val_{metric}", "validation", MODEL)):
        if name in curves:
            values = numbers(f"{name} of the history", curves[name])
            if len(values) != len(epochs):
                raise ValueError(
                    f"history must have a value of {name!r} for each of {len(epochs)} epochs. "
                    f"Received: {len(values)}. With validation_freq, pass a dict with NaN for the "
                    "epochs without a validation."
                )
            shown = slice(None) if last is None else slice(-last, None)
            finite = np.concatenate([[False], np.isfinite(values[shown]), [False]])
            alone = finite[1:-1] & ~finite[:-2] & ~finite[2:]
            marker = "o" if alone.any() else None  # A line of one point is invisible.
            ax.plot(
                epochs[shown], values[shown], color=color, linewidth=1.3, marker=marker, label=label
            )
    ax.set_xlabel("epoch")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(written(metric))
    ax.legend(frameon=False)
    return finished(ax, filepath)


def plot_sweep(
    rates: Any,
    losses: Any,
    *,
    smoothed: Any = (),
    repeats: Any = (),
    suggested: float | None = None,
    interval: tuple[float, float] | None = None,
    label: str = "loss",
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw losses over learning rates, for ``ExponentialLRSweep.plot``; return the axes."""
    # ``losses`` is the mean of ``repeats``, ``(repeats, rates)``. ``smoothed`` ends where the loss
    # diverges, or before the first loss that is not finite.
    rates, losses, smoothed = np.asarray(rates), np.asarray(losses), np.asarray(smoothed)
    ax = ready(ax)
    ax.set_xscale("log")
    if len(repeats):
        low, high = np.min(repeats, axis=0), np.max(repeats, axis=0)
        band = f"{len(repeats)} repeats"
        ax.fill_between(rates, low, high, color=QUIET, alpha=0.25, linewidth=0, label=band)
        label += ", mean"
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
        if interval is not None:
            low, high = interval
            name = f"{low:.1e} to {high:.1e}"
            ax.axvspan(low, high, color=MODEL, alpha=0.15, linewidth=0, label=name)
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    if ax.figure.get_layout_engine() is None:
        ax.legend(frameon=False, loc="best")
    else:
        # Above the axes, the legend covers nothing, and the figure makes room for it.
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return finished(ax, filepath)
