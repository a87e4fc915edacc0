"""Workers that share every batch train as one does, and data that they cannot share are refused."""

import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from helpers import BACKEND, arrays, compiled, distinct, only_tensorflow
from keras_ts import WindowedSeries
from keras_ts._backends import averages_gradients
from keras_ts.windows.workers import Workers

only_jax = pytest.mark.skipif(BACKEND != "jax", reason="Keras distributes on JAX alone")
only_torch = pytest.mark.skipif(BACKEND != "torch", reason="about torch.distributed")


def built(batch_size=8, windows=19):
    settings = WindowedSeries(4, batch_size=batch_size, shuffle=True, seed=1)
    return settings.build(np.sin(distinct(windows + 4)))


def distribute(monkeypatch, workers):
    """Let Keras speak of these workers."""
    monkeypatch.setattr(Workers, "of_this_run", lambda: workers)


not_torch = pytest.mark.skipif(BACKEND == "torch", reason="there each fit of several is refused")


@not_torch
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_a_process_of_several_reads_its_own_shard_alone(method, monkeypatch):
    parts = [(built(), "a whole dataset")]
    parts += [
        (built().shard(*part), rf"shard\({part[0]}, {part[1]}\)") for part in ((2, 0), (4, 1))
    ]
    own = built().shard(2, 1)
    distribute(monkeypatch, Workers(2, 1))
    call = getattr(compiled(), method)
    for dataset, received in parts:
        told = rf"that share the batches of this run.*pass ds\.shard\(2, 1\).*Received: {received}"
        with pytest.raises(ValueError, match=told):
            call(dataset, verbose=0)
    call(own, verbose=0)


@not_torch
def test_devices_share_equal_parts_of_every_batch_or_none(monkeypatch):
    """The last batch has 3 windows."""
    distribute(monkeypatch, Workers(devices=2))
    with pytest.raises(ValueError, match=r'2 devices cannot share a batch of 3 .*remainder="pad"'):
        compiled().fit(built(), verbose=0)
    with pytest.raises(ValueError, match=r"batch of 9 windows.*multiple of their number"):
        compiled().fit(built(9, 18), verbose=0)
    padded = WindowedSeries(4, batch_size=8, remainder="pad").build(np.sin(distinct(23)))
    compiled().fit(padded, validation_data=built().shard(1, 0), verbose=0)


def test_workers_and_their_devices_must_divide_the_batch_size(monkeypatch):
    distribute(monkeypatch, Workers(2, 1, 2))
    with pytest.raises(ValueError, match="multiple of 4, since count=2 workers of 2 devices each"):
        built(6, 18).shard(2, 1)


def test_a_seed_that_each_process_has_drawn_cuts_no_shards(monkeypatch):
    """The rows of two workers would overlap."""
    dataset = WindowedSeries(4, batch_size=8, shuffle=True).build(distinct(30))
    assert dataset.shard(2, 0).num_windows == 13
    distribute(monkeypatch, Workers(2, 1))
    with pytest.raises(
        ValueError, match=r"has drawn a seed of its own.*Pass a seed to WindowedSeries"
    ):
        dataset.shard(2, 1)
    assert WindowedSeries(4, batch_size=8).build(distinct(30)).shard(2, 1).num_windows == 13


@only_tensorflow
def test_a_fit_within_the_scope_of_a_strategy_is_counted():
    import tensorflow as tf

    dataset = built()
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        compiled(4).fit(dataset, epochs=2, shuffle=False, verbose=0)
    # Each fit of a strategy begins with a batch that may build the model. TensorFlow may read a
    # small epoch ahead to its end by then, which counts.
    assert dataset.state()["epoch"] in (2, 3)
    assert dataset.state()["batch"] == 0


@only_jax
def test_the_distribution_tells_of_processes_and_devices(monkeypatch):
    import jax

    assert Workers.of_this_run() == Workers()

    def run(processes, process, copies):
        monkeypatch.setattr(jax, "process_count", lambda: processes)
        monkeypatch.setattr(jax, "process_index", lambda: process)
        mesh = SimpleNamespace(shape=(copies, 2), axis_names=("batch", "model"))
        now = SimpleNamespace(device_mesh=mesh, batch_dim_name="batch")
        monkeypatch.setattr(keras.distribution, "distribution", lambda: copies and now)
        return Workers.of_this_run()

    assert run(1, 0, 4) == Workers(1, 0, 4)
    assert run(2, 1, 4) == Workers(2, 1, 2)
    assert run(8, 5, 4) == Workers(4, 2)  # Two processes have one copy of the model.
    assert run(2, 1, 1) == Workers()
    assert run(2, 1, None) == Workers(2, 1)  # Without a distribution.
    with pytest.raises(ValueError, match=r"cannot be divided among 2 processes.*3 parts"):
        run(2, 0, 3)


@only_torch
@pytest.mark.skipif(bool(averages_gradients()), reason="this Keras averages gradients by itself")
def test_keras_is_refused_where_it_would_average_no_gradients(monkeypatch):
    import torch

    dataset, model = built(), compiled()
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    model.fit(dataset, verbose=0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    for data in (dataset, dataset.shard(2, 0)):
        for call in (model.fit, model.evaluate, model.predict):
            with pytest.raises(RuntimeError, match=r"averages no gradients.*ds\.shard\(2, 0\)"):
                call(data, verbose=0)


@pytest.mark.parametrize(
    ("version", "averages"), [("3.16.0.dev0", True), ("4.0.1", True), ("3.15.9", False)]
)
def test_from_3_16_on_keras_averages_the_gradients_of_processes(version, averages, monkeypatch):
    monkeypatch.setattr(keras, "__version__", version)
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    assert averages_gradients() is averages
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert averages_gradients() is None


PROGRAM = """
import pathlib, sys
folder, (count, index, port) = pathlib.Path(sys.argv[1]), map(int, sys.argv[2:])
begin()
import keras, numpy as np
from keras_ts import WindowedSeries
keras.utils.set_random_seed(1)
series = np.sin(np.arange(23.0)).astype("float32")
whole = WindowedSeries(4, batch_size=6, shuffle=True, seed=1).build(series)
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
apart = keras.distribution.DataParallel(auto_shard_dataset=False)
keras.distribution.set_distribution(apart)
model = keras.Sequential(layers)
model.compile(keras.optimizers.SGD(0.1), "mse", weighted_metrics=["mae"])
if count > 1:
    refused(model.fit, whole)
    refused(model.evaluate, whole.shard(count, (index + 1) % count))
part = whole.shard(count, index)

class Note(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        losses.append([logs["loss"], logs["mae"]])
        self.model.reset_metrics()

model.fit(part, epochs=2, verbose=0, shuffle=False, callbacks=[Note()])
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
    part.next_epoch()
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
    return [arrays(folder / f"{index}.npz") for index in range(count)]


def assert_same_steps(together, alone, rows, errors):
    for index, saved in enumerate(together):
        np.testing.assert_array_equal(saved["rows"], rows)
        np.testing.assert_allclose(saved["losses"], alone["losses"], rtol=1e-4)
        for name in list(alone)[3:]:
            np.testing.assert_allclose(saved[name], alone[name], rtol=1e-4, atol=1e-6)
        assert len(saved["errors"]) == len(errors)
        for text, words in zip(saved["errors"], errors, strict=True):
            assert words.format(count=len(together), index=index) in text
    assert len(alone["losses"]) == 8
    assert len(alone) == 7


@only_jax
@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_workers_of_jax_make_the_steps_of_one(count, tmp_path):
    """The last batch of one window is filled up for them."""
    (alone,) = run_together(JAX_BEGINS, JAX_TRAINS, 1, tmp_path / "alone")
    np.testing.assert_array_equal(alone["rows"], [6, 6, 6, 1])
    together = run_together(JAX_BEGINS, JAX_TRAINS, count, tmp_path / "together")
    own = r"pass ds.shard({count}, {index})"
    assert_same_steps(together, alone, [6 // count] * 3 + [1], [own, own])
    devices = run_together(JAX_BEGINS, JAX_TRAINS, 1, tmp_path / "devices", devices=count)
    assert_same_steps(devices, alone, [6, 6, 6, count], [])


@only_torch
@pytest.mark.slow
def test_workers_of_pytorch_make_the_steps_of_one(tmp_path):
    (alone,) = run_together(TORCH_BEGINS, TORCH_TRAINS, 1, tmp_path / "alone")
    np.testing.assert_array_equal(alone["rows"], [6, 6, 6, 1])
    two = run_together(TORCH_BEGINS, TORCH_TRAINS, 2, tmp_path / "two")
    assert_same_steps(two, alone, [3, 3, 3, 1], ["ds.shard({count}, {index})"] * 2)
