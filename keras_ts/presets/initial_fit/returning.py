"""Errors of a model that is not trained yet, what returns of them, and what is left of them then.

In a panel, the error at a date is the median over its series, most of which must show an event.
"""

from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.events import medians, returning, returning_by_step

# The part of the errors at a date that must show an event of a panel.
_SHARED = 2 / 3


@dataclass
class Errors:
    """Errors by date, ``(dates, steps, targets)``, and in a panel those of each row of a series."""

    at_date: Array
    date: IntArray  # of each row
    of_rows: Array | None

    def returning(self, numbers: IntArray, by_step: bool = True, among: int = 0) -> Array:
        """Return the effects of the events among numbered dates, ``(numbers, steps, targets)``."""
        effects = _effects(numbers, self.at_date, by_step, among)
        if self.of_rows is not None:
            effects = _shared(effects, numbers[self.date], self.of_rows)
        return effects

    def take_off(self, effects: Array) -> None:
        """Subtract effects by date."""
        self.at_date = self.at_date - effects
        if self.of_rows is not None:
            self.of_rows = self.of_rows - effects[self.date]


def _effects(numbers: IntArray, errors: Array, by_step: bool, among: int) -> Array:
    """Return the effects of events, ``(phases, steps, targets)``, 0 at phases that are none."""
    by_target = np.moveaxis(errors, 2, 0).astype("float64")
    if by_step:
        effects = [returning_by_step(numbers, of_target, among) for of_target in by_target]
    else:
        lasting = [_lasting(numbers, *of_target[:, [0, -1]].T) for of_target in by_target]
        effects = [np.repeat(of_target[:, None], errors.shape[1], 1) for of_target in lasting]
    return np.stack(effects, axis=2)


def _lasting(numbers: IntArray, latest: Array, earliest: Array) -> Array:
    """Return the error that returns at each phase, if early forecasts miss half of it at least."""
    effects, before = returning(numbers, latest), medians(numbers, earliest)
    return np.where(before * np.sign(effects) >= np.abs(effects) / 2, effects, 0.0)


def _shared(effects: Array, numbers: IntArray, errors: Array) -> Array:
    """Return the effects of events that most series show, and 0 for others."""
    # A series shows an event if its forecast errs by half of the effect, at the step at which that
    # is largest.
    step = np.abs(effects).argmax(axis=1)[:, None]
    largest = np.take_along_axis(effects, step, axis=1)[numbers]
    there = np.take_along_axis(errors, step[numbers], axis=1) * np.sign(largest)
    shown = (there >= np.abs(largest) / 2)[:, 0]
    shares = [np.bincount(numbers, of_target) / np.bincount(numbers) for of_target in shown.T]
    return np.where(np.stack(shares, axis=1)[:, None] >= _SHARED, effects, 0.0)
