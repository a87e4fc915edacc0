"""The shuffle is a permutation, uniform, and a function of (size, seed, epoch) alone."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keras_ts.windows.arithmetic.geometry import WindowRanges
from keras_ts.windows.arithmetic.sampler import BatchSampler
from keras_ts.windows.arithmetic.shuffle import Permutation


def chi_square(counts):
    expected = counts.sum() / counts.size
    return ((counts - expected) ** 2 / expected).sum()


def limit(freedom, sigmas=5.0):
    """A chi-square far beyond chance (Wilson and Hilferty's normal approximation)."""
    return freedom * (1 - 2 / (9 * freedom) + sigmas * np.sqrt(2 / (9 * freedom))) ** 3


@pytest.mark.parametrize("seed", [0, 7])
def test_bijective_for_every_small_size(seed):
    for size in range(1, 2100):
        images = Permutation(size, seed, epoch=size % 3)(np.arange(size))
        assert (np.bincount(images, minlength=size) == 1).all()


@given(st.integers(2**14 - 5, 2**18), st.integers(0, 2**64), st.integers(0, 10**6))
def test_bijective_for_larger_sizes(size, seed, epoch):
    images = Permutation(size, seed, epoch)(np.arange(size))
    assert (np.bincount(images, minlength=size) == 1).all()


@given(st.integers(2**31, 2**61), st.integers(0, 99), st.data())
def test_injective_and_in_range_for_huge_sizes(size, seed, data):
    positions = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=300, unique=True))
    images = Permutation(size, seed, epoch=1)(np.array(positions))
    assert len(set(images.tolist())) == len(positions)
    assert images.min() >= 0
    assert images.max() < size


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7, 8, 9, 16, 17, 33])
def test_positions_and_pairs_are_uniform(size):
    keys = 6000
    images = np.array([Permutation(size, seed, epoch=5)(np.arange(size)) for seed in range(keys)])
    positions = np.array([np.bincount(images[:, i], minlength=size) for i in range(size)])
    assert chi_square(positions) < limit((size - 1) ** 2)
    for first, second in {(0, 1), (0, size - 1), (size // 2, size - 1)}:
        if first == second:
            continue
        pairs = np.zeros((size, size))
        np.add.at(pairs, (images[:, first], images[:, second]), 1)
        off_diagonal = pairs[~np.eye(size, dtype=bool)]
        assert chi_square(off_diagonal) < limit(max(size * (size - 1) - 1, 1))


@pytest.mark.parametrize("size", [40_000, 99_980, 2**20 + 1])
def test_large_shuffles_look_uniform(size):
    """Within one epoch: neighbours land anywhere, and move anywhere from epoch to epoch."""
    for seed in range(4):
        images = Permutation(size, seed, epoch=0)(np.arange(size))
        later = Permutation(size, seed, epoch=1)(np.arange(size))
        cells = 20
        for first, second in (
            (images[:-1], images[1:]),
            (images, later),
            (np.arange(size), images),
        ):
            table = np.zeros((cells, cells))
            np.add.at(table, (first * cells // size, second * cells // size), 1)
            assert chi_square(table) < limit(cells * cells - 1)


def test_known_orders_stay():
    """Frozen: a seed written down today gives the same order in every later version."""
    assert Permutation(10, 1, 0)(np.arange(10)).tolist() == KNOWN_SMALL
    assert Permutation(100_000, 1, 2)(np.arange(5)).tolist() == KNOWN_LARGE
    assert Permutation(10**12, 3, 4)(np.arange(3)).tolist() == KNOWN_HUGE
    for size, known in KNOWN_NEIGHBOURS.items():
        assert Permutation(size, 1, 2)(np.arange(3)).tolist() == known


KNOWN_SMALL = [0, 1, 2, 5, 7, 8, 6, 4, 9, 3]
KNOWN_LARGE = [98795, 2723, 29788, 39800, 40725]
KNOWN_HUGE = [966989796946, 613913807215, 610724520773]
# On both sides of the sizes at which rounds become fewer, and words wider.
KNOWN_NEIGHBOURS = {
    2**14: [10294, 15726, 3971],
    2**14 + 1: [13625, 3985, 4829],
    2**32: [1942719241, 2130986521, 1237267866],
    2**32 + 1: [63625904, 3782721558, 2761130687],
}


@given(st.integers(1, 140_000), st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 9))
def test_order_does_not_depend_on_batches(total, one, other, seed):
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)

    def order(batch_size):
        order = BatchSampler(runs, batch_size, False, True, seed)
        places = [order.windows(1, *order.bounds(b)) for b in range(order.batches)]
        return [np.concatenate(column) for column in zip(*places, strict=True)]

    order_one = order(one) if total / one < 3000 else order(5000)
    np.testing.assert_array_equal(order_one, order(other) if total / other < 3000 else order(777))
    np.testing.assert_array_equal(order_one[1], 5 + 3 * order_one[0])


@st.composite
def shared_orders(draw):
    """The shards of a few windows, each with a batch to read."""
    total, shards = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    batch_size, drop = draw(st.integers(1, 9)), draw(st.booleans())
    smallest, largest = total // shards, -(-total // shards)
    # What WindowDataset.shard refuses: shards too small for as many batches as the largest.
    assume(drop or smallest >= -(-largest // batch_size))
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)
    shuffle, seed = draw(st.booleans()), draw(st.integers(0, 9))
    return [
        BatchSampler(runs, batch_size, drop, shuffle, seed, shards, shard)
        for shard in range(shards)
    ]


@given(shared_orders())
def test_batches_follow_one_another_and_no_shard_has_more(orders):
    assert len({order.batches for order in orders}) == 1
    for order in orders:
        bounds = [order.bounds(batch) for batch in range(order.batches)]
        assert [begin for begin, _ in bounds] == [0, *(end for _, end in bounds)][: len(bounds)]
        assert (bounds[-1][1] if bounds else 0) == order.size
        sizes = [end - begin for begin, end in bounds]
        assert all(1 <= size <= order.batch_size for size in sizes)
        if order.drop_remainder:
            assert set(sizes) <= {order.batch_size}
        elif len(orders) == 1:
            assert set(sizes[:-1]) <= {order.batch_size}
        else:
            assert max(sizes) - min(sizes) <= 1


@given(shared_orders(), st.integers(0, 3))
def test_shards_take_the_order_of_the_whole_by_turns(orders, epoch):
    first = orders[0]
    whole = np.arange(first.total)
    if first.shuffle:
        whole = Permutation(first.total, first.seed, epoch)(whole)
    read = 0
    for shard, order in enumerate(orders):
        windows, starts = order.windows(epoch, 0, order.size)
        assert windows.tolist() == whole[shard :: len(orders)][: order.size].tolist()
        assert starts.tolist() == (5 + 3 * windows).tolist()
        read += order.size
    left = first.total - read
    assert left < first.batch_size * len(orders) if first.drop_remainder else left == 0


def test_any_stretch_of_any_epoch_may_be_read_in_any_order():
    total = 200_000
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)
    order = BatchSampler(runs, 32, False, True, seed=7)
    whole = [Permutation(total, 7, epoch)(np.arange(total)) for epoch in range(2)]
    edges = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 199_999, total]
    for begin, end in itertools.combinations(edges, 2):
        for epoch in (0, 1, 0):
            windows, starts = order.windows(epoch, begin, end)
            np.testing.assert_array_equal(windows, whole[epoch][begin:end])
            np.testing.assert_array_equal(starts, 5 + 3 * windows)


def test_batch_after_batch_the_order_is_computed_once_and_a_stretch_at_a_time():
    class Counted(WindowRanges):
        def starts(self, windows):
            asked.append(len(windows))
            return super().starts(windows)

    asked = []
    runs = Counted(np.array([0]), np.array([200_000]), np.array([0]), step=1)
    order = BatchSampler(runs, 128, False, True, seed=1)
    for epoch in range(2):
        for batch in range(order.batches):
            order.windows(epoch, *order.bounds(batch))
    assert sum(asked) == 2 * order.total
    assert max(asked) <= 2**17


def test_permutations_of_the_same_key_are_equal():
    assert Permutation(9, 1, 2) == Permutation(9, 1, 2)
    assert len({Permutation(9, 1, 2), Permutation(9, 1, 2), Permutation(9, 1, 3)}) == 2
    assert repr(Permutation(9, 1, 2)) == "Permutation(size=9, seed=1, epoch=2)"


def test_median_displacement_between_epochs_is_that_of_a_full_shuffle():
    size = 5000
    ranks = [np.argsort(Permutation(size, 4, epoch)(np.arange(size))) for epoch in (0, 1)]
    displacement = np.median(np.abs(ranks[0] - ranks[1]))
    assert abs(displacement - 1465) < 60
