"""Gives a baseline quantiles, so that a distribution is judged beside another one.

At level ``p`` a baseline forecasts its point and a signed error, by step and target: of the ``n``
errors that it made on the last third of each series' training windows, the one of rank
``p (n + 1)``, rounded up, at most ``n``. What it learns for this, it learns of the windows before.
Errors are in units of the window's mean absolute step, or of a tenth of its series' if that is
more: a window without a sale says little of the next.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from keras_ts._typing import Array
from keras_ts.evaluation.forecasters.baselines import Baseline
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.windows.arithmetic.scale import window_scales
from keras_ts.windows.blocks import Block

_MOST_WINDOWS = 10_000
# Of a series' mean absolute step, the least that counts for that of a window.
_FLOOR = 0.1


class SignedErrors(NamedTuple):
    """What is added to a baseline's point at each level, in units of a window's scale."""

    ranked: Array  # (steps, targets, levels)
    floors: Array  # (series, targets) of the windows that are judged

    @classmethod
    def of(
        cls,
        baseline: Baseline,
        train: JudgedWindows,
        judged: JudgedWindows,
        levels: Sequence[float],
    ) -> Self:
        """Return the errors of a baseline on the last third of a training part."""
        earlier, late = train.thirds()
        late = late.spread(_MOST_WINDOWS)
        fitted = copy.deepcopy(baseline)
        fitted.learn(earlier)
        floors = _floors(train, train)
        errors = [np.empty((0, *judged.shape[1:]))]
        for block in late.blocks():
            forecast = fitted.forecast(late, block)
            errors.append((block.actual - forecast) / _scales(block, floors)[:, None])
        return cls(ranked(np.concatenate(errors), levels), _floors(train, judged))

    def around(self, block: Block, point: Array) -> Array:
        """Return quantiles ``(windows, steps, targets, levels)`` around a baseline's points."""
        scales = _scales(block, self.floors)[:, None, :, None]
        quantiles: Array = point[..., None] + scales * self.ranked
        return quantiles


def ranked(errors: Array, levels: Sequence[float]) -> Array:
    """Return the errors of each level's rank, from ``(windows, steps, targets)``; NaN if none."""
    if not len(errors):
        return np.full((*errors.shape[1:], len(levels)), np.nan)
    # NaN is put last.
    ordered = np.sort(np.where(np.isfinite(errors), errors, np.nan), axis=0)
    count = np.isfinite(ordered).sum(axis=0)[..., None]
    # Rounded, since a floating-point error must not push a whole number up: 0.8 * 5 is 4.
    ranks = np.ceil(np.round(np.asarray(levels) * (count + 1), 9)).astype(np.int64)
    places = np.clip(np.minimum(ranks, count) - 1, 0, None)
    return np.moveaxis(np.take_along_axis(ordered, np.moveaxis(places, -1, 0), axis=0), 0, -1)


def _scales(block: Block, floors: Array) -> Array:
    """Return each window's mean absolute step, or its series' floor, ``(windows, targets)``."""
    return np.maximum(window_scales(block.past_as_read), floors[block.series])


def _floors(train: JudgedWindows, judged: JudgedWindows) -> Array:
    """Return the least scale of each series of ``judged``, ``(series, targets)``."""
    scales = train.scales_for(judged, 1)[..., 0]
    known = np.isfinite(scales)
    count = np.maximum(known.sum(axis=0), 1)
    # A series that is missing or constant in train is taken for a mean one.
    mean = np.where(known, scales, 0.0).sum(axis=0) / count
    return _FLOOR * np.where(known, scales, np.where(mean > 0, mean, 1.0))
