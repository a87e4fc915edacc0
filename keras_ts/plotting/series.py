"""``plot_series``: a series over time; and checks of series and times for other pictures."""

import warnings
from datetime import date, datetime
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.plotting.axes import Path, finished, label_time, ready, written


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
    moments = checked_times(times, len(values))
    ax = ready(ax)
    name = None if label is None else written(label)
    ax.plot(
        np.arange(len(values)) if moments is None else moments, values, linewidth=1.0, label=name
    )
    label_time(ax, moments)
    ax.set_ylabel("value")
    if label is not None:
        ax.legend(frameon=False)
    return finished(ax, filepath)


def is_frame(data: Any) -> bool:
    """Return True for a data frame, and False for an array."""
    return hasattr(type(data), "columns")


def checked_series(series: Any) -> Array:
    """Return a series as an array of floats, or raise an error if it is empty or misshapen."""
    values = numbers("series", series)
    if values.ndim not in (1, 2) or not len(values):
        raise ValueError(
            "series must have the shape (time,) or (time, columns) and at least one row. Received: "
            f"{values.shape}."
        )
    return values


def numbers(name: str, values: Any) -> Array:
    """Return values as an array of floats, or raise an error that names them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return np.asarray(values, dtype=float)
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        if is_frame(values):
            raise TypeError(
                f"{name} must hold only numbers. Received: a frame with other columns, too. Pass "
                "the columns of numbers, and the dates as times, as in frame['units'], "
                "times=frame['day']."
            ) from None
        raise TypeError(
            f"{name} must be one array of real numbers. Received: {_checks.shown(values)}."
        ) from None


def checked_times(times: Any, length: int) -> Array | None:
    """Return the timestamps of the positions, in local time, or numbers, or None."""
    if times is None:
        return None
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
            f"times must have {length} entries, one per position drawn. Received: {len(moments)}."
        )
    return moments
