"""A padded last batch changes no loss: what stands in it twice weighs nothing."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import BACKEND, compiled, distinct, joined, only_tensorflow, window_settings
from keras_ts import WindowedSeries
from keras_ts.windows.workers import Workers


def pair(windows, series, **arguments):
    """The same windows with a last batch that is not full, and with one that is padded."""
    config = windows.get_config()
    built = [
        WindowedSeries.from_config({**config, "remainder": remainder}).build(series, **arguments)
        for remainder in ("keep", "pad")
    ]
    assert built[0].num_windows == built[1].num_windows
    return built


@given(window_settings(columns=2), st.booleans())
def test_padding_comes_last_and_weighs_nothing(windows, weighted):
    series = distinct(60, 2)
    weight = np.arange(1.0, windows.count(series) + 1) if weighted else None
    kept, padded = pair(windows, series, sample_weight=weight)
    assert {len(y) for _, y, _ in padded} == {windows.batch_size}
    assert len(padded) == len(kept)
    x, y, weights = joined(list(padded))
    real = kept.num_windows
    wanted = joined(list(kept))
    np.testing.assert_array_equal(x[:real], wanted[0])
    np.testing.assert_array_equal(y[:real], wanted[1])
    assert weights.shape == y.shape[: max(y.ndim - 1, 1)][:1] + (1,) * max(y.ndim - 2, 0)
    np.testing.assert_array_equal(weights[real:], 0)
    given = wanted[2] if weighted else np.ones_like(weights[:real])
    size = windows.batch_size
    last = np.arange(real) >= (len(kept) - 1) * size
    factors = np.where(last, size / np.count_nonzero(last), 1.0)
    np.testing.assert_allclose(weights[:real], (given.T * factors).T, rtol=1e-6)
    for padded_part, kept_part in zip(padded.to_numpy(), kept.to_numpy(), strict=True):
        np.testing.assert_array_equal(padded_part, kept_part)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("horizon", [1, 2])
def test_the_loss_of_each_step_is_that_of_its_windows(weighted, horizon):
    """Also that of the steps that several workers make together."""
    series = np.sin(distinct(50))
    windows = WindowedSeries(4, horizon, batch_size=8)
    weight = np.linspace(0, 3, windows.count(series)) if weighted else None
    kept, padded = pair(windows, series, sample_weight=weight)
    model = compiled(4, outputs=horizon)

    def loss(batch):
        model.reset_metrics()  # Keras 3.12 returns the mean of all batches since the last reset.
        return model.test_on_batch(*batch)

    losses = [[loss(batch) for batch in data] for data in (kept, padded)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for data in (kept, padded):
        shards = zip(*(data.shard(4, index) for index in range(4)), strict=True)
        losses = [np.mean([loss(batch) for batch in batches]) for batches in shards]
        np.testing.assert_allclose(losses, [loss(batch) for batch in data], rtol=1e-5)


def test_training_goes_on_from_a_state():
    windows = WindowedSeries(4, batch_size=8, shuffle=True, seed=3, remainder="pad")
    first, again = (windows.build(np.sin(distinct(53))) for _ in range(2))
    batches = list(first)
    stream = iter(first)
    for _ in range(4):
        next(stream)
    again.restore(first.state())
    rest = list(again)
    assert len(rest) == len(batches) - 4
    for got, wanted in zip(rest, batches[4:], strict=True):
        for part, wanted_part in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(part, wanted_part)


def test_one_worker_of_several_devices_pads_and_aligns(monkeypatch):
    """As in one process whose devices part every batch."""
    monkeypatch.setattr(Workers, "of_this_run", lambda: Workers(devices=4))
    dataset = WindowedSeries(4, batch_size=8).build(distinct(46)).shard(1, 0)
    assert [len(y) for _, y, _ in dataset] == [8, 8, 8, 8, 8, 4]
    x, _, weights = joined(list(dataset))
    np.testing.assert_array_equal(weights, [*np.ones(40), 2, 2, 0, 0])
    table = dataset.align(x[:, -1])
    np.testing.assert_array_equal(table["prediction"] + 1, table["actual"])
    assert len(table["actual"]) == 42
    with pytest.raises(ValueError, match="multiple of 12, since count=3 workers of 4 devices"):
        WindowedSeries(4, batch_size=8).build(distinct(46)).shard(3, 0)


def test_align_leaves_the_padding_out():
    dataset = WindowedSeries(4, batch_size=8, remainder="pad").build(distinct(50))
    persist = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x[:, -1:])])
    predictions = persist.predict(dataset, verbose=0)
    assert len(predictions) == 48
    table = dataset.align(predictions)
    np.testing.assert_array_equal(table["prediction"] + 1, table["actual"])
    assert len(table["actual"]) == 46


@only_tensorflow
def test_to_tf_knows_the_shape_of_every_batch():
    dataset = WindowedSeries(4, batch_size=8, remainder="pad").build(distinct(50))
    stream = dataset.to_tf()
    assert [spec.shape.as_list() for spec in stream.element_spec] == [[8, 4], [8], [8]]
    for got, wanted in zip(stream.as_numpy_iterator(), dataset, strict=True):
        for part, wanted_part in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(part, wanted_part)


def test_to_grain_gives_the_padded_batches():
    dataset = WindowedSeries(4, batch_size=8, remainder="pad").build(distinct(50))
    for got, wanted in zip(dataset.to_grain(), dataset, strict=True):
        for part, wanted_part in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(part, wanted_part)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX compiles a step for every shape")
def test_jax_compiles_one_step(monkeypatch):
    traced = []

    class Traced(keras.layers.Dense):
        def call(self, inputs):
            traced.append(inputs.shape[0])
            return super().call(inputs)

    for data in pair(WindowedSeries(4, batch_size=8), np.sin(distinct(50))):
        model = keras.Sequential([keras.Input((4,)), Traced(1)])
        model.compile("sgd", "mse")
        traced.clear()
        model.fit(data, verbose=0)
        shapes = {size for size in traced if size is not None}
        assert shapes == ({8} if data.windows.remainder == "pad" else {8, 6})


def test_another_remainder_is_refused():
    with pytest.raises(ValueError, match="remainder must be one of 'keep', 'drop', 'pad'"):
        WindowedSeries(4, remainder="fill")
    with pytest.raises(TypeError, match="drop_remainder"):
        WindowedSeries(4, drop_remainder=True)
