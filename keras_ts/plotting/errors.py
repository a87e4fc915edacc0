"""``plot_errors``: the error of forecasters at each step ahead, from arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts.plotting.axes import MODEL, Path, finished_axes, ink, own_axes, written


def plot_errors(
    errors: Mapping[str, Sequence[float | None]], metric: str, filepath: Path = None
) -> Any:
    """Draw the error of a model and of a baseline at each step.

    Args:
        errors: The errors at steps 1, 2, ... by the name of their forecaster, the model's first.
            None leaves a gap.
        metric: Name of the metric.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.
    """
    ax, highest = own_axes(), 0.0
    for (name, values), color in zip(errors.items(), (MODEL, ink()), strict=False):
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
    return finished_axes(ax, filepath)
