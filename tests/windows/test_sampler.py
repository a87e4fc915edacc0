"""Batches and shards part the order of an epoch, which does not depend on them."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keras_ts.windows.geometry import WindowRanges
from keras_ts.windows.sampler import BatchSampler, Permutation


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
    """The sampler of a whole, and those of workers that share its batches."""
    total, shards, devices = (draw(st.integers(1, most)) for most in (60, 4, 3))
    batch_size = shards * devices * draw(st.integers(1, 4))
    remainder = draw(st.sampled_from(["keep", "drop", "pad"]))
    assume(remainder != "drop" or total >= batch_size)
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)
    whole = BatchSampler(runs, batch_size, remainder, draw(st.booleans()), draw(st.integers(0, 9)))
    parts = [replace(whole, shards=shards, shard=n, devices=devices) for n in range(shards)]
    return whole, parts


def read(sampler, epoch, batch):
    """The windows of a batch and their weights, which are 1 where there are none."""
    bounds = sampler.bounds(batch)
    windows, starts = sampler.windows(epoch, *bounds)
    np.testing.assert_array_equal(starts, 5 + 3 * windows)
    weights = sampler.weights(*bounds)
    assert weights.dtype == np.float32
    assert sampler.weighted or (weights == 1).all()
    return windows, weights


@given(shared_samplers(), st.integers(0, 3))
def test_step_by_step_workers_read_the_batch_of_the_whole(samplers, epoch):
    """In its order, and behind it padding, which repeats the epoch from its beginning."""
    whole, parts = samplers
    order = np.concatenate([read(whole, epoch, batch)[0] for batch in range(whole.batches)])
    assert {part.batches for part in parts} == {whole.batches}
    assert len({part.positions for part in parts}) == len({part.weighted for part in parts}) == 1
    for batch in range(whole.batches):
        windows, weights = read(whole, epoch, batch)
        shares = [read(part, epoch, batch) for part in parts]
        rows = {len(share) for share, _ in shares}
        assert len(rows) == 1
        assert rows.pop() % parts[0].devices == 0
        together, weigh = (np.concatenate(column) for column in zip(*shares, strict=True))
        np.testing.assert_array_equal(together[: len(windows)], windows)
        padding = together[len(windows) :]
        assert len(padding) < len(parts) * parts[0].devices
        assert not len(padding) or batch == whole.batches - 1
        np.testing.assert_array_equal(padding, np.resize(order, len(padding)))
        np.testing.assert_array_equal(weigh[len(windows) :], 0)
        share = np.float32(len(together) / len(windows))
        np.testing.assert_array_equal(weigh[: len(windows)], weights * share)


@given(shared_samplers(), st.integers(0, 3))
def test_the_mean_loss_of_the_workers_is_the_loss_of_the_batch(samplers, epoch):
    whole, parts = samplers
    losses = np.random.default_rng(epoch).normal(size=whole.total) + 3

    def loss(sampler, batch):
        windows, weights = read(sampler, epoch, batch)
        return np.mean(losses[windows] * weights)  # As Keras does.

    for batch in range(whole.batches):
        mean = np.mean([loss(part, batch) for part in parts])
        np.testing.assert_allclose(mean, loss(whole, batch), rtol=1e-6)


@given(shared_samplers(), st.integers(0, 3))
def test_an_epoch_has_every_window_once_and_padding_weighs_nothing(samplers, epoch):
    whole, parts = samplers
    windows, weights = [], []
    for part in parts:
        bounds = [part.bounds(batch) for batch in range(part.batches)]
        assert [begin for begin, _ in bounds] == [0, *(end for _, end in bounds)][: len(bounds)]
        assert bounds[-1][1] == part.positions
        windows.append(part.windows(epoch, 0, part.size)[0])
        weights.append(part.weights(0, part.positions))
        np.testing.assert_array_equal(weights[-1] > 0, np.arange(part.positions) < part.size)
    numbers = np.concatenate(windows)
    assert len(set(numbers.tolist())) == len(numbers)
    rest = whole.total % whole.batch_size if whole.remainder == "drop" else 0
    assert len(numbers) == whole.total - rest
    if whole.remainder == "pad":  # Then an epoch's mean loss is that of its windows.
        np.testing.assert_allclose(np.mean(weights), 1, rtol=1e-6)


@given(shared_samplers(), st.integers(0, 3), st.data())
def test_any_positions_are_read_alike(samplers, epoch, data):
    sampler = data.draw(st.sampled_from(samplers[1]))
    windows, starts = sampler.windows(epoch, 0, sampler.positions)
    begin = data.draw(st.integers(0, sampler.positions - 1))
    end = data.draw(st.integers(begin + 1, sampler.positions))
    got = replace(sampler).windows(epoch, begin, end)
    np.testing.assert_array_equal(got[0], windows[begin:end])
    np.testing.assert_array_equal(got[1], starts[begin:end])


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
    loaded = json.loads(json.dumps(remainder))
    assert loaded is not remainder
    one, other = (BatchSampler(ranges, 2, word, False, 0, shards=2) for word in (remainder, loaded))
    assert (one.batches, one.weighted) == (other.batches, other.weighted)
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


def test_workers_read_across_stretches():
    """Each computes its own rows alone."""
    total = 200_000
    runs = WindowRanges(np.array([5]), np.array([total]), np.array([0]), step=3)
    whole = BatchSampler(runs, 30_000, "keep", True, seed=7)
    order = Permutation(total, 7, 1)(np.arange(total))
    for index in range(2):
        part = replace(whole, shards=2, shard=index)
        for batch in range(7):
            begin = batch * 30_000
            rows = order[begin : begin + 30_000]
            half = len(rows) // 2
            got = part.windows(1, *part.bounds(batch))[0]
            np.testing.assert_array_equal(got, rows[index * half : (index + 1) * half])


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
