"""Ridge regression, mostly from sums of products over rows, so that memory is fixed.

``RidgeSums`` has the same inputs for all outputs, and chooses a penalty for each output: a linear
map of a window has one weight per step, of which a series of a thousand rows determines only a few.
``shrunken`` is for few rows, with one penalty for all outputs. ``StepSums`` is for the steps of a
forecast, which share the inputs of the window; each step adds its own columns known ahead.
"""

from typing import NamedTuple, Self

import numpy as np

from keras_ts._typing import Array

# Penalties of ``RidgeSums``, in units of the mean diagonal of ``X'X``. The last shrinks every
# weight to 0.
_PENALTIES = np.append(np.logspace(-5, 2, 29), np.inf)
# Penalties of ``shrunken``, in units of rows, for columns with a range of 1.
_IN_ROWS = (0.1, 0.3, 1.0, 3.0, 10.0, 1e12)
# The penalty of ``StepSums``, for inputs with a variance of 1.
_PENALTY = 1e-3
_TINY = np.finfo("float64").tiny
# Stands for zero residual degrees of freedom; such a fit is never chosen.
_NO_ROWS = 1e-9
# The rows with an output must have more than this share of the trace of ``X'X``: less is mostly
# rounding.
_LEAST = 1e-8


class RidgeSums:
    """Sums over rows of inputs and outputs, and the ridge coefficients that follow from them."""

    # With inputs ``X``, an output ``y`` and weights ``w``, the coefficients ``b`` minimize
    # ``sum(w (y - Xb)^2) + k |b|^2``. There is no intercept: inputs of 0 give outputs of 0. Each
    # output gets the penalty ``k`` with the least corrected information criterion
    # ``log(sum(w (y - Xb)^2)) + 2 (t + 1) / (n - t - 2)``, where ``t``, the trace of the matrix
    # that maps ``y`` to its fit, stays below ``n - 2`` (Hurvich, Simonoff and Tsai, Journal of the
    # Royal Statistical Society B 1998). For many rows this is generalized cross-validation, which
    # overfits if rows are few. ``n`` is ``sum(w)^2 / sum(w^2)``: rows of weight 0 do not count.
    # Each of the last ``others`` inputs is scaled to the mean square of all inputs before them, so
    # that one penalty suits both.

    def __init__(self, inputs: int, outputs: int, others: int = 0) -> None:
        self._others = others
        self._weight, self._squared_weight = np.zeros((2, outputs))
        self._gram = np.zeros((inputs, inputs))
        self._cross = np.zeros((inputs, outputs))
        self._squares = np.zeros(outputs)
        # By output, ``X'X`` of the rows that lack it, to subtract from ``X'X`` of all rows: a row
        # that lacks one output still counts for the others.
        self._lacking: dict[int, Array] = {}

    def add(self, inputs: Array, outputs: Array, weights: Array) -> None:
        """Add rows with weights; inputs must be finite, and outputs that are not are missing."""
        some = np.isfinite(outputs).any(axis=1)
        inputs, outputs, weights = inputs[some].astype("float64"), outputs[some], weights[some]
        present = np.isfinite(outputs)
        outputs = np.where(present, outputs, 0.0)
        weighted = inputs * weights[:, None]
        self._weight += weights @ present
        self._squared_weight += np.square(weights) @ present
        self._gram += inputs.T @ weighted
        self._cross += weighted.T @ outputs
        self._squares += weights @ np.square(outputs)
        for output in np.flatnonzero(~present.all(axis=0)).tolist():
            rows = ~present[:, output]
            of_rows = inputs[rows].T @ weighted[rows]
            self._lacking[output] = self._lacking.get(output, 0.0) + of_rows

    def coefficients(self) -> Array:
        """Return the coefficients ``(inputs, outputs)``; 0 if all inputs are 0."""
        coefficients = np.zeros_like(self._cross)
        complete = [i for i in range(len(self._squares)) if i not in self._lacking]
        if complete:
            coefficients[:, complete] = self._solved(self._gram, complete)
        for output, lacking in self._lacking.items():
            coefficients[:, [output]] = self._solved(self._gram - lacking, [output])
        return coefficients

    def _solved(self, gram: Array, outputs: list[int]) -> Array:
        """Return the coefficients of outputs that are fitted to the same rows."""
        cross, squares = self._cross[:, outputs], self._squares[outputs]
        first, sizes = len(gram) - self._others, np.diag(gram)
        unit = sizes[:first].mean()
        if not (unit > 0 and sizes.sum() > _LEAST * np.trace(self._gram)):
            return np.zeros_like(cross)
        factors = np.ones((len(sizes), 1))
        factors[first:, 0] = np.sqrt(unit / np.where(sizes[first:] > 0, sizes[first:], np.inf))
        # The eigenvalues of ``X'X`` solve the regression for any penalty.
        spectrum, directions = np.linalg.eigh(factors * gram * factors.T)
        spectrum = np.maximum(spectrum, 0.0)  # Below 0 there is only rounding.
        along = directions.T @ (factors * cross)
        shrunk = spectrum + _PENALTIES[:, None] * unit
        shares = spectrum / shrunk
        left = squares - ((2 - shares) / shrunk) @ np.square(along)
        used = shares.sum(axis=1, keepdims=True)
        rows = self._weight[outputs] ** 2 / self._squared_weight[outputs]
        free = np.maximum(rows - used - 2, _NO_ROWS)
        scores = np.log(np.maximum(left, _TINY)) + 2 * (used + 1) / free
        penalty = _PENALTIES[np.argmin(scores, axis=0)] * unit
        return factors * (directions @ (along / (spectrum[:, None] + penalty)))


def shrunken(inputs: Array, outputs: Array) -> tuple[Array, Array, float]:
    """Return input means, coefficients, and the penalty with the least error of left-out rows."""
    # The errors of left-out rows have a closed form. An information criterion would have to
    # estimate the noise, which few rows do not allow.
    center, scaled, size = _ranged(inputs)
    left = outputs - outputs.mean(axis=0)
    spread = np.square(left).sum(axis=0)
    best = (np.inf, _IN_ROWS[-1], np.zeros((inputs.shape[1], outputs.shape[1])))
    for penalty in _IN_ROWS[::-1]:
        solved, shares = _mapped(scaled, penalty)
        kernel = solved @ left
        errors = (left - scaled @ kernel) / np.maximum(1 - shares, _TINY)[:, None]
        error = float((np.square(errors).sum(axis=0) / np.where(spread > 0, spread, 1.0)).sum())
        if error < best[0]:
            best = (error, penalty, kernel)
    return center, best[2] / size[:, None], best[1]


def leverages(inputs: Array, penalty: float) -> Array:
    """Return the leverage of each row in ``shrunken``, ``(rows,)``."""
    # If a row is left out, its error is divided by one minus its leverage.
    return _mapped(_ranged(inputs)[1], penalty)[1]


def _mapped(scaled: Array, penalty: float) -> tuple[Array, Array]:
    """Return the matrix that maps outputs to coefficients, and the leverage of each row."""
    solved = np.linalg.solve(scaled.T @ scaled + penalty * np.eye(scaled.shape[1]), scaled.T)
    return solved, 1 / len(scaled) + (scaled.T * solved).sum(axis=0)


def _ranged(inputs: Array) -> tuple[Array, Array, Array]:
    """Return the means of columns, the columns centered and divided by ranges, and the ranges."""
    inputs = inputs.astype("float64")
    center, size = inputs.mean(axis=0), np.ptp(inputs, axis=0)
    size = np.where(size > 0, size, 1.0)
    return center, (inputs - center) / size, size


class _Unit(NamedTuple):
    """An origin and a unit for each column."""

    # Numbers far from 0 lose digits in sums of products, so that their mean is subtracted. The
    # squares of very large numbers overflow, so that all are divided by a power of two.

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
        """Return values in this unit, counted from the origin."""
        return (values - self.origin) / self.unit


class _Units(NamedTuple):
    """The units of the window's inputs, of the columns known ahead, and of targets."""

    window: _Unit
    ahead: _Unit
    y: _Unit


class Line(NamedTuple):
    """The regression of one target, by step."""

    units: _Units
    window: Array  # (inputs, steps)
    ahead: Array  # (steps, columns)
    constant: Array  # (steps,)

    def at(self, window: Array, ahead: Array) -> Array:
        """Return the forecasts for some inputs, ``(windows, steps)``."""
        units = self.units
        y = _zeroed(units.window.take(window)) @ self.window + self.constant
        y += np.einsum("nsk,sk->ns", _zeroed(units.ahead.take(ahead)), self.ahead)
        return y * units.y.unit + units.y.origin


class StepSums:
    """Sums of products over windows for one target; each step adds ``columns`` known ahead."""

    def __init__(self, inputs: int, steps: int, columns: int) -> None:
        self._shared = np.zeros((1 + inputs, 1 + inputs))
        self._cross = np.zeros((1 + inputs, steps, columns + 1))
        self._per_step = np.zeros((steps, columns, columns + 1))
        # By step, products over the windows that lack its target, to subtract from those of all.
        self._absent: dict[int, Array] = {}
        self._units: _Units | None = None  # Of the first windows, and the same at all steps.

    def add(self, window: Array, ahead: Array, y: Array, weights: Array | None = None) -> None:
        """Add finite inputs and targets ``y``, ``(windows, steps)``, NaN where one is missing."""
        missing = np.isnan(y)
        if missing.all():
            return
        if self._units is None:
            both = (0, 1)
            self._units = _Units(_Unit.of(window, (0,)), _Unit.of(ahead, both), _Unit.of(y, both))
        parts = zip(self._units, (window, ahead, y), strict=True)
        window, ahead, y = (unit.take(values) for unit, values in parts)
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
    # The inputs that all steps share are eliminated first: their products are factorized once, and
    # leave a system of the step's columns for each step. The sums of products are
    # ``shared``, ``(1 + inputs, 1 + inputs)``: of a column of ones and the inputs;
    # ``cross``, ``(1 + inputs, steps, columns + 1)``: of these with each step's columns and target;
    # ``per_step``, ``(steps, columns, columns + 1)``: of each step's columns with themselves and
    # with the step's target.
    count = shared[0, 0]
    means, of_step = shared[0, 1:] / count, cross[0] / count
    gram = shared[1:, 1:] / count - means[:, None] * means
    mixed = cross[1:] / count - means[:, None, None] * of_step
    steps = per_step / count - of_step[:, :-1, None] * of_step[:, None]
    # All is divided by standard deviations.
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
