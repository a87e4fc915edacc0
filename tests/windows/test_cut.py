"""A fold's validation part is the end of its training part, and its targets are in no other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import distinct, joined, window_settings
from keras_ts import WindowedSeries
from keras_ts.windows.cut import folds_of
from keras_ts.windows.split import FoldSizes


def targets(dataset):
    return joined(list(dataset))[1]


@given(window_settings(columns=2), st.integers(1, 3), st.booleans())
def test_a_validation_part_leaks_nothing(windows, n_splits, limited):
    """Values from its first one on change no training window, later ones none of its own."""
    span = windows.geometry.span + windows.stride
    count, size = (n_splits + 3) * (span + 3), span
    most = 2 * span + 3 if limited else None
    series = distinct(count, 2)
    sizes = FoldSizes(n_splits, span + 3, most, size)
    keep = WindowedSeries.from_config({**windows.get_config(), "missing": "keep"})
    for number, fold in enumerate(folds_of(keep, series, sizes, None)):
        border = count - (n_splits - number) * (span + 3)
        for part, end in ((fold.train, border - size), (fold.validation, border)):
            poisoned = series.copy()
            poisoned[end:] = np.nan
            dirty = list(folds_of(keep, poisoned, sizes, None))[number]
            dirty = dirty.train if part is fold.train else dirty.validation
            for batch, other in zip(part, dirty, strict=True):
                for values, same in zip(batch, other, strict=True):
                    np.testing.assert_array_equal(values, same)
        ends = fold.validation.origins + windows.gap + windows.horizon
        assert border - size <= ends.min() <= ends.max() < border


def test_parts_without_a_validation_part_are_those_of_folds():
    windows = WindowedSeries(3, 2, shuffle=True, seed=1)
    series = distinct(60)
    pairs = windows.folds(series, 2, max_train_size=20)
    for fold, (train, test) in zip(
        folds_of(windows, series, FoldSizes(2, None, 20), None), pairs, strict=True
    ):
        assert fold.validation is None
        assert fold.whole is fold.train
        np.testing.assert_array_equal(targets(fold.train), targets(train))
        np.testing.assert_array_equal(targets(fold.test), targets(test))


def test_the_whole_is_the_training_part_without_a_validation_part():
    windows, series = WindowedSeries(3, 2), distinct(60)
    cut = list(folds_of(windows, series, FoldSizes(2, 10, 30, 8), None))
    for fold, (whole, test) in zip(
        cut, windows.folds(series, 2, test_size=10, max_train_size=30), strict=True
    ):
        np.testing.assert_array_equal(targets(fold.whole), targets(whole))
        np.testing.assert_array_equal(targets(fold.test), targets(test))
    # Windows whose targets straddle the border belong to neither.
    assert targets(cut[0].train)[-1].tolist() == [30.0, 31.0]
    assert targets(cut[0].validation)[[0, -1]].tolist() == [[32.0, 33.0], [38.0, 39.0]]
    assert targets(cut[0].whole)[[0, -1]].tolist() == [[13.0, 14.0], [38.0, 39.0]]


def test_a_panel_with_times_holds_out_common_timestamps():
    days = pd.date_range("2024-01-01", periods=40)
    spans = {"a": days, "b": days[10:], "c": days[:33]}
    frame = pd.concat([pd.DataFrame({"day": span, "shop": name}) for name, span in spans.items()])
    frame["value"] = np.arange(float(len(frame)))
    windows = WindowedSeries(3, id_column="shop", time_column="day", target_columns="value")
    fold = next(folds_of(windows, frame, FoldSizes(1, 5, None, 4), None))
    day = frame["day"].to_numpy()
    trained, held, tested = (
        day[targets(part).astype(int)] for part in (fold.train, fold.validation, fold.test)
    )
    assert trained.max() == np.datetime64("2024-01-31")
    assert (held.min(), held.max()) == (np.datetime64("2024-02-01"), np.datetime64("2024-02-04"))
    assert tested.min() == np.datetime64("2024-02-05")
    assert len(held) == 2 * 4 + 2


def test_a_part_without_a_window_is_named():
    windows, series = WindowedSeries(3, 4), distinct(60)
    folds = folds_of(windows, series, FoldSizes(1, 10, None, 45), None)
    with pytest.raises(ValueError, match=r"the training part of fold 0 .*another validation_si"):
        next(folds)
    sparse = WindowedSeries(3, 4, stride=50)
    for size, part in ((None, "validation"), (10, "test")):
        folds = folds_of(sparse, series, FoldSizes(1, 5, None, size), None)
        with pytest.raises(ValueError, match=f"leaves the {part} part of fold 0 without a window"):
            next(folds)
    with pytest.raises(ValueError, match="validation_size must be >= 1"):
        FoldSizes(1, 2, None, 0)


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_a_part_shorter_than_the_targets_of_a_window_is_refused_at_once(targets):
    """The gap may lie before the part; the targets of a sequence begin with its inputs."""
    windows = WindowedSeries(3, 4, gap=5, targets=targets)
    least = 4 if targets == "vector" else 6
    series = distinct(60)
    fold = next(folds_of(windows, series, FoldSizes(1, least, None, least), None))
    assert (fold.validation.num_windows, fold.test.num_windows) == (1, 1)
    says = "horizon=4" if targets == "vector" else "the 6 positions that the targets"
    for name in ("test_size", "validation_size"):
        sizes = {"test_size": least, "validation_size": least, name: least - 1}
        with pytest.raises(
            ValueError, match=f"{name}={least - 1} is shorter than {says}.* Pass {name}={least} or"
        ):
            folds_of(windows, series, FoldSizes(1, **sizes), None)
