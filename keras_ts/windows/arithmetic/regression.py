"""Ridge regression of each step of a forecast, from sums of products over windows.

All steps share the inputs of the window, and each step adds the columns known ahead at that step.
Only sums are kept, so that memory does not grow with the number of windows.
"""

from typing import NamedTuple, Self

import numpy as np

from keras_ts._typing import Array

# The penalty, for inputs with a variance of 1.
_PENALTY = 1e-3


class _Unit(NamedTuple):
    """An origin and a unit for each column."""

    # Numbers far from 0 lose digits in sums of products, so an origin near them is subtracted. The
    # squares of very large numbers overflow, so all are divided by a power of two.

    origin: Array
    unit: Array

    @classmethod
    def of(cls, values: Array, axes: tuple[int, ...]) -> Self:
        """Return the mean over some axes, and a power of two near the largest value."""
        present = np.isfinite(values)
        sizes = np.abs(values, where=present, out=np.zeros(values.shape))
        unit = np.exp2(np.frexp(sizes.max(axis=axes, initial=0.0))[1])
        total = np.sum(np.where(present, values, 0.0) / unit, axis=axes)
        return cls(total / np.maximum(present.sum(axis=axes), 1) * unit, unit)

    def take(self, values: Array) -> Array:
        """Return values in this unit."""
        return (values - self.origin) / self.unit

    def put_back(self, values: Array) -> Array:
        """Undo ``take``."""
        return values * self.unit + self.origin


class _Units(NamedTuple):
    """The units of shared inputs, of each step's own columns, and of targets."""

    window: _Unit
    ahead: _Unit
    y: _Unit

    @classmethod
    def of(cls, window: Array, ahead: Array, y: Array) -> Self:
        """Return units that suit these values; all steps have the same."""
        return cls(_Unit.of(window, (0,)), _Unit.of(ahead, (0, 1)), _Unit.of(y, (0, 1)))


class Line(NamedTuple):
    """The coefficients of one target, by step."""

    units: _Units
    window: Array  # (inputs, steps)
    ahead: Array  # (steps, columns)
    constant: Array  # (steps,)

    def at(self, window: Array, ahead: Array) -> Array:
        """Return the forecasts for some inputs, ``(windows, steps)``."""
        y = _zeroed(self.units.window.take(window)) @ self.window + self.constant
        y += np.einsum("nsk,sk->ns", _zeroed(self.units.ahead.take(ahead)), self.ahead)
        return self.units.y.put_back(y)


class StepSums:
    """Sums of products over the windows of one target; each step adds ``columns`` known ahead."""

    def __init__(self, inputs: int, steps: int, columns: int) -> None:
        self._shared = np.zeros((1 + inputs, 1 + inputs))
        self._cross = np.zeros((1 + inputs, steps, columns + 1))
        self._per_step = np.zeros((steps, columns, columns + 1))
        # The products over windows that lack a target at a step, by step: they are subtracted.
        self._absent: dict[int, Array] = {}
        self._units: _Units | None = None

    def add(self, window: Array, ahead: Array, y: Array, weights: Array | None = None) -> None:
        """Add finite inputs and targets ``y``, ``(windows, steps)``, NaN where one is missing."""
        missing = np.isnan(y)
        if missing.all():
            return
        if self._units is None:
            self._units = _Units.of(window, ahead, y)
        window, ahead, y = (
            self._units.window.take(window),
            self._units.ahead.take(ahead),
            self._units.y.take(y),
        )
        # A column of ones, whose products are the sums of the others.
        window = np.concatenate([np.ones((len(window), 1)), window], axis=1)
        of_step = _zeroed(np.concatenate([ahead, y[..., None]], axis=2))
        if weights is not None:
            root = np.sqrt(weights)[:, None]
            window, of_step = window * root, of_step * root[..., None]
        self._shared += window.T @ window
        self._cross += (window.T @ of_step.reshape(len(y), -1)).reshape(self._cross.shape)
        by_step = of_step.transpose(1, 0, 2)
        self._per_step += by_step[..., :-1].transpose(0, 2, 1) @ by_step
        for step in np.flatnonzero(missing.any(axis=0)).tolist():
            lacking = missing[:, step]
            rows = np.concatenate([window[lacking], of_step[lacking, step]], axis=1)
            self._absent[step] = self._absent.get(step, 0.0) + rows.T @ rows

    def line(self) -> Line:
        """Return the ridge coefficients of all steps; 0 for a step without a target."""
        size, (steps, columns, _) = len(self._shared), self._per_step.shape
        window, ahead = np.zeros((size - 1, steps)), np.zeros((steps, columns))
        constant = np.zeros(steps)
        # Subtracting windows leaves rounding errors, which must not count as variance.
        squares = np.diag(self._shared), np.diagonal(self._per_step, axis1=1, axis2=2)
        complete = [step for step in range(steps) if step not in self._absent]
        for some in [complete, *([step] for step in self._absent)]:
            shared, cross, of_step = self._shared, self._cross[:, some], self._per_step[some]
            if some != complete:
                absent = self._absent[some[0]]
                shared = shared - absent[:size, :size]
                cross = cross - absent[:size, None, size:]
                of_step = of_step - absent[None, size:-1, size:]
            if some and shared[0, 0] > 0:
                window[:, some], ahead[some], constant[some] = _solved(
                    shared, cross, of_step, squares[0], squares[1][some]
                )
        as_it_is = _Unit(np.zeros(1), np.ones(1))
        return Line(self._units or _Units(*[as_it_is] * 3), window, ahead, constant)


def _solved(
    shared: Array, cross: Array, per_step: Array, shared_squares: Array, step_squares: Array
) -> tuple[Array, Array, Array]:
    """Return ridge coefficients and constants from sums of products."""
    # ``shared``, ``(1 + inputs, 1 + inputs)``, is of a column of ones and the inputs. ``cross``,
    # ``(1 + inputs, steps, columns + 1)``, is of these with each step's columns and target.
    # ``per_step``, ``(steps, columns, columns + 1)``, is of each step's columns with these and its
    # target.
    # The inputs that all steps share are eliminated first: their products are factorized once, and
    # a system of the step's own columns is left for each step.
    count = shared[0, 0]
    means, of_step = shared[0, 1:] / count, cross[0] / count
    gram = shared[1:, 1:] / count - means[:, None] * means
    mixed = cross[1:] / count - means[:, None, None] * of_step
    steps = per_step / count - of_step[:, :-1, None] * of_step[:, None]
    # In units of the standard deviations.
    units = _inverse_deviation(np.diag(gram), shared_squares[1:] / count)
    step_units = _inverse_deviation(np.diagonal(steps, axis1=1, axis2=2), step_squares / count)
    gram = gram * units[:, None] * units
    mixed = mixed * units[:, None, None]
    mixed[..., :-1] *= step_units
    steps = steps * step_units[..., None]
    steps[..., :-1] *= step_units[:, None]
    # The step's columns and its target are each regressed on the shared inputs.
    through = np.linalg.solve(gram + _PENALTY * np.eye(len(gram)), mixed.reshape(len(gram), -1))
    through = through.reshape(mixed.shape).transpose(1, 0, 2)
    left = steps - mixed[..., :-1].transpose(1, 2, 0) @ through
    diagonal = _PENALTY * np.eye(per_step.shape[1])
    ahead = np.linalg.solve(left[..., :-1] + diagonal, left[..., -1:])
    window = (through[..., -1:] - through[..., :-1] @ ahead)[..., 0].T * units[:, None]
    ahead = ahead[..., 0] * step_units
    constant = of_step[:, -1] - means @ window - (of_step[:, :-1] * ahead).sum(axis=1)
    return window, ahead, constant


def _inverse_deviation(variance: Array, squares: Array) -> Array:
    """Return one over the standard deviation; 0 for a column that varies by rounding alone."""
    varies = variance > 1e-13 * squares + 1e-28
    return np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _zeroed(values: Array) -> Array:
    """Return values with 0 for those that are missing."""
    return np.where(np.isnan(values), 0.0, values)
