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
from keras_ts.windows.arithmetic.labels import places_of


def common_windows(names: Sequence[str], judged: Sequence[JudgedWindows]) -> list[JudgedWindows]:
    """Return the windows of each dataset whose series and origin all others have, in one order.

    Args:
        names: What each dataset is called in an error.
        judged: The windows of each dataset; the order is that of the first.

    Raises:
        ValueError: The datasets forecast other columns, or have no window in common.
    """
    first = judged[0]
    for name, other in zip(names[1:], judged[1:], strict=True):
        _check_alike(names[0], first, name, other)
    if all(other is first for other in judged):
        return list(judged)
    keys = _keys(judged)
    shared = keys[0]
    for own in keys[1:]:
        shared = shared[np.isin(shared, own)]
    if not len(shared):
        raise ValueError(
            f"{_listed(names)} have no window in common: no series and origin is in all of them. "
            "Split the same table at the same border for each."
        )
    chosen = []
    for one, own in zip(judged, keys, strict=True):
        order = np.argsort(own, kind="stable")
        chosen.append(one.only(order[np.searchsorted(own[order], shared)]))
    return chosen


def common_steps(names: Sequence[str], judged: Sequence[JudgedWindows]) -> list[slice]:
    """Return for each dataset the steps whose distance from the origin all others have.

    Raises:
        ValueError: They have no step in common.
    """
    begin = max(int(one.ahead[0]) for one in judged)
    end = min(int(one.ahead[-1]) for one in judged) + 1
    if begin >= end:
        ahead = [f"{one.ahead[0]} to {one.ahead[-1]}" for one in judged]
        raise ValueError(
            f"{_listed(names)} forecast no step in common: they forecast {_listed(ahead)} rows "
            "after the origin. Use horizons that overlap."
        )
    return [slice(begin - int(one.ahead[0]), end - int(one.ahead[0])) for one in judged]


def _keys(judged: Sequence[JudgedWindows]) -> list[IntArray]:
    """Return one number for each window, the same for the same series and origin."""
    series = []
    for one in judged:
        # Series that the first dataset lacks get numbers below 0 and fit nothing.
        numbers = places_of(one.labels, judged[0].labels)
        series.append(numbers[one.ranges.series_of(np.arange(one.count))])
    moments = [_moments(one) for one in judged]
    distinct, ranks = np.unique(np.concatenate(moments), return_inverse=True)
    ends = np.cumsum([len(own) for own in moments])[:-1]
    return [
        numbers * len(distinct) + rank
        for numbers, rank in zip(series, np.split(ranks, ends), strict=True)
    ]


def _moments(judged: JudgedWindows) -> Array:
    """Return the timestamp of every origin, or its position in its series."""
    flat = judged.origins()
    if judged.panel.clock is not None:
        return judged.panel.clock.times[flat]
    return flat - judged.panel.offsets[judged.ranges.series_of(np.arange(judged.count))]


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
