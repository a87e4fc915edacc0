"""A loop is compiled once, freed with its model, and shows the model as it is now."""

import copy
import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from helpers import BACKEND
from keras_ts import WindowedSeries, forecast
from keras_ts.forecasting.loop import Loop

SERIES = np.arange(20.0)
WINDOWS = WindowedSeries(4)


class Counted(keras.layers.Layer):
    """Adds one, and counts how often Python runs it."""

    calls = 0

    def call(self, inputs):
        Counted.calls += 1
        return inputs[:, -1:] + 1.0

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)


def counted():
    model = keras.Sequential([keras.Input((4,)), Counted()])
    Counted.calls = 0
    return model


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles nothing")
@pytest.mark.parametrize("steps", [1, 5])
def test_a_second_call_compiles_nothing(steps):
    model = counted()
    wanted = 19.0 + np.arange(1, steps + 1)
    assert forecast(model, SERIES, WINDOWS, steps).tolist() == wanted.tolist()
    compiled = Counted.calls
    assert compiled > 0
    for _ in range(3):
        assert forecast(model, SERIES, WINDOWS, steps).tolist() == wanted.tolist()
    # Panels of as many series to the next power of two share a shape.
    forecast(model, [SERIES] * 5, WINDOWS, steps)
    more = Counted.calls
    forecast(model, [SERIES] * 8, WINDOWS, steps)
    assert Counted.calls == more
    forecast(model, SERIES, WINDOWS, steps)
    assert Counted.calls == more


@pytest.mark.parametrize("steps", [1, 5])
def test_a_model_that_runs_eagerly_does_so_at_every_step(steps):
    model = counted()
    forecast(model, SERIES, WINDOWS, steps)
    model.run_eagerly = True
    for _ in range(2):
        Counted.calls = 0
        assert forecast(model, SERIES, WINDOWS, steps)[-1] == 19.0 + steps
        assert Counted.calls == steps


def dense():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="zeros")])


@pytest.mark.parametrize("steps", [1, 3])
def test_a_changed_weight_shows_at_once(steps):
    model = dense()
    assert forecast(model, SERIES, WINDOWS, steps).tolist() == [0.0] * steps
    model.layers[-1].bias.assign([5.0])
    assert forecast(model, SERIES, WINDOWS, steps).tolist() == [5.0] * steps
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 4)), np.full((4, 1), 50.0), epochs=1, verbose=0)
    wanted = keras.ops.convert_to_numpy(model(SERIES[None, -4:]))[0, 0]
    np.testing.assert_allclose(forecast(model, SERIES, WINDOWS, steps)[0], wanted, rtol=1e-5)


def test_the_loop_is_freed_with_the_model():
    model = dense()
    forecast(model, SERIES, WINDOWS, 3)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_only_some_loops_are_kept():
    model = dense()
    model.run_eagerly = True
    for steps in range(1, 20):
        forecast(model, SERIES, WINDOWS, steps)
    gc.collect()
    # By their type: asked for its class, many an object of PyTorch warns.
    loops = [item for item in gc.get_objects() if type(item) is Loop and item.model is model]
    assert 0 < len(loops) <= 8


def test_a_model_that_was_forecast_with_is_as_it_was(tmp_path):
    model = dense()
    before = model.get_config(), [weight.path for weight in model.weights], len(model.layers)
    forecast(model, SERIES, WINDOWS, 3)
    assert (
        model.get_config(),
        [weight.path for weight in model.weights],
        len(model.layers),
    ) == before
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    copies = [loaded, copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    model.layers[-1].bias.assign([5.0])
    for other in copies:
        assert forecast(other, SERIES, WINDOWS, 3).tolist() == [0.0] * 3
    assert forecast(model, SERIES, WINDOWS, 3).tolist() == [5.0] * 3


def reference(model, steps):
    """The same forecast, by calling the model step after step."""
    values = SERIES.astype("float32")
    for _ in range(steps):
        ahead = keras.ops.convert_to_numpy(model(values[None, -4:]))
        values = np.append(values, ahead[0])
    return values[len(SERIES) :]


@pytest.mark.parametrize("steps", [1, 3])
def test_another_layer_that_is_frozen_moves_no_forecast(steps):
    # JAX takes weights by their places among those to train and those not to.
    layers = [keras.layers.Dense(4), keras.layers.Dense(4)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    for frozen in layers:
        for layer in layers:
            layer.trainable = layer is not frozen
        model.compile("sgd", "mse")
        np.testing.assert_allclose(
            forecast(model, SERIES, WINDOWS, steps), reference(model, steps), rtol=1e-4
        )


@pytest.mark.parametrize("steps", [1, 3])
def test_variables_that_a_layer_got_since_show(steps):
    model = dense()
    forecast(model, SERIES, WINDOWS, steps)
    layer = model.layers[-1]
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    wanted = reference(model, steps)
    assert abs(wanted[0]) > 1e-3
    np.testing.assert_allclose(forecast(model, SERIES, WINDOWS, steps), wanted, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 3])
def test_threads_forecast_as_one_does(steps):
    """Keras's own calls on JAX donate the weights, so that other threads find them deleted."""
    model = keras.Sequential([
        keras.Input((4,)),
        keras.layers.Dense(4, activation="tanh"),
        keras.layers.Dense(1),
    ])  # fmt: skip
    weights = model.get_weights()
    parts = [SERIES[:length] / 20 for length in range(4, 21)]
    alone = [forecast(model, part, WINDOWS, steps) for part in parts]
    with ThreadPoolExecutor(8) as threads:
        together = list(
            threads.map(lambda n: forecast(model, parts[n % 17], WINDOWS, steps), range(400))
        )
    for number, ahead in enumerate(together):
        np.testing.assert_array_equal(ahead, alone[number % 17])
    for was, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles nothing")
def test_threads_that_forecast_first_compile_once():
    model = counted()
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda _: forecast(model, SERIES, WINDOWS, 3), range(8)))
    assert np.array_equal(together, [[20.0, 21.0, 22.0]] * 8)
    calls = Counted.calls
    model = counted()
    forecast(model, SERIES, WINDOWS, 3)
    assert Counted.calls == calls
