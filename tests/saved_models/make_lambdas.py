"""Makes the old models with Lambdas in lambdas/, and the bytecode in lambdas/code.json.

Models, with tf-keras 2 (a folder of its own each, so that names begin at lambda):
    python make_lambdas.py keras2
and bytecode, with every CPython at hand (3.6 to 3.13), each adding itself:
    python3.x make_lambdas.py code
"""

import base64
import gzip
import json
import marshal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent / "lambdas"
SOURCES = [
    "x * 100.0",
    "100 * x",
    "x * -2.5",
    "expand_dims(x, -1)",
    "tf.expand_dims(x, -1)",
    "tf.expand_dims(x, axis=-1)",
    "keras.ops.expand_dims(x, axis=2)",
    "tf.keras.backend.expand_dims(x, -1)",
    # These must not be taken for one of those above.
    "x + 100.0",
    "x / 100.0",
    "x ** 100.0",
    "x * 100.0 * 2.0",
    "x * True",
    "x * scale",
    "tf.expand_dims(x * 2, -1)",
    "tf.expand_dims(x, dim=-1)",
    "tf.sin(x, -1)",
    "x[..., None]",
]


def code():
    path = HERE / "code.json"
    blobs = json.loads(path.read_text()) if path.exists() else {}
    version = "{}.{}".format(*sys.version_info)
    blobs[version] = {}
    for source in SOURCES:
        function = eval("lambda x: " + source)
        blobs[version][source] = base64.b64encode(marshal.dumps(function.__code__)).decode()
    path.write_text(json.dumps(blobs, indent=1, sort_keys=True) + "\n")


def keras2():
    global tf  # As in a notebook: a Lambda's closure would be saved.
    import numpy as np
    import tensorflow as tf
    import tf_keras as keras

    layers = keras.layers

    def front(**kwargs):
        return layers.Lambda(lambda x: tf.expand_dims(x, axis=-1), **kwargs)

    def back(**kwargs):
        return layers.Lambda(lambda x: x * 100.0, **kwargs)

    def course():
        return keras.Sequential([
            front(input_shape=[None]), layers.SimpleRNN(2, return_sequences=True),
            layers.SimpleRNN(2), layers.Dense(1), back(),
        ])  # fmt: skip

    def convolution():
        return keras.Sequential([
            front(input_shape=[6]), layers.Conv1D(2, 3, padding="causal", activation="relu"),
            layers.BatchNormalization(), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1),
            back(),
        ])  # fmt: skip

    def shared():
        series = keras.Input((6,))
        inner = keras.Model(series, layers.Dense(2)(layers.GRU(2)(front()(series))), name="inner")
        past, other = keras.Input((6,)), keras.Input((6,))
        joined = layers.Concatenate()([inner(past), inner(other)])
        return keras.Model([past, other], back(name="back")(layers.Dense(1)(joined)))

    def sequential_inside():
        inner = keras.Sequential([front(input_shape=[6]), layers.GRU(2)], name="inner")
        series = keras.Input((6,))
        return keras.Model(series, inner(series))

    compiled = {
        course: {"loss": keras.losses.Huber(delta=2.0),
                 "optimizer": keras.optimizers.SGD(1e-3, momentum=0.9)},
        convolution: {"loss": "mse", "optimizer": "adam"},
        shared: {"loss": "mse", "optimizer": keras.optimizers.legacy.Adam(1e-3)},
        sequential_inside: {"loss": "mae", "optimizer": "rmsprop"},
    }  # fmt: skip
    for build, settings in compiled.items():
        keras.backend.clear_session()
        keras.utils.set_random_seed(51)
        model = build()
        model.compile(metrics=["mae"], **settings)
        x = np.random.RandomState(0).randn(8, 6).astype("float32")
        x = [x, x[::-1]] if len(model.inputs) == 2 else x
        y = np.ones((8, *model.output_shape[1:]), "float32")
        model.fit(x, y, verbose=0)
        optimizer = model.optimizer
        slots = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
        np.savez_compressed(
            HERE / (build.__name__ + ".npz"),
            x=np.stack(x),
            y=model.predict(x, verbose=0),
            loss=model.evaluate(x, y, verbose=0)[0],
            **{f"slot{i}": slot.numpy() for i, slot in enumerate(slots)},
        )
        for suffix in ("h5", "keras"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"model.{suffix}"
                model.save(path)
                packed = gzip.compress(path.read_bytes(), mtime=0)
            (HERE / f"{build.__name__}.{suffix}.gz").write_bytes(packed)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    {"code": code, "keras2": keras2}[sys.argv[1]]()
