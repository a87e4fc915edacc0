"""Folds grow in time, and no training target is later than a validation target's border."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from helpers import distinct, joined, window_settings
from keras_ts import WindowedSeries


@given(
    st.integers(12, 90),
    st.integers(2, 6),
    st.none() | st.integers(1, 9),
    st.none() | st.integers(5, 40),
)
def test_folds_are_those_of_sklearn(count, n_splits, test_size, most):
    """With windows of one input and one target, a target is at every position but the first."""
    splitter = TimeSeriesSplit(n_splits, max_train_size=most, test_size=test_size)
    series = np.arange(float(count))
    windows = WindowedSeries(1, batch_size=500)
    size = test_size or count // (n_splits + 1)
    if count <= n_splits * size:
        with pytest.raises(
            ValueError, match=f"need more than {n_splits * size} positions, and the"
        ):
            windows.folds(series, n_splits, test_size=test_size)
        with pytest.raises(ValueError, match="Too many splits"):
            next(splitter.split(series))
        return
    if count - n_splits * size < 2:
        with pytest.raises(ValueError, match="leaves the training part of fold 0 without a window"):
            next(windows.folds(series, n_splits, test_size=test_size, max_train_size=most))
        return
    folds = windows.folds(series, n_splits, test_size=test_size, max_train_size=most)
    for (train, validation), (rows, held_out) in zip(folds, splitter.split(series), strict=True):
        x, y = train.to_numpy()
        # A training window reads none but the training rows.
        assert np.union1d(x, y).tolist() == rows.tolist()
        assert validation.to_numpy()[1].tolist() == held_out.tolist()


@given(window_settings(columns=2), st.integers(1, 4))
def test_folds_leak_nothing(windows, n_splits):
    count = (n_splits + 2) * (windows.geometry.span + windows.stride + 3)
    series = distinct(count, 2)
    clean = list(windows.folds(series, n_splits))
    for fold, (train, validation) in enumerate(clean):
        border = count - (n_splits - fold) * (count // (n_splits + 1))
        poisoned = series.copy()
        poisoned[border:] = np.nan
        keep = WindowedSeries.from_config({**windows.get_config(), "missing": "keep"})
        dirty = list(keep.folds(poisoned, n_splits))[fold][0]
        for batch, poisoned_batch in zip(train, dirty, strict=True):
            for part, poisoned_part in zip(batch, poisoned_batch, strict=True):
                np.testing.assert_array_equal(part, poisoned_part)
        assert (train.origins + windows.gap + windows.horizon).max() < border
        assert (validation.origins + windows.gap + windows.horizon).max() <= count - 1


def shops():
    days = pd.date_range("2024-01-01", periods=40)
    spans = {"a": days, "b": days[10:], "c": days[:25], "d": days[30:]}
    parts = [pd.DataFrame({"day": span, "shop": name}) for name, span in spans.items()]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(value=np.arange(float(len(frame))))


@pytest.mark.parametrize("most", [None, 12])
def test_a_panel_with_times_is_cut_at_common_ones(most):
    frame = shops()
    windows = WindowedSeries(3, id_column="shop", time_column="day", target_columns="value")
    folds = list(windows.folds(frame, 3, test_size=5, max_train_size=most))
    assert len(folds) == 3
    day = frame["day"].to_numpy()
    for fold, (train, validation) in enumerate(folds):
        border = np.datetime64("2024-01-26") + np.timedelta64(5 * fold, "D")
        trained, validated = (day[part.to_numpy()[1].astype(int)] for part in (train, validation))
        assert trained.max() < border
        assert validated.min() >= border
        assert validated.max() < border + np.timedelta64(5, "D")
        if most:
            first = train.origins.min() - np.timedelta64(2, "D")
            assert first >= border - np.timedelta64(most, "D")


def test_a_panel_without_times_is_cut_at_each_series_own_positions():
    panel = [distinct(30), distinct(50) + 1000, distinct(6) + 2000]
    folds = list(WindowedSeries(3).folds(panel, 2, test_size=4))
    for (_, validation), left in zip(folds, (8, 4), strict=True):
        wanted = [*range(30 - left, 34 - left), *range(1050 - left, 1054 - left)]
        short = [2003 + place for place in range(3) if 6 - left <= place + 3 < 10 - left]
        assert joined(list(validation))[1].tolist() == [*wanted, *short]
    first = next(WindowedSeries(3).folds(panel[:2], 4))[1]
    assert joined(list(first))[1].tolist() == [*range(6, 12), *range(1010, 1020)]


def test_training_shuffles_and_validation_does_not():
    windows = WindowedSeries(3, shuffle=True, seed=1, batch_size=100)
    for train, validation in windows.folds(distinct(100), 2):
        assert (np.diff(joined(list(train))[1]) < 0).any()
        assert (np.diff(joined(list(validation))[1]) == 1).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"n_splits": 0}, "n_splits must be >= 1"),
        (
            {"n_splits": 99},
            r"n_splits=99 folds with test_size=1 need more than 99 positions, and there are 50",
        ),
        ({"n_splits": 5, "test_size": 10}, "test_size=10 need more than 50 positions"),
        ({"test_size": 0}, "test_size must be >= 1"),
        ({"max_train_size": 0}, "max_train_size must be >= 1"),
        ({"sample_weight": "inverse_scale"}, "sample_weight must be one number per position"),
    ],
)
def test_misuse_is_noticed_at_once(arguments, says):
    """Before the first fold is asked for."""
    with pytest.raises(ValueError, match=says):
        WindowedSeries(3).folds(distinct(50), **arguments)


def test_a_fold_without_a_window_is_named():
    folds = WindowedSeries(14).folds(distinct(50), 3)
    with pytest.raises(
        ValueError,
        match=r"training part of fold 0 without a window: window=14.* Use fewer folds, or",
    ):
        next(folds)
    folds = WindowedSeries(3).folds(distinct(50), 3, max_train_size=2)
    with pytest.raises(
        ValueError, match="Use fewer folds, a larger max_train_size, or make the win"
    ):
        next(folds)
