"""The linear regression that models are judged beside: it reads what they read.

Only sums of products are kept, so that memory does not grow with the number of windows.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.judged.reading import Block, JudgedWindows, filled, finite
from keras_ts.windows.roles import Inputs

# The penalty, for inputs with a variance of 1.
_PENALTY = 1e-3
# The most windows to fit to, unless there are fewer than so many for each input.
_MOST_WINDOWS, _FOR_EACH_INPUT = 50_000, 50
# The latest values of other columns are read up to so many inputs (or twice the window), if there
# are so many windows for each input: more of them would fit the noise, and cost time.
_MOST_INPUTS, _FEWEST_FOR_EACH_INPUT = 256, 10
# A window whose target lies so many standard deviations from it would decide the line alone.
_FARTHEST = 100.0
# The most numbers of the inputs that are computed at once.
_NUMBERS = 1 << 22


class _Rows(NamedTuple):
    """The inputs of some windows, for one target, which is ``location + scale * y``."""

    window: Array  # (windows, inputs), shared by all steps
    ahead: Array  # (windows, steps, columns)
    location: Array  # (windows, 1)
    scale: Array  # (windows, 1)


class DirectRidge:
    """Ridge regression of each step and target; ``LinearRegression`` says on which inputs."""

    # Columns that lack values at ten training windows or more get another one of 0 and 1, if that
    # lowers the error on each series' last third of training windows, by a line of the others.

    def fit(self, train: JudgedWindows) -> None:
        """Choose the inputs, and fit a line to the training windows."""
        masked: IntArray = np.flatnonzero(self._absent_in(train))
        if len(masked):
            # Told of every age of a series, a line of few series fits their noise.
            parts = train.thirds()
            errors = []
            for told in (masked, masked[:0]):
                self._fit(parts[0], told)
                errors.append(self._error(parts[1]))
            masked = masked if errors[0] < errors[1] else masked[:0]
        self._fit(train, masked)

    def _fit(self, train: JudgedWindows, masked: IntArray) -> None:
        """Add up products over some windows, and solve for the coefficients."""
        columns, window = train.panel.columns, train.geometry.window
        # A window of one value has no scale.
        self._scaled = len(train.panel.lengths) > 1 and window > 1
        self._read, self._masked = len(columns.read), masked
        others = self._read - 1 + len(self._masked)
        # Known ahead, a column has the same unit in all windows.
        self._raw = columns.ahead
        most = min(max(_MOST_INPUTS, 2 * window), train.count // _FEWEST_FOR_EACH_INPUT)
        constant = len(columns.names) - len(columns.past)
        spare = most - window - constant
        self._lags = int(np.clip(spare // max(others, 1), 0, window))
        inputs = window + self._lags * others + constant
        part = train.spread(max(_MOST_WINDOWS, _FOR_EACH_INPUT * inputs))
        of_step = len(columns.ahead) * (1 + self._scaled)
        sums = [_Sums(inputs, train.geometry.horizon, of_step) for _ in train.columns]
        for block in part.blocks():
            actual, whole = _present(block.actual), finite(block.actual)
            for places, target, rows in self._rows(part, block):
                usable = finite(rows.window)
                if not part.partial:
                    usable &= whole[places] & finite(rows.ahead)
                scale = np.where(rows.scale > 0, rows.scale, np.nan)
                y = (actual[places, :, target] - rows.location) / scale
                if self._scaled:
                    usable &= ~(np.abs(y) > _FARTHEST).any(axis=1)
                sums[target].add(rows.window[usable], rows.ahead[usable], y[usable])
        self._lines = [own.line() for own in sums]

    def predict(self, validation: JudgedWindows, block: Block) -> Array:
        """Return forecasts ``(windows, steps, targets)``, NaN where the window lacks a target."""
        forecast = np.empty(block.actual.shape)
        for places, target, rows in self._rows(validation, block):
            y = self._lines[target].at(rows.window, rows.ahead)
            complete = finite(block.past[places, :, target])[:, None]
            forecast[places, :, target] = np.where(complete, rows.location + rows.scale * y, np.nan)
        return forecast

    def _error(self, held_out: JudgedWindows) -> float:
        """Return the mean absolute error of some windows, in units of the windows."""
        total = count = 0.0
        for block in held_out.spread(_MOST_WINDOWS).blocks():
            actual = _present(block.actual)
            for places, target, rows in self._rows(held_out, block):
                scale = np.where(rows.scale > 0, rows.scale, np.nan)
                y = (actual[places, :, target] - rows.location) / scale
                errors = np.abs(y - self._lines[target].at(rows.window, rows.ahead))
                errors = errors[np.isfinite(errors) & (np.abs(y) <= _FARTHEST)]
                total, count = total + float(errors.sum()), count + len(errors)
        return total / max(count, 1)

    def _absent_in(self, train: JudgedWindows) -> BoolArray:
        """Return True for each column that models are told to be missing in enough windows."""
        read = len(train.panel.columns.read)
        absent = np.zeros((train.geometry.window, read), np.int64)
        for block in train.spread(_MOST_WINDOWS).blocks() if train.masks else ():
            absent += (~np.isfinite(_past(train, block)[..., :read])).sum(axis=0)
        # A column that is 1 in a few windows alone would fit their noise.
        return np.logical_or.reduce(absent >= _FEWEST_FOR_EACH_INPUT, axis=0)

    def _rows(self, judged: JudgedWindows, block: Block) -> Iterator[tuple[slice, int, _Rows]]:
        """Yield inputs for some windows and one target, with their places and its number."""
        inputs = Inputs.of(block.inputs)
        count, steps, _ = block.actual.shape
        past = _past(judged, block)
        future = np.empty((count, steps, 0)) if inputs.ahead is None else inputs.ahead
        constant = np.concatenate([*inputs.constant.values()] or [np.empty((count, 0))], axis=1)
        width = past.shape[1] * past.shape[2] + 2 * steps * future.shape[2] + constant.shape[1]
        size = max(_NUMBERS // width, 1)
        for begin in range(0, count, size):
            places = slice(begin, begin + size)
            windows = [
                self._normalized(past[places, :, column], judged.masks, column in self._raw)
                for column in range(self._read)
            ]
            ahead = _present(future[places])
            absent = ~np.isfinite(past[places, past.shape[1] - self._lags :, self._masked])
            missing = absent.reshape(len(ahead), -1)
            for target, column in enumerate(judged.columns):
                own, location, scale = windows[column]
                others = [] if not self._lags else windows[:column] + windows[column + 1 :]
                latest = [values[:, -self._lags :] for values, *_ in others]
                of_step = ahead
                if self._scaled:
                    level = np.divide(location, scale, out=np.zeros_like(scale), where=scale > 0)
                    of_step = np.concatenate([ahead, ahead * level[..., None]], axis=2)
                window = np.concatenate([own, *latest, constant[places], missing], axis=1)
                yield places, target, _Rows(window, of_step, location, scale)

    def _normalized(self, windows: Array, masked: bool, raw: bool) -> tuple[Array, Array, Array]:
        """Return a column in units of its windows, with their locations and scales."""
        # A constant window becomes 0, and so does its scale. If ``raw``, and in a single series,
        # windows stay as they are.
        windows = _present(windows)
        if masked:
            windows = filled(windows[..., None])[..., 0]
        if raw or not self._scaled:
            return windows, np.zeros((len(windows), 1)), np.ones((len(windows), 1))
        location = windows.mean(axis=1, keepdims=True)
        windows -= location
        scale = np.sqrt(np.mean(np.square(windows), axis=1, keepdims=True))
        # Of a constant window only the rounding of its mean is left.
        scale[scale <= 1e-12 * np.abs(location)] = 0.0
        windows /= np.where(scale == 0, np.inf, scale)
        return windows, location, scale


class _Unit(NamedTuple):
    """An origin and a unit for each column."""

    # Less an origin near them, large numbers lose no digits in sums of products. Over a power of
    # two, the squares of very large and very small ones stay finite, and no digit is lost.

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
        """Return the values that ``take`` returned these for."""
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


class _Line(NamedTuple):
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


class _Sums:
    """Sums of products over the windows of one target; each step has ``columns`` of its own."""

    def __init__(self, inputs: int, steps: int, columns: int) -> None:
        self._shared = np.zeros((1 + inputs, 1 + inputs))
        self._cross = np.zeros((1 + inputs, steps, columns + 1))
        self._own = np.zeros((steps, columns, columns + 1))
        # The products over windows without a target at some step, which are not that step's own.
        self._absent: dict[int, Array] = {}
        self._units: _Units | None = None

    def add(self, window: Array, ahead: Array, y: Array) -> None:
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
        self._shared += window.T @ window
        self._cross += (window.T @ of_step.reshape(len(y), -1)).reshape(self._cross.shape)
        by_step = of_step.transpose(1, 0, 2)
        self._own += by_step[..., :-1].transpose(0, 2, 1) @ by_step
        for step in np.flatnonzero(missing.any(axis=0)).tolist():
            lacking = missing[:, step]
            rows = np.concatenate([window[lacking], of_step[lacking, step]], axis=1)
            self._absent[step] = self._absent.get(step, 0.0) + rows.T @ rows

    def line(self) -> _Line:
        """Return the ridge coefficients of all steps; 0 for a step without a target."""
        size, (steps, columns, _) = len(self._shared), self._own.shape
        window, ahead = np.zeros((size - 1, steps)), np.zeros((steps, columns))
        constant = np.zeros(steps)
        # Where windows are taken off, the rounding that they leave is no variance.
        squares = np.diag(self._shared), np.diagonal(self._own, axis1=1, axis2=2)
        complete = [step for step in range(steps) if step not in self._absent]
        for some in [complete, *([step] for step in self._absent)]:
            shared, cross, of_step = self._shared, self._cross[:, some], self._own[some]
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
        return _Line(self._units or _Units(*[as_it_is] * 3), window, ahead, constant)


def _solved(
    shared: Array, cross: Array, own: Array, shared_squares: Array, own_squares: Array
) -> tuple[Array, Array, Array]:
    """Return ridge coefficients and constants from sums of products.

    ``shared`` is ``(1 + inputs, 1 + inputs)``, the first of them a column of ones; ``cross``, with
    each step's own columns and target, ``(1 + inputs, steps, columns + 1)``; ``own``, of these
    columns, ``(steps, columns, columns + 1)``. The diagonals are parts of the squares.
    """
    # The inputs that all steps share are eliminated first: their products are factorized once, and
    # a system of the step's own columns is left for each step.
    count = shared[0, 0]
    means, of_step = shared[0, 1:] / count, cross[0] / count
    gram = shared[1:, 1:] / count - means[:, None] * means
    mixed = cross[1:] / count - means[:, None, None] * of_step
    steps = own / count - of_step[:, :-1, None] * of_step[:, None]
    # In units of the standard deviations.
    units = _inverse_deviation(np.diag(gram), shared_squares[1:] / count)
    own_units = _inverse_deviation(np.diagonal(steps, axis1=1, axis2=2), own_squares / count)
    gram = gram * units[:, None] * units
    mixed = mixed * units[:, None, None]
    mixed[..., :-1] *= own_units
    steps = steps * own_units[..., None]
    steps[..., :-1] *= own_units[:, None]
    # Ridge on the shared inputs alone, of the step's own columns and of the target.
    through = np.linalg.solve(gram + _PENALTY * np.eye(len(gram)), mixed.reshape(len(gram), -1))
    through = through.reshape(mixed.shape).transpose(1, 0, 2)
    left = steps - mixed[..., :-1].transpose(1, 2, 0) @ through
    diagonal = _PENALTY * np.eye(own.shape[1])
    ahead = np.linalg.solve(left[..., :-1] + diagonal, left[..., -1:])
    window = (through[..., -1:] - through[..., :-1] @ ahead)[..., 0].T * units[:, None]
    ahead = ahead[..., 0] * own_units
    constant = of_step[:, -1] - means @ window - (of_step[:, :-1] * ahead).sum(axis=1)
    return window, ahead, constant


def _inverse_deviation(variance: Array, squares: Array) -> Array:
    """Return one over the standard deviation; 0 for a column that varies by rounding alone."""
    varies = variance > 1e-13 * squares + 1e-28
    return np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _past(judged: JudgedWindows, block: Block) -> Array:
    """Return the past of a block, ``(windows, inputs, columns)``."""
    past = Inputs.of(block.inputs).past
    return past.reshape(len(block.actual), judged.geometry.window, -1)


def _present(values: Array) -> Array:
    """Return values as float64, NaN where they are not finite."""
    read = values.astype(np.float64)
    read[~np.isfinite(read)] = np.nan
    return read


def _zeroed(values: Array) -> Array:
    """Return values with 0 for those that are missing."""
    return np.where(np.isnan(values), 0.0, values)
