"""The linear regression of windows: the baseline of ``compare``, and the preset "linear".

Both read the inputs that other models read. The baseline forecasts with the fitted lines; the
preset is a Keras model with the coefficients of these lines as weights.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.roles import Inputs
from keras_ts.presets.regression.ridge import StepSums
from keras_ts.windows.blocks import Block, WindowBlocks, filled, finite

# The most windows to fit to: the first number or, if more, the second one times the inputs.
_MOST_WINDOWS, _FOR_EACH_INPUT = 50_000, 50
# The most windows to choose inputs and quantiles by.
_MOST_TO_CHOOSE = 12_500
# The most inputs (or twice the window, if more), and the fewest windows for each input. To stay
# within both, only the latest values of other columns are read: more would fit the noise, and cost
# time. All these columns together get at least a tenth of the inputs, and each at least one value,
# unless they are ``too_many``.
_MOST_INPUTS, _FEWEST_FOR_EACH_INPUT, _LEAST_SHARE = 256, 10, 10
# In standard deviations of a window: if a target lies farther than this from the window's mean, the
# window is left out, since it would decide the line.
_FARTHEST = 100.0
# The scale at which a constant window is forecast: as one that hardly varies, so that columns known
# ahead act on its level.
_OF_CONSTANT = 1e-30
# The most numbers of the inputs that are computed at once.
_NUMBERS = 1 << 22


class _Rows(NamedTuple):
    """The inputs of some windows for one target, whose values are ``location + scale * y``."""

    window: Array  # (windows, inputs), shared by all steps
    ahead: Array  # (windows, steps, columns)
    location: Array  # (windows, 1)
    scale: Array  # (windows, 1)


class DirectRidge:
    """Ridge regression of each step and target, on the inputs that ``LinearRegression`` names."""

    # Columns that lack the same input in ten training windows or more get indicators of 0 and 1, if
    # these lower the error on the last third of each series' training windows.

    def fit(self, train: WindowBlocks, levels: Sequence[float] = ()) -> None:
        """Choose inputs, and fit the lines and the ``offsets`` of quantiles from them."""
        masked: IntArray = np.flatnonzero(self._absent_in(train))
        # With indicators of missing inputs, the line may fit the noise of few series.
        choices = [masked[:0], masked][: 1 + bool(len(masked))]
        self.offsets = np.zeros((len(levels), train.geometry.horizon, len(train.columns)))
        if len(masked) or levels:
            early, latest = (part.spread(_MOST_TO_CHOOSE) for part in train.thirds())
            errors = []
            for indicated in choices:
                self._fit(early, indicated)
                errors.append(self._errors(latest))
            best = int(np.argmin([np.nansum(np.abs(of)) for of in errors]))
            masked = choices[best]
            if levels:
                self.offsets = _quantiles(errors[best], levels)
                self.fewest_errors = int(np.isfinite(errors[best]).sum(axis=0).min())
        self._fit(train, masked)

    def _fit(self, train: WindowBlocks, masked: IntArray) -> None:
        """Fit the lines to some windows, with indicators of the ``masked`` columns."""
        columns, window = train.panel.columns, train.geometry.window
        # A window of one value has no scale.
        self.scaled = len(train.panel.lengths) > 1 and window > 1
        self._read, self.indicated = len(columns.read), masked
        others = self._read - 1 + len(self.indicated)
        # Columns known ahead are not scaled: a price has one unit in all windows.
        self._raw = columns.ahead
        most, constant = _most_inputs(train), len(columns.static)
        spare, least = most - window - constant, 0
        if self._read > 1 and not too_many(train):
            least = max(most // _LEAST_SHARE // others, 1)
        self.lags = int(np.clip(spare // max(others, 1), least, window))
        inputs = window + self.lags * others + constant
        part = train.spread(max(_MOST_WINDOWS, _FOR_EACH_INPUT * inputs))
        of_step = len(columns.ahead) * (1 + self.scaled)
        sums = [StepSums(inputs, train.geometry.horizon, of_step) for _ in train.columns]
        for block in part.blocks():
            actual, all_finite = _present(block.actual), finite(block.actual)
            for places, target, rows in self._rows(part, block):
                usable = finite(rows.window)
                if not part.partial:
                    usable &= all_finite[places] & finite(rows.ahead)
                scale = np.where(rows.scale > 0, rows.scale, np.nan)
                y = (actual[places, :, target] - rows.location) / scale
                if self.scaled:
                    usable &= ~(np.abs(y) > _FARTHEST).any(axis=1)
                weights = None if block.weights is None else block.weights[places][usable]
                sums[target].add(rows.window[usable], rows.ahead[usable], y[usable], weights)
        self.lines = [of_target.line() for of_target in sums]

    def predict(self, validation: WindowBlocks, block: Block) -> Array:
        """Return forecasts ``(windows, steps, targets)``, NaN where a target lacks inputs."""
        forecast = np.empty(block.actual.shape)
        for places, target, rows in self._rows(validation, block, of_constant=_OF_CONSTANT):
            y = self.lines[target].at(rows.window, rows.ahead)
            complete = finite(block.past[places, :, target])[:, None]
            forecast[places, :, target] = np.where(complete, rows.location + rows.scale * y, np.nan)
        return forecast

    def _errors(self, held_out: WindowBlocks) -> Array:
        """Return errors ``(windows, steps, targets)``, in units of the windows' scales."""
        parts = [np.empty((0, held_out.geometry.horizon, len(held_out.columns)))]
        for block in held_out.blocks():
            actual = _present(block.actual)
            errors = np.empty(actual.shape)
            for places, target, rows in self._rows(held_out, block):
                scale = np.where(rows.scale > 0, rows.scale, np.nan)
                y = (actual[places, :, target] - rows.location) / scale
                near = ~(np.abs(y) > _FARTHEST) | (not self.scaled)
                error = y - self.lines[target].at(rows.window, rows.ahead)
                errors[places, :, target] = np.where(near, error, np.nan)
            parts.append(errors if block.weights is None else errors[block.weights > 0])
        return np.concatenate(parts)

    def _absent_in(self, train: WindowBlocks) -> BoolArray:
        """Return True for each column of which enough windows lack the same input."""
        width = len(train.panel.columns.read)
        absent = np.zeros((train.geometry.window, width), np.int64)
        for block in train.spread(_MOST_WINDOWS).blocks() if train.masks else ():
            absent += (~np.isfinite(_past(train, block)[..., :width])).sum(axis=0)
        # An indicator that is 1 in only a few windows would fit their noise.
        return np.logical_or.reduce(absent >= _FEWEST_FOR_EACH_INPUT, axis=0)

    def _rows(
        self, source: WindowBlocks, block: Block, of_constant: float = 0.0
    ) -> Iterator[tuple[slice, int, _Rows]]:
        """Yield, for some windows and one target, their places, its number, and the inputs."""
        # ``of_constant`` is the scale of a constant window.
        inputs = Inputs.of(block.inputs)
        count, steps, _ = block.actual.shape
        past = _past(source, block)
        future = np.empty((count, steps, 0)) if inputs.ahead is None else inputs.ahead
        constant = np.concatenate([*inputs.constant.values()] or [np.empty((count, 0))], axis=1)
        width = past.shape[1] * past.shape[2] + 2 * steps * future.shape[2] + constant.shape[1]
        size = max(_NUMBERS // width, 1)
        for begin in range(0, count, size):
            places = slice(begin, begin + size)
            windows = [
                self._normalized(past[places, :, column], source.masks, column in self._raw)
                for column in range(self._read)
            ]
            ahead = _present(future[places])
            absent = ~np.isfinite(past[places, past.shape[1] - self.lags :, self.indicated])
            missing = absent.reshape(len(ahead), -1)
            for target, column in enumerate(source.columns):
                target_window, location, scale = windows[column]
                others = [] if not self.lags else windows[:column] + windows[column + 1 :]
                latest = [values[:, -self.lags :] for values, *_ in others]
                of_step = ahead
                if self.scaled:
                    scale = np.where(scale > 0, scale, of_constant)
                    level = np.divide(location, scale, out=np.zeros_like(scale), where=scale > 0)
                    of_step = np.concatenate([ahead, ahead * level[..., None]], axis=2)
                window = np.concatenate([target_window, *latest, constant[places], missing], axis=1)
                yield places, target, _Rows(window, of_step, location, scale)

    def _normalized(self, windows: Array, masked: bool, raw: bool) -> tuple[Array, Array, Array]:
        """Return a column's windows, standardized, with their means and standard deviations."""
        # A constant window and its deviation become 0. A ``raw`` column stays as it is, and so does
        # every column unless ``scaled``.
        windows = _present(windows)
        if masked:
            windows = filled(windows[..., None])[..., 0]
        if raw or not self.scaled:
            return windows, np.zeros((len(windows), 1)), np.ones((len(windows), 1))
        location = windows.mean(axis=1, keepdims=True)
        windows -= location
        scale = np.sqrt(np.mean(np.square(windows), axis=1, keepdims=True))
        # A constant window less its mean leaves only rounding errors.
        scale[scale <= 1e-12 * np.abs(location)] = 0.0
        windows /= np.where(scale == 0, np.inf, scale)
        return windows, location, scale


def _most_inputs(train: WindowBlocks) -> int:
    """Return the most inputs for these training windows; a longer window allows more."""
    return min(max(_MOST_INPUTS, 2 * train.geometry.window), train.count // _FEWEST_FOR_EACH_INPUT)


def too_many(train: WindowBlocks) -> bool:
    """Return True if there are so many columns beside the target that the past of none is read."""
    return len(train.panel.columns.read) - 1 > _most_inputs(train)


def _quantiles(errors: Array, levels: Sequence[float]) -> Array:
    """Return quantiles of errors less their median, ``(levels, steps, targets)``."""
    # The errors are of a line fitted to earlier windows, with a bias that the final line does not
    # have, so their median is subtracted. A step without any error gets 0.
    errors = np.where(np.isfinite(errors).any(axis=0), errors, 0.0)
    if not len(errors):
        return np.zeros((len(levels), *errors.shape[1:]))
    made: Array = np.nanquantile(errors, [*levels, 0.5], axis=0)
    return made[:-1] - made[-1]


def _past(source: WindowBlocks, block: Block) -> Array:
    """Return the past of a block, ``(windows, inputs, columns)``."""
    past = Inputs.of(block.inputs).past.reshape(len(block.actual), source.geometry.window, -1)
    if source.unseen:
        past = past.copy()
        past[..., source.columns] = block.known
    return past


def _present(values: Array) -> Array:
    """Return values as float64, NaN where they are not finite."""
    present = values.astype(np.float64)
    present[~np.isfinite(present)] = np.nan
    return present
