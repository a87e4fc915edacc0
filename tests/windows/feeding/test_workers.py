"""Workers that share every batch train as one does, and data that they cannot share are refused."""

import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from helpers import BACKEND, compiled, distinct
from keras_ts import WindowedSeries
from keras_ts.windows.feeding import workers
from keras_ts.windows.feeding.workers import Workers

only_jax = pytest.mark.skipif(BACKEND != "jax", reason="Keras distributes on JAX alone")
only_torch = pytest.mark.skipif(BACKEND != "torch", reason="about torch.distributed")


def built(batch_size=8, windows=19):
    settings = WindowedSeries(4, batch_size=batch_size, shuffle=True, seed=1)
    return settings.build(np.sin(distinct(windows + 4)))


def distribute(monkeypatch, count, index, devices=1, auto_shard_dataset=True):
    """Let Keras speak of these workers."""
    distribution = SimpleNamespace(auto_shard_dataset=auto_shard_dataset)
    monkeypatch.setattr(keras.distribution, "distribution", lambda: distribution)
    monkeypatch.setattr(Workers, "of_this_run", lambda: Workers(count, index, devices))


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize(
    ("shard", "received"),
    [((1, 0), "the whole"), ((2, 0), r"shard\(2, 0\) of it"), ((4, 1), r"shard\(4, 1\) of it")],
)
def test_each_process_must_read_its_own_part(shard, received, method, monkeypatch):
    dataset, model = built(), compiled()
    dataset = dataset.shard(*shard) if shard != (1, 0) else dataset
    distribute(monkeypatch, 2, 1)
    with pytest.raises(ValueError, match=rf"process 1 received {received}.* ds\.shard\(2, 1\)"):
        getattr(model, method)(dataset, verbose=0)


def test_whoever_says_that_data_are_parted_is_believed(monkeypatch):
    distribute(monkeypatch, 2, 1, auto_shard_dataset=False)
    workers.refuse_unshared(built()._source.sampler)
    with pytest.raises(ValueError, match=r"received shard\(2, 0\)"):
        workers.refuse_unshared(built().shard(2, 0)._source.sampler)


@pytest.mark.parametrize(
    ("batch_size", "windows", "says"),
    [(8, 19, "cannot share batch 2, which has 3 windows"), (9, 18, "share batch 0, which has 9")],
)
def test_devices_must_divide_every_batch(batch_size, windows, says, monkeypatch):
    distribute(monkeypatch, 1, 0, devices=2)
    whole = built(batch_size, windows)
    with pytest.raises(ValueError, match=rf"2 devices.*{says}.*ds\.shard\(1, 0\).*multiple of 2"):
        workers.refuse_unshared(whole._source.sampler)
    workers.refuse_unshared(built(8, 16)._source.sampler)
    workers.refuse_unshared(built(8, 19).shard(1, 0)._source.sampler)


@only_jax
def test_the_distribution_tells_of_processes_and_devices(monkeypatch):
    import jax

    assert Workers.of_this_run() == Workers(1, 0, 1)
    mesh = SimpleNamespace(shape=(4, 2), axis_names=("batch", "model"))
    distribution = SimpleNamespace(device_mesh=mesh, batch_dim_name="batch")
    monkeypatch.setattr(keras.distribution, "distribution", lambda: distribution)
    for processes, index, parted in [
        (1, 0, Workers(1, 0, 4)),
        (2, 1, Workers(2, 1, 2)),
        (4, 3, Workers(4, 3, 1)),
        (8, 5, Workers(4, 2, 1)),  # Two processes have one copy of the model.
    ]:
        monkeypatch.setattr(jax, "process_count", lambda count=processes: count)
        monkeypatch.setattr(jax, "process_index", lambda number=index: number)
        assert Workers.of_this_run() == parted


@only_torch
def test_fit_is_refused_where_keras_would_average_no_gradients(monkeypatch):
    import torch

    dataset, model = built(), compiled()
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    model.fit(dataset, verbose=0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    for data in (dataset, dataset.shard(2, 0)):
        with pytest.raises(RuntimeError, match=r"averages no gradients.*ds\.shard\(2, 0\)"):
            model.fit(data, verbose=0)
    model.evaluate(dataset, verbose=0)
    model.predict(dataset, verbose=0)
    x, y = (np.array(part) for part in dataset.to_numpy())
    model.fit(x, y, validation_data=dataset, verbose=0)
    for version, averages in [("3.16.0.dev0", True), ("4.0.1", True), ("3.15.9", False)]:
        monkeypatch.setattr(keras, "__version__", version)
        assert workers._keras_averages() is averages


PROGRAM = """
import pathlib, sys
folder, (count, index, port) = pathlib.Path(sys.argv[1]), map(int, sys.argv[2:])
begin()
import keras, numpy as np
from keras_ts import WindowedSeries
keras.utils.set_random_seed(1)
series = np.sin(np.arange(23.0)).astype("float32")
whole = WindowedSeries(4, batch_size=8, shuffle=True, seed=1).build(series)
layers = [keras.Input((4,)), keras.layers.Dense(2, "tanh"), keras.layers.Dense(1)]
losses, errors = [], []

def refused(method, dataset):
    try:
        method(dataset, verbose=0)
    except (ValueError, RuntimeError) as error:
        errors.append(str(error))

train()
weights = {f"w{n}": keras.ops.convert_to_numpy(w) for n, w in enumerate(model.weights)}
rows = [len(batch[1]) for batch in part]
np.savez(folder / f"{index}.npz", losses=losses, errors=errors, rows=rows, **weights)
"""
JAX_BEGINS = """
import jax
if count > 1:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", count, index)
"""
JAX_TRAINS = """
keras.distribution.set_distribution(keras.distribution.DataParallel())
model = keras.Sequential(layers)
model.compile(keras.optimizers.SGD(0.1), "mse", weighted_metrics=["mae"])
if count * jax.local_device_count() > 1:
    for method in (model.fit, model.evaluate, model.predict):
        refused(method, whole)
part = whole.shard(count, index)

class Note(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        losses.append([logs["loss"], logs["mae"]])
        self.model.reset_metrics()

model.fit(part, epochs=2, verbose=0, callbacks=[Note()])
"""
TORCH_BEGINS = """
import torch
if count > 1:
    place = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", place, world_size=count, rank=index)

def mean(tensor):
    if count > 1:
        torch.distributed.all_reduce(tensor)
    return tensor / count
"""
TORCH_TRAINS = """
model = keras.Sequential(layers)
model.compile(keras.optimizers.SGD(0.1), "mse")
if count > 1:
    refused(model.fit, whole)
    refused(model.fit, whole.shard(count, index))
part = whole.shard(count, index)
error = keras.losses.MeanSquaredError()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for epoch in range(2):
    for x, y, *weights in part:
        loss = error(y[:, None], model(x, training=True), *weights)
        optimizer.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            parameter.grad = mean(parameter.grad)
        optimizer.step()
        losses.append([float(mean(loss.detach()))])
    part.on_epoch_end()
"""


def run_together(begins, trains, count, folder, devices=1):
    """Run the program in some processes that find each other; return what each has saved."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "XLA_FLAGS": flags}
    code = PROGRAM.replace("begin()", begins).replace("train()", trains)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(count), str(index), str(port)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    try:
        for process in processes:
            errors = process.communicate(timeout=300)[1]
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()
    return [np.load(folder / f"{index}.npz") for index in range(count)]


def assert_same_steps(together, alone, rows, errors):
    for index, saved in enumerate(together):
        np.testing.assert_array_equal(saved["rows"], rows)
        np.testing.assert_allclose(saved["losses"], alone["losses"], rtol=1e-4)
        for name in alone.files[3:]:
            np.testing.assert_allclose(saved[name], alone[name], rtol=1e-4, atol=1e-6)
        assert len(saved["errors"]) == errors
        assert all(f"ds.shard({len(together)}, {index})" in text for text in saved["errors"])
    assert len(alone["losses"]) == 6
    assert len(alone.files[3:]) == 4


@only_jax
@pytest.mark.slow
def test_workers_of_jax_make_the_steps_of_one(tmp_path):
    """The last batch has 3 windows, and is filled up to 4."""
    (alone,) = run_together(JAX_BEGINS, JAX_TRAINS, 1, tmp_path / "alone")
    np.testing.assert_array_equal(alone["rows"], [8, 8, 3])
    two = run_together(JAX_BEGINS, JAX_TRAINS, 2, tmp_path / "two")
    assert_same_steps(two, alone, [4, 4, 2], errors=3)
    devices = run_together(JAX_BEGINS, JAX_TRAINS, 1, tmp_path / "devices", devices=2)
    assert_same_steps(devices, alone, [8, 8, 4], errors=3)


@only_torch
@pytest.mark.slow
def test_workers_of_pytorch_make_the_steps_of_one(tmp_path):
    (alone,) = run_together(TORCH_BEGINS, TORCH_TRAINS, 1, tmp_path / "alone")
    np.testing.assert_array_equal(alone["rows"], [8, 8, 3])
    two = run_together(TORCH_BEGINS, TORCH_TRAINS, 2, tmp_path / "two")
    assert_same_steps(two, alone, [4, 4, 2], errors=2)
