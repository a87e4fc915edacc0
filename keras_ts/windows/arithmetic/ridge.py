"""Ridge regression from sums over rows, with a penalty chosen by the data.

A linear map of a window has one weight per step, and a series of a thousand steps determines only
a few of them. A penalty shrinks the others. How large it must be depends on the noise, which is
unknown beforehand; an information criterion chooses it from the same sums.
"""

import numpy as np

from keras_ts._typing import Array, BoolArray

# Penalties to choose from, in units of the mean diagonal of ``X'X``. The last shrinks every weight
# to 0.
_PENALTIES = np.append(np.logspace(-5, 2, 29), np.inf)
_TINY = np.finfo("float64").tiny
# Stands for zero residual degrees of freedom; such a fit is never chosen.
_NO_ROWS = 1e-9


class Spectrum:
    """The eigenvalues of ``X'X``, which solve ridge regression for any penalty.

    Args:
        gram: ``X'X``, ``(..., inputs, inputs)``.
        cross: ``X'Y``, ``(..., inputs, outputs)``.
    """

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
    """Sums over rows of inputs and outputs, and the ridge coefficients that follow from them.

    With the inputs ``X``, an output ``y`` and weights ``w``, the coefficients minimize ``sum(w (y -
    Xb)^2) + k |b|^2``. Of 30 penalties ``k`` each output gets the one with the least corrected
    information criterion ``log(sum(w (y - Xb)^2)) + 2 (t + 1) / (n - t - 2)``, where ``t`` is the
    trace of the matrix that maps ``y`` to its fit, and stays below ``n - 2`` (Hurvich, Simonoff and
    Tsai, Journal of the Royal Statistical Society B 1998). For many rows this is generalized
    cross-validation, which overfits few rows. The number of rows ``n`` is ``sum(w)^2 / sum(w^2)``,
    so that rows of weight 0 do not count. The largest penalty is infinite: if no map is better than
    none, the coefficients are 0. There is no intercept, so that inputs of 0 give outputs of 0.

    An output may lack values: it is then fitted to the rows that have one.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        others: The last inputs, which are of another kind: of each the mean square becomes that of
            the first ones, so that one penalty suits both.
    """

    def __init__(self, inputs: int, outputs: int, others: int = 0) -> None:
        self._others = others
        self._weight, self._squared_weight = 0.0, 0.0
        self._gram = np.zeros((inputs, inputs))
        self._cross = np.zeros((inputs, outputs))
        self._squares = np.zeros(outputs)
        # The sums of each output over the rows in which only some outputs have values.
        self._own: list[RidgeSums] = []

    def add(self, inputs: Array, outputs: Array, weights: Array) -> None:
        """Add rows.

        Args:
            inputs: ``(rows, inputs)``, all finite.
            outputs: ``(rows, outputs)``; values that are not finite are missing.
            weights: ``(rows,)``.
        """
        present = np.isfinite(outputs)
        whole = present.all(axis=1)
        if not whole.all():
            self._add_to_each(inputs[~whole], outputs[~whole], weights[~whole], present[~whole])
            inputs, outputs, weights = inputs[whole], outputs[whole], weights[whole]
        weighted = inputs.astype("float64") * weights[:, None]
        self._weight += weights.sum()
        self._squared_weight += np.square(weights).sum()
        self._gram += inputs.T @ weighted
        self._cross += weighted.T @ outputs
        self._squares += weights @ np.square(outputs, dtype="float64")

    def _add_to_each(
        self, inputs: Array, outputs: Array, weights: Array, present: BoolArray
    ) -> None:
        """Add rows to the sums of each output that has a value in them."""
        if not self._own:
            self._own = [RidgeSums(len(self._gram), 1, self._others) for _ in self._squares]
        for output, sums in enumerate(self._own):
            rows = present[:, output]
            sums.add(inputs[rows], outputs[rows, output, None], weights[rows])

    def _of_output(self, output: int) -> "RidgeSums":
        """Return the sums of one output over all rows in which it has a value."""
        own, sums = self._own[output], RidgeSums(len(self._gram), 1, self._others)
        sums._weight = self._weight + own._weight
        sums._squared_weight = self._squared_weight + own._squared_weight
        sums._gram = self._gram + own._gram
        sums._cross = self._cross[:, output, None] + own._cross
        sums._squares = self._squares[output, None] + own._squares
        return sums

    def coefficients(self) -> Array:
        """Return the coefficients, float64 ``(inputs, outputs)``; 0 if all inputs are 0."""
        if self._own:
            columns = [self._of_output(i).coefficients() for i in range(len(self._own))]
            return np.concatenate(columns, axis=1)
        first = len(self._gram) - self._others
        sizes = np.diag(self._gram)
        unit = sizes[:first].mean()
        if not unit > 0:
            return np.zeros_like(self._cross)
        factors = np.ones((len(sizes), 1))
        factors[first:, 0] = np.sqrt(unit / np.where(sizes[first:] > 0, sizes[first:], np.inf))
        spectrum = Spectrum(factors * self._gram * factors.T, factors * self._cross)
        shrunk = spectrum.sizes + _PENALTIES[:, None] * unit
        shares = spectrum.sizes / shrunk
        left = self._squares - ((2 - shares) / shrunk) @ np.square(spectrum.along)
        used = shares.sum(axis=1, keepdims=True)
        free = self._weight**2 / self._squared_weight - used - 2
        scores = np.log(np.maximum(left, _TINY)) + 2 * (used + 1) / np.maximum(free, _NO_ROWS)
        return factors * spectrum.coefficients(_PENALTIES[np.argmin(scores, axis=0)] * unit)
