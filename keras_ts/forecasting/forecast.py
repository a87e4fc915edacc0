"""``forecast``: forecasts the values that follow a series, for any number of steps.

``Prepared`` reads and checks the data before the model runs. A ``BatchForecaster`` uses it alone to
name the series that cannot be forecast.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._dtypes import at_least_float32
from keras_ts._progress import ProgressBar
from keras_ts._quantiles import crossing
from keras_ts._typing import Array, BoolArray
from keras_ts.forecasting.frames import as_frames, with_new_series, with_plan_alone
from keras_ts.forecasting.history import History
from keras_ts.forecasting.loop import Rounds, compiled_loop, predict
from keras_ts.forecasting.plan import Plan
from keras_ts.forecasting.samples import Sampling, keys_of
from keras_ts.forecasting.uneven import (
    ended_series,
    late_columns,
    shorter_series,
    silent_at_the_end,
)
from keras_ts.interface import Interface
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.reading.flat_series import missing_rows
from keras_ts.windows.reading.frames import is_frame
from keras_ts.windows.reading.panel import given_of, with_columns
from keras_ts.windows.reading.stored import StoredPanel
from keras_ts.windows.windowed_series import WindowedSeries

# Of values below this, float32 cannot hold the square of a thousandth.
_LEAST = 1e3 * float(np.sqrt(np.finfo(np.float32).tiny))


def forecast(
    model: keras.Model,
    series: Any,
    windows: WindowedSeries | WindowDataset | None = None,
    steps: int | None = None,
    *,
    future: Any = None,
    start: Any = None,
    incomplete: Literal["raise", "nan"] = "raise",
    num_samples: int | None = None,
    seed: int | None = None,
) -> Any:
    """Forecast the values that follow ``series``: arrays for arrays, a frame for a frame.

    Up to the horizon, the model's outputs are the forecast. Past the horizon, a loop feeds the
    outputs, with their errors, back as inputs. The loop is compiled once for each model, windows,
    number of horizons and batch size, a power of two.

    Only the last ``sampling_rate * (window - 1) + 1`` rows of each series are read: values missing
    before them do not matter, whatever ``missing`` says. ``missing="mask"`` masks missing values in
    these rows, and rows that are missing because of a gap in time or a short series. With
    ``min_inputs=n``, at least n inputs of the window must be rows of the series.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import WindowedSeries, forecast
    >>> persist = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x[:, -1:])])
    >>> forecast(persist, np.array([1.0, 2.0, 3.0, 4.0]), WindowedSeries(3), steps=2).tolist()
    [4.0, 4.0]

    A model that was built for a dataset carries its windows, and continues a frame:

    >>> import pandas as pd
    >>> from keras_ts import RecurrentPreset
    >>> days = pd.date_range("2024-01-01", periods=40)
    >>> sales = pd.DataFrame({"day": days, "units": np.arange(40.0)})
    >>> dataset = WindowedSeries(7, 3, target_columns="units", time_column="day").build(sales)
    >>> model = RecurrentPreset(units=(4,)).build(dataset)
    >>> forecast(model, sales)[["day", "step"]]
             day  step
    0 2024-02-10     1
    1 2024-02-11     2
    2 2024-02-12     3

    Args:
        model: A model that takes one window and forecasts a horizon. The forecast has its
            precision, at least float32.
        series: Anything that ``windows.build`` takes; each series of a panel is forecast. If the
            model carries the names of its columns, a frame's columns are found by name, in any
            order and among other columns.
        windows: The settings of the windows that the model was trained on, or a dataset that has
            them. Defaults to None: those that the model carries.
        steps: Number of steps to forecast. Defaults to None: the horizon.
        future: The values of ``future_columns`` in the rows that are forecast: a frame, whose rows
            are found by id and time in any order, or an array ``(steps, columns)``, for a panel
            ``(series, steps, columns)``, its columns in the order of ``dataset.columns["future"]``
            (for a column of text, its columns of 0 and 1). Without timestamps, leave out the rows
            of a ``gap``. Columns of a calendar are computed. With
            ``missing="mask_targets"``, a step whose row lacks values is closed: its forecast is
            NaN. A step without a row is closed, too, if a frame has rows of every series, and a row
            of any at a later time. If the last horizon goes past ``steps``, rows that ``future``
            lacks there repeat the row before.
        start: For a calendar of numbers, without timestamps: the number of rows of the whole series
            that came before ``series``, or a list of one number for each series. Rows count from
            the first that has a value, as in training. Defaults to None: ``series`` is the whole
            series, and its rows count from its first value, whatever padding is in front.
        incomplete: What to do with a series that cannot be forecast: it is too short, or its last
            rows have an infinite or a missing value (if the model masks missing values: an infinite
            value, or no value at all). "raise" refuses it; "nan" returns NaN for it, and forecasts
            the others. A series that only ``future`` has is treated likewise; its rows of NaN come
            last, at the first times of its plan. But if the windows have ``min_inputs=0`` and
            ``series`` is a table in memory, the model forecasts this new series from the plan and
            the static columns in ``future``, for the times after the last one in the table.
            Defaults to "raise".
        num_samples: Number of sample paths to draw in place of quantiles, so that ``aggregate`` can
            compute totals of steps or series. The model must come from
            ``calibrate(..., joint=True)``. At each step the samples are equally spaced quantiles:
            interpolated linearly between the model's, and extended beyond them by its calibration
            errors. One sample's ranks across steps, targets and series are those of one path of
            calibration errors, if the forecasts of these series begin at the same time. Defaults to
            None: the model's outputs.
        seed: Seed of the draws. Draws depend on the seed and on the time at which a series'
            forecast begins, so that several calls with one seed may forecast parts of a panel.
            Without timestamps, each id has its own draws. Series of arrays are numbered anew in
            each call, so give each part another seed. Defaults to None: new draws in each call.

    Output shape:
        ``(steps,)`` or ``(steps, targets)``, as the targets in training, with a last axis for
        quantiles; for a panel, an axis for the series in front. For a frame, a frame of the same
        library with one row for each series and step, in the order of the series: the columns
        ``id_column``, ``time_column`` (continued at each series' own frequency), ``step`` from 1,
        and the targets by their names; of quantiles, the median has the target's name, and others
        are named like ``units_0.1``. A list of frames for a list of frames. With ``num_samples``,
        the last axis holds the samples, and a frame has one row for each series, step and sample,
        with a column ``sample`` from 0 behind ``step``.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``windows`` no ``WindowedSeries``.
        ValueError: The model is not built, is stateful, carries no windows or others than
            ``windows``, takes windows of another length or other columns, or returns outputs that
            do not fit the windows; the data have another frequency, or lack a column; ``future`` is
            missing, has too few rows, or has rows of a series that ``series`` lacks; a series is
            too short, has missing values in its last window, or has values too small to be squared;
            a forecast is not finite, since the precision cannot hold it or the weights are not
            finite; ``steps`` goes past the horizon, and the model returns quantiles, does not
            forecast every column that is not known ahead, or draws random numbers without a seed;
            or ``num_samples`` is given, and the model was not calibrated with ``joint=True``.
    """
    interface = Interface.of(model, windows, built=True)
    _checks.choice("incomplete", incomplete, ("raise", "nan"))
    if steps is not None:
        steps = _checks.integer("steps", steps, 1)
    sampling = Sampling.of(interface, num_samples, seed)
    if interface.windows.min_inputs == 0 and future is not None:
        series = with_new_series(series, future, interface.windows, incomplete)
    prepared = Prepared.of(interface, series, steps, future, start, incomplete, sampling)
    if not len(prepared.history.panel.lengths):
        raise ValueError(
            "series is a frame without a row: pass rows of at least one known series, to forecast "
            "a new one, too."
        )
    made, settings = prepared.forecast(), interface.windows
    prepared.warn()
    if incomplete == "nan" and future is not None and settings.id_column and is_frame(made):
        plan, samples = prepared.plan, sampling.count if sampling else None
        following, chosen = plan.following, plan.history.chosen
        begins = None if following is None else following.times[chosen, 0]
        made = with_plan_alone(made, future, settings, begins, plan.steps, samples)
    return made


@dataclass(frozen=True)
class Prepared:
    """A forecast whose data were read and checked."""

    series: Any  # The argument of ``forecast``; of a ``Panel``, its table.
    history: History
    plan: Plan
    incomplete: str
    sampling: Sampling | None = None
    notes: list[str] = field(default_factory=list)  # What ``forecast`` found to warn of.

    @classmethod
    def of(
        cls,
        interface: Interface,
        series: Any,
        steps: int | None,
        future: Any,
        start: Any,
        incomplete: str,
        sampling: Sampling | None = None,
    ) -> Self:
        """Read and check the data of a forecast; a panel may have no series."""
        # A model that carries no names of columns takes those of the Panel.
        if interface.carried is not None and interface.columns is None:
            windows = with_columns(interface.windows, series)
            interface = replace(interface, carried=interface.carried.of_windows(windows))
        steps = interface.windows.horizon if steps is None else steps
        interface.check_forecaster()
        history = History.of(series, interface, incomplete)
        plan = Plan.of(future, history, steps, start, incomplete)
        return cls(given_of(series), history, plan, incomplete, sampling)

    def parts(self) -> Iterator[tuple[History, dict[str, Array]]]:
        """Yield some series at a time, with the inputs in the model's precision by role."""
        columns, interface = self.history.columns, self.history.interface
        dtype = at_least_float32(interface.model)
        roles = columns.input_shapes(interface.windows.geometry, self.plan.rounds.steps)
        for part, inputs in self.plan.parts():
            yield part, {role: _cast(inputs[role], dtype, role, part) for role in roles}

    def forecast(self) -> Any:
        """Run the model; return arrays for arrays and frames for frames."""
        history, plan = self.history, self.plan
        model, rounds, panel = history.interface.model, plan.rounds, history.panel
        shape = (len(panel.lengths), rounds.steps, *rounds.step_shape)
        values = np.full(shape, np.nan, at_least_float32(model))
        progress, refuse = ProgressBar(len(history.chosen), "series"), self.incomplete == "raise"
        far, late = plan.far(), dict[int, list[int]]()
        times = None if plan.following is None else plan.following.times[:, : plan.steps]
        for part, inputs in self.parts():
            closed, unknown = (at[:, : plan.steps] for at in _without_forecast(inputs, rounds))
            if refuse and unknown.any():
                raise ValueError(
                    "future closes so many consecutive steps of "
                    f"{panel.series(int(part.chosen[unknown.any(axis=1).argmax()]))} that a window "
                    "past the horizon has no value of a target. Ask for fewer steps, train with a "
                    'longer window or horizon, or pass incomplete="nan" for NaN there.'
                )
            far = far or plan.far_within(part, inputs["past"])
            for window, place in silent_at_the_end(inputs["past"], panel.columns.own):
                late.setdefault(place, []).append(int(part.chosen[window]))
            shapes = {role: tuple(array.shape[1:]) for role, array in inputs.items()}
            made = predict(compiled_loop(model, rounds, shapes), inputs, progress)
            _check_sizes(made[:, : plan.steps], closed | unknown, inputs, part, refuse)
            values[part.chosen] = made
        self.notes.extend([far] if far else [])
        self.notes.extend(shorter_series(history))
        if late:
            self.notes.append(late_columns(late, history))
        values = values[:, : plan.steps]
        if history.interface.quantiles is not None and (crossed := crossing(values)).any():
            self.notes.append(
                f"The model's quantiles cross in {crossed.sum()} of {crossed.size} forecasts, so "
                "intervals are wrong. End it in SortedQuantiles, and train it again."
            )
        if self.sampling is not None:
            begins = None if times is None else times[:, 0]
            keys = keys_of(history.given)
            by_target = values.reshape(*values.shape[:2], -1, values.shape[-1])
            stuck = np.flatnonzero(self.sampling.paths.narrow(by_target, keys)).tolist()
            if stuck:
                self.notes.append(
                    f"Intervals have hardly any width in {len(stuck)} of {len(values)} series, the "
                    f"first {panel.series(stuck[0])}, but errors exceed them by far: sample paths "
                    "rest on few errors there, and the probabilities of totals may be far off. "
                    "Compare them with past totals."
                )
            values = self.sampling.draw(values, keys, begins)
        if is_frame(self.series) or isinstance(self.series, StoredPanel):
            drawn = self.sampling is not None
            return as_frames(self.series, history.given, history.interface, times, values, drawn)
        return values[0] if panel.single else values

    def warn(self) -> None:
        """Warn of what ``forecast`` found; callers decide when, after it has succeeded."""
        for note in [*self.notes, *ended_series(self.plan)]:
            warnings.warn(note, stacklevel=3)

    def without_times(self) -> list[int]:
        """Return the numbers of the chosen series that have no regular step."""
        following, chosen = self.plan.following, self.history.chosen
        assert following is not None  # The windows of a BatchForecaster have a time_column.
        return chosen[following.frequencies.codes[chosen] < 0].tolist()


def _cast(values: Array, dtype: str, role: str, part: History) -> Array:
    """Return inputs in the model's precision, or refuse values that do not fit it."""
    with np.errstate(over="ignore"):
        cast = values.astype(dtype)
    if values.dtype.kind == "f" and values.dtype.itemsize <= cast.dtype.itemsize:
        return cast
    lost = ~np.isfinite(cast) & np.isfinite(values)
    if lost.any():
        row = int(np.argwhere(lost)[0][0])
        raise ValueError(
            f"{part.panel.series(int(part.chosen[row]))} holds {values[lost][0]:.3g} in the "
            f"columns of {role!r}, more than the model's precision, {dtype}, can hold. Divide the "
            "column by a number, before training too."
        )
    return cast


def _without_forecast(inputs: dict[str, Array], rounds: Rounds) -> tuple[BoolArray, BoolArray]:
    """Return the closed steps, and those after a window without a value, ``(chosen, steps)``."""
    horizon = rounds.geometry.horizon
    closed: BoolArray = np.zeros((len(inputs["past"]), rounds.steps), bool)
    unknown = closed.copy()
    if not rounds.planned:
        return closed, unknown
    closed = np.logical_or.reduce(np.isnan(inputs["future"][..., : rounds.planned]), axis=2)
    if rounds.count == 1 or not closed.any():
        return closed, unknown
    # A plan may close all steps of the window that a later round reads.
    present = np.isfinite(inputs["past"][..., rounds.target_places])
    for begin in range(0, rounds.steps, horizon):
        ahead = np.repeat(~closed[:, begin : begin + horizon, None], present.shape[2], axis=2)
        if begin:
            known = present[:, :: rounds.geometry.sampling_rate].any(axis=1, keepdims=True)
            unknown[:, begin : begin + horizon] = (ahead & ~known).any(axis=2)
            ahead = ahead & known
        present = np.concatenate([present, ahead], axis=1)[:, -rounds.geometry.reach :]
    return closed, unknown


def _check_sizes(
    ahead: Array, without: BoolArray, inputs: dict[str, Array], part: History, refuse: bool
) -> None:
    """Refuse values that are too small to be squared, and a forecast that is not finite."""
    panel, interface = part.panel, part.interface
    if interface.normalizes:
        past = inputs["past"].reshape(*inputs["past"].shape[:2], -1)
        targets = past[..., panel.columns.targets]
        sizes = np.where(np.isfinite(targets), np.abs(targets), 0).max(axis=1)
        tiny = (sizes > 0) & (sizes < _LEAST)
        if tiny.any():
            row, column = np.argwhere(tiny)[0]
            raise ValueError(
                f"{panel.series(int(part.chosen[row]))} has no value above "
                f"{sizes[row, column]:.3g} in its last window of "
                f"{panel.columns.by_part()['target'][int(column)]!r}: the model squares "
                f"deviations, and of values below {_LEAST:.3g} float32 cannot hold the square of a "
                "thousandth. Multiply the series by a number, before training too, and divide the "
                "forecast by it."
            )
    finite = np.isfinite(ahead).reshape(*ahead.shape[:2], -1).all(axis=2)
    bad: Any = ~(finite | without).all(axis=1)
    # Missing inputs that are not masked make a forecast NaN.
    if bad.any() and interface.masked is None:
        missing = [missing_rows(values.reshape(len(values), -1)) for values in inputs.values()]
        lacking: Any = np.logical_or.reduce(missing)
        if refuse and interface.windows.handling.masked and (bad & lacking).any():
            raise ValueError(
                f"{panel.series(int(part.chosen[(bad & lacking).argmax()]))} lacks values in its "
                "last window, and the model's forecast of it is not finite: no layer masks them. "
                'Begin the model with MaskMissing, fill the values, or pass incomplete="nan".'
            )
        bad &= ~lacking
    if bad.any():
        row = int(bad.argmax())
        values = np.concatenate([array[row].ravel() for array in inputs.values()])
        largest, most = np.nanmax(np.abs(values)), np.sqrt(np.finfo(values.dtype).max)
        raise ValueError(
            f"The model's forecast of {panel.series(int(part.chosen[row]))} is not finite. Its "
            f"inputs go up to {largest:.3g}: models square values, and {values.dtype} cannot hold "
            f"squares of values above {most:.3g}. Divide the series by a number, and multiply the "
            "forecast by it. If the inputs are no larger than in training, the training has "
            "diverged, and the weights are not finite: train with a smaller learning rate."
        )
