"""Early windows are those of values padded by hand. See ``mutants.py``: no framework."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from arithmetic_oracle import early_geometries
from keras_ts.panel.rows import concatenated_offsets
from keras_ts.windows.gather import Gather
from keras_ts.windows.geometry import Geometry, layout

NO_GAPS = np.empty(0, np.int64)


@st.composite
def cases(draw):
    """Some series, how windows read them, and the windows in any order."""
    shape = draw(early_geometries)
    lengths = draw(st.lists(st.integers(0, 15), min_size=1, max_size=4).filter(any))
    width = draw(st.sampled_from([(), (1,), (3,)]))
    kind = draw(
        st.sampled_from(["bool", "int8", "int32", "int64", "float16", "float32", "float64"])
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    panel = [(100 * rng.random((rows, *width))).astype(kind) for rows in lengths]
    targets = draw(st.sampled_from([None, 0, (0,)] if width else [None]))
    future = draw(st.sampled_from([(), (0,)])) if width else ()
    offsets = concatenated_offsets(lengths)
    gather = Gather(np.concatenate(panel), targets, future, shape, offsets)
    ranges = layout(offsets, NO_GAPS, shape)
    windows = np.arange(ranges.total)
    some = draw(st.permutations(windows.tolist()).map(lambda order: order[:9]))
    chosen = np.array(some, np.int64)
    return gather, panel, ranges.starts(chosen), ranges.series_of(chosen)


def padded(panel, before):
    """Return the series behind ``before`` rows of NaN, and the place of each series' first row."""
    rows, places, at = [], [], 0
    for series in panel:
        floats = series.dtype.kind == "f" or not before
        kind = series.dtype if floats else np.result_type(series, np.float32)
        rows += [np.full((before, *series.shape[1:]), np.nan, kind), series]
        places.append(at + before)
        at += before + len(series)
    return np.concatenate(rows), np.array(places)


@given(cases())
def test_windows_are_those_of_series_behind_rows_of_nan(case):
    gather, panel, starts, series = case
    shape = gather.geometry
    values, places = padded(panel, shape.before)
    longer = Gather(values, gather.targets, gather.future, replace(shape, before=0))
    moved = starts - gather.offsets[series] + places[series]
    for got, wanted in (
        (gather.past(starts), longer.past(moved)),
        (gather.target(starts), longer.target(moved)),
        (gather.ahead(starts) if gather.future else None,
         longer.ahead(moved) if gather.future else None),
    ):  # fmt: skip
        if wanted is not None:
            np.testing.assert_array_equal(got, wanted, strict=True)


@given(cases())
def test_a_batch_is_the_callers_own_and_the_series_stays(case):
    gather, _, starts, _ = case
    before = gather.values.copy()
    for read in (gather.past(starts), gather.target(starts)):
        assert not np.shares_memory(read, gather.values)
        read[...] = 0
    np.testing.assert_array_equal(gather.values, before)


def test_a_slice_of_windows_within_their_series_is_a_view():
    values = np.arange(20.0)
    gather = Gather(values, None, (), Geometry(4, 1, 0, 1, 1, False, before=2), np.array([0, 20]))
    assert np.shares_memory(gather.past(slice(0, 8)), values)
