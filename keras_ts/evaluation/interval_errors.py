"""The errors from which ``calibrate`` sets widths, also those of windows cut short.

Full windows say little about the errors of a series that has just begun. So where few windows
have few inputs, longer windows are cut short and added.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ts._keras_private import layers_within
from keras_ts._progress import ProgressBar
from keras_ts._quantiles import crossing
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.layers.plumbing import LevelByStatic
from keras_ts.presets.regression.ridge import leverages
from keras_ts.windows.gather import class_of
from keras_ts.windows.scale import known_steps, window_scales

# Windows are classed by their number of inputs. A class with fewer windows than this gets longer
# windows, cut short.
_WINDOWS = 2000


class IntervalErrors(NamedTuple):
    """How far the targets of some windows lie outside intervals; negative inside."""

    lower: Array  # how far below, (windows, steps, targets, intervals), NaN for a missing target
    upper: Array  # how far above
    scales: Array  # (windows, targets)
    known: Array  # (windows, targets), how many inputs have a value
    windows: IntArray  # the numbers of the windows
    crossed: Array  # (windows, steps, targets), True where quantiles cross

    def scores(self, floor: Array) -> Array:
        """Return how much each bound must move, ``(intervals, windows, steps, targets)``."""
        # In units of the windows' scales, which are at least ``floor``.
        scales = np.maximum(self.scales, floor)[:, None, :, None]
        return np.moveaxis(np.maximum(self.lower, self.upper) / scales, -1, 0)


def errors_of(
    model: keras.Model, judged: JudgedWindows, levels: Any, pairs: list[Any]
) -> IntervalErrors:
    """Return the errors of the windows with finite targets and predictions."""
    # Intervals are pairs of quantiles or, of a point forecast, the point twice. A window needs all
    # targets or, if ``judged.partial``, one of them. Errors of missing targets are NaN.
    low, high = ([0 if pair is None else pair[end] for pair in pairs] for end in (0, 1))
    divisors = left_out(model, judged)
    middle = 0 if levels is None else levels.index(0.5)
    parts, progress = [], ProgressBar(judged.count, "window")
    for block in judged.blocks():
        predicted = judged.predictions("model", model, levels, block)
        predicted = predicted.reshape(*block.actual.shape, -1)
        present = np.isfinite(block.actual) & np.isfinite(predicted).all(axis=-1)
        crossed: Any = crossing(predicted)
        usable = (present.any if judged.partial else present.all)(axis=(1, 2))
        actual = np.where(present, block.actual, np.nan)[..., None]
        known = known_steps(block.past_as_read)
        scales, point = window_scales(block.past_as_read), predicted[..., middle, None]
        if judged.geometry.before and judged.classes(None)[0] <= 1:
            # A single value has no differences, so the scale is the mean absolute forecast.
            scales = np.where(known > 1, scales, np.abs(point[..., 0]).mean(axis=1))
        if divisors is not None:
            # Errors of a window without an input value are divided, and so approximate those of a
            # ``LevelByStatic`` that was fitted without the window's series.
            unseen = point + (actual - point) / divisors[block.series, None, None, None]
            actual = np.where((known == 0)[:, None, :, None], unseen, actual)
        parts.append(IntervalErrors(*(
            values[usable]
            for values in (
                predicted[..., low] - actual,
                actual - predicted[..., high],
                scales,
                known,
                block.begin + np.arange(len(known)),
                crossed,
            )
        )))  # fmt: skip
        progress.add(len(known))
    return IntervalErrors(*map(np.concatenate, zip(*parts, strict=True)))


def left_out(model: keras.Model, judged: JudgedWindows) -> Array | None:
    """Return the divisor of each series' errors; None if each window has a value."""
    # The divisor is one minus the series' leverage in the fit of ``LevelByStatic``, which gives
    # approximately the errors of a fit without the series.
    if not judged.unseen:
        return None
    count, static = len(judged.panel.lengths), [*judged.panel.by_series.values()]
    leverage = np.full(count, 1 / count)
    layers = layers_within(model, LevelByStatic)
    if static and layers:
        penalty = float(keras.ops.convert_to_numpy(layers[0].penalty))
        leverage = leverages(np.concatenate(static, axis=1), penalty)
    return np.maximum(1 - leverage, 1 / (1 + count))


def with_short(
    errors: IntervalErrors,
    bounds: tuple[int, ...],
    model: keras.Model,
    judged: JudgedWindows,
    levels: Any,
    pairs: list[Any],
) -> IntervalErrors:
    """Return the errors, and those of windows cut short for classes that have too few windows."""
    # ``bounds`` are the least numbers of inputs of each class.
    generator, classes = np.random.default_rng(0), class_of(errors.known, bounds)
    windows, inputs = [errors.windows[:0]], [errors.windows[:0]]
    for place, (fewest, more) in enumerate(pairwise(bounds)):
        longer = errors.windows[(classes > place).all(axis=1)]
        lacking = _WINDOWS - int((classes == place).sum(axis=0).min())
        windows.append(generator.permutation(longer)[: max(lacking, 0)])
        inputs.append(generator.integers(fewest, more, len(windows[-1])))
    part = judged.only(np.concatenate(windows), np.concatenate(inputs))
    if not part.count:
        return errors
    cut = errors_of(model, part, levels, pairs)
    return IntervalErrors(*map(np.concatenate, zip(errors, cut, strict=True)))
