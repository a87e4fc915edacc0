"""Makes the models of <version>/, which every later version must load.

Run it once per release, with the oldest Keras that is supported (files only go forward):
    PYTHONPATH=.. KERAS_BACKEND=tensorflow python make.py
A folder that is there already is left alone: it holds what people have. Models that carry all that
a forecast needs are made by ``forecasters.py``.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

import forecasters
import keras
import numpy as np

import keras_ts
from keras_ts import (
    ExpandSeries,
    ExponentialLRSweep,
    ScaleOutput,
    WindowedInput,
    WindowedSeries,
    sequence_to_sequence,
    sequence_to_vector,
)
from keras_ts.layers import NormalizeWindow, RestoreWindow, SortedQuantiles
from keras_ts.losses import QuantileLoss
from keras_ts.metrics import IntervalCoverage, MedianMAE
from registered import REGISTERED

LEVELS = [0.1, 0.5, 0.9]
# One of each registered class, and those below with settings that are not the defaults.
OBJECTS = {
    **{name.removeprefix("keras_ts>"): make() for name, make in REGISTERED.items()},
    **{f"preset_{name}": keras_ts.from_preset(name) for name in keras_ts.preset_names()},
    "ExpandSeries": ExpandSeries(axis=1, name="expand"),
    "ScaleOutput": ScaleOutput([2.0, -5.0], 1.5, dtype="mixed_float16", name="scale"),
    "NormalizeWindow": NormalizeWindow("last", causal=True, epsilon=1e-5, name="normalize"),
    "RestoreWindow": RestoreWindow(feature=1, name="restore"),
    "WindowedSeries": WindowedSeries(
        20, 3, gap=1, stride=2, sampling_rate=2, target_columns=["a"], future_columns="plan",
        id_column="shop", time_column="day", missing="drop", batch_size=16, shuffle=True, seed=7,
        remainder="drop",
    ),
    "RecurrentPreset": keras_ts.from_preset("gru_32x2"),
    "SortedQuantiles": SortedQuantiles([0.1, 0.5, 0.9], dtype="mixed_float16", name="sorted"),
    "QuantileLoss": QuantileLoss([0.1, 0.5, 0.9], "sum", name="pinball"),
    "WindowedInput": WindowedInput(
        WindowedSeries(5, target_columns=0), frequency="1 day", quantiles=LEVELS, name="windows",
        columns={"past": [0, 1], "future": [], "static": [], "target": [0]},
    ),
    "MedianMAE": MedianMAE([0.1, 0.5, 0.9], name="error"),
    "IntervalCoverage": IntervalCoverage([0.1, 0.5, 0.9], name="within"),
    "ExponentialLRSweep": ExponentialLRSweep(1e-6, 1.0, steps=50, every="epoch", stop_factor=None),
}  # fmt: skip


def of_presets():
    """Return a model of each kind that presets build."""
    return {
        "scaled": sequence_to_vector(units=(2, 2), output_scale=100.0),
        "sequence": sequence_to_sequence(units=(2,), features=1),
        "bilstm": sequence_to_vector(
            cell="lstm",
            units=(2,),
            bidirectional=True,
            window=8,
            outputs=2,
            output_scale=(2.0, 5.0),
        ),
        "last": sequence_to_vector(cell="gru", units=(2,), window=8, window_norm="last"),
        "last_sequence": sequence_to_sequence(cell="gru", units=(2,), window_norm="last"),
        "mean": sequence_to_vector(units=(2,), features=2, window_norm="mean", outputs=2),
        "standard": sequence_to_vector(
            cell="lstm",
            units=(2,),
            features=2,
            window_norm="standard",
            target=1,
            outputs=3,
            dropout=0.1,
        ),
    }


def layers_by_hand():
    """Return a model that no preset builds: a new axis in front, a mask, an offset per output."""
    series = keras.Input((8,), name="series")
    x = keras.layers.Permute((2, 1))(ExpandSeries(axis=1, name="expand")(series))
    x = keras.layers.GRU(2, return_sequences=True)(keras.layers.Masking(0.0)(x))
    x = ScaleOutput([3.0, -2.0], [1.0, 0.5], name="scale")(x)
    return keras.Model(series, x)


def quantiles():
    """Return a model that carries its windows and gives three quantiles of two steps ahead."""
    windows = WindowedSeries(
        8, 2, target_columns="sales", future_columns=["plan"], calendar="week", time_column="day"
    )
    ahead = ["plan", "week_sin", "week_cos"]
    columns = {"past": ["sales", *ahead], "future": ahead, "static": [], "target": ["sales"]}
    past = keras.Input((8, 4), name="past")
    x = WindowedInput(windows, columns=columns, frequency="1 day", quantiles=LEVELS, name="windows")
    x = keras.layers.GRU(2)(x(past))
    return keras.Model(past, SortedQuantiles(LEVELS, name="sorted")(keras.layers.Dense(6)(x)))


def compile_for(name, model):
    """Compile a model for its kind of outputs."""
    loss, metrics = "mae", ["mse"]
    if name == "quantiles":
        loss, metrics = QuantileLoss(LEVELS), [MedianMAE(LEVELS), IntervalCoverage(LEVELS)]
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=metrics)


def make(name, model, folder):
    random = np.random.RandomState(51)
    columns = model.input_shape[2:]
    targets = model.output_shape[1 : -1 if name == "quantiles" else None]
    x = random.randn(6, 8, *columns).astype("float32")
    x[0, -2:] = 0.0  # The masking model needs masked steps.
    y = random.randn(6, *(size or 8 for size in targets)).astype("float32")
    compile_for(name, model)
    model.fit(x, y, verbose=0)
    np.savez_compressed(
        folder / f"{name}.npz",
        x=x,
        y=y,
        predictions=model.predict(x, verbose=0),
        metrics=model.evaluate(x, y, verbose=0),
        **{f"slot{i}": v.numpy() for i, v in enumerate(model.optimizer.variables)},
    )
    # In this order: saving .h5 takes the optimizer off the model.
    (folder / f"{name}.json").write_text(model.to_json())
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary)
        windows = None if name == "quantiles" else WindowedSeries(8, seed=51)
        keras_ts.save_model(model, path / f"{name}.keras", windows)
        model.save_weights(path / f"{name}.weights.h5")
        if name != "by_hand":  # Keras loads no .h5 file of a functional model with a mask.
            model.save(path / f"{name}.h5")
        for file in path.iterdir():
            packed = gzip.compress(file.read_bytes(), mtime=0)
            (folder / f"{file.name}.gz").write_bytes(packed)


def main():
    keras.utils.set_random_seed(51)
    folder = Path(__file__).resolve().parent / keras_ts.__version__
    if folder.exists():
        sys.exit(f"{folder} is there already")
    folder.mkdir()
    for name, model in of_presets().items():
        make(name, model, folder)
    make("by_hand", layers_by_hand(), folder)
    make("quantiles", quantiles(), folder)
    forecasters.make(folder)
    stored = {name: keras.saving.serialize_keras_object(item) for name, item in OBJECTS.items()}
    (folder / "objects.json").write_text(json.dumps(stored, indent=1) + "\n")
    made = {"keras": keras.__version__, "backend": keras.backend.backend()}
    (folder / "made_with.json").write_text(json.dumps(made) + "\n")


if __name__ == "__main__":
    main()
