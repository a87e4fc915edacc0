"""Forecast a panel on the workers of Ray Data, one of which is killed on the way.

pip install "keras-ts[jax,frames,ray]" polars
KERAS_BACKEND=jax python examples/workers/ray_data.py
"""

import os
import signal
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import ray

from keras_ts import RecurrentPreset, WindowedSeries, forecast, load_model, save_model
from keras_ts.scale import BatchForecaster

SHOPS, DAYS, BUCKETS = 300, 40, 6
WINDOWS = WindowedSeries(14, 7, target_columns="units", id_column="shop", time_column="day")


def panel() -> pd.DataFrame:
    """Return the sales of shops, one of which has a day twice."""
    rng = np.random.default_rng(51)
    days = pd.date_range("2024-01-01", periods=DAYS)
    units = rng.poisson(20 + 10 * np.sin(np.arange(DAYS) * 2 * np.pi / 7), (SHOPS, DAYS))
    shops = np.repeat([f"shop {number:03}" for number in range(SHOPS)], DAYS)
    table = pd.DataFrame({"shop": shops, "day": np.tile(days, SHOPS), "units": units.ravel()})
    return pd.concat([table, table.iloc[[-1]]], ignore_index=True)


def with_bucket(batch: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a bucket, the same one for all rows of a shop in every process."""
    hashes = pd.util.hash_array(batch["shop"].to_numpy(object))
    return batch.assign(bucket=(hashes % BUCKETS).astype("int64"))


def main() -> None:
    """Write a model and a folder of Parquet files, forecast them, and compare."""
    folder = Path(tempfile.mkdtemp())
    table, filepath, marker = panel(), folder / "sales.keras", folder / "killed"
    (folder / "sales").mkdir()
    for number, part in enumerate(
        np.array_split(np.random.default_rng(0).permutation(len(table)), 4)
    ):
        table.iloc[part].to_parquet(folder / "sales" / f"{number}.parquet", index=False)
    save_model(
        RecurrentPreset(units=(8,), window_norm="last").build(WINDOWS.build(table[:-1])), filepath
    )
    forecaster = BatchForecaster(filepath)

    def killed_once(batch: object) -> object:
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return forecaster(batch)

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.read_parquet(str(folder / "sales")).map_batches(
        with_bucket, batch_format="pandas"
    )
    rows.groupby("bucket").map_groups(killed_once, batch_format="pyarrow").write_parquet(
        str(folder / "ahead")
    )

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
