"""Puts a forecast into a frame of the library that the series came in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.forecasting.times import Following
from keras_ts.windows.carried import Carried
from keras_ts.windows.reading.frames import open_frame
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.reading.timestamps import as_column


def as_frames(
    series: Any, panel: Panel, told: Carried, following: Following | None, values: Array
) -> Any:
    """Return a forecast as a frame, or as a list of frames for a list.

    Args:
        series: The frame, or the list of frames, that the series came in.
        panel: The series that were read from it.
        told: The windows, and the levels of quantiles.
        following: The timestamps of the steps, or None.
        values: The forecast, ``(series, steps, ...)``.
    """
    columns = _columns(panel, told, values)
    listed = isinstance(series, list | tuple)
    frames = []
    for number, frame in enumerate(series if listed else [series]):
        table = open_frame(frame)
        rows = slice(number, number + 1) if listed else slice(None)
        own = {name: column[rows].ravel() for name, column in columns.items()}
        times = None if following is None else following.times[rows].ravel()
        frames.append(_frame(table, panel, told, times, own))
    return frames if listed else frames[0]


def output_names(target: str, levels: Sequence[float] | None) -> list[str]:
    """Return the names of a target's columns: its own for the point, or the median."""
    if levels is None:
        return [target]
    return [target if level == 0.5 else f"{target}_{level:g}" for level in levels]


def _columns(panel: Panel, told: Carried, values: Array) -> dict[str, Array]:
    """Return the columns of the forecast by their names, ``(series, steps)`` each."""
    series, steps = values.shape[:2]
    targets = [str(name) for name in panel.columns["target"]]
    names = [name for target in targets for name in output_names(target, told.levels)]
    keys = [told.windows.id_column, told.windows.time_column]
    taken = [*[name for name in keys if name is not None], "step", *names]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        raise ValueError(
            f"The forecast would have several columns of the name {_checks.shown(twice[0])}. It "
            f"has the columns {_checks.shown(taken)}: rename the column in the series, and train "
            "with that name."
        )
    flat = values.reshape(series, steps, len(names))
    return {
        "step": np.broadcast_to(np.arange(1, steps + 1), (series, steps)),
        **{name: flat[:, :, place] for place, name in enumerate(names)},
    }


def _frame(
    table: Any, panel: Panel, told: Carried, times: Array | None, columns: dict[str, Array]
) -> Any:
    """Return one frame: ids and times of the kind that ``table`` has, then the columns."""
    import narwhals as nw

    windows, backend = told.windows, table.implementation
    made = []
    if windows.id_column is not None:
        steps = len(columns["step"]) // len(panel.lengths)
        made.append(_ids(table[windows.id_column], panel, steps))
    if times is not None:
        made.append(as_column(table[windows.time_column], times))
    made += [
        nw.new_series(name, np.ascontiguousarray(column), backend=backend)
        for name, column in columns.items()
    ]
    return nw.from_dict({column.name: column for column in made}).to_native()


def _ids(column: Any, panel: Panel, steps: int) -> Any:
    """Return the id of every row, of the type that the ids of the series have."""
    import narwhals as nw

    first: IntArray = panel.offsets[:-1]
    rows = first if panel.row_order is None else panel.row_order[first]
    return nw.maybe_reset_index(column[np.repeat(rows, steps).tolist()])
