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
    finished,
    ink,
    legend_above,
    new_figure,
    ready,
    written,
)

# Heights in inches: of one label, of the space around all, and of the pictures below skills.
_EACH, _AROUND, _LOWER = 0.32, 1.0, 3.2
# A skill below this is written as a number, and an interval that reaches below it is cut off.
_LOWEST = -1.0
_SAYS = {1: "better", -1: "worse", 0: "cannot be told apart"}


def plot_folds(
    steps: Array, folds: Array, all_folds: Array, metric: str, best: Mapping[str, Array],
    *, ax: Any = None, filepath: Path = None,
) -> Any:  # fmt: skip
    """Draw errors by step: of each fold, ``(folds, steps)``, of all folds, and of a baseline."""
    ax = ready(ax)
    lines = ax.plot(steps, folds.T, color=QUIET, linewidth=0.9, marker=".")
    lines[0].set_label("each fold")
    ax.plot(steps, all_folds, color=MODEL, linewidth=1.6, marker="o", label="all folds")
    for name, errors in best.items():
        ax.plot(steps, errors, color=ink(), linestyle="--", label=f"best baseline: {name}")
    return _by_step(ax, metric, filepath)


def plot_errors(
    errors: Mapping[str, Any], metric: str, *, ax: Any = None, filepath: Path = None
) -> Any:
    """Draw the errors of models and, last, a baseline at steps 1, 2, ...; None leaves a gap."""
    ax = ready(ax)
    for (name, values), color in zip(errors.items(), _colors(len(errors)), strict=True):
        heights = np.array(values, dtype=np.float64)
        steps, marker = np.arange(1, len(heights) + 1), "o" if len(heights) <= 31 else None
        ax.plot(steps, heights, color=color, linewidth=1.6, marker=marker, label=written(name))
    return _by_step(ax, metric, filepath)


def _by_step(ax: Any, metric: str, filepath: Path) -> Any:
    ax.set_xlabel("step")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel(metric)
    ax.set_ylim(bottom=0)
    legend_above(ax)
    return finished(ax, filepath)


def _colors(count: int) -> list[Any]:
    """Return ``count`` colors: those of the models, then that of the baseline."""
    models = [MODEL, *(f"C{place}" for place in range(count))]
    return [*models[: max(count - 1, 1)], ink()][:count]


def draw_intervals(
    labels: Sequence[str], values: Array, low: Array, high: Array, remarks: Sequence[str],
    axis: str, says: Mapping[int, str], *, ax: Any = None, filepath: Path = None,
) -> Any:  # fmt: skip
    """Draw a point and an interval for each label, the first one on top."""
    # The color shows on which side of 0 the interval lies; ``says`` names each side in the legend.
    # ``values``, ``low`` and ``high`` are shares. NaN in ``low`` means no interval, and draws a
    # hollow point. A remark replaces the point of its label, unless it is empty.
    axes = ready(ax)
    if ax is None:
        axes.figure.set_figheight(max(_EACH * (len(labels) + 1) + _AROUND, 2))
    values, low, high = (100 * np.asarray(part, np.float64) for part in (values, low, high))
    points: dict[str, Any] = {}
    axes.axvline(0, color=QUIET, linewidth=0.9, zorder=0)
    for place, remark in enumerate(remarks):
        if remark:
            axes.text(0, place, f"  {remark}", color=ink(), fontsize="small", va="center")
            continue
        verdict, color, face = says[0], QUIET, None
        if np.isnan(low[place]):
            verdict, color, face = "too few for an interval", ink(), "none"
        elif low[place] > 0:
            verdict, color = says[1], MODEL
        elif high[place] < 0:
            verdict, color = says[-1], ALARM
        axes.plot([low[place], high[place]], [place, place], color=color, linewidth=1.6)
        (point,) = axes.plot(values[place], place, "o", color=color, markerfacecolor=face)
        points.setdefault(verdict, point)
    # The axis shows at least -1 % to 1 %: a narrower one would magnify errors of rounding.
    axes.update_datalim([(-1, 0), (1, 0)])
    axes.autoscale_view(scaley=False)
    axes.set_yticks(range(len(labels)), [written(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(f"{axis} (%)")
    legend_above(axes, points)
    return finished(axes, filepath)


def draw_verdict(
    skills: Mapping[str, Any], errors: Mapping[str, Any], below: Mapping[str, Any], metric: str,
    *, ax: Any = None, filepath: Path = None,
) -> Any:  # fmt: skip
    """Draw skills with intervals and, on a new figure, errors by step and the reliability."""
    # ``errors`` and ``below`` hold the models, then the best baseline. Errors by step are not
    # drawn if there is only one step.
    best = list(errors)[-1]
    axes = [ax]
    if ax is None:
        lower = (len(errors[best]) > 1) + bool(below)
        heights = [max(_EACH * (len(skills) + 1) + _AROUND, 2), *[_LOWER] * lower]
        figure = new_figure()
        figure.set_figheight(sum(heights))
        axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
        if len(errors[best]) > 1:
            plot_errors(errors, metric, ax=axes[1])
        if below:
            _draw_reliability(below, list(errors), axes[-1])
    value, low, high = np.array([skills[name][:3] for name in skills]).reshape(-1, 3).T
    remarks = [f"{100 * skill:.0f} %" * bool(skill < _LOWEST) for skill in value.tolist()]
    low, label = np.maximum(low, _LOWEST), f"skill over {written(best)} by {metric}"
    return draw_intervals(
        list(skills), value, low, high, remarks, label, _SAYS, ax=axes[0], filepath=filepath
    )


def _draw_reliability(below: Mapping[str, Any], models: list[str], ax: Any) -> None:
    """Draw the shares of values below each quantile, and at or below it, over the levels."""
    # A quantile is right if its level lies between the two shares, which differ by the values that
    # equal the quantile.
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=0.9)
    colors = dict(zip(models, _colors(len(models)), strict=True))
    for name, (levels, under, up_to) in below.items():
        color = colors[name]
        ax.vlines(levels, under, up_to, color=color, linewidth=1.6)
        ax.plot(levels, (under + up_to) / 2, "o-", color=color, linewidth=0.9, label=written(name))
    ax.set_xlabel("level of the quantile")
    ax.set_ylabel("share of values below")
    legend_above(ax)
    finished(ax, None)
