"""Trains on two TensorFlow devices of one process as on one.

    python examples/workers/tensorflow_devices.py

The two devices are parts of the processor. On a machine with several GPUs, MirroredStrategy() takes
all of them. TensorFlow on several hosts does not work under Keras 3: its trainer has no support for
MultiWorkerMirroredStrategy or parameter servers, and keras.distribution does nothing there.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from keras_ts import WindowedSeries, compare, course_series, forecast


def train(devices: int) -> dict[str, np.ndarray]:
    """Train, judge and forecast on some devices; return the numbers."""
    keras.utils.set_random_seed(1)
    series = course_series()
    # 927 windows, whose last batch has 31: it is filled up with a window that weighs 0.
    windows = WindowedSeries(window=24, batch_size=32, shuffle=True, seed=7, remainder="pad")
    part, validation = windows.split(series, at=951)
    with tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(devices)]).scope():
        layers = [keras.Input((24,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.Adam(1e-3), "mse", weighted_metrics=["mae"])
    fit = model.fit(part, epochs=4, shuffle=False, validation_data=validation, verbose=0)
    numbers = {name: np.array(values) for name, values in fit.history.items()}
    numbers["evaluate"] = np.array(model.evaluate(validation, verbose=0))
    numbers["compare"] = compare(model, part, validation).table["mae"]
    numbers["forecast"] = forecast(model, series, windows)
    numbers["predict"] = validation.align(model.predict(validation, verbose=0))["prediction"]
    return numbers


def main() -> None:
    """Compare one device with two."""
    (processor,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, parts)
    one, two = train(1), train(2)
    print(f"loss of one device:  {one['loss']}")
    print(f"loss of two devices: {two['loss']}")
    worst = {name: float(np.max(np.abs(two[name] / one[name] - 1))) for name in one}
    print(f"largest relative differences: {worst}")
    assert max(worst.values()) < 1e-4


if __name__ == "__main__":
    main()
