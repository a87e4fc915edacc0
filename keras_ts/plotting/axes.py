"""Makes, labels and saves the axes of every picture.

Every ``plot_*`` function draws on the axes that it gets, or on new ones, saves a file if it gets a
``filepath``, and returns the axes. matplotlib is imported when the first picture is drawn, so
``import keras_ts`` does not need it.
"""

import os
import pathlib
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
    if ax is None:
        return new_figure().subplots()
    if not hasattr(ax, "spines"):
        raise TypeError(
            "ax must be matplotlib axes, as plt.subplots returns them; filepath= saves a picture. "
            f"Received: {type(ax).__name__}."
        )
    return ax


def new_figure(rows: int = 1) -> Any:
    """Return a new figure of pyplot, higher for several rows of axes."""
    pyplot = _checks.needed("matplotlib.pyplot", "A picture")
    width, height = _styled("figure.figsize", _SIZE)
    # A row of small axes is about half as high as a single picture.
    size = width, height * max(1.0, 0.25 + 0.45 * rows)
    return pyplot.figure(figsize=size, layout="constrained")


def own_axes() -> Any:
    """Return new axes for a file, which no window or notebook shows."""
    figure = _checks.needed("matplotlib.figure", "A picture").Figure
    return figure(figsize=_styled("figure.figsize", _SIZE), layout="constrained").subplots()


def ink() -> Any:
    """Return the color of data: ours, or that of text in a style that the user has chosen."""
    return _styled("text.color", _INK)


def colors_of(count: int) -> list[Any]:
    """Return ``count`` colors: those of the models, then that of the baseline."""
    models = [MODEL, *(f"C{place}" for place in range(count))]
    return [*models[: max(count - 1, 1)], ink()][:count]


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


def label_time(ax: Any, moments: Array | None) -> None:
    """Label the horizontal axis with times, or positions for None; shorten dates to fit."""
    ax.set_xlabel("position" if moments is None else "time")
    ax.margins(x=0.01)
    if moments is not None and np.issubdtype(moments.dtype, np.datetime64):
        from matplotlib import dates

        locator = dates.AutoDateLocator(minticks=3, maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
