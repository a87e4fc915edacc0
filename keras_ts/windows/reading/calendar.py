"""Cycles of the calendar as columns that are known ahead."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.cycles import Cycle, waves
from keras_ts.windows.arithmetic.frequency import disorder
from keras_ts.windows.arithmetic.steps import Frequency
from keras_ts.windows.reading.panel import Panel, rows_in_front
from keras_ts.windows.reading.timestamps import read_timestamps
from keras_ts.windows.spec import WindowSpec, checked_cycles


def calendar_features(timestamps: Any, cycles: Cycle | Sequence[Cycle]) -> Array:
    """Return the sine and cosine of where each timestamp stands in cycles of the calendar.

    ``WindowedSeries(calendar=...)`` makes the same columns. A phase is the fraction of a cycle
    that has passed, and its columns are ``sin(2 pi phase)`` and ``cos(2 pi phase)``:

    - ``"hour"``: minutes, seconds and their fractions, over 60 minutes.
    - ``"day"``: the time since midnight, over 24 hours.
    - ``"week"``: the time since Monday's midnight, over 7 days.
    - ``"year"``: the time since January 1st, over the 365 or 366 days of that year.
    - A number ``p``: ``(n mod p) / p``, where ``n`` counts steps of the timestamps' own frequency
      since 1970-01-01: months for month ends, Mondays to Fridays for business days.

    Times are read as the clock of their own time zone shows them, but for steps of a number that
    are no whole days: these are counted in UTC, so that none is left out as the clock is changed.

    Example:

    >>> import numpy as np
    >>> days = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]")
    >>> calendar_features(days, "week").round(2).tolist()
    [[0.0, 1.0], [0.78, 0.62], [0.97, -0.22], [0.43, -0.9]]

    Args:
        timestamps: A NumPy array of ``datetime64``, or a column or index of pandas or polars, with
            a time zone or without. For a number among the cycles they must be in order.
        cycles: One cycle or several, as above. A period is greater than 1.

    Output shape:
        ``(timestamps, 2 * len(cycles))``, float32: sine and cosine of the first cycle, then of the
        next.

    Raises:
        TypeError: The timestamps are no dates.
        ValueError: A cycle is unknown or named twice, or a number is among them and the timestamps
            are out of order or not regular, or a change of their clock leaves out a step.
    """
    wanted = checked_cycles("cycles", cycles)
    clock = read_timestamps(timestamps)
    if _periods(wanted) and disorder(clock.times, clock.offsets) is not None:
        raise ValueError(
            f"timestamps must increase for cycles={list(wanted)}: steps of their frequency are "
            "counted. Sort them, and pass each series by itself."
        )
    panel = Panel(clock.times, clock.offsets, True, clock=clock)
    return _columns(panel, wanted, "cycles", "timestamps").astype(np.float32)


def with_calendar(panel: Panel, spec: WindowSpec) -> Panel:
    """Return the panel with the columns of ``calendar`` behind the others, known ahead."""
    wanted = spec.cycles
    if panel.on_disk:
        raise ValueError(
            f"calendar={list(wanted)} would read a memory map whole, to put columns beside it. "
            "Write the columns into the file, from calendar_features or by the formulas of its "
            "docstring, and name them in future_columns."
        )
    names = spec.calendar_columns
    taken = {*panel.columns.past, *panel.columns.static, spec.id_column, spec.time_column}
    if taken.intersection(names):
        name = next(name for name in names if name in taken)
        raise ValueError(
            f"calendar={list(wanted)} makes a column {name!r}, and the series has one of that "
            "name. Rename that, or leave one of them out."
        )
    if _names(wanted) and panel.clock is not None and panel.clock.times.dtype.kind != "M":
        raise TypeError(
            f"calendar={list(wanted)} is read off dates, and time_column={spec.time_column!r} "
            f"holds {panel.clock.times.dtype}. Give periods, numbers of steps."
        )
    values = panel.values[:, None] if panel.values.ndim == 1 else panel.values
    # The type of an array that holds the panel's values and sines beside each other.
    kind = np.result_type(values, np.float32)
    made = _columns(panel, wanted, "calendar", f"time_column={spec.time_column!r}")
    values = np.concatenate([values.astype(kind), made.astype(kind)], axis=1)
    return replace(panel, values=values, columns=panel.columns.with_calendar(names))


def _names(cycles: Sequence[Cycle]) -> list[Cycle]:
    return [cycle for cycle in cycles if isinstance(cycle, str)]


def _periods(cycles: Sequence[Cycle]) -> list[Cycle]:
    return [cycle for cycle in cycles if not isinstance(cycle, str)]


def _columns(panel: Panel, cycles: Sequence[Cycle], argument: str, column: str) -> Array:
    """Return sine and cosine of the cycles at every row of a panel."""
    shown = panel.clock.shown if panel.clock is not None and _names(cycles) else None
    numbers = _numbers(panel, cycles, argument, column) if _periods(cycles) else None
    return waves(cycles, shown, numbers)


def _numbers(panel: Panel, cycles: Sequence[Cycle], argument: str, column: str) -> Array:
    """Return the number of every row's step: since 1970 by timestamps, else from the first value.

    Rows put in front of a series, which have no values, do not move the phases of the others.
    """
    if panel.clock is None:
        front = rows_in_front(panel)
        check_front(panel, front, f"{argument}={list(cycles)}")
        numbers = [
            np.arange(length) - rows for length, rows in zip(panel.lengths, front, strict=True)
        ]
    else:
        numbers = []
        for series, (begin, end) in enumerate(pairwise(panel.offsets.tolist())):
            frequency = panel.clock.frequencies[series]
            if frequency is None and begin < end:
                raise ValueError(
                    f"{argument}={list(cycles)} counts steps of a series' own frequency, and "
                    f"{panel.series(series)} has none: {column} has {end - begin} "
                    f"timestamp{'s' * (end - begin > 1)} there, of which no step is the regular "
                    'one more often than not. Use "hour", "day", "week" or "year", insert the '
                    "missing rows, or leave that series out."
                )
            if frequency is not None:
                if panel.clock.slips(series, frequency):
                    refuse_slips(panel, series, frequency, f"{argument}={list(cycles)}", column)
                numbers.append(panel.clock.numbers(series, frequency))
    return np.concatenate(numbers) if numbers else np.empty(0, np.int64)


def refuse_slips(
    panel: Panel, series: int, frequency: Frequency, calendar: str, column: str
) -> None:
    """Raise an error that steps are not even by the clock that counts them."""
    counted, even = "by the clock of the time zone", "in UTC"
    cure = "in UTC, with dt.tz_convert in pandas or dt.convert_time_zone in polars"
    if not frequency.counts_days:
        counted, even = even, f"{counted} alone"
        cure = (
            "without its time zone, with dt.tz_localize(None) in pandas or "
            "dt.replace_time_zone(None) in polars"
        )
    raise ValueError(
        f"{calendar} counts steps of {frequency.name} {counted}, and those of "
        f"{panel.series(series)} are even {even}: as that clock is changed, the count leaves out a "
        f'step or takes one twice. Give {column} {cure}; or use "day", "week" or "year".'
    )


def check_front(panel: Panel, front: IntArray, calendar: str, cure: str = "") -> None:
    """Refuse a panel that begins with rows without a value, unless all its series do alike.

    Such rows may be put in front, and do not count; or they are there, and values are missing.
    """
    known = np.flatnonzero(front < panel.lengths)
    other = known[front[known] != front[known[:1]]]
    if len(other):
        first, moved = int(known[0]), int(other[0])
        raise ValueError(
            f"{calendar} counts rows from the first with a value, and {panel.series(first)} has "
            f"{front[first]} before that and {panel.series(moved)} {front[moved]}: "
            "their phases might drift apart. Begin all series with a value, or with as many rows "
            "without one; or pass a data frame and name its time_column, where numbers of rows "
            f"do.{cure}"
        )
