"""Rows of a request become the inputs of an exported forecaster, by the description in its file.

Any server can use this file: it needs neither keras_ts nor Keras, only NumPy and pydantic.
"""

import re
from calendar import isleap
from datetime import timedelta
from itertools import pairwise
from math import cos, pi, sin
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, NaiveDatetime, ValidationError, create_model

ROLES = "past", "future"
STRICT = {"extra": "forbid"}
NUMBER = Annotated[float, Field(strict=True, ge=-3e38, le=3e38, allow_inf_nan=False)]
PHASES = {  # The description has them in words. Columns of other cycles come from the client.
    "hour": lambda t: (t.minute + t.second / 60) / 60,
    "day": lambda t: (t.hour + PHASES["hour"](t)) / 24,
    "week": lambda t: (t.weekday() + PHASES["day"](t)) / 7,
    "year": lambda t: (t.timetuple().tm_yday - 1 + PHASES["day"](t)) / (365 + isleap(t.year)),
}


class Reader:
    """Reads requests such as ``{"past": [{"day": ..., "units": ...}, ...], "future": [...]}``.

    Args:
        about: The description.
    """

    def __init__(self, about):
        self.inputs, self.texts, self.time = (
            about[key] for key in ("inputs", "categories", "time_column")
        )
        self.sources = {
            made: (column, text)
            for column, texts in self.texts.items()
            for text, made in texts.items()
        }
        named = [entry for entry in about["calendar"] if entry["cycle"] in PHASES]
        self.cycles = {name: entry["cycle"] for entry in named for name in entry["columns"]}
        self.columns = {
            role: [self._column(name, entry) for name in entry["columns"]]
            for role, entry in self.inputs.items()
        }
        # Months and weekdays differ in length; of these only the order is checked.
        step = re.fullmatch(r"(\d+) (second|minute|hour|day)s?", about["frequency"] or "")
        self.step = step and timedelta(**{f"{step[2]}s": int(step[1])})
        self.gap = about["gap"]
        types = {role: self._rows(role) for role in self.inputs}
        self.request = create_model("Request", __config__=STRICT, **types)

    def _column(self, name, entry):
        """Return the name of a column in a request, its type, and what the model reads of a row."""
        if name in self.cycles:
            wave, phase = sin if name.endswith("_sin") else cos, PHASES[self.cycles[name]]
            return self.time, NaiveDatetime, lambda row: wave(2 * pi * phase(row[self.time]))
        if name in self.sources:
            column, text = self.sources[name]
            return column, Literal[tuple(self.texts[column])], lambda row: row[column] == text
        number = NUMBER | None if name in entry["may_be_missing"] else NUMBER
        return str(name), number, lambda row: row[str(name)]

    def _rows(self, role):
        columns = {column: kind for column, kind, _ in self.columns[role]}
        row = create_model(role, __config__=STRICT, **columns)
        least, most = self.inputs[role]["row_count"]
        return Annotated[list[row], Field(min_length=least, max_length=most)]

    def arrays(self, body):
        """Return the model's inputs for a request; refuse what does not fit by a ``ValueError``."""
        try:
            request = self.request.model_validate_json(body).model_dump()
        except ValidationError as error:
            wrong = [" ".join(map(str, e["loc"])) + f": {e['msg']}" for e in error.errors()]
            raise ValueError("; ".join(wrong)) from None
        if self.cycles:
            self._check_times(*([row[self.time] for row in request[role]] for role in ROLES))
        return {role: self._array(role, rows) for role, rows in request.items()}

    def _check_times(self, past, future):
        """Refuse rows that are out of order, and ones left out: send those, with null values."""
        for earlier, later in pairwise([*past, *future]):
            steps = self.gap + 1 if later == future[0] else 1
            right = later - earlier == steps * self.step if self.step else earlier < later
            if not right:
                wanted = f"{steps} x {self.step} after it" if self.step else "after it"
                raise ValueError(f"{self.time}: {later} follows {earlier}. Send the row {wanted}.")

    def _array(self, role, rows):
        entry, columns = self.inputs[role], self.columns[role]
        values = np.full((entry["row_count"][1], len(columns)), np.nan, entry["dtype"])
        values[len(values) - len(rows) :] = [[read(row) for *_, read in columns] for row in rows]
        needed = entry.get("present")
        if needed is not None:
            places = [entry["columns"].index(name) for name in needed["columns"]]
            there = np.isfinite(values[:: needed["every"], places])
            if not (there.all(1).any() if needed["in_one_row"] else there.any(0).all()):
                raise ValueError(f"{role}: no value of {needed['columns']} to forecast from.")
        return values.reshape(1, *entry["shape"][1:])
