"""Windows cross no border, and belong to the part that holds their targets.

Every property is measured against plain loops over positions. Needs no framework, so that
``mutants.py`` can run it in a bare interpreter.
"""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arithmetic_oracle import early_geometries, geometries, inputs_of, targets_of
from keras_ts.panel.rows import concatenated_offsets
from keras_ts.windows.gather import Gather, StridedWindows
from keras_ts.windows.geometry import (
    Geometry,
    WindowRanges,
    fold_edges,
    layout,
    only_where,
    part_of,
    windowed_any,
    windows_reading,
)
from keras_ts.windows.sampler import Permutation

NO_GAPS = np.empty(0, np.int64)


def windows_of(lengths, gaps, shape):
    """The series and flat start of every window that crosses neither an end nor a break."""
    found, begin = [], 0
    for number, length in enumerate(lengths):
        for start in range(begin - 99 * shape.stride, begin + length, shape.stride):
            first, last = max(start, begin), targets_of(start, shape)[-1][-1]
            crossed = any(first < place <= last for place in gaps)
            if begin - start <= shape.before and last < begin + length and not crossed:
                found.append((number, start))
        begin += length
    return found


def listed(ranges):
    """The series and flat start of every window of these ranges."""
    numbers = np.arange(ranges.total)
    pairs = zip(ranges.series_of(numbers).tolist(), ranges.starts(numbers).tolist(), strict=True)
    return list(pairs)


@st.composite
def panels(draw):
    """The lengths of some series, and positions where time jumps."""
    lengths = draw(st.lists(st.integers(0, 25), min_size=1, max_size=4))
    places = st.integers(0, max(sum(lengths) - 1, 0))
    return lengths, sorted(draw(st.sets(places, max_size=3 if sum(lengths) else 0)))


def laid_out(panel, shape):
    lengths, gaps = panel
    return layout(concatenated_offsets(lengths), np.array(gaps, np.int64), shape)


@given(panels(), early_geometries)
def test_windows_cross_neither_the_end_of_a_series_nor_a_gap(panel, shape):
    ranges = laid_out(panel, shape)
    assert listed(ranges) == windows_of(*panel, shape)
    assert (ranges.count >= 1).all()


@given(panels(), early_geometries)
def test_windows_of_all_series_start_one_after_the_other(panel, shape):
    """Also where they begin before their series: no two have one start."""
    starts = [start for _, start in listed(laid_out(panel, shape))]
    assert starts == sorted(set(starts))


@given(panels(), early_geometries, st.randoms(use_true_random=False))
def test_windows_may_be_asked_for_in_any_order(panel, shape, random):
    ranges = laid_out(panel, shape)
    numbers = np.array(
        [random.randrange(ranges.total) for _ in range(9 if ranges.total else 0)], int
    )
    expected = [windows_of(*panel, shape)[number] for number in numbers]
    assert ranges.starts(numbers).tolist() == [start for _, start in expected]
    assert ranges.series_of(numbers).tolist() == [series for series, _ in expected]


@given(panels(), early_geometries, st.data())
def test_windows_are_known_by_their_starts(panel, shape, data):
    ranges = laid_out(panel, shape)
    numbers = np.arange(ranges.total)
    some = np.array(
        data.draw(st.lists(st.sampled_from(numbers), max_size=9) if len(numbers) else st.just([])),
        int,
    )
    assert ranges.numbers(ranges.starts(some)).tolist() == some.tolist()


@given(panels(), early_geometries)
def test_rows_are_those_from_the_first_window_of_a_range_to_the_end_of_its_last(panel, shape):
    """No row lies before its series, even if a window begins there."""
    ranges, offsets = laid_out(panel, shape), concatenated_offsets(panel[0])
    begins, ends = ranges.rows(shape.span, offsets)
    starts, number = ranges.starts(np.arange(ranges.total)), 0
    ranged = zip(begins, ends, ranges.count, ranges.series, strict=True)
    for begin, end, count, series in ranged:
        own = starts[number : number + count]
        assert (begin, end) == (max(own.min(), offsets[series]), own.max() + shape.span)
        number += count


def test_positions_behind_the_32nd_bit_stay_exact():
    lengths = np.array([2**31 - 1] * 3, np.int32)
    offsets = concatenated_offsets(lengths)
    assert offsets.tolist() == [0, 2**31 - 1, 2**32 - 2, 3 * (2**31 - 1)]
    ranges = layout(offsets, NO_GAPS, Geometry(2, 1, 0, 1, 1, False))
    assert ranges.total == 3 * (2**31 - 3)
    last = np.array([ranges.total - 1])
    assert ranges.starts(last).tolist() == [offsets[-1] - 3]
    assert ranges.series_of(last).tolist() == [2]


@given(panels(), geometries, st.data())
def test_between_keeps_the_windows_that_start_within_the_limits(panel, shape, data):
    ranges = laid_out(panel, shape)
    size = len(ranges.first)
    limits = st.lists(st.integers(-5, sum(panel[0]) + 5), min_size=size, max_size=size)
    low, high = (np.array(data.draw(limits), np.int64) for _ in range(2))
    owner = np.repeat(np.arange(size), ranges.count)
    kept = [
        window
        for window, run in zip(listed(ranges), owner, strict=True)
        if low[run] <= window[1] <= high[run]
    ]
    inside = ranges.between(low, high)
    assert listed(inside) == kept
    assert (inside.count >= 1).all()


@given(panels(), geometries, st.integers(1, 6), st.randoms(use_true_random=False))
def test_only_where_keeps_what_is_allowed_a_block_at_a_time(panel, shape, block, random):
    ranges = laid_out(panel, shape)
    good = {start for _, start in listed(ranges) if random.random() < 0.6}
    asked = []

    def allowed(first, counts):
        assert 1 <= counts.min() <= counts.max() <= block
        spans = shape.stride * (counts - 1) + shape.span
        assert sum(spans[:-1]) <= block
        starts = [
            begin + shape.stride * k
            for begin, count in zip(first, counts, strict=True)
            for k in range(count)
        ]
        asked.extend(starts)
        return np.array([start in good for start in starts])

    chosen = only_where(ranges, shape.span, allowed, block)
    assert listed(chosen) == [window for window in listed(ranges) if window[1] in good]
    assert asked == [start for _, start in listed(ranges)]
    assert (chosen.count >= 1).all()


@pytest.mark.parametrize("series", [1, 1000])
def test_only_where_asks_for_a_million_windows_at_most(series):
    """Few calls and bounded memory, for one long series as for very many short ones."""
    count = 9_000_000 // series
    numbers = np.arange(series)
    ranges = WindowRanges((count + 20) * numbers, np.full(series, count), numbers, 1)
    asked = []

    def allowed(first, counts):
        asked.append(counts.sum())
        return np.ones(asked[-1], bool)

    assert only_where(ranges, 21, allowed).total == sum(asked) == 9_000_000
    assert len(asked) <= 10
    assert max(asked) < 1_100_000


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_windowed_any_looks_at_every_flag(flags, count, step):
    places = len(flags) - step * (count - 1)
    if places < 1:
        flags, places = [*flags, *[False] * (1 - places)], 1
    expected = [any(flags[i + step * k] for k in range(count)) for i in range(places)]
    assert windowed_any(np.array(flags), count, step).tolist() == expected


@given(geometries, st.integers(1, 7), st.data())
def test_windows_reading_says_which_windows_read_a_flagged_position(shape, count, data):
    length = shape.stride * (count - 1) + shape.span + data.draw(st.integers(0, 3))
    flags = st.lists(st.integers(0, 5).map(lambda n: n == 0), min_size=length, max_size=length)
    inputs, targets = (np.array(data.draw(flags)) for _ in range(2))
    expected = [
        bool(inputs[inputs_of(s, shape)].any() or targets[targets_of(s, shape)].any())
        for s in range(0, shape.stride * count, shape.stride)
    ]
    assert windows_reading(inputs, targets, shape, count).tolist() == expected


@given(early_geometries, st.booleans(), st.data())
def test_a_window_belongs_to_the_part_that_holds_all_its_targets(shape, context, data):
    lengths = np.array(data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=3)))
    many = data.draw(st.integers(1, 3))
    borders = np.array(
        [
            sorted(data.draw(st.lists(st.integers(0, n), min_size=many, max_size=many)))
            for n in lengths
        ]
    )
    offsets = concatenated_offsets(lengths)
    ranges, offset = layout(offsets, NO_GAPS, shape), offsets[:-1]
    for part in range(many + 1):
        flat = np.column_stack([np.zeros_like(lengths), borders, lengths]) + offset[:, None]
        inside = part_of(ranges, flat[:, part], flat[:, part + 1], offset, shape, context)
        expected = []
        for series, start in listed(ranges):
            edges = [0, *borders[series], lengths[series]] + offset[series]
            # Positions before the series belong to the part that begins with it.
            first = edges[part] - 99 * (edges[part] == offset[series])
            read = np.ravel(targets_of(start, shape))
            if not context:
                read = np.append(read, start)
            if first <= read.min() and read.max() < edges[part + 1]:
                expected.append((series, start))
        assert listed(inside) == expected


def test_descriptions_of_windows_do_not_change():
    geometry = Geometry(2, 1, 0, 1, 1, False)
    ranges = WindowRanges(np.array([0]), np.array([3]), np.array([0]), 1)
    described = [
        (geometry, "window"),
        (ranges, "step"),
        (StridedWindows(np.arange(4), 0, 2), "step"),
    ]
    described.append((Gather(np.arange(4), None, (), geometry), "targets"))
    described.append((Permutation(5, 1, 0), "seed"))
    for one, name in described:
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 2)


@given(
    st.integers(0, 60),
    st.integers(1, 6),
    st.none() | st.integers(1, 15),
    st.none() | st.integers(1, 20),
)
def test_validation_parts_follow_one_another_to_the_end(count, n_splits, test_size, most):
    both = fold_edges(np.array([count, count + 1]), n_splits, test_size, most)
    edges = [tuple(int(edge[0]) for edge in fold) for fold in both]
    longer = fold_edges(np.array([count + 1]), n_splits, test_size, most)
    assert np.array(both)[..., 1].tolist() == np.array(longer)[..., 0].tolist()
    size = count // (n_splits + 1) if test_size is None else test_size
    places = list(range(count))
    expected, end = [], count
    for _ in range(n_splits):
        border = max(end - size, 0)
        first = 0 if most is None or border < most else border - most
        expected.insert(0, (places[first:border], places[border:end]))
        end = border
    assert [(places[a:b], places[b:c]) for a, b, c in edges] == expected
    assert all(0 <= a <= b <= c <= count for a, b, c in edges)
