"""Describes an exported forecaster as plain values, for a server without keras_ts and Keras.

The file that Keras writes names only inputs and their shapes.
"""

from typing import Any

import keras

from keras_ts._backends import versions
from keras_ts._quantiles import output_names
from keras_ts.forecasting.history import needed_rows
from keras_ts.forecasting.rollout import Forecaster, Rollout, forecaster_of
from keras_ts.panel.cycles import Holiday, cycle_names, formula
from keras_ts.panel.frequency import numbering
from keras_ts.panel.labels import made_columns

# The key of the description in every format's metadata, and the version of its form.
KEY, VERSION = "keras_ts", 1
OUTPUT = "forecast"


def describe(rollout: Rollout) -> dict[str, Any]:
    """Return the inputs, the output and the settings of a ``Rollout``, as values for JSON."""
    forecaster = forecaster_of(rollout)
    interface, columns = forecaster.interface, forecaster.columns
    windows, bounds = interface.windows, interface.bounds
    targets = columns.by_part()["target"]
    names = [output_names(str(target), interface.quantiles) for target in targets]
    [output] = rollout.outputs
    # The first and the last row of a forecast, counted from the last row of "past".
    ahead = [windows.gap + 1, windows.gap + forecaster.steps]
    axes = ["target"] * (not columns.squeeze) + ["quantile"] * (interface.quantiles is not None)
    return {
        "version": VERSION,
        "inputs": {tensor.name: _input(tensor, forecaster, ahead) for tensor in rollout.inputs},
        "output": {
            "name": OUTPUT,
            "shape": list(output.shape),
            "dtype": keras.backend.standardize_dtype(output.dtype),
            "axes": ["batch", "step", *axes],
            "rows": ahead,
            "targets": targets,
            "quantiles": interface.quantiles and list(interface.quantiles),
            "columns": [name for of_target in names for name in of_target],
            "closes_steps": forecaster.rounds.planned > 0,
            "draws_samples": False,
        },
        "categories": {
            column: dict(zip(texts, made_columns(column, texts), strict=True))
            for column, texts in (windows.categories or {}).items()
        },
        "unseen": windows.unseen,
        "calendar": [_cycle(cycle, forecaster) for cycle in windows.cycles],
        "window": windows.window,
        "sampling_rate": windows.sampling_rate,
        "gap": windows.gap,
        "horizon": windows.horizon,
        "steps": forecaster.steps,
        "frequency": interface.frequency,
        "id_column": windows.id_column,
        "time_column": windows.time_column,
        "bounds": bounds and {"minimum": bounds.minimum, "maximum": bounds.maximum},
        "ranges": interface.carried and interface.carried.ranges,
        "versions": versions(),
    }


def _input(tensor: Any, forecaster: Forecaster, ahead: list[int]) -> dict[str, Any]:
    names = forecaster.columns.by_part()[tensor.name]
    entry: dict[str, Any] = {
        "shape": list(tensor.shape),
        "dtype": keras.backend.standardize_dtype(tensor.dtype),
        "columns": names,
        "row_count": [1, 1],  # Of "static"; replaced below for the others.
        "may_be_missing": [],
    }
    if tensor.name == "past":
        takes_missing, windows = forecaster.interface.takes_missing, forecaster.interface.windows
        fewest = 0 if windows.min_inputs == 0 else needed_rows(windows)
        entry |= {
            "rows": [1 - tensor.shape[1], 0],
            "row_count": [fewest, tensor.shape[1]],
            "may_be_missing": names if takes_missing else [],
            "present": _present(forecaster),
        }
    elif tensor.name == "future":
        entry |= {
            "rows": ahead,
            "row_count": [tensor.shape[1], tensor.shape[1]],
            "may_be_missing": names[: forecaster.rounds.planned],
        }
    return entry


def _present(forecaster: Forecaster) -> dict[str, Any] | None:
    """Return which values no window may lack, if values may be missing at all; or None."""
    interface, columns = forecaster.interface, forecaster.columns.by_part()
    windows = interface.windows
    unmasked = windows.handling.gaps == "ignore" and interface.masked is None
    if not interface.takes_missing or unmasked or windows.min_inputs == 0:
        return None
    by_target = interface.masked == "targets"
    return {
        "columns": columns["target" if by_target else "past"],
        "in_one_row": not by_target,
        "every": windows.sampling_rate,
    }


def _cycle(cycle: Any, forecaster: Forecaster) -> dict[str, Any]:
    """Return the columns of a cycle of the calendar, with the formula of each."""
    windows = forecaster.interface.windows
    if isinstance(cycle, Holiday):
        day, eve = cycle.columns
        before = cycle.week.removesuffix("s") or "day"
        return {
            "cycle": f"{cycle.place}={cycle.name}",
            "columns": {
                day: "1 on one of the days, else 0",
                eve: f"1 on the {before} before, else 0",
            },
            "days": list(cycle.days),
            "eves": cycle.eves.astype(str).tolist(),
            "years": [cycle.since, cycle.until],
        }
    sine, cosine = cycle_names([cycle])
    entry = {
        "cycle": cycle,
        "columns": {sine: "sin(2 * pi * phase)", cosine: "cos(2 * pi * phase)"},
        "phase": formula(cycle),
    }
    if not isinstance(cycle, str):
        entry["n"] = numbering(forecaster.interface.frequency, windows.time_column or "")
    return entry
