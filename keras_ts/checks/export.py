"""Exports a model and runs the exported file, before anyone relies on it.

An export may succeed and compute something else: a converter may unroll a recurrent layer's loop
for one length, or misread the test for missing values. So the check runs the file in its own
runtime, at two lengths if the model takes any, and with missing values if the model masks them.
"""

import functools
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._backends import unwrapped
from keras_ts._models import check_graph, predict
from keras_ts._typing import Array, BoolArray
from keras_ts.exporting.export import as_rollout, check_imports, cure, require, written
from keras_ts.exporting.formats import FORMATS, Format, Run
from keras_ts.interface import Interface, carried_by
from keras_ts.saving.config import short
from keras_ts.windows.dataset import WindowDataset


@dataclass(frozen=True)
class ExportReport:
    """The result of ``check_export``; print it for a text that names every difference.

    Attributes:
        format: The format that was checked.
        shapes: The shapes of the inputs, one list for each length that was run.
        difference: The largest difference of any output from ``model.predict``.
        magnitude: The largest absolute output, to compare the difference with.
        rtol: The largest difference allowed, relative to the largest output.
        missing: True if windows with missing values were run, too.
        differences: A sentence for each run that fails, or differs by more than ``rtol`` allows.
    """

    format: str
    shapes: tuple[list[tuple[int, ...]], ...] = ()
    difference: float = 0.0
    magnitude: float = 0.0
    rtol: float = 1e-4
    missing: bool = False
    differences: tuple[str, ...] = ()

    @property
    def cure(self) -> str:
        """The likely reason of a difference, and what to do."""
        return cure(self.format) if self.differences else ""

    @property
    def ok(self) -> bool:
        """True if the file gives the outputs of the model in every run."""
        return not self.differences

    def __str__(self) -> str:
        if not self.ok:
            head = f"The exported {self.format!r} file gives other outputs than the model:"
            return "\n".join([head, *self.differences, self.cure])
        ran = ", ".join(" and ".join(map(str, shapes)) for shapes in self.shapes)
        return (
            f"{self.format}: the same outputs up to {self.difference:.2g} "
            f"(they reach {self.magnitude:.4g}), at input shapes {ran}"
            + (", with and without missing values." if self.missing else ".")
        )


def check_export(
    model: keras.Model,
    x: Any,
    format: Format = "tf_saved_model",  # noqa: A002 - Keras's name
    rtol: float = 1e-4,
) -> ExportReport:
    """Export a model to a temporary place, run it there, and compare it with ``predict``.

    If the model carries windows, the file is the one that ``export_model(model, filepath, format)``
    writes, and is compared with the model's ``Rollout``. For any other model, it is the file that
    ``model.export(filepath, format=format)`` writes; a file that takes any length is run at two:
    the length of ``x`` and half of it. A model that masks missing values also runs on windows of
    ``x`` with missing values.

    Example:

    >>> import numpy as np
    >>> from keras_ts import RecurrentPreset, check_export
    >>> model = RecurrentPreset(units=(4,)).build(window=20)
    >>> report = check_export(model, np.ones((2, 20)), "onnx")  # doctest: +SKIP
    >>> report.ok  # doctest: +SKIP
    True
    >>> print(report)  # doctest: +SKIP
    onnx: the same outputs up to 6e-08 (they reach 0.3124), at input shapes (2, 20).

    Args:
        model: A built Sequential or functional model.
        x: Inputs as ``model.predict`` takes them, such as ``dataset[0][0]``; more than a few
            windows only cost time. If the model carries windows with a ``sampling_rate``, pass
            the rows that windows skip, too.
        format: Format of the file: ``"tf_saved_model"`` (needs tensorflow), ``"onnx"``
            (onnxruntime, and a converter for the backend), ``"litert"`` (ai-edge-litert) or
            ``"openvino"``. Defaults to ``"tf_saved_model"``.
        rtol: Largest difference allowed, relative to the largest output. Defaults to 1e-4.

    Returns:
        An ``ExportReport``: its ``ok`` is False if the file gives other outputs than the model, or
        does not run; print it for the reasons.

    Raises:
        ImportError: A package is missing; the message names it.
        TypeError: ``model`` is of another kind, such as a subclass, or not built; or ``x`` is a
            ``WindowDataset``.
        ValueError: ``format`` or ``rtol`` is out of range, ``x`` does not fit the model, or Keras
            cannot export the model to ``format``.
    """
    _checks.choice("format", format, tuple(FORMATS))
    rtol = _checks.positive("rtol", rtol)
    model = unwrapped(model)
    if isinstance(model, keras.Model) and carried_by(model) is not None:
        model = as_rollout(model)
    inputs = _inputs(model, x)
    require(format, run=True)
    names, runs = [tensor.name for tensor in model.inputs], [inputs]
    if any(map(_free, model.inputs)):
        pairs = zip(inputs, model.inputs, strict=True)
        runs.append([x[:, : x.shape[1] // 2] if _free(spec) else x for x, spec in pairs])
    with tempfile.TemporaryDirectory() as folder:
        path = written(model, x, format, Path(folder))
        load = functools.cache(lambda: FORMATS[format].run(str(path), names))
        report = ExportReport(format, rtol=rtol)
        for arrays in runs:
            count = len(report.differences)
            report = _with_run(report, model, x, load, arrays)
            # If the file differs on complete windows, missing values add nothing.
            if len(report.differences) == count:
                for holed in with_holes(model, arrays):
                    report = _with_run(report, model, x, load, holed, missing=True)
    return report


def _with_run(
    report: ExportReport,
    model: keras.Model,
    x: Any,
    load: Callable[[], Run],
    arrays: list[Array],
    missing: bool = False,
) -> ExportReport:
    """Run model and file on some inputs; return the report, extended by the result."""
    structure = keras.tree.pack_sequence_as(x, arrays)
    outputs = keras.tree.flatten(predict(model, structure, batch_size=32))
    if missing and not all(np.isfinite(array).all() for array in outputs):
        return report  # The model does not mask this input.
    shapes, differences = [array.shape for array in arrays], report.differences
    where = f"At input shapes {shapes}{', with missing values' * missing}"
    try:
        results = load()(arrays)
    except Exception as error:
        check_imports(report.format, error)
        differences = (*differences, f"{where}, the file does not run: {short(error)}")
        return replace(report, differences=differences, difference=float("inf"))
    worst, largest = _difference(outputs, results)
    if not worst <= report.rtol * max(largest, report.magnitude if missing else 0.0):
        differ = f"differ by {worst:.3g}" if np.isfinite(worst) else "are NaN or of other shapes"
        text = f"{where}, they {differ}, where the model's reach {largest:.3g}."
        differences = (*differences, text)
    return replace(
        report,
        shapes=report.shapes if missing else (*report.shapes, shapes),
        difference=max(report.difference, worst),
        magnitude=max(report.magnitude, largest),
        missing=report.missing or missing,
        differences=differences,
    )


def _inputs(model: Any, x: Any) -> list[Array]:
    """Return the inputs in the order and types of ``model.inputs``."""
    check_graph(model)
    if isinstance(x, WindowDataset):
        raise TypeError(
            "x must be arrays, as model.predict takes them. Received: a WindowDataset. Pass "
            "dataset[0][0], the inputs of its first batch."
        )
    leaves = keras.tree.flatten(x)
    if len(leaves) != len(model.inputs):
        batch = " Of a batch (inputs, targets) pass the inputs alone, as dataset[0][0]."
        raise ValueError(
            f"x must hold the model's {len(model.inputs)} inputs. Received: {len(leaves)}."
            f"{batch * isinstance(x, tuple)}"
        )
    arrays = [np.asarray(array) for array in leaves]
    for array, spec in zip(arrays, model.inputs, strict=True):
        fits = array.ndim == len(spec.shape) and all(
            size in (None, length) for size, length in zip(spec.shape, array.shape, strict=True)
        )
        if not fits or not array.size:
            raise ValueError(
                f"x must have the shape of the model's input {spec.name!r}, {tuple(spec.shape)}, "
                f"and at least one row. Received: {array.shape}."
            )
        if _free(spec) and array.shape[1] < 2:
            raise ValueError(
                "x must have at least 2 steps: this model takes any length, so it is run at this "
                f"one and at half of it. Received: {array.shape}."
            )
    return [
        array.astype(keras.backend.standardize_dtype(spec.dtype))
        for array, spec in zip(arrays, model.inputs, strict=True)
    ]


def _free(spec: Any) -> bool:
    return len(spec.shape) > 1 and spec.shape[1] is None


def _difference(expected: list[Array], results: list[Array]) -> tuple[float, float]:
    """Return the largest difference, infinite if shapes or NaN differ, and the largest value."""
    largest = max(float(np.nanmax(np.abs(array), initial=0.0)) for array in expected)
    if len(results) < len(expected):
        return float("inf"), largest
    worst = 0.0
    # Files of OpenVINO return inner values after the outputs.
    for ours, theirs in zip(expected, results, strict=False):
        if ours.shape != theirs.shape or (np.isnan(ours) != np.isnan(theirs)).any():
            return float("inf"), largest
        worst = max(worst, float(np.nanmax(np.abs(ours - theirs), initial=0.0)))
    return worst, largest


def with_holes(model: keras.Model, inputs: list[Array]) -> Iterator[list[Array]]:
    """Yield inputs with values missing at different places; nothing if the model masks none."""
    if not Interface.of(model).takes_missing:
        return
    names = [tensor.name for tensor in model.inputs]
    for place, array in enumerate(inputs):
        named = "past" not in names or names[place] == "past"
        if named and array.ndim > 1 and np.issubdtype(array.dtype, np.floating):
            for missing in _missing_places(array.shape[1:]):
                holed = array.copy()
                holed[:, missing] = np.nan
                yield [*inputs[:place], holed, *inputs[place + 1 :]]


def _missing_places(shape: tuple[int, ...]) -> list[BoolArray]:
    """Return masks of a window, ``(time, ...)``, True where a value is missing."""
    # Missing are: the first half, as in a series shorter than a window; the middle step; the last
    # step; each third step; the first step of the first column alone.
    time, columns = shape[0], math.prod(shape[1:])
    steps, column = np.arange(time)[:, None], np.arange(columns)
    every = np.ones((1, columns), bool)
    masks = [
        (steps < time // 2) & every,
        (steps == time // 2) & every,
        (steps == time - 1) & every,
        (steps % 3 == 1) & every,
        (steps == 0) & (column == 0),
    ]
    return [mask.reshape(shape) for mask in masks if mask.any() and not mask.all()]
