"""A batch is what its windows read one position at a time. See ``mutants.py``: no framework."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from arithmetic_oracle import geometries, inputs_of, targets_of
from keras_ts.windows.gather import Gather, StridedWindows


@st.composite
def gathers(draw):
    """Values laid out in memory in several ways, and how windows read them."""
    shape = draw(geometries)
    length = shape.span + draw(st.integers(0, 6))
    columns = draw(st.sampled_from([None, 1, 3]))
    rows = (length,) if columns is None else (length, columns)
    values = np.arange(100, 100 + np.prod(rows)).astype(draw(st.sampled_from(["i2", "f4", "f8"])))
    values = values.reshape(rows)
    layouts = ["whole", "every other row", "column by column", "backwards"]
    memory = draw(st.sampled_from(layouts))
    if memory == "every other row":
        values = np.repeat(values, 2, axis=0)[::2]
    elif memory == "column by column":
        values = np.asfortranarray(values)
    elif memory == "backwards":
        values = values[::-1]
    some = [None] if columns is None else [None, 0, columns - 1, (columns - 1,), (columns - 1, 0)]
    future = () if columns is None else draw(st.sampled_from([(0,), (columns - 1, 0)]))
    gather = Gather(values, draw(st.sampled_from(some)), future, shape)
    starts = st.integers(0, length - shape.span)
    return gather, np.array(draw(st.lists(starts, max_size=6)), np.int64)


def chosen(read, columns):
    if columns is None:
        return read
    return read[..., columns] if isinstance(columns, int) else read[..., list(columns)]


def expected_pair(gather, starts):
    shape, values = gather.geometry, gather.values
    width = values.shape[1:]
    x = np.array([[values[p] for p in inputs_of(s, shape)] for s in starts], values.dtype)
    y = np.array([values[targets_of(s, shape)] for s in starts], values.dtype)
    y = y.reshape(len(starts), shape.window if shape.sequence else 1, shape.horizon, *width)
    y = y[:, :, 0] if shape.horizon == 1 else y
    y = y if shape.sequence else y[:, 0]
    return x.reshape(len(starts), shape.window, *width), chosen(y, gather.targets)


@given(gathers())
def test_a_batch_is_what_its_windows_read_one_position_at_a_time(case):
    gather, starts = case
    for got, wanted in zip(
        (gather.past(starts), gather.target(starts)), expected_pair(gather, starts), strict=True
    ):
        np.testing.assert_array_equal(got, wanted, strict=True)


@given(gathers())
def test_covariates_known_ahead_are_read_behind_the_origin(case):
    gather, starts = case
    if not gather.future:
        return
    ahead = replace(gather.geometry, sequence=False)
    expected = [gather.values[targets_of(s, ahead)[0]][:, list(gather.future)] for s in starts]
    got = gather.ahead(starts)
    assert got.shape == (len(starts), ahead.horizon, len(gather.future))
    if expected:
        np.testing.assert_array_equal(got, expected)


@given(gathers())
def test_a_batch_is_the_callers_own(case):
    gather, starts = case
    before = gather.values.copy()
    for read in (gather.past(starts), gather.target(starts)):
        assert not np.shares_memory(read, gather.values)
        read[...] = 0
    np.testing.assert_array_equal(gather.values, before)


@given(gathers())
def test_a_slice_of_windows_copies_nothing_and_cannot_be_written(case):
    gather, _ = case
    gather = replace(gather, targets=None)
    shape = gather.geometry
    every = np.arange(len(gather.values) - shape.span + 1)
    views = gather.past(slice(0, len(every))), gather.target(slice(0, len(every)))
    for view, wanted in zip(views, expected_pair(gather, every), strict=True):
        np.testing.assert_array_equal(view, wanted, strict=True)
        assert np.shares_memory(view, gather.values)
        assert not view.flags.writeable
    assert gather.values.flags.writeable


@given(st.integers(0, 8), st.integers(0, 4), st.integers(1, 4), st.integers(1, 3))
def test_strided_windows_have_a_row_for_every_start_that_fits(length, offset, count, step):
    values = np.arange(10.0, 10.0 + length)
    rows = []
    while len(rows) + offset + step * (count - 1) < length:
        rows.append([values[len(rows) + offset + step * k] for k in range(count)])
    taps = StridedWindows(values, offset, count, step)
    expected = np.array(rows).reshape(len(rows), count)
    assert len(taps) == len(rows)
    np.testing.assert_array_equal(taps[:], expected, strict=True)
    np.testing.assert_array_equal(taps[np.arange(len(rows))], expected, strict=True)


def test_neighbours_are_one_item_where_memory_has_no_gaps():
    values = np.arange(12, dtype="i2").reshape(6, 2)
    items = StridedWindows(values, 0, 3)._items
    assert items.dtype == np.dtype("V12")
    assert [item.tobytes() for item in items] == [values[i : i + 3].tobytes() for i in range(4)]
    assert len(StridedWindows(values, 0, 6)._items) == 1
    for unfit in (values[::2], values[:, :1], np.asfortranarray(values), values[:2], values[:, :0]):
        assert StridedWindows(unfit, 0, 3)._items is None
