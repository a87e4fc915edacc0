"""Models with windows of their own are judged on one set of targets, and the report says so."""

import keras
import numpy as np
import pandas as pd
import polars
import pytest

from helpers import timed
from keras_ts import RecurrentPreset, WindowedSeries, compare, course_series

LENGTHS = (7, 14, 28, 42, 56)


def holey_panel():
    """Return 48 daily series, a third of them short, with missing values and days."""
    rng = np.random.default_rng(0)
    parts = []
    for number in range(48):
        length = 80 if number % 3 == 0 else 160
        days = np.datetime64("2024-06-08") - np.arange(length)[::-1]
        units = rng.normal(10 + number, 1 + number / 10, length)
        units[rng.integers(0, length, 4)] = np.nan
        table = pd.DataFrame({"shop": f"shop {number}", "day": days, "units": units})
        parts.append(table.drop(index=rng.integers(0, length - 1, 2)))
    return pd.concat(parts, ignore_index=True)


def naive(window, columns=1):
    """Return a model that forecasts the last value that is not missing."""
    inputs = keras.Input((window, columns))
    return keras.Model(inputs, keras.ops.repeat(keras.ops.nan_to_num(inputs[:, -1:, 0]), 7, axis=1))


@pytest.mark.parametrize("min_inputs", [None, 3])
def test_five_window_lengths_have_one_number_of_targets(min_inputs):
    table = holey_panel()
    entries, counts = {}, []
    for window in LENGTHS:
        windows = WindowedSeries(
            window, 7, target_columns="units", id_column="shop", time_column="day",
            missing="mask_targets", min_inputs=min_inputs,
        )  # fmt: skip
        parts = windows.split(table, at="2024-04-20")
        counts.append(parts[1].num_windows)
        entries[f"w{window}"] = (naive(window), *parts)
    assert len(set(counts)) == (1 if min_inputs else 3)
    report = compare(entries, baselines=["naive"])
    # The same model, whatever the length, on the same targets.
    for column in ("mae", "mase", "rmse"):
        assert np.ptp(report.table[column][:5]) == 0
    assert report.windows == min(counts)
    own = ", ".join(f"w{n} {count}" for n, count in zip(LENGTHS, counts, strict=True))
    if not min_inputs:
        assert f"All have {min(counts)} windows in common" in str(report)
        assert all(part in str(report) for part in own.split(", "))
    assert "The baselines read the windows of w56." in str(report)


def test_windows_with_more_columns_are_named_where_no_baseline_reads_them():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": rng.normal(size=90), "wind": 1.0, "promo": rng.integers(0, 2, 90)})
    plain = WindowedSeries(5, target_columns="y")
    train, held = plain.split(table[["y"]], at=60)
    wide = WindowedSeries(9, target_columns="y", future_columns="promo").split(table, at=60)
    models = {
        "plain": RecurrentPreset(units=(2,), window_norm="last").build(train),
        "wide": (RecurrentPreset(units=(2,), window_norm="last").build(wide[0]), *wide),
    }
    report = compare(models, train, held)
    said = str(report)
    assert report.windows == 30
    assert "The baselines read the windows of plain." in said
    more = "known ahead (promo); the past of other columns (wind)"
    assert f"wide also reads what no baseline does: {more}." in said
    own = compare({"plain": (models["plain"], train, held), "wide": models["wide"]})
    assert "The baselines read the windows of wide." in str(own)
    assert "also reads what no baseline does" not in str(own)


def test_the_same_parts_are_as_if_they_were_shared():
    train, held = WindowedSeries(5).split(course_series(200), at=150)
    model = RecurrentPreset(units=(2,)).build(train)
    shared = compare({"a": model}, train, held)
    own = compare({"a": (model, train, held)})
    assert str(own) == str(shared)
    assert str(compare({"a": (model, train, held)}, train, held)) == str(shared)


@pytest.mark.parametrize("units", [("ns", "D"), ("D", "ns")])
def test_a_series_without_a_window_was_not_seen(units):
    """Whatever the units of times, whose largest numbers would overflow."""

    def part(begin, rows, unit):
        days = np.datetime64(begin, unit) + np.arange(60).astype("m8[D]")
        parts = [{"shop": s, "day": days[:n], "y": np.arange(n) % 7.0} for s, n in rows.items()]
        return WindowedSeries(10, 2, id_column="shop", time_column="day").build(
            polars.concat([polars.DataFrame(part) for part in parts])
        )

    of_train, of_held = ({"a": 60, "b": 60}, {"a": 60, "b": 6})[:: 1 if units[0] == "ns" else -1]
    train, held = part("2024-01-01", of_train, units[0]), part("2024-03-01", of_held, units[1])
    assert "may have seen" not in str(compare(None, train, held, baselines=["naive"]))


def test_by_chooses_the_measure_of_the_verdict():
    """By MAE the large series decides, and by MASE all count alike."""
    rng = np.random.default_rng(0)
    panel = [size * rng.normal(10, 1, 60) for size in [1.0] * 7 + [1e4]]
    panel[-1] = 1e4 * rng.normal(size=60).cumsum()
    train, held = WindowedSeries(6).split(panel, at=-20)
    chosen = ["naive", "moving average"]
    scaled = compare(None, train, held, baselines=chosen)
    plain = compare(None, train, held, baselines=chosen, by="mae")
    assert (scaled.by, plain.by) == ("mase", "mae")
    assert (scaled.best, plain.best) == ("moving average", "naive")
    for report in (scaled, plain):
        best = report.table["name"].tolist().index(report.best)
        errors = report.table[report.by]
        np.testing.assert_allclose(report.table["skill"], 1 - errors / errors[best])
    assert compare(None, *WindowedSeries(6).split(panel[0], at=-20)).by == "mae"
    constant = [np.ones(60)] * 7
    with pytest.raises(ValueError, match='by="mase" needs a series that changes in train'):
        compare(None, *WindowedSeries(6).split(constant, at=-20), by="mase")
    with pytest.raises(ValueError, match=r"changes in train over 40 rows.*a shorter period="):
        compare(None, train, held, by="mase", period=40)


def test_misuse_is_refused():
    train, held = WindowedSeries(5).split(course_series(100), at=80)
    model = RecurrentPreset(units=(2,)).build(train)
    other = WindowedSeries(5).split(course_series(100)[:90], at=[40, 60])
    for models, parts, error in [
        (model, (), "validation is None: pass train and validation"),
        (None, (), "validation is None: pass train and validation"),
        (None, (train,), "validation must be a WindowDataset"),
        ({"a": (model, held, "b")}, (), "validation must be a WindowDataset"),
        ({"a": 3}, (train, held), "a must be a frame or a dict of columns. Received: int"),
        ({"a": (model, *other[:2]), "b": (model, train, held)}, (), "no window in common"),
    ]:
        with pytest.raises((TypeError, ValueError), match=error):
            compare(models, *parts)
    with pytest.raises(ValueError, match="by must be one of 'mae', 'mase'"):
        compare(None, train, held, by="rmse")
    rows = held.align(np.zeros(held.num_windows))
    rows |= {"prediction_0.1": np.full(held.num_windows, np.nan), "prediction_0.9": rows["actual"]}
    with pytest.raises(ValueError, match="for which all columns of forecast have a forecast"):
        compare(rows, train, held)


class Subclass(keras.Model):
    """A net without inputs of fixed shapes."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_net_made_for_other_windows_is_refused_by_name():
    """A recurrent Sequential took windows of any length, and was judged on them."""
    layers, plain = keras.layers, WindowedSeries(5).split(course_series(100), at=80)
    series, settings = timed(course_series(100), calendar=[7])
    calendar = WindowedSeries(5, **settings).split(series, at=80)
    of_length = keras.Sequential([keras.Input((8, 1)), layers.LSTM(1), layers.Dense(1)])
    past = keras.Input((None, 2), name="past")
    of_past = keras.Model({"past": past}, layers.Dense(1)(layers.LSTM(1)(past)))
    subclass = Subclass()
    subclass(np.zeros((1, 8)))
    own = r"Give it parts of its own: models=\{'net': \(model, train, validation\)\}\."
    for net, parts, error in [
        (of_length, plain, rf"net takes 'past' of shape \(8, 1\), .* give \(5,\)\. {own}"),
        (of_past, calendar, rf"the inputs \['past'\], .* give \['past', 'future'\]\. {own}"),
        (subclass, plain, r"net fails on windows of shape \(5,\): Input 0 .* Judge it on windows"),
    ]:
        with pytest.raises(ValueError, match=error):
            compare({"net": net}, *parts)


def test_a_part_that_models_were_trained_on_is_named():
    series = course_series(300)
    windows = WindowedSeries(5, 2)
    early, middle, late = windows.split(series, at=[150, 220])
    said = "In 1 series train has a target at or after the first of validation"
    assert said not in str(compare(None, early, late))
    for train, validation in ((early, early), (late, middle), (windows.build(series), late)):
        assert said in str(compare(None, train, validation))
    net = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    (to_150, from_150), (to_220, from_220) = (windows.split(series, at=at) for at in (150, 220))
    report = str(compare({"fair": net, "own": (net, to_220, from_150)}, to_150, from_150))
    assert f"{said.replace('train', 'train of own')}, so own may have seen what" in report
    assert "train of fair" not in report
    # Only windows after its training part are left to judge it on.
    report = str(compare({"fair": net, "own": (net, to_220, from_150)}, to_220, from_220))
    assert "train of" not in report
    panel = [series[:120], series]
    train, held = windows.split(panel, at=100)
    assert "train has a target" not in str(compare(None, train, held))
    assert "In 2 series train has a target" in str(compare(None, windows.build(panel), held))


def test_windows_of_other_series_are_no_trained_ones():
    days = np.arange(90).astype("M8[D]")
    table = pd.DataFrame({"shop": ["a"] * 60 + ["b"] * 30, "day": days, "y": np.arange(90.0)})
    windows = WindowedSeries(4, 2, id_column="shop", time_column="day", target_columns="y")
    train, held = windows.split(table, at=-10)
    assert "train has a target" not in str(compare(None, train, held))
