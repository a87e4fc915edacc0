"""Pictures for reports: errors by step and fold, intervals, verdicts."""

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
    steps: Array, folds: Array, all_folds: Array, metric: str, best: Mapping[str, Array],
    *, ax: Any = None, filepath: Path = None,
) -> Any:  # fmt: skip
    """Draw errors by step: of each fold, ``(folds, steps)``, of all folds, and of a baseline."""
    ax = ready(ax)
    for number, errors in enumerate(folds):
        label = "each fold" if number == 0 else None
        ax.plot(steps, errors, color=QUIET, linewidth=0.9, marker=".", label=label)
    ax.plot(steps, all_folds, color=MODEL, linewidth=1.6, marker="o", label="all folds")
    for name, errors in best.items():
        ax.plot(steps, errors, color=ink(), linestyle="--", label=f"best baseline: {name}")
    ax.set_xlabel("step")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(metric)
    # Leave room for the legend above the highest line.
    ax.set_ylim(0, 1.2 * ax.get_ylim()[1])
    ax.legend(frameon=False, fontsize="small", loc="upper center", ncols=3)
    return finished(ax, filepath)


def plot_errors(
    errors: Mapping[str, Any], metric: str, *, ax: Any = None, filepath: Path = None
) -> Any:
    """Draw the errors of models and, last, a baseline at steps 1, 2, ...; None leaves a gap."""
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
    # Leave room for the highest marker.
    ax.set_ylim(0, 1.08 * highest or 1.0)
    ax.legend(frameon=False, loc="best")
    return finished(ax, filepath)


# Heights in inches: of one label, of the space around all, and of the pictures below skills.
_EACH, _AROUND, _LOWER = 0.32, 1.0, 3.2
# A skill below this is written as a number, and an interval that reaches below it is cut off.
_LOWEST = -1.0
# The horizontal distance between the points of two models at one level.
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
    """Draw a point and an interval for each label, the first one on top."""
    # The color shows on which side of 0 the interval lies; ``says`` names each side in the legend.
    # ``values``, ``low`` and ``high`` are shares. NaN in ``low`` means no interval, and draws a
    # hollow point. A remark replaces the point of its label, unless it is empty.
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
    # The axis shows at least -1 % to 1 %: a narrower one would magnify errors of rounding.
    axes.update_datalim([(-1, 0), (1, 0)])
    axes.autoscale_view(scaley=False)
    axes.set_yticks(places, [written(label) for label in labels])
    # Leave a row for the legend above the first label.
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
    """Draw skills with intervals and, on a new figure, errors by step and the reliability."""
    # ``errors`` and ``below`` hold the models, then the best baseline. Errors by step are not
    # drawn if there is only one step.
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
    remarks = [f"{100 * skill:.0f} %" * bool(skill < _LOWEST) for skill in value.tolist()]
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
    for picture, lower_ax in zip(pictures, lower, strict=True):
        if picture is errors:
            plot_errors(errors, metric, ax=lower_ax)
        else:
            _draw_reliability(below, list(errors), lower_ax)
    if lower:
        # Both pictures share the legend of the first, which names every forecaster.
        handles, names = lower[0].get_legend_handles_labels()
        for lower_ax in lower:
            lower_ax.get_legend().remove()
        figure.legend(
            handles, names, frameon=False, fontsize="small", loc="outside lower center", ncols=3
        )
    return finished(axes, filepath)


def _draw_reliability(below: Mapping[str, Any], models: list[str], ax: Any) -> None:
    """Draw the shares of values below each quantile, and at or below it, over the levels."""
    # A quantile is right if its level lies between the two shares, which differ by the values that
    # equal the quantile.
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=0.9)
    colors = colors_of(len(models))
    for place, (name, (levels, under, up_to)) in enumerate(below.items()):
        # Models are drawn side by side, so that equal ranges do not hide each other.
        places, color = np.asarray(levels) + _BESIDE * place, colors[models.index(name)]
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
