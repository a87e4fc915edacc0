"""The statistics by which ``NormalizeWindow`` normalizes: one row of ``STATISTICS`` each.

A row reads statistics and never a window, so that it is right for whole windows, for masked ones
and for steps that may use only those before them.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from keras import ops


class Steps(NamedTuple):
    """What a row of ``STATISTICS`` may read of windows."""

    last: Any  # the latest value
    mean: Any
    deviation: Any  # the standard deviation, which is not 0 in a constant window


Statistic = Literal["last", "mean", "standard", "seasonal"]
# The location and the scale of each statistic. ``"seasonal"`` also takes ``period``, and its season
# is subtracted from the values beforehand.
STATISTICS: dict[str, Callable[[Steps], tuple[Any, Any]]] = {
    "last": lambda steps: (steps.last, steps.deviation),
    "mean": lambda steps: (steps.mean, ops.ones_like(steps.mean)),
    "standard": lambda steps: (steps.mean, steps.deviation),
    "seasonal": lambda steps: (steps.last, steps.deviation),
}
# Those that need the whole window, so that no step has them from the steps up to it.
OF_WHOLE_WINDOWS = ("seasonal",)


def of_windows(values: Any, epsilon: float) -> Steps:
    """Return the statistics of all steps of each window."""
    mean = ops.mean(values, axis=1, keepdims=True)
    variance = ops.mean(ops.square(values - mean), axis=1, keepdims=True)
    return Steps(values[:, -1:], mean, ops.sqrt(variance + epsilon))


def of_present(values: Any, epsilon: float, present: Any, at_last: Any, counts: Any) -> Steps:
    """Return the statistics of the steps that are ``present``; last and mean are 0 without any."""
    total = ops.cast(ops.maximum(counts, 1), values.dtype)

    def mean_of(each: Any) -> Any:
        return ops.sum(zero_unless(present, each), axis=1, keepdims=True) / total

    mean = mean_of(values)
    variance = mean_of(ops.square(values - mean))
    return Steps(value_at(at_last, values), mean, ops.sqrt(variance + epsilon))


def of_steps_so_far(values: Any, epsilon: float) -> Steps:
    """Return, at each step, the statistics of it and those before; ``last`` is the step before."""
    seen = ops.cumsum(ops.ones_like(values), axis=1)
    # Distances from the first value keep the difference of squares from cancelling.
    moved = values - values[:, :1]
    mean_moved = ops.cumsum(moved, axis=1) / seen
    squares = ops.cumsum(ops.square(moved), axis=1) / seen
    variance = ops.maximum(squares - ops.square(mean_moved), 0.0)
    before = ops.concatenate([values[:, :1], values[:, :-1]], axis=1)
    return Steps(before, values[:, :1] + mean_moved, ops.sqrt(variance + epsilon))


def value_at(step: Any, values: Any) -> Any:
    """Return the value of each window at the one step that is True, 0 without any."""
    return ops.sum(zero_unless(step, values), axis=1, keepdims=True)


def zero_unless(condition: Any, values: Any) -> Any:
    """Return the values where the condition holds, and 0 elsewhere."""
    return ops.where(condition, values, ops.zeros_like(values))
