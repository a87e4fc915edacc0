"""Types for annotations: NumPy's arrays, and arguments that are passed on to ``fit``."""

from typing import Any, Literal, TypedDict

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


class FitArguments(TypedDict, total=False):
    """Arguments of Keras's ``fit`` for a dataset."""

    epochs: int | None
    verbose: Literal["auto", 0, 1, 2] | None
    callbacks: Any
    validation_data: Any
    shuffle: bool
    class_weight: dict[int, float] | None
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: int


class PresetFitArguments(FitArguments, total=False):
    """Further arguments of ``RecurrentPreset.fit``."""

    core: Any
    members: int
