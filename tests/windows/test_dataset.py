"""A dataset hands out every window, is sharded, copied, and goes on where another stopped."""

import copy
import json
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import BACKEND, compiled, distinct, joined, run_fresh, window_settings
from keras_ts import WindowDataset, WindowedSeries, windowed_dataset


@given(window_settings(columns=2), st.integers(1, 4), st.integers(0, 2), st.data())
def test_workers_cut_every_batch_of_the_whole(windows, count, epoch, data):
    remainder = data.draw(st.sampled_from(["keep", "drop", "pad"]))
    weighted = data.draw(st.booleans())
    batch_size = count * data.draw(st.integers(1, 4))
    config = {**windows.get_config(), "remainder": remainder, "batch_size": batch_size}
    windows = WindowedSeries.from_config(config)
    length = windows.geometry.span + windows.stride * (batch_size + data.draw(st.integers(0, 30)))
    weight = np.linspace(0.5, 2, windows.count(distinct(length, 2))) if weighted else None
    whole = windows.build(distinct(length, 2), sample_weight=weight)
    workers = [whole.shard(count, index) for index in range(count)]
    for dataset in [whole, *workers] * epoch:
        dataset.next_epoch()
    assert {len(worker) for worker in workers} == {len(whole)}
    assert sum(worker.num_windows for worker in workers) == whole.num_windows
    for batch, shares in zip(whole, zip(*workers, strict=True), strict=True):
        assert len({len(share[1]) for share in shares}) == 1
        x, y, *weights = joined(list(shares))
        rows = len(batch[1])
        assert len(y) - rows < count
        np.testing.assert_array_equal(x[:rows], batch[0])
        np.testing.assert_array_equal(y[:rows], batch[1])
        weights = np.reshape(weights[0] if weights else np.ones(len(y)), len(y))
        wanted = np.reshape(batch[2] if len(batch) == 3 else np.ones(rows), rows)
        np.testing.assert_allclose(weights[:rows], wanted * (len(y) / rows), rtol=1e-6)
        np.testing.assert_array_equal(weights[rows:], 0)


def test_shard_misuse():
    dataset = WindowedSeries(3).build(distinct(50))
    with pytest.raises(ValueError, match="count=2, index=2"):
        dataset.shard(2, 2)
    with pytest.raises(ValueError, match="count must be >= 1"):
        dataset.shard(0, 0)
    with pytest.raises(ValueError, match=r"multiple of 3, since count=3 .* batch_size=32"):
        dataset.shard(3, 0)
    with pytest.raises(ValueError, match="a shard already"):
        dataset.shard(2, 0).shard(2, 0)


@given(window_settings(), st.integers(0, 3), st.integers(0, 100))
def test_restore_goes_on_where_state_was_taken(windows, epoch, batch):
    def build(seed):
        config = {**windows.get_config(), "seed": seed}
        return WindowedSeries.from_config(config).build(distinct(60))

    first, second, twin = build(3), build(4), build(3)
    for _ in range(epoch):
        first.next_epoch()
        twin.next_epoch()
    batches = list(twin)
    batch %= len(batches)
    stream = iter(first)
    for _ in range(batch):
        next(stream)
    state = json.loads(json.dumps(first.state(), allow_nan=False))
    assert (state["epoch"], state["batch"]) == (epoch, batch)
    second.restore(state)
    assert len(second) == len(batches)
    for (x, y), (want_x, want_y) in zip(second, batches[batch:], strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)
    np.testing.assert_array_equal(second[0][0], batches[0][0])
    assert second.state() == {**state, "epoch": epoch + 1, "batch": 0}
    second.next_epoch()
    first.next_epoch()
    np.testing.assert_array_equal(joined(list(second))[0], joined(list(first))[0])


def test_it_says_what_it_holds():
    windows = WindowedSeries(20, 7, batch_size=32)
    said = "windows of 20 steps, 7 steps ahead, in"
    assert repr(windows.build(np.arange(1500.0))) == f"<WindowDataset: 1,474 {said} 47 batches>"
    one = WindowedSeries(1).build(np.arange(2.0))
    assert repr(one) == "<WindowDataset: 1 window of 1 step, 1 step ahead, in 1 batch>"


def test_batches_are_asked_for_by_number():
    dataset = WindowedSeries(3, batch_size=4).build(distinct(20))
    for number in (slice(0, 2), "a", 1.5, None):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
            dataset[number]
    with pytest.raises(IndexError, match="is out of range; there are 5"):
        dataset[10**30]
    with pytest.raises(IndexError, match="batch 5 is out of range; there are 5"):
        dataset[5]
    stream = dataset.to_grain()
    np.testing.assert_array_equal(stream[-1][0], dataset[-1][0])
    with pytest.raises(IndexError, match="batch -6 is out of range; an epoch has 5"):
        stream[-6]
    for number in ("a", 1.5, None):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
            stream[number]


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_copies_and_pickles_hold_the_series_once(targets):
    series = distinct(20_000)
    dataset = WindowedSeries(500, targets=targets, shuffle=True, seed=1).build(series)
    dataset.to_numpy()
    model = compiled(500) if targets == "vector" else None
    if model:
        model.fit(dataset, verbose=0, steps_per_epoch=2)
    stored = pickle.dumps(dataset)
    assert len(stored) < series.nbytes + 20_000
    for again in (pickle.loads(stored), copy.deepcopy(dataset)):
        np.testing.assert_array_equal(again[3][0], dataset[3][0])
        assert again.state() == dataset.state()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (None, ValueError, "state must be a dict from state\\(\\). Received: state=None"),
        ({"seed": ...}, ValueError, "must be a dict from state"),
        ({"total": 5}, ValueError, "total=5, and this dataset has total=48"),
        ({"batch": 7}, ValueError, "must be <= 6, the batches in an epoch. Received: 7"),
        ({"epoch": 1, "batch": -1}, ValueError, "must be >= 0"),
        ({"epoch": 1.5}, TypeError, "must be an integer"),
    ],
)
def test_a_state_that_cannot_be_gone_on_from_changes_nothing(change, error, says):
    dataset = WindowedSeries(3, batch_size=8, shuffle=True, seed=1).build(distinct(51))
    before = dataset.state()
    state = change and {k: v for k, v in {**before, **change}.items() if v is not ...}
    with pytest.raises(error, match=says):
        dataset.restore(state)
    assert dataset.state() == before


def test_a_state_after_the_last_batch_is_the_next_epoch():
    """A loop that counts batches for itself saves it before it calls ``next_epoch``."""
    dataset = WindowedSeries(3, batch_size=8, shuffle=True, seed=1).build(distinct(51))
    dataset.restore({**dataset.state(), "epoch": 2, "batch": len(dataset)})
    assert (dataset.state()["epoch"], dataset.state()["batch"]) == (3, 0)


def test_restore_refuses_the_state_of_other_windows():
    state = WindowedSeries(3).build(distinct(50)).state()
    with pytest.raises(ValueError, match="total=47, and this dataset has total=57"):
        WindowedSeries(3).build(distinct(60)).restore(state)


def test_the_course_helper_returns_a_dataset_where_tensorflow_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    series = np.arange(50, dtype="float32") / 50
    dataset = windowed_dataset(series, 5, 16, shuffle_buffer=1)
    assert isinstance(dataset, WindowDataset)
    expected = WindowedSeries(5, batch_size=16).build(series)
    for batch, wanted in zip(dataset, expected, strict=True):
        for one, other in zip(batch, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(windowed_dataset(series.tolist(), 5)[0][0]) == 32


@pytest.mark.skipif(BACKEND == "tensorflow", reason="needs a process without TensorFlow")
def test_keras_trains_on_what_the_course_helper_returns_without_tensorflow():
    code = """
import sys
sys.modules["tensorflow"] = None
import keras, numpy as np, keras_ts
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(keras_ts.windowed_dataset(np.arange(50.0) / 50, 5), epochs=1, verbose=0)
print(type(keras_ts.windowed_dataset([1.0, 2.0, 3.0], 2)).__name__)
"""
    assert run_fresh(code).splitlines()[-1] == "WindowDataset"
