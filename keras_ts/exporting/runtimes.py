"""Exports a model as Keras does; says which package is missing, or why the file does not load."""

import importlib.util
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts import _keras_private
from keras_ts.exporting.formats import FORMATS
from keras_ts.saving.config import short


def require(kind: str, run: bool) -> None:
    """Refuse if a package is missing to write a file or, with ``run``, to run it."""
    form = FORMATS[kind]
    converter = form.converters.get(keras.backend.backend())
    for package in (form.runtime if run else form.writer, converter):
        if package and importlib.util.find_spec(_module(package)) is None:
            raise ImportError(
                f"{_needs(kind)} {package}, which is not installed: pip install {package}"
            )


def _needs(kind: str) -> str:
    return f"format={kind!r} on the {keras.backend.backend()} backend needs"


def _module(package: str) -> str:
    return package.replace("-", "_")


def exported(model: keras.Model, x: Any, kind: str, folder: Path, **options: Any) -> Path:
    """Export a model into an empty folder, as Keras does; return the path of the file."""
    path = folder / f"model{FORMATS[kind].suffix}"
    # Keras exports to ONNX only a model that has been called.
    model(keras.tree.map_structure(np.asarray, x))
    try:
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


def check_loads(model: keras.Model, kind: str, path: Path) -> None:
    """Raise an error if the runtime of a file refuses it, as far as the runtime is installed."""
    form = FORMATS[kind]
    try:
        if importlib.util.find_spec(_module(form.runtime)) is not None:
            form.run(str(path), [tensor.name for tensor in model.inputs])
        elif form.check is not None:
            form.check(str(path))
    except Exception as error:
        check_imports(kind, error)
        raise ValueError(
            f"The file that was exported as {kind!r} from the {keras.backend.backend()} backend "
            f"does not load: {short(error)}\n{_half(model) or cure(kind)}"
        ) from error


def _half(model: keras.Model) -> str:
    """Return what to do about a model that computes in half precision; "" for another."""
    halves = {layer.compute_dtype for layer in _keras_private.layers_within(model)} & {
        "float16",
        "bfloat16",
    }
    if not halves:
        return ""
    return (
        f"The model computes in {halves.pop()}. Build it again after "
        "keras.config.set_dtype_policy('float32'), and set_weights(model.get_weights())."
    )


def check_imports(kind: str, error: Exception) -> None:
    """Raise an error that names the package that a converter or runtime lacks, if it lacks one."""
    missing: ImportError | None = None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError):
            # Keras reports any failed import of a converter as a missing converter.
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
    """Return the likely reason that an export fails or differs, and what to do."""
    return FORMATS[kind].cures.get(keras.backend.backend(), "")
