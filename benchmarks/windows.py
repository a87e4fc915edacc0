"""Feeding windows: ours beside the course's helper, Keras's function, and the physical limits.

    python benchmarks/windows.py            # table, and windows.png
    python benchmarks/windows.py --quick    # without the peers, which take minutes

Everything that is compared runs in turn, in one process: machines differ and are shared, so
what counts is the ratio of medians. Peers and tf.data run inside the graph, where no Python
is counted. The limits are bare NumPy, ``sliding_window_view(s, W + 1)[order[k:k + B]]`` with
its own permutation, and tf.data handing out numbers instead of windows.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from keras_ts import WindowedSeries

ROUNDS = 7


def medians(functions, rounds=ROUNDS):
    """Seconds of each, taken in turn so that a slow moment of the machine meets all."""
    for function in functions.values():
        function()
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begin = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


def series_of(length, columns=None):
    shape = length if columns is None else (length, columns)
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def course_helper(series, window, batch):
    """The pipeline that the course teaches, in its structure."""
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(series)
    data = data.window(window + 1, shift=1, drop_remainder=True)
    data = data.flat_map(lambda w: w.batch(window + 1))
    data = data.shuffle(1000).map(lambda w: (w[:-1], w[-1]))
    return data.batch(batch).prefetch(1)


def keras_function(series, window, batch):
    return keras.utils.timeseries_dataset_from_array(
        series[:-1], series[window:], sequence_length=window, batch_size=batch, shuffle=True
    )


def in_graph(dataset):
    """Run through a tf.data.Dataset inside the graph."""
    import tensorflow as tf

    @tf.function
    def count(data):
        return data.reduce(np.int64(0), lambda n, *_: n + 1)

    return lambda: count(dataset)


def tf_data_floor(batches):
    import tensorflow as tf

    return in_graph(tf.data.Dataset.range(batches).map(lambda i: i).prefetch(2))


def bare_numpy(series, window, batch):
    view = sliding_window_view(series, window + 1, axis=0)

    def one_pass():
        order = np.random.permutation(len(view))
        for begin in range(0, len(view), batch):
            view[order[begin : begin + batch]]

    return one_pass


def described(window, batch):
    return WindowedSeries(window, batch_size=batch, shuffle=True, seed=1)


def indexed(dataset):
    def one_pass():
        for batch in range(len(dataset)):
            dataset[batch]
        dataset.next_epoch()

    return one_pass


def line(*cells):
    print(
        "".join(
            str(cell).ljust(width) for cell, width in zip(cells, (38, 14, 16, 60), strict=False)
        )
    )


def feeding(quick):
    """The course's case, beside both peers."""
    length, window, batch = 100_000, 20, 128
    series = series_of(length)
    dataset = described(window, batch).build(series)
    batches, windows = len(dataset), dataset.num_windows
    seconds = medians(
        {
            "ours, dataset[i]": indexed(dataset),
            "ours, to_tf()": in_graph(described(window, batch).build(series).to_tf()),
            "limit: bare NumPy": bare_numpy(series, window, batch),
            "limit: tf.data's floor": tf_data_floor(batches),
        }
    )
    if not quick:
        peers = {
            "the course's helper": in_graph(course_helper(series, window, batch)),
            "Keras's function": in_graph(keras_function(series, window, batch)),
        }
        seconds |= medians(peers, rounds=5)
    print(f"\nN = {length:,}, W = {window}, B = {batch}")
    line("", "us a batch", "windows a s", "times: course's, Keras's, bare NumPy, tf.data's floor")
    for name, value in seconds.items():
        against = [
            f"{seconds[peer] / value:,.0f}x" if peer in seconds else "-"
            for peer in ("the course's helper", "Keras's function")
        ]
        against += [
            f"1/{value / seconds[limit]:.2f}"
            for limit in ("limit: bare NumPy", "limit: tf.data's floor")
        ]
        line(name, f"{value / batches * 1e6:.1f}", f"{windows / value:,.0f}", ", ".join(against))
    return {name: windows / value for name, value in seconds.items()}


def wide():
    """Long windows and many columns, where copying is what costs."""
    print("\nLong windows and many columns, N = 100,000, B = 1,024; us a batch")
    line("", "bare NumPy", "dataset[i]", "to_tf(), beside tf.data's floor + twice bare NumPy")
    for window, columns in ((512, None), (20, 8), (512, 8)):
        series = series_of(100_000, columns)
        dataset = described(window, 1024).build(series)
        taken = medians(
            {
                "bare": bare_numpy(series, window, 1024),
                "ours": indexed(dataset),
                "tf": in_graph(described(window, 1024).build(series).to_tf()),
                "floor": tf_data_floor(len(dataset)),
            }
        )
        each = {name: value / len(dataset) * 1e6 for name, value in taken.items()}
        allowed = each["floor"] + 2 * each["bare"]
        line(
            f"W = {window}, F = {columns or 1}",
            f"{each['bare']:.0f}",
            f"{each['ours']:.0f} ({each['ours'] / each['bare']:.2f}x)",
            f"{each['tf']:.0f}, {allowed:.0f} ({each['tf'] / allowed:.2f}x)",
        )


def covariates():
    """With a calendar and columns known ahead: past, future and target, read by bare NumPy."""
    print("\nA calendar of two cycles and a column known ahead, N = 100,000; us a batch")
    line("", "bare NumPy", "dataset[i]")
    for window, horizon, columns, batch in ((20, 1, 3, 128), (28, 7, 8, 1024), (168, 24, 8, 128)):
        series = series_of(100_000, columns)
        settings = {"target_columns": "0", "future_columns": "1", "calendar": [7, 365.25]}
        table = pd.DataFrame(series, columns=[str(n) for n in range(columns)])
        table["row"] = np.arange(len(table))
        windows = WindowedSeries(
            window, horizon, time_column="row", batch_size=batch, shuffle=True, seed=1, **settings
        )
        dataset = windows.build(table)
        values = np.concatenate([series, np.zeros((len(series), 4), "float32")], axis=1)
        ahead = np.ascontiguousarray(values[window:, [1, *range(columns, columns + 4)]])
        views = [
            sliding_window_view(values[:-horizon], window, axis=0),
            sliding_window_view(ahead, horizon, axis=0),
            sliding_window_view(values[window:, 0].copy(), horizon),
        ]

        def bare(views=views, batch=batch):
            order = np.random.permutation(len(views[0]))
            for begin in range(0, len(order), batch):
                starts = order[begin : begin + batch]
                for view in views:
                    view[starts]

        taken = medians({"bare": bare, "ours": indexed(dataset)})
        each = {name: value / len(dataset) * 1e6 for name, value in taken.items()}
        ratio = each["ours"] / each["bare"]
        line(
            f"W = {window}, H = {horizon}, F = {columns}, B = {batch}",
            f"{each['bare']:.0f}",
            f"{each['ours']:.0f} ({ratio:.2f}x)",
        )


def early():
    """Windows that begin before their series, beside bare NumPy on series that were padded."""
    print("\nA panel of short series, one column, B = 128; us a batch")
    line("", "bare NumPy", "dataset[i]", "without min_inputs, of the same panel padded")
    for count, length, window in ((1000, 60, 48), (1000, 200, 24), (1, 100_000, 48)):
        panel = list(series_of(length, count).T)
        settings = {"batch_size": 128, "shuffle": True, "seed": 1, "missing": "mask"}
        least = window // 3
        dataset = WindowedSeries(window, min_inputs=least, **settings).build(panel)
        front = np.full(window - least, np.nan, "float32")
        padded = [np.concatenate([front, series]) for series in panel]
        ours = WindowedSeries(window, **settings).build(padded)
        values, starts = np.concatenate(padded), np.arange(ours.num_windows)
        starts = ours._source.sampler.ranges.starts(starts)
        view = sliding_window_view(values, window + 1)

        def bare(view=view, starts=starts):
            order = np.random.permutation(starts)
            for begin in range(0, len(order), 128):
                view[order[begin : begin + 128]]

        functions = {"bare": bare, "early": indexed(dataset), "padded": indexed(ours)}
        taken = {name: seconds / len(dataset) * 1e6 for name, seconds in medians(functions).items()}
        share = (ours.num_windows - WindowedSeries(window).count(panel)) / ours.num_windows
        line(
            f"{count} x {length}, W = {window}, {share:.0%} early",
            f"{taken['bare']:.0f}",
            f"{taken['early']:.0f} ({taken['early'] / taken['bare']:.2f}x)",
            f"{taken['padded']:.0f} ({taken['padded'] / taken['bare']:.2f}x)",
        )


def memory(kind):
    """MiB of this process that are its own, or that show mapped files."""
    for entry in Path("/proc/self/status").read_text().splitlines():
        if entry.startswith(kind):
            return int(entry.split()[1]) / 1024
    return float("nan")


def memmap(batches=4000):
    """A thousand million windows over a sparse file of 4 GB."""
    window, batch, count = 20, 128, 10**9
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series"
        with path.open("wb") as file:
            file.truncate(4 * (count + window))
        series = np.memmap(path, np.float32, mode="r")
        before = memory("RssAnon")
        begin = time.perf_counter()
        dataset = described(window, batch).build(series)
        built = time.perf_counter() - begin
        view = sliding_window_view(series, window + 1)
        places = np.random.default_rng(0).integers(0, len(view), (batches, batch))

        def ours():
            for number in range(batches):
                dataset[number]

        def bare():
            for number in range(batches):
                view[places[number]]

        taken = medians({"bare": bare, "ours": ours}, rounds=5)
        more = memory("RssAnon") - before - places.nbytes / 2**20
        each = {name: value / batches * 1e6 for name, value in taken.items()}
        print(f"\n{dataset.num_windows:,} windows over a memory map of 4 GB, B = {batch}")
        line("build", f"{built * 1e3:.1f} ms")
        line("bare NumPy, a batch", f"{each['bare']:.0f} us")
        ratio = each["ours"] / each["bare"]
        line("ours, shuffled, a batch", f"{each['ours']:.0f} us", f"{ratio:.2f}x")
        line("memory of the process", f"{more:+.1f} MiB", "beside the file's own pages")


def linear():
    print("\nCost of an epoch, W = 20, B = 128")
    seconds = {}
    for length in (10**5, 10**6, 10**7):
        dataset = described(20, 128).build(series_of(length))
        seconds[length] = medians({"ours": indexed(dataset)}, rounds=5)["ours"]
        each = seconds[length] / dataset.num_windows * 1e9
        line(f"N = {length:,}", f"{seconds[length]:.3f} s", f"{each:.1f} ns a window")
    return seconds


def fit_here():
    """An epoch of a small RNN: windows as they are needed, beside all of them in memory."""
    windows = WindowedSeries(20, batch_size=128, shuffle=True, seed=1)
    dataset = windows.build(series_of(50_000))
    x, y = (np.ascontiguousarray(part) for part in dataset.to_numpy())

    def trained(*data, **settings):
        keras.utils.set_random_seed(0)
        layers = [keras.Input((20,)), keras.layers.Reshape((-1, 1)), keras.layers.SimpleRNN(8)]
        model = keras.Sequential([*layers, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return lambda: model.fit(*data, epochs=1, verbose=0, **settings)

    taken = medians(
        {"arrays": trained(x, y, batch_size=128, shuffle=True), "ours": trained(dataset)}
    )
    line(
        keras.backend.backend(),
        f"{taken['arrays'] * 1e3:.0f} ms",
        f"{taken['ours'] * 1e3:.0f} ms",
        f"{taken['ours'] / taken['arrays']:.2f}x",
    )


def fit():
    print("\nAn epoch of fit, SimpleRNN(8), 49,980 windows of 20, B = 128")
    line("", "from arrays", "ours")
    sys.stdout.flush()
    for backend in ("tensorflow", "jax", "torch"):
        command = [sys.executable, __file__, "--fit-here"]
        ran = subprocess.run(  # noqa: S603 - this very file
            command,
            env={**os.environ, "KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
            check=False,
        )
        said = [entry for entry in ran.stdout.splitlines() if entry.startswith(backend)]
        line(said[0] if said else f"{backend} is not installed")


def plot(rates, seconds, path):
    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    names = sorted(rates, key=rates.get)
    bars = left.barh(names, [rates[name] for name in names], log=True)
    for bar, name in zip(bars, names, strict=True):
        bar.set_color("#c9503c" if name.startswith("ours") else "#8d99a6")
    left.bar_label(bars, [f"{rates[name]:,.0f}" for name in names], padding=3)
    left.set_xlim(1e3, max(rates.values()) * 12)
    left.set_title("Windows a second (W = 20, B = 128)", loc="left")
    right.loglog(list(seconds), list(seconds.values()), "o-", color="#c9503c", label="ours")
    first = next(iter(seconds))
    straight = [seconds[first] * length / first for length in seconds]
    right.loglog(list(seconds), straight, "--", color="#8d99a6", label="linear")
    right.set_title("Seconds an epoch, by length of the series", loc="left")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    print(f"\n{path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the peers")
    parser.add_argument("--fit-here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--picture", default="windows.png", help="where the picture goes")
    arguments = parser.parse_args()
    if arguments.fit_here:
        fit_here()
        return
    rates = feeding(arguments.quick)
    wide()
    covariates()
    early()
    memmap()
    seconds = linear()
    fit()
    plot(rates, seconds, arguments.picture)


if __name__ == "__main__":
    main()
