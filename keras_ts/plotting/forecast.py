"""``plot_forecast``: series with the forecasts that continue them, and their bands."""

import math
from functools import partial
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.plotting.axes import (
    MODEL,
    QUIET,
    Path,
    finished,
    ink,
    label_time,
    new_figure,
    ready,
    written,
)
from keras_ts.plotting.curves import is_frame
from keras_ts.plotting.pictures import Drawn, Picture, read_arrays, read_frames

# The height of one row of a legend, as a share of the height of the curves.
_LEGEND = 0.16


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

    Pass two frames: the one that was forecast and the one that ``forecast`` returned. Each series
    gets its own axes, since series differ in size. Quantiles become bands; sample paths become
    bands and five thin lines. For a series without a row, only the forecast is drawn. ``column``
    and ``ids`` choose what is drawn.

    Or pass two arrays, a series and its forecast, with ``start``, ``times`` and ``quantiles``.

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
        last: Draw only this many of the last positions of each series. Defaults to None: all.
        ax: Axes to draw all series on, each in its own color. Defaults to None: a new figure with
            axes for each series.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes; an array of them, one for each series, if there are several and no ``ax``.

    Raises:
        TypeError: One of ``series`` and ``predictions`` is a frame and the other is not.
        ValueError: ``series`` and ``predictions`` do not fit each other; ``column`` or ``ids`` is
            not in them; or an argument for frames comes with arrays, or one for arrays with frames.
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
        axes = _draw_multiples(picture, last)
        for inner in axes[:-1]:
            finished(inner, None)
        finished(axes[-1], filepath)
        return axes
    ax = _draw_together(picture, last, ready(ax))
    return finished(ax, filepath)


def _refuse_given(kind: str, **arguments: Any) -> None:
    """Refuse an argument that ``kind``, frames or arrays, does not take."""
    for name, value in arguments.items():
        if value is not None:
            other = "arrays" if kind == "frames" else "frames"
            raise ValueError(
                f"{name} is for {other}, and plot_forecast received {kind}. "
                f"Received: {name}={_checks.shown(value)}."
            )


def _draw_together(picture: Picture, last: int | None, ax: Any) -> Any:
    """Draw every series of a picture on ``ax``, each in its own color; return ``ax``."""
    single = len(picture.drawn) == 1
    for number, drawn in enumerate(picture.drawn):
        colors = (ink(), MODEL) if single else (f"C{number}", f"C{number}")
        name = "series" if drawn.label is None else written(drawn.label)
        _draw(ax, drawn, last, colors, name, top=1 - _LEGEND)
    label_time(ax, picture.times)
    ax.set_ylabel(written(picture.name))
    if single:
        columns = _columns(ax)
        rows = -(-len(ax.get_legend_handles_labels()[1]) // columns)
        low, high = ax.dataLim.intervaly
        if np.isfinite(high - low):
            # Make room for the legend above the curves. The axes still adapt to later curves.
            ax.update_datalim([(0, high + rows * _LEGEND * (high - low))], updatex=False)
            ax.autoscale_view()
        ax.legend(frameon=False, loc="upper left", ncols=columns)
        return ax
    ax.legend(frameon=False, loc="best")
    if picture.left_out:
        ax.set_title(picture.left_out, fontsize="medium", loc="left")
    return ax


def _draw_multiples(picture: Picture, last: int | None) -> Array:
    """Draw each series of a picture on its own axes in a new figure, two axes in a row."""
    # All axes share the horizontal axis, so that a time has the same place in all of them.
    rows = math.ceil(len(picture.drawn) / 2)
    figure = new_figure(rows)
    grid = figure.subplots(rows, 2, sharex=True, squeeze=False)
    axes = grid.ravel()[: len(picture.drawn)]
    for ax, drawn in zip(axes, picture.drawn, strict=True):
        _draw(ax, drawn, last, (ink(), MODEL), "series")
        ax.set_title(written(drawn.label), fontsize="medium", loc="left")
        label_time(ax, picture.times)
        ax.label_outer(remove_inner_ticks=True)
        ax.tick_params(left=True, labelleft=True)
    for ax in grid.ravel()[len(picture.drawn) :]:
        ax.remove()
        # The right column ends one row higher, so the axes above show the times.
        grid[-2, 1].tick_params(bottom=True, labelbottom=True)
    figure.supylabel(written(picture.name), fontsize="medium")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, frameon=False, loc="outside lower center", ncols=_columns(axes[0])
    )
    if picture.left_out:
        figure.suptitle(picture.left_out, fontsize="medium")
    return axes


def _columns(ax: Any) -> int:
    """Return how many columns a legend has: all names in one row if the figure is wide enough."""
    names = len(ax.get_legend_handles_labels()[1])
    return names if names < 5 else 3


def _draw(
    ax: Any, drawn: Drawn, last: int | None, colors: tuple[Any, str], name: str, top: float = 1.0
) -> None:
    """Draw a series and its forecast; if ``colors`` are equal, for axes of several series."""
    past_color, color = colors
    single = past_color != color
    shown = slice(None) if last is None else slice(-last, None)
    values, moments = drawn.values[shown], drawn.moments[shown]
    ahead, ahead_moments = drawn.ahead, drawn.ahead_moments
    # A line joins the last value and the first forecast.
    joined = bool(len(values) and len(ahead)) and bool(moments[-1] < ahead_moments[0])
    bands, paths = drawn.bands, drawn.paths
    if joined:
        from_last = partial(np.insert, obj=0, values=values[-1])
        ahead, paths = from_last(ahead), [from_last(path) for path in paths]
        bands = {share: (from_last(low), from_last(high)) for share, (low, high) in bands.items()}
        ahead_moments = np.concatenate([moments[-1:], ahead_moments])
    ax.plot(moments, values, color=past_color, linewidth=1.1, label=name)
    ax.plot(ahead_moments, ahead, color=color, linewidth=1.6, label="forecast" if single else None)
    for number, path in enumerate(paths):
        label = "sample paths" if single and not number else None
        ax.plot(ahead_moments, path, color=color, linewidth=0.6, alpha=0.7, label=label)
    for share, (low, high) in bands.items():
        label = f"{100 * share:.4g}% band" if single else None
        ax.fill_between(ahead_moments, low, high, color=color, alpha=0.3, linewidth=0, label=label)
    if joined and single:
        ax.axvline(moments[-1], ymax=top, color=QUIET, linewidth=0.8, linestyle=":")
