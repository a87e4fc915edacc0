"""Within a window, each level and trend is tried at every origin as its formula says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_ts.layers.past_errors import past_errors

LEVELS, LINES, DAMPINGS, RIDGE = (0.0, 0.5, 1.0), (0.6, 1.0), (0.5, 1.0), 0.02


def grown(damping, steps):
    return np.cumsum(damping ** np.arange(1, steps + 1))


def plain(window, kept, steps):
    """The errors of one window, origin by origin."""
    errors, count = np.zeros((len(LEVELS) + len(LINES), 1 + len(LINES) * len(DAMPINGS))), 0
    for origin in range(len(window)):
        times = np.flatnonzero(kept[: origin + 1])
        after = [k for k in range(1, steps + 1) if origin + k < len(window) and kept[origin + k]]
        if len(times) < 5 or not after:
            continue
        back, values = origin - times, window[times]
        levels = [np.average(values, weights=max(d, 1e-3) ** back) for d in LEVELS]
        slopes = []
        for discount in LINES:
            weights = discount**back
            centre, mean = (np.average(of, weights=weights) for of in (back, values))
            spread = np.average((back - centre) ** 2, weights=weights)
            together = np.average((back - centre) * values, weights=weights)
            slopes.append(-together / (spread + RIDGE))
            levels.append(mean + slopes[-1] * centre)
        trends = [0.0 * grown(1.0, steps)]
        trends += [slope * grown(d, steps) for d in DAMPINGS for slope in slopes]
        for k in after:
            for i, level in enumerate(levels):
                for j, trend in enumerate(trends):
                    errors[i, j] += (level + trend[k - 1] - window[origin + k]) ** 2
            count += 1
    return errors / count if count else np.ones_like(errors)


def by_layer(windows, kept, steps):
    weights = kept[..., None].astype("float32")
    windows = weights * windows.astype("float32")
    growths = np.stack([grown(d, steps) for d in DAMPINGS])
    arrays = map(ops.convert_to_tensor, (windows, weights))
    return ops.convert_to_numpy(past_errors(*arrays, LEVELS, LINES, growths, RIDGE))


# Length, steps, features; few, since JAX compiles for each.
SHAPES = [(2, 1, 1), (3, 4, 1), (7, 1, 2), (14, 3, 2)]


@settings(deadline=None, max_examples=20)
@given(shape=st.sampled_from(SHAPES), missing=st.sampled_from([0.0, 0.3]), seed=st.integers(0, 99))
def test_equals_the_errors_origin_by_origin(shape, missing, seed):
    length, steps, features = shape
    generator = np.random.default_rng(seed)
    windows = generator.normal(size=(2, length, features)).cumsum(axis=1)
    kept = generator.random((2, length)) >= missing
    errors = by_layer(windows, kept, steps)
    for batch in range(2):
        for feature in range(features):
            expected = plain(windows[batch, :, feature], kept[batch], steps)
            np.testing.assert_allclose(errors[batch, feature], expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("length", [3, 5])
def test_windows_too_short_to_try_leave_all_alike(length):
    assert (by_layer(np.ones((1, length, 1)), np.ones((1, length), bool), 2) == 1).all()


def test_a_line_is_forecast_by_its_slope_and_a_level_by_none():
    """On a straight line the undamped slope errs least; on a constant nothing errs."""
    steps = np.arange(12.0)
    windows = np.stack([steps, 0 * steps])[..., None]
    straight, constant = by_layer(windows, np.ones((2, 12), bool), 3)[:, 0]
    best = np.unravel_index(straight.argmin(), straight.shape)
    undamped = 1 + len(LINES) * (len(DAMPINGS) - 1)
    assert best[1] >= undamped
    assert straight[0, 0] > 100 * straight.min()
    np.testing.assert_allclose(constant, 0, atol=1e-6)
