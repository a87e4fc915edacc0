"""The baselines that a model has to beat in ``compare``, one class each.

To add a baseline, add a class here and a line in ``default_baselines`` below; failing tests name
the other places. If it makes quantiles itself, ``of_baseline`` in ``forecaster.py`` needs a branch.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.theta import theta
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.panel.labels import places_of
from keras_ts.panel.rows import in_blocks, run_positions
from keras_ts.presets.regression.direct import DirectRidge
from keras_ts.windows.blocks import Block, filled
from keras_ts.windows.dataset import WindowDataset

# The most training windows on which ``Median`` chooses its forecast.
_MOST_WINDOWS = 10_000
_MOST_ROWS = 1 << 20  # The most rows that are read at once.


class Baseline:
    """A forecaster that is fitted once, and then asked for some windows at a time.

    Subclasses implement ``forecast``, and ``learn`` if they have anything to learn.

    Attributes:
        name: Its name in the table of ``compare``.
        sequences: False if it forecasts no ``targets="sequence"``; ``compare`` then omits it.
    """

    name: ClassVar[str]
    sequences: ClassVar[bool] = True

    def fit(self, train: WindowDataset) -> Self:
        """Learn from a training part, if there is anything to learn, and return the baseline.

        Args:
            train: The training part, a ``WindowDataset``.
        """
        self.learn(JudgedWindows("train", train))
        return self

    def predict(self, validation: WindowDataset) -> Array:
        """Return a forecast of each target, in time order, in the shape of the targets.

        With ``targets="sequence"``, only the targets of the last input are forecast. A forecast is
        NaN if a value that it needs is missing.

        Args:
            validation: The windows to forecast, a ``WindowDataset``.
        """
        judged = JudgedWindows("validation", validation)
        forecasts = [self.forecast(judged, block) for block in judged.blocks()]
        return judged.as_targets(np.concatenate(forecasts))

    def learn(self, train: JudgedWindows) -> None:
        """Learn from the windows of a training part."""

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return forecasts ``(windows, steps, targets)``, NaN where one lacks a value."""
        raise NotImplementedError


class Naive(Baseline):
    """Forecasts the last value, at every step."""

    name = "naive"

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the last value of each window."""
        return np.repeat(block.past[:, -1:], len(validation.ahead), axis=1)


class Drift(Baseline):
    """Carries the window's mean step on from the last value.

    The mean step is the last value less the first one, over the positions between them.
    """

    name = "drift"

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the last value plus a mean step for each position from there to the target."""
        past, rate = block.past, validation.geometry.sampling_rate
        present = np.isfinite(block.past_as_read)
        # The distances of the first and last known value from the first and last input.
        first = rate * present.argmax(axis=1)[:, None]
        last = rate * present[:, ::-1].argmax(axis=1)[:, None]
        between = rate * (past.shape[1] - 1) - first - last
        slope = (past[:, -1:] - past[:, :1]) / np.maximum(between, 1)
        return past[:, -1:] + slope * (validation.ahead[:, None] + last)


class MovingAverage(Baseline):
    """Forecasts the mean of the window, at every step."""

    name = "moving average"

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the mean of each window."""
        return np.repeat(block.past.mean(axis=1, keepdims=True), len(validation.ahead), axis=1)


class Median(Baseline):
    """Forecasts the median of the window, at every step; with a period, of the target's phase.

    It is hard to beat where most values are zero: no other constant has a smaller absolute error.
    In a window, phases of two or more values get their own medians if this lowers the absolute
    errors, each value being forecast by the median of the others. Missing values are left out.

    By the MASE on the training part, ``fit`` chooses whether phases get medians at all and, where
    more than half of the targets are 0, whether to forecast always 0. Without ``fit``, phases get
    medians.

    Args:
        period: Positions in a season, such as 7 for days; 2 or more. Defaults to None: no season.
    """

    name = "median"

    def __init__(self, period: int | None = None) -> None:
        self.period = period if period is None else _checks.integer("period", period, 2)
        self._choice: Any = 0  # for each target: which of ``_candidates`` is forecast

    def learn(self, train: JudgedWindows) -> None:
        """Choose for each target the candidate with the smallest MASE in the training part."""
        scales, part = train.scales(1)[..., 0], train.spread(_MOST_WINDOWS)
        errors, zeros = np.zeros((3, len(train.columns))), np.zeros(len(train.columns))
        for block in part.blocks():
            scaled = np.abs(self._candidates(part, block) - block.actual)
            errors += np.nansum(scaled / scales[block.series][:, None], axis=(1, 2))
            # Above 0 if more than half of the targets that have a value are 0.
            zeros += ((block.actual == 0) - np.isfinite(block.actual) / 2).sum(axis=(0, 1))
        errors[2, zeros <= 0] = np.inf
        self._choice = errors.argmin(axis=0)

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the median of each window, or of its values at the target's phase, or 0."""
        return np.choose(self._choice, self._candidates(validation, block))

    def _candidates(self, validation: JudgedWindows, block: Block) -> Array:
        """Return medians of phases where a window has a season, medians of windows, and zeros."""
        past, ahead = block.known, validation.ahead
        of_window, error, _ = _medians(past)
        forecast = np.repeat(of_window[:, None], len(ahead), axis=1)
        if self.period is None:
            return np.stack([forecast, forecast, np.zeros_like(forecast)])
        back = validation.geometry.sampling_rate * np.arange(past.shape[1])[::-1]
        by_phase = forecast.copy()
        error_by_phase = np.zeros_like(error)
        for phase in np.unique(-back % self.period).tolist():
            of_phase, phase_error, count = _medians(past[:, -back % self.period == phase])
            # A single value of a phase is forecast by the window's median.
            error_by_phase += np.where(count == 1, np.abs(of_phase - of_window), phase_error)
            of_phase = np.where(count > 1, of_phase, of_window)
            by_phase[:, ahead % self.period == phase] = of_phase[:, None]
        by_phase = np.where((error_by_phase < error)[:, None], by_phase, forecast)
        return np.stack([by_phase, forecast, np.zeros_like(forecast)])


def _medians(values: Array) -> tuple[Array, Array, IntArray]:
    """Return medians over axis 1, sums of leave-one-out absolute errors, and counts."""
    # Missing values are sorted to the end.
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=1)
    places = np.arange(values.shape[1])[:, None]
    count = np.isfinite(ordered).sum(axis=1)[:, None]

    def middle(left_out: IntArray, count: IntArray) -> Array:
        ends = []
        for rank in (np.maximum(count - 1, 0) // 2, count // 2):
            place = np.minimum(rank + (rank >= left_out), len(places) - 1)
            ends.append(np.take_along_axis(ordered, place, axis=1))
        return ends[0] + (ends[1] - ends[0]) / 2

    others = middle(places, count - 1)
    known = (places < count) & (count > 1)
    errors = np.abs(np.where(known, ordered, 0.0) - np.where(known, others, 0.0)).sum(axis=1)
    return middle(np.full_like(count, len(places)), count)[:, 0], errors, count[:, 0]


class Theta(Baseline):
    """Forecasts each window by the theta method: a mean of trend and exponential smoothing.

    The smoothing weight and the share of the trend are those with the smallest squared one-step
    errors within the window. A season is removed by classical decomposition if the window has two
    periods and its autocorrelation shows a season. A missing value becomes the value a period
    before, or else the last one known, if windows mask it; otherwise its window's forecast is NaN.
    It forecasts no sequences.

    The method is that of Assimakopoulos and Nikolopoulos, *The theta model*, International Journal
    of Forecasting 16 (2000), optimised as in Fiorucci and others, International Journal of
    Forecasting 32 (2016).

    Args:
        period: Positions in a season, such as 12 (months); 2 or more. Defaults to None: no season.
    """

    name, sequences = "theta", False

    def __init__(self, period: int | None = None) -> None:
        self.period = period if period is None else _checks.integer("period", period, 2)

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return a forecast that is fitted to each window."""
        geometry = validation.geometry
        if geometry.sequence:
            raise ValueError('theta forecasts no targets="sequence": leave it out of baselines.')
        # One step of the method is one input of the window.
        rate, period = geometry.sampling_rate, self.period
        season = 0 if period is None or period % rate else period // rate
        past = block.known
        enough = np.any if validation.masks else np.all
        usable = enough(np.isfinite(past), axis=1)
        forecast = np.full(block.actual.shape, np.nan)
        for target in range(past.shape[2]):
            rows = np.flatnonzero(usable[:, target])
            values = past[rows, :, target]
            starts = np.isfinite(values).argmax(axis=1)
            for step in range(season, values.shape[1] if season else 0):
                place = values[:, step]
                values[:, step] = np.where(np.isfinite(place), place, values[:, step - season])
            values = filled(values[..., None])[..., 0]
            forecast[rows, :, target] = theta(
                values, starts, validation.ahead / rate, season or None
            )
        return forecast


class LinearRegression(Baseline):
    """Fits a ridge regression of each step and target on what a model is given.

    The inputs are the window of the target and of every other column, the static columns, and the
    columns known ahead and the calendar at the step itself. All series of a panel share the
    coefficients. If its windows have two or more inputs, each window and its targets are
    standardized by the window's mean and standard deviation, so that large series do not decide.
    Windows with a standardized target beyond 100 are left out. Columns known ahead then enter as
    they are, and a second time multiplied by the mean of the target's window over its standard
    deviation, since a promotion may add a share of the level. If missing values are masked, a
    column that ten or more windows lack at the same position gets 0/1 indicators, if these lower
    the error on the last third of the windows.

    With inputs ``X`` standardized over the training part, and targets ``y`` less their mean, the
    coefficients of a step are ``(X'X / n + I / 1000)^-1 X'y / n`` over the ``n`` windows whose
    target at that step is present. It reads at most 50,000 windows (or 50 for each input, if that
    is more), spread evenly over a larger training part. The limit of inputs is 256, or twice the
    window if that is more, but at most one for ten training windows. The target's window and the
    static columns are always read. The other columns share the rest of the limit, at least a tenth
    of it, for their latest values, at least one each. If they outnumber the limit, none of their
    past is read, as reports say.
    """

    name = "linear regression"

    def __init__(self) -> None:
        self._ridge = DirectRidge()
        self._inputs: tuple[Any, ...] | None = None

    def learn(self, train: JudgedWindows) -> None:
        """Fit the coefficients in closed form."""
        self._ridge.fit(train)
        self._inputs = _inputs(train)

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the forecasts of the regression."""
        if self._inputs is None:
            raise ValueError("The linear regression is not fitted: call fit(train) first.")
        if self._inputs != _inputs(validation):
            raise ValueError(
                "The linear regression was fitted to other windows: it has (window, horizon, "
                f"columns) = {self._inputs}, and these have {_inputs(validation)}."
            )
        return self._ridge.predict(validation, block)


def _inputs(judged: JudgedWindows) -> tuple[Any, ...]:
    """Return what the coefficients of a regression depend on: lengths and columns."""
    return judged.geometry.window, judged.geometry.horizon, judged.panel.columns.names


class SeasonalNaive(Baseline):
    """Forecasts the latest value a whole number of periods before the target.

    It may lie in front of the window. A missing value gives NaN; if windows mask it, the latest
    value of the series at its phase takes its place, or else the window's last one.

    Args:
        period: Positions in a season, such as 12 for months or 7 for days; 2 or more.
    """

    name = "seasonal naive"

    def __init__(self, period: int) -> None:
        self.period = _checks.integer("period", period, 2)

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return values whole periods back; NaN if a gap in time follows the earliest of them."""
        values, gapless = validation.seasonal(block, self.period)
        return np.where(gapless[:, None, None], values, np.nan)


class Climatology(Baseline):
    """Forecasts the quantiles of each series' own past, whatever its window holds.

    For a single step, they are the quantiles of the series' values before the first border, and the
    point is the median. For a total of ``n`` steps, they are those of all sums of ``n`` consecutive
    rows there; on demand without a pattern, these beat a neural net. Missing values are left out: a
    total is the mean of the present values times the number of steps judged.
    A series without enough rows there gets the medians of the other series' quantiles.
    """

    name = "climatology"

    def learn(self, train: JudgedWindows) -> None:
        """Keep the training part, from which ``quantiles`` reads."""
        self._train, self._made = train, dict[Any, Array]()

    def forecast(self, validation: JudgedWindows, block: Block) -> Array:
        """Return the median of each series' values."""
        medians = self.quantiles(validation, block, 1, (0.5,))[..., 0]
        return np.repeat(medians, len(validation.ahead), axis=1)

    def quantiles(
        self, validation: JudgedWindows, block: Block, steps: int, levels: Sequence[float]
    ) -> Array:
        """Return quantiles ``(windows, 1, targets, levels)`` of means over consecutive steps."""
        key = steps, tuple(levels)
        if key not in self._made:
            self._made[key] = _past_quantiles(self._train, *key)
        places, labels = np.arange(len(validation.labels)), self._train.labels
        if self._train.panel is not validation.panel:
            places = places_of(validation.labels, labels)
        return self._made[key][places[block.series], None]


def _past_quantiles(train: JudgedWindows, steps: int, levels: Sequence[float]) -> Array:
    """Return quantiles ``(series + 1, targets, levels)`` of means over ``steps`` rows."""
    # The last entry is for series that are not in ``train``.
    begin, end = train.rows
    made = np.full((len(begin) + 1, len(train.columns), len(levels)), np.nan)
    for block in in_blocks(end - begin, _MOST_ROWS):
        lengths = (end - begin)[block]
        rows = run_positions(begin[block], lengths)
        series = np.repeat(np.arange(block.start, block.stop), lengths)
        within = series[: 1 - steps or None] == series[steps - 1 :]
        if not within.any():
            continue
        values = train.panel.values[rows].reshape(len(rows), -1)[:, train.columns]
        for target, column in enumerate(values.T.astype(np.float64)):
            present = np.isfinite(column)
            runs = (np.where(present, column, 0.0), present)
            sums, counts = (sliding_window_view(run, steps).sum(axis=1) for run in runs)
            known = within & (counts > 0)
            means, numbers = (sums / np.maximum(counts, 1))[known], series[: len(within)][known]
            means = means[np.lexsort((means, numbers))]
            number, first, count = np.unique(numbers, return_index=True, return_counts=True)
            rank = (count - 1)[:, None] * np.array(levels)
            low = first[:, None] + rank.astype(np.int64)
            high = np.minimum(low + 1, (first + count - 1)[:, None])
            made[number, target] = means[low] + (rank % 1) * (means[high] - means[low])
    known = np.isfinite(made[:, :, 0])
    for target in np.flatnonzero(known.any(axis=0)).tolist():
        made[~known[:, target], target] = np.median(made[known[:, target], target], axis=0)
    return made


def default_baselines(period: int | None, total: bool = False) -> list[Baseline]:
    """Return the usual baselines; a period adds seasonal naive, and totals the climatology."""
    usual = [Naive(), Drift(), MovingAverage(), Median(period), Theta(period), LinearRegression()]
    seasonal = [] if period is None else [SeasonalNaive(period)]
    return [*usual, *seasonal, *([Climatology()] if total else [])]
