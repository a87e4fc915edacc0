"""The forecasts that a model has to beat: one class each, in the table that ``compare`` asks.

All of them cost nothing, or next to nothing. Another baseline is one class more, a line in
``default_baselines`` below, and one in ``keras_ts/baselines.py``.
"""

from typing import ClassVar

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.reading import Block, JudgedWindows
from keras_ts.windows.arithmetic.ridge import Spectrum


class Baseline:
    """A forecaster that is fitted once, and then asked for some windows at a time.

    Attributes:
        name: Its name in the table of ``compare``.
    """

    name: ClassVar[str]

    def fit(self, train: JudgedWindows) -> None:
        """Learn from the training part; most baselines have nothing to learn."""

    def predict(self, validation: JudgedWindows, block: Block) -> Array:
        """Return forecasts of a block of windows, ``(windows, steps, targets)``.

        Where a forecast lacks a value that it needs it is NaN, and no forecaster is judged there.
        """
        raise NotImplementedError


class Naive(Baseline):
    """Forecasts the last value, at every step."""

    name = "naive"

    def predict(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the last value of each window."""
        return np.repeat(block.past[:, -1:], len(validation.ahead), axis=1)


class Drift(Baseline):
    """Carries the window's mean step on from the last value."""

    name = "drift"

    def predict(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the last value and as many mean steps as lie between it and the target."""
        past = block.past
        positions = validation.geometry.sampling_rate * (past.shape[1] - 1)
        slope = (past[:, -1:] - past[:, :1]) / max(positions, 1)
        return past[:, -1:] + slope * validation.ahead[:, None]


class MovingAverage(Baseline):
    """Forecasts the mean of the window, at every step."""

    name = "moving average"

    def predict(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the mean of each window."""
        return np.repeat(block.past.mean(axis=1, keepdims=True), len(validation.ahead), axis=1)


class LinearRegression(Baseline):
    """Fits a ridge regression of each step on the window, for each target on its own past.

    With the inputs ``X`` and the targets ``Y`` of the training windows, both less their means, the
    coefficients are ``(X'X + k I)^-1 X'Y``, and ``k`` is a thousandth of the mean diagonal of
    ``X'X``. All series of a panel share them. Only sums are kept, so that any number of windows can
    be read, a block at a time.
    """

    name = "linear autoregression"

    def fit(self, train: JudgedWindows) -> None:
        """Add up the training windows in which no value is missing, and solve."""
        inputs, targets = train.geometry.window, len(train.columns)
        width, count = inputs + train.geometry.horizon, 0
        # Less values near them, large numbers lose no digits in the sums of products.
        origin, unit = np.zeros((targets, 1, width)), 1.0
        products, sums = np.zeros((targets, inputs, width)), np.zeros((targets, width))
        for block in train.blocks():
            whole = finite(block.past) & finite(block.actual)
            rows = np.concatenate([block.past[whole], block.actual[whole]], axis=1)
            rows = rows.transpose(2, 0, 1)
            if not count and whole.any():
                origin = rows.mean(axis=1, keepdims=True)
                # A power of two, so that squares of large values stay finite and no digit is lost.
                unit = np.exp2(np.ceil(np.log2(np.abs(rows - origin).max(initial=1e-300))))
            rows = (rows - origin) / unit
            count += rows.shape[1]
            sums += rows.sum(axis=1)
            products += rows[..., :inputs].transpose(0, 2, 1) @ rows
        means = sums / max(count, 1)
        centred = products - count * means[:, :inputs, None] * means[:, None]
        gram, cross = centred[..., :inputs], centred[..., inputs:]
        diagonal = np.trace(gram, axis1=1, axis2=2)[:, None] / inputs
        # A constant series has no coefficients but 0.
        penalty = np.where(diagonal > 0, 1e-3 * diagonal, 1.0)
        self._coefficients = Spectrum(gram, cross).coefficients(penalty)
        self._means = means[:, None] * unit + origin

    def predict(self, validation: JudgedWindows, block: Block) -> Array:
        """Return what the coefficients make of each window."""
        inputs = block.past.shape[1]
        columns = block.past.transpose(2, 0, 1) - self._means[..., :inputs]
        ahead = columns @ self._coefficients + self._means[..., inputs:]
        return ahead.transpose(1, 2, 0)


class SeasonalNaive(Baseline):
    """Forecasts the latest known value a whole number of periods before the target.

    The value may lie in front of the window.

    Args:
        period: Positions in a season, such as 12 for months or 7 for days; 2 or more.
    """

    name = "seasonal naive"

    def __init__(self, period: int) -> None:
        self.period = _checks.integer("period", period, 2)

    def predict(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the values a number of periods back; NaN where a row is missing since then."""
        values, whole = validation.seasonal(block, self.period)
        return np.where(whole[:, None, None], values, np.nan)


def default_baselines(period: int | None) -> list[Baseline]:
    """Return the baselines that every model is judged beside; with a period, the seasonal one."""
    seasonal = [] if period is None else [SeasonalNaive(period)]
    return [Naive(), Drift(), MovingAverage(), LinearRegression(), *seasonal]


def finite(values: Array) -> BoolArray:
    """Tell for each window if all its values are finite."""
    return np.logical_and.reduce(np.isfinite(values).reshape(len(values), -1), axis=1)
