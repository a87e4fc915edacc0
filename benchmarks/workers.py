"""One and two workers on JAX and PyTorch: loss curves, windows read, time of an epoch.

    python benchmarks/workers.py

Starts itself as one and as two processes for each backend. Two processes share the cores of this
machine, so the times show what the sharing costs, and not what a second machine brings.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BACKENDS = ("jax", "torch")
EPOCHS, BATCH, WINDOWS = 4, 256, 5_001  # The last batch has 137 windows.


def work(folder: Path, count: int, rank: int, port: int) -> None:
    """Train as one of ``count`` processes; write losses, windows read and times."""
    jax = os.environ["KERAS_BACKEND"] == "jax"
    begin(jax, count, rank, port)
    import keras
    import numpy as np

    from keras_ts import WindowedSeries

    if jax:
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    keras.utils.set_random_seed(1)
    noise = np.random.default_rng(0).normal(size=WINDOWS + 32)
    series = (np.sin(np.arange(WINDOWS + 32) / 9) + 0.1 * noise).astype("float32")
    dataset = WindowedSeries(32, batch_size=BATCH, shuffle=True, seed=7).build(series)
    read = [0]
    count_reads(type(dataset._source), read)
    layers = [keras.Input((32,)), keras.layers.Reshape((32, 1)), keras.layers.GRU(16)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    train = fit if jax else loop
    losses, seconds = train(model, dataset, count, rank)
    windows = read[0] / len(losses)
    result = {"losses": losses, "seconds": seconds, "windows": windows}
    (folder / f"{rank}.json").write_text(json.dumps(result))


def begin(jax: bool, count: int, rank: int, port: int) -> None:
    """Let the processes find each other."""
    if count > 1 and jax:
        import jax as framework

        framework.distributed.initialize(f"127.0.0.1:{port}", count, rank)
    elif not jax:
        from torch import distributed

        place = f"tcp://127.0.0.1:{port}"
        distributed.init_process_group("gloo", place, world_size=count, rank=rank)


def count_reads(kind: type, read: list[int]) -> None:
    """Count the windows that sources of a kind read."""
    plain = kind.read

    def counted(source, epoch, begin, end):
        read[0] += end - begin
        return plain(source, epoch, begin, end)

    kind.read = counted


def fit(model, dataset, count: int, rank: int) -> tuple[list[float], list[float]]:
    """Train by ``fit``; the processes of JAX share the batches by themselves."""
    import keras

    seconds = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(time.perf_counter() - self.begin)

    history = model.fit(
        dataset, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[Clock()]
    ).history
    return history["loss"], seconds


def loop(model, dataset, count: int, rank: int) -> tuple[list[float], list[float]]:
    """Train by a loop of one's own over this process's shard, with averaged gradients."""
    import keras
    import torch

    parallel = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    error, losses, seconds = keras.losses.MeanSquaredError(), [], []
    shard, total = dataset.shard(count, rank), dataset.num_windows
    for _ in range(EPOCHS):
        begin, mean, left = time.perf_counter(), 0.0, total
        for x, y, *weights in shard:
            loss = error(y[:, None], parallel(x), *weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sent = loss.detach().clone()
            torch.distributed.all_reduce(sent)
            mean += float(sent) / count * min(left, BATCH) / total
            left -= BATCH
        shard.next_epoch()
        losses.append(mean)
        seconds.append(time.perf_counter() - begin)
    return losses, seconds


def run(backend: str, count: int) -> list[dict]:
    """Start the processes and return what each has written."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = {**os.environ, "KERAS_BACKEND": backend}
        ranks = [
            subprocess.Popen(  # noqa: S603 - our own code
                [sys.executable, __file__, folder, *map(str, (count, rank, port))], env=environment
            )
            for rank in range(count)
        ]
        assert [rank.wait(600) for rank in ranks] == [0] * count
        return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(count)]


def main() -> None:
    """Print a table."""
    print(f"{EPOCHS} epochs of {WINDOWS} windows, {BATCH} in a batch, GRU of 16 units.\n")
    print("| backend | workers | windows read by each | seconds an epoch | largest difference |")
    print("|---|---|---|---|---|")
    for backend in BACKENDS:
        alone = run(backend, 1)[0]["losses"]
        for count in (1, 2):
            results = run(backend, count)
            pairs = [pair for each in results for pair in zip(each["losses"], alone, strict=True)]
            worst = max(abs(loss / expected - 1) for loss, expected in pairs)
            windows = " and ".join(f"{each['windows']:,.0f}" for each in results)
            seconds = statistics.median(results[0]["seconds"][1:])
            print(f"| {backend} | {count} | {windows} | {seconds:.2f} | {worst:.1e} |", flush=True)
            assert worst <= 1e-4


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    else:
        main()
