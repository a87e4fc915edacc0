"""The frequencies of a panel are those of a list, in kinds that no two series have twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.frequencies import Frequencies
from keras_ts.windows.arithmetic.steps import Frequency

KINDS = [Frequency(1), Frequency(2), Frequency(1), Frequency(2, "day"), Frequency(7)]


@given(st.lists(st.integers(-1, len(KINDS) - 1)))
def test_each_series_has_its_own_and_equal_kinds_are_one(codes):
    wanted = [KINDS[code] if code >= 0 else None for code in codes]
    own = Frequencies.of(KINDS, np.array(codes, np.int64))
    assert len(own) == len(codes)
    assert [*own] == [own[number] for number in range(len(codes))] == wanted
    assert list(own.kinds) == [one for one in dict.fromkeys(wanted) if one is not None]
    names = own.per_series(str, None).tolist()
    assert names == [None if one is None else str(one) for one in wanted]
    assert own.codes.dtype == np.int64
