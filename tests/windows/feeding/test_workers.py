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
from keras_ts.windows.feeding import keras_adapter, workers
from keras_ts.windows.feeding.workers import Workers, share

only_jax = pytest.mark.skipif(BACKEND != "jax", reason="Keras distributes on JAX alone")
only_torch = pytest.mark.skipif(BACKEND != "torch", reason="about torch.distributed")


def built(batch_size=8, windows=19):
    settings = WindowedSeries(4, batch_size=batch_size, shuffle=True, seed=1)
    return settings.build(np.sin(distinct(windows + 4)))


def distribute(monkeypatch, workers):
    """Let Keras speak of these workers."""
    monkeypatch.setattr(Workers, "of_this_run", lambda model=None: workers)


def rows_fed(dataset):
    """Return the rows and weights of the batches that Keras would get."""
    return [
        (batch[1].tolist(), batch[2].tolist() if len(batch) > 2 else None)
        for batch in dataset.get_numpy_iterator()
    ]


def by_hand(dataset):
    return [(batch[1].tolist(), batch[2].tolist() if len(batch) > 2 else None) for batch in dataset]


@pytest.mark.parametrize("index", [0, 1])
def test_each_process_feeds_its_own_part_and_all_else_stays_whole(index, monkeypatch):
    dataset, whole = built(), built()
    part = by_hand(whole.shard(2, index))
    distribute(monkeypatch, Workers(2, index, 1, 2, index))
    assert rows_fed(dataset) == rows_fed(built().shard(2, index)) == part
    assert by_hand(dataset) == by_hand(whole)
    assert len(dataset) == len(whole) == 3
    np.testing.assert_array_equal(dataset[2][1], whole[2][1])
    assert dataset.state() == whole.state() | {"epoch": 1}  # The pass by hand counts.
    assert dataset.num_windows == 19


def test_the_part_of_another_process_is_refused(monkeypatch):
    distribute(monkeypatch, Workers(2, 1, 1, 2, 1))
    for shard in ((2, 0), (4, 1)):
        with pytest.raises(ValueError, match=rf"received shard\({shard[0]}.*ds\.shard\(2, 1\)"):
            share(built().shard(*shard)._source.sampler, Workers.of_this_run())


def test_processes_with_data_of_their_own_feed_it_whole(monkeypatch):
    sampler = built()._source.sampler
    assert share(sampler, Workers(2, 1, 1, 2, 1, apart=True)) is sampler
    with pytest.raises(ValueError, match=r"received shard\(2, 0\)"):
        share(built().shard(2, 0)._source.sampler, Workers(2, 1, 1, 2, 1, apart=True))


@pytest.mark.parametrize("workers", [Workers(1, 0, 2), Workers(2, 1, 2, 2, 1)])
def test_workers_and_devices_must_divide_the_batch_size(workers, monkeypatch):
    distribute(monkeypatch, workers)
    batch_size = 6 if workers.count > 1 else 9
    with pytest.raises(ValueError, match=rf"multiple of {2 * workers.count}.*batch_size="):
        list(built(batch_size, 18).get_numpy_iterator())


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_devices_share_an_odd_last_batch_and_the_loss_is_that_of_one(method, monkeypatch):
    """The last batch has 3 windows, and is filled up to 4."""
    results = []
    for devices in (1, 2):
        distribute(monkeypatch, Workers(devices=devices))
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse", weighted_metrics=["mae"])
        dataset = built()
        if method == "fit":
            validation = WindowedSeries(4, batch_size=8).build(np.cos(distinct(17)))
            fit = model.fit(dataset, epochs=2, validation_data=validation, verbose=0)
            results.append([fit.history[name] for name in sorted(fit.history)])
        else:
            results.append(model.evaluate(dataset, verbose=0))
        rows = [len(targets) for targets, _ in rows_fed(dataset)]
        assert rows == [8, 8, 3 if devices == 1 else 4]
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_a_single_process_digests_no_data(monkeypatch):
    """It has nothing to compare them with, and a fit would begin later."""
    monkeypatch.setattr(keras_adapter, "facts_of", None)
    compiled().fit(built(), verbose=0)


@only_tensorflow
def test_a_fit_within_the_scope_of_a_strategy_is_counted():
    import tensorflow as tf

    dataset = built()
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        compiled(4).fit(dataset, epochs=2, verbose=0)
    assert (dataset.state()["epoch"], dataset.state()["batch"]) == (2, 0)


def test_rows_of_padding_are_dropped_from_predictions(monkeypatch):
    dataset = WindowedSeries(4, batch_size=8).build(np.sin(distinct(23)))
    distribute(monkeypatch, Workers(devices=2))
    predictions = np.arange(20.0)
    table = dataset.align(predictions)
    np.testing.assert_array_equal(table["prediction"], predictions[:19])
    with pytest.raises(ValueError, match="21"):
        dataset.align(np.arange(21.0))


def test_keras_predict_is_refused_in_several_processes(monkeypatch):
    with pytest.raises(RuntimeError, match="cannot gather what the 2 processes"):
        workers.refuse_scattered(Workers(2, 0, 1, 2, 0))
    workers.refuse_scattered(Workers(devices=2))


def distribution(shape, names=("batch", "model"), **attributes):
    mesh = SimpleNamespace(shape=shape, axis_names=names)
    settings = {"auto_shard_dataset": True, "batch_dim_name": "batch", **attributes}
    return SimpleNamespace(device_mesh=mesh, **settings)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="keras.distribution is a stub there")
def test_the_distribution_tells_of_processes_and_devices(monkeypatch):
    """With the attributes of Keras 3.13 and later, also on PyTorch as in 3.16, and without them."""
    assert Workers.of_this_run() == Workers()
    for processes, process, shape, expected in [
        (1, 0, (4, 2), Workers(1, 0, 4)),
        (2, 1, (4, 2), Workers(2, 1, 2, 2, 1)),
        (4, 3, (4, 2), Workers(4, 3, 1, 4, 3)),
        (8, 5, (4, 2), Workers(4, 2, 1, 8, 5)),  # Two processes have one copy of the model.
        (2, 1, (1, 2), Workers(1, 0, 1, 2, 1)),
    ]:
        monkeypatch.setattr(workers, "_processes", lambda pair=(processes, process): pair)
        later = {
            "num_processes": processes,
            "num_model_replicas": shape[0],
            "data_shard_id": expected.index,
        }
        for attributes in ({}, later):
            now = distribution(shape, **attributes)
            monkeypatch.setattr(keras.distribution, "distribution", lambda now=now: now)
            assert Workers.of_this_run() == expected
    monkeypatch.setattr(workers, "_processes", lambda: (2, 0))
    for shape, replicas in [((3, 2), 3), ((2, 2), 4)]:
        now = distribution(shape, num_model_replicas=replicas)
        monkeypatch.setattr(keras.distribution, "distribution", lambda now=now: now)
        with pytest.raises(ValueError, match="cannot be divided among 2 processes"):
            Workers.of_this_run()


def test_keras_hands_datasets_through_in_several_processes(monkeypatch):
    """Keras 3.16 parts data in its own adapters: a dataset must not pass through one of those."""
    from keras.src.distribution import distribution_lib
    from keras.src.trainers.data_adapters import get_data_adapter

    now = distribution((2, 1), _is_multi_process=True, num_processes=2, data_shard_id=1)
    monkeypatch.setattr(distribution_lib, "distribution", lambda: now)
    dataset = built()
    assert get_data_adapter(dataset) is dataset


@only_jax
def test_fit_is_refused_without_a_distribution(monkeypatch):
    """Each process would train a model of its own."""
    compiled().fit(built().shard(2, 0), verbose=0)
    monkeypatch.setattr(workers, "_processes", lambda: (2, 0))
    for dataset in (built(), built().shard(2, 0)):
        with pytest.raises(RuntimeError, match=r"2 processes and no keras\.distribution"):
            compiled().fit(dataset, verbose=0)


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
rows = [len(batch[1]) for batch in part.get_numpy_iterator()]
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
if count > 1:
    refused(model.predict, whole)
    other = WindowedSeries(4, batch_size=8 * (1 + index), shuffle=True, seed=1)
    refused(model.evaluate, other.build(series))
    refused(model.evaluate, WindowedSeries(4, batch_size=8, seed=1).build(series + index))
part = whole

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
    assert len(alone["losses"]) == 6
    assert len(alone) == 7


@only_jax
@pytest.mark.slow
def test_workers_of_jax_make_the_steps_of_one(tmp_path):
    """The last batch has 3 windows, and is filled up to 4."""
    (alone,) = run_together(JAX_BEGINS, JAX_TRAINS, 1, tmp_path / "alone")
    np.testing.assert_array_equal(alone["rows"], [8, 8, 3])
    two = run_together(JAX_BEGINS, JAX_TRAINS, 2, tmp_path / "two")
    words = ["cannot gather", "differ in batch_size: 8 in process 0, and 16", "differ in the data"]
    assert_same_steps(two, alone, [4, 4, 2], words)
    devices = run_together(JAX_BEGINS, JAX_TRAINS, 1, tmp_path / "devices", devices=2)
    assert_same_steps(devices, alone, [8, 8, 4], [])


@only_torch
@pytest.mark.slow
def test_workers_of_pytorch_make_the_steps_of_one(tmp_path):
    (alone,) = run_together(TORCH_BEGINS, TORCH_TRAINS, 1, tmp_path / "alone")
    np.testing.assert_array_equal(alone["rows"], [8, 8, 3])
    two = run_together(TORCH_BEGINS, TORCH_TRAINS, 2, tmp_path / "two")
    assert_same_steps(two, alone, [4, 4, 2], ["ds.shard({count}, {index})"] * 2)
