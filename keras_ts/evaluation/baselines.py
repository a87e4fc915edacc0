"""Forecasts that cost nothing, or next to nothing, and that a model has to beat. Arithmetic alone.

Windows are ``(windows, inputs, targets)``: the past of the target columns. A forecast is
``(windows, steps, targets)``. ``ahead`` are the distances of the steps from the origin, the last
input: ``gap + 1, ..., gap + horizon``.
"""

import numpy as np

from keras_ts._typing import Array, IntArray

NAIVE, DRIFT, MOVING_AVERAGE = "naive", "drift", "moving average"
LINEAR, SEASONAL = "linear autoregression", "seasonal naive"


def filled(past: Array) -> Array:
    """Return windows with each missing value replaced by the last one before it.

    Those before the first known value are replaced by it. A window without any stays as it is.
    """
    known = np.isfinite(past)
    steps = np.where(known, np.arange(past.shape[1])[:, None], -1)
    before = np.maximum.accumulate(steps, axis=1)
    first = known.argmax(axis=1)[:, None]
    return np.take_along_axis(past, np.where(before < 0, first, before), axis=1)


def naive(past: Array, ahead: IntArray) -> Array:
    """Return the last value, at every step."""
    return np.repeat(past[:, -1:], len(ahead), axis=1)


def drift(past: Array, ahead: IntArray, sampling_rate: int) -> Array:
    """Return the last value, and the window's mean step carried on from it."""
    positions = sampling_rate * (past.shape[1] - 1)
    slope = (past[:, -1:] - past[:, :1]) / max(positions, 1)
    return past[:, -1:] + slope * ahead[:, None]


def moving_average(past: Array, ahead: IntArray) -> Array:
    """Return the mean of the window, at every step."""
    return np.repeat(past.mean(axis=1, keepdims=True), len(ahead), axis=1)


def periods_back(ahead: IntArray, period: int) -> IntArray:
    """Return how far before the origin the seasonal naive forecast of each step lies.

    It is the latest known value a whole number of periods before the target.
    """
    distances: IntArray = -(-ahead // period) * period - ahead
    return distances


class LinearAutoregression:
    """A ridge regression of each step on the window, one for each target column.

    With the inputs ``X`` and the targets ``Y`` of the training windows, both less their means, the
    coefficients are ``(X'X + k I)^-1 X'Y``, and ``k`` is a thousandth of the mean diagonal of
    ``X'X``. All series of a panel share them. Only sums are kept, so that any number of windows can
    be added, a block at a time.
    """

    def __init__(self, inputs: int, steps: int, targets: int) -> None:
        self._count = 0
        # Less values near them, large numbers lose no digits in the sums of products.
        self._origin = np.zeros((targets, 1, inputs + steps))
        self._products = np.zeros((targets, inputs, inputs + steps))
        self._sums = np.zeros((targets, inputs + steps))

    def add(self, past: Array, actual: Array) -> None:
        """Add training windows and their targets."""
        if not len(past):
            return
        rows = np.concatenate([past, actual], axis=1).transpose(2, 0, 1)
        if not self._count:
            self._origin = rows.mean(axis=1, keepdims=True)
        rows = rows - self._origin
        self._count += len(past)
        self._sums += rows.sum(axis=1)
        self._products += rows[..., : past.shape[1]].transpose(0, 2, 1) @ rows

    def fit(self) -> None:
        """Solve for the coefficients."""
        inputs = self._products.shape[1]
        means = self._sums / max(self._count, 1)
        centred = self._products - self._count * means[:, :inputs, None] * means[:, None]
        gram, cross = centred[..., :inputs], centred[..., inputs:]
        diagonal = np.trace(gram, axis1=1, axis2=2)[:, None, None] / inputs
        # A constant series has no coefficients but 0.
        penalty = np.where(diagonal > 0, 1e-3 * diagonal, 1.0)
        self._coefficients = np.linalg.solve(gram + penalty * np.eye(inputs), cross)
        self._means = means

    def predict(self, past: Array) -> Array:
        """Return the forecasts of windows."""
        inputs = past.shape[1]
        means = self._means[:, None] + self._origin
        columns = past.transpose(2, 0, 1) - means[..., :inputs]
        ahead = columns @ self._coefficients + means[..., inputs:]
        return ahead.transpose(1, 2, 0)
