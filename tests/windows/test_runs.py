"""Shards, interrupted runs, Grain and alignment: the same windows, wherever they go."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import distinct, joined, run_fresh, window_settings
from keras_ts import WindowedSeries


@given(window_settings(), st.integers(1, 4), st.integers(0, 60), st.booleans())
def test_shards_are_disjoint_covering_and_even(windows, count, more, drop):
    config = {**windows.get_config(), "drop_remainder": drop}
    windows = WindowedSeries.from_config(config)
    length = windows.geometry.span + windows.stride * (count * windows.batch_size + more)
    whole = windows.build(distinct(length))
    total = whole.num_windows if not drop else windows.count(distinct(length))
    smallest, largest = total // count, -(-total // count)
    if not drop and smallest < -(-largest // windows.batch_size):
        with pytest.raises(ValueError, match="equal numbers of batches"):
            whole.shard(count, 0)
        return
    shards = [whole.shard(count, index) for index in range(count)]
    assert len({len(shard) for shard in shards}) == 1
    read = np.concatenate([joined(list(shard))[0][:, 0] for shard in shards])
    sizes = [len(y) for shard in shards for _, y in shard]
    assert max(sizes) <= windows.batch_size
    assert min(sizes) >= 1
    assert len(set(read.tolist())) == len(read)
    if drop:
        assert set(sizes) == {windows.batch_size}
        assert len(read) > total - count * windows.batch_size
    else:
        assert len(read) == whole.num_windows
    # Together they go through the order of the whole.
    in_order = joined(list(WindowedSeries.from_config({**config, "drop_remainder": False}).build(distinct(length))))[0][:, 0]
    for index, shard in enumerate(shards):
        mine = joined(list(shard))[0][:2, 0]
        np.testing.assert_array_equal(mine, in_order[index::count][: len(mine)])


def test_shard_misuse():
    dataset = WindowedSeries(3).build(distinct(50))
    with pytest.raises(ValueError, match="count=2, index=2"):
        dataset.shard(2, 2)
    with pytest.raises(ValueError, match="count must be >= 1"):
        dataset.shard(0, 0)
    with pytest.raises(ValueError, match=r"cannot share 47 windows.*Use fewer workers\.$"):
        dataset.shard(48, 0)
    full = WindowedSeries(3, drop_remainder=True).build(distinct(50))
    with pytest.raises(ValueError, match=r"cannot share 47 windows.*a smaller batch_size"):
        full.shard(2, 0)
    with pytest.raises(ValueError, match="a shard already"):
        dataset.shard(2, 0).shard(2, 0)


@given(window_settings(), st.integers(0, 3), st.integers(0, 100))
def test_restore_goes_on_where_state_was_taken(windows, epoch, batch):
    def build(seed):
        config = {**windows.get_config(), "seed": seed}
        return WindowedSeries.from_config(config).build(distinct(60))

    first, second, twin = build(3), build(4), build(3)
    for _ in range(epoch):
        first.on_epoch_end()
        twin.on_epoch_end()
    batches = list(twin)
    batch %= len(batches)
    stream = iter(first)
    for _ in range(batch):
        next(stream)
    state = json.loads(json.dumps(first.state(), allow_nan=False))
    assert (state["epoch"], state["batch"]) == (epoch, batch)
    second.restore(state)
    assert len(second) == len(batches) - batch
    for (x, y), (want_x, want_y) in zip(second, batches[batch:], strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)
    np.testing.assert_array_equal(second[0][0], batches[batch][0])
    assert second.state() == {**state, "epoch": epoch + 1, "batch": 0}
    second.on_epoch_end()
    first.on_epoch_end()
    np.testing.assert_array_equal(joined(list(second))[0], joined(list(first))[0])


def test_restore_refuses_the_state_of_other_windows():
    state = WindowedSeries(3).build(distinct(50)).state()
    with pytest.raises(ValueError, match="total=47, and this dataset has total=57"):
        WindowedSeries(3).build(distinct(60)).restore(state)


RUN = """
import json, os, signal, sys, pathlib, keras, numpy as np
from keras_ts import WindowedSeries
folder, mode = pathlib.Path(sys.argv[1]), sys.argv[2]
keras.utils.set_random_seed(1)
series = np.sin(np.arange(150.0)).astype("float32")
data = WindowedSeries(6, batch_size=8, shuffle=True, seed=11).build(series)
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
model.compile("adam", "mse")

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 6):
            self.model.save(folder / "model.keras")
            (folder / "state.json").write_text(json.dumps(data.state()))
            os.kill(os.getpid(), signal.SIGKILL)

if mode == "resume":
    model = keras.saving.load_model(folder / "model.keras")
    state = json.loads((folder / "state.json").read_text())
    assert (state["epoch"], state["batch"]) == (1, 7), state
    data.restore(state)
    model.fit(data, initial_epoch=1, epochs=2, verbose=0)
    model.fit(data, initial_epoch=2, epochs=3, verbose=0)
else:
    model.fit(data, epochs=3, verbose=0, callbacks=[Kill()] if mode == "kill" else [])
np.savez(folder / (mode + ".npz"), *model.get_weights())
"""


def test_a_killed_fit_goes_on_bit_for_bit(tmp_path):
    with pytest.raises(AssertionError):
        run_fresh(RUN, tmp_path, "kill")
    assert not (tmp_path / "kill.npz").exists()
    run_fresh(RUN, tmp_path, "resume")
    run_fresh(RUN, tmp_path, "whole")
    resumed, whole = np.load(tmp_path / "resume.npz"), np.load(tmp_path / "whole.npz")
    for name in whole.files:
        np.testing.assert_array_equal(resumed[name], whole[name])


def test_a_resumed_epoch_wants_a_fit_of_its_own():
    data = WindowedSeries(3, batch_size=8).build(distinct(50))
    stream = iter(data)
    next(stream)
    data.restore(data.state())
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="a fit of its own"):
        model.fit(data, epochs=2, verbose=0)


@given(window_settings())
def test_grain_gives_the_batches_of_each_epoch(windows):
    pytest.importorskip("grain")
    dataset = windows.build(distinct(60))
    stream = dataset.to_grain()
    assert len(stream) == len(dataset)
    repeated = stream.repeat(2)
    for epoch in range(2):
        for batch in range(len(dataset)):
            x, y = repeated[epoch * len(dataset) + batch]
            np.testing.assert_array_equal(x, dataset[batch][0])
            np.testing.assert_array_equal(y, dataset[batch][1])
        dataset.on_epoch_end()


@given(window_settings(columns=2), st.booleans())
def test_align_puts_every_target_on_its_place(windows, panel):
    windows = WindowedSeries.from_config({**windows.get_config(), "shuffle": False})
    series = [distinct(50, 2), distinct(40, 2) + 1000] if panel else [distinct(50, 2)]
    dataset = windows.build(series if panel else series[0])
    _, y = dataset.to_numpy()
    table = dataset.align(y + 0.25)
    assert list(table) == ["series", "origin", "step", "target", "actual", "prediction"]
    assert len({len(column) for column in table.values()}) == 1
    np.testing.assert_array_equal(table["prediction"], table["actual"] + 0.25)
    np.testing.assert_array_equal(table["target"], table["origin"] + windows.gap + table["step"])
    columns = windows.target_columns
    chosen = (
        slice(None) if columns is None else columns if isinstance(columns, int) else list(columns)
    )
    for row in range(0, len(table["step"]), 7):
        want = series[table["series"][row]][table["target"][row]][chosen]
        np.testing.assert_array_equal(np.ravel(table["actual"][row]), np.ravel(want))
    per_window = windows.horizon * (windows.window if windows.targets == "sequence" else 1)
    assert len(table["step"]) == dataset.num_windows * per_window


def test_align_names_series_and_timestamps():
    days = pd.date_range("2024-01-01", periods=10)
    frame = pd.DataFrame(
        {"day": [*days, *days], "shop": ["b"] * 10 + ["a"] * 10, "v": np.arange(20.0)}
    )
    windows = WindowedSeries(3, horizon=2, id_column="shop", time_column="day", target_columns="v")
    dataset = windows.build(frame)
    table = pd.DataFrame(dataset.align(dataset.to_numpy()[1]))
    merged = table.merge(frame, left_on=["series", "target"], right_on=["shop", "day"])
    assert len(merged) == len(table) == 24
    np.testing.assert_array_equal(merged["actual"], merged["v"])
    assert ((merged["target"] - merged["origin"]).dt.days == merged["step"]).all()


def test_align_misuse():
    with pytest.raises(ValueError, match="this dataset shuffles"):
        WindowedSeries(3, shuffle=True).build(distinct(20)).align(np.zeros(17))
    with pytest.raises(ValueError, match=r"one value per target, \(17,\). Received shape \(16,\)"):
        WindowedSeries(3).build(distinct(20)).align(np.zeros(16))


def test_weights_of_an_interleaved_frame_stay_with_their_rows():
    frame = pd.DataFrame({"id": list("abababab"), "v": np.arange(8.0)})
    data = WindowedSeries(1, id_column="id", target_columns="v", batch_size=8).build(
        frame, sample_weight=np.arange(8.0)
    )
    _, y, weight = data[0]
    np.testing.assert_array_equal(weight, y)


def test_foreign_arrays_become_plain_ones():
    big_endian = np.arange(8.0).astype(">f4")
    assert WindowedSeries(2).build(big_endian)[0][1].dtype.isnative
    masked = np.ma.masked_array(np.arange(8), mask=[0, 0, 0, 1, 0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"1 position .* position 3"):
        WindowedSeries(2).build(masked)
    with pytest.raises(ValueError, match="name a column twice"):
        WindowedSeries(2, target_columns=0, future_columns=[-2]).build(np.zeros((8, 2)))
    with pytest.raises(TypeError, match="names that are strings"):
        WindowedSeries(2).build(pd.DataFrame(np.zeros((8, 2))))


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_missing_future_values_are_met(targets, tmp_path):
    table = distinct(10, 2)
    table[9, 1] = np.nan
    settings = {"targets": targets, "target_columns": 0, "future_columns": [1]}
    dropped = WindowedSeries(3, 2, missing="drop", **settings).build(table)
    assert np.isfinite(dropped.to_numpy()[0]["future"]).all()
    assert dropped.num_windows == 5
    np.save(tmp_path / "table.npy", table)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    with pytest.raises(ValueError, match="position 9"):
        list(WindowedSeries(3, 2, **settings).build(mapped))


def test_an_epoch_is_used_up_by_going_through_it_alone():
    """The same on every backend, whatever came before the fit."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = WindowedSeries(3, batch_size=8, shuffle=True, seed=1).build(distinct(50))
    data.on_epoch_end()
    assert data.epoch == 1
    model.fit(data, epochs=2, verbose=0)
    assert data.epoch == 3

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(data, epochs=2, verbose=0, callbacks=[Interrupt()])
    assert data.epoch == 3
    model.fit(data, epochs=1, verbose=0)
    assert data.epoch == 4
    model.fit(data, epochs=12, steps_per_epoch=3, verbose=0)
    assert data.epoch == 10
