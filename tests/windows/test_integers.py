"""Integers of every size reach a model as the numbers that they are, on every backend."""

import keras
import numpy as np
import pytest

import keras_ts
from helpers import BACKEND
from keras_ts import WindowedSeries
from keras_ts._dtypes import changes_integers, with_exact_integers

STEPS = np.arange(40) % 7
SMALL = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "bool"]
LARGE = [
    STEPS.astype("int64") + 2**40,
    STEPS.astype("int64") - 2**40,
    STEPS.astype("uint32") + np.uint32(2**31),
    STEPS.astype("uint64") + np.uint64(2**32),
    STEPS.astype("uint64") + np.uint64(2**63),
    STEPS.astype(">i8") + 2**40,
]


def adding():
    """Return a model that adds up its windows of four."""
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="ones")])


@pytest.mark.parametrize(
    "series",
    [(STEPS % 2).astype(kind) for kind in SMALL] + LARGE,
    ids=lambda series: f"{series.dtype} from {series.min()}",
)
def test_predictions_and_losses_are_those_of_floats(series):
    windows = WindowedSeries(4, batch_size=16)
    floats = series.astype("float64")
    model = adding()
    model.compile("sgd", "mae")
    dataset, wanted = windows.build(series), windows.build(floats)
    if not changes_integers(series):
        assert dataset[0][0].dtype == series.dtype.newbyteorder("=")
    np.testing.assert_array_equal(dataset[0][0][0], series[:4])
    sums = [floats[place : place + 4].sum() for place in range(36)]
    np.testing.assert_allclose(model.predict(dataset, verbose=0)[:, 0], sums, rtol=1e-6)
    loss = np.abs(np.subtract(sums, floats[4:])).mean()
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), loss, rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(wanted, verbose=0), loss, rtol=1e-6)


def test_judging_and_presets_read_the_same_integers():
    """The preset reads its windows for a ridge regression, and a Sequential is built by its fit."""
    series = STEPS.astype("uint64") if BACKEND == "torch" else LARGE[0]
    windows = WindowedSeries(7, batch_size=8)
    tables = []
    for values in (series, series.astype("float64")):
        keras.utils.set_random_seed(1)
        train, validation = windows.split(values, at=25)
        preset = keras_ts.RecurrentPreset(units=(2,), window_norm="last", smoothing="linear")
        unbuilt = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
        unbuilt.compile(keras.optimizers.SGD(1e-30), "mae")  # The weights stay 1.
        unbuilt.fit(train, verbose=0)
        models = {"preset": preset.build(train), "unbuilt": unbuilt}
        tables.append(keras_ts.compare(models, train, validation).table["mae"])
    np.testing.assert_allclose(*tables, rtol=1e-4, atol=1e-9)


def test_a_memory_map_of_integers(tmp_path):
    np.save(tmp_path / "series.npy", LARGE[0])
    dataset = WindowedSeries(4).build(np.load(tmp_path / "series.npy", mmap_mode="r"))
    sums = [LARGE[0][place : place + 4].sum() for place in range(36)]
    np.testing.assert_allclose(adding().predict(dataset, verbose=0)[:, 0], sums, rtol=1e-6)


def test_integers_that_fit_stay_integers():
    small, large = STEPS.astype("int64"), LARGE[0]
    assert changes_integers(STEPS.astype("uint64")) == (BACKEND == "torch")
    assert not changes_integers(small)
    assert changes_integers(small, unread=True) == (BACKEND == "jax")
    assert changes_integers(large) == (BACKEND == "jax")
    assert not changes_integers(STEPS.astype("int32"), unread=True)
    assert not changes_integers(STEPS.astype("float64"), unread=True)
    batch = {"past": STEPS.astype("uint64")}, np.full(3, 2**63, "uint64"), np.ones(3)
    inputs, targets, weights = with_exact_integers(batch)
    assert inputs["past"].dtype.kind == ("i" if BACKEND == "torch" else "u")
    assert targets.dtype == ("uint64" if BACKEND == "tensorflow" else "float64")
    assert targets[0] == 2**63
    assert weights is batch[2]
    assert with_exact_integers(np.empty(0, "uint64")).size == 0


@pytest.mark.skipif(BACKEND != "jax", reason="the mode is one of JAX")
def test_wide_integers_stay_where_jax_takes_them():
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        assert not changes_integers(LARGE[0])
        assert with_exact_integers(LARGE[0]) is LARGE[0]
    finally:
        jax.config.update("jax_enable_x64", False)
