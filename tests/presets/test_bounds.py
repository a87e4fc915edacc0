"""No forecast leaves the bounds of a preset: alone, in a band, in its file, in an export."""

import keras
import numpy as np
import pytest

from export_helpers import needs, path_for
from helpers import called, run_fresh
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedSeries,
    calibrate,
    check_reload,
    compare,
    export_model,
    forecast,
    from_preset,
    load_model,
    save_model,
)
from keras_ts.interface import Interface
from keras_ts.layers import Bounded, ConformalInterval, LinearForecast, SortedQuantiles

pytestmark = pytest.mark.usefixtures("untraced_models")

# Sales that are 0 most of the time: a net without bounds forecasts below it.
RNG = np.random.default_rng(0)
SALES = np.where(RNG.random(120) < 0.3, RNG.gamma(1.0, 4.0, 120), 0.0)
WINDOWS = WindowedSeries(8, 2, batch_size=16)
LEVELS = (0.1, 0.5, 0.9)


def low(model):
    """Move a model's forecasts down, far below 0, whatever its weights are."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][-1]
    dense.bias.assign(np.linspace(-3.0, -1.0, dense.units))
    return model


def built(kind="vector", values=SALES, windows=WINDOWS, **settings):
    dataset = windows.build(values)
    preset = RecurrentPreset(f"sequence_to_{kind}", units=(3,), minimum=0, **settings)
    return dataset, low(preset.build(dataset))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"window_norm": "last"},
        {"quantiles": LEVELS},
        {"window_norm": "standard", "smoothing": "mixed"},
        {"output_scale": 9.0},
    ],
)
def test_forecasts_stay_within_the_bounds(settings):
    dataset, model = built(maximum=8, **settings)
    assert isinstance(model.layers[-1], Bounded)
    forecasts = model.predict(dataset, verbose=0)
    assert forecasts.min() == 0
    assert forecasts.max() <= 8
    # Op by op: two compiled models may round otherwise.
    x, free = dataset[0][0], keras.Model(model.input, model.layers[-1].input)
    assert called(free, x).min() < -0.5
    np.testing.assert_array_equal(called(model, x), np.clip(called(free, x), 0, 8))
    ahead = forecast(model, SALES, steps=2 if "quantiles" in settings else 5)
    assert (ahead >= 0).all() and (ahead <= 8).all()  # noqa: PT018
    in_training = keras.ops.convert_to_numpy(model(x, training=True))
    assert in_training.min() < -0.5


def test_bounds_are_in_the_units_of_each_target_and_of_sequences():
    table = np.stack([SALES, 1000 + SALES], axis=1)
    windows = WindowedSeries(8, targets="sequence", batch_size=16)
    dataset = windows.build(table)
    preset = RecurrentPreset("sequence_to_sequence", units=(3,), minimum=2, maximum=1003)
    outputs = preset.build(dataset).predict(dataset, verbose=0)
    assert outputs[..., 0].min() >= 2
    assert outputs[..., 1].min() > 950
    assert outputs[..., 1].max() <= 1003


def test_a_net_learns_from_below_the_bound():
    """With a gradient that is cut there, it would forecast 0 for ever."""
    dataset, model = built(values=np.full(60, 5.0) + RNG.normal(size=60))
    assert model.predict(dataset, verbose=0).max() < 5
    model.compile(keras.optimizers.Adam(0.05), "mae")
    x, y = dataset[0]
    before = np.abs(called(model, x) - y).mean()
    for _ in range(30):
        model.train_on_batch(x, y)
    assert np.abs(called(model, x) - y).mean() < before / 2
    assert forecast(model, np.full(60, 5.0)).min() > 2
    # Evaluated as it forecasts.
    want = np.abs(called(model, x) - y).mean()
    model.reset_metrics()  # Keras 3.12 returns the mean since the last reset.
    np.testing.assert_allclose(model.test_on_batch(x, y), want, rtol=1e-4)


def test_the_linear_map_is_fitted_on_errors_that_are_not_clipped():
    panel = [SALES, SALES[::-1]]
    maps = []
    for minimum in (None, 3):
        keras.utils.set_random_seed(0)
        preset = from_preset("smooth_gru", units=(2,), minimum=minimum)
        model = preset.build(WINDOWS.build(panel))
        [linear] = [layer for layer in model.layers if isinstance(layer, LinearForecast)]
        maps.append(keras.ops.convert_to_numpy(linear.kernel))
    assert maps[0].any()
    np.testing.assert_allclose(maps[0], maps[1], rtol=1e-4, atol=1e-7)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
@pytest.mark.parametrize("settings", [{}, {"quantiles": LEVELS}])
def test_the_band_is_clipped_and_its_width_comes_from_errors_that_are_not(settings, tmp_path):
    train, held_out = WINDOWS.split(SALES, at=0.6)
    model = low(RecurrentPreset(units=(3,), minimum=0, **settings).build(train))
    band = calibrate(model, held_out, 0.8)
    conformal, bounded = band.layers[-2:]
    assert isinstance(conformal, ConformalInterval)
    assert (bounded.minimum, bounded.maximum) == (0.0, None)
    assert sum(isinstance(layer, Bounded) for layer in band.layers) == 1
    unclipped = calibrate(keras.Model(model.input, model.layers[-1].input), held_out, 0.8)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(unclipped.layers[-1].margins),
        keras.ops.convert_to_numpy(conformal.margins),
        rtol=1e-5,
    )
    x = held_out[0][0]
    np.testing.assert_allclose(called(band, x), np.maximum(called(unclipped, x), 0), rtol=1e-5)
    ahead = forecast(band, SALES)
    assert ahead.shape == (2, 3)
    assert ahead.min() == 0
    assert Interface.of(band).quantiles == pytest.approx(LEVELS)
    for again in (band, load_saved(band, tmp_path / "band.keras")):
        with pytest.raises(ValueError, match="calibrated already"):
            calibrate(again, held_out, 0.8)
        with pytest.warns(UserWarning, match="was calibrated on targets that validation holds"):
            compare(again, train, held_out)


def load_saved(model, path):
    save_model(model, path)
    return load_model(path)


@pytest.mark.parametrize("nest", ["sequential", "functional", "model within"])
def test_a_band_about_a_model_that_ends_in_bounds_of_its_own(nest):
    """They are taken off wherever the model ends in them."""
    dense = keras.layers.Dense(2)
    inputs = keras.Input((8,))
    if nest == "sequential":
        model = keras.Sequential([inputs, dense])
        model.add(Bounded(minimum=0))
    else:
        model = keras.Model(inputs, Bounded(minimum=0)(dense(inputs)))
        model(keras.Input((8,)))  # It was called elsewhere, too.
    if nest == "model within":
        model = keras.Sequential([keras.Input((8,)), model])
    dense.bias.assign([-9.0, -9.0])
    dataset = WINDOWS.build(SALES)
    free = keras.Sequential([keras.Input((8,)), dense])
    band, want = (calibrate(each, dataset, 0.8) for each in (model, free))
    x = dataset[0][0]
    np.testing.assert_allclose(called(band, x), np.maximum(called(want, x), 0), rtol=1e-5)
    assert isinstance(Interface.of(band).bounds, Bounded)


def test_an_interface_looks_through_bounds():
    _, model = built(quantiles=LEVELS)
    interface = Interface.of(model)
    assert isinstance(interface.last_layer, SortedQuantiles)
    assert (interface.quantiles, interface.bounds) == (LEVELS, model.layers[-1])
    wrapped = keras.Sequential([keras.Input((8,)), model, keras.Sequential([Bounded(maximum=9)])])
    assert isinstance(Interface.of(wrapped).last_layer, SortedQuantiles)
    assert Interface.of(keras.Sequential([keras.Input((3,))])).bounds is None
    bare = keras.Sequential([keras.Input((3,)), Bounded(maximum=9)])
    assert Interface.of(bare).last_layer is None


def test_the_file_holds_the_bounds_in_a_fresh_process(tmp_path):
    dataset, model = built(quantiles=LEVELS)
    band = calibrate(model, dataset, 0.8)
    band.save(tmp_path / "band.keras")
    np.save(tmp_path / "sales.npy", SALES)
    run_fresh(
        "import sys, keras_ts, numpy as np\n"
        "model, sales, out = sys.argv[1:]\n"
        "ahead = keras_ts.forecast(keras_ts.load_model(model), np.load(sales))\n"
        "np.save(out, ahead)\n",
        tmp_path / "band.keras", tmp_path / "sales.npy", tmp_path / "out.npy",
    )  # fmt: skip
    ahead = np.load(tmp_path / "out.npy")
    assert ahead.min() == 0
    np.testing.assert_allclose(ahead, forecast(band, SALES), rtol=1e-5)


def test_a_reload_loses_nothing(forked_reload):
    dataset, model = built()
    model.compile("adam", "mae")
    assert check_reload(model, dataset[0][0][:3]).ok


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", ["onnx", "tf_saved_model"])
def test_the_export_is_clipped(format, tmp_path):
    needs(format)
    dataset, model = built(window_norm="last")
    band = calibrate(model, dataset, 0.8)
    x = dataset[0][0][:3]
    assert called(band, x).min() == 0
    export_model(band, path_for(tmp_path, format), format, check=x)


def test_a_rollout_feeds_clipped_values_back():
    _, model = built(maximum=8)
    rollout = Rollout(model, steps=5)
    out = keras.ops.convert_to_numpy(rollout(SALES[None, -8:]))[0]
    np.testing.assert_allclose(out, forecast(model, SALES, steps=5), rtol=1e-5)
    assert out.min() >= 0


def test_mixed_precision_keeps_a_level():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        dataset = WINDOWS.build(SALES + 70_000)
        model = RecurrentPreset(units=(3,), window_norm="last", maximum=70_001).build(dataset)
        outputs = model.predict(dataset, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs.dtype == np.float32
    assert 69_900 < outputs.min() < outputs.max() <= 70_001


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"minimum": 3, "maximum": 2}, "minimum must be below maximum"),
        ({"minimum": "0"}, "minimum must be a finite number"),
    ],
)
def test_bounds_that_make_no_sense(bounds, says):
    with pytest.raises((TypeError, ValueError), match=says):
        RecurrentPreset(**bounds)


def test_a_preset_keeps_its_bounds_and_one_of_old_has_none():
    preset = from_preset("gru_32x2", minimum=0)
    assert RecurrentPreset.from_config(preset.get_config()) == preset
    assert preset.minimum == 0.0
    old = from_preset("gru_32x2").get_config()
    del old["minimum"], old["maximum"]
    assert RecurrentPreset.from_config(old).minimum is None
