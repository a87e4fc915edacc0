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
from keras_ts.panel.flat_series import missing_rows
from keras_ts.panel.frames import is_frame
from keras_ts.panel.panel import Panel
from keras_ts.panel.stored import StoredPanel
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries


def forecast(
    model: keras.Model,
    series: Any,
    windows: WindowedSeries | WindowDataset | None = None,
    steps: int | None = None,
    *,
    future: Any = None,
    incomplete: Literal["raise", "nan"] = "raise",
    num_samples: int | None = None,
    seed: int | None = None,
) -> Any:
    """Forecast the values that follow ``series``: arrays for arrays, a frame for a frame.

    Up to the horizon, the model's outputs are the forecast. Past the horizon, a loop feeds the
    outputs, with their errors, back as inputs. Only the last window of each series is read.

    Example:

    >>> import numpy as np, pandas as pd
    >>> from keras_ts import RecurrentPreset, WindowedSeries, forecast
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
        model: A model that takes one window and forecasts a horizon.
        series: Anything that ``windows.build`` takes; each series of a panel is forecast. A frame's
            columns are found by name, if the model carries their names.
        windows: The settings of the windows that the model was trained on, or a dataset that has
            them. Defaults to None: those that the model carries.
        steps: Number of steps to forecast. Defaults to None: the horizon.
        future: The values of ``future_columns`` in the rows that are forecast: a frame, whose rows
            are found by id and time in any order, or an array ``(steps, columns)``, for a panel
            ``(series, steps, columns)``. Columns of a calendar are computed. With
            ``missing="mask_targets"``, a step whose row lacks values, or that the plan skips, is
            closed: its forecast is NaN.
        incomplete: What to do with a series that is too short, or whose last window has a value
            that the model cannot read: "raise" refuses it; "nan" returns NaN for it, and forecasts
            the others. A series that only ``future`` has is treated likewise; with
            ``min_inputs=0``, the model forecasts it from the plan. Defaults to "raise".
        num_samples: Number of sample paths to draw in place of quantiles, for ``aggregate``, from a
            model of ``calibrate(..., joint=True)``. At each step they are equally spaced quantiles;
            across steps and series they follow its calibration errors. Defaults to None: none.
        seed: Seed of the draws. Several calls with one seed may forecast parts of a panel with
            timestamps or ids. Defaults to None: new draws in each call.

    Output shape:
        ``(steps,)`` or ``(steps, targets)``, with a last axis for quantiles or samples; for a
        panel, an axis for the series in front. For a frame, a frame of the same library with a row
        for each series and step (and sample): ids, times, ``step`` from 1 (``sample`` from 0), and
        the targets by their names; quantiles but the median are named like ``units_0.1``.

    Raises:
        ValueError: The model carries no windows, or others than ``windows``; the data have another
            frequency, or lack a column; ``future`` has too few rows; a series is too short, or has
            missing values in its last window; or ``steps`` goes past the horizon, and the model
            returns quantiles or does not forecast every column that is not known ahead.
    """
    interface = Interface.of(model, windows, built=True)
    _checks.choice("incomplete", incomplete, ("raise", "nan"))
    if steps is not None:
        steps = _checks.integer("steps", steps, 1)
    sampling = Sampling.of(interface, num_samples, seed)
    if interface.windows.min_inputs == 0 and future is not None:
        series = with_new_series(series, future, interface.windows, incomplete)
    prepared = Prepared.of(interface, series, steps, future, incomplete, sampling)
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
        incomplete: str,
        sampling: Sampling | None = None,
    ) -> Self:
        """Read and check the data of a forecast; a panel may have no series."""
        panel = Panel.of(series, interface.windows)
        # A model that carries no names of columns takes those of the Panel.
        if interface.carried is not None and interface.columns is None:
            windows = panel.settle(interface.windows)
            interface = replace(interface, carried=interface.carried.of_windows(windows))
        steps = interface.windows.horizon if steps is None else steps
        interface.check_forecaster()
        history = History.of(panel, interface, incomplete)
        plan = Plan.of(future, history, steps, incomplete)
        return cls(panel.given, history, plan, incomplete, sampling)

    def parts(self) -> Iterator[tuple[History, dict[str, Array]]]:
        """Yield some series at a time, with the inputs in the model's precision by role."""
        columns, interface = self.history.columns, self.history.interface
        dtype = at_least_float32(interface.model)
        roles = columns.input_shapes(interface.windows.geometry.reach, self.plan.rounds.steps)
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
            _check_finite(made[:, : plan.steps], closed | unknown, inputs, part, refuse)
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
        clock = self.history.panel.clock
        assert clock is not None  # The windows of a BatchForecaster have a time_column.
        return self.history.chosen.tolist() if clock.frequency is None else []


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


def _check_finite(
    ahead: Array, without: BoolArray, inputs: dict[str, Array], part: History, refuse: bool
) -> None:
    """Refuse a forecast that is not finite."""
    panel, interface = part.panel, part.interface
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
        raise ValueError(
            f"The model's forecast of {panel.series(int(part.chosen[row]))} is not finite. Its "
            f"inputs go up to {np.nanmax(np.abs(values)):.3g}: divide a series of huge values by a "
            "number. If they are no larger than in training, the training has diverged: train with "
            "a smaller learning rate."
        )
