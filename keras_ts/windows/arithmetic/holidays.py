"""Holidays of a country as columns of 0 and 1, one for the day and one for its eve. NumPy only.

Their dates come from a package once, for the years that the training data span and ten more. They
stand in the settings of windows from then on, so that a reload and a server need no package.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array

PREFIX = "holidays:"
# The years past the training data whose dates are kept.
YEARS_AHEAD = 10
# "holidays:DE" or, with a state or province, "holidays:DE-BY".
_PLACE = re.compile(rf"{PREFIX}([A-Z]{{2}})(?:-([A-Z0-9]{{1,4}}))?")
# A file that holds more is broken or malicious.
_MOST_NAMES, _MOST_DAYS, _LONGEST = 200, 10_000, 200

# By place: the first year and the last one, and the days of each holiday as ISO dates.
Holidays = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Holiday:
    """A holiday of a place; it stands among the cycles of a calendar, each of two columns."""

    place: str  # As in the calendar: "holidays:DE".
    name: str
    days: tuple[str, ...]
    since: int  # The first year whose days are known.
    until: int  # The last one.

    @property
    def columns(self) -> list[str]:
        """The names of the columns of the day and of its eve."""
        return [f"{self.place}={self.name}", f"{self.place}={self.name} eve"]

    def flags(self, clock: Array) -> list[Array]:
        """Return both columns at the times of a clock; refuse a year whose days are unknown."""
        day = clock.astype("datetime64[D]")
        years = day[~np.isnat(day)].astype("datetime64[Y]").astype(int) + 1970
        if len(years) and not (self.since <= years.min() and years.max() <= self.until):
            other = years.min() if years.min() < self.since else years.max()
            raise ValueError(
                f"calendar={self.place!r} has the holidays of {self.since} to {self.until}, those "
                f"of the training data and of {YEARS_AHEAD} years more. Received a row of {other}. "
                "Train the model again on newer data."
            )
        days = np.array(self.days, "datetime64[D]")
        return [np.isin(day, days).astype(float), np.isin(day + 1, days).astype(float)]


def is_place(cycle: Any) -> bool:
    """Return True for an entry of a calendar that stands for the holidays of a place."""
    return isinstance(cycle, str) and cycle.startswith(PREFIX)


def place_of(name: str, cycle: str) -> tuple[str, str | None]:
    """Return the country, and its part or None, that an entry of a calendar names."""
    found = _PLACE.fullmatch(cycle)
    if found is None:
        raise ValueError(
            f'{name} takes the holidays of a country as "holidays:DE", or of a part of it as '
            f'"holidays:DE-BY", by ISO 3166. Received: {_checks.shown(cycle)}.'
        )
    return found[1], found[2]


def holidays_at(place: str, known: Holidays | None) -> list[Holiday]:
    """Return the holidays of a place, none before they are learned from the training part."""
    entry = (known or {}).get(place)
    if entry is None:
        return []
    since, until = entry["years"]
    return [Holiday(place, name, days, since, until) for name, days in entry["days"].items()]


def checked_holidays(holidays: Any, calendar: Sequence[Any]) -> dict[str, Any] | None:
    """Return those of the places of a calendar as plain values; refuse what a file cannot hold."""
    read: dict[str, Any] = {}
    try:
        for place, entry in holidays.items():
            since, until = (_checks.integer("a year", year, 1) for year in entry["years"])
            days = {str(name): tuple(map(str, days)) for name, days in entry["days"].items()}
            listed = [day for of_name in days.values() for day in of_name]
            np.array(listed, "datetime64[D]")
            fits = (
                set(entry) == {"years", "days"} and since <= until < 10_000,
                0 < len(days) <= _MOST_NAMES and len(listed) <= _MOST_DAYS,
                all(len(name) <= _LONGEST for name in days) and all(days.values()),
            )
            if not all(fits):
                raise ValueError
            if place in calendar:
                read[place] = {"years": (since, until), "days": days}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(
            "holidays must be the dict that the windows of a dataset have, the years and days of "
            f"each place. Received: {_checks.shown(holidays)[:200]}. Leave it out."
        ) from None
    return read or None
