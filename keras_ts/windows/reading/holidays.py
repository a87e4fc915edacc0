"""Reads the holidays of a country from the package ``holidays``, once, as windows are cut."""

import re
from dataclasses import replace
from typing import TypeVar

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.holidays import YEARS_AHEAD, is_place, place_of
from keras_ts.windows.spec import WindowSpec

Spec = TypeVar("Spec", bound=WindowSpec)

# What a holiday is called in some years alone: such days would be holidays of their own, which the
# training part had once, or not at all.
_OF_SOME_YEARS = re.compile(r" \(estimated\)|, estimated(?=\))| \(substituted from [^)]*\)")


def with_holidays(spec: Spec, clock: Array) -> Spec:
    """Return settings with the holidays that fall on some days, where they are not yet known."""
    known = dict(spec.holidays or {})
    entries = [str(entry) for entry in spec.calendar_entries if is_place(entry)]
    places = [place for place in entries if place not in known]
    days = np.unique(clock.astype("datetime64[D]")) if places else np.array([], "datetime64[D]")
    days = days[~np.isnat(days)]
    if not len(days):
        return spec
    first, last = (int(day.astype("datetime64[Y]").astype(int)) + 1970 for day in days[[0, -1]])
    for place in places:
        dates = _dates(place, first, last + YEARS_AHEAD)
        met = {name: of for name, of in dates.items() if np.isin(of, days.astype(str)).any()}
        known[place] = {"years": (first, last + YEARS_AHEAD), "days": met}
        if not met:
            raise ValueError(
                f"calendar={place!r}: none of its holidays falls on a row of the series, whose "
                f"rows are of {days[0]} to {days[-1]}. Leave it out."
            )
    return replace(spec, holidays=known)


def _dates(place: str, first: int, last: int) -> dict[str, tuple[str, ...]]:
    """Return the days of each holiday of a place, and those of the year after, for its eve."""
    try:
        import holidays
    except ImportError:
        raise ImportError(
            f"calendar={place!r} needs the package holidays where windows are cut for training: "
            'pip install "keras-ts[holidays]".'
        ) from None
    country, part = place_of("calendar", place)
    years = range(first, last + 2)
    try:
        # By the default language, names would differ from machine to machine.
        found = holidays.country_holidays(country, subdiv=part, years=years, language="en_US")
    except NotImplementedError as error:
        raise ValueError(f"calendar={place!r}: the package holidays says: {error}") from None
    days: dict[str, list[str]] = {}
    for day in sorted(found):
        for name in found.get_list(day):  # Two of one day stand in one text.
            days.setdefault(_OF_SOME_YEARS.sub("", name), []).append(day.isoformat())
    return {name: tuple(dates) for name, dates in sorted(days.items())}
