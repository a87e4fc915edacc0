"""Trains on two PyTorch processes as on one, in a loop of one's own, and goes on after a kill.

    python examples/workers/torch_processes.py

DistributedDataParallel averages the gradients of the processes. Each reads its rows of every batch
from ``dataset.shard``, whose windows are weighed so that this average is the gradient of the batch.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import torch
from torch import distributed

from keras_ts import WindowedSeries, course_series, forecast

EPOCHS, KILLED_AT = 3, 40  # The batch: in the middle of the second epoch of 29.


def work(folder: Path, count: int, rank: int, port: int, victim: int) -> None:
    """Train a model as one of ``count`` processes, and forecast with it."""
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", world_size=count, rank=rank)
    keras.utils.set_random_seed(1)
    series = course_series()[:951]
    dataset = WindowedSeries(window=24, batch_size=32, shuffle=True, seed=7).build(series)
    dataset = dataset.shard(count, rank)
    model = keras.Sequential(
        [keras.Input((24,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses, backup = [], folder / "backup.pt"
    if backup.exists():
        kept = torch.load(backup)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        dataset.restore(kept["dataset"])
        losses = kept["losses"]
    parallel = torch.nn.parallel.DistributedDataParallel(model)
    error = keras.losses.MeanSquaredError()
    for _ in range(dataset.epoch, EPOCHS):
        for x, y, *weights in dataset:
            loss = error(y[:, None], parallel(x), *weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mean = loss.detach().clone()
            distributed.all_reduce(mean)
            losses.append(float(mean) / count)
            if rank == 0 and len(losses) % 5 == 0:
                parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                state = {**parts, "dataset": dataset.state(), "losses": losses}
                torch.save(state, folder / "new.pt")
                (folder / "new.pt").replace(backup)
            if rank == victim and len(losses) == KILLED_AT:
                os._exit(137)
        dataset.next_epoch()
    ahead = forecast(parallel, series, WindowedSeries(window=24))
    result = {"losses": losses, "forecast": np.ravel(ahead).tolist()}
    (folder / f"{rank}.json").write_text(json.dumps(result))


def run(folder: Path, count: int, victim: int = -1) -> list[dict]:
    """Start the processes and return what they wrote; none if one was killed."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, str(folder), str(count)]
    ranks = [subprocess.Popen([*command, *map(str, (rank, port, victim))]) for rank in range(count)]
    try:
        if victim >= 0:
            assert ranks[victim].wait(120) == 137
            return []
        assert [rank.wait(120) for rank in ranks] == [0] * count
    finally:
        for rank in ranks:
            rank.kill()
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(count)]


def main() -> None:
    """Compare the runs."""
    with tempfile.TemporaryDirectory() as name:
        (alone,), two = run(Path(name, "one"), 1), run(Path(name, "two"), 2)
        run(Path(name, "killed"), 2, victim=1)
        resumed = run(Path(name, "killed"), 2)
    for words, result in [("one", alone), ("two", two[0]), ("two, killed", resumed[0])]:
        print(f"losses of {words}: {result['losses'][:2]} ... {result['losses'][-2:]}")
    worst = max(
        float(np.max(np.abs(np.divide(result[part], alone[part]) - 1)))
        for result in (*two, *resumed)
        for part in ("losses", "forecast")
    )
    print(f"largest relative difference of losses and forecasts: {worst:.1e}")
    assert worst < 1e-4


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    else:
        main()
