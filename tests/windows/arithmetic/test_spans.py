"""Spans are joined, sampled and compared series by series."""

import pytest

from keras_ts.windows.arithmetic.spans import MOST, checked, joined, overlap


def test_of_very_many_series_some_are_kept():
    spans = [
        {f"{key:016x}": [key, key + 5] for key in range(*ends)} for ends in ((0, 300), (200, 900))
    ]
    kept = joined(*spans)
    assert kept == {f"{key:016x}": [key, key + 5] for key in range(MOST)}
    assert checked("x", kept) == kept
    assert joined({"a": [3, 5]}, None, {"a": [1, 4], "b": [7, 7]}) == {"a": [1, 5], "b": [7, 7]}
    assert joined(None, {}) is None
    for other, expected in [([5, 9], True), ([6, 9], False), ([0, 2], False), ([0, 3], True)]:
        assert overlap({"a": [3, 5]}, {"a": other}) is expected
    assert not overlap({"a": [3, 5]}, {"b": [3, 5]})
    assert checked("x", "a digest of 0.2") is None


@pytest.mark.parametrize(
    "spans",
    [
        [["a", [1, 2]]],
        {str(key): [1, 2] for key in range(MOST + 1)},
        {7: [1, 2]},
        {"a" * 65: [1, 2]},
        {"a": 5},
        {"a": [1]},
        {"a": [1, 2, 3]},
        {"a": [1, 2.0]},
        {"a": [True, 2]},
    ],
)
def test_spans_of_another_form_are_refused(spans):
    with pytest.raises(TypeError, match="x must be what calibrate or fine_tune made"):
        checked("x", spans)


def test_keys_of_64_characters_are_the_longest():
    assert checked("x", {"a" * 64: (1, 2)}) == {"a" * 64: [1, 2]}
