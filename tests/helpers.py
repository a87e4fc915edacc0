"""Helps several test files: an oracle for windows, a fresh process, old files."""

import gzip
import os
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

import forks
from keras_ts import WindowedSeries

BACKEND = keras.backend.backend()
# A recurrent layer of Keras's master uses its input's mask, warns, and passes it on no further.
warned_of_masks = pytest.mark.filterwarnings("ignore:Layer '(bi|gru|lstm|simple_rnn):UserWarning")
masks_pass = pytest.mark.skipif(
    not keras.layers.TimeDistributed(keras.layers.Identity()).supports_masking,
    reason="about masks that recurrent layers pass on, as those of this Keras do not",
)
only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="needs the TensorFlow backend")


def run_fresh(code, *arguments, status=0, **environment):
    """Run ``code`` in a process that has imported Keras at most; return its output."""
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, **environment}
    result = forks.run(code, arguments, environment)
    assert result.returncode == status, result.stderr[-3000:]
    return result.stdout


def timed(series, **settings):
    """Return arrays as a frame whose times are the numbers of rows, and settings that name them."""
    listed = isinstance(series, list)
    parts = []
    for number, values in enumerate(series if listed else [series]):
        columns = values.reshape(len(values), -1)
        frame = pd.DataFrame(columns, columns=[str(n) for n in range(columns.shape[1])])
        parts.append(frame.assign(row=np.arange(len(frame)), **{"id": number} if listed else {}))
        if values.ndim == 1:
            settings.setdefault("target_columns", 0)
    for name in settings:
        if name.endswith("_columns") and settings[name] is not None:
            columns = settings[name]
            listed_columns = isinstance(columns, list | tuple)
            settings[name] = [*map(str, columns)] if listed_columns else str(columns)
    settings |= {"time_column": "row", "id_column": "id" if listed else None}
    return pd.concat(parts, ignore_index=True), settings


def called(model, x):
    """Return the outputs of a model as an array; compile no function for it, as predict does."""
    return keras.ops.convert_to_numpy(model(x))


def untraced(model):
    """Let a compiled model of TensorFlow run its few batches op by op; tracing costs more."""
    model.run_eagerly = BACKEND == "tensorflow"
    return model


def naive_windows(series, w):
    """Return all windows of a (time,) or (time, columns) array, by the contract's own words."""
    x, y = [], []
    span = w.sampling_rate * (w.window - 1) + 1 + w.gap + w.horizon
    start = 0
    while start + span <= len(series):
        inputs = [start + w.sampling_rate * k for k in range(w.window)]
        origins = inputs if w.targets == "sequence" else inputs[-1:]
        rows = []
        for origin in origins:
            ahead = [
                _targets(series[origin + w.gap + 1 + h], w.target_columns) for h in range(w.horizon)
            ]
            rows.append(ahead[0] if w.horizon == 1 else ahead)
        x.append([series[p] for p in inputs])
        y.append(rows if w.targets == "sequence" else rows[0])
        start += w.stride
    return np.array(x), np.array(y)


def _targets(row, columns):
    if columns is None:
        return row
    return row[columns] if isinstance(columns, int) else [row[c] for c in columns]


def joined(batches):
    """Stack the batches of a dataset."""
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


@st.composite
def window_settings(draw, columns=None):
    """Draw a small ``WindowedSeries``, with target columns out of ``columns``."""
    target = None
    if columns:
        some = st.lists(st.integers(0, columns - 1), min_size=1, max_size=columns, unique=True)
        target = draw(st.none() | st.integers(0, columns - 1) | some.map(tuple))
    return WindowedSeries(
        window=draw(st.integers(1, 6)),
        horizon=draw(st.integers(1, 4)),
        gap=draw(st.integers(0, 3)),
        stride=draw(st.integers(1, 4)),
        sampling_rate=draw(st.integers(1, 3)),
        targets=draw(st.sampled_from(["vector", "sequence"])),
        target_columns=target,
        batch_size=draw(st.integers(1, 7)),
        shuffle=draw(st.booleans()),
        seed=draw(st.integers(0, 99)),
    )


def distinct(length, columns=None):
    """Return a series in which every value tells its place."""
    shape = (length,) if columns is None else (length, columns)
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def compiled(window=4, outputs=1):
    """Return a model of one layer, ready to fit."""
    model = keras.Sequential([keras.Input((window,)), keras.layers.Dense(outputs)])
    model.compile("sgd", "mse")
    return model


def course_dataset(series, window_size, batch_size=32, shuffle_buffer=1000):
    """Return a dataset by the windowing pipeline that the course teaches."""
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(series)
    dataset = dataset.window(window_size + 1, shift=1, drop_remainder=True)
    dataset = dataset.flat_map(lambda window: window.batch(window_size + 1))
    dataset = dataset.shuffle(shuffle_buffer)
    dataset = dataset.map(lambda window: (window[:-1], window[-1]))
    return dataset.batch(batch_size).prefetch(1)


def arrays(path):
    """Return the arrays of a file, and close it: left open, it warns in whatever test frees it."""
    with np.load(path) as stored:
        return dict(stored)


def unpacked_lambdas(name, suffix, folder):
    """Unpack an old model with Lambdas; return its file, and the arrays that go with it."""
    lambdas = Path(__file__).parent / "saved_models" / "lambdas"
    path = folder / f"{name}.{suffix}"
    path.write_bytes(gzip.decompress((lambdas / f"{name}.{suffix}.gz").read_bytes()))
    return path, arrays(lambdas / f"{name}.npz")
