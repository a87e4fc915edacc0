"""``WindowedInput`` changes no value, and goes wherever its model goes."""

import copy
import json
import pickle

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from helpers import warned_of_masks
from keras_ts import WindowedInput, WindowedSeries
from keras_ts.interface import carried_by
from keras_ts.windows.carried import Carried, columns_of

WINDOWS = WindowedSeries(4, horizon=2, target_columns=1)
COLUMNS = {"past": [0, 1], "future": [], "static": [], "target": [1]}
CARRIED = Carried(WINDOWS, columns_of(WINDOWS, COLUMNS), "1 day", (0.1, 0.5, 0.9))


def layer(**settings):
    return WindowedInput(
        **{"windows": WINDOWS, "columns": COLUMNS, "frequency": "1 day",
           "quantiles": [0.1, 0.5, 0.9], **settings}
    )  # fmt: skip


def forecaster(carrier=None):
    past = keras.Input((4, 2))
    x = (carrier or layer())(past)
    return keras.Model(past, keras.layers.Dense(2)(keras.layers.Flatten()(x)))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "bool", "uint8"])
@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 4, 2), (2, 3, 4, 2)])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "bfloat16"])
def test_values_and_dtype_stay_as_they_are(dtype, shape, policy):
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    carrier = layer(dtype=policy)
    y = carrier(x)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    np.testing.assert_array_equal(numpy(y), x)
    spec = carrier.compute_output_spec(keras.KerasTensor(shape, dtype))
    assert (tuple(spec.shape), spec.dtype) == (shape, dtype)
    assert tuple(carrier.compute_output_shape(shape)) == shape


@pytest.mark.parametrize("several", [dict, lambda inputs: list(inputs.values())])
def test_it_stands_on_one_of_several_inputs(several):
    inputs = {"past": keras.Input((4, 2)), "future": keras.Input((2, 1))}
    with pytest.raises(TypeError, match=r"on 'past' where there are several: .*\(past\)"):
        layer()(several(inputs))


def test_a_level_that_half_precision_loses():
    x = np.array([[70_001.0]], "float32")
    assert numpy(layer(dtype="mixed_float16")(x)).tolist() == [[70_001.0]]


@warned_of_masks
def test_a_mask_goes_through():
    series = keras.Input((None, 2))
    x = keras.layers.Masking()(series)
    plain = keras.layers.SimpleRNN(3)
    carried = keras.Model(series, plain(layer()(x)))
    bare = keras.Model(series, plain(x))
    values = np.random.default_rng(0).normal(size=(5, 6, 2)).astype("float32")
    values[:, 4:] = 0.0
    np.testing.assert_array_equal(numpy(carried(values)), numpy(bare(values)))


@pytest.mark.parametrize(
    "way",
    [
        keras.models.clone_model,
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: keras.models.model_from_json(model.to_json()),
        lambda model: keras.Model.from_config(json.loads(json.dumps(model.get_config()))),
    ],
)
def test_all_of_it_goes_with_the_model(way):
    model = forecaster()
    again = way(model)
    assert carried_by(again) == CARRIED
    assert carried_by(model) == CARRIED


def test_keras_itself_saves_it(tmp_path):
    forecaster().save(tmp_path / "model.keras")
    assert carried_by(keras.saving.load_model(tmp_path / "model.keras")) == CARRIED


def test_it_is_read_off_a_dataset():
    windows = WindowedSeries(4, target_columns=1)
    dataset = windows.build(np.ones((9, 2)))
    carrier = WindowedInput.of(dataset, [0.5], name="past")
    assert carrier.name == "past"
    assert carrier.windows == windows
    assert carrier.carried == Carried.of(dataset, [0.5])
    assert carrier.carried.columns.targets == (1,)


def test_the_layer_within_a_model():
    assert carried_by(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])) is None
    past = keras.Input((4, 2))
    outer = keras.Model(past, keras.layers.Dense(1)(forecaster()(past)))
    assert carried_by(outer) == CARRIED
    twice = keras.Model(past, forecaster()(layer()(past)))
    assert carried_by(twice) == CARRIED
    differ = keras.Model(past, forecaster()(layer(quantiles=None, name="other")(past)))
    with pytest.raises(ValueError, match=r"'other'.*carry different windows.*Keep one"):
        carried_by(differ)


@pytest.mark.parametrize(
    "settings",
    [
        {"windows": 7},
        {"windows": None},
        {"windows": {"window": "4"}},
        {"columns": ["past"]},
        {"columns": {**COLUMNS, "target": [0]}},
        {"frequency": ["1 day"]},
        {"quantiles": [0.9, 0.5]},
        {"quantiles": "0.5"},
    ],
)
def test_what_a_file_may_not_say(settings):
    config = {**layer().get_config(), **settings}
    with pytest.raises((TypeError, ValueError), match="Received") as error:
        WindowedInput.from_config(config)
    assert len(str(error.value)) < 1000
