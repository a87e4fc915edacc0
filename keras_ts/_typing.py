"""Names types for annotations in the whole package: NumPy's arrays, and settings by keyword."""

from typing import Any, Literal, TypedDict

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


class FitArguments(TypedDict, total=False):
    """Arguments of Keras's ``fit`` that go with a dataset."""

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
    """Arguments of ``RecurrentPreset.fit``, too."""

    core: Any
    members: int
