"""A total has quantiles of sample paths, however many windows are read at once."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import WindowedInput, WindowedSeries, aggregate, calibrate, compare, forecast
from keras_ts.evaluation.forecasters import forecaster
from keras_ts.evaluation.forecasters.forecaster import PATHS, path_totals
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.interface import Interface

WINDOWS = WindowedSeries(4, 3)
SERIES = [np.random.default_rng(n).normal(size=90).cumsum() + 50 for n in range(3)]


def last_value(dataset):
    past = keras.Input((4,))
    known = WindowedInput.of(dataset)(past)
    return keras.Model(past, keras.ops.tile(known[:, -1:], (1, 3)))


def test_totals_without_timestamps_are_those_of_forecast(monkeypatch):
    dataset = WINDOWS.build(SERIES)
    model = calibrate(last_value(dataset), dataset, 0.8, joint=True)
    interface, judged = Interface.of(model, dataset), JudgedWindows("part", dataset)
    made, block = path_totals(interface, judged), next(judged.blocks())
    quantiles = judged.predictions("model", model, interface.quantiles, block)
    found = made(block, quantiles, slice(None))
    assert found.shape == (judged.count, 1, 1, 3)
    for place in (0, judged.count - 1):
        known = [one[: 4 + place % 84] if n == place // 84 else one for n, one in enumerate(SERIES)]
        paths = forecast(model, known, num_samples=PATHS, seed=0)[place // 84]
        levels = np.quantile(paths.sum(axis=0), (0.1, 0.5, 0.9), method="hazen")
        np.testing.assert_allclose(found[place, 0, 0], levels, rtol=1e-5)
    some = made(block, quantiles, slice(1, 2))
    np.testing.assert_allclose(some[..., 1], quantiles[:, 1:2, :, 1], rtol=0.02)
    monkeypatch.setattr(forecaster, "_AT_ONCE", 7)
    np.testing.assert_array_equal(made(block, quantiles, slice(None)), found)


@pytest.mark.parametrize("joint", [None, False])
def test_a_model_that_keeps_no_paths_has_none(joint):
    dataset = WINDOWS.build(SERIES)
    model = last_value(dataset)
    if joint is not None:
        model = calibrate(model, dataset, 0.8)
    assert path_totals(Interface.of(model, dataset), JudgedWindows("part", dataset)) is None


DAYS = pd.date_range("2024-01-01", periods=90)
TABLE = pd.concat(
    [pd.DataFrame({"id": f"{n}", "day": DAYS, "y": one}) for n, one in enumerate(SERIES)],
    ignore_index=True,
)


@pytest.fixture(scope="module")
def drawn():
    """A model, its parts, and its sample paths from several origins."""
    windows = WindowedSeries(4, 3, id_column="id", time_column="day")
    train, held = windows.split(TABLE, at=DAYS[60])
    past = keras.Input((4, 1))
    known = WindowedInput.of(train)(past)
    net = keras.Model(past, keras.ops.tile(known[:, -1:], (1, 3, 1)))
    model = calibrate(net, train, 0.8, joint=True)
    parts = [
        forecast(model, TABLE[TABLE["day"] <= origin], num_samples=PATHS, seed=0).assign(
            origin=origin
        )
        for origin in DAYS[60:86:2]
    ]
    return model, train, held, pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.from_pandas, dict])
def test_a_table_of_sample_paths_is_judged_by_its_own_totals(drawn, kind):
    """The model's own paths give what it gets itself, and rounded ones what aggregate says."""
    model, train, held, paths = drawn
    fives = paths.assign(y=(paths["y"] / 5).round() * 5).sample(frac=1, random_state=0)
    given = {"own": paths, "fives": fives}
    if kind is dict:
        names = {"day": "target", "y": "prediction"}
        given = {name: one.rename(columns=names) for name, one in given.items()}
        given = {name: {c: one[c].to_numpy() for c in one} for name, one in given.items()}
    else:
        given = {name: kind(one) for name, one in given.items()}
    report = compare({"model": model, **given}, train, held, baselines=["naive"], total=True)
    scores = report.to_frame().set_index("name")
    assert report.windows == 3 * 13
    for column in ("mae", "pinball", "coverage"):
        assert scores[column]["own"] == pytest.approx(scores[column]["model"], rel=1e-4)
    errors = []
    for _, own in fives.groupby("origin"):
        came = own[["id", "day"]].drop_duplicates().merge(TABLE).groupby("id")["y"].sum()
        made = aggregate(own.drop(columns="origin"), "step").set_index("id")["y"]
        errors.append((made - came).abs())
    assert scores["mae"]["fives"] == pytest.approx(pd.concat(errors).mean())
    single = compare({"model": model, **given}, train, held, baselines=["naive"])
    scores = single.to_frame().set_index("name")["pinball"]
    assert scores["own"] == pytest.approx(scores["model"], rel=0.02)


def test_sample_paths_that_lack_one_are_refused(drawn):
    model, train, held, paths = drawn
    few = paths[~((paths["origin"] == DAYS[64]) & (paths["sample"] >= 46))]
    place = "id 0, day 2024-03-06 00:00:00, origin 2024-03-05 00:00:00, step 1"
    for wrong, said in [
        (few, rf"At {place} it has 46 rows: 46 of {PATHS} samples\. Several"),
        (paths.drop(columns=["origin", "step"]), rf"has {2 * PATHS} rows: {PATHS} of {PATHS} s"),
    ]:
        with pytest.raises(ValueError, match=f"must hold each sample once at every step .*{said}"):
            compare({"model": model, "paths": wrong}, train, held, total=True)


def test_totals_of_baselines_without_errors_are_points(drawn):
    """Of one window of each series, baselines have none; the climatology needs no errors."""
    _, train, _, paths = drawn
    few, _, held = train.windows.split(TABLE, at=[DAYS[7], DAYS[60]])
    assert few.num_windows == 3
    baselines = ["naive", "climatology"]
    report = compare({"paths": paths}, few, held, baselines=baselines, total=True)
    assert np.isfinite(report.table["pinball"]).tolist() == [True, False, True]
    assert "No quantiles of naive: " in str(report)
