"""Windows a second: ours, the course's helper, Keras's function, and NumPy's own limit.

    python benchmarks/feeding.py

All in one run, since machines differ and are shared; medians of several passes, and ratios.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from keras_ts import WindowedSeries

LENGTH, WINDOW, BATCH = 100_000, 20, 128


def course_helper(series):
    """The pipeline that the course teaches, in its structure."""
    data = tf.data.Dataset.from_tensor_slices(series)
    data = data.window(WINDOW + 1, shift=1, drop_remainder=True)
    data = data.flat_map(lambda w: w.batch(WINDOW + 1))
    data = data.shuffle(1000).map(lambda w: (w[:-1], w[-1]))
    return data.batch(BATCH).prefetch(1)


def keras_function(series):
    return keras.utils.timeseries_dataset_from_array(
        series[:-1], series[WINDOW:], sequence_length=WINDOW, batch_size=BATCH, shuffle=True
    )


def consumed(dataset):
    """Run through a tf.data.Dataset inside the graph, so that no Python is counted."""

    @tf.function
    def count(data):
        return data.reduce(np.int64(0), lambda n, _: n + 1)

    return lambda: count(dataset)


def bare_numpy(series):
    view = sliding_window_view(series, WINDOW + 1)

    def one_pass():
        order = np.random.permutation(len(view))
        for begin in range(0, len(view), BATCH):
            view[order[begin : begin + BATCH]]

    return one_pass


def ours(series):
    dataset = WindowedSeries(WINDOW, batch_size=BATCH, shuffle=True, seed=1).build(series)

    def one_pass():
        for batch in range(len(dataset)):
            dataset[batch]
        dataset.on_epoch_end()

    return one_pass


def rate(one_pass, windows, repeats):
    one_pass()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        one_pass()
        seconds.append(time.perf_counter() - begin)
    return windows / statistics.median(seconds)


def main():
    series = np.random.default_rng(0).normal(size=LENGTH).astype("float32")
    windows = LENGTH - WINDOW
    described = WindowedSeries(WINDOW, batch_size=BATCH, shuffle=True, seed=1)
    rates = {
        "course helper, window().flat_map()": rate(consumed(course_helper(series)), windows, 5),
        "keras timeseries_dataset_from_array": rate(consumed(keras_function(series)), windows, 5),
        "ours, to_tf()": rate(consumed(described.build(series).to_tf()), windows, 5),
        "ours, dataset[i]": rate(ours(series), windows, 9),
        "limit: bare NumPy": rate(bare_numpy(series), windows, 9),
    }
    slowest = rates["course helper, window().flat_map()"]
    print(f"N = {LENGTH:,}, W = {WINDOW}, B = {BATCH}; windows a second, and times the course's")
    for name, value in rates.items():
        print(f"{value:15,.0f}  {value / slowest:9,.1f}x  {name}")


if __name__ == "__main__":
    main()
