"""Finds the windows that several datasets have in common, so that all are judged on one set.

Windows of 14 rows and of 56 rows begin at different places, and where values are missing one
length loses other windows than another. Two windows have the same targets if their series and
origins are the same.
"""

from collections.abc import Sequence

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.windows.arithmetic.labels import Rows, places_of


def common_windows(names: Sequence[str], judged: Sequence[JudgedWindows]) -> list[JudgedWindows]:
    """Return the windows of each dataset whose series and origin all others have, in one order."""
    first = judged[0]
    for name, other in zip(names[1:], judged[1:], strict=True):
        _check_alike(names[0], first, name, other)
    if all(other is first for other in judged):
        return list(judged)
    series, moments = _places(first)
    found = [
        Rows(*_places(one)).locate(places_of(first.labels, one.labels)[series], moments)
        for one in judged
    ]
    shared = np.logical_and.reduce([windows >= 0 for windows in found])
    if not shared.any():
        raise ValueError(
            f"{_listed(names)} have no window in common: no series and origin is in all of them. "
            "Split the same table at the same border for each."
        )
    return [one.only(windows[shared]) for one, windows in zip(judged, found, strict=True)]


def common_steps(names: Sequence[str], judged: Sequence[JudgedWindows]) -> list[slice]:
    """Return for each dataset the steps whose distance from the origin all others have."""
    begin = max(int(one.ahead[0]) for one in judged)
    end = min(int(one.ahead[-1]) for one in judged) + 1
    if begin >= end:
        ahead = [f"{one.ahead[0]} to {one.ahead[-1]}" for one in judged]
        raise ValueError(
            f"{_listed(names)} forecast no step in common: they forecast {_listed(ahead)} rows "
            "after the origin. Use horizons that overlap."
        )
    return [slice(begin - int(one.ahead[0]), end - int(one.ahead[0])) for one in judged]


def _places(judged: JudgedWindows) -> tuple[IntArray, Array]:
    """Return the series and origin of every window: its timestamp, or its position."""
    flat, series = judged.origins(), judged.ranges.series_of(np.arange(judged.count))
    if judged.panel.clock is not None:
        return series, judged.panel.times_at(flat, series)
    return series, flat - judged.panel.offsets[series]


def _check_alike(name: str, first: JudgedWindows, other_name: str, other: JudgedWindows) -> None:
    columns = [one.panel.columns.by_part()["target"] for one in (first, other)]
    if columns[0] != columns[1]:
        raise ValueError(
            f"{name} and {other_name} forecast different columns: {_checks.shown(columns[0])} and "
            f"{_checks.shown(columns[1])}. Compare forecasts of the same target_columns."
        )
    clocks = [one.panel.clock for one in (first, other)]
    kinds = ["none" if clock is None else clock.times.dtype.kind for clock in clocks]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"{name} and {other_name} have windows with different kinds of time: one counts rows, "
            "or numbers, and the other has dates. Name the same time_column for both."
        )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
