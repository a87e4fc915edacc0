"""Each of several targets has the verdict that it would have alone, beside its best baseline."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_ts import WindowedInput, WindowedSeries, compare, save_model, scorecard
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.scores.schema import checked

# These forecast a target from its own past alone.
OWN = ["naive", "drift", "moving average", "median", "theta"]
COLUMNS = ("skill", "skill_low", "skill_high", "verdict", "best")
UNITS = np.array([1.0, 1000.0])


def walks(series=1, rows=260):
    """A walk, on which naive is best, and noise, on which the median or the mean is."""
    draw = np.random.default_rng(0).normal(size=(series, rows, 2))
    return [np.stack([50 + own[:, 0].cumsum(), own[:, 1]], axis=1) * UNITS for own in draw]


def judged(panel, target=None, **settings):
    """The report on forecasts close to the first target, and further from the second."""
    windows = WindowedSeries(12, 4, target_columns=[0, 1], missing="mask_targets")
    held = windows.split(panel, at=90)[1]
    points = held.to_numpy()[1].copy()
    points += np.random.default_rng(1).normal(size=points.shape) * [0.3, 2.0] * UNITS
    table = held.align(points)
    if target is not None:
        windows = replace(windows, target_columns=target)
        table |= {name: table[name][:, target] for name in ("actual", "prediction")}
    settings = {"baselines": OWN, "by": "mase", **settings}
    return compare({"model": table}, *windows.split(panel, at=90), **settings)


def alone(report, name="model"):
    """The verdict on a forecaster of one target, in the columns of ``scores``."""
    row = report.table["name"].tolist().index(name)
    ends = [report.table[end][row] for end in COLUMNS[:3]]
    return [*ends, report.verdicts[name], report.best]


@pytest.mark.parametrize("by", ["mae", "mase", "rmsse"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("series", [1, 7])
def test_a_target_is_judged_as_if_it_were_alone(by, holes, series):
    panel = walks(series)
    if holes:
        for own in panel:
            own[40:60, 0], own[100:110, 1] = np.nan, np.nan
    scores = judged(panel, by=by).scores(by="target")
    for target in (0, 1):
        row = np.flatnonzero((scores["name"] == "model") & (scores["target"] == target))[0]
        own = judged(panel, target, by=by)
        told = [scores[column][row] for column in COLUMNS]
        assert told[:3] == pytest.approx(alone(own)[:3], rel=1e-6)
        assert told[3:] == alone(own)[3:]
        lines = str(judged(panel, by=by)).splitlines()
        said = [line for line in lines if line.startswith(f"On {target}, ")]
        if told[3] == "beats":
            assert not said
        else:
            [sentence] = [line for line in str(own).splitlines() if line.startswith("model ")][-1:]
            assert said == [f"On {target}, {sentence}".replace("baseline,", "baseline there,")]


def test_a_joint_beats_hides_no_lost_target():
    report = judged(walks())
    assert report.verdicts == {"model": "beats"}
    scores = report.scores(by="target")
    assert scores["verdict"][:2].tolist() == ["beats", "loses to"]
    assert scores["best"][0] == "naive" != scores["best"][1]
    [line] = [line for line in str(report).splitlines() if line.startswith("On ")]
    assert line.startswith(f"On 1, model loses to the best baseline there, {scores['best'][1]}: ")
    assert line in report._repr_html_()
    best = scores["name"] == scores["best"]
    assert scores["skill"][best].tolist() == [0.0, 0.0]


def test_a_card_says_which_targets_are_lost(tmp_path):
    windows = WindowedSeries(12, 4, target_columns=[0, 1])
    train, held = windows.split(walks()[0], at=90)
    past = keras.Input((12, 2))
    outputs = keras.layers.Dense(8)(keras.layers.Flatten()(WindowedInput.of(train)(past)))
    model = keras.Model(past, keras.layers.Reshape((4, 2))(outputs))
    report = compare(model, train, held, baselines=OWN)
    save_model(model, tmp_path / "model.keras", report=report)
    card = scorecard(tmp_path / "model.keras")
    lost = [line for line in str(report).splitlines() if line.startswith("On ")]
    assert lost
    assert card.to_dict()["targets"] == lost
    for text in (str(card), card.to_markdown()):
        assert all(line in text for line in lost)
        assert "means over 2 targets, whatever their units" in text
    # It may hold none.
    del card.values["targets"]
    assert checked(card.values)["targets"] is None


def test_no_more_than_ten_lost_targets_are_listed():
    draw = np.random.default_rng(0).normal(size=(160, 13))
    train, held = WindowedSeries(12, 4).split(draw, at=90)
    wrong = held.align(held.to_numpy()[1] + 9.0)
    lines = str(compare({"model": wrong}, train, held, baselines=OWN)).splitlines()
    assert sum(line.startswith("On ") for line in lines) == 11
    [more] = [line for line in lines if line.startswith("On 3 further targets model does not beat")]
    assert more.endswith('scores(by="target") has each.')


def test_a_target_that_is_judged_nowhere_has_no_verdict():
    def first(actual, prediction, scale):
        losses = np.abs(actual - prediction) / scale
        losses[..., 1] = np.nan
        return losses

    report = judged(walks(), metrics=[first], by="first")
    scores = report.scores(by="target")
    assert scores["verdict"][:2].tolist() == ["beats", "too few windows"]
    assert scores["best"][:2].tolist() == ["naive", ""]
    assert np.isnan(scores["skill"][1])
    assert not [line for line in str(report).splitlines() if line.startswith("On ")]


def test_few_series_have_verdicts_of_their_own_on_each_target():
    report = judged(walks(4))
    assert report.scores(by="target")["verdict"][:2].tolist() == ["beats", "loses to"]
    [line] = [line for line in str(report).splitlines() if line.startswith("On ")]
    assert line.startswith("On 1, model loses to the best baseline there, ")
    assert " for these series alone, over " in line


def test_errors_on_targets_are_joined_over_folds_and_kept_by_seed():
    draw = np.random.default_rng(0).uniform(size=(3, 5, 2, 2))

    def tally(losses, apart):
        made = Tally(5, 1, 2, 2, "mase", target_measures=apart)
        made.add(np.arange(5), np.zeros(5, int), {"mase": losses, "mae": losses})
        return made

    kept = (["mase", "mae"], ["mase"], ["mase"])
    parts = [tally(own, apart) for own, apart in zip(draw, kept, strict=True)]
    joint = Tally.joined(parts)
    # A fold in which all targets have a scale keeps no MAE of each.
    assert list(joint.by_target) == ["mase"]
    expected = draw.reshape(15, 2, 2).mean(axis=1).T
    np.testing.assert_allclose(joint.by_target["mase"][:, 0], expected)
    unscaled = Tally.joined([tally(own, ["mase", "mae"]) for own in draw])
    assert list(unscaled.by_target) == ["mase", "mae"]  # MAE decides where MASE is nowhere.
    seeds = Tally.averaged(parts[1:])
    np.testing.assert_allclose(seeds.by_target["mase"], draw[1:].mean(axis=2).transpose(2, 0, 1))
    assert not Tally.joined([Tally(5, 1, 2, 2)] * 2).by_target


def test_a_series_that_is_not_judged_has_no_say_in_the_measure_of_a_target():
    """The target 1 of the judged series is constant in train, and that of the other is not."""
    judged_one, ended = walks(2)
    judged_one[:90, 1] = 1.0
    windows = WindowedSeries(12, 4, target_columns=[0, 1])
    both, one = (
        compare(None, *windows.split(panel, at=90), baselines=OWN).scores(by="target")
        for panel in ([judged_one, ended[:60]], [judged_one])
    )
    assert one["best"][1] == "moving average"
    for column in COLUMNS:
        np.testing.assert_array_equal(both[column], one[column])
