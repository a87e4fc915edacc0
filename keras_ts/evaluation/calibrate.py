"""``calibrate``: adds prediction intervals to a model, as wide as held-out errors demand."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ts import _checks, _keras_private
from keras_ts._models import check_model, has_own_step, inputs_of
from keras_ts._quantiles import pair_of, pairs_of
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.coverage import (
    by_class,
    class_margins,
    differing_halves,
    floors,
    joined_classes,
    ranked,
    windows_needed,
)
from keras_ts.evaluation.interval_errors import errors_of, with_short
from keras_ts.evaluation.judged import JudgedWindows, spans_of
from keras_ts.evaluation.tuning import NOT_COMPILED, settings_of, trained_further
from keras_ts.interface import Interface, remember, remembered
from keras_ts.layers.bounded import Bounded
from keras_ts.layers.conformal_interval import ConformalInterval, checked_coverage
from keras_ts.layers.error_paths import ErrorPaths, kept_paths, key_of
from keras_ts.layers.following import Followed, Scores, kept_levels
from keras_ts.panel.roles import as_x, parts_of
from keras_ts.presets.regression.model import keep_spread
from keras_ts.windows.carried import joined
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.gather import class_of

# The coverages of a model that forecasts a point.
_SHARES = (0.8, 0.95)
# Widens each interval on both sides, in units of its window's scale: a value on a bound, such as
# zero, stays inside after rounding.
_ROUNDING = 1e-6


def calibrate(
    model: keras.Model,
    validation: WindowDataset,
    coverage: Any = None,
    *,
    train_on: WindowDataset | None = None,
    joint: bool = False,
) -> keras.Model:
    """Return a model with prediction intervals whose width comes from held-out errors.

    The method is split conformal prediction: at each step, an interval contains a new value with
    probability ``coverage`` if the new error is exchangeable with those on ``validation``, which
    should be long, recent, and free of anything the model was trained on. A model of quantiles
    keeps its levels; each symmetric pair, such as 0.1 and 0.9, is moved by the errors of its own
    interval. A warning names pairs that are not moved, since they have too few windows.

    With ``min_inputs``, windows are put into classes by the number of their inputs: 0, 1, 2, 3, 4
    to 5, 6 to 7, 8 to 11 and so on. Each class gets its own widths. A class of fewer than 2000
    windows is filled with longer windows that are cut short.

    The result ends in a ``ConformalInterval``, so that ``forecast``, saving and exporting keep the
    intervals. Without ``train_on``, it shares its weights with ``model``. A ``Bounded`` at the end
    of ``model`` is moved behind the intervals. Intervals hold for single steps; for the total of a
    week or of several series, pass ``joint=True``.

    Example:

    >>> import keras
    >>> from keras_ts import RecurrentPreset, WindowedSeries, calibrate, course_series
    >>> windows = WindowedSeries(20, horizon=3)
    >>> train, validation = windows.split(course_series(), at=1000)
    >>> model = RecurrentPreset(units=(4,), window_norm="last").build(train)
    >>> calibrated = calibrate(model, validation, coverage=[0.8, 0.95])
    >>> calibrated.output_shape  # at each step two lower bounds, the point, two upper bounds
    (None, 3, 5)

    Args:
        model: The model. It forecasts points, or quantiles that include the two outer levels of
            each coverage: 0.1 and 0.9 for 0.8.
        validation: Windows that the model was not trained on. Judge the result on others.
        coverage: Share of values that an interval should contain, or an increasing list of shares.
            Defaults to None: 0.8 and 0.95 for a point forecast; for quantiles, every pair with
            enough windows.
        train_on: Windows on which a copy of the net is trained further, as ``fine_tune`` does, once
            the widths are measured; the coverage is then approximate. ``model`` must be compiled.
            Defaults to None: the net is not trained.
        joint: True to keep the errors of each window together, as ranks, in at most 1 MB of the
            file, from which ``forecast(num_samples=...)`` draws sample paths. Defaults to False.

    Returns:
        The calibrated model, not compiled. The last axis of its outputs holds the lower bounds, the
        point, and the upper bounds; a model of quantiles keeps its levels there.

    Raises:
        ValueError: The model is calibrated already or lacks the quantiles of a coverage, or the
            windows are too few; with ``train_on``, it is not compiled, or its training diverges.
    """
    model = check_model(model, built=True)
    _checks.boolean("joint", joint)
    named = () if coverage is None else checked_coverage(coverage)
    judged = JudgedWindows("validation", validation)
    interface = Interface.of(model, validation)
    if isinstance(interface.last_layer, ConformalInterval):
        raise ValueError(
            "model is calibrated already: it ends in a ConformalInterval. Calibrate the model that "
            "it was made from, or calibrate this one again on other windows: "
            "fine_tune(model, train, calibration=...)."
        )
    settings = settings_of(model)
    if train_on is not None:
        JudgedWindows("train_on", train_on)
        if settings is None:
            raise ValueError(NOT_COMPILED)
    levels = interface.quantiles
    shares = (named or _SHARES) if levels is None else _shares_of(levels, named)
    pairs = [None if levels is None else pair_of(share, levels) for share in shares]
    unbounded = model
    if interface.bounds is not None:
        inputs, outputs, _ = _tensors(interface, validation)
        unbounded = keras.Model(inputs, _unbounded(outputs))
    full = errors_of(unbounded, judged, levels, pairs)
    if full.crossed.any():
        warnings.warn(
            f"The model's quantiles cross at {full.crossed.sum()} of {full.crossed.size} targets "
            "of validation, so intervals are wrong there. End it in SortedQuantiles, and train it "
            "again.",
            stacklevel=2,
        )
    counts = np.sum(~np.isnan(full.lower[..., 0]), axis=0)
    check_enough(counts, named or (shares if levels is None else shares[:1]))
    if levels is not None:
        shares = _calibrated(levels, shares, int(counts.min()))
    bounds = judged.classes(interface.period)
    errors = with_short(full, bounds, unbounded, judged, levels, pairs)
    floor = floors(full.scales).astype(np.float32)
    scores = errors.scores(floor)[: len(shares)] + _ROUNDING
    bounds = joined_classes(scores[-1], class_of(errors.known, bounds), bounds, shares[-1])
    classes = class_of(errors.known, bounds)
    margins = [
        class_margins(of_share, classes, len(bounds), share)
        for of_share, share in zip(scores, shares, strict=True)
    ]
    columns, targets = judged.panel.columns, judged.columns.tolist()
    if columns.plain or columns.squeeze:
        targets = None if columns.plain else targets[0]
    compiled_with = None
    if settings is not None and not has_own_step(model):
        # ``jit_compile="auto"`` is True or False by now, which may not suit another backend.
        compiled_with = {name: value for name, value in settings.items() if name != "jit_compile"}
    layer = ConformalInterval(
        shares,
        quantiles=levels,
        keep_others=levels is not None,
        targets=targets,
        sequence=judged.geometry.sequence,
        calibrated_on=joined(spans_of(judged)),
        compiled_with=compiled_with,
        halves=_halves(scores[0], margins[0], classes, judged, full.windows),
        inputs=bounds if judged.geometry.before else None,
    )
    calibrated = _attached(layer, interface, judged, f"{model.name}_calibrated")
    layer.margins.assign(np.stack(margins).reshape(layer.margins.shape))
    layer.floor.assign(floor)
    # ``follow`` reads new margins from these quantiles of the scores.
    sets = scores if levels else scores[:1]
    count = int(np.sum(~np.isnan(sets[0]), axis=0).max())
    kept_at = kept_levels(len(sets) * len(bounds) * sets[0][0].size)
    quantiles = [
        [ranked(part, kept_at) for part in by_class(each, classes, len(bounds))] for each in sets
    ]
    layer.scores = Scores(np.array(quantiles, np.float32), count)
    if joint:
        layer.paths = _error_paths(calibrated, layer.quantiles, judged)
    if train_on is not None and settings is not None:
        trained = trained_further(model, train_on, settings, name="train_on")
        if levels is not None:
            keep_spread(trained, levels, model)
        interface = Interface(trained, interface.carried)
        calibrated = _attached(layer, interface, judged, calibrated.name)
    return calibrated


def _error_paths(
    calibrated: keras.Model, quantiles: tuple[float, ...], judged: JudgedWindows
) -> ErrorPaths:
    """Return the errors of the median, in units of half the width of the outer interval."""
    keys = np.array([key_of(label) for label in judged.labels], np.uint64)
    if len(np.unique(keys)) < len(keys):
        raise ValueError(
            "joint=True finds series by the text of their ids, and two ids have the same text, as "
            "1 and '1' do. Rename one of them."
        )
    numbers = np.arange(judged.count)
    series, origins = judged.ranges.series_of(numbers), judged.origins_of(numbers).times
    windows = kept_paths(origins, series, keys, *judged.shape[1:3])
    part, middle = judged.only(windows), quantiles.index(0.5)
    errors, below, above, widths = [], [], [], []
    for block in part.blocks():
        predicted = part.predictions("model", calibrated, quantiles, block)
        low, median, high = (predicted[..., place] for place in (0, middle, -1))
        actual = np.where(np.isfinite(block.actual), block.actual, np.nan)
        half = (high - low) / 2
        # In an interval without width, an error is infinite, unless it is 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            error = (actual - median) / half
        errors.append(np.where(actual == median, 0.0, error))
        below.append(low - actual)
        above.append(actual - high)
        widths.append(half)
    made, low, high, half = map(np.concatenate, (errors, below, above, widths))
    known = ~np.isnan(made).all(axis=(1, 2))
    rows = windows[known]
    return ErrorPaths.of(
        made[known], low[known], high[known], half[known], origins[rows], series[rows], keys
    )


def _attached(
    layer: ConformalInterval, interface: Interface, judged: JudgedWindows, name: str
) -> keras.Model:
    """Return the interface's model with the layer at its end, and a ``Bounded`` after the layer."""
    inputs, outputs, past = _tensors(interface, judged.dataset)
    bounds = interface.bounds
    if bounds is not None:
        outputs = _unbounded(outputs)
    several, quantiles = isinstance(layer.targets, list), layer.given_quantiles is not None
    if len(outputs.shape) < 2 + layer.sequence + several + quantiles:
        # A custom model may leave out the axis of a single step.
        lead = outputs.shape[1 : 1 + layer.sequence]
        outputs = keras.layers.Reshape((*lead, 1, *outputs.shape[1 + len(lead) :]))(outputs)
    outputs = layer([outputs, past])
    if bounds is not None:
        outputs = Bounded.from_config(bounds.get_config())(outputs)
    calibrated = keras.Model(inputs, outputs, name=name)
    remember(calibrated, remembered(interface.model))
    return calibrated


def _shares_of(levels: tuple[float, ...], named: tuple[float, ...]) -> tuple[float, ...]:
    """Return the coverages of all symmetric pairs; refuse a ``named`` one that has no pair."""
    for share in named:
        pair_of(share, levels)
    shares = tuple(pairs_of(levels))
    if not shares:
        raise ValueError(
            f"model forecasts the quantiles {list(levels)}, and no two are a symmetric pair. "
            "Train it with a pair, such as 0.1 and 0.9."
        )
    return shares


def _calibrated(
    levels: tuple[float, ...], shares: tuple[float, ...], count: int
) -> tuple[float, ...]:
    """Return the coverages that ``count`` windows are enough for; warn of levels left as is."""
    enough = tuple(share for share in shares if windows_needed(share) <= count)
    pairs = [[levels[place] for place in places] for places in pairs_of(levels).values()]
    unpaired = set(levels).difference([0.5], *pairs)
    left = [f"{level} has no symmetric partner" for level in sorted(unpaired)]
    for (low, high), share in zip(pairs[len(enough) :], shares[len(enough) :], strict=True):
        left.append(f"{low} and {high} need {windows_needed(share)} windows, not {count}")
    if left:
        warnings.warn(
            "calibrate leaves some levels of the model as they are, unless moved ones cross them: "
            f"{'; '.join(left)}.",
            stacklevel=3,
        )
    return enough


def _halves(
    scores: Array, margins: Array, classes: IntArray, judged: JudgedWindows, windows: IntArray
) -> tuple[float, float] | None:
    """Return the shares of values within the margins in both halves of time, if they differ."""
    origins = judged.origins_of(windows)
    # Windows cut short come after the full ones.
    scores, classes = scores[: len(windows)], classes[: len(windows)]
    inside = scores <= np.take_along_axis(margins, classes[:, None], axis=0)
    times = [
        np.bincount(origins.times, values.sum(axis=(1, 2)))
        for values in (inside, ~np.isnan(scores))
    ]
    return differing_halves(np.stack(times), origins.overlap)


def _unbounded(outputs: Any) -> Any:
    """Return symbolic outputs without the ``Bounded`` that they end in, also in an inner model."""
    last, inputs = _keras_private.made_by(outputs)
    if isinstance(last, Bounded):
        return inputs[0]
    if not getattr(last, "outputs", None):  # A subclass has no tensors of its own.
        return outputs
    return keras.Model(last.inputs, _unbounded(last.outputs[0]))(inputs)


def check_enough(counts: IntArray, shares: tuple[float, ...], name: str = "validation") -> None:
    """Refuse too few errors for the largest share; ``counts`` is ``(steps, targets)``."""
    needed, count = windows_needed(shares[-1]), int(counts.min())
    if count < needed:
        step = int(counts.min(axis=1).argmin()) + 1
        where = f" at step {step}" if counts.max() > count else ""
        raise ValueError(
            f"{name} has {count} windows without a missing value{where}, and coverage="
            f"{shares[-1]} needs at least {needed}. Hold out a longer part, or ask for a smaller "
            "coverage."
        )


def _tensors(interface: Interface, dataset: WindowDataset) -> tuple[Any, Any, Any]:
    """Return the symbolic inputs and output of the model, and the input that takes windows."""
    model, parts = interface.model, interface.inputs
    if parts:
        inputs, outputs = inputs_of(model), model.outputs[0]
    else:  # A subclass has no tensors of its own.
        batch = dataset[0][0]
        parts = {name: keras.Input(x.shape[1:], name=name) for name, x in parts_of(batch).items()}
        inputs = as_x(parts)
        outputs = model(inputs)
    return inputs, outputs, parts["past"]


def with_followed(model: keras.Model, followed: Followed | None) -> keras.Model:
    """Return a copy of a calibrated model that shares all layers but the ``ConformalInterval``."""
    layer = Interface(model, None).last_layer
    config = layer.get_config()
    if followed is not None:
        config["followed"] = followed.get_config()
    copy = ConformalInterval.from_config(config)
    copied = keras.Model(inputs_of(model), with_interval(model.outputs[0], copy), name=model.name)
    copy.set_weights(layer.get_weights())
    remember(copied, remembered(model))
    return copied


def with_interval(outputs: Any, interval: Callable[[Any], Any]) -> Any:
    """Return symbolic outputs with ``interval`` in place of their ``ConformalInterval``."""
    last, inputs = _keras_private.made_by(outputs)
    if isinstance(last, ConformalInterval):
        return interval(inputs)
    if isinstance(last, Bounded):
        return Bounded.from_config(last.get_config())(with_interval(inputs[0], interval))
    inner = keras.Model(last.inputs, with_interval(last.outputs[0], interval), name=last.name)
    return inner(inputs)
