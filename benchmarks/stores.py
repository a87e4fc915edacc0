"""A folder of Parquet files: written to a store, and trained from it, beside all in memory.

    pip install polars pyarrow narwhals duckdb
    KERAS_BACKEND=jax python benchmarks/stores.py [--gigabytes 2] [--series 200000] [--files 100]

The folder has that many bytes in memory. Each file holds some days of all series in random order,
so that every series is spread over the files; a text column never changes within a series. Each
measurement runs in a fresh process:

- polars: the folder is read whole and sorted by id and day, the floor of any way to windows;
- store: ``PanelStore.write`` of the folder;
- batches: 1,000 batches of 1,024 windows in random order, from the store and from the frame of
  polars, read alone and trained on by a tiny model; the runs take turns, the median is shown.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

VALUES = ["units", "price", "visits", "stock", "returns"]
KINDS = ["bakery", "dairy", "drinks", "frozen", "fruit", "meat", "snacks", "sweets"]
# What a row takes in memory: id, day, kind and values.
ROW_BYTES = 26 + 8 * len(VALUES)


def make(folder, gigabytes, series, files):
    """Write the Parquet files, and return the bytes that their rows take in memory."""
    import polars as pl

    rng, size = np.random.default_rng(0), 0
    days = max(int(gigabytes * 1e9 / ROW_BYTES / series), 32)
    ids = np.array([f"article-{number:06d}" for number in range(series)])
    kinds = np.array(KINDS)[rng.integers(len(KINDS), size=series)]
    # The pairs of a day and a series, in the order of the days.
    for number, rows in enumerate(np.array_split(np.arange(days * series), files)):
        rows = rng.permutation(rows)
        own = rows % series
        frame = pl.DataFrame(
            {
                "article": ids[own],
                "day": np.datetime64("2024-01-01", "us") + (rows // series).astype("m8[D]"),
                "kind": kinds[own],
                **{name: rng.normal(100, 10, len(rows)).round(2) for name in VALUES},
            }
        )
        size += frame.estimated_size()
        frame.write_parquet(folder / f"part-{number:04d}.parquet")
    return size, days * series


def windows():
    from keras_ts import WindowedSeries

    return WindowedSeries(
        14,
        7,
        target_columns="units",
        static_columns="kind",
        id_column="article",
        time_column="day",
        batch_size=1024,
        shuffle=True,
        seed=0,
    )


def sorted_frame(folder):
    import polars as pl

    return pl.read_parquet(folder / "parts" / "*.parquet").sort("article", "day")


def peak():
    """Return the most memory that this process has had, in MB."""
    with Path("/proc/self/status").open() as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def since(begin):
    """Return the seconds since a time, by the clock and of all cores."""
    return time.perf_counter() - begin[0], time.process_time() - begin[1]


def run_polars(folder):
    begin = time.perf_counter(), time.process_time()
    sorted_frame(folder)
    print(*since(begin), peak())


def run_store(folder):
    from keras_ts.scale import PanelStore

    shutil.rmtree(folder / "store", ignore_errors=True)
    settings = windows()
    begin = time.perf_counter(), time.process_time()
    PanelStore.write(folder / "parts", folder / "store", settings)
    print(*since(begin), peak())


def run_batches(folder, source, count):
    import keras

    from keras_ts.scale import PanelStore

    begin = time.perf_counter()
    data = PanelStore(folder / "store") if source == "disk" else sorted_frame(folder)
    dataset = windows().build(data)
    opened = time.perf_counter() - begin
    dataset[0]
    begin = time.perf_counter(), time.process_time()
    for number in range(count):
        dataset[number + 1]
    reading = since(begin)
    past = keras.Input((14, len(VALUES)), name="past")
    static = keras.Input((len(KINDS),), name="static")
    flat = keras.layers.Flatten()(past)
    hidden = keras.layers.Dense(8)(keras.layers.Concatenate()([flat, static]))
    model = keras.Model({"past": past, "static": static}, keras.layers.Dense(7)(hidden))
    model.compile(loss="mae", jit_compile=keras.backend.backend() != "torch")
    model.fit(dataset, steps_per_epoch=20, shuffle=False, verbose=0)
    begin = time.perf_counter(), time.process_time()
    model.fit(dataset, steps_per_epoch=count, shuffle=False, verbose=0)
    print(opened, *reading, *since(begin), peak())


def in_process(*arguments):
    """Run one measurement in a fresh process, and return the numbers that it prints."""
    done = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, __file__, *map(str, arguments)], stdout=subprocess.PIPE, check=True
    )
    return [float(number) for number in done.stdout.splitlines()[-1].split()]


def main(options):
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        (folder / "parts").mkdir()
        size, rows = make(folder / "parts", options.gigabytes, options.series, options.files)
        print(f"{size / 1e9:.2f} GB in {options.files} files, {rows:,} rows of {options.series:,}")
        runs = {"polars": [], "store": []}
        for _ in range(options.repeats):
            for who, measured in runs.items():
                measured.append(in_process("--run", who, folder))
        print(f"{'':24} {'seconds':>8} {'of cores':>8} {'peak MB':>8}")
        medians = {}
        for who, measured in runs.items():
            medians[who] = [statistics.median(run[n] for run in measured) for n in range(3)]
            seconds, cores, memory = medians[who]
            print(f"{who:24} {seconds:8.1f} {cores:8.1f} {memory:8.0f}")
        ratios = [medians["store"][n] / medians["polars"][n] for n in range(2)]
        print(f"{'store / polars':24} {ratios[0]:8.2f} {ratios[1]:8.2f}", flush=True)
        if options.batches:
            judge_batches(folder, options)


def judge_batches(folder, options):
    runs = {"disk": [], "memory": []}
    for _ in range(options.repeats):
        for who, measured in runs.items():
            measured.append(in_process("--run", f"batches-{who}", folder, options.batches))
    names = ["open", "read", "of cores", "fit", "of cores", "peak MB"]
    print(f"{'seconds':24} " + " ".join(f"{name:>8}" for name in names))
    medians = {}
    for who, measured in runs.items():
        medians[who] = [statistics.median(run[n] for run in measured) for n in range(6)]
        print(f"{who:24} " + " ".join(f"{number:8.2f}" for number in medians[who]))
    speeds = [medians["memory"][n] / medians["disk"][n] for n in range(1, 5)]
    print(f"{'speed from disk':24} {'':8} " + " ".join(f"{speed:8.2f}" for speed in speeds))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        who, place = sys.argv[2], Path(sys.argv[3])
        if who.startswith("batches"):
            run_batches(place, who.partition("-")[2], int(sys.argv[4]))
        else:
            {"polars": run_polars, "store": run_store}[who](place)
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("--gigabytes", type=float, default=2)
        parser.add_argument("--series", type=int, default=200_000)
        parser.add_argument("--files", type=int, default=100)
        parser.add_argument("--batches", type=int, default=1000)
        parser.add_argument("--repeats", type=int, default=3)
        parser.add_argument("--folder", help="where the files go; else the system's temporary one")
        main(parser.parse_args())
