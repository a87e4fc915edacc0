"""``forecast``: forecasts the values that follow a series, for any number of steps."""

from dataclasses import replace
from typing import Any, Literal

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._dtypes import at_least_float32
from keras_ts._progress import Progress
from keras_ts.forecasting.compiled import (
    check_finite,
    closed_steps,
    compiled_loop,
    fed,
    predict,
)
from keras_ts.forecasting.following import Following
from keras_ts.forecasting.frames import as_frames, matched
from keras_ts.forecasting.future import inputs_of
from keras_ts.forecasting.history import History
from keras_ts.forecasting.loop import checked_rounds
from keras_ts.forecasting.plan import check_future, values_ahead
from keras_ts.interface import Interface
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.reading.common_grid import on_common_grid
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.reading.reader import is_frame, read_panel
from keras_ts.windows.reading.stored import StoredPanel
from keras_ts.windows.windowed_series import WindowedSeries


def forecast(
    model: keras.Model,
    series: Any,
    windows: WindowedSeries | WindowDataset | None = None,
    steps: int | None = None,
    *,
    future: Any = None,
    start: Any = None,
    incomplete: Literal["raise", "nan"] = "raise",
) -> Any:
    """Forecast the values that follow ``series``: arrays for arrays, a frame for a frame.

    Up to the horizon, the model's outputs are the forecast. Past the horizon, the outputs are fed
    back as inputs, with their errors, in one loop. The loop is compiled once for each model,
    windows and number of steps.

    Only the last ``sampling_rate * (window - 1) + 1`` rows of each series are read: values missing
    before them do not matter, whatever ``missing`` says. With ``missing="mask"``, values missing in
    these rows are masked, and so are the rows that a gap in time or a shorter series leaves out;
    with ``min_inputs``, as many inputs of the window must be rows of the series.

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
        model: A model that takes one window and forecasts a horizon. Its precision is that of the
            forecast, at least float32.
        series: Anything that ``windows.build`` takes; each series of a panel is forecast. If the
            model carries the names of its columns, those of a frame are matched by name: they may
            be in any order, with other columns among them.
        windows: The settings of the windows that the model was trained on, or a dataset that has
            them. Defaults to None: those that the model carries.
        steps: Number of positions to forecast. Defaults to None: the horizon.
        future: The values of ``future_columns`` in the rows that follow: a frame, whose rows are
            found by id and time in any order, or an array ``(steps, columns)``, for a panel
            ``(series, steps, columns)``, its columns in the order of ``dataset.columns["future"]``
            (for a column of text, its columns of 0 and 1). Columns of a calendar are computed. With
            ``missing="mask_targets"`` a step is closed, and its forecast NaN, if its row lacks
            values, or if a frame has no row for it but a later one of any series. If the horizon
            exceeds ``steps`` and ``future`` ends early, its last row is repeated.
        start: For a calendar of numbers without timestamps, the number of rows that came before the
            series, or a list with one for each series. They count from the first row with a value
            of the whole series, as in training. Defaults to None: ``series`` is the whole series,
            and its rows count from its first value, whatever padding is in front.
        incomplete: "raise" refuses a series that is too short, or has a missing value in its last
            rows (or, if the model masks missing values, in each of them); "nan" forecasts the other
            series, and returns rows of NaN for that one. Defaults to "raise".

    Output shape:
        ``(steps,)`` for a single target, ``(steps, targets)`` for several, with a last axis for
        quantiles; for a panel, an axis for the series in front. For a frame, a frame of the same
        library with one row for each series and step, in the order of the series: the columns
        ``id_column``, ``time_column`` (continued at each series' own frequency), ``step`` from 1,
        and the targets by their names; of quantiles, the median has the target's name, and others
        are named like ``units_0.1``. A list of frames for a list of frames.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``windows`` no ``WindowedSeries``.
        ValueError: The model is not built, is stateful, carries no windows or other ones, takes
            windows of another length or other columns, or returns outputs that do not fit the
            windows; the data have another frequency, or lack a column; ``future`` is missing or has
            too few rows; a series is too short, or has missing values in its last window; a
            forecast is not finite, since the precision cannot hold it or the weights are not
            finite; or ``steps`` goes past the horizon, and the model returns quantiles, does not
            forecast every column that is not known ahead, or draws random numbers without a seed.
    """
    interface = Interface.of(model, windows, built=True)
    _checks.choice("incomplete", incomplete, ("raise", "nan"))
    settings = interface.windows
    steps = settings.horizon if steps is None else _checks.integer("steps", steps, 1)
    interface.check_forecaster()
    panel = _read(matched(series, interface), interface)
    columns = panel.columns.with_calendar(settings.calendar_columns)
    interface.check_columns(columns)
    interface.check_frequency(panel)
    history = History.of(panel, settings, incomplete, interface.masked)
    rounds = checked_rounds(interface, columns, steps)
    check_future(future, panel, settings)
    following = Following.of(panel, settings.gap, rounds.steps)
    dtype = at_least_float32(model)
    values = np.full((len(panel.lengths), rounds.steps, *rounds.step_shape), np.nan, dtype)
    planned = None
    if panel.columns.future and len(history.chosen):
        planned = values_ahead(future, history, following, steps, rounds.steps)
    shapes = columns.input_shapes(settings.geometry, rounds.steps)
    progress, done = Progress(len(history.chosen), "series"), 0
    for part in history.parts():
        ahead = None if planned is None else planned[done : done + len(part.chosen)]
        inputs = inputs_of(part, following, ahead, start, rounds.steps)
        inputs = fed({role: inputs[role] for role in shapes}, dtype, panel, part.chosen)
        closed, hollow = (at[:, :steps] for at in closed_steps(inputs, rounds))
        if incomplete == "raise" and hollow.any():
            _refuse_hollow(panel, int(part.chosen[hollow.any(axis=1).argmax()]))
        made = predict(compiled_loop(model, rounds, shapes), inputs, progress)
        # Steps that have no forecast are NaN.
        finite = made[:, :steps].copy()
        finite[closed | hollow] = 0
        check_finite(finite, inputs, interface.masked is not None, panel, part.chosen)
        values[part.chosen] = made
        done += len(part.chosen)
    values = values[:, :steps]
    if is_frame(series) or isinstance(series, StoredPanel):
        times = None if following is None else following.times[:, :steps]
        return as_frames(series, panel, settings, interface.quantiles, times, values)
    return values[0] if panel.single else values


def _refuse_hollow(panel: Panel, number: int) -> None:
    raise ValueError(
        f"future closes so many steps in a row of {panel.series(number)} that past the horizon a "
        "whole window has no value of a target to go on from. Ask for fewer steps, train with a "
        'longer window or horizon, or pass incomplete="nan" for NaN there.'
    )


def _read(series: Any, interface: Interface) -> Panel:
    """Return the series without a calendar, which is computed only at the last rows."""
    # ``History`` looks for missing values, only in the last rows too.
    windows = replace(interface.windows, missing="drop", min_inputs=None, calendar=None)
    if isinstance(series, StoredPanel):
        return _read_stored(series, interface, windows)
    panel = read_panel(series, windows)
    if not len(panel.lengths):
        raise ValueError("series is a frame without a row, so there is no series to forecast.")
    _check_categories(panel, interface)
    if panel.clock is not None:
        panel = replace(panel, clock=replace(panel.clock, expected=interface.frequency))
    return on_common_grid(panel) if interface.windows.handling.gaps == "fill" else panel


def _read_stored(series: StoredPanel, interface: Interface, windows: WindowedSeries) -> Panel:
    """Return a panel on disk, whose gaps in time were filled as it was written."""
    if interface.windows.handling.gaps == "fill":
        windows = replace(windows, missing="mask")
    panel = read_panel(series, windows)
    _check_categories(panel, interface)
    if panel.clock is not None:
        own = series.frequencies(interface.frequency)
        panel = replace(panel, clock=replace(panel.clock, filled_by=own))
    return panel


def _check_categories(panel: Panel, interface: Interface) -> None:
    """Refuse columns of text whose categories the model does not have."""
    unknown = set(panel.categories or ()) - set(interface.windows.categories or ())
    if unknown:
        raise ValueError(
            f"The model's windows hold no categories of the columns of text {sorted(unknown)}, so "
            "the columns that it was trained on are unknown. Pass windows=dataset.windows, with "
            "the dataset that the model was trained on."
        )
