"""Scores of rows are means over the rows of each value of a column."""

import numpy as np
import pytest

from keras_ts.evaluation.reports.rows import scores_of_rows


@pytest.mark.parametrize("targets", [(), (2,)])
def test_scores_are_means_by_hand(targets):
    rng = np.random.default_rng(0)
    actual, predicted = rng.normal(size=(2, 30, *targets))
    actual[4] = np.nan
    scales = np.full(actual.shape, 2.0)
    scales[7] = np.nan
    column = rng.choice(["b", "a", "c"], 30)
    scores = scores_of_rows(actual, predicted, scales, None, "shop", column)
    assert set(scores["shop"].tolist()) == {"a", "b", "c"}
    for place, shop in enumerate(scores["shop"].tolist()):
        rows = column == shop
        errors = np.abs(actual - predicted)[rows]
        assert scores["mae"][place] == pytest.approx(np.nanmean(errors))
        assert scores["rmse"][place] == pytest.approx(np.sqrt(np.nanmean(errors**2)))
        assert scores["mase"][place] == pytest.approx(np.nanmean(errors / scales[rows]))
    whole = scores_of_rows(actual, predicted, scales, None)
    assert whole["mae"].tolist() == pytest.approx([np.nanmean(np.abs(actual - predicted))])


def test_a_missing_forecast_shows_in_every_score():
    scores = scores_of_rows(np.zeros(2), np.array([1.0, np.nan]), np.ones(2), None)
    assert np.isnan(scores["mae"])
    assert np.isnan(scores["smape"])
