"""``plot_forecast``: series with the forecasts that continue them, and their bands."""

from typing import Any

from keras_ts import _checks
from keras_ts.plotting.arrays import read_arrays
from keras_ts.plotting.axes import Path, finished_axes, ready_axes
from keras_ts.plotting.frames import is_frame, read_frames
from keras_ts.plotting.pairs import draw_multiples, draw_together


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
    gets axes of its own, since stores differ in size, and quantiles become bands. ``column`` and
    ``ids`` choose what is drawn. Or pass two arrays, a series and its forecast: ``start``,
    ``times`` and ``quantiles`` say what arrays do not.

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
        ax: Axes to draw on, several series in one, each in a color of its own. Defaults to None: a
            new figure, in which each series has its axes.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes; of several series without ``ax`` an array of them, one for each series.

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
    if ax is None and len(picture.drawn) > 1:
        axes = draw_multiples(picture, last)
        for inner in axes[:-1]:
            finished_axes(inner, None)
        finished_axes(axes[-1], filepath)
        return axes
    ax = draw_together(picture, last, ready_axes(ax))
    return finished_axes(ax, filepath)


def _refuse_given(kind: str, **arguments: Any) -> None:
    """Raise an error if an argument is given that ``kind``, frames or arrays, has no use for."""
    for name, value in arguments.items():
        if value is not None:
            other = "arrays" if kind == "frames" else "frames"
            raise ValueError(
                f"{name} is for {other}, and plot_forecast received {kind}. "
                f"Received: {name}={_checks.shown(value)}."
            )
