"""Recurring events on generated days: how many are found before any training, and how many false.

    KERAS_BACKEND=jax python benchmarks/events.py [--series 20]

Each series has four to eight years of days, a week, a year, noise with a standard deviation of 2,
and effects of 12 or -12 on three n-th weekdays and two dates; as many again have no event. Then one
series of Monday to Friday, and a panel of six series that share their events.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from keras_ts import from_preset
from keras_ts._keras_private import layers_within
from keras_ts.layers import CalendarEvents

PLACES = {0: "first", 1: "second", 2: "third", 3: "fourth", -1: "last", -2: "second to last"}


def days_of(years, generator, weekend=True, events=True):
    """Return a table of daily values, and the names of its n-th weekdays and dates."""
    days = pd.date_range("2010-01-01", periods=int(365.25 * years))
    week = np.array([3, 0, -1, 0, 4, 8, -6.0])[days.day_of_week]
    values = 100 + 8 * np.sin(2 * np.pi * days.day_of_year / 365.25) + week
    values = np.array(values + 2 * generator.normal(size=len(days)))
    weekdays = generator.choice(7 if weekend else 5, 3, replace=False)
    months = generator.choice(np.arange(1, 13), 5, replace=False)
    moving, dates = [], []
    for weekday, month in zip(weekdays, months[:3], strict=True):
        place = int(generator.choice(list(PLACES)))
        those = days[(days.month == month) & (days.day_of_week == weekday)].to_series()
        on = those.groupby(those.dt.year).nth(place)
        values[days.isin(on)] += events * generator.choice([-12, 12])
        moving.append(f"the {PLACES[place]} {on.iloc[0]:%A of %B}")
    for month in months[3:]:
        day = int(generator.integers(1, 28))
        values[(days.month == month) & (days.day == day)] += events * generator.choice([-12, 12])
        dates.append(f"{pd.Timestamp(2024, month, 1):%B} {day}")
    table = pd.DataFrame({"day": days, "value": values})
    return table[weekend | (days.day_of_week < 5)].reset_index(drop=True), moving, dates


def found(table, preset, **columns):
    """Return the names of the events that a preset finds before any training."""
    settings = {"target_columns": "value", "time_column": "day", "calendar": ["week", "year"]}
    windows = preset.windows_for(table, 7, **settings, **columns)
    [layer] = layers_within(preset.build(windows.build(table)), CalendarEvents)
    return layer.names


def told(names, some):
    """Return how many of some events are among those found."""
    dates = {name.split(" from ")[0] for name in names}  # Some are from Monday to Friday alone.
    return f"{len(dates.intersection(some))} of {len(some)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=20)
    arguments = parser.parse_args()
    generator, line = np.random.default_rng(3), from_preset("smooth_gru")
    seen, moving, dates = [], [], []
    for number in range(arguments.series):
        table, *some = days_of(4 + number % 5, generator)
        # One series' events may be named like another's.
        seen += [f"{number} {name}" for name in found(table, line)]
        moving += [f"{number} {name}" for name in some[0]]
        dates += [f"{number} {name}" for name in some[1]]
    print(f"{told(seen, moving)} n-th weekdays, {told(seen, dates)} dates", flush=True)
    false = [
        found(days_of(4 + number % 5, generator, events=False)[0], line)
        for number in range(arguments.series)
    ]
    print(f"events in {sum(map(bool, false))} of {len(false)} series without any", flush=True)
    table, *some = days_of(8, generator, weekend=False)
    print(f"Monday to Friday: {told(found(table, line), [*some[0], *some[1]])}", flush=True)
    base, *some = days_of(6, np.random.default_rng(9))
    parts = [base.assign(id=number, value=base.value * (1 + 0.2 * number)) for number in range(6)]
    panel = pd.concat(parts)
    panel["value"] += 2 * generator.normal(size=len(panel))
    names = found(panel, from_preset("seasonal_gru", period=7), id_column="id")
    print(f"a panel: {told(names, [*some[0], *some[1]])}")
