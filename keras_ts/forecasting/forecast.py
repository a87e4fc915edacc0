"""``forecast``: forecasts the values that follow a series, for any number of steps."""

from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts.forecasting.frames import with_plan_alone
from keras_ts.forecasting.prepared import Prepared
from keras_ts.interface import Interface
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.reading.frames import is_frame
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
        incomplete: "raise" refuses a series that is too short, or has a missing or infinite value
            in its last rows (or, if the model masks missing values, one in each of them or an
            infinite one); "nan" forecasts the other series, and returns rows of NaN for that one.
            The same holds of a series that only ``future`` has; its rows of NaN come last, at the
            first times of its plan. Defaults to "raise".

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
            windows; the data have another frequency, or lack a column; ``future`` is missing, has
            too few rows, or has rows of a series that ``series`` lacks; a series is too short, has
            missing values in its last window, or is too small to be squared; a forecast is not
            finite, since the precision cannot hold it or the weights are not finite; or ``steps``
            goes past the horizon, and the model returns quantiles, does not forecast every column
            that is not known ahead, or draws random numbers without a seed.
    """
    interface = Interface.of(model, windows, built=True)
    _checks.choice("incomplete", incomplete, ("raise", "nan"))
    if steps is not None:
        steps = _checks.integer("steps", steps, 1)
    prepared = Prepared.of(interface, series, steps, future, start, incomplete)
    if not len(prepared.panel.lengths):
        raise ValueError("series is a frame without a row, so there is no series to forecast.")
    made, settings = prepared.forecast(), interface.windows
    if incomplete == "nan" and future is not None and settings.id_column and is_frame(made):
        made = with_plan_alone(made, future, settings, prepared.steps)
    return made
