"""Refuses a core that looks ahead, where it forecasts at every step of a window.

Each step of a sequence but the last has its target within the window. A core that reads later steps
would copy them, and its loss would fall to 0 without a forecast.
"""

from typing import Any

import keras
import numpy as np

from keras_ts._typing import Array

# A window of open length is tried at this one.
_STEPS = 16
# At most this number of steps of windows in a batch, so that memory stays bounded.
_MOST_STEPS = 1 << 14
# Differences up to this are rounding, in units of the outputs' precision times their size.
_ROUNDING = 8
# Weights below this hide what they read, as those of a gate that begins at 0 do.
_SMALL = 0.01


def check_causal(core: keras.layers.Layer, columns: Any) -> None:
    """Refuse a built core whose output at a step depends on a later one's columns."""
    # For every step of a random window, that step and all later ones are changed. The outputs
    # before it must stay.
    steps, features = columns.shape[1] or _STEPS, columns.shape[2]
    small = _small_weights(core)
    generator = np.random.default_rng(0)
    try:
        for variable, _ in small:
            variable.assign(generator.normal(scale=0.1, size=variable.shape))
        seen = _seen_ahead(core, steps, features, columns.dtype)
    finally:
        for variable, value in small:
            variable.assign(value)
    if seen is not None:
        step, later = seen
        raise ValueError(
            f"core looks ahead: its output at step {step} of a window (from 0) changes with step "
            f"{later}. kind='sequence_to_sequence' forecasts at each step what follows it, so the "
            "core would see its own targets in training. Use padding='causal' for convolutions, "
            "use_causal_mask=True for attention, and nothing that reads all steps, such as "
            "Bidirectional layers and pooling."
        )


def _small_weights(core: keras.layers.Layer) -> list[tuple[Any, Array]]:
    """Return the trained weights that are all close to 0, and their values."""
    weights = [
        # A copy, since PyTorch would share its memory.
        (variable, np.array(keras.ops.convert_to_numpy(variable)))
        for variable in core.trainable_variables
    ]
    return [(variable, value) for variable, value in weights if np.abs(value).max() < _SMALL]


def _seen_ahead(
    core: keras.layers.Layer, steps: int, features: int, dtype: str
) -> tuple[int, int] | None:
    """Return the first step that sees a later one and the last step that it sees, or None."""
    generator = np.random.default_rng(0)
    window, other = generator.normal(size=(2, steps, features))
    rows = min(steps, max(1, _MOST_STEPS // steps))
    # The same window in each row: rounding may differ by row.
    same = np.broadcast_to(window, (rows, steps, features))
    outputs, precision = _outputs(core, same, dtype)
    largest = np.abs(outputs).max()
    tolerance = _ROUNDING * precision * largest
    if not np.isfinite(largest):
        raise ValueError("core returns NaN or infinity for a window of normal random numbers.")
    if np.abs(_outputs(core, same, dtype)[0] - outputs).max() > tolerance:
        raise ValueError(
            "core returns different outputs for the same window. Outside of training it must "
            "return the same."
        )
    sees = np.full(steps, -1)
    for begin in range(1, steps, rows):
        changed = np.minimum(np.arange(begin, begin + rows), steps - 1)
        later = np.arange(steps) >= changed[:, None]
        windows = np.where(later[..., None], other, window)
        differences = np.abs(_outputs(core, windows, dtype)[0] - outputs).max(axis=-1)
        row, step = np.nonzero((differences > tolerance) & ~later)
        np.maximum.at(sees, step, changed[row])
    first = int(np.argmax(sees >= 0))
    return (first, int(sees[first])) if sees[first] >= 0 else None


def _outputs(core: keras.layers.Layer, windows: Array, dtype: str) -> tuple[Array, float]:
    """Return the outputs of a core outside of training, and the precision of their dtype."""
    outputs = core(keras.ops.convert_to_tensor(windows, dtype))
    kind = keras.backend.standardize_dtype(outputs.dtype)
    precision = 2.0**-7 if kind == "bfloat16" else float(np.finfo(kind).eps)
    return keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32")), precision
