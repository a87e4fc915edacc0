"""Exports a forecaster for a server: one file that describes its own inputs and outputs.

| format | where a server finds the JSON |
| --- | --- |
| SavedModel | ``assets.extra/keras_ts.json``; the signature ``description`` returns it, too |
| ONNX | ``custom_metadata_map["keras_ts"]`` |
| OpenVINO | ``model.get_rt_info(["keras_ts"])`` |
| LiteRT | ``keras_ts.json`` in the ZIP archive that follows the model in the file |
"""

import contextlib
import importlib.util
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._backends import tracer_warnings
from keras_ts._files import file_target, folder_target, path_text, put_folder, replacing
from keras_ts._keras_private import layers_within
from keras_ts._models import check_graph, check_model
from keras_ts._progress import quiet, say, told
from keras_ts.exporting.description import describe
from keras_ts.exporting.formats import FORMATS, Format
from keras_ts.forecasting.rollout import Rollout
from keras_ts.saving.config import short
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries

# The file by which a folder is known as a SavedModel.
_MARK = "saved_model.pb"


def export_model(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: Format = "tf_saved_model",  # noqa: A002 - Keras's name
    windows: WindowedSeries | WindowDataset | None = None,
    *,
    verbose: int = 1,
) -> None:
    """Export a forecaster into a file that a server reads without Keras and keras_ts.

    The file takes the last rows of series and returns the steps that follow, in units of the
    series. Its inputs are those of the model among ``past``, ``future`` and ``static``, with the
    shapes that ``Rollout`` lists; its output is ``forecast``.

    The file also holds a description as JSON: columns of each input in their order, categories, the
    formulas of the calendar, the rows that are read and forecast, what may be missing, targets,
    quantiles, bounds and frequency. The guide "Serving" lists its keys. A SavedModel refuses an
    infinite value, a missing one that the model does not mask, and windows of another length or
    number of columns.

    OpenVINO computes in bfloat16 on processors that have it, unless the file is compiled with
    ``{"INFERENCE_PRECISION_HINT": "f32"}``, as ``check_export`` does.

    ``check_export`` runs the same file in its runtime and compares forecasts. An existing file is
    replaced only once the new one is complete and, if its runtime is installed, loads there.

    Example:

    >>> import json, numpy as np
    >>> from keras_ts import RecurrentPreset, WindowedSeries, export_model
    >>> dataset = WindowedSeries(window=20, horizon=7).build(np.arange(100.0))
    >>> model = RecurrentPreset(units=(4,)).build(dataset)
    >>> export_model(model, "sales.onnx", "onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("sales.onnx")  # doctest: +SKIP
    >>> metadata = session.get_modelmeta().custom_metadata_map  # doctest: +SKIP
    >>> about = json.loads(metadata["keras_ts"])  # doctest: +SKIP
    >>> about["inputs"]["past"]["shape"], about["output"]["shape"]  # doctest: +SKIP
    ([None, 20], [None, 7])

    Args:
        model: A built Sequential or functional model that forecasts, or a ``Rollout`` for more
            steps than the horizon.
        filepath: The file to write: ``.onnx``, ``.tflite`` or ``.xml`` (with a ``.bin`` beside it);
            for ``"tf_saved_model"`` a folder.
        format: ``"tf_saved_model"`` (needs tensorflow), ``"onnx"`` (a converter for the backend),
            ``"litert"`` or ``"openvino"``. Defaults to ``"tf_saved_model"``.
        windows: The ``WindowedSeries`` that the model was trained on, or a dataset, for a model
            that does not carry them. Defaults to None: those that the model carries.
        verbose: 1 to print the file and its size and, during a long export, what is being done; 0
            to print nothing. Defaults to 1.

    Raises:
        ImportError: A package is missing; the message names it.
        FileExistsError: ``filepath`` is a folder without a SavedModel, or with other files.
        FileNotFoundError: The folder of ``filepath`` does not exist.
        IsADirectoryError: ``filepath`` is a folder, and ``format`` has one file.
        TypeError: ``model`` is not a Sequential or functional Keras model, ``filepath`` is not a
            path, or ``windows`` are neither a ``WindowedSeries`` nor a dataset.
        ValueError: ``format`` is unknown, or does not go with the suffix of ``filepath``; the model
            carries no windows, or does not fit them; or Keras cannot export the model to
            ``format``, or writes a file that does not load.
    """
    _checks.choice("format", format, tuple(FORMATS))
    path, suffix = Path(path_text("filepath", filepath)), FORMATS[format].suffix
    suffixes = [form.suffix for form in FORMATS.values()]
    if path.suffix != suffix and (suffix or path.suffix in suffixes):
        named = f"must end in {suffix!r}" if suffix else "must name a folder"
        raise ValueError(f"filepath {named} for format={format!r}. Received: {str(path)!r}.")
    rollout = as_rollout(model, windows)
    # Refuse the target before the export, which takes long.
    if suffix:
        file_target(path)
    else:
        folder_target(path, _MARK)
    require(format, run=False)
    x = keras.tree.map_structure(lambda part: np.zeros((1, *part.shape[1:])), rollout.input)
    doing = f"export_model traces the model and converts it to {format}, for {path} ..."
    with quiet(not verbose), told(doing), tempfile.TemporaryDirectory() as folder:
        file = written(rollout, x, format, Path(folder))
        check_loads(rollout, format, file)
        size = sum(each.stat().st_size for each in Path(folder).rglob("*") if each.is_file())
        if file.is_dir():
            put_folder(file, path, _MARK)
        else:
            beside = FORMATS[format].beside
            with contextlib.ExitStack() as stack:
                # The stack closes in reverse order, so the named file is put in place last.
                for end in [file.suffix] if beside is None else [file.suffix, beside]:
                    temporary = stack.enter_context(replacing(path.with_suffix(end)))
                    shutil.copyfile(file.with_suffix(end), temporary)
        say(f"Wrote {path}, {size / 1000:.1f} kB.")


def as_rollout(model: keras.Model, windows: Any = None) -> Rollout:
    """Return a model as a ``Rollout`` over its horizon; a ``Rollout`` stays as it is."""
    model = check_graph(check_model(model, built=True))
    if not isinstance(model, Rollout):
        return Rollout(model, windows)
    if windows is not None:
        raise ValueError("A Rollout carries the windows that it was made with: leave windows out.")
    return model


def written(model: keras.Model, x: Any, kind: str, folder: Path) -> Path:
    """Export a model into an empty folder, a ``Rollout`` with its description; return the path."""
    if not isinstance(model, Rollout):
        return exported(model, x, kind, folder)
    options = FORMATS[kind].options.get(keras.backend.backend(), dict)()
    path = exported(model, x, kind, folder, **options)
    FORMATS[kind].describe(path, describe(model))
    return path


def require(kind: str, run: bool) -> None:
    """Raise an error if a package is missing that writes a file or, with ``run``, runs it."""
    form = FORMATS[kind]
    converter = form.converters.get(keras.backend.backend())
    for package in (form.runtime if run else form.writer, converter):
        if package and importlib.util.find_spec(package.replace("-", "_")) is None:
            raise ImportError(
                f"{_needs(kind)} {package}, which is not installed: pip install {package}"
            )


def _needs(kind: str) -> str:
    return f"format={kind!r} on the {keras.backend.backend()} backend needs"


def exported(model: keras.Model, x: Any, kind: str, folder: Path, **options: Any) -> Path:
    """Export a model into an empty folder, as Keras does; return the path of the file."""
    path = folder / f"model{FORMATS[kind].suffix}"
    # Keras exports to ONNX only a model that has been called.
    model(keras.tree.map_structure(np.asarray, x))
    try:
        with _unheard():
            model.export(str(path), format=kind, verbose=False, **options)
    except Exception as error:
        if "Unrecognized format" in str(error):
            raise ValueError(
                f"Keras {keras.__version__} does not export to {kind!r}: pip install -U keras."
            ) from None
        check_imports(kind, error)
        raise ValueError(
            f"The model cannot be exported as {kind!r} from the {keras.backend.backend()} backend: "
            f"{short(error)}\n{cure(kind)}"
        ) from error
    return path


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Silence PyTorch's tracer, logs of ONNX converters, and warnings of deprecation."""
    loggers = [logging.getLogger(name) for name in ("onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            for category in [*tracer_warnings(), DeprecationWarning, FutureWarning]:
                warnings.simplefilter("ignore", category)
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def check_loads(model: keras.Model, kind: str, path: Path) -> None:
    """Raise an error if a file does not load or, without its runtime installed, fails a check."""
    form = FORMATS[kind]
    try:
        if importlib.util.find_spec(form.runtime.replace("-", "_")) is not None:
            form.run(str(path), [tensor.name for tensor in model.inputs])
        elif form.check is not None:
            form.check(str(path))
    except Exception as error:
        check_imports(kind, error)
        what, used = cure(kind), {layer.compute_dtype for layer in layers_within(model)}
        if halves := used & {"float16", "bfloat16"}:
            what = (
                f"The model computes in {halves.pop()}. Build it again after "
                "keras.config.set_dtype_policy('float32'), and set_weights(model.get_weights())."
            )
        raise ValueError(
            f"The file that was exported as {kind!r} from the {keras.backend.backend()} backend "
            f"does not load: {short(error)}\n{what}"
        ) from error


def check_imports(kind: str, error: Exception) -> None:
    """If ``error`` comes from a missing package, raise an error that names the package."""
    missing: ImportError | None = None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError):
            # Keras reports every failed import as a missing converter, so the cause is looked for.
            missing, cause = cause, cause.__cause__ or cause.__context__
        else:
            cause = cause.__cause__
    if missing is None:
        return
    package = (missing.name or "").partition(".")[0]
    if isinstance(missing, ModuleNotFoundError) and package:
        raise ImportError(
            f"{_needs(kind)} {package}, which is not installed: pip install {package}"
        ) from error
    raise ImportError(
        f"{_needs(kind)} a package that cannot be imported: {short(missing)}"
    ) from error


def cure(kind: str) -> str:
    """Return the likely reason why an export fails or differs, and what to do."""
    return FORMATS[kind].cures.get(keras.backend.backend(), "")
