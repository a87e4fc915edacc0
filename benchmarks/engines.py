"""Forecasts of a panel by the workers of Ray Data and of Spark, beside ``forecast`` in one process.

    pip install "ray[data]" pyspark polars    # for development only; Spark needs Java
    KERAS_BACKEND=jax python benchmarks/engines.py [--series 100000] [--bucket 4000] [--cores 2]

Every way reads Parquet files, whose rows are in no order, and writes Parquet files. "Ray Data,
files" reads files that hold whole series, one for each bucket, so that Ray moves no rows. Each way
runs three times in a process of its own; the last time, one worker is killed. A worker imports
Keras, loads the model and compiles it at its first bucket, which is counted apart. Each result is
compared with that of one process.
"""

import argparse
import json
import os
import pickle
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
# By default Ray's workers give way to all other processes, of which a shared machine has some.
os.environ.setdefault("RAY_worker_niceness", "0")

import keras
import numpy as np
import polars as pl

from keras_ts import RecurrentPreset, WindowedSeries, forecast, load_model, save_model
from keras_ts.scale import BatchForecaster

ROWS, FILES = 30, 8
WINDOWS = WindowedSeries(14, 7, target_columns="units", id_column="id", time_column="day")
KEYS = ["id", "step"]


def write_panel(folder, series, rows, buckets):
    """Write the files of a panel, those of its buckets, and a model for it."""
    rng = np.random.default_rng(51)
    days = np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "D")
    level = rng.lognormal(3, 1, (series, 1)) * (1 + 0.3 * np.sin(np.arange(rows) * 2 * np.pi / 7))
    table = pl.DataFrame(
        {
            "id": np.repeat(np.arange(series), rows),
            "day": np.tile(days, series),
            "units": rng.poisson(level).ravel().astype(np.float32),
        }
    )
    part = WINDOWS.build(table[: 1000 * rows])
    keras.utils.set_random_seed(51)
    preset = RecurrentPreset(cell="gru", units=(16,), window_norm="mean", smoothing="mixed")
    save_model(preset.build(part), folder / "model.keras")
    table = table.sample(fraction=1.0, shuffle=True, seed=51)
    (folder / "rows").mkdir()
    for number in range(FILES):
        table[number::FILES].write_parquet(folder / "rows" / f"{number}.parquet")
    (folder / "buckets").mkdir()
    for number in range(buckets):
        part = table.filter(pl.col("id") % buckets == number)
        part.write_parquet(folder / "buckets" / f"{number}.parquet")


class Timed:
    """A forecaster that notes what it took, and if asked kills its process at the second bucket.

    It unpickles the forecaster at the first call in a process, which imports Keras, and forecasts
    that bucket once for nothing: so the notes tell what a worker needs to start.
    """

    def __init__(self, forecaster, folder, killing):
        self._pickled, self._folder, self._killing = pickle.dumps(forecaster), str(folder), killing
        self.__name__, self.__signature__ = "timed", forecaster.__signature__

    def __call__(self, batch):
        """Forecast a batch."""
        folder, begin = Path(self._folder), time.perf_counter()
        killed = folder / "killed"
        if self._killing and list(folder.glob("*.json")) and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        forecaster = vars(sys).get("timed_forecaster")
        if forecaster is None:
            forecaster = sys.timed_forecaster = pickle.loads(self._pickled)  # noqa: S301 - our own
            forecaster(batch)
        start, cpu = time.perf_counter() - begin, time.process_time()
        ahead = forecaster(batch)
        note = [os.getpid(), start, time.process_time() - cpu, peak()]
        (folder / f"{secrets.token_hex(8)}.json").write_text(json.dumps(note))
        return ahead


def peak():
    """Return the largest memory that this process had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def one_process(folder, arguments):
    """Return a function that forecasts the whole panel by ``forecast``."""
    model = load_model(folder / "model.keras")

    def run(out, _):
        table = pl.read_parquet(folder / "rows/*.parquet").sort("id", "day")
        out.mkdir()
        forecast(model, table).write_parquet(out / "0.parquet")

    return run


def start_ray(arguments):
    """Start Ray on this machine; return its module of data."""
    import ray

    ray.init(num_cpus=arguments.cores, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray.data


def ray_data(folder, arguments):
    """Return a function that forecasts the panel on Ray's workers."""
    data, buckets = start_ray(arguments), arguments.buckets

    def with_bucket(batch):
        return pl.from_arrow(batch).with_columns(bucket=pl.col("id") % buckets).to_arrow()

    def run(out, forecaster):
        rows = data.read_parquet(str(folder / "rows"))
        rows = rows.map_batches(with_bucket, batch_format="pyarrow", batch_size=None)
        grouped = rows.groupby("bucket", num_partitions=buckets)
        grouped.map_groups(forecaster, batch_format="pyarrow").write_parquet(str(out))

    return run


def ray_files(folder, arguments):
    """Return a function that forecasts, on Ray's workers, files of whole series."""
    data = start_ray(arguments)
    files = sorted(map(str, (folder / "buckets").glob("*.parquet")))

    def run(out, forecaster):
        def of_file(batch):
            return forecaster(pl.read_parquet(batch["item"][0])).to_arrow()

        items = data.from_items(files, override_num_blocks=len(files))
        items.map_batches(of_file, batch_size=1).write_parquet(str(out))

    return run


def spark(folder, arguments):
    """Return a function that forecasts the panel on Spark's Python workers."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F  # noqa: N812 - Spark's own name for it

    builder = SparkSession.builder.master(f"local[{arguments.cores},4]")
    builder = builder.config("spark.ui.enabled", False).config("spark.driver.memory", "2g")
    # Small partitions would be joined, down to fewer tasks than there are workers.
    builder = builder.config("spark.sql.adaptive.coalescePartitions.enabled", False)
    buckets = arguments.buckets
    session = builder.config("spark.sql.shuffle.partitions", buckets).getOrCreate()
    session.sparkContext.setLogLevel("OFF")

    def run(out, forecaster):
        rows = session.read.parquet(str(folder / "rows"))
        grouped = rows.withColumn("bucket", F.pmod("id", F.lit(buckets))).groupBy("bucket")
        apply = grouped.applyInPandas if arguments.pandas else grouped.applyInArrow
        kinds = dict(rows.dtypes)
        schema = f"id {kinds['id']}, day {kinds['day']}, step bigint, units float, problem string"
        apply(forecaster, schema).write.parquet(str(out))

    return run


WAYS = {
    "one process": one_process,
    "Ray Data": ray_data,
    "Ray Data, files": ray_files,
    "Spark": spark,
}


def timed(name, folder, arguments):
    """Print what the runs of one way took, as JSON."""
    begin = time.perf_counter()
    forecaster = BatchForecaster(folder / "model.keras")
    run = WAYS[name](folder, arguments)
    report = {"engine": time.perf_counter() - begin, "runs": []}
    for number in range(arguments.runs):
        marks = folder / f"marks {name} {number}"
        marks.mkdir()
        killing = number == arguments.runs - 1 and name != "one process"
        begin = time.perf_counter()
        run(folder / f"{name} {number}", Timed(forecaster, marks, killing))
        seconds = time.perf_counter() - begin
        notes = [json.loads(path.read_text()) for path in marks.glob("*.json")]
        assert not killing or (marks / "killed").exists()
        workers = {pid: 0.0 for pid, *_ in notes}
        for pid, start, *_ in notes:
            workers[pid] = max(workers[pid], start)
        busy = sum(note[2] for note in notes)
        report["runs"].append([seconds, max(workers.values(), default=0), busy, len(workers)])
        report["peak"] = max((note[3] for note in notes), default=peak())
    print(json.dumps(report), flush=True)


def difference(folder, name, number):
    """Return the largest relative difference to one process, once all series stand there once."""
    whole = pl.read_parquet(folder / "one process 1/*.parquet").sort(KEYS)
    other = pl.read_parquet(folder / f"{name} {number}/*.parquet").sort(KEYS)
    assert other[[*KEYS, "day"]].equals(whole[[*KEYS, "day"]]), f"{name}: other rows"
    wanted, units = whole["units"].to_numpy(), other["units"].to_numpy()
    return float(np.max(np.abs(units - wanted) / np.maximum(np.abs(wanted), 1e-6)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--bucket", type=int, default=4000, help="series in a bucket")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3, help="at least 2")
    parser.add_argument("--pandas", action="store_true", help="applyInPandas, not applyInArrow")
    parser.add_argument("--ways", nargs="*", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.buckets = max(1, arguments.series // arguments.bucket)
    if arguments.one:
        timed(arguments.one[0], Path(arguments.one[1]), arguments)
        return
    folder = Path(tempfile.mkdtemp())
    write_panel(folder, arguments.series, arguments.rows, arguments.buckets)
    print(f"{arguments.series:,} series of {arguments.rows} rows, {arguments.cores} cores")
    for name in arguments.ways:
        command = [sys.executable, "-W", "ignore", *sys.argv, "--one", name, str(folder)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - this very file
        report = json.loads(done.stdout.splitlines()[-1])
        print(f"{name}: engine starts in {report['engine']:.1f} s, peak {report['peak']:.2f} GB")
        for number, (seconds, start, busy, workers) in enumerate(report["runs"]):
            rate = arguments.series / (seconds - start)
            print(
                f"  run {number}: {seconds:5.1f} s, of which a worker starts {start:4.1f} s; then "
                f"{rate:8,.0f} series a second; {workers} workers forecast {busy:5.1f} s of CPU; "
                f"largest difference {difference(folder, name, number):.1e}",
                flush=True,
            )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
