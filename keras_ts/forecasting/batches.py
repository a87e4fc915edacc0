"""Predicts a panel in batches of bounded size, of few shapes, and shows progress on long ones."""

import time
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts._typing import Array
from keras_ts.forecasting.kept import Run

# Rows, and values of ``past``, in a batch at most.
_MOST_ROWS, _MOST_VALUES = 1024, 1 << 24
# A panel that takes longer shows its progress.
_PATIENCE_SECONDS = 5.0


def predict(run: Run, inputs: dict[str, Array]) -> Array:
    """Return the outputs of a loop for all rows of ``inputs``; ``run`` runs it on a batch.

    Every new shape would be compiled, so a batch has a power of two of rows. The last one is filled
    up with rows repeated from its beginning.
    """
    rows = len(inputs["past"])
    most = min(_MOST_ROWS, max(1, _MOST_VALUES // max(1, inputs["past"][0].size)))
    size = min(1 << (rows - 1).bit_length(), 1 << (most.bit_length() - 1))
    begin, progress = time.perf_counter(), None
    outputs: list[Array] = []
    for first in range(0, rows, size):
        batch = {part: _filled(array[first : first + size], size) for part, array in inputs.items()}
        out = run(batch if len(batch) > 1 else batch["past"])
        outputs.append(np.asarray(ops.convert_to_numpy(out))[: rows - first])
        done = first + size
        if progress is None and done < rows and time.perf_counter() - begin > _PATIENCE_SECONDS:
            progress = keras.utils.Progbar(rows, unit_name="series")
        if progress is not None:
            progress.update(min(done, rows))
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)


def _filled(batch: Any, size: int) -> Array:
    if len(batch) == size:
        return batch
    return batch[np.arange(size) % len(batch)]
