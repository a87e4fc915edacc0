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
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - Spark's own name for it

from keras_ts import RecurrentPreset, WindowedSeries, forecast, load_model, save_model
from keras_ts.scale import BatchForecaster

SHOPS, DAYS, BUCKETS = 300, 40, 6
WINDOWS = WindowedSeries(14, 7, target_columns="units", id_column="shop", time_column="day")


def panel() -> pd.DataFrame:
    """Return the sales of shops, the last of which has a day twice."""
    rng = np.random.default_rng(51)
    days = pd.date_range("2024-01-01", periods=DAYS).astype("datetime64[us]")
    units = rng.poisson(20 + 10 * np.sin(np.arange(DAYS) * 2 * np.pi / 7), (SHOPS, DAYS))
    shops = np.repeat([f"shop {number:03}" for number in range(SHOPS)], DAYS)
    table = pd.DataFrame({"shop": shops, "day": np.tile(days, SHOPS), "units": units.ravel()})
    return pd.concat([table, table.iloc[[-1]]], ignore_index=True)


def main() -> None:
    """Write a model and a folder of Parquet files, forecast them, and compare."""
    folder = Path(tempfile.mkdtemp())
    table, filepath, marker = panel(), folder / "sales.keras", folder / "killed"
    (folder / "sales").mkdir()
    order = np.random.default_rng(0).permutation(len(table))
    for number, rows in enumerate(np.array_split(order, 4)):
        table.iloc[rows].to_parquet(folder / "sales" / f"{number}.parquet", index=False)
    preset = RecurrentPreset(units=(8,), window_norm="last")
    save_model(preset.build(WINDOWS.build(table[:-1])), filepath)
    forecaster = BatchForecaster(filepath)

    def killed_once(batch: pd.DataFrame) -> pd.DataFrame:
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return forecaster(batch)

    # Two threads; a task that fails is tried up to 4 times. Spark without [2,4] gives up at once.
    session = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", False)
    spark = session.config("spark.sql.shuffle.partitions", BUCKETS).getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    sales = spark.read.parquet(str(folder / "sales"))
    sales = sales.withColumn("bucket", F.pmod(F.xxhash64("shop"), F.lit(BUCKETS)))
    made = sales.groupBy("bucket").applyInPandas(killed_once, forecaster.schema(sales))
    made.write.parquet(str(folder / "ahead"))
    spark.stop()

    ahead = pd.read_parquet(folder / "ahead").sort_values(["shop", "step"], ignore_index=True)
    wrong = ahead[ahead["problem"].notna()]
    print(wrong[["shop", "problem"]].drop_duplicates().to_string(index=False))
    good = table[table["shop"] != "shop 299"]
    whole = forecast(load_model(filepath), good).sort_values(["shop", "step"], ignore_index=True)
    ours = ahead[ahead["problem"].isna()]
    assert (len(ahead), set(wrong["shop"])) == (SHOPS * 7, {"shop 299"})
    assert marker.exists()
    assert (ours[["shop", "day", "step"]] == whole[["shop", "day", "step"]]).all(axis=None)
    np.testing.assert_allclose(ours["units"], whole["units"], rtol=1e-6, atol=1e-5)
    print("One worker was killed, and every series stands in the result once, as forecast has it.")


if __name__ == "__main__":
    main()
