"""Targets that a preset's bounds let no forecast be, such as returns, are named in ``fit``."""

import warnings

import numpy as np
import pandas as pd
import pytest

from keras_ts import from_preset

DAYS = pd.date_range("2024-01-01", periods=120, name="day")
SOLD = 5.0 + np.arange(120) % 7
NAMES = {"target_columns": "sold", "id_column": "part", "time_column": "day"}


def told(name, changed, **bounds):
    """Return the warnings of a fit to two parts, of which "b" has some other values."""
    sold = SOLD.copy()
    sold[list(changed)] = list(changed.values())
    series = {"a": SOLD, "b": sold}.items()
    parts = [pd.DataFrame({"day": DAYS, "sold": of, "part": part}) for part, of in series]
    preset = from_preset(name, **bounds)
    train, _ = preset.split(pd.concat(parts), 2, at=DAYS[100], **NAMES)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        preset.fit(train, **({} if name == "linear" else {"epochs": 1, "verbose": 0}))
    return [str(of.message) for of in caught if "No forecast lies there" in str(of.message)]


@pytest.mark.parametrize("name", ["linear", "seasonal_gru"])
def test_fit_names_the_first_return_of_the_training_part(name):
    (text,) = told(name, {7: -3.0, 9: -0.5, 110: -4.0}, minimum=0)
    assert text.startswith(
        "2 rows of the training part have a target below minimum=0, the first at position 7 "
        "(2024-01-08) of "
    )
    assert "'b'" in text


def test_each_bound_is_named_and_values_at_it_are_within():
    (text,) = told("linear", {7: 12.5, 30: 0.7}, minimum=0.7, maximum=12)
    assert "1 row of the training part has a target above maximum=12" in text
    assert not told("linear", {7: -3.0})
    assert not told("linear", {110: -3.0, 8: np.nan}, minimum=0)
