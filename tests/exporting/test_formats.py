"""A file's names of its inputs are found by their roles, and windows need what they go on from."""

import numpy as np
import pytest

from keras_ts.exporting.formats import _matched, _present

NAN = np.nan


def test_names_are_roles_or_stand_in_their_order():
    assert _matched(["past", "static"], ["static", "past"]) == {"past": "past", "static": "static"}
    assert _matched(["past", "static"], ["a", "b"]) == {"past": "a", "static": "b"}


@pytest.mark.parametrize(
    ("window", "in_one_row", "each"),
    [
        ([[1, 2], [NAN, NAN], [NAN, NAN]], True, True),
        ([[1, NAN], [NAN, NAN], [NAN, 2]], False, True),
        ([[1, NAN], [NAN, 2], [3, NAN]], False, False),
        ([[NAN, NAN], [1, 2], [NAN, NAN]], False, False),
    ],
)
def test_values_to_forecast_from(window, in_one_row, each):
    """Of the rows 0 and 2, which the model reads, and of every window in a batch."""
    tf = pytest.importorskip("tensorflow")
    whole = np.ones((3, 2))
    for one_row, wanted in ((True, in_one_row), (False, each)):
        needed = {"columns": ["b", "a"], "in_one_row": one_row, "every": 2}
        result = _present(tf, tf.constant([whole, window]), ["a", "b"], needed)
        assert bool(result) == wanted
