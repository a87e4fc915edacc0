"""A file's names of its inputs are found by their roles."""

from keras_ts.exporting.saved_model import matched


def test_names_are_roles_or_stand_in_their_order():
    assert matched(["past", "static"], ["static", "past"]) == {"past": "past", "static": "static"}
    assert matched(["past", "static"], ["a", "b"]) == {"past": "a", "static": "b"}
