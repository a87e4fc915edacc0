"""Settings go through JSON, and are refused where they disagree."""

import dataclasses
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
    assert eval(repr(windows)) == windows
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(windows)))
    assert stored["registered_name"] == "keras_ts>WindowedSeries"
    assert stored["module"] == "keras_ts"
    assert keras.saving.deserialize_keras_object(stored) == windows


def test_what_was_set_is_printed():
    """Holidays of ten years fill no page."""
    windows = WindowedSeries(
        20, shuffle=True, static_columns="type", time_column="day", calendar="holidays:DE",
        categories={"type": ["a", "b"]},
    )  # fmt: skip
    shown = (
        "WindowedSeries(window=20, static_columns=('type',), categories={'type': ('a', 'b')}, "
        "calendar=('holidays:DE',), time_column='day', shuffle=True)"
    )
    assert repr(windows) == shown
    days = {"Unity Day": [f"{year}-10-03" for year in range(2020, 2032)]}
    learned = {"holidays:DE": {"years": (2020, 2031), "days": days}}
    assert len(repr(dataclasses.replace(windows, holidays=learned))) < len(shown) + 100
