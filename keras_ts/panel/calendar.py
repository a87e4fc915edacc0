"""Calendar cycles as columns that are known ahead, made from timestamps.

The holidays of a country or an exchange are read once, as windows are cut, from the package
``holidays``.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.panel.cycles import (
    YEARS_AHEAD,
    Cycle,
    by_clock,
    is_place,
    place_of,
    waves,
)
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.frequency import RULES
from keras_ts.panel.inferring import disorder
from keras_ts.panel.regular import refuse_irregular
from keras_ts.panel.rows import per_row
from keras_ts.panel.settings import TableSettings, checked_cycles
from keras_ts.panel.timestamps import read_timestamps

# What some years add to a holiday's name. With it, the day would count as another holiday, which
# training saw once or never.
_OF_SOME_YEARS = re.compile(
    r" \((observed|estimated|observed, estimated|in lieu|substitute day|substituted from [^)]*)\)"
    r"|^(Alternative holiday for|Day after the|Day off for) "
)


def calendar_features(timestamps: Any, cycles: Cycle | Sequence[Cycle]) -> Array:
    """Return the sine and cosine of each timestamp's phase in calendar cycles.

    ``WindowedSeries(calendar=...)`` makes the same columns. A phase is the fraction of a cycle
    that has passed, and its columns are ``sin(2 pi phase)`` and ``cos(2 pi phase)``:

    - ``"hour"``: minutes, seconds and their fractions, over 60 minutes.
    - ``"day"``: the time since midnight, over 24 hours.
    - ``"week"``: the time since Monday's midnight, over 7 days.
    - ``"year"``: the time since January 1st, over the 365 or 366 days of that year.
    - A number ``p``: ``(n mod p) / p``, where ``n`` counts steps of the timestamps' own frequency
      since 1970-01-01: months for month ends, Mondays to Fridays for business days.

    Timestamps are read as local times of their time zone. A number counts days, weekdays and months
    by the local clock, and other steps in UTC, so that a change of the clock skips no step.

    Example:

    >>> import numpy as np
    >>> days = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]")
    >>> calendar_features(days, "week").astype(float).round(2).tolist()
    [[0.0, 1.0], [0.78, 0.62], [0.97, -0.22], [0.43, -0.9]]

    Args:
        timestamps: A NumPy array of ``datetime64``, or a column or index of pandas or polars, with
            or without a time zone. They must increase if ``cycles`` has a number.
        cycles: One cycle or several, as above. A number is a period in steps, greater than 1.

    Output shape:
        ``(timestamps, 2 * len(cycles))``, float32: sine and cosine of the first cycle, then of the
        next.

    Raises:
        TypeError: The timestamps are not dates, or a cycle is neither a text nor a number.
        ValueError: A cycle is unknown or named twice; or ``cycles`` has a number, and the
            timestamps are out of order, not regular, or days of 24 hours in a zone that changes
            its clock.
    """
    entries = checked_cycles("cycles", cycles)
    if any(map(is_place, entries)):
        raise ValueError(
            f"cycles={list(entries)} names holidays. Only the windows of a training part can make "
            "their columns: WindowedSeries(calendar=...)."
        )
    clock = read_timestamps(timestamps)
    if not all(map(by_clock, entries)) and disorder(clock.times, clock.offsets) is not None:
        raise ValueError(
            f"timestamps must increase for cycles={list(entries)}, which counts steps of their "
            "frequency. Sort them, and pass one series at a time."
        )
    panel = FlatSeries(clock.times, clock.offsets, True, clock=clock)
    if not all(map(by_clock, entries)):
        refuse_irregular(panel, None)
    return _columns(panel, entries, f"cycles={list(entries)}").astype(np.float32)


def with_calendar(panel: FlatSeries, spec: TableSettings) -> FlatSeries:
    """Return the panel with the columns of ``calendar`` added last, known ahead."""
    entries, clock = spec.calendar_entries, panel.clock
    if panel.on_disk:
        raise ValueError(
            f"calendar={list(entries)} would read a memory map whole, to add columns to it. Write "
            "them (see calendar_features) into the file, and name them in future_columns; or write "
            "frames into a keras_ts.scale.PanelStore, which holds a calendar."
        )
    dated = clock is not None and clock.times.dtype.kind == "M"
    if clock is None or not (dated or not any(map(by_clock, entries))):
        raise ValueError(
            f"calendar={list(entries)} needs timestamps: pass a data frame, and name its "
            "time_column, of dates for all cycles but numbers."
        )
    if dated:
        spec = _with_holidays(spec, panel, clock.shown)
        _refuse_long_steps(panel, clock.shown, spec)
    names = spec.calendar_columns
    taken = {*panel.columns.names, *spec.keys}
    twice = next((name for name in names if name in taken), None)
    if twice is not None:
        raise ValueError(
            f"calendar={list(entries)} makes a column {twice!r}, and the series has one of that "
            "name. Rename the column, or leave out one of the two."
        )
    values = panel.values[:, None] if panel.values.ndim == 1 else panel.values
    kind = np.result_type(values, np.float32)
    values = np.concatenate(
        [values, _columns(panel, spec.cycles, f"calendar={list(entries)}")], axis=1, dtype=kind
    )
    columns = panel.columns.with_calendar(names)
    return replace(panel, values=values, columns=columns, holidays=spec.holidays)


def _refuse_long_steps(panel: FlatSeries, clock: Array, spec: TableSettings) -> None:
    """Refuse holidays if rows are over a day apart: most holidays would fall between rows."""
    places = [entry for entry in spec.calendar_entries if is_place(entry)]
    if not places:
        return
    series = per_row(np.arange(len(panel.lengths)), panel.offsets)
    steps = np.diff(clock.astype("datetime64[D]"))[np.diff(series) == 0]
    if len(steps) and steps.min() > np.timedelta64(1, "D"):
        raise ValueError(
            f"calendar={places[0]!r} marks days, and the rows of the series are {steps.min()} or "
            "more apart. Leave it out, or count holidays by step in a column of future_columns."
        )


def _columns(panel: FlatSeries, cycles: Sequence[Any], calendar: str) -> Array:
    """Return the two columns of each cycle at every row of a panel with timestamps."""
    clock: Any = panel.clock
    numbers = None
    if not all(map(by_clock, cycles)):
        numbers = np.zeros(len(clock.times), np.int64)
        if len(numbers):
            refuse_uncounted(panel, calendar)
            numbers = clock.numbers
    return waves(cycles, clock.shown, numbers)


def refuse_uncounted(panel: FlatSeries, calendar: str) -> None:
    """Refuse a calendar of numbers without a frequency, or for days of 24 hours in UTC."""
    frequency = None if panel.clock is None else panel.clock.frequency
    if frequency is None:
        raise ValueError(f"{calendar} goes by a frequency, and no series has two rows to tell it.")
    if frequency.in_utc:
        raise ValueError(
            f"{calendar} counts days by the clock of the time zone, and rows are whole days apart "
            'only in UTC. Use "day", "week" or "year", or convert the timestamps to UTC.'
        )


def _with_holidays(spec: TableSettings, panel: FlatSeries, clock: Array) -> TableSettings:
    """Return settings with the holidays that fall on rows, for places without any yet."""
    known = dict(spec.holidays or {})
    entries = [str(entry) for entry in spec.calendar_entries if is_place(entry)]
    places = [place for place in entries if place not in known]
    days = np.unique(clock.astype("datetime64[D]")) if places else np.array([], "datetime64[D]")
    days = days[~np.isnat(days)]
    if not len(days):
        return spec
    first, last = (int(day.astype("datetime64[Y]").astype(int)) + 1970 for day in days[[0, -1]])
    frequency = None if panel.clock is None else panel.clock.frequency
    week = RULES[frequency.rule].week if frequency is not None and frequency.rule else ""
    week_mark = {week: True} if week else {}
    for place in places:
        dates = _dates(place, first, last + YEARS_AHEAD)
        met = {name: of for name, of in dates.items() if np.isin(of, days.astype(str)).any()}
        known[place] = {"years": (first, last + YEARS_AHEAD), "days": met, **week_mark}
        if not met:
            cure = ', or pass missing="mask_targets", which adds the rows of closed days'
            raise ValueError(
                f"calendar={place!r}: none of its holidays falls on a row of the series, whose "
                f"rows run from {days[0]} to {days[-1]}. Leave it out"
                f"{'' if spec.handling.masked else cure}."
            )
    return replace(spec, holidays=known)


def _dates(place: str, first: int, last: int) -> dict[str, tuple[str, ...]]:
    """Return each holiday's days, also of the year after ``last``, whose January 1st has an eve."""
    holidays = _checks.needed("holidays", f"calendar={place!r}")
    code, part = place_of("calendar", place)
    read: Any = holidays.country_holidays
    if len(code) > 2 or not code.isalpha():
        read = holidays.financial_holidays
        # ``financial_holidays`` also reads countries, by three letters.
        if code not in holidays.list_supported_financial():
            raise ValueError(
                f"calendar={place!r}: the package holidays knows no exchange {code}, and a country "
                "has two letters. Mark the days in a column of your own, in future_columns."
            )
    years = range(first, last + 2)
    try:
        # In the default language, names would differ from machine to machine.
        found = read(code, subdiv=part, years=years, language="en_US")
    except NotImplementedError as error:
        raise ValueError(f"calendar={place!r}: the package holidays says: {error}") from None
    days: dict[str, list[str]] = {}
    for day in sorted(found):
        for name in found.get_list(day):  # A day may have several holidays.
            days.setdefault(_OF_SOME_YEARS.sub("", name), []).append(day.isoformat())
    return {name: tuple(dates) for name, dates in sorted(days.items())}
