"""A net that loses to the linear regression on the latest rows adds little to it."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import called
from keras_ts import (
    WindowedSeries,
    calibrate,
    check_reload,
    compare,
    fine_tune,
    from_preset,
)
from keras_ts.presets import gate
from keras_ts.presets.gate import blended
from keras_ts.presets.training import members_of

pytestmark = pytest.mark.usefixtures("untraced_models")

WINDOWS = WindowedSeries(6, 2, batch_size=16, shuffle=True, seed=3)


def chaos(rows=90):
    """Return a series whose next value is a parabola of the last one."""
    values = [0.3]
    while len(values) < rows:
        values.append(4 * values[-1] * (1 - values[-1]))
    return np.array(values)


SERIES = chaos()


def preset(**settings):
    return from_preset("smooth_gru", units=(2,), memory=3, **settings)


def fitted(train, **arguments):
    settings = arguments.pop("settings", {})
    keras.utils.set_random_seed(7)
    return preset(**settings).fit(train, **{"epochs": 1, "verbose": 0, **arguments})


def weights(model):
    return [keras.ops.convert_to_numpy(value) for value in model.weights]


def share_of(net, series, monkeypatch):
    for untouched in ("_begin", "_train"):
        monkeypatch.setattr(gate, untouched, lambda *_: None)
    net.compile("adam", "mse")
    return gate._share(preset(), WINDOWS.build(series), net, 1, 1, None)[0]


def parabolas(window):
    """Return a net that knows the series."""
    inputs = keras.Input((window,))
    first = 4 * inputs[:, -1:] * (1 - inputs[:, -1:])
    return keras.Model(inputs, keras.ops.concatenate([first, 4 * first * (1 - first)], axis=1))


def wild(window):
    """Return a net that is far off."""
    inputs = keras.Input((window,))
    return keras.Model(inputs, inputs[:, :2] * 0 + 50.0)


def halfway(window):
    """Return a net that is right at the first step, and far off at the second."""
    inputs = keras.Input((window,))
    first = 4 * inputs[:, -1:] * (1 - inputs[:, -1:])
    return keras.Model(inputs, keras.ops.concatenate([first, first * 0 + 50], axis=1))


@pytest.mark.parametrize(
    ("net", "low", "high"),
    [(parabolas, [0.7, 0.7], [1, 1]), (wild, [0, 0], [0.3, 0.3]), (halfway, [0.7, 0], [1, 0.3])],
)
def test_the_share_of_a_net_is_what_it_is_worth_on_the_latest_rows(net, low, high, monkeypatch):
    share = share_of(net(6), SERIES, monkeypatch)
    assert share.shape == (2, 1)
    assert (share[:, 0] >= low).all()
    assert (share[:, 0] <= high).all()


def test_a_net_that_is_the_line_or_diverged_has_one_half(monkeypatch):
    inputs = keras.Input((6,))
    for factor in (0.0, np.nan):
        net = keras.Model(inputs, inputs[:, :2] * factor)
        share = share_of(net, np.zeros(90), monkeypatch)
        np.testing.assert_array_equal(share, 0.5)


def test_no_target_of_the_rows_that_choose_is_trained_on():
    early, late = gate._parts(WINDOWS.build(SERIES))
    assert early.origins[-1] + 2 < 90 - 22 <= late.origins[0] + 1
    assert late.origins[-1] + 2 == 89
    weighted = WINDOWS.build(SERIES, sample_weight=np.arange(90.0))
    for part, first in zip(gate._parts(weighted), (6, 68), strict=True):
        np.testing.assert_array_equal(part.to_numpy()[2][:2], [first + 0.5, first + 1.5])


@pytest.mark.parametrize(
    ("settings", "columns"),
    [({}, None), ({"quantiles": (0.1, 0.5, 0.9), "minimum": 0}, None), ({}, [1, 0])],
)
def test_a_fit_is_the_line_and_a_share_of_the_net_that_is_trained_by_hand(
    settings, columns, forked_reload
):
    series = SERIES if columns is None else np.stack([SERIES, 100 * SERIES[::-1]], axis=1)
    windows = WindowedSeries(6, 2, batch_size=16, shuffle=True, seed=3, target_columns=columns)
    train = windows.build(series)
    model = fitted(train, settings=settings)
    net, line, share = blended(model)
    assert share.shape == train[0][1].shape[1:]
    assert ((share >= 0) & (share <= 1)).all()
    keras.utils.set_random_seed(7)
    alone = preset(**settings).build(windows.build(series))
    assert [w.shape for w in weights(alone)] == [w.shape for w in weights(net)]
    for begun, own in zip(alone.weights, net.weights, strict=True):
        if not own.trainable:
            np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (begun, own)))
    x = train.to_numpy()[0].astype("float32")
    by_net, by_line = called(net, x), called(line, x)
    if "quantiles" in settings:
        share = share[:, None]
    expected = by_line + share * (by_net - by_line)
    if "minimum" in settings:
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(called(model, x), expected, rtol=1e-4, atol=1e-5)
    assert check_reload(model, x[:3]).ok
    assert model.evaluate(train, verbose=0, return_dict=True)["mae"] > 0
    assert len(model.history.epoch) == 1


def test_further_training_leaves_the_line_and_the_share():
    train = WINDOWS.build(SERIES)
    model = fitted(train)
    tuned = fine_tune(model, WINDOWS.build(SERIES[40:]), epochs=1, learning_rate=1e-2)
    (net, line, share), (tuned_net, tuned_line, tuned_share) = blended(model), blended(tuned)
    np.testing.assert_array_equal(tuned_share, share)
    for before, after in zip(weights(line), weights(tuned_line), strict=True):
        np.testing.assert_array_equal(after, before)
    moved = [
        np.abs(after - before).max()
        for before, after in zip(weights(net), weights(tuned_net), strict=True)
    ]
    assert max(moved) > 1e-4
    banded = calibrate(model, train, 0.8)
    again = fine_tune(
        banded, WINDOWS.build(SERIES[:60]), epochs=1, calibration=WINDOWS.build(SERIES[55:])
    )
    assert called(again, train.to_numpy()[0]).shape == (83, 2, 3)


def closed(years, promoted):
    """Return days with a shop that is shut on May 1, and with or without promotions."""
    days = pd.date_range("2020-01-01", periods=round(365.25 * years))
    rng = np.random.default_rng(0)
    promotion = promoted * (rng.random(len(days)) < 0.3)
    units = 50 + 2 * rng.standard_normal(len(days)) + 40 * promotion
    units[(days.month == 5) & (days.day == 1)] = 0
    return pd.DataFrame({"day": days, "units": units, "promotion": promotion})


def test_a_target_without_an_error_has_no_say(monkeypatch):
    """The untrained net errs less on the one target that anything can be said of."""
    table = closed(3, False).assign(flat=0.1)
    settings = {"window": 14, "horizon": 2, "time_column": "day", "calendar": ["week", "year"]}
    columns = {"target_columns": ["units", "flat"]}
    train = WindowedSeries(**settings, **columns, batch_size=64).build(
        table.drop(columns="promotion")
    )
    net = preset().build(train)
    net.compile("adam", "mse")
    monkeypatch.setattr(gate, "_train", lambda *_: None)
    assert gate._share(preset(), train, net, 1, 1, None)[1]


@pytest.mark.parametrize("promoted", [False, True])
def test_the_untrained_net_takes_the_place_of_a_regression_that_errs_more(promoted, forked_reload):
    table = closed(4, promoted)
    settings = {"window": 14, "horizon": 2, "time_column": "day", "calendar": ["week", "year"]}
    columns = {"target_columns": "units", **({"future_columns": "promotion"} if promoted else {})}
    table = table if promoted else table.drop(columns="promotion")
    windows = WindowedSeries(**settings, **columns, batch_size=64, shuffle=True, seed=3)
    train = windows.build(table)
    model = fitted(train)
    line = blended(model)[1]
    x, y = train.to_numpy()[:2]
    keras.utils.set_random_seed(7)
    start = called(preset().build(train), x)
    kept = np.allclose(called(line, x), start, rtol=1e-4, atol=1e-3)
    assert kept != promoted
    assert check_reload(model, keras.tree.map_structure(lambda part: part[:3], x)).ok
    if not promoted:
        assert np.abs(called(model, x)[y[:, 0] == 0, 0]).mean() < 10
        assert not line.trainable_weights


def test_the_mean_of_nets_has_one_share():
    model = preset().fit(WINDOWS.build(SERIES), epochs=1, members=2, verbose=0)
    assert len(members_of(blended(model)[0])) == 2


@pytest.mark.parametrize("members", [1, 2])
def test_a_blend_is_judged_by_the_period_of_its_preset(members):
    seasonal = preset(window_norm="seasonal", period=3)
    train, validation = WINDOWS.split(SERIES, 70)
    model = seasonal.fit(train, epochs=1, members=members, verbose=0)
    report = compare(model, train, validation)
    assert "seasonal naive" in report.table["name"]


@pytest.mark.parametrize("part", ["panel", "few rows", "core", "another preset"])
def test_other_fits_have_no_line(part):
    series = {"panel": [SERIES, SERIES], "few rows": SERIES[:32]}.get(part, SERIES)
    core = (lambda: keras.layers.GRU(2)) if part == "core" else None
    chosen = from_preset("gru_32x2") if part == "another preset" else preset()
    assert not gate.is_gated(chosen, WINDOWS.build(series), core)
    assert gate.is_gated(preset(), WINDOWS.build(SERIES), None)


@pytest.mark.parametrize(("epochs", "rehearsed"), [(1, 1), (4, 2), (5, 2)])
def test_the_batches_before_a_fit_are_those_that_it_trains_on(monkeypatch, epochs, rehearsed):
    counted, fit = [], keras.Model.fit

    def counting(model, read, **arguments):
        counted.append((arguments["epochs"] - arguments.get("initial_epoch", 0)) * len(read))
        return fit(model, read, **arguments)

    monkeypatch.setattr(keras.Model, "fit", counting)
    train = WINDOWS.build(SERIES)
    fitted(train, epochs=epochs)
    early = len(gate._parts(train)[0])
    assert sum(counted[:-1]) == rehearsed * early
    assert counted[-1] == epochs * len(train)
