"""The pictures that reports share: errors by step, of folds too, intervals, verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.plotting.axes import (
    ALARM,
    MODEL,
    QUIET,
    Path,
    colors_of,
    finished,
    ink,
    new_figure,
    ready,
    written,
)


def plot_folds(
    steps: Array, folds: Array, whole: Array, metric: str, best: Mapping[str, Array],
    *, ax: Any = None, filepath: Path = None,
) -> Any:  # fmt: skip
    """Draw errors by step of each fold, ``(folds, steps)``, of all, and of baselines by name."""
    ax = ready(ax)
    for number, errors in enumerate(folds):
        label = "each fold" if number == 0 else None
        ax.plot(steps, errors, color=QUIET, linewidth=0.9, marker=".", label=label)
    ax.plot(steps, whole, color=MODEL, linewidth=1.6, marker="o", label="all folds")
    for name, errors in best.items():
        ax.plot(steps, errors, color=ink(), linestyle="--", label=f"best baseline: {name}")
    ax.set_xlabel("step")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(metric)
    # Above the highest line is room for the legend.
    ax.set_ylim(0, 1.2 * ax.get_ylim()[1])
    ax.legend(frameon=False, fontsize="small", loc="upper center", ncols=3)
    return finished(ax, filepath)


def plot_errors(
    errors: Mapping[str, Any], metric: str, *, ax: Any = None, filepath: Path = None
) -> Any:
    """Draw errors at steps 1, 2, ... of models, and of a baseline, named last; None is a gap."""
    ax, highest = ready(ax), 0.0
    for (name, values), color in zip(errors.items(), colors_of(len(errors)), strict=True):
        heights = np.array(values, dtype=np.float64)
        steps = np.arange(1, len(heights) + 1)
        highest = max(highest, float(np.nanmax(heights, initial=0.0)))
        marker = "o" if len(heights) <= 31 else None
        ax.plot(steps, heights, color=color, linewidth=1.6, marker=marker, label=written(name))
    ax.set_xlabel("step")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(metric)
    # Above the highest marker, so that none is cut off.
    ax.set_ylim(0, 1.08 * highest or 1.0)
    ax.legend(frameon=False, loc="best")
    return finished(ax, filepath)


# Inches for one label, for what lies around them, and for the pictures below skills.
_EACH, _AROUND, _LOWER = 0.32, 1.0, 3.2
# A skill that is lower stands as a number, and an interval that reaches lower is cut off.
_LOWEST = -1.0
# How far apart points of one level lie.
_BESIDE = 0.01
_SAYS = {1: "better", -1: "worse", 0: "cannot be told apart"}


def draw_intervals(
    labels: Sequence[str],
    values: Array,
    low: Array,
    high: Array,
    remarks: Sequence[str],
    axis: str,
    says: Mapping[int, str],
    *,
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw a point and an interval for each column, the first one on top."""
    # The colour says on which side of 0 the interval lies. A point without an interval is hollow.
    # Values and the ends of their intervals are shares, NaN for none. A remark replaces the point
    # of its column. The height of a new figure grows with the number of columns.
    axes = ready(ax)
    if ax is None:
        axes.figure.set_figheight(max(_EACH * (len(labels) + 1) + _AROUND, 2))
    values, low, high = (100 * np.asarray(part, np.float64) for part in (values, low, high))
    places = np.arange(len(labels))
    points: dict[str, Any] = {}
    axes.plot([0, 0], [-0.5, len(labels) - 0.5], color=QUIET, linewidth=0.9, zorder=0)
    for place, remark in zip(places.tolist(), remarks, strict=True):
        if remark:
            axes.text(0, place, f"  {remark}", color=ink(), fontsize="small", va="center")
            continue
        verdict, color = says[0], QUIET
        if np.isnan(low[place]):
            verdict, color = "too few for an interval", ink()
        elif low[place] > 0:
            verdict, color = says[1], MODEL
        elif high[place] < 0:
            verdict, color = says[-1], ALARM
        axes.plot([low[place], high[place]], [place, place], color=color, linewidth=1.6)
        face = "none" if np.isnan(low[place]) else color
        (point,) = axes.plot(
            values[place], place, color=color, marker="o", linestyle="", markerfacecolor=face
        )
        points.setdefault(verdict, point)
    # One per cent on either side, so that a model that equals its baseline is not all rounding.
    axes.update_datalim([(-1, 0), (1, 0)])
    axes.autoscale_view(scaley=False)
    axes.set_yticks(places, [written(label) for label in labels])
    # Above the first label is a row for the legend.
    axes.set_ylim(len(labels) - 0.5, -1.5 if points else -0.5)
    if points:
        axes.legend(
            points.values(), points, frameon=False, fontsize="small", loc="upper right", ncols=4
        )
    axes.set_xlabel(f"{axis} (%)")
    return finished(axes, filepath)


def draw_verdict(
    skills: Mapping[str, Any],
    errors: Mapping[str, Any],
    below: Mapping[str, Any],
    metric: str,
    *,
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw skills with intervals; on a new figure errors by step and the reliability, too."""
    # ``errors`` and ``below`` are those of models, and of the best baseline, named last. Errors of
    # one step, and no ``below``, are not drawn.
    best = list(errors)[-1]
    axes, pictures, lower = ax, [], []
    if ax is None:
        pictures = [errors] * (len(errors[best]) > 1) + [below] * bool(below)
        heights = [max(_EACH * (len(skills) + 1) + _AROUND, 2), *[_LOWER] * bool(pictures)]
        figure = new_figure()
        figure.set_figheight(sum(heights))
        grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
        axes = figure.add_subplot(grid[0])
        if pictures:
            row = grid[1].subgridspec(1, len(pictures))
            lower = [figure.add_subplot(place) for place in row]
    value, low, high = np.array([skills[name][:3] for name in skills]).reshape(-1, 3).T
    remarks = [f"{100 * one:.0f} %" * bool(one < -1) for one in value.tolist()]
    draw_intervals(
        list(skills),
        value,
        np.maximum(low, _LOWEST),
        high,
        remarks,
        f"skill over {written(best)} by {metric}",
        _SAYS,
        ax=axes,
    )
    for picture, own in zip(pictures, lower, strict=True):
        if picture is errors:
            plot_errors(errors, metric, ax=own)
        else:
            _draw_reliability(below, dict(zip(errors, colors_of(len(errors)), strict=True)), own)
    if lower:
        # One legend for both; of the errors, which all have.
        handles, names = lower[0].get_legend_handles_labels()
        for own in lower:
            own.get_legend().remove()
        figure.legend(
            handles, names, frameon=False, fontsize="small", loc="outside lower center", ncols=3
        )
    return finished(axes, filepath)


def _draw_reliability(below: Mapping[str, Any], colors: Mapping[str, Any], ax: Any) -> None:
    """Draw by level the share of values below each quantile, and the share at or below it."""
    # A quantile is right if its level lies between the two, which differ where values repeat.
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=0.9)
    for place, (name, (levels, under, up_to)) in enumerate(below.items()):
        # Side by side, so that equal ranges show.
        places, color = np.asarray(levels) + _BESIDE * place, colors[name]
        ax.vlines(places, under, up_to, color=color, linewidth=1.6)
        ax.plot(
            places, (under + up_to) / 2, color=color, linewidth=0.9, marker="o", label=written(name)
        )
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel("level of the quantile")
    ax.set_ylabel("share of values below")
    ax.legend(frameon=False, loc="best")
    finished(ax, None)
