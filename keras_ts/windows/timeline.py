"""Whether timestamps are in order, without duplicates and without gaps: pure NumPy.

Windows count positions, so a missing week silently shortens every window across it.
"""

from typing import Any

import numpy as np

from keras_ts._typing import Array, IntArray


def steps_within(times: Array, bounds: IntArray) -> tuple[Array, IntArray]:
    """Differences between neighbours of the same series, and the later one's position."""
    inside = np.ones(max(len(times) - 1, 0), dtype=bool)
    inner = bounds[1:-1] - 1
    inside[inner[(inner >= 0) & (inner < len(inside))]] = False
    position = np.flatnonzero(inside) + 1
    return times[position] - times[position - 1], position


def disorder(times: Array, bounds: IntArray) -> tuple[str, int] | None:
    """What is wrong with the order, and where first: "duplicate", "backwards" or None."""
    steps, position = steps_within(times, bounds)
    wrong = np.flatnonzero(steps <= np.zeros(1, steps.dtype))
    if not len(wrong):
        return None
    first = wrong[0]
    repeated = steps[first] == np.zeros(1, steps.dtype)[0]
    return ("duplicate" if repeated else "backwards"), int(position[first])


def gaps(times: Array, bounds: IntArray) -> IntArray:
    """Positions whose distance to the one before is not the regular step.

    The regular step is the most frequent one. Months, quarters and years count in months
    (all on one day of the month, or on its last where it is shorter), business days in
    weekdays.
    """
    steps, position = steps_within(times, bounds)
    if not len(steps):
        return position
    if np.issubdtype(times.dtype, np.datetime64):
        steps = _calendar_steps(times, position, steps)
    elif np.issubdtype(steps.dtype, np.floating):
        # 0.1 + 0.2 is not 0.3: steps that differ by rounding alone are equal.
        rounding = 2 * np.spacing(np.abs(times).max())
        usual = _most_frequent(np.round(steps / steps.min(), 6)) * steps.min()
        return position[~np.isclose(steps, usual, rtol=1e-6, atol=rounding)]
    return position[steps != _most_frequent(steps)]


def _calendar_steps(times: Array, position: IntArray, steps: Array) -> Array:
    month = times.astype("datetime64[M]")
    day = times.astype("datetime64[D]")
    of_month = day - month.astype(day.dtype)
    last_day = (day + 1).astype("datetime64[M]") != month
    in_months = (month[position] - month[position - 1]).astype(np.int64)
    if _most_frequent(in_months) > 0 and (last_day | (of_month == of_month.max())).all():
        return in_months
    midnight = (times == day.astype(times.dtype)).all()
    if midnight and np.is_busday(day).all() and _most_frequent(steps) == np.timedelta64(1, "D"):
        return np.busday_count(day[position - 1], day[position])
    return steps


def _most_frequent(values: Array) -> Any:
    distinct, counts = np.unique(values, return_counts=True)
    return distinct[counts.argmax()]
