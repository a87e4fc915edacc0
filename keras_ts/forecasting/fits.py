"""Refuses models that are no forecasters, and windows and columns that do not fit a model."""

from typing import Any

import keras

from keras_ts import _keras_private
from keras_ts.forecasting.layout import Layout
from keras_ts.forecasting.loop import Rounds, check_output
from keras_ts.windows.carried import Carried


def check_forecaster(model: keras.Model) -> None:
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


def inputs_by_part(model: keras.Model) -> dict[str, Any]:
    """Return the model's inputs by "past", "future" and "static"; none for a subclass."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) == 1:
        return {"past": inputs[0]}
    if inputs and isinstance(model.input, dict):
        return dict(model.input)
    return {tensor.name: tensor for tensor in inputs}


def check_inputs(model: keras.Model, layout: Layout, told: Carried) -> None:
    """Refuse windows of another length, or of other columns, than the model's inputs."""
    windows, inputs = told.windows, inputs_by_part(model)
    if not inputs:  # A subclass names no shape.
        return
    fed = layout.shapes(windows.geometry, windows.horizon)
    if set(inputs) != set(fed):
        raise ValueError(
            f"By the windows the model takes {_listed(fed)}, and it has "
            f"{len(inputs)}: {list(inputs)}. Use the windows that the model was trained on, and "
            "name its inputs past, future and static."
        )
    # Keras itself adds and drops a last axis of length 1.
    shape = inputs["past"].shape[1:]
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
    columns = layout.columns or 1
    if features not in (None, columns):
        raise ValueError(
            f"The model takes {features} column{'s' * (features > 1)}, and the series has "
            f"{columns}. Forecast from the columns that the model was trained on."
        )
    for part in set(fed).difference(["past"]):
        taken = tuple(inputs[part].shape[1:])
        if len(taken) != len(fed[part]) or any(
            size not in (None, wanted) for size, wanted in zip(taken, fed[part], strict=True)
        ):
            raise ValueError(
                f"The model takes {part!r} of shape {taken}, and the windows give {fed[part]}. "
                "Use the windows that the model was trained on."
            )


def check_columns(layout: Layout, told: Carried) -> None:
    """Refuse another number of columns than the model was trained on."""
    if told.columns is None:
        return
    for part, count in (("past", layout.columns or 1), ("static", layout.static)):
        names = told.columns[part]
        if len(names) != count:
            raise ValueError(
                f"The model takes {len(names)} column{'s' * (len(names) != 1)} under {part!r}, "
                f"{names}, and the series has {count}. Forecast from the columns that the model "
                "was trained on."
            )


def checked_rounds(model: keras.Model, layout: Layout, told: Carried, steps: int) -> Rounds:
    """Return the rounds of a forecast.

    Outputs of another shape than the targets are refused, and steps that cannot be fed back.
    """
    windows = told.windows
    rounds = Rounds(
        windows.geometry,
        -(-steps // windows.horizon),
        layout.target_shape,
        len(told.levels or ()),
        layout.sources,
    )
    if isinstance(getattr(model, "output_shape", None), tuple):
        check_output(model.output_shape, rounds)
    if rounds.count == 1:
        return rounds
    beyond = f"steps={steps} goes past horizon={windows.horizon}, which needs forecasts as inputs"
    if told.levels is not None:
        raise ValueError(
            f"{beyond}, and the model gives quantiles: a median fed back would make those of later "
            f"steps too narrow. Train with horizon={steps}."
        )
    if rounds.sources is None or windows.gap:
        reason = f"gap={windows.gap}"
        if not windows.gap:
            reason = "not every column is a target, known ahead or one of a calendar"
        raise ValueError(
            f"{beyond}, and {reason}. Train with horizon={steps}, or forecast every column without "
            "a gap."
        )
    return rounds


def _listed(parts: Any) -> str:
    return " and ".join(repr(part) for part in parts)
