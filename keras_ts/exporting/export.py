"""Exports a forecaster for a server: one file that describes its own inputs and outputs."""

import importlib.util
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._files import file_target, folder_target, path_text, put_folder, replacing
from keras_ts._models import value_of
from keras_ts._typing import Array
from keras_ts.exporting.description import describe
from keras_ts.exporting.formats import FORMATS, Format
from keras_ts.forecasting.rollout import Rollout

_MARK = "saved_model.pb"  # The file by which a folder is known as a SavedModel.


def export_model(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: Format = "onnx",  # noqa: A002 - Keras's name
    *,
    check: Any = None,
) -> None:
    """Export a forecaster into a file that a server reads without Keras and keras_ts.

    The file takes the last rows of series and returns the steps that follow, in units of the
    series. Its inputs are those of the model among ``past``, ``future`` and ``static``, with the
    shapes that ``Rollout`` lists; its output is ``forecast``.

    The file also describes itself as JSON: the columns of each input in their order, categories,
    the formulas of the calendar, the rows that are read and forecast, what may be missing, targets,
    quantiles, bounds and frequency. The guide "Serving" lists the keys, and says where they stand.
    A SavedModel refuses an infinite value, a missing one that the model does not mask, and windows
    of another length or number of columns.

    Example:

    >>> import json, numpy as np
    >>> from keras_ts import RecurrentPreset, WindowedSeries, export_model
    >>> dataset = WindowedSeries(window=20, horizon=7).build(np.arange(100.0))
    >>> model = RecurrentPreset(units=(4,)).build(dataset)
    >>> inputs, targets = dataset[0]
    >>> export_model(model, "sales.onnx", check=inputs)  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("sales.onnx")  # doctest: +SKIP
    >>> metadata = session.get_modelmeta().custom_metadata_map  # doctest: +SKIP
    >>> about = json.loads(metadata["keras_ts"])  # doctest: +SKIP
    >>> about["inputs"]["past"]["shape"], about["output"]["shape"]  # doctest: +SKIP
    ([None, 20], [None, 7])

    Args:
        model: A built model that carries its windows, or ``Rollout(model, windows, steps)`` for
            other windows or more steps.
        filepath: The file to write, which ends in ``.onnx``; for ``"tf_saved_model"`` a folder. An
            existing one is replaced once the new one is complete.
        format: ``"onnx"`` (needs onnx, and a converter for the backend) or ``"tf_saved_model"``
            (needs tensorflow). Defaults to ``"onnx"``.
        check: Inputs as the ``Rollout`` of the model takes them, such as ``dataset[0][0]``. The
            file is run in its own runtime (onnxruntime, tensorflow) before it is put in place, and
            must give the model's forecasts, to 1e-4 of the largest one. Defaults to None: the file
            is not run.

    Raises:
        ImportError: A package is missing; the message names it.
        FileExistsError: ``filepath`` is a folder without a SavedModel, or with other files.
        ValueError: The model carries no windows, the backend does not write ``format``, or the file
            gives other forecasts than the model. Then no file is written.
    """
    _checks.choice("format", format, tuple(FORMATS))
    form, path, is_file = FORMATS[format], Path(path_text("filepath", filepath)), format == "onnx"
    if (path.suffix == ".onnx") != is_file:
        raise ValueError(
            "filepath must end in .onnx for format='onnx', and name a folder for "
            f"format='tf_saved_model'. Received: {str(path)!r} for format={format!r}."
        )
    # What would refuse the file is tried before the export, which takes long.
    if is_file:
        file_target(path)
    else:
        folder_target(path, _MARK)
    rollout = model if isinstance(model, Rollout) else Rollout(model)
    _require(format, run=check is not None)
    zeros = keras.tree.map_structure(lambda spec: np.zeros((1, *spec.shape[1:])), rollout.input)
    inputs = keras.tree.map_structure(
        lambda spec, values: np.asarray(values, keras.backend.standardize_dtype(spec.dtype)),
        rollout.input,
        zeros if check is None else check,
    )
    # Keras exports to ONNX only a model that has been called.
    expected = value_of(rollout(inputs))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"model{path.suffix}"
        with warnings.catch_warnings():
            # Tracers and converters warn of their own code.
            warnings.simplefilter("ignore")
            rollout.export(str(file), format=format, verbose=False)
        form.describe(file, describe(rollout))
        if check is not None:
            roles = [spec.name for spec in rollout.inputs]
            result = form.run(file, dict(zip(roles, keras.tree.flatten(inputs), strict=True)))
            _compare(result, expected, format)
        if is_file:
            with replacing(path) as temporary:
                shutil.copyfile(file, temporary)
        else:
            put_folder(file, path, _MARK)


def _require(format: Format, run: bool) -> None:  # noqa: A002
    """Raise an error if the backend does not write a format, or a package for it is missing."""
    form, backend = FORMATS[format], keras.backend.backend()
    if backend not in form.packages:
        raise ValueError(
            f"The {backend} backend writes no {format!r}. Load the .keras file on one of "
            f"{', '.join(form.packages)}, and export it there."
        )
    needed = [*form.packages[backend], *([form.runtime] if run else [])]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"format={format!r} on the {backend} backend needs packages that are not installed: "
            f"pip install {' '.join(missing)}"
        )


def _compare(result: Array, expected: Array, format: Format) -> None:  # noqa: A002
    """Raise an error if a file gives other forecasts than the model."""
    finite = np.isfinite(expected)
    difference, largest = np.inf, np.abs(expected[finite]).max(initial=0.0)
    # Steps that a model closes are NaN.
    if np.array_equal(np.isfinite(result), finite):
        difference = np.abs(result[finite] - expected[finite]).max(initial=0.0)
    if not difference <= 1e-4 * largest:
        differ = f"differ by {difference:.3g}" if np.isfinite(difference) else "are NaN elsewhere"
        raise ValueError(
            f"The {format!r} file gives other forecasts than the model: they {differ}, where the "
            f"model's reach {largest:.3g}. No file was written."
        )
