"""Forecast a panel on the workers of Ray Data, one of which is killed on the way.

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


def with_bucket(batch: pd.DataFrame) -> pd.DataFrame:
    """Add the bucket of each shop; Python's own hash of a text differs between processes."""
    hashes = pd.util.hash_array(batch["shop"].to_numpy(object))
    return batch.assign(bucket=(hashes % BUCKETS).astype("int64"))


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

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    dataset = ray.data.read_parquet(str(folder / "rows"))
    grouped = dataset.map_batches(with_bucket, batch_format="pandas").groupby("bucket", BUCKETS)
    made = grouped.map_groups(killed_once, batch_format="pyarrow")  # In place of forecaster.
    made.write_parquet(str(folder / "ahead"))

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
