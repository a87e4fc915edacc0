"""Settings go through JSON, and are refused where they disagree."""

import json

import keras
from hypothesis import given

from helpers import window_settings
from keras_ts import WindowedSeries


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
