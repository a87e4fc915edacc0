"""Windows of few inputs have classes, and long windows cut short look like them."""

import numpy as np
import pytest

from keras_ts.windows.gather import ShortPasts, class_of, classes_of, cut_short


@pytest.mark.parametrize(
    ("fewest", "window", "period", "bounds"),
    [
        (1, 10, None, (1, 2, 3, 4, 6, 8, 10)),
        (9, 42, None, (9, 12, 16, 24, 32, 42)),
        (9, 42, 7, (9, 12, 14, 16, 24, 32, 42)),
        (9, 42, 6, (9, 12, 16, 24, 32, 42)),  # Two periods are a border anyway,
        (9, 42, 4, (9, 12, 16, 24, 32, 42)),  # are less than any window has,
        (9, 42, 21, (9, 12, 16, 24, 32, 42)),  # or a full one.
        (8, 12, None, (8, 12)),
        (0, 3, None, (0, 1, 2, 3)),
        (1, 2, None, (1, 2)),
    ],
)
def test_classes_grow_and_full_windows_have_their_own(fewest, window, period, bounds):
    assert classes_of(fewest, window, period) == bounds
    assert class_of(np.array(bounds), bounds).tolist() == [*range(len(bounds))]
    assert class_of(np.array([[0, window - 1]]), bounds).tolist() == [[0, len(bounds) - 2]]


def test_the_oldest_inputs_of_all_columns_are_cut():
    past = np.arange(24, dtype="float32").reshape(2, 4, 3)
    cut = cut_short(past, np.array([1, 3]), np.array([0]))
    assert np.isnan(cut).sum(axis=(1, 2)).tolist() == [9, 3]
    np.testing.assert_array_equal(cut[0, 3:], past[0, 3:])
    np.testing.assert_array_equal(cut[1, 1:], past[1, 1:])
    assert np.isfinite(past).all()
    assert cut.dtype == past.dtype


def test_a_window_keeps_a_value_of_each_target():
    past = np.array([[[1.0, 2.0], [3.0, np.nan]], [[np.nan, 2.0], [np.nan, 4.0]]])
    cut = cut_short(past, np.array([1, 1]), np.array([0, 1]))
    np.testing.assert_array_equal(cut[0], past[0])
    np.testing.assert_array_equal(cut[1], [[np.nan, np.nan], [np.nan, 4.0]])


def test_a_share_is_cut_and_each_length_may_be():
    short, windows = ShortPasts(0.3, 4, 32, 10_000), np.arange(10_000)
    kept = short(1, 0, windows)
    assert (kept < 32).sum() == 3000
    assert set(kept) == set(range(4, 33))
    # Each doubling of the length is as frequent.
    classes = np.bincount(class_of(kept, (4, 8, 16, 32)))
    assert np.abs(classes[:3] - 1000).max() < 50
    np.testing.assert_array_equal(short(1, 0, windows[50:90]), kept[50:90])
    for other in (short(2, 0, windows), short(1, 1, windows)):
        assert 0.45 < (other == kept).mean() < 0.7


def test_with_no_input_needed_some_windows_are_hidden_whole():
    kept = ShortPasts(0.3, 0, 31, 10_000)(1, 0, np.arange(10_000))
    assert set(kept) == set(range(32))
    assert np.abs(np.bincount(class_of(kept, (0, 1, 2, 4, 8, 16, 31)))[:5] - 503).max() < 30
    past = np.ones((2, 3, 2))
    cut = cut_short(past, np.array([0, 1]), np.array([0]))
    assert np.isnan(cut[..., 0]).tolist() == [[True] * 3, [True, True, False]]
