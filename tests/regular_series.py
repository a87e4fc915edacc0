"""Regular series of every kind, by plain loops over Python's dates: for tests of the arithmetic."""

from calendar import monthrange
from datetime import datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from keras_ts.panel.inferring import inferred

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def is_last(day):
    return day.day == monthrange(day.year, day.month)[1]


def stepping(step):
    return lambda start, rows: [start + step * row for row in range(rows)]


def picking(chosen):
    """Every day of a few years that is chosen."""

    def rows(start, count):
        days = (start + DAY * number for number in range(20000))
        return [day for day, _ in zip(filter(chosen, days), range(count), strict=False)]

    return rows


REGULAR = {
    "minutes": stepping(HOUR / 60),
    "half hours": stepping(HOUR / 2),
    "hours": stepping(HOUR),
    "six hours": stepping(6 * HOUR),
    "days": stepping(DAY),
    "weeks": stepping(7 * DAY),
    "weekdays": picking(lambda day: day.weekday() < 5),
    "fifth of the month": picking(lambda day: day.day == 5),
    "thirtieth or last": picking(lambda day: day.day == 30 or (is_last(day) and day.day < 30)),
    "month ends": picking(is_last),
    "quarter ends": picking(lambda day: is_last(day) and day.month % 3 == 0),
    "years": picking(lambda day: day.day == 1 and day.month == 1),
}
NAMES = {
    "minutes": "1 minute",
    "half hours": "30 minutes",
    "hours": "1 hour",
    "six hours": "6 hours",
    "days": "1 day",
    "weeks": "7 days",
    "weekdays": "1 weekday",
    "fifth of the month": "day 5 of the month",
    "thirtieth or last": "day 30 of the month",
    "month ends": "month end",
    "quarter ends": "month end, every 3 months",
    "years": "month start, every 12 months",
}
IN_UTC = ["minutes", "half hours", "hours", "six hours"]
STARTS = st.builds(
    lambda day, hour: datetime(1968, 1, 1) + day * DAY + hour * HOUR,
    st.integers(0, 1500),
    st.sampled_from([0, 2, 16]),
)


def on_a_clock(moments, change, forward, in_utc):
    """Pairs of UTC and local time, by a clock that is put forward or back at ``change``."""
    sign = 1 if in_utc else -1
    other = [m + sign * forward * (m >= change) for m in moments]
    return list(zip(moments, other, strict=True) if in_utc else zip(other, moments, strict=True))


def array(moments, unit="us"):
    return np.array(moments, "M8[us]").astype(f"M8[{unit}]")


def frequency_of(utc, local=None, unit="us", like=None):
    local = None if local is None else array(local, unit)
    return inferred(array(utc, unit), np.array([0, len(utc)]), local, like).frequency


def frequency_of_array(times):
    return inferred(times, np.array([0, len(times)])).frequency


def following(found, last, count):
    return found.after(np.repeat(last, count), np.arange(1, count + 1))


def numbered(found, times):
    return found.numbers(times, times)
