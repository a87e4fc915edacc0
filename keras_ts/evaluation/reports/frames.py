"""Turns the tables of reports into data frames of pandas or polars."""

import importlib
from typing import Any

from keras_ts import _checks
from keras_ts._typing import Array


def as_frame(columns: dict[str, Array], library: str) -> Any:
    """Return columns as a data frame of ``"pandas"`` or ``"polars"``."""
    _checks.choice("library", library, ("pandas", "polars"))
    try:
        frames = importlib.import_module(library)
    except ImportError as error:
        raise ImportError(
            f"to_frame({library!r}) needs {library}: pip install {library}."
        ) from error
    return frames.DataFrame(columns)
