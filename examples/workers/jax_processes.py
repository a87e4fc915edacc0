"""Trains on two and three processes as on one.

    python examples/workers/jax_processes.py

It starts itself as one process, as two and as three. A cluster would start the processes, one on
each host.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import keras
import numpy as np

from keras_ts import WindowedSeries, compare, course_series


def work(folder: Path, count: int, index: int, port: int) -> None:
    """Train and judge a model as one of ``count`` processes."""
    if count > 1:
        jax.distributed.initialize(f"127.0.0.1:{port}", count, index)
    apart = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(apart)
    keras.utils.set_random_seed(1)
    # The last batch has 27 of 36 windows, and is filled up.
    windows = WindowedSeries(window=24, batch_size=36, shuffle=True, seed=7, remainder="pad")
    train, validation = windows.split(course_series(), at=951)
    shards = [part.shard(jax.process_count(), jax.process_index()) for part in (train, validation)]
    model = keras.Sequential(
        [keras.Input((24,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse", weighted_metrics=["mae"])
    fit = model.fit(
        shards[0],
        epochs=4,
        shuffle=False,
        validation_data=shards[1],
        verbose=0,
    )
    mae = compare(model, train, validation).table["mae"].tolist()
    result = {"history": fit.history, "mae": mae, "state": shards[0].state()}
    (folder / f"{index}.json").write_text(json.dumps(result))


def run(folder: Path, count: int) -> list[dict]:
    """Start the processes and return what they wrote."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, str(folder), str(count)]
    ranks = [subprocess.Popen([*command, *map(str, (rank, port))]) for rank in range(count)]
    assert [rank.wait(120) for rank in ranks] == [0] * count
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(count)]


def difference(result: dict, alone: dict) -> float:
    """Return the largest relative difference of losses, metrics and judged errors."""
    pairs = [(result["history"][name], alone["history"][name]) for name in alone["history"]]
    pairs.append((result["mae"], alone["mae"]))
    return max(float(np.max(np.abs(np.divide(*pair) - 1))) for pair in pairs)


def main() -> None:
    """Compare the runs."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in ("one", "two", "three")]
        for folder in folders:
            folder.mkdir()
        (alone,), two, three = (run(folders[count - 1], count) for count in (1, 2, 3))
    print(f"loss of one process:   {alone['history']['loss']}")
    print(f"loss of two processes: {two[0]['history']['loss']}")
    together = (*two, *three)
    worst = max(difference(result, alone) for result in together)
    print(f"largest relative difference: {worst:.1e}")
    assert worst < 1e-4
    assert all(result["state"] == alone["state"] for result in together)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    else:
        main()
