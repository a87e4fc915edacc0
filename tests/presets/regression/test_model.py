"""The preset "linear" is the baseline "linear regression", with all that a preset has."""

import keras
import numpy as np
import pandas as pd
import pytest

from export_helpers import needs
from helpers import BACKEND, run_fresh, timed
from keras_ts import (
    WindowedSeries,
    backtest,
    calibrate,
    check_reload,
    compare,
    export_model,
    fine_tune,
    forecast,
    from_preset,
    load_model,
    save_model,
)
from keras_ts.baselines import LinearRegression
from keras_ts.datasets import store_sales
from keras_ts.evaluation.judged import JudgedWindows, spans_of
from keras_ts.interface import Interface
from keras_ts.windows.carried import joined

LINEAR = from_preset("linear")
LEVELS = (0.1, 0.5, 0.9)
STORES, PLAN = map(pd.DataFrame, store_sales(stores=6, days=250))
COLUMNS = {
    "target_columns": "units",
    "future_columns": "promotion",
    "static_columns": "type",
    "id_column": "store",
    "time_column": "day",
    "calendar": ["week"],
    "window": 14,
}


def rows(count=200, seed=0, size=1.0):
    """Return four columns: two targets, a promotion, and a static one."""
    rng = np.random.default_rng(seed)
    series = size * rng.normal(20, 3, (count, 4)).round(1)
    series[:, 2] = rng.random(count) < 0.3
    series[:, 0] *= 1 + 0.5 * series[:, 2]
    series[:, 3] = seed
    return series


def with_holes(series):
    rng = np.random.default_rng(1)
    series = series.copy()
    series[10 + np.flatnonzero(rng.random(len(series) - 10) < 0.05), 0] = np.nan
    series[rng.integers(20, len(series), 3), :3] = np.nan
    return series


PANEL = [rows(150 + 9 * seed, seed, 1000.0**seed) for seed in range(3)]
CASES = {
    "plain": (rows()[:, 0], {"horizon": 1}),
    "level": (1e6 + rows()[:, 0], {"horizon": 3, "gap": 1}),
    "targets": (rows(), {"target_columns": (1, 0), "future_columns": (2,), "sampling_rate": 2}),
    "holes": (with_holes(rows()), {"target_columns": 0, "missing": "mask_targets"}),
    "known": (rows(), {"target_columns": 0, "future_columns": (1, 2), "calendar": (7,)}),
    "long window": (rows(), {"window": 40, "target_columns": 0, "future_columns": (2,)}),
    "panel": ([one[:, 0] for one in PANEL], {"horizon": 4, "stride": 2}),
    "panel of targets": (PANEL, {"target_columns": (1, 0), "future_columns": (2,)}),
    "short": ([one[:40, 0] for one in PANEL], {"min_inputs": 2, "missing": "mask_targets"}),
    "a constant series": (
        [*PANEL[:2], np.where([True, True, False, True], 20.0, PANEL[2])],
        {"target_columns": 0, "future_columns": (2,)},
    ),
    "panel with holes": (
        [with_holes(one) for one in PANEL],
        {"target_columns": 0, "future_columns": (2,), "static_columns": (3,), "calendar": (7,),
         "missing": "mask_targets"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "quantiles"),
    [*((case, None) for case in CASES), ("targets", LEVELS), ("panel of targets", LEVELS)],
)
def test_it_is_the_baseline(case, quantiles):
    series, settings = CASES[case]
    if "calendar" in settings:
        series, settings = timed(series, **settings)
    windows = WindowedSeries(**{"window": 6, "horizon": 2, **settings})
    train, held_out = windows.split(series, at=0.7)
    model = from_preset("linear", quantiles=quantiles).fit(train)
    made = keras.ops.convert_to_numpy(model(keras.tree.map_structure(
        lambda part: part.astype("float32"), held_out.to_numpy()[0])))  # fmt: skip
    expected = LinearRegression().fit(train).predict(held_out)
    if quantiles is not None:
        assert (np.diff(made, axis=-1) >= 0).all()
        assert (made[..., 0] < made[..., -1]).mean() > 0.9
        made = made[..., 1]
    made = made.reshape(expected.shape)
    assert np.isfinite(made).all()
    # Without a target, a step may lack what is known ahead, too.
    sure = np.isfinite(expected) & np.isfinite(held_out.to_numpy()[1].reshape(expected.shape))
    near = np.isclose(made, expected, rtol=1e-4, atol=1e-3 if case == "level" else 1e-5)
    assert near[sure].mean() > 0.999


def test_a_panel_in_half_precision_keeps_its_levels():
    train, held_out = WindowedSeries(6, 2).split([1e6 + one[:, 0] for one in PANEL[:2]], at=0.7)
    x = held_out.to_numpy()[0].astype("float32")
    whole = keras.ops.convert_to_numpy(LINEAR.fit(train)(x))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = keras.ops.convert_to_numpy(LINEAR.fit(train)(x))
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(half, whole, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # PyTorch's own.
def test_a_reload_in_a_fresh_process_forecasts_the_same(forked_reload, tmp_path):
    """With a calibrated interval, bounds, quantiles, and closed days in the plan."""
    preset = from_preset("linear", quantiles=LEVELS, minimum=0, period=7)
    borders = [STORES["day"].max() - pd.Timedelta(days=days) for days in (90, 45)]
    train, calibration, held_out = preset.split(STORES, 7, at=borders, **COLUMNS)
    model = preset.fit(train)
    assert not model.trainable_weights
    assert model.evaluate(held_out, verbose=0, return_dict=True)["mae"] > 0
    assert check_reload(model, keras.tree.map_structure(lambda x: x[:3], held_out[0][0])).ok
    band = calibrate(model, calibration, 0.8)
    report = compare(band, train, held_out)
    assert abs(dict(zip(report.table["name"], report.table["skill"], strict=True))["model"]) < 1e-3
    assert "seasonal naive" in report.table["name"]
    assert 0.7 < report.table["coverage"][0] < 0.9
    save_model(band, tmp_path / "linear.keras", report=report)
    with pytest.warns(UserWarning, match=r"at the steps \[5\]"):  # None closed before.
        ahead = forecast(band, STORES, future=PLAN)
    assert (ahead.dropna()[["units_0.1", "units"]] >= 0).all().all()
    assert ahead["units"].isna().any()  # closed days
    STORES.to_pickle(tmp_path / "stores.pkl")
    PLAN.to_pickle(tmp_path / "plan.pkl")
    run_fresh(
        "import os, sys, keras_ts, pandas as pd\n"
        "os.chdir(sys.argv[1])\n"
        "model = keras_ts.load_model('linear.keras')\n"
        "ahead = keras_ts.forecast(model, pd.read_pickle('stores.pkl'),"
        " future=pd.read_pickle('plan.pkl'))\n"
        "ahead.to_pickle('ahead.pkl')\n",
        tmp_path,
    )
    again = pd.read_pickle(tmp_path / "ahead.pkl")
    pd.testing.assert_frame_equal(again, ahead, rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(BACKEND == "jax", reason="the converter is slow")
def test_an_export_computes_the_same(tmp_path):
    needs("onnx")
    windows = WindowedSeries(6, 2, missing="mask_targets", target_columns=0, future_columns=2)
    dataset = windows.build([with_holes(one) for one in PANEL])
    model = from_preset("linear", quantiles=LEVELS).fit(dataset)
    inputs = keras.tree.map_structure(lambda part: part[:4].astype("float32"), dataset[0][0])
    export_model(model, tmp_path / "model.onnx", check=inputs)


def test_windows_of_weight_0_leave_no_trace_and_others_count_as_often():
    series = rows(120)[:, 0]
    windows = WindowedSeries(4)
    part = windows.build(series[:80])
    weights = np.where(np.arange(windows.count(series)) < part.num_windows, 1.0, 0.0)
    changed = np.where(np.arange(120) < 80, series, 1e4)
    models = [LINEAR.build(part), LINEAR.build(windows.build(changed, sample_weight=weights))]
    x = series[None, :4].astype("float32")
    both = [float(keras.ops.convert_to_numpy(model(x)).item()) for model in models]
    # The penalty is relative to the variance of the windows that count.
    assert both[0] == pytest.approx(both[1], rel=1e-3)


def test_a_backtest_fits_it_anew_in_each_fold():
    report = backtest(from_preset("linear"), rows(160)[:, 0], 2, n_splits=2, test_size=20)
    assert sorted(set(report.table["fold"].tolist())) == [0, 1]
    errors = report.table["actual"] - report.table["prediction"]
    assert report.scores()["mae"][0] == pytest.approx(np.abs(errors).mean())


@pytest.mark.parametrize(
    "case", ["targets", "holes", "panel", "panel of targets", "panel with holes"]
)
def test_further_training_solves_it_on_the_new_rows_and_keeps_measured_widths(case, tmp_path):
    series, settings = CASES[case]
    if "calendar" in settings:
        series, settings = timed(series, **settings)
    windows = WindowedSeries(**{"window": 6, "horizon": 2, **settings})
    train, held_out, last = windows.split(series, at=[0.5, 0.8])
    both = windows.split(series, at=0.8)[0]
    preset = from_preset("linear", quantiles=LEVELS, maximum=1e9)
    model = preset.fit(train)
    save_model(calibrate(model, held_out, 0.8), tmp_path / "linear.keras")
    before = model.get_weights()
    expected = preset.fit(both).predict(last, verbose=0)
    tuned = fine_tune(model, both)
    np.testing.assert_array_equal(tuned.predict(last, verbose=0), expected)
    assert tuned.compiled
    assert Interface.of(tuned).trained_on == joined(spans_of(JudgedWindows("train", both)))
    band, further = (calibrate(model, held_out, 0.8, train_on=on) for on in (None, both))
    widths, others = (np.diff(own.predict(last, verbose=0), axis=-1) for own in (band, further))
    np.testing.assert_allclose(others, widths, rtol=1e-3, atol=1e-4 * widths.max())
    np.testing.assert_allclose(
        further.predict(last, verbose=0)[..., 1], expected[..., 1], rtol=1e-5, atol=1e-5
    )
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    again = fine_tune(load_model(tmp_path / "linear.keras"), both, calibration=last)
    np.testing.assert_allclose(
        again.predict(last, verbose=0)[..., 1], expected[..., 1], rtol=1e-5, atol=1e-5
    )


def frozen(train):
    model = LINEAR.fit(train)
    model = keras.Model(model.input, model.output, name="another")
    model.compile("adam", "mae")
    return model


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda train: from_preset("linear", units=(8,)), r"Received: units=\(8,\)"),
        (lambda train: from_preset("linear", kind="sequence_to_sequence"), "Received: kind="),
        (lambda train: LINEAR.build(), "is solved from a dataset"),
        (lambda train: LINEAR.fit(train, core=keras.layers.GRU(2)), "leave core out"),
        (lambda train: fine_tune(LINEAR.fit(train), train, epochs=2), "leave out epochs and learn"),
        (lambda train: fine_tune(frozen(train), train), "frozen, so train some of its layers"),
        (lambda train: LINEAR.windows_for(np.arange(9.0), 9), "no more than the 9"),
    ],
)
def test_misuse(call, says):
    with pytest.raises(ValueError, match=says):
        call(WindowedSeries(4).build(rows(60)[:, 0]))


def test_arguments_that_fit_does_not_have_are_refused():
    with pytest.raises(TypeError, match="fit has no argument epochz, folds"):
        LINEAR.fit(WindowedSeries(4).build(rows(60)[:, 0]), epochz=7, folds=2, verbose=0)


@pytest.mark.parametrize(
    ("series", "length", "width"), [(3, 11, 0), (3, 12, 1), (1, 14, 0), (1, 15, 1)]
)
def test_quantiles_of_too_few_windows_are_said_to_have_no_width(series, length, width):
    """Of two windows a series the last third is none, and one error has no spread."""
    panel = list(np.random.default_rng(0).normal(size=(series, length)))
    train = WindowedSeries(6, 4).build(panel if series > 1 else panel[0])
    preset = from_preset("linear", quantiles=LEVELS)
    if width:
        model = preset.fit(train)
    else:
        with pytest.warns(UserWarning, match=rf"of {len(train.origins)} training windows have no"):
            model = preset.fit(train)
    predicted = model.predict(train, verbose=0)
    assert (np.ptp(predicted, axis=-1) > 0).all() == width
