"""Selects the columns of frames by name, and returns forecasts as frames of the same library."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array
from keras_ts.interface import Interface
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.frames import is_frame, open_frame, series_ids
from keras_ts.panel.panel import Panel, table_of
from keras_ts.panel.stored import StoredPanel
from keras_ts.panel.timestamps import as_column, read_clock
from keras_ts.windows.spec import WindowSpec


def matched(panel: Panel, interface: Interface) -> Panel:
    """Return a panel with the model's columns, in their order; unchanged if it has no names."""
    carried = interface.carried
    trained_on = None if carried is None or carried.columns is None else carried.read
    needed = _lone_target(interface) if trained_on is None else trained_on
    panel.settle(interface.windows, among=needed)
    if needed is None or not all(isinstance(name, str) for name in needed):
        return panel
    given = panel.given
    if is_frame(given):
        _refuse_lacking(open_frame(given), needed, "series")
        return panel.only(needed)
    if trained_on is None or not isinstance(given, StoredPanel):
        return panel
    # The columns of a panel on disk cannot be reordered.
    varying = [name for name in given.settings.names if name not in given.settings.static]
    if sorted(needed) != sorted(given.settings.names) or needed[: len(varying)] != varying:
        raise ValueError(
            f"The store has the columns {_checks.shown([*varying, *given.settings.static])}, and "
            f"the model was trained on {_checks.shown(needed)}. Write a store of the model's "
            "columns, in their order."
        )
    return panel


def _lone_target(interface: Interface) -> list[Any] | None:
    """Return the target of a model that carries no columns and reads only its target, or None."""
    # A model with a single input column reads its target, which every window holds.
    targets, inputs = interface.windows.target_columns, interface.inputs
    names = list(targets) if isinstance(targets, list | tuple) else [targets]
    if list(inputs) != ["past"] or len(names) > 1 or not isinstance(names[0], str):
        return None
    return names if tuple(inputs["past"].shape[2:]) in ((), (1,)) else None


def selected(frame: Any, needed: list[str], windows: WindowSpec, what: str) -> Any:
    """Return a frame of the needed columns and of ids and timestamps, if there are any."""
    table = open_frame(frame)
    _refuse_lacking(table, needed, what)
    keys = [name for name in windows.keys if name in table.columns and name not in needed]
    return table.select([*keys, *needed]).to_native()


def _refuse_lacking(table: Any, needed: list[str], what: str) -> None:
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        raise ValueError(
            f"{what} lacks {_checks.shown(lacking)}, of the columns {_checks.shown(needed)} that "
            f"the forecast needs. It has {_checks.shown(list(table.columns))}: rename a column, or "
            "add the missing ones."
        )


def as_frames(
    series: Any,
    panel: FlatSeries,
    interface: Interface,
    times: Array | None,
    values: Array,
    drawn: bool,
) -> Any:
    """Return a forecast, or its samples, as a frame of the library of ``series``."""
    windows, columns = interface.windows, _columns(panel, interface, values, drawn)
    if drawn and times is not None:
        times = np.repeat(times, values.shape[-1], axis=1)
    first = panel.offsets[:-1]
    first = first if panel.row_order is None else panel.row_order[first]
    if isinstance(series, StoredPanel):
        series, first = series.keys, np.arange(len(first))
    return _frame(open_frame(series), first, windows, times, columns)


def with_plan_alone(
    forecast: Any, future: Any, windows: WindowSpec, begins: Array | None, steps: int,
    samples: int | None,
) -> Any:  # fmt: skip
    """Return a forecast and, after it, rows of NaN for each series that only the plan has."""
    made, plan = open_frame(forecast), open_frame(future)
    times, named = windows.time_column, windows.id_columns
    known = set(series_ids(made, named))
    rows: dict[Any, list[int]] = {name: [] for name in series_ids(plan, named) if name not in known}
    if not rows:
        return forecast
    if times is not None:
        if times not in plan.columns:
            raise ValueError(
                f"future lacks time_column={times!r}, which the rows of NaN need for "
                f"{_checks.shown(list(rows))}. Add it, or leave these series out."
            )
        plan = plan.sort(times)
    for row, name in enumerate(series_ids(plan, named)):
        if name in rows:
            rows[name].append(row)
    follows = np.ones(len(plan), bool)
    if times is not None and begins is not None and len(begins):
        # A plan may hold earlier rows, such as those of a gap.
        follows = read_clock(plan, times).times >= np.fmin.reduce(begins)
    for name, found in rows.items():
        rows[name] = ([row for row in found if follows[row]] or found)[:steps]
    order = [row for found in rows.values() for row in found for _ in range(samples or 1)]
    parts = [rows_of_a_series(len(found), samples) for found in rows.values()]
    further: dict[str, Any] = {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
    further |= {name: plan[name][order].to_list() for name in windows.keys}
    empty = [float("nan")] * len(order)
    return _joined(made, {name: further.get(name, empty) for name in made.columns}, windows)


def with_new_series(series: Any, future: Any, windows: WindowSpec, incomplete: str) -> Any:
    """Return a table with one more row, without targets, for each series that only the plan has."""
    if isinstance(series, Panel):
        series.settle(windows)
    given = table_of(series)
    if windows.id_column is None or not (is_frame(given) and is_frame(future)):
        return series
    table, plan, ids = open_frame(given), open_frame(future), windows.id_columns
    if not {*windows.keys} <= {*table.columns} or not {*ids} <= {*plan.columns}:
        return series  # Whoever reads series and future raises the error.
    known, static = set(series_ids(table, ids)), windows.per_series
    first: dict[Any, int] = {}
    for row, name in enumerate(series_ids(plan, ids)):
        if name not in known:
            first.setdefault(name, row)
    for name in ids:
        texts = {isinstance(label, str) for of in (table, plan) for label in of[name].to_list()}
        if first and known and len(texts) > 1:
            raise TypeError(
                f"id_column={name!r} must be of one type in series and future. Received "
                f"{table[name].dtype} and {plan[name].dtype}."
            )
    absent = {c: plan[c].is_null().to_list() for c in static if c in plan.columns}
    for name, row in list(first.items()):
        columns = [c for c in static if c not in absent or absent[c][row]]
        if columns and incomplete == "raise":
            raise ValueError(
                f"series has no row of {_checks.shown(name)}, which future names, and future lacks "
                f"values of its static columns {_checks.shown(columns)}. Add them to future, or "
                'its rows to series; or pass incomplete="nan".'
            )
        if columns:
            del first[name]
    if not first or not len(table):
        return series
    import narwhals as nw

    others = {*windows.keys, *static, *windows.planned}
    targets: Any = windows.target_columns or [c for c in table.columns if c not in others]
    targets = [targets] if isinstance(targets, str) else list(targets)
    rows = list(first.values())
    # The new rows copy a row of the last time, so that all series are forecast for the same times.
    # Their targets are NaN, so the model masks them; their static columns are those of the plan.
    last = 0 if windows.time_column is None else int(table[windows.time_column].arg_max())
    copies = table[[last] * len(rows)]
    made: dict[str, Any] = {name: copies[name].to_list() for name in table.columns}
    made |= {name: plan[name][rows].to_list() for name in (*ids, *static)}
    made |= dict.fromkeys(targets, [float("nan")] * len(rows))
    return _joined(table.with_columns(nw.col(*targets).cast(nw.Float64)), made, windows)


def _joined(table: Any, columns: dict[str, Any], windows: WindowSpec) -> Any:
    """Return a table with further rows, which get its types; ``columns`` holds their values."""
    import narwhals as nw

    further, pandas = {}, table.implementation.is_pandas_like()
    for name, values in columns.items():
        column = nw.new_series(name, values, backend=table.implementation)
        # narwhals does not know every time zone of pandas.
        if pandas and name == windows.time_column:
            column = nw.from_native(
                column.to_native().astype(table[name].to_native().dtype), series_only=True
            )
        # Ids of pandas are not cast: its ``concat`` widens integers and categories to hold new ids.
        elif not pandas or name not in windows.id_columns:
            column = column.cast(table[name].dtype)
        further[name] = column
    return nw.maybe_reset_index(nw.concat([table, nw.from_dict(further)])).to_native()


def rows_of_a_series(steps: int, samples: int | None) -> dict[str, Array]:
    """Return the column ``step`` of a series' rows and, if there are samples, ``sample``."""
    numbers = np.arange(1, steps + 1)
    if samples is None:
        return {"step": numbers}
    return {"step": np.repeat(numbers, samples), "sample": np.tile(np.arange(samples), steps)}


def _columns(
    panel: FlatSeries, interface: Interface, values: Array, drawn: bool
) -> dict[str, Array]:
    """Return the columns of the forecast by name, each ``(series, rows)``."""
    windows, quantiles = interface.windows, None if drawn else interface.quantiles
    series, steps = values.shape[:2]
    samples = values.shape[-1] if drawn else None
    numbers = rows_of_a_series(steps, samples)
    if samples:
        values = np.moveaxis(values, -1, 2)
    targets = [str(name) for name in panel.columns.by_part()["target"]]
    names = [name for target in targets for name in output_names(target, quantiles)]
    taken = [*windows.keys, *numbers, *names]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        raise ValueError(
            f"The forecast would have several columns of the name {_checks.shown(twice[0])}: "
            f"{_checks.shown(taken)}. Rename the column in the series, and train with the new name."
        )
    flat = values.reshape(series, len(numbers["step"]), len(names))
    return {
        **{name: np.broadcast_to(rows, (series, len(rows))) for name, rows in numbers.items()},
        **{name: flat[:, :, place] for place, name in enumerate(names)},
    }


def _frame(
    table: Any, first: Array, windows: WindowSpec, times: Array | None, columns: dict[str, Array]
) -> Any:
    """Return a frame of ids, times and columns; ``table`` has the ids in its rows ``first``."""
    import narwhals as nw

    made = []
    if windows.id_columns:
        rows = np.repeat(first, columns["step"].shape[1])
        made += [nw.maybe_reset_index(table[name][rows]) for name in windows.id_columns]
    if times is not None:
        made.append(as_column(table[windows.time_column], times.ravel()))
    made += [
        nw.new_series(name, np.ascontiguousarray(column.ravel()), backend=table.implementation)
        for name, column in columns.items()
    ]
    if table.implementation.is_pandas():  # narwhals would copy columns of one type into one array.
        frame = table.implementation.to_native_namespace().DataFrame
        return frame({column.name: column.to_native() for column in made}, copy=False)
    return nw.from_dict({column.name: column for column in made}).to_native()
