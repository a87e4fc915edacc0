"""Trains on two devices of one process as on one.

    python examples/workers/jax_devices.py

The two devices are parts of the processor. On a machine with several GPUs or TPUs, leave XLA_FLAGS
out: DataParallel takes all of them.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import keras
import numpy as np

from keras_ts import WindowedSeries, compare, course_series, forecast


def train(devices: int) -> dict[str, np.ndarray]:
    """Train, judge and forecast on some devices; return the numbers."""
    names = keras.distribution.list_devices()[:devices]
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
    keras.utils.set_random_seed(1)
    series = course_series()
    # 927 windows, whose last batch has 31: it is filled up with a window that weighs 0.
    windows = WindowedSeries(window=24, batch_size=32, shuffle=True, seed=7, remainder="pad")
    part, validation = windows.split(series, at=951)
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
    one, two = train(1), train(2)
    print(f"loss of one device:  {one['loss']}")
    print(f"loss of two devices: {two['loss']}")
    worst = {name: float(np.max(np.abs(two[name] / one[name] - 1))) for name in one}
    print(f"largest relative differences: {worst}")
    assert max(worst.values()) < 1e-4


if __name__ == "__main__":
    main()
