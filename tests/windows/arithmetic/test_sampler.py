"""Batches and shards part the order of an epoch, which does not depend on them."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.geometry import WindowRanges
from keras_ts.windows.arithmetic.sampler import BatchSampler
from keras_ts.windows.arithmetic.shuffle import Permutation


@given(st.integers(1, 140_000), st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 9))
def test_order_does_not_depend_on_batches(total, one, other, seed):
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)

    def order(batch_size):
        sampler = BatchSampler(runs, batch_size, "keep", True, seed)
        places = [sampler.windows(1, *sampler.bounds(b)) for b in range(sampler.batches)]
        return [np.concatenate(column) for column in zip(*places, strict=True)]

    order_one = order(one) if total / one < 3000 else order(5000)
    np.testing.assert_array_equal(order_one, order(other) if total / other < 3000 else order(777))
    np.testing.assert_array_equal(order_one[1], 5 + 3 * order_one[0])


@st.composite
def shared_samplers(draw):
    """The shards of a few windows, each with a batch to read."""
    total, shards = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    batch_size, remainder = draw(st.integers(1, 9)), draw(st.sampled_from(["keep", "drop", "pad"]))
    smallest, largest = total // shards, -(-total // shards)
    # WindowDataset.shard refuses shards too small for as many batches as the largest has.
    assume(
        remainder == "drop" or smallest >= (1 if remainder == "pad" else -(-largest // batch_size))
    )
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)
    shuffle, seed = draw(st.booleans()), draw(st.integers(0, 9))
    return [
        BatchSampler(runs, batch_size, remainder, shuffle, seed, shards, shard)
        for shard in range(shards)
    ]


@given(shared_samplers())
def test_batches_follow_one_another_and_no_shard_has_more(samplers):
    assert len({sampler.batches for sampler in samplers}) == 1
    for sampler in samplers:
        bounds = [sampler.bounds(batch) for batch in range(sampler.batches)]
        assert [begin for begin, _ in bounds] == [0, *(end for _, end in bounds)][: len(bounds)]
        assert (bounds[-1][1] if bounds else 0) == sampler.positions
        assert sampler.positions - sampler.size in range(sampler.batch_size + 1)
        sizes = [end - begin for begin, end in bounds]
        assert sampler.uniform is (sampler.remainder != "keep" or len(samplers) == 1)
        assert all(1 <= size <= sampler.batch_size for size in sizes)
        if sampler.remainder != "keep":
            assert set(sizes) <= {sampler.batch_size}
        elif len(samplers) == 1:
            assert set(sizes[:-1]) <= {sampler.batch_size}
        else:
            assert max(sizes) - min(sizes) <= 1


@given(shared_samplers(), st.integers(0, 3))
def test_shards_take_the_order_of_the_whole_by_turns(samplers, epoch):
    first = samplers[0]
    whole = np.arange(first.total)
    if first.shuffle:
        whole = Permutation(first.total, first.seed, epoch)(whole)
    read = 0
    for shard, sampler in enumerate(samplers):
        windows, starts = sampler.windows(epoch, 0, sampler.size)
        assert windows.tolist() == whole[shard :: len(samplers)][: sampler.size].tolist()
        assert starts.tolist() == (5 + 3 * windows).tolist()
        read += sampler.size
    left = first.total - read
    assert left < first.batch_size * len(samplers) if first.remainder == "drop" else left == 0


@given(shared_samplers(), st.integers(0, 3))
def test_padding_repeats_the_epoch_from_its_beginning(samplers, epoch):
    for sampler in samplers:
        assume(sampler.size)
        windows = sampler.windows(epoch, 0, sampler.size)[0]
        positions = np.arange(2 * sampler.size + 3)
        edges = [0, sampler.size // 2, sampler.size, sampler.size + 1, len(positions)]
        for begin, end in itertools.combinations(edges, 2):
            padded, starts = sampler.windows(epoch, begin, end)
            assert padded.tolist() == windows[positions[begin:end] % sampler.size].tolist()
            assert starts.tolist() == (5 + 3 * padded).tolist()


def test_a_long_last_batch_is_filled_up():
    ranges = WindowRanges(np.array([5]), np.array([1000]), np.array([0]), step=3)
    sampler = BatchSampler(ranges, 300, "pad", True, seed=7)
    order = Permutation(1000, 7, 2)(np.arange(1000))
    windows, starts = sampler.windows(2, *sampler.bounds(3))
    np.testing.assert_array_equal(windows, [*order[900:], *order[:200]])
    np.testing.assert_array_equal(starts, 5 + 3 * windows)


@pytest.mark.parametrize("remainder", ["keep", "drop", "pad"])
def test_a_remainder_read_from_a_file_is_as_good_as_one_in_the_code(remainder):
    ranges = WindowRanges(np.array([0]), np.array([9]), np.array([0]), step=1)
    read = json.loads(json.dumps(remainder))
    assert read is not remainder
    one, other = (BatchSampler(ranges, 2, word, False, 0, shards=2) for word in (remainder, read))
    assert one.batches == other.batches
    for batch in range(one.batches):
        assert one.bounds(batch) == other.bounds(batch)


def test_any_stretch_of_any_epoch_may_be_read_in_any_order():
    total = 200_000
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)
    sampler = BatchSampler(runs, 32, "keep", True, seed=7)
    whole = [Permutation(total, 7, epoch)(np.arange(total)) for epoch in range(2)]
    edges = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 199_999, total]
    for begin, end in itertools.combinations(edges, 2):
        for epoch in (0, 1, 0):
            windows, starts = sampler.windows(epoch, begin, end)
            np.testing.assert_array_equal(windows, whole[epoch][begin:end])
            np.testing.assert_array_equal(starts, 5 + 3 * windows)


def test_batch_after_batch_the_order_is_computed_once_and_a_stretch_at_a_time():
    class Counted(WindowRanges):
        def starts(self, windows):
            asked.append(len(windows))
            return super().starts(windows)

    asked = []
    runs = Counted(np.array([0]), np.array([200_000]), np.array([0]), step=1)
    sampler = BatchSampler(runs, 128, "keep", True, seed=1)
    for epoch in range(2):
        for batch in range(sampler.batches):
            sampler.windows(epoch, *sampler.bounds(batch))
    assert sum(asked) == 2 * sampler.total
    assert max(asked) <= 2**17
