"""Ridge regression from sums alone, with a penalty that cross-validation chooses.

A linear map of a window has as many weights as the window has steps, and a series of a thousand
steps tells a few of them apart. A penalty shrinks the others. How large it must be depends on the
noise, which nobody knows beforehand, and generalized cross-validation reads it off the same sums.
"""

import numpy as np

from keras_ts._typing import Array

# Penalties to choose among, in units of the mean diagonal of the inputs' products.
_PENALTIES = np.logspace(-5, 2, 29)


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
        unit = np.trace(self._gram) / len(self._gram)
        if not unit > 0:
            return np.zeros_like(self._cross)
        sizes, directions = np.linalg.eigh(self._gram)
        sizes = np.maximum(sizes, 0.0)  # Of directions without any spread rounding is all there is.
        along = directions.T @ self._cross
        shrunk = sizes + _PENALTIES[:, None] * unit
        shares = sizes / shrunk
        left = np.maximum(self._squares - ((2 - shares) / shrunk) @ np.square(along), 0.0)
        free = 1 - shares.sum(axis=1, keepdims=True) / self._count
        best = np.argmin(left / np.square(free), axis=0)
        coefficients: Array = directions @ (along / shrunk[best].T)
        return coefficients
