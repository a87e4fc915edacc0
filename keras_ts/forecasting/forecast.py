"""``forecast``: values from the end of a series on, for any number of steps."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks, _keras_private
from keras_ts._models import check_model
from keras_ts._typing import Array
from keras_ts.forecasting.rollout import Rollout, check_output
from keras_ts.windows.reading.panel import Panel, missing_rows
from keras_ts.windows.reading.reader import read_panel
from keras_ts.windows.windowed_series import WindowedSeries


def forecast(
    model: keras.Model, series: Any, windows: WindowedSeries, steps: int | None = None
) -> Array:
    """Forecast the values that follow ``series``.

    Up to the horizon, the model's outputs are the forecast. Past the horizon, the outputs are fed
    back as inputs, in one compiled loop, and their errors with them.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import WindowedSeries, forecast
    >>> persist = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x[:, -1:])])
    >>> forecast(persist, np.array([1.0, 2.0, 3.0, 4.0]), WindowedSeries(3), steps=2).tolist()
    [4.0, 4.0]

    Args:
        model: A model that takes one window and forecasts a horizon.
        series: Anything that ``windows.build`` takes; a panel is forecast series by series.
        windows: The settings of the windows that the model was trained on.
        steps: Number of positions to forecast. Defaults to None: the horizon.

    Output shape:
        ``(steps,)`` for a single target, ``(steps, targets)`` for several; for a panel, an axis
        for the series in front.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``windows`` no ``WindowedSeries``.
        ValueError: The model is not built, takes windows of another length or of other columns,
            or gives outputs that do not fit the windows; a series is shorter than a window, or
            its last window is not whole; or ``steps`` goes past the horizon, and the
            model does not forecast every column, or draws random numbers without a seed.
    """
    check_model(model, built=True)
    if not isinstance(windows, WindowedSeries):
        hint = " Pass its windows: dataset.windows." if hasattr(windows, "windows") else ""
        raise TypeError(
            f"windows must be a WindowedSeries. Received: {type(windows).__name__}.{hint}"
        )
    steps = windows.horizon if steps is None else _checks.integer("steps", steps, 1)
    panel = read_panel(series, windows)
    if panel.future or panel.static is not None:
        raise ValueError(
            "forecast cannot know the future values of future_columns, nor pass on a calendar or "
            "static_columns; predict with model.predict on windows of your own."
        )
    _check_forecasts(model)
    _check_takes(model, panel, windows)
    rounds = -(-steps // windows.horizon)
    if rounds > 1:
        _check_feeds_back(panel, windows, steps)
    targets = _target_shape(panel)
    if isinstance(getattr(model, "output_shape", None), tuple):
        check_output(model.output_shape, windows, targets)
    rollout = Rollout(model, windows, rounds, targets)
    # Only TensorFlow and PyTorch would cast the series to the model's precision by themselves.
    inputs = _last_inputs(panel, windows).astype(rollout.compute_dtype)
    out = np.asarray(ops.convert_to_numpy(rollout.predict_on_batch(inputs)))
    return out[0, :steps] if panel.single else out[:, :steps]


def _check_forecasts(model: keras.Model) -> None:
    """Refuse a model whose outputs are no forecast of the window alone."""
    stateful = [
        layer.name for layer in _keras_private.layers_within(model) if getattr(layer, "stateful", 0)
    ]
    if stateful:
        raise ValueError(
            f"The layers {stateful} are stateful: they carry a state from one window into the "
            "next, so a forecast would depend on every call before it. Build the model with "
            "stateful=False and give it these weights."
        )
    outputs = getattr(model, "outputs", None) or [None]
    if len(outputs) > 1 or isinstance(getattr(model, "output", None), dict | list | tuple):
        raise ValueError(
            f"forecast needs a model with one output. This one has {len(outputs)}, in a "
            f"{type(model.output).__name__}. Pass keras.Model(model.inputs, one_of_them)."
        )


def _check_takes(model: keras.Model, panel: Panel, windows: WindowedSeries) -> None:
    """Refuse windows of another length, or of other columns, than the model's input."""
    inputs = getattr(model, "inputs", None)
    if not inputs:  # A subclass names no shape.
        return
    if len(inputs) > 1:
        raise ValueError(
            f"forecast passes one input to the model, and it has {len(inputs)}: "
            f"{[tensor.name for tensor in inputs]}. Call model.predict on windows of your own."
        )
    # Keras itself adds and drops a last axis of length 1.
    shape = inputs[0].shape[1:]
    if not 1 <= len(shape) <= 2:
        raise ValueError(
            f"The model takes inputs of shape {tuple(shape)}. A window has the shape "
            f"({windows.window},) or ({windows.window}, columns)."
        )
    length, features = (*shape, 1)[:2]
    if length not in (None, windows.window):
        raise ValueError(
            f"The model takes windows of {length} inputs. Received: window={windows.window}. "
            "Use the windows that the model was trained on."
        )
    if features not in (None, panel.num_columns):
        raise ValueError(
            f"The model takes {features} column{'s' * (features > 1)}, and the series has "
            f"{panel.num_columns}. Forecast from the columns that the model was trained on."
        )


def _last_inputs(panel: Panel, windows: WindowedSeries) -> Array:
    reach = windows.geometry.reach
    short = np.flatnonzero(panel.lengths < reach)
    if len(short):
        raise ValueError(
            f"series is too short: window={windows.window}, sampling_rate="
            f"{windows.sampling_rate} read back {reach} positions, and "
            + (f"series {short[0]} has" if not panel.single else "it has")
            + f" {panel.lengths[short[0]]}."
        )
    if windows.missing != "keep":
        _check_whole(panel, reach)
    values = np.stack([panel.values[end - reach : end] for end in panel.offsets[1:]])
    return values if values.dtype.kind == "f" else values.astype(keras.config.floatx())


def _check_whole(panel: Panel, reach: int) -> None:
    """Refuse to forecast from a window that training would have left out."""
    for begin, end in zip(panel.offsets[:-1], panel.offsets[1:], strict=True):
        begin = max(begin, end - reach)
        missing = np.flatnonzero(missing_rows(panel.values[begin:end]))
        gaps = panel.gaps[(panel.gaps > begin) & (panel.gaps < end)]
        if len(missing) or len(gaps):
            at = begin + missing[0] if len(missing) else gaps[0]
            raise ValueError(
                f"The last window of the series has a missing value or a gap at "
                f"{panel.place(int(at))}, so there is nothing whole to forecast from. Fill it, "
                'or pass missing="keep".'
            )


def _target_shape(panel: Panel) -> tuple[int, ...]:
    if panel.values.ndim == 1 or isinstance(panel.targets, int):
        return ()
    return (panel.num_columns if panel.targets is None else len(panel.targets),)


def _check_feeds_back(panel: Panel, windows: WindowedSeries, steps: int) -> None:
    columns = list(range(panel.num_columns))
    every = panel.targets is None or np.atleast_1d(panel.targets).tolist() == columns
    if not every or windows.gap:
        reason = f"gap={windows.gap}" if windows.gap else "not every column is a target, in order"
        raise ValueError(
            f"steps={steps} goes past horizon={windows.horizon}, which needs forecasts as "
            f"inputs, and {reason}. Train with horizon={steps}, or forecast every column "
            "without a gap."
        )
