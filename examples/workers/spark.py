"""Forecast a panel on the Python workers of Spark, one of which is killed on the way.

KERAS_BACKEND=jax python examples/workers/spark.py
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

import numpy as np
import pandas as pd
import pyspark.sql.functions as F  # noqa: N812 - Spark's own name for it
from pyspark.sql import SparkSession

from keras_ts import RecurrentPreset, WindowedSeries, forecast, load_model, save_model
from keras_ts.scale import BatchForecaster

SHOPS, DAYS, BUCKETS = 300, 40, 6
WINDOWS = WindowedSeries(14, 7, target_columns="units", id_column="shop", time_column="day")


def main() -> None:
    """Forecast a folder of Parquet files, and compare with ``forecast`` of the whole."""
    folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(51)
    shops = np.repeat([f"shop {number:03}" for number in range(SHOPS)], DAYS)
    days = np.tile(pd.date_range("2024-01-01", periods=DAYS).astype("datetime64[us]"), SHOPS)
    good = pd.DataFrame({"shop": shops, "day": days, "units": rng.poisson(20, SHOPS * DAYS)})
    # One shop more has a day twice. The rows are in no order.
    bad = pd.DataFrame({"shop": "twice", "day": days[[0, 0, *range(1, DAYS)]], "units": 1})
    rows = pd.concat([good, bad]).sample(frac=1, random_state=51)
    (folder / "rows").mkdir()
    for number in range(4):
        rows[number::4].to_parquet(folder / "rows" / f"{number}.parquet", index=False)
    preset = RecurrentPreset(units=(8,), window_norm="last")
    save_model(preset.build(WINDOWS.build(good)), folder / "model.keras")
    forecaster, marker = BatchForecaster(folder / "model.keras"), folder / "killed"

    def killed_once(batch: object) -> object:
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return forecaster(batch)

    # Two workers; a task is tried up to four times. "local[2]" would try it once.
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", False)
    spark = builder.config("spark.sql.shuffle.partitions", BUCKETS).getOrCreate()
    frame = spark.read.parquet(str(folder / "rows"))
    frame = frame.withColumn("bucket", F.pmod(F.xxhash64("shop"), F.lit(BUCKETS)))
    grouped = frame.groupBy("bucket")
    day = dict(frame.dtypes)["day"]
    schema = f"shop string, day {day}, step bigint, units float, problem string"
    made = grouped.applyInArrow(killed_once, schema)  # In place of forecaster.
    made.write.parquet(str(folder / "ahead"))
    spark.stop()

    ahead = pd.read_parquet(folder / "ahead").sort_values(["shop", "step"], ignore_index=True)
    print(ahead.dropna(subset="problem").drop_duplicates("shop")[["shop", "problem"]].to_string())
    whole = forecast(load_model(folder / "model.keras"), good)
    assert marker.exists()
    assert ahead["shop"].value_counts().eq(7).all()
    assert ahead["shop"][ahead["problem"].notna()].unique().tolist() == ["twice"]
    ours = ahead[ahead["problem"].isna()].drop(columns="problem")
    pd.testing.assert_frame_equal(ours, whole, rtol=1e-6, atol=1e-5, check_dtype=False)
    print("One worker was killed, and every series stands in the result once, as forecast has it.")


if __name__ == "__main__":
    main()
