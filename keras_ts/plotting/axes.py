"""Makes, labels and saves the axes of every picture.

matplotlib is imported when the first picture is drawn, so ``import keras_ts`` does not need it.
"""

import os
import pathlib
from datetime import datetime
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._files import replacing
from keras_ts._typing import Array

Path = str | os.PathLike[str] | None

_LONGEST_NAME = 40
_SIZE = (8, 4)
_INK, MODEL, QUIET, ALARM = "#33414e", "#d1495b", "#9aa5b1", "#edae49"


def ready(ax: Any) -> Any:
    """Return ``ax``, or the axes of a new figure if ``ax`` is None."""
    return new_figure().subplots() if ax is None else ax


def new_figure(rows: int = 1) -> Any:
    """Return a new figure of pyplot, higher for several rows of axes."""
    pyplot = _checks.needed("matplotlib.pyplot", "A picture")
    width, height = _styled("figure.figsize", _SIZE)
    # A row of small axes is about half as high as a single picture.
    size = width, height * max(1.0, 0.25 + 0.45 * rows)
    return pyplot.figure(figsize=size, layout="constrained")


def ink() -> Any:
    """Return the color of data: ours, or that of text in a style that the user has chosen."""
    return _styled("text.color", _INK)


def _styled(name: str, ours: Any) -> Any:
    """Return a setting of matplotlib, or ``ours`` if the user has not changed it."""
    from matplotlib import rcParams, rcParamsDefault

    return ours if rcParams[name] == rcParamsDefault[name] else rcParams[name]


def finished(ax: Any, filepath: Path) -> Any:
    """Hide the upper and right border of the axes, and save the figure if ``filepath`` is given."""
    ax.spines[["top", "right"]].set_visible(False)
    if filepath is not None:
        with replacing(filepath) as temporary:
            ax.figure.savefig(temporary, dpi=120, format=pathlib.Path(filepath).suffix[1:] or "png")
    return ax


def written(name: Any) -> str:
    """Return a name from the data as a label that matplotlib shows literally."""
    # matplotlib reads the text between two ``$`` as a formula, and leaves a label that begins with
    # ``_`` out of a legend. Long names are cut in the middle, since ids often differ at the end.
    text = "".join(letter if letter.isprintable() else " " for letter in str(name))
    text = " ".join(text.split()) or repr(str(name))
    if len(text) > _LONGEST_NAME:
        text = f"{text[: _LONGEST_NAME // 2]}…{text[1 - _LONGEST_NAME // 2 :]}"
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def legend_above(ax: Any, points: dict[str, Any] | None = None) -> None:
    """Put a legend, by default of all labels, above the axes, where it covers nothing."""
    names = () if points is None else (points.values(), points)
    if ax.figure.get_layout_engine() is None:  # The figure would make no room.
        ax.legend(*names, frameon=False, loc="best")
    else:
        ax.legend(*names, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def moments_of(times: Any) -> Array:
    """Return times as an array without time zones: what is drawn are local times."""
    if getattr(getattr(times, "dtype", None), "time_zone", None):
        times = times.dt.replace_time_zone(None)  # NumPy would read polars' local times in UTC.
    moments = np.asarray(times)
    if moments.dtype == object:
        clock = [m.replace(tzinfo=None) if isinstance(m, datetime) else m for m in moments]
        moments = np.array(clock, "datetime64[us]")
    return moments


def label_time(ax: Any, moments: Array) -> None:
    """Label the horizontal axis of times or positions; shorten dates to fit."""
    ax.set_xlabel("time")
    ax.margins(x=0.01)
    if np.issubdtype(moments.dtype, np.datetime64):
        from matplotlib import dates

        locator = dates.AutoDateLocator(minticks=3, maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
