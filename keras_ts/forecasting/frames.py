"""Returns forecasts as frames of the library that the series came in."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array
from keras_ts.forecasting.history import History
from keras_ts.windows.reading.frames import open_frame
from keras_ts.windows.reading.stored import StoredPanel
from keras_ts.windows.reading.timestamps import as_column
from keras_ts.windows.spec import WindowSpec


def as_frames(series: Any, history: History, times: Array | None, values: Array) -> Any:
    """Return a forecast as a frame, or as a list of frames for a list.

    Args:
        series: The frame, the list of frames or the panel on disk that was forecast.
        history: Its last rows.
        times: The timestamps of the steps, ``(series, steps)``, or None.
        values: The forecast, ``(series, steps, ...)``.
    """
    panel, windows = history.given, history.windows
    columns = _columns(history, values)
    first = panel.offsets[:-1]
    first = first if panel.row_order is None else panel.row_order[first]
    if isinstance(series, StoredPanel):
        series, first = series.keys, np.arange(len(first))
    if not isinstance(series, list | tuple):
        return _frame(open_frame(series), first, windows, times, columns)
    return [
        _frame(
            open_frame(frame),
            first,
            windows,
            None if times is None else times[number : number + 1],
            {name: column[number : number + 1] for name, column in columns.items()},
        )
        for number, frame in enumerate(series)
    ]


def with_plan_alone(forecast: Any, future: Any, windows: WindowSpec, steps: int) -> Any:
    """Return a forecast with rows of NaN for each series that only the plan has, in its order."""
    import narwhals as nw

    made, plan = open_frame(forecast), open_frame(future)
    ids, times = windows.id_column, windows.time_column
    known = set(made[ids].to_list())
    rows: dict[Any, list[int]] = {name: [] for name in plan[ids].to_list() if name not in known}
    if not rows:
        return forecast
    if times is not None:
        plan = plan.sort(times)
    for row, name in enumerate(plan[ids].to_list()):
        if name in rows and len(rows[name]) < steps:
            rows[name].append(row)
    order = [row for own in rows.values() for row in own]
    alone = {"step": [step + 1 for own in rows.values() for step in range(len(own))]}
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


def _columns(history: History, values: Array) -> dict[str, Array]:
    """Return the columns of the forecast by name, each ``(series, steps)``."""
    windows, quantiles = history.windows, history.interface.quantiles
    series, steps = values.shape[:2]
    targets = [str(name) for name in history.panel.columns.by_part()["target"]]
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
    table: Any, first: Array, windows: WindowSpec, times: Array | None, columns: dict[str, Array]
) -> Any:
    """Return a frame: ids and timestamps of the same types as in ``table``, then the columns.

    ``first`` are the rows in ``table`` of each series' first row.
    """
    import narwhals as nw

    made = []
    if windows.id_column is not None:
        rows = np.repeat(first, columns["step"].shape[1])
        made.append(nw.maybe_reset_index(table[windows.id_column][rows]))
    if times is not None:
        made.append(as_column(table[windows.time_column], times.ravel()))
    made += [
        nw.new_series(name, np.ascontiguousarray(column.ravel()), backend=table.implementation)
        for name, column in columns.items()
    ]
    return nw.from_dict({column.name: column for column in made}).to_native()
