"""Makes the files of tf.keras 2 with Lambdas in lambdas/, with tf-keras 2.

python make_lambdas.py
"""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

HERE = Path(__file__).resolve().parent / "lambdas"


def course():
    return keras.Sequential([
        keras.layers.Lambda(lambda x: tf.expand_dims(x, axis=-1), input_shape=[6]),
        keras.layers.Conv1D(2, 3, padding="causal", activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(1),
        keras.layers.Lambda(lambda x: x * 100.0),
    ])  # fmt: skip


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    keras.utils.set_random_seed(51)
    model = course()
    model.compile("adam", "mse", metrics=["mae"])
    x = np.random.RandomState(0).randn(8, 6).astype("float32")
    model.fit(x, np.ones((8, 1), "float32"), verbose=0)
    np.savez_compressed(HERE / "course.npz", x=x, y=model.predict(x, verbose=0))
    for suffix in ("h5", "keras"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model.{suffix}"
            model.save(path)
            packed = gzip.compress(path.read_bytes(), mtime=0)
        (HERE / f"course.{suffix}.gz").write_bytes(packed)
