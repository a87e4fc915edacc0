"""The shuffle is a permutation, uniform, and a function of (size, seed, epoch) alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.windows.sampler import Permutation


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


LONG = [pytest.param(size, marks=pytest.mark.slow) for size in (4, 8, 17, 33)]


@pytest.mark.parametrize("size", [2, 3, 5, 7, 9, 16, *LONG])
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


def test_permutations_of_the_same_key_are_equal():
    assert Permutation(9, 1, 2) == Permutation(9, 1, 2)
    assert len({Permutation(9, 1, 2), Permutation(9, 1, 2), Permutation(9, 1, 3)}) == 2
    assert repr(Permutation(9, 1, 2)) == "Permutation(size=9, seed=1, epoch=2)"


def test_median_displacement_between_epochs_is_that_of_a_full_shuffle():
    size = 5000
    ranks = [np.argsort(Permutation(size, 4, epoch)(np.arange(size))) for epoch in (0, 1)]
    displacement = np.median(np.abs(ranks[0] - ranks[1]))
    assert abs(displacement - 1465) < 60
