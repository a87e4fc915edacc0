"""Configs of files that name an argument as it was named before still load."""

import json

import keras
import numpy as np
import pytest

import keras_ts
from keras_ts._registration import renamed

# As files hold them that were saved before the arguments took their names of today.
OLD = {
    "SortedQuantiles": {"name": "sorted", "levels": [0.1, 0.5, 0.9]},
    "ConformalInterval": {"name": "bands", "coverage": [0.8], "levels": [0.1, 0.5, 0.9],
                          "targets": None, "sequence": False, "calibrated_on": None},
    "QuantileLoss": {"name": "loss", "reduction": "sum", "levels": [0.1, 0.5], "dtype": "float32"},
    "MedianMAE": {"name": "mae", "dtype": "float32", "levels": [0.1, 0.5]},
    "IntervalCoverage": {"name": "coverage", "dtype": "float32", "levels": [0.1, 0.5]},
    "NormalizeWindow": {"name": "normalize", "statistic": "seasonal", "period": 4, "causal": False,
                        "epsilon": 1e-6, "holes": True},
    "SmoothedForecast": {"name": "smoothed", "steps": 3, "gap": 1, "unit": 2.0, "holes": True},
}  # fmt: skip
NEW = {"levels": "quantiles", "holes": "masked"}


@pytest.mark.parametrize("name", OLD)
def test_a_config_with_the_former_name_of_an_argument_loads(name):
    stored = {"module": "keras_ts", "class_name": name, "registered_name": f"keras_ts>{name}"}
    item = keras.saving.deserialize_keras_object({**stored, "config": dict(OLD[name])})
    config = json.loads(json.dumps(item.get_config()))
    for key, value in OLD[name].items():
        assert config[NEW.get(key, key)] == value
    assert not {"levels", "holes"} & set(config)


def test_an_old_layer_computes_what_the_new_one_does():
    x = np.array([[[1.0], [5.0], [np.nan], [3.0]]], "float32")
    old, new = (
        keras_ts.layers.NormalizeWindow.from_config({"statistic": "mean", key: True})
        for key in ("holes", "masked")
    )
    for ours, theirs in zip(old(x), new(x), strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (ours, theirs)))
        assert np.isfinite(keras.ops.convert_to_numpy(ours)).all()


def test_both_names_of_an_argument_are_refused():
    config = {"quantiles": [0.5], "levels": [0.1, 0.5]}
    with pytest.raises((TypeError, ValueError), match="levels"):
        keras_ts.layers.SortedQuantiles.from_config(config)
    assert config == {"quantiles": [0.5], "levels": [0.1, 0.5]}


def test_a_subclass_reads_former_names_with_its_own_class():
    @renamed(old="new")
    class Layer(keras.layers.Layer):
        def __init__(self, new, **kwargs):
            super().__init__(**kwargs)
            self.new = new

    class Own(Layer):
        pass

    layer = Own.from_config({"old": 3})
    assert type(layer) is Own
    assert layer.new == 3
