"""A server's side of an export: arrays from rows, by the description in the file and nothing else.

It knows nothing of keras_ts, so that the description has to say all that is needed.
"""

import math
from datetime import datetime, timedelta

import numpy as np

EPOCH = datetime(1970, 1, 1)


def since(t, **begin):
    """The time since the moment of ``t`` with some of its parts set back."""
    return t - t.replace(microsecond=0, second=0, **begin)


def day(t):
    return since(t, minute=0, hour=0) / timedelta(days=1)


def year(t):
    first, after = datetime(t.year, 1, 1), datetime(t.year + 1, 1, 1)
    return ((t.date() - first.date()).days + day(t)) / (after - first).days


# What a programmer writes who has read each "phase" of a description, and "n" below.
PHASES = {
    "(time since the full hour) / (1 hour)": lambda t: since(t, minute=0) / timedelta(hours=1),
    "(time since midnight) / (24 hours)": day,
    "((days since Monday) + (time since midnight) / (24 hours)) / 7": lambda t: (
        (t.weekday() + day(t)) / 7
    ),
    "((days since January 1) + (time since midnight) / (24 hours)) / (365, or 366 in a leap "
    "year)": year,
}
NUMBERS = {
    "(day - 1970-01-01 00:00) / (1 day), rounded down; by the local clock": lambda t: (
        (t - EPOCH) // timedelta(days=1)
    ),
    "(day - 1970-01-01 00:00) / (6 hours), rounded down; in UTC if there is a time zone": (
        lambda t: (t - EPOCH) // timedelta(hours=6)
    ),
    "12 * (year - 1970) + month - 1, of day": lambda t: 12 * (t.year - 1970) + t.month - 1,
    "Mondays to Fridays from 1970-01-01 on, before day": lambda t: sum(
        (EPOCH + timedelta(days=n)).weekday() < 5 for n in range((t - EPOCH).days)
    ),
}


def with_calendar(about, row, place):
    """A row with the columns of the calendar; ``place`` is its number in the series."""
    made = dict(row)
    for entry in about["calendar"]:
        if "days" in entry:
            today = row[about["time_column"]].date()
            assert entry["years"][0] <= today.year <= entry["years"][1]
            for name, words in entry["columns"].items():
                listed = {
                    "1 on one of the days, else 0": "days",
                    "1 on the day before, else 0": "eves",
                    "1 on the weekday before, else 0": "eves",
                }[words]
                made[name] = float(today.isoformat() in entry[listed])
            continue
        if "n" not in entry:
            words = entry["phase"].removesuffix(", by the local clock of the series")
            phase = PHASES[words](row[about["time_column"]])
        else:
            timed = about["time_column"] is not None
            n = NUMBERS[entry["n"]](row[about["time_column"]]) if timed else place
            assert entry["phase"] == f"(n mod {entry['cycle']}) / {entry['cycle']}"
            phase = n % entry["cycle"] / entry["cycle"]
        for name, words in entry["columns"].items():
            wave = {"sin(2 * pi * phase)": math.sin, "cos(2 * pi * phase)": math.cos}[words]
            made[name] = wave(2 * math.pi * phase)
    return made


def with_categories(about, row):
    made = dict(row)
    for column, texts in about["categories"].items():
        if column in row:
            if row[column] not in texts:
                assert about["unseen"] == "mean"
                made |= dict.fromkeys(texts.values(), 1 / len(texts))
                continue
            made |= {name: float(row[column] == text) for text, name in texts.items()}
    return made


def matrix(entry, rows):
    values = [[row[name] for name in entry["columns"]] for row in rows]
    return np.array(values, entry["dtype"]).reshape([1, *entry["shape"][1:]])


def arrays(about, rows, ahead=()):
    """The inputs of a file for one series.

    Args:
        about: The description.
        rows: All rows of the series, each a dict by the names of columns.
        ahead: The rows that follow, with what is known ahead, and times.
    """
    series = [with_categories(about, with_calendar(about, row, n)) for n, row in enumerate(rows)]
    later = [
        with_categories(about, with_calendar(about, row, len(rows) + n))
        for n, row in enumerate(ahead)
    ]
    inputs = about["inputs"]
    first, last = inputs["past"]["rows"]
    assert last == 0
    x = {"past": matrix(inputs["past"], series[len(series) - 1 + first :])}
    if "future" in inputs:
        first, last = inputs["future"]["rows"]
        x["future"] = matrix(inputs["future"], later[first - 1 : last])
    if "static" in inputs:
        x["static"] = matrix(inputs["static"], series[-1:])
    return x
