"""Seconds to save and to load: through keras_ts, and through Keras itself.

    python benchmarks/saving.py

All in one run, the two by turns, since machines differ and are shared; medians, and ratios.
Target: at most 1.05 times Keras's own.

Over a file that is there, a new one takes its place whole: some file systems (ext4) write its
bytes to the disk at once for that, so that a crash leaves one or the other, and large models
take as long as the disk does. Keras writes into the old file, which a crash leaves cut off.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_ts import RecurrentPreset, WindowedSeries, from_preset, load_model, save_model

REPEATS = 31


def timed(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def unlinked(path):
    path.unlink(missing_ok=True)
    return path


def beside(ours, theirs):
    """Medians of both, and the median of their ratio, turn by turn: load comes and goes."""
    ours()
    theirs()
    # Whoever runs second finds warm caches, so they take turns in that, too.
    pairs = []
    for turn in range(REPEATS):
        order = (ours, theirs) if turn % 2 else (theirs, ours)
        first, second = map(timed, order)
        pairs.append((first, second) if turn % 2 else (second, first))
    medians = [statistics.median(times) for times in zip(*pairs, strict=True)]
    return *medians, statistics.median(mine / keras_own for mine, keras_own in pairs)


def trained(model):
    model.compile("adam", keras.losses.MeanAbsoluteError())
    model.optimizer.build(model.trainable_variables)
    for variable in model.weights:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    return model


def main():
    models = {
        "simple_rnn_40x2": from_preset("simple_rnn_40x2").build(window=20),
        "gru_32x2": from_preset("gru_32x2").build(window=20),
        "bilstm_32x3": from_preset("bilstm_32x3").build(window=20),
        "lstm 300x2, 13 MB": RecurrentPreset(cell="lstm", units=(300, 300)).build(),
    }
    windows = WindowedSeries(20)
    print(f"{keras.backend.backend()}: milliseconds through keras_ts, through Keras, ratio")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.keras", Path(folder) / "theirs.keras"
        for name, model in models.items():
            trained(model)
            over = beside(
                lambda model=model: save_model(model, ours, windows=windows),
                lambda model=model: keras.saving.save_model(model, theirs),
            )
            saving = beside(
                lambda model=model: save_model(model, unlinked(ours), windows=windows),
                lambda model=model: keras.saving.save_model(model, unlinked(theirs)),
            )
            loading = beside(lambda: load_model(ours), lambda: keras.saving.load_model(theirs))
            for what, (mine, keras_own, ratio) in {
                "save": saving,
                "save over a file": over,
                "load": loading,
            }.items():
                print(f"{what:16} {mine * 1e3:9.1f} {keras_own * 1e3:9.1f}  {ratio:6.3f}  {name}")


if __name__ == "__main__":
    main()
