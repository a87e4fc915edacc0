"""The rows that follow each series: their timestamps, and their columns known ahead.

The columns are passed as ``future=``, or computed from the timestamps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.forecasting.frames import selected
from keras_ts.forecasting.history import History
from keras_ts.windows.arithmetic.categories import collapsed
from keras_ts.windows.arithmetic.cycles import waves
from keras_ts.windows.arithmetic.steps import Frequency
from keras_ts.windows.reading.calendar import checked_front, refuse_slips
from keras_ts.windows.reading.clock import as_written
from keras_ts.windows.reading.continued import (
    continued,
    own_frequencies,
    refuse_irregular,
    refuse_unreached,
)
from keras_ts.windows.reading.frames import ids_of, matrix, open_frame
from keras_ts.windows.reading.panel import Panel, missing_rows
from keras_ts.windows.reading.reader import is_frame
from keras_ts.windows.reading.timestamps import read_clock
from keras_ts.windows.spec import WindowSpec


@dataclass(frozen=True)
class Following:
    """The timestamps that follow the series of a panel.

    Attributes:
        times: ``(series, rows)``, as in the panel's clock; NaT or NaN for a series without a
            frequency.
        shown: The same instants, as the clock of their time zone shows them.
        frequencies: The frequency of each series, or None.
    """

    times: Array
    shown: Array
    frequencies: list[Frequency | None]

    @classmethod
    def of(cls, panel: Panel, gap: int, rows: int) -> Self | None:
        """Return the ``rows`` timestamps after each series and a gap; None without a clock."""
        clock, rows = panel.clock, gap + rows
        if clock is None:
            return None
        own = own_frequencies(panel)
        kind: Any = clock.times.dtype
        if kind.kind in "iu" and None in own:
            kind = np.dtype(np.float64)  # Integers cannot be missing.
        times = np.full((len(own), rows), "NaT" if kind.kind == "M" else 0, kind)
        if kind.kind == "f":
            times[:] = np.nan
        shown = times.copy()
        for numbers, after, shown_after in continued(panel, own, rows):
            # NaT compares as False.
            if not (after > clock.times[panel.offsets[numbers[0] + 1] - 1]).all():
                refuse_unreached(panel, numbers[0], rows)
            times[numbers], shown[numbers] = after, shown_after
        return cls(times[:, gap:], shown[:, gap:], own)


def inputs_of(
    history: History, following: Following | None, future: Any, start: Any, steps: int, rows: int
) -> dict[str, Array]:
    """Return the model's inputs by roles, with one row for each series that can be forecast.

    Args:
        history: The last rows.
        following: The timestamps that follow; None without timestamps.
        future: As in ``forecast``.
        start: As in ``forecast``.
        steps: Number of steps to forecast.
        rows: Number of rows known ahead that the rounds read.
    """
    past, ahead = history.past, []
    if history.panel.columns.future:
        ahead.append(_values_ahead(future, history, following, steps, rows))
    if history.windows.calendar is None:
        check_no_start(start)
    else:
        within, after = _calendar(history, following, rows, start)
        within[history.before] = np.nan
        past = np.concatenate([past.reshape(*past.shape[:2], -1), within], axis=2)
        ahead.append(after)
    inputs = {"past": past}
    if ahead:
        inputs["future"] = np.concatenate(ahead, axis=2)
    if history.panel.static is not None:
        inputs["static"] = history.panel.static[history.chosen]
    return inputs


def _calendar(
    history: History, following: Following | None, rows: int, start: Any
) -> tuple[Array, Array]:
    """Return the columns of the calendar at the last rows and at the rows that follow.

    Args:
        history: The last rows.
        following: The timestamps that follow; None without timestamps.
        rows: Number of rows that follow.
        start: As in ``forecast``.

    Returns:
        Arrays ``(chosen, reach, columns)`` and ``(chosen, rows, columns)``.
    """
    panel, chosen, reach = history.panel, history.chosen, history.windows.geometry.reach
    cycles = history.windows.cycles
    periods = [cycle for cycle in cycles if not isinstance(cycle, str)]
    if following is not None:
        check_no_start(start)
    shown: Array | None = None
    numbers: Array | None = None
    if following is None:
        before = _starts(start, history) + panel.lengths
        ahead = history.windows.gap + np.arange(rows)
        numbers = before[chosen][:, None] + np.concatenate([np.arange(-reach, 0), ahead])
    else:
        assert panel.clock is not None
        shown = np.concatenate([panel.clock.shown[history.rows], following.shown[chosen]], axis=1)
        if periods:
            past = panel.clock.times[history.rows]
            times = np.concatenate([past, following.times[chosen]], axis=1)
            numbers = _numbers(history, following, times, shown)
    made = waves(
        cycles,
        None if shown is None or len(periods) == len(cycles) else shown.ravel(),
        None if numbers is None else numbers.ravel(),
    )
    made = made.reshape(len(chosen), reach + rows, -1)
    return made[:, :reach], made[:, reach:]


def _numbers(history: History, following: Following, times: Array, shown: Array) -> Array:
    """Return the numbers of rows, counted at each series' own frequency."""
    panel, windows, clock = history.panel, history.windows, history.panel.clock
    assert clock is not None
    own = [following.frequencies[number] for number in history.chosen]
    numbers = np.zeros(times.shape)
    calendar = f"calendar={_checks.shown(windows.calendar)}"
    column = f"time_column={windows.time_column!r}"
    for frequency in set(own):
        rows = np.flatnonzero([other == frequency for other in own])
        if frequency is None:
            number = int(history.chosen[rows[0]])
            refuse_irregular(panel, number, f"{calendar} counts steps of", column)
        for row in rows if frequency.unusual else ():
            number = int(history.chosen[row])
            if clock.slips(number, frequency) or frequency.slips(times[row], shown[row]):
                refuse_slips(panel, number, frequency, calendar, column)
        numbers[rows] = frequency.numbers(times[rows], shown[rows])
    return numbers


def check_no_start(start: Any) -> None:
    """Refuse ``start`` for windows that count no rows."""
    if start is not None:
        raise ValueError(
            "start is for a calendar of numbers without timestamps: the number of rows before the "
            f"series. Received: start={_checks.shown(start)}; leave it out."
        )


def _starts(start: Any, history: History) -> IntArray:
    """Return the number of each series' first row: ``start``, or so that its first value has 0."""
    panel, series = history.panel, len(history.panel.lengths)
    if start is None:
        calendar = f"calendar={_checks.shown(history.windows.calendar)}"
        cure = " Pass start=0 to count from the first row of each series."
        return -checked_front(panel, calendar, cure)
    if np.ndim(start) == 0:
        return np.full(series, _checks.integer("start", start, 0))
    counts = [_checks.integer(f"start[{i}]", item, 0) for i, item in enumerate(start)]
    if len(counts) != series:
        raise ValueError(
            f"start must be one number, or one for each of {series} series. Received {len(counts)}."
        )
    return np.array(counts, np.int64)


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


def _values_ahead(
    future: Any, history: History, following: Following | None, steps: int, rows: int
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
    """
    names = history.panel.columns.by_part()["future"]
    if is_frame(future):
        values, present, inside = _of_frames(future, names, history, following, rows)
    else:
        values = _of_array(future, names, history, steps)[history.chosen, :rows]
        present = inside = np.ones(values.shape[:2], bool)
    closing = history.windows.handling.complete == "some"
    if closing:
        values = np.where(present[..., None] & np.isfinite(values), values, np.nan)
        present = present | inside
    short = ~present[:, :steps].all(axis=1)
    if short.any():
        place = int(short.argmax())
        _refuse_few(history, following, int(history.chosen[place]), present[place, :steps])
    missing = missing_rows(values[:, :steps].reshape(len(values), -1))
    if missing.any() and not closing:
        number = int(history.chosen[missing.argmax()])
        read = collapsed(names, history.windows.categories)
        raise ValueError(
            f"future has missing or infinite values of the columns {_checks.shown(read)} in the "
            f"rows that {history.panel.series(number)} needs. Fill them in."
        )
    whole = np.empty((len(values), rows, len(names)))
    whole[:, : values.shape[1]] = values
    filled = np.zeros((len(values), rows), bool)
    filled[:, : values.shape[1]] = present & (closing | np.isfinite(values).all(axis=2))
    for row in range(steps, rows):
        whole[:, row] = np.where(filled[:, row, None], whole[:, row], whole[:, row - 1])
    return whole


def _refuse_few(
    history: History, following: Following | None, number: int, present: BoolArray
) -> None:
    lacking = ""
    if following is not None:
        first = as_written(following.shown[number, present.argmin()])
        lacking = f"; the first missing one is {first}"
    closed = ""
    if history.windows.handling.complete == "some":
        closed = " The last step, if it is closed, is a row with missing values."
    raise ValueError(
        f"future has {int(present.sum())} of the {len(present)} rows that follow "
        f"{history.panel.series(number)}{lacking}. Pass a row for each step of the forecast."
        f"{closed}"
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
        _refuse_few(history, None, 0, np.arange(steps) < values.shape[1])
    return values


def _of_frames(
    future: Any, names: Sequence[Any], history: History, following: Following | None, rows: int
) -> tuple[Array, BoolArray, BoolArray]:
    """Return the values of each row, found by id and time, and where they are.

    Returns:
        The values, 0 where there are none; True for each row that the frames have; and True for
        each row up to the last timestamp of all frames.
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
    values = np.concatenate(
        [
            matrix(table, read, windows.categories, title)
            for table, title in zip(tables, titles, strict=True)
        ]
    ).astype(np.float64)
    lengths = [len(table) for table in tables]
    series = np.repeat(np.arange(len(tables)), lengths)
    if panel.labels is not None:
        numbers = {label: i for i, label in enumerate(panel.labels)}
        ids = ids_of(tables[0][windows.id_column])
        series = np.array([numbers.get(label, -1) for label in ids], np.int64)
        absent = history.chosen[~np.isin(history.chosen, series)]
        if len(absent):
            raise ValueError(
                f"future has no row of {panel.series(int(absent[0]))}, by id_column="
                f"{windows.id_column!r}. Its ids are {_checks.shown(list(dict.fromkeys(ids)))}: "
                "use the ids of the series, with a row for each step of each series."
            )
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
    out.reshape(-1, len(names))[flat] = values[used]
    present.ravel()[flat] = True
    return out[history.chosen], present[history.chosen], inside[history.chosen]


def _table(frame: Any, names: Sequence[Any], windows: WindowSpec, what: str) -> Any:
    needed = [name for name in (windows.id_column, windows.time_column, *names) if name is not None]
    return open_frame(selected(frame, needed, windows, what))


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
        the rows that follow, ``(series, rows)``, up to the last timestamp of all frames.
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
    places = np.full(len(series), -1, np.int64)
    kind = np.promote_types(clock.times.dtype, own.times.dtype)
    times, wanted = clock.times.astype(kind), following.times.astype(kind)
    order = np.argsort(series, kind="stable")
    bounds = np.searchsorted(series[order], np.arange(len(wanted) + 1))
    for number, ahead in enumerate(wanted):
        mine = order[bounds[number] : bounds[number + 1]]
        nearest = np.minimum(np.searchsorted(ahead, times[mine]), rows - 1)
        places[mine] = np.where(ahead[nearest] == times[mine], nearest, -1)
    inside: BoolArray = wanted <= times.max() if len(times) else np.zeros(wanted.shape, bool)
    return places, inside
