"""Spans are joined, sampled and compared series by series."""

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
