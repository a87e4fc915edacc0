"""A verdict by squared errors, distributions, and one's own measure; several targets; zeros."""

import numpy as np
import pytest

from keras_ts import WindowedSeries, compare, course_series
from keras_ts.evaluation.arithmetic.verdict import Origins, skill
from keras_ts.scores.metrics import METRICS


def align(held, points, width=None):
    """Return a table of forecasts in time order, with quantiles ``width`` away if there is one."""
    rows = held.align(points)
    if width is not None:
        rows["prediction_0.1"] = rows["prediction"] - width
        rows["prediction_0.9"] = rows["prediction"] + width
    return rows


@pytest.fixture(scope="module")
def parts():
    return WindowedSeries(20, 2).split(course_series(600), at=400)


def test_the_interval_of_a_table_is_judged_at_its_own_level(parts):
    """A band of 40 %, its lower half, is not read as a bad one of 80 %."""
    train, held = parts
    rows = align(held, held.to_numpy()[1] + 0.5, 1.0)
    half = {name: values for name, values in rows.items() if name != "prediction_0.9"}
    report = compare({"whole": rows, "half": half}, train, held)
    assert {name: held.asked for name, held in report.coverages.items()} == {
        "whole": 0.8,
        "half": 0.4,
    }
    assert "The 80 % interval of whole held 100.0 % of values" in str(report)
    assert "The 40 % interval of half held" in str(report)


@pytest.fixture(scope="module")
def noisy(parts):
    """Forecasts two units away from the values, in turn above and below."""
    actual = parts[1].to_numpy()[1]
    return actual + 2.0 * np.sign(np.random.default_rng(0).normal(size=actual.shape))


def test_the_skill_by_rmsse_is_that_of_the_roots(parts, noisy):
    report = compare({"model": align(parts[1], noisy)}, *parts, by="rmsse")
    rmsse = dict(zip(report.table["name"], report.table["rmsse"], strict=True))
    steps = np.diff(course_series(600)[:400].astype(float))
    assert rmsse["model"] == pytest.approx(2 / np.sqrt(np.mean(steps**2)), rel=1e-6)
    assert report.best == min(list(rmsse)[1:], key=rmsse.get)
    assert report.table["skill"][0] == pytest.approx(1 - rmsse["model"] / rmsse[report.best])
    assert report.verdicts == {"model": "beats"}
    assert report.table["skill_low"][0] < report.table["skill"][0] < report.table["skill_high"][0]
    assert "RMSSE" in str(report)
    assert "RMSSE" not in str(compare({"model": align(parts[1], noisy)}, *parts))


def test_errors_without_a_square_are_no_reason_to_blame_train(parts, noisy):
    wild = align(parts[1], noisy.copy())
    wild["prediction"][7] = 1e200
    says = 'by="rmsse" is not finite for wild, whose errors reach 1e\\+200'
    with pytest.raises(ValueError, match=says):
        compare({"wild": wild}, *parts, by="rmsse")
    report = str(compare({"wild": wild}, *parts, by="mae"))
    assert "e+196 times as large)" in report
    assert max(map(len, report.splitlines()[:3])) < 120


def test_the_verdict_by_sql_is_on_distributions(parts, noisy):
    """The same points, in intervals far too wide: only the distribution is worse."""
    models = {"sharp": align(parts[1], noisy, 3.0), "vague": align(parts[1], noisy, 300.0)}
    report = compare(models, *parts, by="sql")
    assert report.verdicts == {"sharp": "beats", "vague": "loses to"}
    sql = dict(zip(report.table["name"], report.table["sql"], strict=True))
    assert report.table["skill"][0] == pytest.approx(1 - sql["sharp"] / sql[report.best])
    # By hand: |y - f| is 2, so the quantiles miss by 1 and 5, the median by 2.
    pinball = (0.1 * (1 + 5) + 0.5 * 2) / 3
    scale = np.abs(np.diff(course_series(600)[:400].astype(float))).mean()
    assert sql["sharp"] == pytest.approx(pinball / scale, rel=1e-5)


def test_only_levels_that_all_have_count_and_the_others_are_named(parts, noisy):
    wide = align(parts[1], noisy, 3.0)
    more = {
        **wide,
        "prediction_0.05": wide["prediction"] - 9,
        "prediction_0.95": wide["prediction"] + 9,
    }
    report = compare({"three": wide, "five": more}, *parts)
    pinball, width = report.table["pinball"], report.table["width"]
    assert pinball[0] == pytest.approx(pinball[1])
    assert [width[0], width[1]] == pytest.approx([6.0, 18.0])
    assert "leave out the levels 0.05, 0.95 of five, which others lack." in str(report)
    assert "leave out the levels" not in str(compare({"five": more}, *parts))


def test_ones_own_error_may_decide(parts, noisy):
    def tenfold(actual, prediction, scale):
        return 10 * np.abs(actual - prediction)

    report = compare({"model": align(parts[1], noisy)}, *parts, metrics=[tenfold], by="tenfold")
    plain = compare({"model": align(parts[1], noisy)}, *parts)
    np.testing.assert_allclose(report.table["skill"], plain.table["skill"])
    assert report.best == plain.best


def signed(actual, prediction, scale):
    return actual - prediction


def endless(actual, prediction, scale):
    return np.full(actual.shape, np.inf)


def nothing(actual, prediction, scale):
    return np.full(actual.shape, np.nan)


def moving(actual, prediction, scale):
    return np.where(prediction > actual, np.nan, 1.0)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"by": "smape"}, "by must be one of"),
        ({"by": "signed"}, "by must be one of"),
        ({"by": "signed", "metrics": [signed]}, "needs a finite error of 0 or more for"),
        ({"by": "endless", "metrics": [endless]}, "Received: inf from endless; 398 of its 398 err"),
        ({"by": "nothing", "metrics": [nothing]}, "by='nothing' is NaN at every target"),
        ({"by": "moving", "metrics": [moving]}, "NaN at the same targets for every forecaster"),
        ({"by": "sql"}, "and model forecasts points. Give models quantiles"),
    ],
)
def test_a_measure_that_cannot_decide_is_refused(parts, noisy, settings, error):
    with pytest.raises(ValueError, match=error):
        compare({"model": align(parts[1], noisy)}, *parts, **settings)


@pytest.mark.parametrize("total", [False, True])
def test_baselines_alone_are_judged_by_quantile_loss_as_beside_a_model(parts, noisy, total):
    rows = align(parts[1], noisy)
    paths = {name: np.tile(column, 2) for name, column in rows.items()}
    paths["sample"] = np.repeat([0, 1], len(rows["prediction"]))
    alone, beside = (
        compare(models, *parts, by="sql", total=total).table for models in (None, {"model": paths})
    )
    assert "climatology" in alone["name"]
    np.testing.assert_array_equal(alone["name"], beside["name"][1:])
    np.testing.assert_allclose(alone["sql"], beside["sql"][1:], rtol=1e-12)


def test_a_metric_that_is_nan_elsewhere_judges_one_target():
    draw = np.random.default_rng(0)
    walk = draw.normal(size=(260, 2)).cumsum(axis=0) + 50
    parts = WindowedSeries(12, 4).split(walk, at=160)
    points = parts[1].to_numpy()[1] + [0.1, 9.0]  # good at the first, bad at the second

    def second(actual, prediction, scale):
        losses = np.abs(actual - prediction) / scale
        losses[..., 0] = np.nan
        return losses

    report = compare({"model": align(parts[1], points)}, *parts, metrics=[second], by="second")
    scores = compare({"model": align(parts[1], points)}, *parts).scores(by="target")
    of_second = scores["target"] == 1
    np.testing.assert_allclose(report.table["second"], scores["mase"][of_second], rtol=1e-12)
    assert report.verdicts == {"model": "loses to"}
    # One target alone gives the same verdict.
    alone = WindowedSeries(12, 4, target_columns=1).split(walk, at=160)
    single = compare({"model": align(alone[1], points[..., 1])}, *alone, baselines=["naive"])
    rest = {"metrics": [second], "by": "second", "baselines": ["naive"]}
    both = compare({"model": align(parts[1], points)}, *parts, **rest)
    ends = ["skill", "skill_low", "skill_high"]
    assert [both.table[e][0] for e in ends] == pytest.approx([single.table[e][0] for e in ends])


SCALED = [name for name, metric in METRICS.items() if metric.measure and metric.scaled]


@pytest.mark.parametrize("by", [None, *SCALED])
def test_the_units_of_one_target_change_no_verdict(by):
    draw = np.random.default_rng(0)
    walk = draw.normal(size=(260, 2)).cumsum(axis=0) + 50
    noise = draw.normal(size=(97, 4, 2))
    found = []
    for unit in (1.0, 1000.0):
        units = np.array([1.0, unit])
        parts = WindowedSeries(12, 4).split(walk * units, at=160)
        table = align(parts[1], parts[1].to_numpy()[1] + noise * units, 2.0 * units)
        report = compare({"model": table}, *parts, by=by)
        found.append((report.best, report.verdicts, report.table["skill"].round(6).tolist()))
    assert found[0] == found[1]


def test_each_target_has_its_row_and_a_sentence_where_it_is_lost():
    draw = np.random.default_rng(0)
    walk = draw.normal(size=(260, 2)).cumsum(axis=0) + 50
    parts = WindowedSeries(12, 4).split(walk, at=160)
    actual = parts[1].to_numpy()[1]
    forecast = actual + np.array([0.1, 9.0])
    report = compare({"model": align(parts[1], forecast)}, *parts)
    assert report.by == "mase"
    scores = report.scores(by="target")
    assert scores["target"][:2].tolist() == [0, 1]
    np.testing.assert_allclose(scores["mae"][:2], [0.1, 9.0], rtol=1e-5)
    text = str(report)
    assert "On 1, model loses to the best baseline there, naive: skill -" in text
    assert "On 0, model" not in text


def test_a_target_that_is_constant_in_train_is_told_and_judged_by_mae():
    walk = np.random.default_rng(0).normal(size=(160, 2)).cumsum(axis=0)
    walk[:, 1] = 0.0
    train, held = WindowedSeries(12, 4).split(walk, at=100)
    actual = held.to_numpy()[1]
    text = str(compare({"model": align(held, actual + np.array([0.1, 9.0]))}, train, held))
    assert f"MASE leaves out {actual.size // 2} of {actual.size} values, and WAPE none" in text
    assert "On 1, model loses to the best baseline there, naive, whose MAE is 0, over 57" in text


def test_a_report_says_how_many_targets_are_zero():
    draw = np.random.default_rng(0)
    sold = draw.poisson(3, 400) * (draw.random(400) < 0.18)
    parts = WindowedSeries(28, 7).split(sold.astype(float), at=300)
    share = np.mean(parts[1].to_numpy()[1] == 0)
    assert f"{100 * share:.1f} % of the targets are zero." in str(compare(None, *parts))
    assert "are zero" not in str(compare(None, *WindowedSeries(5).split(sold + 1.0, at=300)))


def test_rooted_skills_by_hand():
    draw = np.random.default_rng(0)
    errors, others = draw.normal(size=(2, 80)) ** 2
    origins = Origins.of(np.zeros(80, int), np.arange(80), 1)
    squares = skill(0.25 * errors, others, origins)
    roots = squares.rooted()
    for mine, given in zip(roots[:3], squares[:3], strict=True):
        assert mine == pytest.approx(1 - np.sqrt(1 - given))
    assert roots.verdict == squares.verdict
