"""Draws by how much a model errs more where a column is shuffled."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.plotting.axes import (
    ALARM,
    MODEL,
    QUIET,
    Path,
    finished_axes,
    ink,
    ready_axes,
    written,
)

# Inches for one column and for what lies around them.
_EACH, _AROUND = 0.32, 1.0


def draw_importance(
    labels: Sequence[str],
    increase: Array,
    low: Array,
    high: Array,
    remarks: Sequence[str],
    error: str,
    *,
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw a point and an interval for each column, the first one on top.

    The colour says on which side of 0 the interval lies. A point without an interval is hollow.

    ``increase`` and the ends of its interval are shares, NaN for none. A remark stands in place of
    its column's point. A new figure is as high as the columns ask.
    """
    axes = ready_axes(ax)
    if ax is None:
        axes.figure.set_figheight(max(_EACH * (len(labels) + 1) + _AROUND, 2))
    increase, low, high = (100 * np.asarray(part, np.float64) for part in (increase, low, high))
    places = np.arange(len(labels))
    points: dict[str, Any] = {}
    axes.plot([0, 0], [-0.5, len(labels) - 0.5], color=QUIET, linewidth=0.9, zorder=0)
    for place, remark in zip(places.tolist(), remarks, strict=True):
        if remark:
            axes.text(0, place, f"  {remark}", color=ink(), fontsize="small", va="center")
            continue
        verdict, color = _verdict(low[place], high[place])
        axes.plot([low[place], high[place]], [place, place], color=color, linewidth=1.6)
        face = "none" if np.isnan(low[place]) else color
        (point,) = axes.plot(
            increase[place], place, color=color, marker="o", linestyle="", markerfacecolor=face
        )
        points.setdefault(verdict, point)
    axes.set_yticks(places, [written(label) for label in labels])
    # Above the first column is a row for the legend.
    axes.set_ylim(len(labels) - 0.5, -1.5 if points else -0.5)
    if points:
        axes.legend(
            points.values(), points, frameon=False, fontsize="small", loc="upper right", ncols=4
        )
    axes.set_xlabel(f"increase of the {error} when shuffled (%)")
    return finished_axes(axes, filepath)


def _verdict(low: float, high: float) -> tuple[str, str]:
    """Return what an interval says, and the color for it."""
    if np.isnan(low):
        return "too few for an interval", ink()
    if low > 0:
        return "matters", MODEL
    return ("misleads", ALARM) if high < 0 else ("cannot be told from noise", QUIET)
