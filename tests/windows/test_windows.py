"""Windows equal the naive loop, whatever the settings, the series and the way out."""

import itertools
import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import distinct, joined, naive_windows, only_tensorflow, window_settings
from keras_ts import WindowedSeries


@st.composite
def settings_and_series(draw):
    columns = draw(st.none() | st.integers(1, 3))
    windows = draw(window_settings(columns))
    lengths = draw(st.lists(st.integers(0, 40), min_size=1, max_size=3))
    if not any(length >= windows.geometry.span for length in lengths):
        lengths[0] = windows.geometry.span
    offsets = np.cumsum([0, *lengths])
    series = [
        distinct(length, columns) + np.float32(offset * (columns or 1))
        for length, offset in zip(lengths, offsets, strict=False)
    ]
    return windows, series


def expected(windows, series):
    pieces = [naive_windows(s, windows) for s in series]
    pieces = [piece for piece in pieces if len(piece[0])]
    return joined(pieces)


@given(settings_and_series())
def test_windows_equal_the_naive_loop(case):
    windows, panel = case
    series = panel if len(panel) > 1 else panel[0]
    x, y = expected(windows, panel)
    dataset = windows.build(series)

    assert windows.count(series) == dataset.num_windows == len(x)
    got_x, got_y = dataset.to_numpy()
    np.testing.assert_array_equal(got_x, x)
    np.testing.assert_array_equal(got_y, y)
    assert got_x.shape == x.shape
    assert got_y.shape == y.shape
    assert got_x.dtype == got_y.dtype == np.float32

    batched_x, batched_y = joined(list(dataset))
    order = np.lexsort(batched_x.reshape(len(x), -1).T[::-1])
    np.testing.assert_array_equal(batched_x[order], x)
    np.testing.assert_array_equal(batched_y[order], y)
    if not windows.shuffle:
        np.testing.assert_array_equal(order, np.arange(len(x)))


@given(settings_and_series())
def test_every_batch_is_full_but_the_last(case):
    windows, panel = case
    dataset = windows.build(panel)
    sizes = [len(y) for _, y in dataset]
    assert len(sizes) == len(dataset)
    assert all(size == windows.batch_size for size in sizes[:-1])
    assert 1 <= sizes[-1] <= windows.batch_size


@given(settings_and_series())
def test_origins_are_the_last_inputs(case):
    windows, panel = case
    dataset = windows.build(panel)
    x, _ = dataset.to_numpy()
    last = x[:, -1] if x.ndim == 2 else x[:, -1, 0]
    flat = np.concatenate(panel).reshape(sum(map(len, panel)), -1)[:, 0]
    lengths = np.array([len(s) for s in panel])
    position = np.concatenate([np.arange(length) for length in lengths])
    where = dict(zip(flat.tolist(), position.tolist(), strict=True))
    assert dataset.origins.tolist() == [where[value] for value in last.tolist()]


@only_tensorflow
@given(settings_and_series())
def test_to_tf_gives_the_batches_of_each_epoch(case):
    windows, panel = case
    dataset = windows.build(panel)
    stream = dataset.to_tf()
    assert int(stream.cardinality()) == len(dataset)
    for epoch in range(2):
        for batch, (x, y) in itertools.zip_longest(range(len(dataset)), stream):
            want_x, want_y = dataset[batch]
            np.testing.assert_array_equal(x, want_x)
            np.testing.assert_array_equal(y, want_y)
        assert dataset.epoch == epoch
        dataset.on_epoch_end()


@only_tensorflow
def test_to_tf_counts_full_passes_only():
    dataset = WindowedSeries(2, batch_size=4, shuffle=True, seed=1).build(distinct(100))
    stream = dataset.to_tf()
    for _ in range(3):
        next(iter(stream))
    first = joined([(x.numpy(),) for x, _ in stream])[0]
    np.testing.assert_array_equal(first, joined(list(dataset))[0])


@given(window_settings())
def test_config_goes_through_json(windows):
    config = json.loads(json.dumps(windows.get_config(), allow_nan=False))
    again = WindowedSeries.from_config(config)
    assert again == windows
    assert hash(again) == hash(windows)
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(windows)))
    assert stored["registered_name"] == "keras_ts>WindowedSeries"
    assert stored["module"] == "keras_ts"
    assert keras.saving.deserialize_keras_object(stored) == windows


def test_to_numpy_copies_nothing_and_cannot_be_written():
    series = distinct(100)
    x, y = WindowedSeries(10, stride=3).build(series).to_numpy()
    assert np.shares_memory(x, series)
    assert not x.flags.writeable
    assert not y.flags.writeable


def test_batches_are_the_callers_own():
    series = distinct(100)
    x, y = WindowedSeries(10, targets="sequence").build(series)[0]
    x += 1000
    y += 1000
    np.testing.assert_array_equal(series, distinct(100))
    np.testing.assert_array_equal(x[0], np.arange(1000, 1010))
    np.testing.assert_array_equal(y[0], np.arange(1001, 1011))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "float64", "bool"])
def test_dtypes_pass_through(dtype):
    x, y = WindowedSeries(3).build(np.ones(10, dtype))[0]
    assert x.dtype == y.dtype == dtype


def test_memory_map(tmp_path):
    path = tmp_path / "series.npy"
    np.save(path, distinct(1000))
    mapped = np.load(path, mmap_mode="r")
    plain = WindowedSeries(7, shuffle=True, seed=2).build(distinct(1000))
    for got, want in zip(WindowedSeries(7, shuffle=True, seed=2).build(mapped), plain, strict=True):
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])


def test_memory_map_is_checked_as_it_is_read(tmp_path):
    values = distinct(1000)
    values[500] = np.nan
    np.save(tmp_path / "series.npy", values)
    dataset = WindowedSeries(7).build(np.load(tmp_path / "series.npy", mmap_mode="r"))
    dataset[0]
    with pytest.raises(ValueError, match=r"1 position .* position 500"):
        list(dataset)
    with pytest.raises(ValueError, match="position 500"):
        dataset.to_numpy()


def test_future_and_static_columns():
    table = np.stack(
        [np.arange(20.0), 100 + np.arange(20.0), np.full(20, 7.0), 200 + np.arange(20.0)], axis=1
    )
    windows = WindowedSeries(3, horizon=2, gap=1, future_columns=[1], static_columns=[2])
    x, y = windows.build([table, table + 1000])[0]
    assert sorted(x) == ["future", "past", "static"]
    assert x["past"].shape == (30, 3, 3)
    np.testing.assert_array_equal(x["past"][0], table[:3][:, [0, 1, 3]])
    np.testing.assert_array_equal(x["future"][0], table[4:6][:, [1]])
    np.testing.assert_array_equal(y[0], table[4:6][:, [0, 3]])
    assert x["static"][0].tolist() == [7.0]
    assert x["static"][-1].tolist() == [1007.0]


def test_sample_weight_per_position_and_per_window():
    series, weight = distinct(20), np.arange(20.0)
    windows = WindowedSeries(3, horizon=2, batch_size=100)
    _, _, got = windows.build(series, sample_weight=weight)[0]
    np.testing.assert_allclose(got, [(t + t + 1) / 2 for t in range(3, 19)])
    _, _, got = windows.build(series, sample_weight=np.arange(16.0))[0]
    np.testing.assert_allclose(got, np.arange(16.0))
    with pytest.raises(
        ValueError, match=r"sample_weight has length \[7\].*\[20\] positions and 16"
    ):
        windows.build(series, sample_weight=np.ones(7))


def test_fit_follows_the_datasets_own_order():
    """Whatever ``fit(shuffle=...)`` and Python's random say, and however the model is built."""
    weights = []
    for layers in ([keras.Input((5,))], []):
        for shuffle in (True, False):
            keras.utils.set_random_seed(1)
            dataset = WindowedSeries(5, batch_size=8, shuffle=True, seed=9).build(
                np.sin(distinct(100))
            )
            model = keras.Sequential([*layers, keras.layers.Dense(1, kernel_initializer="ones")])
            model.compile("sgd", "mse")
            np.random.seed(len(weights))
            model.fit(dataset, epochs=2, verbose=0, shuffle=shuffle)
            assert dataset.epoch == 2
            model.fit(dataset, epochs=1, verbose=0, shuffle=shuffle)
            assert dataset.epoch == 3
            weights.append(model.get_weights()[0])

    by_hand = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(1, kernel_initializer="ones")]
    )
    by_hand.compile("sgd", "mse")
    dataset = WindowedSeries(5, batch_size=8, shuffle=True, seed=9).build(np.sin(distinct(100)))
    for _ in range(3):
        for x, y in dataset:
            by_hand.train_on_batch(x, y)
        dataset.on_epoch_end()
    for got in weights:
        np.testing.assert_allclose(got, by_hand.get_weights()[0], rtol=1e-6)


def test_the_state_counts_the_fit_whatever_else_reads_the_dataset():
    dataset = WindowedSeries(3, batch_size=8, shuffle=True, seed=1).build(distinct(51))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    states = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            states.append(dataset.state())

        def on_epoch_end(self, epoch, logs=None):
            next(iter(dataset))

    model.fit(dataset, validation_data=dataset, epochs=3, verbose=0, callbacks=[Note()])
    # Going through it to validate uses up an epoch as well.
    passed = [divmod(6 * s["epoch"] + s["batch"], 6) for s in states]
    assert passed == [divmod(12 * epoch + batch, 6) for epoch in range(3) for batch in range(1, 7)]
    assert dataset.epoch == 6


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (None, ValueError, "state must be what state\\(\\) returned. Received: state=None"),
        ({"seed": ...}, ValueError, "must be what state"),
        ({"total": 5}, ValueError, "total=5, and this dataset has total=48"),
        ({"batch": 6}, ValueError, "must be < 6, the batches in an epoch. Received: 6"),
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


def test_evaluate_and_predict():
    _, validation = WindowedSeries(5, batch_size=8).split(np.sin(distinct(100)), at=0.7)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = validation.to_numpy()
    assert model.predict(validation, verbose=0).shape == (30, 1)
    np.testing.assert_allclose(
        model.evaluate(validation, verbose=0),
        np.mean((model.predict(np.array(x), verbose=0)[:, 0] - y) ** 2),
        rtol=1e-5,
    )


def test_seed_none_follows_set_random_seed():
    def first():
        keras.utils.set_random_seed(3)
        return WindowedSeries(3, shuffle=True).build(distinct(200))[0][0]

    np.testing.assert_array_equal(first(), first())
    assert (WindowedSeries(3, shuffle=True).build(distinct(200))[0][0] != first()).any()


@only_tensorflow
def test_batches_of_tf_data_stay_what_they_are():
    """The memory they are read into is used again only when nobody holds a batch any more."""
    windows = WindowedSeries(600, batch_size=8, shuffle=True, seed=1)
    dataset = windows.build(distinct(7000))
    held = list(dataset.to_tf())
    views = [x.numpy()[1:, ::2] for x, _ in held]
    for (x, y), view, (want_x, want_y) in zip(held, views, dataset, strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)
        np.testing.assert_array_equal(view, want_x[1:, ::2])
    del held
    for (x, _), view, (want_x, _) in zip(dataset.to_tf(), views, dataset, strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(view, want_x[1:, ::2])


@only_tensorflow
def test_passes_of_tf_data_that_overlap_keep_their_epochs():
    dataset = WindowedSeries(2, batch_size=4, shuffle=True, seed=1).build(distinct(1000))
    stream = dataset.to_tf()
    slow = iter(stream)
    begun = [next(slow)[0].numpy() for _ in range(10)]
    list(stream)
    begun += [x.numpy() for x, _ in slow]
    np.testing.assert_array_equal(np.concatenate(begun), joined(list(dataset))[0])


@only_tensorflow
def test_to_tf_after_restore_goes_through_whole_epochs():
    windows = WindowedSeries(2, batch_size=4, shuffle=True, seed=1)
    dataset, again = windows.build(distinct(103)), windows.build(distinct(103))
    again.restore({**dataset.state(), "batch": 5})
    for (x, y), (want_x, want_y) in itertools.zip_longest(again.to_tf(), dataset):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)


def test_to_grain_after_restore_goes_through_whole_epochs():
    windows = WindowedSeries(2, batch_size=4, shuffle=True, seed=1)
    dataset, again = windows.build(distinct(103)), windows.build(distinct(103))
    again.restore({**dataset.state(), "batch": 5})
    stream = again.to_grain()
    assert len(stream) == len(dataset)
    for (x, y), (want_x, want_y) in itertools.zip_longest(stream, dataset):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)
