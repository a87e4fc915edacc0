"""Importance finds the columns that matter in tables whose truth is known, and claims no more."""

import random

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from importance_tables import increases, model_of, sales, verdicts
from keras_ts import WindowedSeries, from_preset, importance
from keras_ts.datasets import store_sales
from keras_ts.evaluation.importance import donors
from keras_ts.layers import SortedQuantiles
from keras_ts.windows import blocks

pytestmark = pytest.mark.usefixtures("untraced_models")

AHEAD = ["offer", "copy", "noise", "closed"]
OFFER, COPY, NOISE, CLOSED = range(4)


@pytest.fixture(scope="module")
def parts():
    windows = WindowedSeries(
        7, target_columns="units", future_columns=AHEAD, time_column="day", calendar="week"
    )
    return windows, windows.split(sales(), at=200)[1]


def test_a_column_that_matters_its_copy_noise_and_one_that_is_always_off(parts):
    _, validation = parts

    def predict(x):
        ahead = x["future"][:, 0]
        return 20 + 10 * ahead[:, OFFER : OFFER + 1] + 0.3 * ahead[:, NOISE : NOISE + 1]

    report = importance(model_of(validation, predict), validation, verbose=0)
    assert verdicts(report) == {
        "offer": "matters",
        "noise": "cannot be told from noise",
        "calendar": "no forecast depends on it",
        "units": "no forecast depends on it",
        "copy": "no forecast depends on it",
        "closed": "never changes in validation",
    }
    assert next(iter(verdicts(report))) == "offer"
    # Another window has another offer with a probability of 0.42, which then costs 10 units.
    assert increases(report)["offer"] == pytest.approx(4, rel=0.3)
    assert increases(report)["copy"] == 0
    assert np.isnan(increases(report)["closed"])
    assert report.table["part"].tolist()[0] == "future"
    assert (report.by, report.windows) == ("mae", 200)
    low, high, increase = (report.table[name][0] for name in ("low", "high", "increase"))
    assert 0 < low < increase < high


def by_hand(table, repeats, seed, columns, predict):
    """Return errors with and without permutations, in a plain loop over windows of 4 and 2."""
    count = len(table) - 5
    rng = np.random.default_rng(seed)
    past = np.stack([table[i : i + 4] for i in range(count)])
    future = np.stack([table[i + 4 : i + 6] for i in range(count)])
    errors = np.abs(future[..., 0] - predict(past, future)).mean(axis=1)
    total = np.zeros(count)
    for _ in range(repeats):
        order = np.argsort(rng.random(count))
        source = np.empty(count, int)
        source[order] = np.roll(order, -1)
        other_past, other_future = past.copy(), future.copy()
        other_past[..., columns] = past[source][..., columns]
        other_future[..., columns] = future[source][..., columns]
        total += np.abs(future[..., 0] - predict(other_past, other_future)).mean(axis=1)
    return errors.mean(), total.mean() / repeats


@pytest.mark.parametrize("numbers", [1 << 23, 400])
def test_increases_are_those_of_a_plain_loop(monkeypatch, numbers):
    monkeypatch.setattr(blocks, "_NUMBERS", numbers)
    table = np.random.default_rng(1).normal(size=(70, 3)).astype("float32")
    windows = WindowedSeries(4, 2, target_columns=0, future_columns=(1, 2), batch_size=8)
    validation = windows.build(table)
    weights = np.array([0.2, 0.5, -0.3, 0.7], "float32")

    def arithmetic(past, future):
        ahead = future[..., -2:] @ np.array([0.8, -0.4])
        return (past[..., 0] @ weights)[:, None] + ahead * (1 + past[:, -1:, 1])

    def predict(x):
        ahead = 0.8 * x["future"][..., 0] - 0.4 * x["future"][..., 1]
        return ops.matmul(x["past"][..., 0], weights[:, None]) + ahead * (1 + x["past"][:, -1:, 1])

    model = model_of(validation, predict)
    report = importance(model, validation, repeats=3, seed=4, verbose=0)
    for column in range(3):
        before, after = by_hand(table, 3, 4, [column], arithmetic)
        assert report.error == pytest.approx(before, rel=1e-5)
        assert increases(report)[column] == pytest.approx(after / before - 1, rel=1e-4)


def test_past_and_future_come_from_one_window_and_the_calendar_moves_as_one(parts):
    """A model that reads only how they hang together does not notice."""
    windows, _ = parts
    table = sales().assign(offer=np.arange(400.0))
    validation = windows.build(table)

    def predict(x):
        last, ahead = x["past"][:, -1], x["future"][:, 0]
        same = ahead[:, OFFER : OFFER + 1] - last[:, 1:2]
        radius = ops.round(ops.sum(ahead[:, -2:] ** 2, axis=-1, keepdims=True))
        return 10 * same + 10 * radius

    report = importance(model_of(validation, predict), validation, verbose=0)
    assert set(verdicts(report).values()) == {"no forecast depends on it"}


def test_quantiles_are_judged_by_the_median(parts):
    _, validation = parts

    def predict(x):
        ahead = x["future"][:, 0]
        middle = 20 + 10 * ahead[:, OFFER : OFFER + 1]
        width = ops.abs(ahead[:, NOISE : NOISE + 1])
        outputs = ops.concatenate([middle - width, middle, middle + width], axis=-1)
        return SortedQuantiles((0.1, 0.5, 0.9))(outputs)

    report = importance(model_of(validation, predict), validation, verbose=0)
    assert verdicts(report)["offer"] == "matters"
    assert verdicts(report)["noise"] == "no forecast depends on it"
    assert verdicts(report)["copy"] == "no forecast depends on it"


def test_too_few_windows_are_no_noise():
    table = sales()[["units", "offer"]].to_numpy()
    windows = WindowedSeries(3, target_columns=0, future_columns=1)
    validation = windows.build(table[:8])
    model = model_of(validation, lambda x: 20 + 10 * x["future"][:, 0])
    report = importance(model, validation, verbose=0)
    assert verdicts(report)[1] == "too few windows for an interval"
    assert np.isfinite(increases(report)[1])
    assert np.isnan(report.table["low"][0])
    # Two series are judged by their windows.
    validation = windows.build([table[:90], table[90:]])
    assert verdicts(importance(model, validation, verbose=0))[1] == "matters"


def test_the_seed_alone_decides(parts):
    _, validation = parts
    model = model_of(validation, lambda x: x["future"][:, 0, :1] * 8 + 20)
    np.random.seed(3)
    random.seed(3)
    before = np.random.get_state()[1].tolist(), random.getstate()
    runs = [importance(model, validation, seed=seed, repeats=2, verbose=0) for seed in (0, 0, 1)]
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before
    first, again, other = (increases(run)["offer"] for run in runs)
    assert first == again != other


def test_the_order_of_the_dataset_does_not_matter(parts):
    windows, validation = parts
    model = model_of(validation, lambda x: x["future"][:, 0, :1] * 8 + 20)
    shuffled = WindowedSeries(
        **{**windows.get_config(), "shuffle": True, "seed": 3, "remainder": "drop"}
    ).split(sales(), at=200)[1]
    shuffled.next_epoch()
    assert str(importance(model, shuffled, verbose=0)) == str(
        importance(model, validation, verbose=0)
    )


def test_progress(parts, capsys):
    _, validation = parts
    model = model_of(validation, lambda x: x["future"][:, 0, :1])
    importance(model, validation, repeats=1, verbose=0)
    assert capsys.readouterr().out == ""
    importance(model, validation, repeats=2)
    assert "2400/2400" in capsys.readouterr().out


def test_mistakes(parts):
    windows, validation = parts
    model = model_of(validation, lambda x: x["future"][:, 0, :1])
    with pytest.raises(ValueError, match="by must be one of 'mae', 'mase'"):
        importance(model, validation, by="rmse")
    with pytest.raises(ValueError, match="repeats must be >= 1"):
        importance(model, validation, repeats=0)
    with pytest.raises(TypeError, match="validation must be a WindowDataset"):
        importance(model, sales())
    with pytest.raises(TypeError, match="model"):
        importance("model", validation)
    diverged = model_of(validation, lambda x: x["future"][:, 0, :1] * np.nan)
    with pytest.raises(ValueError, match="model gives predictions that are not finite, for 200"):
        importance(diverged, validation)
    constant = windows.build(sales().assign(units=1.0))
    with pytest.raises(ValueError, match=r"in a series that is not constant\. It has none"):
        importance(model, constant, by="mase")


def test_a_shuffled_column_that_breaks_the_model_is_named(parts):
    _, validation = parts

    def predict(x):
        apart = x["future"][:, 0, OFFER : OFFER + 1] - x["future"][:, 0, COPY : COPY + 1]
        return 1 / (1 - ops.abs(apart))

    with pytest.raises(ValueError, match="model, with offer shuffled, gives predictions that are"):
        importance(model_of(validation, predict), validation, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.9, 0.95])
def test_noise_seldom_matters(correlation):
    """A model reads noise, which is said to matter in 1 of 40 tables, and to mislead in another."""
    windows = WindowedSeries(4, target_columns=0, future_columns=1)
    past, future = keras.Input((4, 2), name="past"), keras.Input((1, 1), name="future")
    model = keras.Model({"past": past, "future": future}, 0.3 * future[:, 0])
    tables, counts = 400, {}
    for table in range(tables):
        values = np.random.default_rng(table).normal(size=(500, 2))
        for row in range(1, len(values)):
            values[row] *= np.sqrt(1 - correlation**2)
            values[row] += correlation * values[row - 1]
        validation = windows.build(values[200:].astype("float32"))
        report = importance(model, validation, seed=table, verbose=0)
        verdict = verdicts(report)[1]
        counts[verdict] = counts.get(verdict, 0) + 1
    print(correlation, counts)  # noqa: T201 - pytest -s shows it
    # 2.5 % and three standard deviations.
    assert max(counts.get("matters", 0), counts.get("misleads", 0)) <= 20


@pytest.mark.slow
def test_a_trained_preset_on_the_table_of_stores():
    table, _ = store_sales()
    table["weather"] = np.random.default_rng(0).normal(size=len(table["units"]))
    preset = from_preset("smooth_gru")
    windows = WindowedSeries(
        28,
        14,
        id_column="store",
        time_column="day",
        target_columns="units",
        future_columns=["promotion", "weather"],
        static_columns="type",
        calendar="week",
        missing="drop",
        batch_size=64,
    )
    train, validation = windows.split(pd.DataFrame(table), at="2024-06-01")
    keras.utils.set_random_seed(0)
    report = importance(preset.fit(train, epochs=10, verbose=0), validation, verbose=0)
    assert verdicts(report)["promotion"] == "matters"
    assert verdicts(report)["units"] == "matters"
    assert verdicts(report)["weather"] != "matters"
    assert abs(increases(report)["weather"]) < 0.05 < 0.2 < increases(report)["promotion"]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 1000))
def test_values_come_from_another_window_of_the_series(groups, seed):
    groups = np.array(groups)
    drawn = donors(groups, np.random.default_rng(seed))
    assert sorted(drawn.tolist()) == list(range(len(groups)))
    np.testing.assert_array_equal(groups[drawn], groups)
    alone = np.bincount(groups)[groups] == 1
    np.testing.assert_array_equal(drawn == np.arange(len(groups)), alone)


def test_a_report_prints_its_rows_and_draws_them(parts, tmp_path):
    _, validation = parts
    model = model_of(validation, lambda x: x["future"][:, 0, :1] * 8 + 20)
    report = importance(model, validation, repeats=2, verbose=0)
    lines = str(report).splitlines()
    assert lines[0].split() == ["column", "part", "increase", "low", "high", "verdict"]
    assert (lines[1].split()[0], lines[1].split()[-1]) == ("offer", "matters")
    assert lines[-1].startswith(f"The model's MAE is {report.error:.4g} over 200 windows.")
    assert report.to_frame("polars")["column"].to_list() == report.table["column"].tolist()
    axes = plt.figure().subplots()
    assert report.plot(ax=axes, filepath=tmp_path / "i.png") is axes
    assert (tmp_path / "i.png").read_bytes()[:4] == b"\x89PNG"
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [name.replace("units", "units (its own past)") for name in verdicts(report)]
    assert {text.get_text().strip() for text in axes.texts} == {
        "no forecast depends on it", "never changes in validation"
    }  # fmt: skip
    plt.close("all")
