"""Puts the series of a panel on one grid, where they share it.

A store that is open from Monday to Friday has a regular step of its own. Beside stores that are
open daily, its weekends are missing rows: by its own step, seven rows would be nine days.
"""

from dataclasses import replace

import numpy as np

from keras_ts._typing import BoolArray, IntArray
from keras_ts.windows.arithmetic.frequencies import Frequencies
from keras_ts.windows.arithmetic.frequency_rules import per_row
from keras_ts.windows.arithmetic.geometry import concatenated_offsets, in_blocks
from keras_ts.windows.arithmetic.steps import Frequency
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries

# The frequencies to try, those of most rows.
_MOST_TRIED = 3
# The most rows whose timestamps are read at once.
_MOST_ROWS = 1 << 22


def on_common_grid(panel: FlatSeries) -> FlatSeries:
    """Return the panel with series on the grid that most rows share, and the gaps that they have.

    A series joins the grid of another frequency if all its timestamps lie on it, and fill half of
    it at least. So days join days, but neither weeks nor hours do. Other series keep their own.
    """
    clock = panel.clock
    if clock is None or clock.times.dtype.kind == "f":
        return panel
    own = clock.frequencies
    if not own.kinds or (len(own.kinds) == 1 and (own.codes >= 0).all()):
        return panel
    rows = np.zeros(len(own.kinds), np.int64)
    np.add.at(rows, own.codes[own.codes >= 0], panel.lengths[own.codes >= 0])
    most = -1
    for code in np.argsort(-rows, kind="stable")[:_MOST_TRIED].tolist():
        others = (own.codes != code) & (panel.lengths > 1)
        joined, gaps = _joined_in_blocks(own.kinds[code], clock, others)
        count = int(rows[code] + panel.lengths[joined].sum())
        if count > most:
            most, best, inside, common = count, joined, gaps, code
    if not best.any():
        return panel
    outside = panel.gaps[~best[np.searchsorted(panel.offsets, panel.gaps, side="right") - 1]]
    shared = Frequencies.of(own.kinds, np.where(best, common, own.codes))
    gaps = np.sort(np.concatenate([outside, inside]))
    return replace(panel, clock=replace(clock, filled_by=shared), gaps=gaps)


def _joined_in_blocks(
    frequency: Frequency, clock: Clock, others: BoolArray
) -> tuple[BoolArray, IntArray]:
    """Return what ``_joined`` does, reading some series at a time."""
    joined, gaps = np.zeros_like(others), []
    for series in in_blocks(np.diff(clock.offsets), _MOST_ROWS):
        part = np.zeros_like(others)
        part[series] = others[series]
        fits, inside = _joined(frequency, clock, part)
        joined |= fits
        gaps.append(inside)
    return joined, np.concatenate(gaps)


def _joined(frequency: Frequency, clock: Clock, others: BoolArray) -> tuple[BoolArray, IntArray]:
    """Return which of some series lie on a grid and fill half of it, and the gaps in these."""
    rows = np.flatnonzero(per_row(others, clock.offsets))
    if not len(rows):
        return others, rows
    lengths = np.diff(clock.offsets)[others]
    inner = concatenated_offsets(lengths)
    begins = inner[:-1]
    times = (clock.shown if frequency.local else clock.times)[rows]
    steps, on_grid = np.zeros(len(rows), np.int64), np.ones(len(rows), bool)
    steps[1:], on_grid[1:] = frequency.apart(times)
    steps[begins], on_grid[begins] = 0, True
    half = 2 * lengths >= np.add.reduceat(steps, begins) + 1
    fits = half & np.logical_and.reduceat(on_grid, begins)
    passed = np.cumsum(steps)
    passed -= per_row(passed[begins], inner)
    tried = per_row(fits, inner)
    again = frequency.after(per_row(times[begins], inner)[tried], passed[tried])
    on_grid[tried] = (again == times[tried]) | (passed[tried] == 0)
    fits &= np.logical_and.reduceat(on_grid, begins)
    joined = others.copy()
    joined[others] = fits
    return joined, rows[per_row(fits, inner) & (steps > 1)]
