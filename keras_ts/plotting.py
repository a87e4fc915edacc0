"""Draws series, forecasts, training and sweeps with matplotlib.

matplotlib is imported when a picture is asked for, not before; each function takes axes
or makes new ones, may save a file, and returns the axes.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts._files import replacing
from keras_ts._typing import Array

Path = str | os.PathLike[str] | None

_DATA, _MODEL, _QUIET, _ALARM = "#33414e", "#d1495b", "#9aa5b1", "#edae49"


def plot_series(
    series: Any, *, times: Any = None, label: str | None = None, ax: Any = None, path: Path = None
) -> Any:
    """Draw a series over time; missing values leave gaps.

    Example:

    >>> from keras_ts import course_series, plot_series
    >>> axes = plot_series(course_series())
    >>> len(axes.lines)
    1

    Args:
        series: ``(time,)`` or ``(time, columns)``.
        times: Timestamps or numbers for the horizontal axis, one per position. Defaults to
            None: the positions.
        label: Name for the legend.
        ax: Axes to draw on. Defaults to a new figure's.
        path: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    values = _series(series)
    ax = _axes(ax)
    ax.plot(_times(times, len(values)), values, linewidth=1.0, label=label)
    ax.set_xlabel("position" if times is None else "time")
    ax.set_ylabel("value")
    ax.margins(x=0.01)
    if label is not None:
        ax.legend(frameon=False)
    return _finished(ax, path)


def plot_forecast(
    series: Any,
    predictions: Any,
    *,
    start: int | None = None,
    times: Any = None,
    last: int | None = None,
    ax: Any = None,
    path: Path = None,
) -> Any:
    """Draw predictions over the series they continue, or over the part they try to match.

    Example:

    >>> import numpy as np
    >>> from keras_ts import plot_forecast
    >>> axes = plot_forecast(np.arange(30.0), [30.0, 31.0, 32.0])
    >>> [line.get_label() for line in axes.lines][:2]
    ['series', 'forecast']

    Args:
        series: ``(time,)``.
        predictions: ``(steps,)``, one step after the other.
        start: Position of the first prediction. Defaults to None: the end of the series.
        times: Timestamps or numbers for the series and, behind it, the predictions.
            Defaults to None: the positions.
        last: Draw only this many positions of the series. Defaults to None: all.
        ax: Axes to draw on. Defaults to a new figure's.
        path: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    values, forecast = _series(series), np.asarray(predictions)
    if values.ndim != 1 or forecast.ndim != 1:
        raise ValueError(
            "plot_forecast draws one series and one forecast of it, both (time,). Received "
            f"shapes {values.shape} and {forecast.shape}; pass one column of each."
        )
    start = len(values) if start is None else start
    if not 0 <= start <= len(values):
        raise ValueError(
            f"start must lie in the series or at its end, 0..{len(values)}. Received: {start}."
        )
    if last is not None and last < 1:
        raise ValueError(f"last must be >= 1. Received: last={last}.")
    moments = _times(times, max(len(values), start + len(forecast)))
    first = 0 if last is None else max(len(values) - last, 0)
    ax = _axes(ax)
    ax.plot(
        moments[first : len(values)], values[first:], color=_DATA, linewidth=1.1, label="series"
    )
    # Joined to the last known value, a forecast from the end reads as its continuation.
    joined = start == len(values) and start > first
    ahead = moments[start - joined : start + len(forecast)]
    shown = np.concatenate([values[start - 1 : start], forecast]) if joined else forecast
    ax.plot(ahead, shown, color=_MODEL, linewidth=1.4, label="forecast")
    if joined:
        ax.axvline(moments[start - 1], color=_QUIET, linewidth=0.8, linestyle=":")
    ax.set_xlabel("position" if times is None else "time")
    ax.set_ylabel("value")
    ax.margins(x=0.01)
    ax.legend(frameon=False, loc="best")
    return _finished(ax, path)


def plot_history(
    history: Any,
    *,
    last: int | None = None,
    metric: str = "loss",
    ax: Any = None,
    path: Path = None,
) -> Any:
    """Draw a metric over the epochs of a fit, with its validation curve if there is one.

    Example:

    >>> from keras_ts import plot_history
    >>> axes = plot_history({"loss": [3.0, 2.0, 1.5], "val_loss": [3.2, 2.4, 2.0]}, last=2)
    >>> [line.get_label() for line in axes.lines][:2]
    ['training', 'validation']

    Args:
        history: The ``History`` that ``fit`` returned, or its ``history`` dict.
        last: Draw only this many of the last epochs, which high early losses would flatten.
            Defaults to None: all.
        metric: Name of the metric. Defaults to ``"loss"``.
        ax: Axes to draw on. Defaults to a new figure's.
        path: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    if metric not in curves:
        raise ValueError(f"metric={metric!r} is not in the history: {sorted(curves)}.")
    if last is not None and last < 1:
        raise ValueError(f"last must be >= 1. Received: last={last}.")
    ax = _axes(ax)
    for name, label, color in (
        (metric, "training", _DATA),
        (f"val_{metric}", "validation", _MODEL),
    ):
        if name in curves:
            values = np.asarray(curves[name], dtype=float)
            epochs = np.arange(1, len(values) + 1)
            shown = slice(None) if last is None else slice(-last, None)
            ax.plot(epochs[shown], values[shown], color=color, linewidth=1.3, label=label)
    ax.set_xlabel("epoch")
    ax.set_ylabel(metric)
    ax.legend(frameon=False)
    return _finished(ax, path)


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
    path: Path = None,
) -> Any:
    """Draw losses over rates, as ``ExponentialLRSweep.plot`` does.

    Args:
        rates: ``(rates,)``, increasing.
        losses: ``(rates,)``.
        smoothed: The smooth curve at the first rates, as far as losses are finite.
        repeats: ``(repeats, rates)``, where ``losses`` is their mean; drawn as a band.
        suggested: The rate to mark. Defaults to None: the legend says that there is none.
        interval: Rates to shade around the suggested one. Defaults to None.
        label: Name of the losses for the legend.
        ax: Axes to draw on. Defaults to a new figure's.
        path: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    rates, losses, smoothed = np.asarray(rates), np.asarray(losses), np.asarray(smoothed)
    ax = _axes(ax)
    ax.set_xscale("log")
    if len(repeats):
        low, high = np.min(repeats, axis=0), np.max(repeats, axis=0)
        band = f"{len(repeats)} repeats"
        ax.fill_between(rates, low, high, color=_QUIET, alpha=0.25, linewidth=0, label=band)
        label += ", mean"
    ax.plot(rates, losses, color=_QUIET, linewidth=0.8, label=label)
    if len(smoothed):
        ax.plot(rates[: len(smoothed)], smoothed, color=_DATA, linewidth=1.6, label="smoothed")
        # The limits leave divergence out, since it dwarfs everything else.
        bottom, start = losses[: len(smoothed)].min(), smoothed.max()
        top = start + 0.35 * (start - bottom)
        if top > bottom:
            ax.set_ylim(bottom - 0.05 * (top - bottom), top)
        if not losses[-1] <= top:
            below = np.flatnonzero(losses <= start)
            begin = min(below[-1] + 1, len(rates) - 1) if len(below) else 0
            ax.axvspan(rates[begin], rates[-1], color=_ALARM, alpha=0.25, label="diverged")
    if suggested is None:
        ax.plot([], [], " ", label="no rate suggested")
    else:
        name = f"suggested: {suggested:.2e}"
        if interval is not None:
            ax.axvspan(*interval, color=_MODEL, alpha=0.15, linewidth=0)
            name += f" ({interval[0]:.2e} to {interval[1]:.2e})"
        ax.axvline(suggested, color=_MODEL, linewidth=1.3, label=name)
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    ax.legend(frameon=False, loc="best")
    return _finished(ax, path)


def _series(series: Any) -> Array:
    values = np.asarray(series, dtype=float)
    if values.ndim not in (1, 2) or not len(values):
        raise ValueError(
            f"series must be (time,) or (time, columns), and not empty. Received {values.shape}."
        )
    return values


def _times(times: Any, length: int) -> Array:
    if times is None:
        return np.arange(length)
    moments = np.asarray(times)
    if len(moments) != length:
        raise ValueError(
            f"times must have one entry per position, {length}. It has {len(moments)}."
        )
    return moments


def _axes(ax: Any) -> Any:
    if isinstance(ax, str | os.PathLike):
        raise TypeError(f"ax must be matplotlib axes; to save the picture pass path={str(ax)!r}.")
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'keras-ts[plot]'.") from error
    return pyplot.subplots(figsize=(8, 4), layout="constrained")[1]


def _finished(ax: Any, path: Path) -> Any:
    ax.spines[["top", "right"]].set_visible(False)
    if path is not None:
        with replacing(path) as temporary:
            ax.figure.savefig(temporary, dpi=120, format=temporary.suffix[1:] or "png")
    return ax
