"""Selects the columns of frames by name, and returns forecasts as frames.

A model takes columns by position, and a frame may have them in any order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array, IntArray
from keras_ts.interface import Interface
from keras_ts.windows.arithmetic.categories import collapsed
from keras_ts.windows.reading.frames import open_frame
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.reading.reader import is_frame
from keras_ts.windows.reading.stored import StoredPanel
from keras_ts.windows.reading.timestamps import as_column
from keras_ts.windows.spec import WindowSpec


def matched(series: Any, interface: Interface) -> Any:
    """Return frames with the columns that the model was trained on, in the model's order.

    Arrays are returned unchanged, and so are frames if the model carries no names. The columns of a
    panel on disk cannot be moved; they are refused if they are others.
    """
    columns = interface.columns
    if columns is None or not (is_frame(series) or isinstance(series, StoredPanel)):
        return series
    needed = collapsed(columns.table, interface.windows.categories)
    if not all(isinstance(name, str) for name in needed):
        return series
    if isinstance(series, StoredPanel):
        _check_stored(series, needed)
        return series
    if not isinstance(series, list | tuple):
        return selected(series, needed, interface.windows, "series")
    return [
        selected(frame, needed, interface.windows, f"series[{number}]")
        for number, frame in enumerate(series)
    ]


def _check_stored(series: StoredPanel, needed: list[str]) -> None:
    """Refuse a panel on disk that has other columns than a model, or has them in another order."""
    settings = series.settings
    own = [name for name in settings.names if name not in settings.static]
    if sorted(needed) != sorted(settings.names) or needed[: len(own)] != own:
        raise ValueError(
            f"The model was trained on the columns {_checks.shown(needed)}, and the store has "
            f"{_checks.shown([*own, *settings.static])}. Write another store from these columns, "
            "in this order: PanelStore.write(polars.scan_parquet(...).select(...), ...)."
        )


def selected(frame: Any, needed: list[str], windows: WindowSpec, what: str) -> Any:
    """Return a frame of the needed columns, with those of ids and timestamps if there are any."""
    table = open_frame(frame)
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        raise ValueError(
            f"{what} lacks {_checks.shown(lacking)}, of the columns {_checks.shown(needed)} that "
            f"the model was trained on. It has {_checks.shown(list(table.columns))}: rename a "
            "column, or add the missing ones."
        )
    keys = [windows.id_column, windows.time_column]
    keys = [name for name in keys if name in table.columns and name not in needed]
    return table.select([*keys, *needed]).to_native()


def as_frames(
    series: Any,
    panel: Panel,
    windows: WindowSpec,
    quantiles: Sequence[float] | None,
    times: Array | None,
    values: Array,
) -> Any:
    """Return a forecast as a frame, or as a list of frames for a list.

    Args:
        series: The frame, the list of frames or the panel on disk that was forecast.
        panel: The series that were read from it.
        windows: The model's windows.
        quantiles: The quantiles on the last axis of the forecast, or None.
        times: The timestamps of the steps, ``(series, steps)``, or None.
        values: The forecast, ``(series, steps, ...)``.
    """
    columns = _columns(panel, windows, quantiles, values)
    first: IntArray = panel.offsets[:-1]
    first = first if panel.row_order is None else panel.row_order[first]
    if isinstance(series, StoredPanel):
        series, first = series.keys, np.arange(len(first))
    listed = isinstance(series, list | tuple)
    frames = []
    for number, frame in enumerate(series if listed else [series]):
        table = open_frame(frame)
        rows = slice(number, number + 1) if listed else slice(None)
        own = {name: column[rows].ravel() for name, column in columns.items()}
        stamps = None if times is None else times[rows].ravel()
        frames.append(_frame(table, first, windows, stamps, own))
    return frames if listed else frames[0]


def with_plan_alone(forecast: Any, future: Any, windows: WindowSpec, steps: int) -> Any:
    """Return a forecast with rows of NaN for each series that only the plan has, in its order."""
    import narwhals as nw

    made, plan = open_frame(forecast), open_frame(future)
    ids, times = windows.id_column, windows.time_column
    known = set(made[ids].to_list())
    if times is not None:
        plan = plan.sort(times)
    rows: dict[Any, list[int]] = {name: [] for name in open_frame(future)[ids].to_list()}
    for row, name in enumerate(plan[ids].to_list()):
        if name not in known and len(rows[name]) < steps:
            rows[name].append(row)
    order = [row for name in rows for row in rows[name]]
    if not order:
        return forecast
    alone = {"step": [step + 1 for name in rows for step in range(len(rows[name]))]}
    for name in (ids, times):
        if name is not None:
            alone[name] = plan[name][order].to_list()
    columns, pandas = {}, made.implementation.is_pandas_like()
    for name in made.columns:
        values = alone.get(name, [float("nan")] * len(order))
        column = nw.new_series(name, values, backend=made.implementation)
        if pandas and name == times:  # narwhals knows some time zones of pandas not by their name.
            column = nw.from_native(
                column.to_native().astype(made[name].to_native().dtype), series_only=True
            )
        elif not pandas or name != ids:  # pandas widens integers and categories by itself.
            column = column.cast(made[name].dtype)
        columns[name] = column
    return nw.maybe_reset_index(nw.concat([made, nw.from_dict(columns)])).to_native()


def _columns(
    panel: Panel, windows: WindowSpec, quantiles: Sequence[float] | None, values: Array
) -> dict[str, Array]:
    """Return the columns of the forecast by name, each ``(series, steps)``."""
    series, steps = values.shape[:2]
    targets = [str(name) for name in panel.columns.by_part()["target"]]
    names = [name for target in targets for name in output_names(target, quantiles)]
    keys = [windows.id_column, windows.time_column]
    taken = [*[name for name in keys if name is not None], "step", *names]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        raise ValueError(
            f"The forecast would have several columns of the name {_checks.shown(twice[0])}: "
            f"{_checks.shown(taken)}. Rename the column in the series, and train with the new name."
        )
    flat = values.reshape(series, steps, len(names))
    return {
        "step": np.broadcast_to(np.arange(1, steps + 1), (series, steps)),
        **{name: flat[:, :, place] for place, name in enumerate(names)},
    }


def _frame(
    table: Any, first: IntArray, windows: WindowSpec, times: Array | None, columns: dict[str, Array]
) -> Any:
    """Return a frame: ids and timestamps of the same types as in ``table``, then the columns.

    Args:
        table: The series.
        first: The row in ``table`` of each series' first row.
        windows: The model's windows.
        times: The timestamps of the steps of all series, or None.
        columns: The other columns.
    """
    import narwhals as nw

    backend, made = table.implementation, []
    if windows.id_column is not None:
        rows = np.repeat(first, len(columns["step"]) // max(1, len(first)))
        made.append(nw.maybe_reset_index(table[windows.id_column][rows]))
    if times is not None:
        made.append(as_column(table[windows.time_column], times))
    made += [
        nw.new_series(name, np.ascontiguousarray(column), backend=backend)
        for name, column in columns.items()
    ]
    return nw.from_dict({column.name: column for column in made}).to_native()
