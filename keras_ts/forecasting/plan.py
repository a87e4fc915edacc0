"""The plan that a forecast follows: the columns known ahead, passed as ``future=``.

It is an array, or frames whose rows are found by id and time. A row that is missing is refused, or
under ``missing="mask_targets"`` a closed step.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.forecasting.following import Following
from keras_ts.forecasting.frames import selected
from keras_ts.forecasting.history import History
from keras_ts.windows.arithmetic.categories import collapsed, expanded
from keras_ts.windows.arithmetic.labels import places_of
from keras_ts.windows.reading.clock import as_written
from keras_ts.windows.reading.frames import matrix, numbered_ids, open_frame
from keras_ts.windows.reading.panel import Panel, missing_rows
from keras_ts.windows.reading.reader import is_frame
from keras_ts.windows.reading.timestamps import read_clock
from keras_ts.windows.spec import WindowSpec


def check_future(future: Any, panel: Panel, windows: WindowSpec) -> None:
    """Refuse ``future`` if the windows have no ``future_columns``, or its absence if they do."""
    names = panel.columns.by_part()["future"]
    if future is None and names:
        raise ValueError(
            f"The windows have future_columns, {_checks.shown(names)}: pass their values in the "
            "rows that follow as future=, a frame or an array."
        )
    if future is not None and not names:
        also = " The columns of a calendar are computed." if windows.cycles else ""
        raise ValueError(f"The windows have no future_columns, so leave future out.{also}")


def values_ahead(
    future: Any,
    history: History,
    following: Following | None,
    steps: int,
    rows: int,
    incomplete: str,
) -> Array:
    """Return the values of ``future_columns`` in the rows that follow, ``(chosen, rows, columns)``.

    After the first ``steps`` rows, a row that ``future`` lacks repeats the one before it. With
    ``missing="mask_targets"`` a row that lacks values is NaN, and so is one that frames leave out
    before their last timestamp: that step is closed.

    Args:
        future: A frame, a list of frames, or an array.
        history: The last rows, and all series.
        following: The timestamps of the rows that follow, or None.
        steps: Number of steps to forecast.
        rows: Number of rows that the rounds read.
        incomplete: ``"raise"`` to refuse a plan of a series that has no row.
    """
    names = history.panel.columns.by_part()["future"]
    if is_frame(future):
        values, present, inside = _of_frames(future, names, history, following, rows, incomplete)
    else:
        values = _of_array(future, names, history, steps)[history.chosen, :rows]
        present = inside = np.ones(values.shape[:2], bool)
    _refuse_infinite(values, names, history, following)
    closing, given = history.windows.handling.partial, present
    if closing:
        values = np.where(present[..., None], values, np.nan)
        present = present | inside
    short = ~present[:, :steps].all(axis=1)
    if short.any():
        place = int(short.argmax())
        beyond = ~present[place, :steps]
        _refuse_few(history, following, int(history.chosen[place]), given[place, :steps], beyond)
    missing = missing_rows(values[:, :steps].reshape(len(values), -1))
    if missing.any() and not closing:
        number = int(history.chosen[missing.argmax()])
        read = collapsed(names, history.windows.categories)
        raise ValueError(
            f"future has missing values of the columns {_checks.shown(read)} in the "
            f"rows that {history.panel.series(number)} needs. Fill them in."
        )
    whole = np.empty((len(values), rows, len(names)))
    whole[:, : values.shape[1]] = values
    filled = np.zeros((len(values), rows), bool)
    filled[:, : values.shape[1]] = present & (closing | np.isfinite(values).all(axis=2))
    for row in range(steps, rows):
        whole[:, row] = np.where(filled[:, row, None], whole[:, row], whole[:, row - 1])
    return whole


def _refuse_infinite(
    values: Array, names: Sequence[Any], history: History, following: Following | None
) -> None:
    """Raise an error if a value of a plan is infinite: a missing one may close a step."""
    if not np.isinf(values).any():
        return
    place, step, column = np.argwhere(np.isinf(values))[0]
    number = int(history.chosen[place])
    at = f"step {step + 1}"
    if following is not None:
        at += f" ({as_written(following.shown[number, step])})"
    (name,) = collapsed([names[column]], history.windows.categories)
    raise ValueError(
        f"future has an infinite value at {at} of {history.panel.series(number)} in column "
        f"{name!r}. Correct it, or write NaN if it is missing."
    )


def _refuse_few(
    history: History,
    following: Following | None,
    number: int,
    given: BoolArray,
    lacking: BoolArray,
) -> None:
    """Raise an error: ``future`` has too few rows for a series.

    Args:
        history: The last rows.
        following: The timestamps of the rows that follow, or None.
        number: The number of the series.
        given: True for the steps that ``future`` has a row for.
        lacking: True for the steps that need one and have none.
    """
    where = closed = shorter = ""
    if following is not None:
        first = following.shown[number, lacking.argmax()]
        where = f"; the first missing one is {as_written(first)}"
    if history.windows.handling.partial:
        closed = (
            " Within a plan, a step without a row is closed; at its end, write a closed step as a "
            "row with missing values."
        )
    else:
        closed = (
            ' If such steps are closed, train on windows with missing="mask_targets", which leave '
            "them out."
        )
    first_steps = int(given.sum())
    if first_steps and given[:first_steps].all():
        shorter = f", or forecast the first alone: steps={first_steps}"
    raise ValueError(
        f"future has {first_steps} of the {len(given)} rows that follow "
        f"{history.panel.series(number)}{where}. Pass a row for each step of the forecast"
        f"{', or leave a series out that has ended' * (not given.any())}{shorter}.{closed}"
    )


def _check_dated(history: History, following: Following) -> None:
    """Refuse to find rows by their timestamps after a series without a regular step."""
    # Only NaT and NaN differ from themselves.
    unknown = (following.times != following.times).any(axis=1)[history.chosen]
    if unknown.any():
        number = int(history.chosen[unknown.argmax()])
        raise ValueError(
            f"The timestamps of {history.panel.series(number)} have no regular step, so the rows "
            "of future that follow it cannot be found by time. Pass future as an array."
        )


def _of_array(future: Any, names: Sequence[Any], history: History, steps: int) -> Array:
    values = _checks.numeric(future, "future").astype(np.float64)
    series = len(history.panel.lengths)
    shape = "(steps, columns)" if history.panel.single else "(series, steps, columns)"
    wanted = (steps, len(names)) if history.panel.single else (series, steps, len(names))
    fits = values.ndim == len(wanted) and values.shape[-1] == len(names)
    if not fits or (not history.panel.single and len(values) != series):
        raise ValueError(
            f"future must have the shape {shape}, here {wanted}, with the columns "
            f"{_checks.shown(list(names))}. Received shape {values.shape}."
        )
    values = values[None] if history.panel.single else values
    if values.shape[1] < steps:
        given = np.arange(steps) < values.shape[1]
        _refuse_few(history, None, 0, given, ~given)
    return values


def _of_frames(
    future: Any,
    names: Sequence[Any],
    history: History,
    following: Following | None,
    rows: int,
    incomplete: str,
) -> tuple[Array, BoolArray, BoolArray]:
    """Return the values of each row, found by id and time, and where they are.

    Returns:
        The values, 0 where there are none; True for each row that the frames have; and True for
        each row within the plan, as ``_places`` has it.
    """
    windows, panel = history.windows, history.panel
    listed = isinstance(future, list | tuple)
    frames = list(future) if listed else [future]
    alike = panel.single or windows.id_column is not None
    if (listed and alike) or (not alike and (not listed or len(frames) != len(panel.lengths))):
        raise ValueError(
            "future must be like series: one frame for one frame, a list of equally many frames "
            f"for a list. Received: {type(future).__name__}."
        )
    titles = [f"future[{i}]" if listed else "future" for i in range(len(frames))]
    read = collapsed(names, windows.categories)
    tables = [
        _table(frame, read, windows, title) for frame, title in zip(frames, titles, strict=True)
    ]
    values = _values_of(tables, titles, read, windows).astype(np.float64)
    lengths = [len(table) for table in tables]
    series = np.repeat(np.arange(len(tables)), lengths)
    if panel.labels is not None:
        ids, codes = numbered_ids(tables[0][windows.id_column])
        places = places_of(ids, panel.labels)
        if incomplete == "raise" and (places < 0).any():
            alone = [label for label, place in zip(ids, places, strict=True) if place < 0]
            raise ValueError(
                f"future has rows of {_checks.shown(alone)}, by id_column={windows.id_column!r}, "
                "and series has none to forecast from. Leave them out of future, add their rows to "
                'series, or pass incomplete="nan".'
            )
        series = places[codes]
        absent = history.chosen[~np.isin(history.chosen, series)]
        if len(absent):
            raise ValueError(
                f"future has no row of {panel.series(int(absent[0]))}, by id_column="
                f"{windows.id_column!r}. Its ids are {_checks.shown(ids)}: "
                "use the ids of the series, with a row for each step of each series."
            )
    _check_static(tables, titles, series, history)
    if following is not None:
        _check_dated(history, following)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    places, inside = _places(tables, series, offsets, history, following, rows)
    out = np.zeros((len(panel.lengths), rows, len(names)))
    present = np.zeros((len(panel.lengths), rows), bool)
    used = (series >= 0) & (places >= 0) & (places < rows)
    flat = series[used] * rows + places[used]
    if len(np.unique(flat)) < len(flat):
        order = np.sort(flat)
        number = int(order[1:][np.diff(order) == 0][0]) // rows
        raise ValueError(
            f"future has several rows for one time of {panel.series(number)}. Keep one of them."
        )
    if following is not None and not used.any():
        number = int(history.chosen[0])
        raise ValueError(
            f"future has no row at a time that follows {panel.series(number)}, from "
            f"{as_written(following.shown[number, 0])} to {as_written(following.shown[number, -1])}"
            ". Pass the rows of these times; a closed step may be a row with missing values."
        )
    out.reshape(-1, len(names))[flat] = values[used]
    present.ravel()[flat] = True
    return out[history.chosen], present[history.chosen], inside[history.chosen]


def _table(frame: Any, names: Sequence[Any], windows: WindowSpec, what: str) -> Any:
    needed = [name for name in (windows.id_column, windows.time_column, *names) if name is not None]
    static = _static_names(windows, open_frame(frame))
    return open_frame(selected(frame, [*needed, *static], windows, what))


def _values_of(
    tables: list[Any], titles: list[str], names: list[str], windows: WindowSpec
) -> Array:
    """Return columns of all tables, one table after the other; texts as columns of 0 and 1."""
    return np.concatenate(
        [
            matrix(table, names, windows.categories, title)
            for table, title in zip(tables, titles, strict=True)
        ]
    )


def _static_names(windows: WindowSpec, table: Any) -> list[str]:
    """Return the static columns that a table of the plan has, though the series have them."""
    return [str(name) for name in windows.per_series if name in table.columns]


def _check_static(tables: list[Any], titles: list[str], series: IntArray, history: History) -> None:
    """Refuse a plan in which a static column has another value than in the series."""
    windows, panel = history.windows, history.panel
    names = _static_names(windows, tables[0])
    if not names:
        return
    made = expanded(names, windows.categories)
    values = _values_of(tables, titles, names, windows)
    own = panel.per_series(made)[np.maximum(series, 0)]
    wrong = np.isfinite(values) & ~np.isclose(values, own) & (series >= 0)[:, None]
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        name = collapsed([made[column]], windows.categories)[0]
        raise ValueError(
            f"future and series have different values of the static column {name!r} for "
            f"{panel.series(int(series[row]))}. A static column never changes: correct one of the "
            "two, or leave the column out of future."
        )


def _places(
    tables: list[Any],
    series: IntArray,
    offsets: IntArray,
    history: History,
    following: Following | None,
    rows: int,
) -> tuple[IntArray, BoolArray]:
    """Return where the rows of frames stand among those that follow the series.

    Returns:
        The index of each row among those that follow its series, -1 for another time; and True for
        the rows that follow, ``(series, rows)``, up to the last timestamp of all frames: of a
        series of which the frames have one of these rows, and else after the last row of all
        series.

    Raises:
        ValueError: A row lies between the timestamps that follow its series.
    """
    if following is None:
        # Without timestamps, the rows of a series are in order.
        order = np.argsort(series, kind="stable")
        first = np.searchsorted(series[order], series)
        places = np.empty(len(series), np.int64)
        places[order] = np.arange(len(series)) - first[order]
        return places, np.zeros((len(history.panel.lengths), rows), bool)
    clock, own = read_clock(tables, history.windows.time_column or "", offsets), history.panel.clock
    assert own is not None
    kinds = [{"M": "dates"}.get(times.dtype.kind, "numbers") for times in (clock.times, own.times)]
    if kinds[0] != kinds[1] or bool(clock.zones) != bool(own.zones):
        raise TypeError(
            f"time_column={history.windows.time_column!r} must be alike in series and future. "
            f"Received {own.times.dtype}{' with a time zone' if own.zones else ''} and "
            f"{clock.times.dtype}{' with a time zone' if clock.zones else ''}."
        )
    kind = np.promote_types(clock.times.dtype, own.times.dtype)
    times, wanted = clock.times.astype(kind), following.times.astype(kind)
    nearest = np.zeros(len(series), np.int64)
    for ahead in wanted.T[:-1]:
        nearest += ahead[series] < times
    found = (series >= 0) & (wanted[series, nearest] == times)
    places = np.where(found, nearest, -1)
    off = ~found & (series >= 0) & (times > wanted[series, 0]) & (times < wanted[series, -1])
    if off.any():
        rows_off = np.flatnonzero(off)
        row = int(rows_off[series[rows_off].argmin()])
        number = int(series[row])
        raise ValueError(
            f"future has a row of {history.panel.series(number)} at {clock.written(row)}, which is "
            "none of the timestamps that follow the series, such as "
            f"{as_written(following.shown[number, 0])}. Correct it."
        )
    inside: BoolArray = np.zeros(wanted.shape, bool)
    if len(times):
        # A series that no row of the plan follows may have ended a year ago: it is not closed.
        followed = np.isin(np.arange(len(wanted)), series[places >= 0])[:, None]
        inside = (wanted <= times.max()) & (followed | (wanted > own.times.max()))
    return places, inside
