"""``compare`` on large panels beside the model's own ``predict``: what the judging adds.

    KERAS_BACKEND=jax python benchmarks/judging.py [--series 10000 100000] [--rows 60] [--runs 3]

Each series is a random walk. Windows of 28 rows and a horizon of 14 are judged at the last origin
of every series, or with ``--origins`` at several. The baselines are fitted on all earlier windows.
A ratio of 1 is a comparison that takes no longer than the predictions of the model in it.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_ts import WindowedSeries, compare, from_preset


def seconds(function, runs):
    """Return the median of the seconds that a function takes."""
    taken = []
    for _ in range(runs):
        begin = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def judged(count, rows, origins, runs):
    """Print a line for a panel of ``count`` series."""
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(count, rows)).cumsum(axis=1) + 100
    windows = WindowedSeries(28, 14, batch_size=1024)
    train, held = windows.split(list(walks.astype("float32")), -13 - origins)
    model = from_preset("gru_32x2").build(train)
    model.predict(held, verbose=0)  # Compiles.
    compare(model, train, held)
    predict = seconds(lambda: model.predict(held, verbose=0), runs)
    ours = seconds(lambda: str(compare(model, train, held)), runs)
    print(
        f"{count:7,} series, {train.num_windows:9,} windows to fit on, {held.num_windows:9,} to "
        f"judge on: predict {predict:6.2f} s, compare {ours:6.2f} s, ratio {ours / predict:.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--origins", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    for count in arguments.series:
        judged(count, arguments.rows, arguments.origins, arguments.runs)


if __name__ == "__main__":
    main()
