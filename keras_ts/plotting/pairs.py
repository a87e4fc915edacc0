"""Draws series with their forecasts: all on the same axes, or each on small axes of its own."""

import math
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.plotting.axes import MODEL, QUIET, ink, label_time, new_figure, written
from keras_ts.plotting.drawn import Drawn, Picture

# Of the height of what is drawn, what a legend of one row takes.
_LEGEND = 0.16


def draw_together(picture: Picture, last: int | None, ax: Any) -> Any:
    """Draw every series of a picture on ``ax``, each in a color of its own; return ``ax``.

    Args:
        picture: The series and their forecasts.
        last: Draw only this many positions of each series; None for all.
        ax: The axes.
    """
    shown = picture.drawn
    for number, pair in enumerate(shown):
        colors = (ink(), MODEL) if len(shown) == 1 else (f"C{number}", f"C{number}")
        name = "series" if pair.label is None else written(pair.label)
        _draw(ax, pair, last, colors, name, top=1 - _LEGEND)
    label_time(ax, _times(picture))
    ax.set_ylabel(written(picture.name))
    if len(shown) == 1:
        _leave_room(ax)
        ax.legend(frameon=False, loc="upper left", ncols=4)
        return ax
    ax.legend(frameon=False, loc="best")
    if len(shown) < picture.count and not picture.chosen:
        ax.set_title(_first_of(picture), fontsize="medium", loc="left")
    return ax


def draw_multiples(picture: Picture, last: int | None) -> Array:
    """Draw each series of a picture on axes of its own in a new figure, two axes in a row.

    Series of a panel differ in size, so each has its own vertical axis. The horizontal axis is the
    same for all, so that what happened at the same time stands at the same place.

    Args:
        picture: The series and their forecasts.
        last: Draw only this many positions of each series; None for all.

    Returns:
        The axes, one for each series.
    """
    rows = math.ceil(len(picture.drawn) / 2)
    figure = new_figure(rows)
    grid = figure.subplots(rows, 2, sharex=True, squeeze=False)
    axes = grid.ravel()[: len(picture.drawn)]
    for ax, pair in zip(axes, picture.drawn, strict=True):
        _draw(ax, pair, last, (ink(), MODEL), "series")
        ax.set_title(written(pair.label), fontsize="medium", loc="left")
        label_time(ax, _times(picture))
        ax.label_outer(remove_inner_ticks=True)
        ax.tick_params(left=True, labelleft=True)
    for ax in grid.ravel()[len(picture.drawn) :]:
        ax.remove()
        # The column ends one row higher, so the times stand there.
        grid[-2, 1].tick_params(bottom=True, labelbottom=True)
    figure.supylabel(written(picture.name), fontsize="medium")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=len(labels))
    if len(picture.drawn) < picture.count and not picture.chosen:
        figure.suptitle(_first_of(picture), fontsize="medium")
    return axes


def _leave_room(ax: Any) -> None:
    """Leave room for a legend above what is drawn; the axes still adapt to what comes later."""
    low, high = ax.dataLim.intervaly
    if np.isfinite(high - low):
        ax.update_datalim([(0, high + _LEGEND * (high - low))], updatex=False)
        ax.autoscale_view()


def _first_of(picture: Picture) -> str:
    return f"The first {len(picture.drawn)} of {picture.count:,} series"


def _times(picture: Picture) -> Array | None:
    return picture.drawn[0].ahead_moments if picture.timed else None


def _draw(
    ax: Any, drawn: Drawn, last: int | None, colors: tuple[Any, str], name: str, top: float = 1.0
) -> None:
    """Draw a series in one color and its forecast in another, or both in the same.

    If both have the same color, other series share the axes, and the legend names the series alone.
    The line between the two ends at ``top``, a share of the height of the axes.
    """
    past_color, color = colors
    single = past_color != color
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
    ax.plot(moments, values, color=past_color, linewidth=1.1, label=name)
    ax.plot(ahead_moments, ahead, color=color, linewidth=1.6, label="forecast" if single else None)
    for share, (low, high) in bands.items():
        label = f"{100 * share:.4g}% band" if single else None
        ax.fill_between(ahead_moments, low, high, color=color, alpha=0.3, linewidth=0, label=label)
    if joined and single:
        ax.axvline(moments[-1], ymax=top, color=QUIET, linewidth=0.8, linestyle=":")
