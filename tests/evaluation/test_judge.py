"""Folds are joined to one verdict, and the name of the model is its own."""

import numpy as np
import pytest

from keras_ts import WindowedSeries, course_series
from keras_ts.evaluation.forecasters.forecaster import of_array
from keras_ts.evaluation.judged import JudgedWindows, NoVerdictError
from keras_ts.evaluation.judging import Judge

MODEL = ["model"]
WINDOWS = WindowedSeries(6, 2)


def judged_by(judge, series, predict, n_splits=3):
    """Judge the forecasts that a function makes of a fold's number and its windows."""
    for number, pair in enumerate(WINDOWS.folds(series, n_splits)):
        train, judged = (JudgedWindows("part", part) for part in pair)
        model = of_array("model", predict(number, judged), None, judged)._replace(lacks="nothing")
        judge.add([model], train, judged, train.scales(1))
    try:
        return judge.report([])
    except NoVerdictError as error:
        return error


def naive(_, judged):
    return np.concatenate([np.repeat(b.past[:, -1:], 2, axis=1) for b in judged.blocks()])


def test_a_model_that_is_a_baseline_cannot_be_told_from_it():
    series = course_series(200)
    report = judged_by(Judge(MODEL, None, ["naive"], None, None, False), series, naive)
    assert report.verdicts == {"model": "cannot be told from"}
    assert report.table["mae"][0] == report.table["mae"][1]
    assert report.windows == 3 * 49


def test_a_model_that_knows_beats_all():
    series = course_series(200)

    def actual(_, judged):
        return np.concatenate([block.actual for block in judged.blocks()]) + 0.1

    report = judged_by(Judge(MODEL, None, None, None, None, False), series, actual)
    assert report.verdicts == {"model": "beats"}


@pytest.mark.parametrize("failed", [0, 1, 2])
def test_a_forecast_that_failed_is_no_forecast_that_is_lacking(failed):
    def predict(number, judged):
        forecasts = naive(number, judged)
        if number == failed:
            forecasts[3, 1] = np.nan
        return forecasts

    reason = judged_by(Judge(MODEL, None, None, None, None, False), course_series(200), predict)
    assert isinstance(reason, NoVerdictError)
    assert "model gives predictions that are not finite, for 1 of 49" in str(reason)


def test_folds_have_no_verdict_where_a_baseline_forecasts_infinity():
    """The folds that were trained are kept, as where the model gives such forecasts."""

    def endless(train, validation):
        return np.full((validation.num_windows, 2), np.inf)

    reason = judged_by(Judge(MODEL, None, [endless], None, None, False), course_series(200), naive)
    assert isinstance(reason, NoVerdictError)
    assert str(reason).startswith("what endless returns has 98 infinite forecasts")


def test_a_series_without_a_scale_has_no_verdict_by_mase():
    series = np.concatenate([np.ones(150), course_series(50)])
    reason = judged_by(Judge(MODEL, None, ["naive"], None, "mase", False), series, naive, 1)
    assert isinstance(reason, NoVerdictError)
    assert 'by="mase" needs a series that changes' in str(reason)
    assert (
        judged_by(Judge(MODEL, None, ["naive"], None, "mae", False), series, naive, 1).by == "mae"
    )


def test_misuse_is_noticed_before_any_fold():
    def model(train, validation):
        return None

    with pytest.raises(ValueError, match="models and baselines both have a 'model'"):
        Judge(MODEL, None, [model], None, None, False)
    with pytest.raises(ValueError, match="by must be one of 'mae', 'mase'"):
        Judge(MODEL, None, None, None, "rmse", False)
    with pytest.raises(ValueError, match="period must be >= 2"):
        Judge(MODEL, 0, None, None, None, False)
    with pytest.raises(TypeError, match="metrics must be a list of functions"):
        Judge(MODEL, None, None, "mae", None, False)
