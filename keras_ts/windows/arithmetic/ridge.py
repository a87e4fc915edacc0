"""Ridge regression from sums over rows, with a penalty chosen by the data.

A linear map of a window has one weight per step, and a series of a thousand steps determines only
a few of them. A penalty shrinks the others. How large it must be depends on the noise, which is
unknown beforehand; an information criterion chooses it from the same sums.
"""

import numpy as np

from keras_ts._typing import Array

# Penalties to choose from, in units of the mean diagonal of ``X'X``. The last shrinks every weight
# to 0.
_PENALTIES = np.append(np.logspace(-5, 2, 29), np.inf)
_TINY = np.finfo("float64").tiny
# Stands for zero residual degrees of freedom; such a fit is never chosen.
_NO_ROWS = 1e-9
# Least share of ``X'X`` that the rows with an output must have. A smaller one is mostly rounding.
_LEAST = 1e-8


class Spectrum:
    """The eigenvalues of ``X'X``, which solve ridge regression of ``X'Y`` for any penalty."""

    def __init__(self, gram: Array, cross: Array) -> None:
        sizes, self._directions = np.linalg.eigh(gram)
        self.sizes = np.maximum(sizes, 0.0)  # Below 0 there is only rounding.
        self.along = np.swapaxes(self._directions, -1, -2) @ cross

    def coefficients(self, penalty: Array) -> Array:
        """Return ``(X'X + k I)^-1 X'Y``, with ``(..., outputs)`` penalties ``k``."""
        shrunk = self.sizes[..., None] + penalty[..., None, :]
        coefficients: Array = self._directions @ (self.along / shrunk)
        return coefficients


class RidgeSums:
    """Sums over rows of inputs and outputs, and the ridge coefficients that follow from them."""

    # With the inputs ``X``, an output ``y`` and weights ``w``, the coefficients minimize ``sum(w (y
    # - Xb)^2) + k |b|^2``. Of 30 penalties ``k`` each output gets the one with the least corrected
    # information criterion ``log(sum(w (y - Xb)^2)) + 2 (t + 1) / (n - t - 2)``, where ``t`` is the
    # trace of the matrix that maps ``y`` to its fit, and stays below ``n - 2`` (Hurvich, Simonoff
    # and Tsai, Journal of the Royal Statistical Society B 1998). For many rows this is generalized
    # cross-validation, which overfits few rows. The number of rows ``n`` is ``sum(w)^2 /
    # sum(w^2)``, so that rows of weight 0 do not count. The largest penalty is infinite: if no
    # inputs help, the coefficients are 0. There is no intercept, so that inputs of 0 give outputs
    # of 0. The last ``others`` of the inputs are of another kind: each is scaled to the mean square
    # of the first ones, so that one penalty suits both.

    def __init__(self, inputs: int, outputs: int, others: int = 0) -> None:
        self._others = others
        self._weight, self._squared_weight = np.zeros((2, outputs))
        self._gram = np.zeros((inputs, inputs))
        self._cross = np.zeros((inputs, outputs))
        self._squares = np.zeros(outputs)
        # ``X'X`` of the rows that lack an output, by output. They are subtracted, since rows that
        # lack an output are fewer than rows that lack any.
        self._lacking: dict[int, Array] = {}

    def add(self, inputs: Array, outputs: Array, weights: Array) -> None:
        """Add rows with weights; inputs are finite, and outputs that are not are missing."""
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
        """Return the coefficients, float64 ``(inputs, outputs)``; 0 if all inputs are 0."""
        coefficients = np.zeros_like(self._cross)
        whole = [i for i in range(len(self._squares)) if i not in self._lacking]
        if whole:
            coefficients[:, whole] = self._solved(self._gram, whole)
        for output, lacking in self._lacking.items():
            coefficients[:, [output]] = self._solved(self._gram - lacking, [output])
        return coefficients

    def _solved(self, gram: Array, outputs: list[int]) -> Array:
        """Return the coefficients of outputs that are fitted to the same rows."""
        cross, squares = self._cross[:, outputs], self._squares[outputs]
        if not np.trace(gram) > _LEAST * np.trace(self._gram):
            return np.zeros_like(cross)
        first, sizes = len(gram) - self._others, np.diag(gram)
        unit = sizes[:first].mean()
        if not unit > 0:
            return np.zeros_like(cross)
        factors = np.ones((len(sizes), 1))
        factors[first:, 0] = np.sqrt(unit / np.where(sizes[first:] > 0, sizes[first:], np.inf))
        spectrum = Spectrum(factors * gram * factors.T, factors * cross)
        shrunk = spectrum.sizes + _PENALTIES[:, None] * unit
        shares = spectrum.sizes / shrunk
        left = squares - ((2 - shares) / shrunk) @ np.square(spectrum.along)
        used = shares.sum(axis=1, keepdims=True)
        rows = self._weight[outputs] ** 2 / self._squared_weight[outputs]
        free = np.maximum(rows - used - 2, _NO_ROWS)
        scores = np.log(np.maximum(left, _TINY)) + 2 * (used + 1) / free
        return factors * spectrum.coefficients(_PENALTIES[np.argmin(scores, axis=0)] * unit)


# Of a few rows no information criterion knows the noise, but leaving each out has a closed form.
# Columns are scaled to the range of 1, as those of 0 and 1 have it; the penalties are in rows.
_IN_ROWS = (0.1, 0.3, 1.0, 3.0, 10.0, 1e12)


def shrunken(inputs: Array, outputs: Array) -> tuple[Array, Array, float]:
    """Return centers of inputs, coefficients, and the penalty that suits left-out rows best."""
    center, scaled, size = _ranged(inputs)
    left = outputs - outputs.mean(axis=0)
    spread = np.square(left).sum(axis=0)
    best = (np.inf, _IN_ROWS[-1], np.zeros((inputs.shape[1], outputs.shape[1])))
    for penalty in _IN_ROWS[::-1]:
        solved, shares = _solved(scaled, penalty)
        kernel = solved @ left
        errors = (left - scaled @ kernel) / np.maximum(1 - shares, _TINY)[:, None]
        error = float((np.square(errors).sum(axis=0) / np.where(spread > 0, spread, 1.0)).sum())
        if error < best[0]:
            best = (error, penalty, kernel)
    return center, best[2] / size[:, None], best[1]


def leverages(inputs: Array, penalty: float) -> Array:
    """Return the share that each row has in its own fit by ``shrunken``, ``(rows,)``."""
    # The error of a row that is left out is its error over one minus this share.
    return _solved(_ranged(inputs)[1], penalty)[1]


def _solved(scaled: Array, penalty: float) -> tuple[Array, Array]:
    """Return what maps outputs to coefficients, and each row's share in its own fit."""
    solved = np.linalg.solve(scaled.T @ scaled + penalty * np.eye(scaled.shape[1]), scaled.T)
    return solved, 1 / len(scaled) + (scaled.T * solved).sum(axis=0)


def _ranged(inputs: Array) -> tuple[Array, Array, Array]:
    """Return the means of columns, the columns less these over their ranges, and the ranges."""
    inputs = inputs.astype("float64")
    center, size = inputs.mean(axis=0), np.ptp(inputs, axis=0)
    size = np.where(size > 0, size, 1.0)
    return center, (inputs - center) / size, size
