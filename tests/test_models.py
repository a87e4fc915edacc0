"""Models are taken out of their wrapper, and predict alone in a run of several devices."""

import keras
import numpy as np
import pytest

from helpers import BACKEND, only_tensorflow, run_fresh
from keras_ts import WindowedSeries, _models, compare, forecast, save_model

only_jax = pytest.mark.skipif(BACKEND != "jax", reason="Keras distributes on JAX alone")
only_torch = pytest.mark.skipif(BACKEND != "torch", reason="about torch.distributed")


def model():
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    net.compile("sgd", "mse")
    return net


@pytest.mark.parametrize("batch_size", [None, 3])
def test_predictions_are_those_of_keras(batch_size, monkeypatch):
    net, x = model(), np.arange(28, dtype="float32").reshape(7, 4)
    expected = net.predict(x, verbose=0)
    np.testing.assert_allclose(_models.predict(net, x, batch_size), expected, rtol=1e-6)
    if BACKEND == "jax":
        monkeypatch.setattr(_models, "is_distributed", lambda net: True)
        np.testing.assert_allclose(_models.predict(net, x, batch_size), expected, rtol=1e-6)


@only_tensorflow
def test_replicas_do_not_predict_rows_twice():
    run_fresh(
        "import keras, numpy as np, tensorflow as tf; from keras_ts import _models\n"
        "tf.config.set_logical_device_configuration(tf.config.list_physical_devices('CPU')[0],\n"
        "    [tf.config.LogicalDeviceConfiguration()] * 2)\n"
        "with tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1']).scope():\n"
        "    dense = keras.layers.Dense(1, kernel_initializer='ones')\n"  # Sums are exact.
        "    net = keras.Sequential([keras.Input((4,)), dense])\n"
        "x = np.arange(28, dtype='float32').reshape(7, 4)\n"
        "for size in (None, 3):\n"
        "    got = _models.predict(net, x, size)\n"
        "    np.testing.assert_allclose(got, keras.ops.convert_to_numpy(net(x)), rtol=1e-6)\n"
    )


@only_jax
def test_a_model_in_several_processes_runs_on_one_device_and_is_compiled_once(monkeypatch):
    net, x = model(), np.ones((5, 4), "float32")
    monkeypatch.setattr(_models, "is_distributed", lambda net: True)
    first = _models.predict(net, x, 5)
    cache = getattr(net, _models._ATTRIBUTE)
    net.layers[0].kernel.assign(np.ones((4, 1)))
    assert _models.predict(net, x, 5)[0, 0] == pytest.approx(4.0)
    assert first.shape == (5, 1)
    assert cache.cache_info().misses == 1
    net.layers[0].trainable = False
    _models.predict(net, x, 5)
    assert cache.cache_info().misses == 2


def test_others_than_models_are_refused():
    with pytest.raises(TypeError, match=r"must be a Keras model\. Received: int"):
        _models.check_model(3)


@only_torch
def test_a_model_may_be_wrapped_for_several_processes(tmp_path, monkeypatch):
    import torch

    class Wrapper(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

    monkeypatch.setattr(torch.nn.parallel, "DistributedDataParallel", Wrapper)
    net, series = model(), np.sin(np.arange(40.0)).astype("float32")
    windows = WindowedSeries(4, batch_size=8)
    train, validation = windows.split(series, at=25)
    wrapped = Wrapper(net)
    assert _models.check_model(wrapped) is net
    ahead = forecast(wrapped, series, windows)
    np.testing.assert_array_equal(ahead, forecast(net, series, windows))
    tables = [compare(one, train, validation).table["mae"] for one in (wrapped, net)]
    np.testing.assert_array_equal(*tables)
    save_model(wrapped, tmp_path / "m.keras", windows=train)


def test_a_process_leaves_the_distribution_for_a_while():
    before = keras.distribution.distribution()
    with _models.undistributed():
        assert keras.distribution.distribution() is None
    assert keras.distribution.distribution() is before


def test_a_model_made_of_the_inputs_of_another_takes_their_array():
    """Keras writes its input as a list, and warns of an array on PyTorch."""
    inner = model()
    outer = keras.Model(inner.inputs, keras.layers.ReLU()(inner.outputs[0]))
    x = np.arange(28, dtype="float32").reshape(7, 4)
    expected = np.maximum(inner.predict(x, verbose=0), 0)
    np.testing.assert_allclose(_models.predict(outer, x, 3), expected, rtol=1e-6)
