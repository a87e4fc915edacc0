"""Reading pandas and polars frames, both through narwhals: columns by name, long panels."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows import clock, timeline
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.series import Panel, constant_rows, resolve_columns

if TYPE_CHECKING:
    from keras_ts.windows.spec import WindowSpec


def read_frame(frames: Any, windows: "WindowSpec") -> Panel:
    """Read one frame, or a list of frames with the same columns."""
    single = not isinstance(frames, list | tuple)
    tables = [_table(frame) for frame in ([frames] if single else frames)]
    names = tables[0].columns
    if not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"Columns of a frame must have names that are strings. Received {list(names)}. "
            "Rename them, frame.columns = map(str, frame.columns), or pass frame.to_numpy()."
        )
    for number, table in enumerate(tables):
        if table.columns != names:
            raise ValueError(
                "All frames of a panel must have the same columns. Received "
                f"{list(names)} and, in series[{number}], {list(table.columns)}."
            )
    for argument in ("id_column", "time_column"):
        wanted = getattr(windows, argument)
        if wanted is not None and wanted not in names:
            raise ValueError(f"{argument}={wanted!r} is not in the frame: {list(names)}.")

    features = [name for name in names if name not in (windows.id_column, windows.time_column)]
    varying, fixed, targets, future = resolve_columns(windows, features)
    values = np.concatenate([_matrix(table, features) for table in tables])
    times = wall = None
    zones: tuple[clock.Zone, ...] = ()
    if windows.time_column is not None:
        times, wall, zones = clock.common(
            [
                clock.read_timestamps(
                    table, windows.time_column, "" if single else f" of series[{number}]"
                )
                for number, table in enumerate(tables)
            ],
            windows.time_column,
        )
    bounds = concatenated_offsets([len(table) for table in tables])
    labels, order = None, None
    if windows.id_column is not None:
        if not single:
            raise ValueError("Pass a list of frames, or one long frame with id_column, not both.")
        order, bounds, labels = _groups(tables[0], windows.id_column)
        values = values[order]
        times, wall = (kept if kept is None else kept[order] for kept in (times, wall))

    static = constant_rows(values, bounds, fixed, features) if fixed else None
    values = values[:, varying] if fixed else values
    breaks = np.empty(0, np.int64)
    panel = Panel(
        values,
        bounds,
        targets,
        future,
        static,
        times,
        labels,
        breaks,
        single and labels is None,
        order if isinstance(order, np.ndarray) else None,
        wall,
        zones,
    )
    return panel if times is None else _with_breaks(panel, windows)


def _with_breaks(panel: Panel, windows: "WindowSpec") -> Panel:
    assert panel.times is not None
    wrong = timeline.disorder(panel.times, panel.bounds)
    if wrong is not None:
        kind, position = wrong
        what = "repeats" if kind == "duplicate" else "goes back in"
        raise ValueError(
            f"time_column={windows.time_column!r} {what} time at {panel.place(position)}. "
            "Sort each series by it and keep one row per timestamp"
            + (
                ", or name the column that tells series apart in id_column."
                if panel.single
                else "."
            )
        )
    if windows.missing == "keep":
        return panel
    gaps = timeline.gaps(panel.times, panel.bounds, panel.wall)
    if len(gaps) and windows.missing == "raise":
        before, after = panel.stamps(gaps[0] + np.array([-1, 0]))
        raise ValueError(
            f"time_column={windows.time_column!r} has {len(gaps)} irregular step"
            f"{'s' * (len(gaps) > 1)}, the first from {before} to {after}. Insert the missing "
            'rows, or pass missing="drop" to leave out the windows that cross one, or '
            'missing="keep" to count rows and not time.'
        )
    return replace(panel, breaks=gaps) if windows.missing == "drop" else panel


def _table(frame: Any) -> Any:
    try:
        import narwhals as nw
    except ImportError as error:
        raise ImportError(
            "Windowing a data frame needs narwhals: pip install 'keras-ts[frames]', "
            "or pass frame.to_numpy()."
        ) from error
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise TypeError(
            "series must be an array, a list of arrays, or an eager pandas or polars frame "
            f"(collect a lazy one first). Received: {type(frame).__name__}."
        ) from error


def _matrix(table: Any, features: list[str]) -> Array:
    import narwhals as nw

    columns = []
    for name in features:
        column = table[name]
        if column.dtype == nw.Decimal:
            column = column.cast(nw.Float64)
        if not (column.dtype.is_numeric() or column.dtype == nw.Boolean):
            hint = "time_column" if column.dtype.is_temporal() else "id_column"
            raise TypeError(
                f"column {name!r} must hold numbers. Received {column.dtype}, "
                f"first value {column[0] if len(column) else None!r}. Drop it, encode it, "
                f"or name it in {hint}."
            )
        if column.null_count():
            column = column.cast(nw.Float64)
        columns.append(column.to_numpy())
    return np.stack(columns, axis=1)


def _groups(table: Any, name: str) -> tuple[Any, IntArray, tuple[Any, ...]]:
    import narwhals as nw

    column = table[name]
    missing = column.is_null().to_numpy()
    if column.dtype.is_float():
        missing = missing | np.isnan(column.to_numpy())
    if missing.any():
        count = int(missing.sum())
        raise ValueError(
            f"id_column={name!r} has {count} missing value{'s' * (count > 1)}, the first in row "
            f"{int(missing.argmax())}. Name the series of every row, or leave out such rows."
        )
    if column.dtype in (nw.Object, nw.Decimal):
        labels, codes = _numbered(column.to_list(), name)
    else:
        labels = column.unique(maintain_order=True).to_list()
        codes = column.replace_strict(labels, range(len(labels)), return_dtype=nw.Int64).to_numpy()
    lengths = np.bincount(codes, minlength=len(labels))
    order: Any = slice(None) if (np.diff(codes) >= 0).all() else np.argsort(codes, kind="stable")
    return order, concatenated_offsets(lengths), tuple(labels)


def _numbered(values: list[Any], name: str) -> tuple[list[Any], IntArray]:
    """Number Python objects by when they first occur."""
    known: dict[Any, int] = {}
    try:
        codes = [known.setdefault(value, len(known)) for value in values]
    except TypeError as error:
        raise TypeError(
            f"id_column={name!r} must hold ids that can be told apart: {error}."
        ) from None
    return list(known), np.array(codes, dtype=np.int64)
