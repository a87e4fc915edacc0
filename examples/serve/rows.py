"""Rows of a request become the inputs of an exported forecaster, by the description in its file.

Any server can use this file: it needs neither keras_ts nor Keras, only NumPy and pydantic.
"""

import re
from calendar import isleap
from datetime import UTC, timedelta
from functools import partial
from itertools import pairwise
from math import cos, inf, pi, sin
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import AwareDatetime, Field, NaiveDatetime, TypeAdapter, ValidationError
from typing_extensions import TypedDict

NUMBER = Annotated[float, Field(strict=True, ge=-3e38, le=3e38, allow_inf_nan=False)]
PHASES = {  # The description has them in words. Columns of other cycles come from the client.
    "hour": lambda t: (t.minute + t.second / 60) / 60,
    "day": lambda t: (t.hour + PHASES["hour"](t)) / 24,
    "week": lambda t: (t.weekday() + PHASES["day"](t)) / 7,
    "year": lambda t: (t.timetuple().tm_yday - 1 + PHASES["day"](t)) / (365 + isleap(t.year)),
}


def wave(formula, cycle, t):
    """Return the value of a column of the calendar."""
    return (sin if formula.startswith("sin") else cos)(2 * pi * PHASES[cycle](t))


def on_holiday(days, years, t):
    """Return 1 on one of the days, else 0; refuse an unknown year."""
    if not years[0] <= t.year <= years[1]:
        raise ValueError(f"{t}: the file has the holidays of {years[0]} to {years[1]}.")
    return float(t.date().isoformat() in days)


def is_text(text, texts, given):
    """Return 1 if it is the text that is given, else 0; of one that is unknown, the mean."""
    return float(given == text) if given in texts else 1 / len(texts)


def record(fields):
    """Return the type of a JSON object that has these fields and no others."""
    kind = TypedDict("Record", fields)
    kind.__pydantic_config__ = {"extra": "forbid"}
    return kind


class Reader:
    """Reads requests, ``{"past": [{"day": ...}, ...], ...}``; with a zone, times have an offset."""

    def __init__(self, about, zone=None):
        self.inputs, self.time, self.gap = about["inputs"], about["time_column"], about["gap"]
        self.steps, self.ranges = about["steps"], about.get("ranges") or {}
        self.zone, instant = zone and ZoneInfo(zone), AwareDatetime if zone else NaiveDatetime
        frequency = about["frequency"] or "steps of numbers"
        # Months and weekdays differ in length, so only the order of their rows is checked.
        step = re.fullmatch(r"(\d+) (second|minute|hour|day)s?( in UTC| by the .*)?", frequency)
        self.step = step and timedelta(**{f"{step[2]}s": int(step[1])})
        # Unless the description names the clock, days are even by the local one, hours in UTC.
        self.in_utc = zone and step and (step[3] or " in UTC" * (step[2] != "day")) == " in UTC"
        made = {  # By column of the model: that of the request, its type, and what becomes of it.
            name: (self.time, instant, partial(wave, formula, entry["cycle"]))
            for entry in about["calendar"]
            for name, formula in entry["columns"].items()
            if entry["cycle"] in PHASES
        }
        for entry in about["calendar"]:
            for name, days in zip(entry["columns"], ("days", "eves"), strict=True):
                if days in entry:
                    read = partial(on_holiday, set(entry[days]), entry["years"])
                    made[name] = self.time, instant, read
        self.timed = bool(made) or not frequency.startswith("steps of ")
        self.texts = {next(iter(t.values())): column for column, t in about["categories"].items()}
        for column, texts in about["categories"].items():
            kind = str if about.get("unseen") == "mean" else Literal[tuple(texts)]
            for text, name in texts.items():
                made[name] = column, kind, partial(is_text, text, texts)
        fields, self.columns = {}, {}
        for role, entry in self.inputs.items():
            names, nulls = entry["columns"], entry["may_be_missing"]
            columns = {name: made.get(name, (str(name), NUMBER, float)) for name in names}
            kinds = {c: k | None if name in nulls else k for name, (c, k, _) in columns.items()}
            self.columns[role] = list(columns.values())
            if self.timed and role != "static":
                kinds[self.time] = instant
            least, most = entry["row_count"]
            fields[role] = Annotated[list[record(kinds)], Field(min_length=least, max_length=most)]
        self.request = TypeAdapter(record(fields))

    def arrays(self, body):
        """Return the model's inputs for a request; refuse what does not fit by a ``ValueError``."""
        return self.read(body)[0]

    def read(self, body):
        """Return the model's inputs, and the time of each step, or None where nothing tells it."""
        try:
            request = self.request.validate_json(body)
        except ValidationError as error:
            wrong = [" ".join(map(str, e["loc"])) + f": {e['msg']}" for e in error.errors()[:3]]
            raise ValueError("; ".join(wrong)) from None
        if self.timed:
            self._check_times(request["past"], request.get("future", []))
        arrays = {role: self._array(role, rows) for role, rows in request.items()}
        return arrays, self._times_ahead(request["past"][-1:], request.get("future"))

    def warnings(self, arrays):
        """Name each column with a value far outside its range in training, or an unknown text."""
        for role in arrays:
            columns = arrays[role].reshape(-1, len(self.columns[role])).T
            for name, values in zip(self.inputs[role]["columns"], columns, strict=True):
                low, high = self.ranges.get(str(name), (-inf, inf))
                most = high - low + 1e-6 * max(abs(low), abs(high))
                most *= 10 if role == "past" else 1  # Series grow.
                if (far := values[abs(values - (low / 2 + high / 2)) > most]).size:
                    known = f"the {low:g} to {high:g} of training"
                    yield f"{role} {name}: {far[0]:g} is far outside {known}."
                if name in self.texts and ((values > 0) & (values < 1)).any():
                    yield f"{role} {self.texts[name]}: training lacked a text, read as the mean."

    def _times_ahead(self, last, future):
        if not self.timed or not (future or (last and self.step)):
            return None
        if future:
            return [row[self.time] for row in future]
        begin = last[0][self.time]
        begin = begin.astimezone(UTC) if self.in_utc else begin
        times = [begin + (self.gap + n) * self.step for n in range(1, self.steps + 1)]
        return [t.astimezone(self.zone) for t in times] if self.zone else times

    def _check_times(self, past, future):
        """Refuse rows that are out of order, and ones left out: send those, with null values."""
        for row in [*past, *future] if self.zone else []:
            row[self.time] = row[self.time].astimezone(self.zone)
        rows = [*enumerate(past, -len(past)), *enumerate(future, self.gap)]
        for (m, earlier), (n, later) in pairwise((n, row[self.time]) for n, row in rows):
            # Two times of one zone differ by its clock, two in UTC by what has passed.
            begin, end = (t.astimezone(UTC) if self.in_utc else t for t in (earlier, later))
            if end - begin != (n - m) * self.step if self.step else end <= begin:
                wanted = "each time once, in order"
                if end > begin:
                    wanted = f"the row of {begin + (n - m) * self.step}"
                raise ValueError(f"{self.time}: {later} follows {earlier}. Send {wanted}.")

    def _array(self, role, rows):
        entry, columns = self.inputs[role], self.columns[role]
        values = np.full((entry["row_count"][1], len(columns)), np.nan, entry["dtype"])
        for value, row in zip(values[len(values) - len(rows) :], rows, strict=True):
            value[:] = [np.nan if row[c] is None else read(row[c]) for c, _, read in columns]
        if needed := entry.get("present"):
            places = [entry["columns"].index(name) for name in needed["columns"]]
            there = np.isfinite(values[:: needed["every"], places])
            if not (there.all(1).any() if needed["in_one_row"] else there.any(0).all()):
                raise ValueError(f"{role}: no value of {needed['columns']} to forecast from.")
        return values.reshape(1, *entry["shape"][1:])
