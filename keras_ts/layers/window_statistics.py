"""The statistics by which ``NormalizeWindow`` normalizes: one row of ``STATISTICS`` each.

A row reads statistics and never a window, so that it is right for whole windows, for masked ones
and for steps that may use only those before them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
from keras import ops


# The three forms below differ in which steps enter. What one of them cannot give is abstract here.
# ``RunningSteps`` alone may set it to None, and a row that reads it is then refused with
# ``causal=True``.
class Steps(ABC):
    """What a row of ``STATISTICS`` may read of windows, each computed when it is read."""

    def __init__(self, values: Any, epsilon: float) -> None:
        self._values, self._epsilon = values, epsilon

    @property
    @abstractmethod
    def last(self) -> Any:
        """The latest value."""

    @property
    @abstractmethod
    def level(self) -> Any:
        """The latest value of a window whose season has been taken off."""

    @property
    @abstractmethod
    def mean(self) -> Any:
        """The mean."""

    @property
    @abstractmethod
    def _variance(self) -> Any:
        """The variance."""

    @cached_property
    def deviation(self) -> Any:
        """The standard deviation, which is not 0 in a constant window."""
        return ops.sqrt(self._variance + self._epsilon)


# The location and the scale of each statistic. With the season comes an argument, ``period``.
STATISTICS: dict[str, Callable[[Steps], tuple[Any, Any]]] = {
    "last": lambda steps: (steps.last, steps.deviation),
    "mean": lambda steps: (steps.mean, ops.ones_like(steps.mean)),
    "standard": lambda steps: (steps.mean, steps.deviation),
    "seasonal": lambda steps: (steps.level, steps.deviation),
}


class WholeWindows(Steps):
    """All steps of each window."""

    @property
    def last(self) -> Any:
        """The value of the last step."""
        return self._values[:, -1:]

    @property
    def level(self) -> Any:
        """The same, since the season is off the values already."""
        return self.last

    @cached_property
    def mean(self) -> Any:
        """The mean of all steps."""
        return ops.mean(self._values, axis=1, keepdims=True)

    @property
    def _variance(self) -> Any:
        return ops.mean(ops.square(self._values - self.mean), axis=1, keepdims=True)


class KeptSteps(Steps):
    """The steps of each window that are not masked."""

    def __init__(self, values: Any, epsilon: float, kept: Any, at_last: Any, counts: Any) -> None:
        super().__init__(values, epsilon)
        self._kept, self._at_last = kept, at_last
        self._total = ops.cast(ops.maximum(counts, 1), values.dtype)

    @property
    def last(self) -> Any:
        """The value of the last step that is not masked, or 0 if all are."""
        return ops.sum(zero_unless(self._at_last, self._values), axis=1, keepdims=True)

    @property
    def level(self) -> Any:
        """The same, since the season is off the values already."""
        return self.last

    @cached_property
    def mean(self) -> Any:
        """The mean of the steps that are not masked, or 0 if all are."""
        return self._mean_of(self._values)

    @property
    def _variance(self) -> Any:
        return self._mean_of(ops.square(self._values - self.mean))

    def _mean_of(self, values: Any) -> Any:
        return ops.sum(zero_unless(self._kept, values), axis=1, keepdims=True) / self._total


class RunningSteps(Steps):
    """At each step, the step itself and those before it; ``last`` is the step before."""

    level: Any = None  # A season is read off the whole window.

    def __init__(self, values: Any, epsilon: float) -> None:
        super().__init__(values, epsilon)
        self._seen = ops.cumsum(ops.ones_like(values), axis=1)
        # Distances from the first value keep the difference of squares from cancelling.
        self._moved = values - values[:, :1]
        self._mean_moved = ops.cumsum(self._moved, axis=1) / self._seen

    @cached_property
    def last(self) -> Any:
        """The value of the step before, and of the first step its own."""
        return ops.concatenate([self._values[:, :1], self._values[:, :-1]], axis=1)

    @cached_property
    def mean(self) -> Any:
        """The mean of the steps so far."""
        return self._values[:, :1] + self._mean_moved

    @property
    def _variance(self) -> Any:
        squares = ops.cumsum(ops.square(self._moved), axis=1) / self._seen
        return ops.maximum(squares - ops.square(self._mean_moved), 0.0)


class _Recorder:
    """Notes the names of the statistics that a row reads."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return keras.KerasTensor((None, None, 1))


def has_running_form(statistic: str) -> bool:
    """Return True if each step can have the statistic of the steps up to it alone."""
    recorder: Any = _Recorder()
    STATISTICS[statistic](recorder)
    return all(getattr(RunningSteps, name) is not None for name in recorder.names)


def zero_unless(condition: Any, values: Any) -> Any:
    """Return the values where the condition holds, and 0 elsewhere."""
    return ops.where(condition, values, ops.zeros_like(values))
