"""Calibrates a model: adds prediction intervals that contain the share of values they promise."""

from typing import Any

import keras
import numpy as np

from keras_ts import _checks, _keras_private
from keras_ts._models import check_model
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.conformal import floors, margins, windows_needed
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.interface import Interface
from keras_ts.layers.bounded import Bounded
from keras_ts.layers.conformal_interval import ConformalInterval, checked_coverage, pair_of
from keras_ts.windows.arithmetic.scale import window_scales
from keras_ts.windows.dataset import WindowDataset


def calibrate(
    model: keras.Model, validation: WindowDataset, coverage: Any = (0.8, 0.95)
) -> keras.Model:
    """Return a model with prediction intervals whose width comes from held-out errors.

    At each step, an interval contains a new value with probability ``coverage`` if the new error is
    exchangeable with those on ``validation``: split conformal prediction, with its correction for a
    finite number of windows. Errors of a series are only roughly exchangeable: neighbouring windows
    overlap, and a series changes. Keep the part long, recent, and free of anything the model was
    trained on. Missing targets of ``missing="mask_targets"`` are left out: the width at a step
    comes from the errors present at that step.

    The result ends in a ``ConformalInterval``, and is a model like any other: ``forecast`` returns
    the bounds in columns of their own, and saving and exporting keep the intervals. It shares its
    weights with ``model``: if you train that further, calibrate it again. A ``Bounded`` at the end
    of ``model`` goes behind the intervals, whose width comes from the forecasts before it.

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
        validation: Windows that the model was not trained on. Judge the result on other windows: on
            these, ``compare`` warns.
        coverage: Share of values that an interval shall contain, or an increasing list of shares.
            Defaults to ``(0.8, 0.95)``.

    Returns:
        The calibrated model, not compiled, whose outputs have a last axis: lower bounds, the point
        or median, upper bounds.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``validation`` not a ``WindowDataset``.
        ValueError: The model is calibrated already or lacks the quantiles of a coverage, or the
            windows are too few.
    """
    check_model(model, built=True)
    shares = checked_coverage(coverage)
    judged = JudgedWindows("validation", validation)
    interface = Interface.of(model, validation)
    if isinstance(interface.last_layer, ConformalInterval):
        raise ValueError(
            "model is calibrated already: it ends in a ConformalInterval. Calibrate the model that "
            "it was made from."
        )
    levels = interface.quantiles
    pairs = [None if levels is None else pair_of(share, levels) for share in shares]
    inputs, outputs, past = _tensors(interface, validation)
    bounds = interface.bounds
    unbounded = model
    if bounds is not None:
        outputs = _unbounded(outputs)
        unbounded = keras.Model(inputs, outputs)
    lower, upper, scales = _errors(unbounded, judged, levels, pairs)
    check_enough(np.sum(~np.isnan(lower[0]), axis=0), shares)
    floor = floors(scales).astype(np.float32)
    divisor = np.maximum(scales, floor)[:, None]
    by_share = [
        margins(np.maximum(lower[number], upper[number]) / divisor, share)
        for number, share in enumerate(shares)
    ]
    several = not judged.panel.columns.squeeze
    layer = ConformalInterval(
        shares,
        quantiles=levels,
        targets=_targets(judged, several),
        sequence=judged.geometry.sequence,
        calibrated_on=judged.mark(),
    )
    if len(outputs.shape) < 2 + judged.geometry.sequence + several + (levels is not None):
        # A custom model may leave out the axis of a single step.
        lead = outputs.shape[1 : 1 + judged.geometry.sequence]
        outputs = keras.layers.Reshape((*lead, 1, *outputs.shape[1 + len(lead) :]))(outputs)
    outputs = layer([outputs, past])
    if bounds is not None:
        outputs = Bounded.from_config(bounds.get_config())(outputs)
    calibrated = keras.Model(inputs, outputs, name=f"{model.name}_calibrated")
    layer.margins.assign(np.stack(by_share).reshape(layer.margins.shape))
    layer.floor.assign(floor)
    return calibrated


def _unbounded(outputs: Any) -> Any:
    """Return symbolic outputs without the ``Bounded`` that they end in, also in an inner model."""
    last, inputs = _keras_private.made_by(outputs)
    if isinstance(last, Bounded):
        return inputs[0]
    if not getattr(last, "outputs", None):  # A subclass has no tensors of its own.
        return outputs
    return keras.Model(last.inputs, _unbounded(last.outputs[0]))(inputs)


def _errors(
    model: keras.Model, judged: JudgedWindows, levels: Any, pairs: list[Any]
) -> tuple[list[Array], list[Array], Array]:
    """Return how far targets lie below and above each interval (negative inside), and the scales.

    The intervals are pairs of quantiles, or the point twice. Windows in which a target or a
    prediction is not finite are left out. Where windows may lack targets only those in which
    nothing is present are, and the distances are NaN elsewhere.
    """
    below: list[list[Array]] = [[] for _ in pairs]
    above: list[list[Array]] = [[] for _ in pairs]
    scales = []
    for block in judged.blocks():
        predicted = judged.predictions("model", model, levels, block)
        ends = [
            (predicted, predicted) if pair is None else (predicted[..., p] for p in pair)
            for pair in pairs
        ]
        present = np.isfinite(block.actual)
        present &= np.isfinite(predicted.reshape(*present.shape, -1)).all(axis=-1)
        whole = (present.any if judged.partial else present.all)(axis=(1, 2))
        scales.append(window_scales(block.past_as_read)[whole])
        for number, (low, high) in enumerate(ends):
            below[number].append(np.where(present, low - block.actual, np.nan)[whole])
            above[number].append(np.where(present, block.actual - high, np.nan)[whole])
    joined = [np.concatenate(parts) for parts in below], [np.concatenate(parts) for parts in above]
    return *joined, np.concatenate(scales)


def check_enough(counts: IntArray, shares: tuple[float, ...]) -> None:
    """Refuse too few errors at a step, given the number of them, ``(steps, targets)``."""
    needed, count = windows_needed(shares[-1]), int(counts.min())
    if count < needed:
        step = int(counts.min(axis=1).argmin()) + 1
        where = f" at step {step}" if counts.max() > count else ""
        raise ValueError(
            f"validation has {count} windows without a missing value{where}, and coverage="
            f"{shares[-1]} needs at least {needed}. Hold out a longer part, or ask for a smaller "
            "coverage."
        )


def _targets(judged: JudgedWindows, several: bool) -> int | list[int] | None:
    if judged.panel.columns.plain:
        return None
    return judged.columns.tolist() if several else int(judged.columns[0])


def _tensors(interface: Interface, dataset: WindowDataset) -> tuple[Any, Any, Any]:
    """Return the symbolic inputs and output of the model, and the input that takes windows."""
    model, parts = interface.model, interface.inputs
    if parts:
        # A Sequential has no ``input``.
        inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        outputs = model.outputs[0]
    else:  # A subclass has no tensors of its own.
        batch = dataset[0][0]
        shapes = batch if isinstance(batch, dict) else {"past": batch}
        parts = {part: keras.Input(x.shape[1:], name=part) for part, x in shapes.items()}
        inputs = parts if isinstance(batch, dict) else parts["past"]
        outputs = model(inputs)
    if "past" not in parts:
        raise ValueError(
            f"model has {len(parts)} inputs, {_checks.shown(list(parts))}, and none of them is "
            "named 'past'. Name the one that takes the windows 'past'."
        )
    return inputs, outputs, parts["past"]
