"""``plot_forecast``: series with the forecasts that continue them, and their bands."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts.plotting.arrays import read_arrays
from keras_ts.plotting.axes import (
    DATA,
    MODEL,
    QUIET,
    Path,
    finished_axes,
    label_time,
    ready_axes,
    written,
)
from keras_ts.plotting.drawn import Drawn
from keras_ts.plotting.frames import is_frame, read_frames


def plot_forecast(
    series: Any,
    predictions: Any,
    *,
    start: int | None = None,
    times: Any = None,
    quantiles: Any = None,
    column: str | None = None,
    ids: Any = None,
    last: int | None = None,
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw predictions after the series that they continue, or over the part that they forecast.

    Pass two frames, the one that was forecast and the one that ``forecast`` returned: each series
    gets a color of its own, and quantiles become bands. ``column`` and ``ids`` choose what is
    drawn. Or pass two arrays, a series and its forecast: ``start``, ``times`` and ``quantiles``
    say what arrays do not.

    Example:

    >>> import numpy as np
    >>> from keras_ts import plot_forecast
    >>> axes = plot_forecast(np.arange(30.0), [30.0, 31.0, 32.0])
    >>> [line.get_label() for line in axes.lines][:2]
    ['series', 'forecast']

    Args:
        series: ``(time,)``, or the frame that was forecast.
        predictions: ``(steps,)``, or ``(steps, quantiles)`` with ``quantiles``; or the frame that
            ``forecast`` returned.
        start: Position of the first prediction, for arrays. Defaults to None: the end of the
            series.
        times: Timestamps or numbers of the series, followed by those of predictions that lie after
            its end, for arrays. Defaults to None: the positions.
        quantiles: Levels of the quantiles on the last axis of ``predictions``, for arrays; the one
            nearest to 0.5 is drawn as the forecast. Defaults to None: no quantiles.
        column: Name of the target to draw, for frames. Defaults to None: the first.
        ids: The ids of the series to draw, for frames. Defaults to None: the first six.
        last: Draw only this many positions of each series. Defaults to None: all.
        ax: Axes to draw on. Defaults to a new figure's.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.

    Raises:
        TypeError: One of ``series`` and ``predictions`` is a frame and the other is not.
        ValueError: ``series`` and ``predictions`` do not fit each other; ``column`` or ``ids`` is
            not in them; or an argument for frames comes with arrays, or the other way round.
    """
    if last is not None:
        last = _checks.integer("last", last, 1)
    if is_frame(series) or is_frame(predictions):
        _refuse_given("frames", start=start, times=times, quantiles=quantiles)
        picture = read_frames(series, predictions, column, ids)
    else:
        _refuse_given("arrays", column=column, ids=ids)
        picture = read_arrays(series, predictions, start, times, quantiles)
    shown = picture.drawn
    ax = ready_axes(ax)
    for number, pair in enumerate(shown):
        _draw(ax, pair, last, None if len(shown) == 1 else f"C{number}")
    if len(shown) < picture.count and ids is None:
        title = f"The first {len(shown)} of {picture.count:,} series"
        ax.set_title(title, fontsize="medium", loc="left")
    label_time(ax, shown[0].ahead_moments if picture.timed else None)
    ax.set_ylabel(written(picture.name))
    ax.legend(frameon=False, loc="best")
    return finished_axes(ax, filepath)


def _draw(ax: Any, drawn: Drawn, last: int | None, color: str | None) -> None:
    """Draw one series and its forecast: in ``color``, or in two colors if it is the only one."""
    single = color is None
    past_color, color = color or DATA, color or MODEL
    shown = slice(None) if last is None else slice(-last, None)
    values, moments = drawn.values[shown], drawn.moments[shown]
    ahead, ahead_moments = drawn.ahead, drawn.ahead_moments
    # A line from the last value to the first forecast shows that one continues the other.
    joined = bool(len(values) and len(ahead)) and bool(moments[-1] < ahead_moments[0])
    bands = drawn.bands
    if joined:
        ahead = np.concatenate([values[-1:], ahead])
        ahead_moments = np.concatenate([moments[-1:], ahead_moments])
        bands = {
            share: (np.concatenate([values[-1:], low]), np.concatenate([values[-1:], high]))
            for share, (low, high) in bands.items()
        }
    name = "series" if drawn.label is None else written(drawn.label)
    ax.plot(moments, values, color=past_color, linewidth=1.1, label=name)
    ax.plot(ahead_moments, ahead, color=color, linewidth=1.6, label="forecast" if single else None)
    for share, (low, high) in bands.items():
        label = f"{share:.0%} band" if single else None
        ax.fill_between(ahead_moments, low, high, color=color, alpha=0.2, linewidth=0, label=label)
    if joined and single:
        ax.axvline(moments[-1], color=QUIET, linewidth=0.8, linestyle=":")


def _refuse_given(kind: str, **arguments: Any) -> None:
    """Raise an error if an argument is given that ``kind``, frames or arrays, has no use for."""
    for name, value in arguments.items():
        if value is not None:
            other = "arrays" if kind == "frames" else "frames"
            raise ValueError(
                f"{name} is for {other}, and plot_forecast received {kind}. "
                f"Received: {name}={_checks.shown(value)}."
            )
