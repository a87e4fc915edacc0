"""A search by halves finds the series that fail, with few attempts."""

import numpy as np
import pytest

from keras_ts.scale.batch_forecaster import failing


def attempt_of(bad, calls, needs_another=()):
    """A function that fails at bad items, and at some that stand alone."""

    def attempt(numbers):
        calls.append(len(numbers))
        wrong = [number for number in numbers.tolist() if number in bad]
        if wrong or (len(numbers) == 1 and numbers[0] in needs_another):
            raise ValueError(f"items {wrong or numbers.tolist()}")

    return attempt


@pytest.mark.parametrize("bad", [[], [3], [0, 511], [*range(100, 116)], [*range(0, 512, 100)]])
def test_a_few_among_many_take_few_attempts(bad):
    calls, numbers = [], np.arange(512)
    failed = failing(numbers, np.ones(512), attempt_of(bad, calls))
    assert failed == {number: f"items [{number}]" for number in bad}
    assert len(calls) <= 2 * len(bad) * (np.log2(512) + 1) + 3


def test_numbers_need_not_count_from_0():
    assert list(failing(np.array([4, 8, 9]), np.array([5, 1, 5]), attempt_of([8], []))) == [8]


def test_items_that_need_another_one_do_not_fail():
    """A series of a single row has the frequency of the others."""
    numbers = np.arange(64)
    attempt = attempt_of([7], [], needs_another=range(60))
    assert list(failing(numbers, numbers, attempt)) == [7]


def test_a_batch_in_which_all_fail_is_refused_at_once():
    calls = []
    with pytest.raises(ValueError, match=r"Each of 32 series of the batch, tried alone, .* items"):
        failing(np.arange(1000), np.ones(1000), attempt_of(range(1000), calls))
    assert calls == [1] * 33  # The first one again, for the error.


def test_other_errors_are_not_caught():
    def attempt(numbers):
        raise MemoryError

    with pytest.raises(MemoryError):
        failing(np.arange(5), np.ones(5), attempt)
