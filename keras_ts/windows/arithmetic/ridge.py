"""Ridge regression from sums alone, with a penalty that cross-validation chooses.

A linear map of a window has as many weights as the window has steps, and a series of a thousand
steps tells a few of them apart. A penalty shrinks the others. How large it must be depends on the
noise, which nobody knows beforehand, and generalized cross-validation reads it off the same sums.
"""

import numpy as np

from keras_ts._typing import Array

# Penalties to choose among, in units of the mean diagonal of the inputs' products.
_PENALTIES = np.logspace(-5, 2, 29)
# Directions whose share of the largest one is below this are rounding.
_ROUNDING = 1e-12


class RidgeSums:
    """Sums over rows of inputs and outputs, and the coefficients that they give.

    With the inputs ``X`` and an output ``y``, the coefficients are ``(X'X + k I)^-1 X'y``. Of 29
    penalties ``k`` each output gets the one with the least generalized cross-validation
    ``(|y - Xb|^2 / n) / (1 - trace(H) / n)^2``, where ``H`` maps ``y`` to its fit (Golub, Heath and
    Wahba, Technometrics 1979). There is no intercept, so that inputs of 0 give outputs of 0.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        self._count = 0
        self._gram = np.zeros((inputs, inputs))
        self._cross = np.zeros((inputs, outputs))
        self._squares = np.zeros(outputs)

    def add(self, inputs: Array, outputs: Array) -> None:
        """Add rows: inputs ``(rows, inputs)`` and outputs ``(rows, outputs)``."""
        inputs, outputs = inputs.astype("float64"), outputs.astype("float64")
        self._count += len(inputs)
        self._gram += inputs.T @ inputs
        self._cross += inputs.T @ outputs
        self._squares += np.square(outputs).sum(axis=0)

    def coefficients(self) -> Array:
        """Return the coefficients, float64 ``(inputs, outputs)``; 0 if no row tells anything."""
        sizes, directions = np.linalg.eigh(self._gram)
        if not sizes[-1] > 0:
            return np.zeros_like(self._cross)
        # Directions without any spread keep coefficients of 0.
        kept = sizes > _ROUNDING * sizes[-1]
        sizes, directions = sizes[kept], directions[:, kept]
        along = directions.T @ self._cross
        penalties = _PENALTIES * np.trace(self._gram) / len(self._gram)
        shares = sizes / (sizes + penalties[:, None])
        explained = (shares * (2 - shares)) @ (np.square(along) / sizes[:, None])
        left = np.maximum(self._squares - explained, 0.0)
        free = np.maximum(1 - shares.sum(axis=1) / self._count, 1e-9)
        best = np.argmin(left / np.square(free)[:, None], axis=0)
        coefficients: Array = directions @ (along / (sizes[:, None] + penalties[best]))
        return coefficients
