"""Puts the series of a panel on one grid, where they share it.

A store that is open from Monday to Friday has a regular step of its own. Beside stores that are
open daily, its weekends are missing rows: by its own step, seven rows would be nine days.
"""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np

from keras_ts._typing import IntArray
from keras_ts.windows.arithmetic.steps import Frequency
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.panel import Panel

# The frequencies to try, those of most rows.
_MOST_TRIED = 3


def on_common_grid(panel: Panel) -> Panel:
    """Return the panel with series on the grid that most rows share, and the gaps that they have.

    A series joins the grid of another frequency if all its timestamps lie on it, and fill half of
    it at least. So days join days, but neither weeks nor hours do. Other series keep their own.
    """
    clock = panel.clock
    if clock is None or clock.times.dtype.kind == "f":
        return panel
    own = clock.frequencies
    rows: Counter[Frequency] = Counter()
    for frequency, length in zip(own, panel.lengths.tolist(), strict=True):
        if frequency is not None:
            rows[frequency] += length
    if not rows or len(set(own)) < 2:
        return panel
    spans = list(pairwise(panel.offsets.tolist()))
    best, most = {}, -1
    for frequency, count in rows.most_common(_MOST_TRIED):
        joined = {}
        for number, (begin, end) in enumerate(spans):
            if own[number] != frequency and end - begin > 1:
                steps = _steps_on(frequency, clock, slice(begin, end))
                if steps is not None:
                    joined[number] = steps
                    count += end - begin
        if count > most:
            best, most, common = joined, count, frequency
    if not best:
        return panel
    gaps = [panel.gaps[~np.isin(_series_of(panel, panel.gaps), list(best))]]
    for number, steps in best.items():
        gaps.append(spans[number][0] + 1 + np.flatnonzero(steps > 1))
    shared = tuple(common if number in best else seen for number, seen in enumerate(own))
    return replace(
        panel, clock=replace(clock, filled_by=shared), gaps=np.sort(np.concatenate(gaps))
    )


def _steps_on(frequency: Frequency, clock: Clock, rows: slice) -> IntArray | None:
    """Return the steps from each row of a series to the next, or None if it is off the grid."""
    times = (clock.shown if frequency.local else clock.times)[rows]
    steps, whole = frequency.apart(times)
    if not whole.all() or 2 * len(times) < steps.sum() + 1:
        return None
    again = frequency.after(np.repeat(times[:1], len(steps)), np.cumsum(steps))
    return steps if (again == times[1:]).all() else None


def _series_of(panel: Panel, flat: IntArray) -> IntArray:
    series: IntArray = np.searchsorted(panel.offsets, flat, side="right") - 1
    return series
