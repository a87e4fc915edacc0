"""Gives a baseline quantiles, so that a distribution is judged beside another one.

At level ``p`` a baseline forecasts its point and a signed error, by step and target: of the ``n``
errors that it made on the last third of each series' training windows, the one of rank
``p (n + 1)``, rounded up, at most ``n``. What it learns for this, it learns of the windows before.
Errors are in units of the window's mean absolute step, or of a tenth of its series' if that is
more: a window without a sale says little of the next. For a total of steps the errors are those of
totals.
"""

import copy
from collections.abc import Callable, Sequence

import numpy as np

from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic.coverage import ranked
from keras_ts.evaluation.forecasters.baselines import Baseline
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.windows.arithmetic.scale import window_scales
from keras_ts.windows.blocks import Block, totals

_MOST_WINDOWS = 10_000
# Of a series' mean absolute step, the least that counts for that of a window.
_FLOOR = 0.1


class SignedErrors:
    """Makes quantiles for baselines that read the same windows; their parts are cut once."""

    def __init__(
        self,
        train: JudgedWindows,
        judged: JudgedWindows,
        levels: Sequence[float],
        steps: slice = slice(None),
        total: bool = False,
    ) -> None:
        self._steps, self._total = steps, total
        self._earlier, late = train.thirds()
        self._late, self.levels = late.spread(_MOST_WINDOWS), tuple(levels)
        self._floors = _floors(train.scales(1)[..., 0])
        self._floors_judged = _floors(train.scales_for(judged, 1)[..., 0])

    def around(self, baseline: Baseline) -> Callable[[Block, Array], Array]:
        """Return what makes quantiles ``(windows, steps, targets, levels)`` of a block's points."""
        fitted = copy.deepcopy(baseline)
        fitted.learn(self._earlier)
        errors = [np.empty((0, *self._late.shape[1:]))[:, self._steps]]
        for block in self._late.blocks():
            forecast = fitted.forecast(self._late, block)
            error = (block.actual - forecast) / _scales(block, self._floors)[:, None]
            errors.append(error[:, self._steps])
        joined = np.concatenate(errors)
        there = np.isfinite(joined)
        made = totals(joined, there) if self._total else np.where(there, joined, np.nan)
        of_levels = ranked(made, self.levels)

        def quantiles(block: Block, point: Array) -> Array:
            scales = _scales(block, self._floors_judged)[:, None, :, None]
            made: Array = point[..., None] + scales * of_levels
            return made

        return quantiles


def _scales(block: Block, floors: Array) -> Array:
    """Return each window's mean absolute step, or its series' floor, ``(windows, targets)``."""
    return np.maximum(window_scales(block.past_as_read), floors[block.series])


def _floors(scales: Array) -> Array:
    """Return the least scale of each series from its mean absolute step, ``(series, targets)``."""
    known = np.isfinite(scales)
    count = np.maximum(known.sum(axis=0), 1)
    # A series that is missing or constant in train is taken for a mean one.
    mean = np.where(known, scales, 0.0).sum(axis=0) / count
    return _FLOOR * np.where(known, scales, np.where(mean > 0, mean, 1.0))
