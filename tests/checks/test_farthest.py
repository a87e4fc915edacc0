"""The distance is found in few questions, wherever it lies."""

from hypothesis import given
from hypothesis import strategies as st

from keras_ts.checks.leakage import farthest


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000))
def test_it_is_found_in_few_questions(known, more, rest):
    true, last, asked = known + more, known + more + rest, []

    def looks(beyond):
        asked.append(beyond)
        return beyond <= true

    assert farthest(looks, known, last) == true
    assert len(asked) <= 2 + 2 * (more + 1).bit_length()
    assert all(known < beyond <= last for beyond in asked)


def test_the_last_row_is_asked_for_first():
    asked = []
    assert farthest(lambda beyond: asked.append(beyond) or True, 3, 900) == 900
    assert asked == [900]
