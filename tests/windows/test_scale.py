"""A series' scale is the mean of its steps, and of no other series' steps."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_ts.windows.scale import mean_absolute_steps, parted, window_scales

SPANS = np.array([0, 5, 14]), np.array([5, 12, 24])


@given(st.data(), st.integers(1, 9), st.booleans())
def test_steps_are_those_within_each_part(data, block, plain):
    lengths = data.draw(st.lists(st.integers(0, 8), min_size=1, max_size=4))
    total = sum(lengths)
    value = st.integers(-9, 9) | st.just(np.nan)
    flat = data.draw(st.lists(value, min_size=2 * total, max_size=2 * total))
    values = np.array(flat, dtype=float).reshape(total, 2)
    columns = np.array([0]) if plain else np.array(data.draw(st.sampled_from([[0], [1], [1, 0]])))
    begin = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(int)
    end = begin + [data.draw(st.integers(0, length)) for length in lengths]
    later = [
        data.draw(st.integers(0, int(stop - start))) for start, stop in zip(begin, end, strict=True)
    ]
    begin = begin + later
    means = mean_absolute_steps(values[:, 0] if plain else values, begin, end, columns, block=block)
    for series, (start, stop) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        for place, column in enumerate(columns.tolist()):
            part = values[start:stop, column].tolist()
            steps = [abs(b - a) for a, b in itertools.pairwise(part)]
            known = [step for step in steps if step == step]
            expected = sum(known) / len(known) if known else 0.0
            assert abs(means[series, place] - expected) < 1e-12


def test_integers_do_not_wrap_around():
    values = np.array([0, 255, 0], np.uint8)
    assert mean_absolute_steps(values, np.array([0]), np.array([3]), np.array([0])) == 255


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 99))
def test_steps_may_be_a_season_apart(block, lag, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-9, 9, 24).astype(float)
    values[rng.integers(24)] = np.nan
    begin, end = SPANS
    means = mean_absolute_steps(values, begin, end, np.array([0]), lag, block=block)
    for span, (start, stop) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        steps = [abs(values[t] - values[t - lag]) for t in range(start + lag, stop)]
        known = [step for step in steps if step == step]
        assert abs(means[span, 0] - (np.mean(known) if known else 0.0)) < 1e-12
    # Rows that are missing leave their places out.
    given = rng.random(24) < 0.7
    values[~given] = np.nan
    begin, end = (np.cumsum([0, *given])[edges] for edges in (begin, end))
    again = mean_absolute_steps(
        values[given], begin, end, np.array([0]), lag, np.flatnonzero(given), block
    )
    filled = mean_absolute_steps(values, *SPANS, np.array([0]), lag)
    np.testing.assert_allclose(again, filled, rtol=0, atol=1e-12)


def test_what_rounding_alone_makes_is_no_step():
    third = np.array([0.3, 0.1 + 0.2, 0.3, 0.1 * 3])
    assert np.diff(third).any()
    whole = np.array([0]), np.array([4]), np.array([0])
    for scale in (1e-20, 1, 1e20):
        assert mean_absolute_steps(third * scale, *whole) == 0
        noisy = np.array([1, 1 + 1e-7, 1, 1], np.float32) * np.float32(scale)
        assert mean_absolute_steps(noisy, *whole) == 0
    # Three units in the last place are a step, two are none.
    unit = np.spacing(np.float64(1))
    for units, steps in ((2, 0), (3, 3 * unit)):
        assert mean_absolute_steps(np.array([1, 1 + units * unit]), *whole) == steps
    # Half precision has steps as small as its rounding.
    half = np.array([50, 50.03125, 50], np.float16)
    assert mean_absolute_steps(half, *whole) == 0.03125


def test_values_that_are_not_finite_make_no_step():
    values = np.array([1, np.inf, np.inf, -np.inf, 3, 5])
    assert mean_absolute_steps(values, np.array([0]), np.array([6]), np.array([0])) == 2


SHAPES = st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(1, 3))
NUMBERS = st.floats(-1e3, 1e3, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])


@given(arrays.arrays(np.float32, SHAPES, elements=NUMBERS))
def test_values_and_places_are_those_of_a_plain_test(values):
    whole, missing = parted(values)
    np.testing.assert_array_equal(missing, ~np.isfinite(values))
    np.testing.assert_array_equal(whole, np.where(np.isfinite(values), values, 0))


@given(arrays.arrays(np.float32, SHAPES, elements=NUMBERS))
def test_the_scale_of_a_window_is_the_mean_of_its_whole_steps(past):
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(past.astype(float), axis=1))
    scales = window_scales(past)
    for window, column in np.ndindex(len(past), past.shape[2]):
        whole = [step for step in steps[window, :, column] if np.isfinite(step)]
        wanted = sum(whole) / len(whole) if whole else 0
        np.testing.assert_allclose(scales[window, column], wanted, rtol=1e-5, atol=1e-3)
