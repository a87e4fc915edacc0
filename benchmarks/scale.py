"""Very many short series: seconds and memory from a frame to windows, a verdict and a forecast.

    pip install polars    # for development only
    KERAS_BACKEND=jax python benchmarks/scale.py [--sizes 10000 100000 1000000]

Panels of 30 days of ever more series, in a polars frame of an integer id, a timestamp and a
float64: 24 bytes a row. The floor is polars, which sorts the shuffled frame by id and time in the
same process. Then keras_ts gets the sorted frame. All windows have 14 inputs and 7 targets, and the
model is linear, so that hardly anything but the work for each series is measured.

Seconds are those of the processor, which others on the machine hardly change; the floor and a
case run by turns. Memory is how far the resident memory of a fresh process rises, at its peak,
above that with the frame read and all imports done. It is measured on Linux.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import polars as pl

from keras_ts import WindowedSeries, compare, forecast

DAYS, WINDOW, HORIZON = 30, 14, 7
WINDOWS = WindowedSeries(
    WINDOW, HORIZON, target_columns="y", id_column="id", time_column="time", batch_size=1024
)
DROPPING = WindowedSeries.from_config({**WINDOWS.get_config(), "missing": "drop"})
SIZES = (10_000, 100_000, 1_000_000)


def panel(series, days=DAYS):
    """Return a frame of that many series, sorted by id and time."""
    rng = np.random.default_rng(0)
    times = np.datetime64("2024-01-01", "us") + np.arange(days).astype("m8[D]")
    y = 50 + rng.normal(size=(series, days)).cumsum(axis=1)
    ids = np.repeat(np.arange(series), days)
    return pl.DataFrame({"id": ids, "time": np.tile(times, series), "y": y.ravel()})


def with_holes(frame):
    """Return a frame without 1 % of its rows, and with NaN in another 1 %."""
    chance = pl.Series(np.random.default_rng(1).random(len(frame)))
    frame = frame.with_columns(y=pl.when(chance < 0.01).then(float("nan")).otherwise("y"))
    return frame.filter(chance < 0.99)


def linear_model():
    """Return a linear model of a window."""
    past = keras.Input((WINDOW, 1))
    return keras.Model(past, keras.layers.Dense(HORIZON)(keras.layers.Flatten()(past)))


def parts(frame):
    """Return the training part, and the last week for validation: one window of each series."""
    return WINDOWS.split(frame, -HORIZON)


# Each case prepares, outside of what is measured, and returns what is measured.


def first_batch(frame):
    """Frame to first batch."""
    return lambda: WINDOWS.build(frame)[0]


def split(frame):
    """Split at a timestamp."""
    border = np.datetime64("2024-01-01") + (DAYS - HORIZON)
    return lambda: [part[0] for part in WINDOWS.split(frame, str(border))]


def drop(frame):
    """missing="drop", holes and gaps."""
    holed = with_holes(frame)
    return lambda: DROPPING.build(holed)[0]


def align(frame):
    """Align, 7 steps each."""
    _, validation = parts(frame)
    predictions = np.zeros((validation.num_windows, HORIZON), np.float32)
    return lambda: validation.align(predictions)


def baselines(frame):
    """Compare, 4 baselines."""
    train, validation = parts(frame)
    return lambda: str(compare(None, train, validation))


def model_compared(frame):
    """Compare, a model and 4 baselines."""
    (train, validation), model = parts(frame), linear_model()
    return lambda: str(compare(model, train, validation))


def forecast_frame(frame):
    """Forecast to a frame."""
    model = linear_model()
    forecast(model, panel(1024), WINDOWS)  # Compiles the loop.
    return lambda: forecast(model, frame, WINDOWS)


def arithmetic(frame):
    """Model alone, on arrays."""
    model = linear_model()
    last = frame["y"].to_numpy().reshape(-1, DAYS, 1)[:, -WINDOW:].astype(np.float32)
    model.predict(last[:1024], batch_size=1024, verbose=0)
    return lambda: model.predict(last, batch_size=1024, verbose=0)


CASES = {
    case.__name__: case
    for case in (
        first_batch, split, drop, align, baselines, model_compared, forecast_frame, arithmetic
    )
}  # fmt: skip


def title_of(name):
    """Return the words for a case."""
    return CASES[name].__doc__.rstrip(".")


def by_turns(floor, work):
    """Return the seconds of the floor, those of a case, and the ratio: medians of some turns."""
    turns = []
    while len(turns) < 5 and sum(map(sum, turns)) < 10:
        moments = [time.process_time()]
        for call in (floor, work):
            call()
            moments.append(time.process_time())
        turns.append(np.diff(moments))
    sorting, seconds = np.transpose(turns)
    return np.median(sorting), np.median(seconds), np.median(seconds / sorting)


def resident(field):
    """Return a field of the memory of this process, in bytes: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def timed_here(size, *names):
    """Print the seconds of the floor and of each case, and the ratio."""
    frame = panel(size)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=0)
    for name in names:
        CASES[name](panel(1000))()
        print(*by_turns(lambda: shuffled.sort("id", "time"), CASES[name](frame)))


def weighed_here(path, name):
    """Print the peak of a case's memory, in bytes, and the size of its frame."""
    CASES[name](panel(1000))()
    frame = pl.read_parquet(path)
    work = CASES[name](frame)
    Path("/proc/self/clear_refs").write_text("5")  # Sets the peak to what is resident now.
    before = resident("VmRSS")
    work()
    print(resident("VmHWM") - before, frame.estimated_size())


def in_process(*arguments):
    """Return the lines of numbers that this script prints in a process of its own."""
    ran = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, __file__, "--here", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [tuple(map(float, line.split())) for line in ran.stdout.splitlines()]


def measure(size, names):
    """Print the table of one size; return seconds, floor and memory ratio by case."""
    print(f"{size:,} series of {DAYS} rows, {panel(size).estimated_size() / 1e6:,.0f} MB")
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.parquet"
        panel(size).write_parquet(path)
        for name, times in zip(names, in_process("time", size, *names), strict=True):
            floor, seconds, ratio = times
            [(peak, frame)] = in_process("memory", path, name)
            measured[name] = seconds, floor, peak / frame
            print(
                f"  {title_of(name):32s} {seconds:8.3f} s  {ratio:6.2f} x the sort of "
                f"{floor:6.3f} s  {seconds / size * 1e6:6.2f} us a series  "
                f"memory {peak / frame:5.2f} x the frame",
                flush=True,
            )
    return measured


def growth(tables):
    """Print how many times the seconds of each case grow from one size to the next."""
    sizes = list(tables)
    for before, after in pairwise(sizes):
        print(f"From {before:,} to {after:,} series:")
        for name in tables[after]:
            times = tables[after][name][0] / tables[before][name][0]
            print(f"  {title_of(name):32s} {times:5.1f} times the seconds", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        what, of, *names = arguments.here
        timed_here(int(of), *names) if what == "time" else weighed_here(of, *names)
        return
    tables = {size: measure(size, arguments.cases) for size in arguments.sizes}
    growth(tables)


if __name__ == "__main__":
    main()
