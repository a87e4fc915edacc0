"""Computes the rate of each step of a sweep from the step's number. NumPy alone."""

from dataclasses import dataclass

import numpy as np

from keras_ts import _checks

_SMALLEST, _LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


# With ``end``, the rate of step ``i`` is ``start * (end / start) ** (i / (steps - 1))``, from
# ``start`` to exactly ``end``. With ``per_decade``, it is ``start * 10 ** (i / per_decade)``, for
# any number of steps.
@dataclass(frozen=True)
class GeometricSchedule:
    """Gives rates that grow by a constant factor; takes ``end`` or ``per_decade``."""

    start: float
    end: float | None = None
    steps: int | None = None
    per_decade: float | None = None

    def __post_init__(self) -> None:
        _check_rate("start_lr", self.start)
        if (self.end is None) == (self.per_decade is None):
            received = "neither" if self.end is None else "both"
            raise ValueError(
                "Give either end_lr or steps_per_decade; end_lr without steps takes as many steps "
                f"as the fit has. Received {received}."
            )
        if self.end is not None and _check_rate("end_lr", self.end) <= self.start:
            raise ValueError(
                f"end_lr must be larger than start_lr. Received: start_lr={self.start}, "
                f"end_lr={self.end}."
            )
        if self.per_decade is not None:
            _checks.positive("steps_per_decade", self.per_decade)
        if self.steps is not None:
            _checks.integer("steps", self.steps, 2)

    def rate(self, step: int) -> float:
        """Return the rate of a step, counted from 0; a schedule with ``end`` needs ``steps``."""
        if self.per_decade is not None:
            return float(self.start * 10.0 ** (step / self.per_decade))
        assert self.end is not None
        assert self.steps is not None
        if step == self.steps - 1:
            return self.end
        return float(self.start * (self.end / self.start) ** (step / (self.steps - 1)))


def _check_rate(name: str, value: float) -> float:
    rate = _checks.positive(name, value)
    # Optimizers keep their rate in float32, where a smaller one becomes 0 and a larger infinite.
    if not _SMALLEST <= rate <= _LARGEST:
        raise ValueError(f"{name} must be a rate that float32 can hold. Received: {name}={rate}.")
    return rate
