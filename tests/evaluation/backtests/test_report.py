"""The scores of a backtest are those of its rows, by fold, step and series."""

import numpy as np
import pandas as pd
import pytest

from backtest_helpers import run
from keras_ts import course_series
from keras_ts.evaluation.backtests.report import Part, joined
from keras_ts.evaluation.backtests.training import Fold
from keras_ts.evaluation.judged import NoVerdictError
from keras_ts.scores.metrics import METRICS

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
    scales = np.stack([scales, scales**2], axis=-1)
    table = {"fold": np.full(12, number), **table}
    return Part(table, Fold(predictions if levels else predictions[..., 0], levels), scales)


@pytest.mark.parametrize("columns", [1, 2])
def test_scores_are_those_of_the_rows(columns):
    report = joined([fold(0, columns=columns), fold(1, columns=columns)], NONE, [0])
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
    report = joined([fold(0, (0.1, 0.5, 0.9)), fold(1, (0.1, 0.5, 0.9))], NONE, [0])
    table = report.table
    assert list(table)[-3:] == ["prediction", "prediction_0.1", "prediction_0.9"]
    assert (table["prediction_0.1"] <= table["prediction"]).all()
    low, high = table["prediction_0.1"], table["prediction_0.9"]
    scores = report.scores()
    inside = (low <= table["actual"]) & (table["actual"] <= high)
    assert scores["coverage"][0] == pytest.approx(inside.mean())
    assert scores["width"][0] == pytest.approx((high - low).mean())
    assert set(scores) == set(METRICS)


def test_a_target_that_did_not_come_is_left_out_and_a_forecast_that_failed_shows():
    table, predictions, scales = fold(0)
    table["actual"][3] = np.nan
    whole = np.delete(np.abs(table["actual"] - table["prediction"]), 3)
    report = joined([Part(table, predictions, scales)], NONE, [0])
    assert report.scores()["mae"][0] == pytest.approx(whole.mean())
    table["prediction"][0] = np.nan
    scores = joined([Part(table, predictions, scales)], NONE, [0]).scores("step")["mae"]
    assert np.isnan(scores).tolist() == [True, False]


def test_it_prints_the_scores_of_its_folds_and_draws_them(tmp_path):
    report = joined([fold(0), fold(1)], NONE, [0, 1])
    lines = str(report).splitlines()
    assert lines[0].split() == ["fold", "MAE", "RMSE", "MASE", "sMAPE"]
    assert [line.split()[0] for line in lines[1:4]] == ["0", "1", "all"]
    assert lines[-2:] == ["Trained on every fold.", "There is no verdict: of the weather"]
    assert repr(report) == str(report)
    assert len(report.plot(filepath=tmp_path / "b.png").lines) == 3
    assert (tmp_path / "b.png").is_file()


def test_it_becomes_a_frame():
    frame = joined([fold(0, columns=2)], NONE, [0]).to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame)[-2:] == ["prediction_0", "prediction_1"]
    assert joined([fold(0)], NONE, [0]).to_frame("polars").shape == (12, 7)


def test_without_a_verdict_the_reason_is_said():
    table, predictions, scales = fold(0)
    table["actual"][3] = np.nan
    report = joined([Part(table, predictions, scales)], NONE, [0])
    assert report.comparison is None
    for name in ("verdicts", "best", "coverages"):
        with pytest.raises(ValueError, match="There is no verdict: of the weather"):
            getattr(report, name)
    assert "1 of 12 targets are missing" in str(report)


@pytest.mark.parametrize(("trained", "says"), [([0], "fold 0"), ([0, 2], "folds 0, 2")])
def test_it_says_which_folds_were_trained(trained, says):
    report = joined([fold(number) for number in range(4)], NONE, trained)
    says = f"Trained on {says}. The other folds are judged with the latest model before them."
    assert says in str(report).splitlines()
    assert says in report._repr_html_()


def test_a_notebook_shows_tables(report_with_a_verdict):
    page = joined([fold(0)], NONE, [0])._repr_html_()
    assert page.startswith("<table><thead><tr><th>fold</th><th>MAE</th>")
    assert "There is no verdict: of the weather" in page
    page = report_with_a_verdict._repr_html_()
    assert page.count("<table>") == 2
    assert page.endswith(report_with_a_verdict.comparison._repr_html_())


@pytest.fixture(scope="module")
def report_with_a_verdict():
    return run(course_series(90))
