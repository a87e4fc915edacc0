"""The scores of a backtest are those of its rows, by fold, step and series."""

import numpy as np
import pandas as pd
import pytest

from keras_ts.evaluation.backtests.report import joined
from keras_ts.evaluation.judging import NoVerdictError

NONE = NoVerdictError("of the weather")


def fold(number, levels=None, columns=1):
    """Return two series of three windows and two steps each, as a fold has them."""
    rng = np.random.default_rng(number)
    tail = () if columns == 1 else (columns,)
    predictions = np.sort(rng.normal(size=(6, 2, columns, len(levels or [0.5]))), axis=-1)
    table = {
        "series": np.repeat(np.array(["b", "a"]), 6),
        "origin": np.tile(np.repeat([7, 8, 9], 2), 2),
        "step": np.tile([1, 2], 6),
        "target": np.tile([8, 9, 9, 10, 10, 11], 2),
        "actual": rng.normal(size=(12, *tail)),
        "prediction": predictions[..., 1 if levels else 0].reshape(12, *tail),
    }
    scales = np.repeat([2.0, np.nan], 6)[(...,) + (None,) * len(tail)] * np.ones((12, *tail))
    return table, predictions if levels else predictions[..., 0], scales


@pytest.mark.parametrize("columns", [1, 2])
def test_scores_are_those_of_the_rows(columns):
    report = joined([fold(0, columns=columns), fold(1, columns=columns)], None, NONE)
    table = report.table
    errors = np.abs(table["actual"] - table["prediction"])
    assert report.scores()["mae"].tolist() == [pytest.approx(errors.mean())]
    for by, keys in (("fold", [0, 1]), ("step", [1, 2]), ("series", ["b", "a"])):
        scores = report.scores(by)
        assert scores[by].tolist() == keys
        for place, key in enumerate(keys):
            rows = table[by] == key
            assert scores["mae"][place] == pytest.approx(errors[rows].mean())
            assert scores["rmse"][place] == pytest.approx(np.sqrt((errors[rows] ** 2).mean()))
    # A series without a scale is left out of MASE, and has none of its own.
    scaled = errors[table["series"] == "b"] / 2
    assert report.scores()["mase"].tolist() == [pytest.approx(scaled.mean())]
    assert np.isnan(report.scores("series")["mase"]).tolist() == [False, True]
    with pytest.raises(ValueError, match="by must be one of 'fold', 'step', 'series'"):
        report.scores("origin")


def test_quantiles_have_columns_of_their_own():
    report = joined([fold(0, (0.1, 0.5, 0.9)), fold(1, (0.1, 0.5, 0.9))], (0.1, 0.5, 0.9), NONE)
    table = report.table
    assert list(table)[-3:] == ["prediction", "prediction_0.1", "prediction_0.9"]
    assert (table["prediction_0.1"] <= table["prediction"]).all()
    low, high = table["prediction_0.1"], table["prediction_0.9"]
    scores = report.scores()
    inside = (low <= table["actual"]) & (table["actual"] <= high)
    assert scores["coverage"][0] == pytest.approx(inside.mean())
    assert scores["width"][0] == pytest.approx((high - low).mean())
    assert set(scores) == {"mae", "rmse", "mase", "smape", "pinball", "coverage", "width"}


def test_a_target_that_did_not_come_is_left_out_and_a_forecast_that_failed_shows():
    table, predictions, scales = fold(0)
    table["actual"][3] = np.nan
    whole = np.delete(np.abs(table["actual"] - table["prediction"]), 3)
    report = joined([(table, predictions, scales)], None, NONE)
    assert report.scores()["mae"][0] == pytest.approx(whole.mean())
    table["prediction"][0] = np.nan
    scores = joined([(table, predictions, scales)], None, NONE).scores("step")["mae"]
    assert np.isnan(scores).tolist() == [True, False]


def test_it_prints_the_scores_of_its_folds_and_draws_them(tmp_path):
    report = joined([fold(0), fold(1)], None, NONE)
    lines = str(report).splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["fold", "0", "1", "all"]
    assert lines[-1] == "There is no verdict: of the weather"
    assert repr(report) == str(report)
    assert len(report.plot(filepath=tmp_path / "b.png").lines) == 3
    assert (tmp_path / "b.png").is_file()


def test_it_becomes_a_frame():
    frame = joined([fold(0, columns=2)], None, NONE).to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame)[-2:] == ["prediction_0", "prediction_1"]
    assert joined([fold(0)], None, NONE).to_frame("polars").shape == (12, 7)


def test_without_a_verdict_the_reason_is_said():
    table, predictions, scales = fold(0)
    table["actual"][3] = np.nan
    report = joined([(table, predictions, scales)], None, NONE)
    assert report.comparison is None
    for name in ("verdicts", "best"):
        with pytest.raises(ValueError, match="There is no verdict: of the weather"):
            getattr(report, name)
    assert "1 of 12 targets are missing" in str(report)
