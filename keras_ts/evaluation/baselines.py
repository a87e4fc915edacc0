"""The forecasts that a model has to beat: one class each, in the table that ``compare`` asks.

All of them cost nothing, or next to nothing. Another baseline is one class more, a line in
``default_baselines`` below, and one in ``keras_ts/baselines.py``.
"""

from typing import ClassVar, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.reading import Block, JudgedWindows
from keras_ts.windows.arithmetic.ridge import Spectrum
from keras_ts.windows.dataset import WindowDataset


class Baseline:
    """A forecaster that is fitted once, and then asked for some windows at a time.

    Subclasses implement ``forecast``, and ``learn`` if they have anything to learn.

    Attributes:
        name: Its name in the table of ``compare``.
    """

    name: ClassVar[str]

    def fit(self, train: WindowDataset) -> Self:
        """Learn from a training part, and return the baseline; most have nothing to learn.

        Args:
            train: The training part, a ``WindowDataset``.
        """
        self.learn(JudgedWindows("train", train))
        return self

    def predict(self, validation: WindowDataset) -> Array:
        """Return a forecast of each target, in time order, in the shape of the targets.

        Of ``targets="sequence"``, only the last step is forecast. A forecast that lacks a value
        which it needs is NaN.

        Args:
            validation: The windows to forecast, a ``WindowDataset``.
        """
        judged = JudgedWindows("validation", validation)
        forecasts = [self.forecast(judged, block) for block in judged.blocks()]
        return judged.as_targets(np.concatenate(forecasts))

    def learn(self, train: JudgedWindows) -> None:
        """Learn from the windows of a training part."""

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return forecasts of a block of windows, ``(windows, steps, targets)``.

        Where a forecast lacks a value that it needs it is NaN, and no forecaster is judged there.
        """
        raise NotImplementedError


class Naive(Baseline):
    """Forecasts the last value, at every step."""

    name = "naive"

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the last value of each window."""
        return np.repeat(block.past[:, -1:], len(validation.ahead), axis=1)


class Drift(Baseline):
    """Carries the window's mean step on from the last value."""

    name = "drift"

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the last value and as many mean steps as lie between it and the target."""
        past = block.past
        positions = validation.geometry.sampling_rate * (past.shape[1] - 1)
        slope = (past[:, -1:] - past[:, :1]) / max(positions, 1)
        return past[:, -1:] + slope * validation.ahead[:, None]


class MovingAverage(Baseline):
    """Forecasts the mean of the window, at every step."""

    name = "moving average"

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the mean of each window."""
        return np.repeat(block.past.mean(axis=1, keepdims=True), len(validation.ahead), axis=1)


class LinearRegression(Baseline):
    """Fits a ridge regression of each step on the window, for each target on its own past.

    With the inputs ``X`` and the targets ``Y`` of the training windows, both less their means, the
    coefficients are ``(X'X + k I)^-1 X'Y``, and ``k`` is a thousandth of the mean diagonal of
    ``X'X``. All series of a panel share them. Only sums are kept, so that any number of windows can
    be read, a block at a time. With ``missing="mask_targets"`` each step is fitted on the windows
    in which its own target is present.
    """

    name = "linear regression"

    def learn(self, train: JudgedWindows) -> None:
        """Add up the training windows in which no value is missing, and solve."""
        inputs, steps, targets = train.geometry.window, train.geometry.horizon, len(train.columns)
        width, count = inputs + steps, 0
        partly = _PartlyMissing(inputs, steps, targets)
        # Less values near them, large numbers lose no digits in the sums of products.
        origin, unit, begun = np.zeros((targets, 1, width)), 1.0, False
        products, sums = np.zeros((targets, inputs, width)), np.zeros((targets, width))
        for block in train.blocks():
            whole = finite(block.past) & finite(block.actual)
            usable = finite(block.past) if train.partial else whole
            rows = np.concatenate([block.past[usable], block.actual[usable]], axis=1)
            rows = rows.transpose(2, 0, 1)
            if not begun and usable.any():
                begun, origin = True, _means_of_present(rows)
                distances = np.abs(rows - origin)
                # A power of two, so that squares of large values stay finite and no digit is lost.
                largest = np.max(distances, where=np.isfinite(distances), initial=1e-300)
                unit = np.exp2(np.ceil(np.log2(largest)))
            rows = (rows - origin) / unit
            if train.partial:
                partly.add(rows[:, ~whole[usable]])
                rows = rows[:, whole[usable]]
            count += rows.shape[1]
            sums += rows.sum(axis=1)
            products += rows[..., :inputs].transpose(0, 2, 1) @ rows
        solved = _solve if partly.empty else partly.solve
        self._coefficients, means = solved(products, sums, np.full(targets, count))
        self._means = means[:, None] * unit + origin

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return what the coefficients make of each window."""
        inputs = block.past.shape[1]
        columns = block.past.transpose(2, 0, 1) - self._means[..., :inputs]
        ahead = columns @ self._coefficients + self._means[..., inputs:]
        return ahead.transpose(1, 2, 0)


class _PartlyMissing:
    """Sums over windows that lack some targets: for each step those in which it is present."""

    def __init__(self, inputs: int, steps: int, targets: int) -> None:
        self._shape = inputs, steps, targets
        self.empty = True

    def add(self, rows: Array) -> None:
        """Add windows ``(targets, windows, inputs + steps)``, NaN where a target is missing."""
        inputs, steps, targets = self._shape
        if not rows.size:
            return
        if self.empty:
            self.empty = False
            self._products = np.zeros((targets, steps, inputs, inputs + 1))
            self._sums, self._counts = (
                np.zeros((targets, steps, inputs + 1)),
                np.zeros((targets, steps)),
            )
        for target, step in np.ndindex(targets, steps):
            own = rows[target][np.isfinite(rows[target, :, inputs + step])]
            own = np.concatenate([own[:, :inputs], own[:, inputs + step, None]], axis=1)
            self._products[target, step] += own[:, :inputs].T @ own
            self._sums[target, step] += own.sum(axis=0)
            self._counts[target, step] += len(own)

    def solve(self, products: Array, sums: Array, counts: Array) -> tuple[Array, Array]:
        """Return what ``_solve`` does, from these sums and those over windows that lack none."""
        inputs, steps, _ = self._shape
        means = sums / np.maximum(counts, 1)[:, None]
        coefficients = []
        for step in range(steps):
            read = [*range(inputs), inputs + step]
            own, centre = _solve(
                products[..., read] + self._products[:, step],
                sums[:, read] + self._sums[:, step],
                counts + self._counts[:, step],
            )
            coefficients.append(own)
            # The mean of the inputs differs from step to step; ``predict`` takes off one of them.
            shift = means[:, None, :inputs] - centre[:, None, :inputs]
            means[:, inputs + step] = centre[:, inputs] + (shift @ own)[:, 0, 0]
        return np.concatenate(coefficients, axis=2), means


def _solve(products: Array, sums: Array, counts: Array) -> tuple[Array, Array]:
    """Return the coefficients ``(targets, inputs, steps)``, and the means of inputs and steps."""
    inputs = products.shape[1]
    means = sums / np.maximum(counts, 1)[:, None]
    centred = products - counts[:, None, None] * means[:, :inputs, None] * means[:, None]
    gram, cross = centred[..., :inputs], centred[..., inputs:]
    diagonal = np.trace(gram, axis1=1, axis2=2)[:, None] / inputs
    # A constant series has no coefficients but 0.
    penalty = np.where(diagonal > 0, 1e-3 * diagonal, 1.0)
    return Spectrum(gram, cross).coefficients(penalty), means


def _means_of_present(rows: Array) -> Array:
    """Return the mean of each column over windows, ``(targets, 1, columns)``; 0 of none."""
    present = np.isfinite(rows)
    total = np.where(present, rows, 0.0).sum(axis=1, keepdims=True)
    means: Array = total / np.maximum(present.sum(axis=1, keepdims=True), 1)
    return means


class SeasonalNaive(Baseline):
    """Forecasts the latest known value a whole number of periods before the target.

    The value may lie in front of the window.

    Args:
        period: Positions in a season, such as 12 for months or 7 for days; 2 or more.
    """

    name = "seasonal naive"

    def __init__(self, period: int) -> None:
        self.period = _checks.integer("period", period, 2)

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
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
