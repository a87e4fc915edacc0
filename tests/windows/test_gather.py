"""Where windows start and what they read, against plain loops over single positions.

Nothing here imports Keras, so that mutants.py can run it in a second for each mutant.
"""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.gather import Gather, StridedWindows, opaque
from keras_ts.windows.arithmetic.geometry import (
    Geometry,
    WindowRanges,
    concatenated_offsets,
    layout,
    only_where,
    part_limits,
    windowed_any,
    windows_reading,
)
from keras_ts.windows.arithmetic.shuffle import Permutation

geometries = st.builds(
    Geometry,
    window=st.integers(1, 4),
    horizon=st.integers(1, 3),
    gap=st.integers(0, 2),
    stride=st.integers(1, 3),
    sampling_rate=st.integers(1, 3),
    sequence=st.booleans(),
)
NO_BREAKS = np.empty(0, np.int64)


def inputs_of(start, shape):
    return [start + shape.sampling_rate * k for k in range(shape.window)]


def targets_of(start, shape):
    """The positions of a window's targets: a row for each input that has some."""
    origins = inputs_of(start, shape) if shape.sequence else inputs_of(start, shape)[-1:]
    return [[p + shape.gap + 1 + h for h in range(shape.horizon)] for p in origins]


def windows_of(lengths, breaks, shape):
    """The series and flat start of every window that crosses neither an end nor a break."""
    found, begin = [], 0
    for number, length in enumerate(lengths):
        for start in range(begin, begin + length, shape.stride):
            last = targets_of(start, shape)[-1][-1]
            if last < begin + length and not any(start < place <= last for place in breaks):
                found.append((number, start))
        begin += length
    return found


def listed(runs):
    """The series and flat start of every window of these runs."""
    numbers = np.arange(runs.total)
    pairs = zip(runs.series_of(numbers).tolist(), runs.starts(numbers).tolist(), strict=True)
    return list(pairs)


@st.composite
def panels(draw):
    """The lengths of some series, and positions where time jumps."""
    lengths = draw(st.lists(st.integers(0, 25), min_size=1, max_size=4))
    places = st.integers(0, max(sum(lengths) - 1, 0))
    return lengths, sorted(draw(st.sets(places, max_size=3 if sum(lengths) else 0)))


def laid_out(panel, shape):
    lengths, breaks = panel
    return layout(concatenated_offsets(lengths), np.array(breaks, np.int64), shape)


@given(panels(), geometries)
def test_windows_cross_neither_the_end_of_a_series_nor_a_break(panel, shape):
    runs = laid_out(panel, shape)
    assert listed(runs) == windows_of(*panel, shape)
    assert (runs.count >= 1).all()


@given(panels(), geometries, st.randoms(use_true_random=False))
def test_windows_may_be_asked_for_in_any_order(panel, shape, random):
    runs = laid_out(panel, shape)
    numbers = np.array([random.randrange(runs.total) for _ in range(9 if runs.total else 0)], int)
    expected = [windows_of(*panel, shape)[number] for number in numbers]
    assert runs.starts(numbers).tolist() == [start for _, start in expected]
    assert runs.series_of(numbers).tolist() == [series for series, _ in expected]


def test_positions_behind_the_32nd_bit_stay_exact():
    lengths = np.array([2**31 - 1] * 3, np.int32)
    bounds = concatenated_offsets(lengths)
    assert bounds.tolist() == [0, 2**31 - 1, 2**32 - 2, 3 * (2**31 - 1)]
    runs = layout(bounds, NO_BREAKS, Geometry(2, 1, 0, 1, 1, False))
    assert runs.total == 3 * (2**31 - 3)
    last = np.array([runs.total - 1])
    assert runs.starts(last).tolist() == [bounds[-1] - 3]
    assert runs.series_of(last).tolist() == [2]


@given(panels(), geometries, st.data())
def test_between_keeps_the_windows_that_start_within_the_limits(panel, shape, data):
    runs = laid_out(panel, shape)
    size = len(runs.first)
    limits = st.lists(st.integers(-5, sum(panel[0]) + 5), min_size=size, max_size=size)
    low, high = (np.array(data.draw(limits), np.int64) for _ in range(2))
    owner = np.repeat(np.arange(size), runs.count)
    kept = [
        window
        for window, run in zip(listed(runs), owner, strict=True)
        if low[run] <= window[1] <= high[run]
    ]
    inside = runs.between(low, high)
    assert listed(inside) == kept
    assert (inside.count >= 1).all()


@given(panels(), geometries, st.integers(1, 6), st.randoms(use_true_random=False))
def test_only_where_keeps_what_is_allowed_a_block_at_a_time(panel, shape, block, random):
    runs = laid_out(panel, shape)
    good = {start for _, start in listed(runs) if random.random() < 0.6}
    asked = []

    def allowed(begin, count):
        assert 1 <= count <= block
        starts = [begin + shape.stride * k for k in range(count)]
        asked.extend(starts)
        return np.array([start in good for start in starts])

    chosen = only_where(runs, allowed, block)
    assert listed(chosen) == [window for window in listed(runs) if window[1] in good]
    assert asked == [start for _, start in listed(runs)]
    assert (chosen.count >= 1).all()


def test_only_where_asks_for_some_millions_of_windows_at_most():
    """Few calls, and bounded memory, on a series of any length."""
    runs = WindowRanges(np.array([0]), np.array([9_000_000]), np.array([0]), 1)
    asked = []

    def allowed(begin, count):
        asked.append(count)
        assert len(asked) <= 9
        return np.ones(count, bool)

    assert only_where(runs, allowed).total == sum(asked) == 9_000_000
    assert max(asked) < 5_000_000


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_windowed_any_looks_at_every_tap(flags, taps, step):
    count = len(flags) - step * (taps - 1)
    if count < 1:
        flags, count = [*flags, *[False] * (1 - count)], 1
    expected = [any(flags[i + step * k] for k in range(taps)) for i in range(count)]
    assert windowed_any(np.array(flags), taps, step).tolist() == expected


@given(geometries, st.integers(1, 7), st.data())
def test_touches_says_which_windows_read_a_flagged_position(shape, count, data):
    length = shape.stride * (count - 1) + shape.span + data.draw(st.integers(0, 3))
    flags = st.lists(st.integers(0, 5).map(lambda n: n == 0), min_size=length, max_size=length)
    inputs, targets = (np.array(data.draw(flags)) for _ in range(2))
    expected = [
        bool(inputs[inputs_of(s, shape)].any() or targets[targets_of(s, shape)].any())
        for s in range(0, shape.stride * count, shape.stride)
    ]
    assert windows_reading(inputs, targets, shape, count).tolist() == expected


@given(geometries, st.booleans(), st.data())
def test_a_window_belongs_to_the_part_that_holds_all_its_targets(shape, context, data):
    lengths = np.array(data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=3)))
    many = data.draw(st.integers(1, 3))
    borders = np.array(
        [
            sorted(data.draw(st.lists(st.integers(0, n), min_size=many, max_size=many)))
            for n in lengths
        ]
    )
    bounds = concatenated_offsets(lengths)
    runs, offset = layout(bounds, NO_BREAKS, shape), bounds[:-1]
    for part in range(many + 1):
        low, high = part_limits(borders, lengths, part, shape, context)
        inside = runs.between((low + offset)[runs.series], (high + offset)[runs.series])
        expected = []
        for series, start in listed(runs):
            edges = [0, *borders[series], lengths[series]] + offset[series]
            read = np.ravel(targets_of(start, shape))
            if not context:
                read = np.append(read, start)
            if edges[part] <= read.min() and read.max() < edges[part + 1]:
                expected.append((series, start))
        assert listed(inside) == expected


@st.composite
def gathers(draw, close=False):
    """Values laid out in memory in several ways, and how windows read them."""
    shape = draw(geometries)
    if close:
        # Targets close behind the inputs, which may be read together with them.
        window, rate = shape.gap + shape.horizon + draw(st.integers(-1, 1)), draw(st.integers(1, 2))
        shape = replace(shape, sequence=False, window=max(window, 1), sampling_rate=rate)
    length = shape.span + draw(st.integers(0, 6))
    columns = draw(st.sampled_from([None, 1, 3]))
    rows = (length,) if columns is None else (length, columns)
    values = np.arange(100, 100 + np.prod(rows)).astype(draw(st.sampled_from(["i2", "f4", "f8"])))
    values = values.reshape(rows)
    layouts = ["whole", "every other row", "column by column", "backwards"]
    memory = "whole" if close else draw(st.sampled_from(layouts))
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
    return gather, np.array(draw(st.lists(starts, min_size=close, max_size=6)), np.int64)


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


@pytest.mark.parametrize("close", [False, True])
@given(st.data())
def test_a_batch_is_what_its_windows_read_one_position_at_a_time(close, data):
    gather, starts = data.draw(gathers(close))
    expected_x, expected_y = expected_pair(gather, starts)
    x, y = gather.pair(starts)
    for got, wanted in (
        (x, expected_x),
        (y, expected_y),
        (gather.past(starts), expected_x),
        (gather.target(starts), expected_y),
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
    for read in (*gather.pair(starts), gather.past(starts), gather.target(starts)):
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
def test_taps_has_a_row_for_every_start_that_fits(length, offset, count, step):
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
    items = opaque(values, 3)
    assert items.dtype == np.dtype("V12")
    assert [item.tobytes() for item in items] == [values[i : i + 3].tobytes() for i in range(4)]
    assert len(opaque(values, 6)) == 1
    for unfit in (values[::2], values[:, :1], np.asfortranarray(values), values[:2], values[:, :0]):
        assert opaque(unfit, 3) is None


def test_short_windows_share_a_block_and_long_ones_come_contiguous():
    """Of a batch with targets close behind, read from contiguous memory."""
    values = np.arange(2000, dtype="f4")
    starts = np.array([3, 1, 4])
    for window, horizon, shared in ((253, 2, True), (255, 2, False), (252, 3, True)):
        x, y = Gather(values, None, (), Geometry(window, horizon, 0, 1, 1, False)).pair(starts)
        assert np.may_share_memory(x, y) == shared
        assert x.flags.c_contiguous != shared


def test_targets_far_ahead_are_read_without_what_lies_between():
    values, starts = np.arange(90, dtype="f4"), np.array([3, 1, 4])
    for gap, horizon, shared in ((0, 4, True), (3, 1, True), (4, 1, False), (1, 4, False)):
        x, y = Gather(values, None, (), Geometry(4, horizon, gap, 1, 1, False)).pair(starts)
        assert np.may_share_memory(x, y) == shared


def test_descriptions_of_windows_do_not_change():
    geometry = Geometry(2, 1, 0, 1, 1, False)
    runs = WindowRanges(np.array([0]), np.array([3]), np.array([0]), 1)
    described = [(geometry, "window"), (runs, "step"), (StridedWindows(np.arange(4), 0, 2), "step")]
    described.append((Gather(np.arange(4), None, (), geometry), "targets"))
    described.append((Permutation(5, 1, 0), "seed"))
    for one, name in described:
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 2)
