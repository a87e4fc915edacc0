"""Categories become columns of 0 and 1, with names from which the column of text is found again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.categories import collapsed, expanded, made_columns, one_hot

TEXTS = {"type": ("a", "b", ""), "day": ("fair",)}


def test_names():
    assert made_columns("type", ["a", ""]) == ["type=a", "type="]
    wanted = ["units", "type=a", "type=b", "type=", "day=fair"]
    assert expanded(["units", "type", "day"], TEXTS) == wanted
    assert expanded([0, "type"], None) == [0, "type"]


@given(columns=st.permutations(["units", "type", "day", "type=c", "price=1"]))
def test_the_columns_of_a_table_are_found_again(columns):
    assert collapsed(expanded(columns, TEXTS), TEXTS) == columns


@given(codes=st.lists(st.integers(-1, 4)))
def test_each_row_has_a_1_for_its_category(codes):
    """One that was never seen, 4, is the mean of the four; a missing one is NaN."""
    made = one_hot(np.array(codes, np.int64), 4)
    assert made.shape == (len(codes), 4)
    for row, code in zip(made.astype(float), codes, strict=True):
        wanted = np.vstack([np.eye(4), np.full(4, 0.25), np.full(4, np.nan)])[code]
        np.testing.assert_array_equal(row, wanted)


@pytest.mark.parametrize(("codes", "dtype"), [([0, 1], "bool"), ([0, -1], "float32")])
def test_numbers_beside_them_keep_their_type_where_no_text_is_missing(codes, dtype):
    assert one_hot(np.array(codes), 2).dtype == dtype
