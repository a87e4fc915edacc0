"""A preset built for a dataset takes its windows, and gives its targets in their own units."""

import itertools
import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import called, untraced
from keras_ts import RecurrentPreset, ScaleOutput, WindowedInput, WindowedSeries, from_preset

LEVELS = (0.1, 0.5, 0.9)
OPTIONS = {
    "targets": ("vector", "sequence"),
    "horizon": (1, 3),
    "columns": ("plain", "table", "target", "targets", "all"),
    "covariates": ("none", "future", "static", "both"),
    "calendar": (None, (5,)),
    "window_norm": (None, "last", "mean", "standard", "seasonal"),
    "smoothing": (None, "mixed", "linear"),
    "quantiles": (None, LEVELS),
}
# Options that change no shape.
INNER = {
    "cell": ("simple_rnn", "gru", "lstm"),
    "bidirectional": (False, True),
    "policy": ("float32", "mixed_float16"),
    "missing": ("raise", "mask", "keep"),
}


def possible(case):
    """Tell if the options of a case go together, and if each of them means something."""
    if case["columns"] == "plain" and case["covariates"] != "none":
        return False
    if case["smoothing"] and case["window_norm"] is None:
        return False
    whole = case["smoothing"] or case["window_norm"] == "seasonal"
    return not (whole and case["targets"] == "sequence")


def pairwise_cases():
    """Return cases in which every two options meet in each of their values."""
    generator, drawn = np.random.default_rng(0), []
    while len(drawn) < 3000:
        case = _drawn(generator, OPTIONS | INNER)
        if possible(case):
            drawn.append(case)
    open_pairs, cases = {pair for case in drawn for pair in _pairs(case)}, []
    while open_pairs:
        best = max(drawn[:300], key=lambda case: len(open_pairs.intersection(_pairs(case))))
        if open_pairs.isdisjoint(_pairs(best)):
            best = next(case for case in drawn if not open_pairs.isdisjoint(_pairs(case)))
        open_pairs -= set(_pairs(best))
        cases.append(best)
    return cases


def _drawn(generator, options):
    return {name: values[generator.integers(len(values))] for name, values in options.items()}


def _pairs(case):
    return itertools.combinations(case.items(), 2)


def dataset_for(case):
    generator = np.random.default_rng(0)
    setting = {name: case[name] for name in ("targets", "calendar", "missing")}
    holes = slice(0, 0 if case["missing"] == "raise" else 4)
    if case["columns"] == "plain":
        series = generator.normal(size=30)
        series[holes] = np.nan
        return WindowedSeries(6, case["horizon"], **setting).build(series)
    series = [generator.normal(size=(length, 5)) for length in (20, 25)]
    for number, values in enumerate(series):
        values[holes, :3] = np.nan
        values[:, 4] = number
    if case["covariates"] in ("future", "both"):
        setting["future_columns"] = [3]
    if case["covariates"] in ("static", "both"):
        setting["static_columns"] = [4]
    columns = {"table": 1, "target": [1], "targets": [2, 0], "all": None}[case["columns"]]
    windows = WindowedSeries(6, case["horizon"], target_columns=columns, **setting)
    return windows.build(series)


def check_fits(case):
    dataset = dataset_for(case)
    preset = RecurrentPreset(
        f"sequence_to_{case['targets']}", case["cell"], (2,), quantiles=case["quantiles"],
        window_norm=case["window_norm"], smoothing=case["smoothing"],
        period=3 if case["window_norm"] == "seasonal" else None,
        bidirectional=case["bidirectional"],
    )  # fmt: skip
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(case["policy"])
    try:
        model = preset.build(dataset)
        x, y = dataset[0]
        outputs = model(x)
    finally:
        keras.config.set_dtype_policy(before)
    shape = y.shape
    if len(shape) == (1 if case["targets"] == "vector" else 2):
        shape = (*shape, 1)
    if case["quantiles"]:
        shape = (*shape, len(LEVELS))
    assert tuple(outputs.shape) == shape
    assert tuple(model.output_shape[1:]) == shape[1:]
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
    assert np.isfinite(outputs).all()
    if case["quantiles"]:
        assert (np.diff(outputs, axis=-1) >= 0).all()
    carried = next(layer for layer in model.layers if isinstance(layer, WindowedInput)).carried
    assert carried.windows == dataset.windows
    assert carried.columns == dataset.columns
    assert carried.levels == case["quantiles"]


@pytest.mark.filterwarnings("ignore:.* missing value among their targets")
@pytest.mark.parametrize(
    "case", pairwise_cases(), ids=lambda case: "-".join(map(str, case.values()))
)
def test_inputs_and_outputs_are_those_of_the_dataset(case):
    check_fits(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* missing value among their targets")
def test_inputs_and_outputs_are_those_of_the_dataset_for_all_combinations():
    generator = np.random.default_rng(0)
    for values in itertools.product(*OPTIONS.values()):
        case = dict(zip(OPTIONS, values, strict=True)) | _drawn(generator, INNER)
        if possible(case):
            check_fits(case)


@settings(deadline=None, max_examples=10)
@given(
    window=st.integers(2, 12), horizon=st.integers(1, 9), features=st.integers(1, 6),
    data=st.data(),
)  # fmt: skip
def test_any_columns_in_any_order(window, horizon, features, data):
    parts = data.draw(st.permutations(range(features)))
    targets = parts[: data.draw(st.integers(1, features))]
    rest = parts[len(targets) :]
    future = rest[: data.draw(st.integers(0, len(rest)))]
    series = np.random.default_rng(0).normal(size=(window + horizon + 3, features))
    dataset = WindowedSeries(
        window, horizon, target_columns=targets, future_columns=future or None
    ).build(series)
    model = RecurrentPreset(units=(2,), window_norm="mean").build(dataset)
    x, y = dataset[0]
    assert tuple(model(x).shape) == y.shape


@pytest.mark.parametrize(
    ("window_norm", "quantiles", "targets", "kind"),
    [
        (None, None, 1, "vector"),
        (None, LEVELS, [3, 1], "sequence"),
        ("last", LEVELS, 1, "sequence"),
        ("last", None, [3, 1], "vector"),
        ("mean", None, [0, 1, 2, 3], "sequence"),
        ("mean", LEVELS, [1], "vector"),
        ("standard", LEVELS, [0, 1, 2, 3], "vector"),
        ("standard", None, [1], "sequence"),
    ],
)
def test_outputs_come_back_in_the_units_of_their_own_columns(window_norm, quantiles, targets, kind):
    """A net whose dense layers give 0 forecasts each target's own level: a thousand apart."""
    levels = np.array([1.0, 1e3, 1e6, -1e4])
    noise = np.random.default_rng(0).normal(size=(40, 4))
    series = levels * (1 + 0.001 * noise)
    dataset = WindowedSeries(8, 2, target_columns=targets, targets=kind).build(series)
    preset = RecurrentPreset(
        f"sequence_to_{kind}", units=(2,), window_norm=window_norm, quantiles=quantiles
    )
    model = preset.build(dataset)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    x, y = dataset[0]
    outputs = keras.ops.convert_to_numpy(model(x))
    if quantiles:
        outputs = outputs[..., 1]
    np.testing.assert_allclose(outputs, y, rtol=0.01)


@pytest.mark.parametrize("window_norm", ["last", "standard"])
@pytest.mark.parametrize("kind", ["vector", "sequence"])
def test_small_units_change_no_forecast(window_norm, kind):
    """The same series in other units has the same forecast in those units."""
    series = np.random.default_rng(0).normal(size=(40, 2)).cumsum(axis=0)
    outputs = []
    for unit in (1e-2, 1e-5):
        dataset = WindowedSeries(8, 2, targets=kind).build(series * [unit, 1.0])
        keras.utils.set_random_seed(0)
        preset = RecurrentPreset(f"sequence_to_{kind}", units=(4,), window_norm=window_norm)
        x, _ = dataset[0]
        outputs.append(keras.ops.convert_to_numpy(preset.build(dataset)(x)) / [unit, 1.0])
    if kind == "sequence":  # The first step of a window has no scale of its own.
        outputs = [output[:, 1:] for output in outputs]
    np.testing.assert_allclose(*outputs, rtol=1e-2, atol=1e-2)


def test_every_quantile_of_every_step_and_target_stands_in_its_place():
    """Biases number a dense layer's outputs; nothing else reaches them."""
    series = np.random.default_rng(0).normal(size=(40, 2))
    dataset = WindowedSeries(8, 2).build(series)
    model = RecurrentPreset(units=(2,), window_norm="mean", quantiles=LEVELS).build(dataset)
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    kernel, bias = dense.get_weights()
    # Steps, quantiles, targets.
    dense.set_weights([kernel * 0, np.arange(len(bias))])
    x, _ = dataset[0]
    outputs = keras.ops.convert_to_numpy(model(x)) - x.mean(axis=1)[:, None, :, None]
    expected = np.arange(12).reshape(2, 3, 2).transpose(0, 2, 1)
    np.testing.assert_allclose(outputs, np.broadcast_to(expected, outputs.shape), atol=1e-5)


@pytest.mark.parametrize("kind", ["vector", "sequence"])
@pytest.mark.parametrize("window_norm", [None, "last"])
@pytest.mark.parametrize("panel", [False, True])
def test_a_known_column_reaches_the_step_that_it_belongs_to_and_no_other(kind, window_norm, panel):
    series = np.random.default_rng(0).normal(size=(40, 2))
    dataset = WindowedSeries(6, 3, target_columns=0, future_columns=[1], targets=kind).build(
        [series, series[:20]] if panel else series
    )
    preset = RecurrentPreset(f"sequence_to_{kind}", units=(4,), window_norm=window_norm)
    model = preset.build(dataset)
    x, _ = dataset[0]
    before = keras.ops.convert_to_numpy(model(x))
    for step in range(3):
        future = x["future"].copy()
        future[:, step] += 1.0
        moved = keras.ops.convert_to_numpy(model({**x, "future": future})) != before
        reached = np.zeros(before.shape[1:], bool)
        if kind == "vector":
            reached[step] = True
        else:
            # The window's input p forecasts p + 1 .. p + 3, and the plan begins at 6.
            for place in range(6):
                for ahead in range(3):
                    reached[place, ahead] = place + ahead + 1 == 6 + step
        assert not moved[:, ~reached].any()
        assert moved[:, reached].any()


def test_static_columns_reach_the_forecast_and_a_panel_of_constants_stays_finite():
    generator = np.random.default_rng(0)
    series = [generator.normal(size=(30, 6)) for _ in range(3)]
    for number, values in enumerate(series):
        values[:, 1] = 7.0  # constant, past only
        values[:, 2] = 2e5 + number  # static
        values[:, 3] = generator.random(30) < 0.1  # 0 or 1, known ahead
        values[:, 4] = 0.0  # constant, known ahead
        values[:, 5] = 3e5  # static, and the same for all
    dataset = WindowedSeries(
        8, 2, target_columns=0, future_columns=[3, 4], static_columns=[2, 5], batch_size=16
    ).build(series)
    for window_norm in (None, "last", "mean", "standard"):
        model = RecurrentPreset(units=(4,), window_norm=window_norm).build(dataset)
        x, _ = dataset[0]
        moved = {**x, "static": x["static"] + np.array([1.0, 0.0])}
        assert (
            keras.ops.convert_to_numpy(model(x)) != keras.ops.convert_to_numpy(model(moved))
        ).any()
        model.compile(keras.optimizers.Adam(0.01), "mae")
        losses = untraced(model).fit(dataset, epochs=3, verbose=0).history["loss"]
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0] < 3.0


def test_constants_are_those_of_the_training_part():
    series = np.concatenate([np.tile([0.0, 2.0], 30), np.full(40, 1e6)])
    table = np.stack([series, series], axis=1)
    windows = WindowedSeries(6, target_columns=0, future_columns=[1])
    train, _ = windows.split(table, at=60)
    model = RecurrentPreset(units=(2,), window_norm="last").build(train)
    scales = [layer for layer in model.layers if isinstance(layer, ScaleOutput)]
    center, spread = scales[:2]
    assert (center.scale, center.offset) == (1.0, [-1.0])
    assert (spread.scale, spread.offset) == ([1.0], 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 9}, r"window=9 disagrees .* windows of 8 steps"),
        ({"features": 2}, r"features=2 disagrees .* 3 columns"),
        ({"outputs": 1}, r"outputs=1 disagrees .* 4 values .* 2 steps of 2 targets"),
        ({"kind": "sequence_to_sequence"}, r"kind='sequence_to_sequence' .* targets='vector'"),
        ({"output_scale": (1.0, 2.0, 3.0)}, r"output_scale has 3 entries.* 4 values"),
        ({"features": 3, "window_norm": "last", "target": 0}, r"target=0 disagrees.*\[2, 1\]"),
    ],
)
def test_settings_that_disagree_with_the_dataset_are_refused_with_both(settings, message):
    dataset = WindowedSeries(8, 2, target_columns=[2, 1]).build(np.ones((20, 3)))
    with pytest.raises(ValueError, match=message):
        RecurrentPreset(**settings).build(dataset)


def test_settings_that_agree_are_taken():
    dataset = WindowedSeries(8, 2, target_columns=[2, 1]).build(np.ones((20, 3)))
    preset = RecurrentPreset(window=8, features=3, outputs=4, output_scale=(1.0, 2.0))
    assert preset.build(dataset).output_shape == (None, 2, 2)
    dataset = WindowedSeries(8, target_columns=2).build(np.ones((20, 3)))
    preset = RecurrentPreset(features=3, window_norm="last", target=2)
    assert preset.build(dataset).output_shape == (None, 1)


@pytest.mark.parametrize("wrong", [WindowedSeries(8), np.ones((20, 3)), "train"])
def test_only_a_dataset_is_built_for(wrong):
    with pytest.raises(TypeError, match=r"dataset must be a WindowDataset\. Received: "):
        RecurrentPreset().build(wrong)


@pytest.mark.parametrize("name", ["simple_rnn_20x2_sequence", "simple_rnn_40x2", "gru_32x2"])
def test_named_presets_build_for_a_dataset(name):
    preset = from_preset(name)
    windows = WindowedSeries(8, targets=preset.kind.removeprefix("sequence_to_"))
    dataset = windows.build(np.arange(30.0))
    x, y = dataset[0]
    assert tuple(preset.build(dataset)(x).shape) == (*y.shape, 1)


def test_a_preset_with_quantiles_goes_through_json():
    preset = RecurrentPreset(quantiles=np.array(LEVELS))
    config = json.loads(json.dumps(preset.get_config(), allow_nan=False))
    assert RecurrentPreset.from_config(config) == preset
    with pytest.raises(ValueError, match=r"quantiles must increase.*0\.5"):
        RecurrentPreset(quantiles=(0.1, 0.9))


def test_quantiles_without_a_dataset():
    model = RecurrentPreset(outputs=3, window=5, quantiles=LEVELS, window_norm="last").build()
    assert model.output_shape == (None, 3, 3)
    model = RecurrentPreset(
        "sequence_to_sequence", features=3, quantiles=LEVELS, window_norm="last"
    ).build()
    assert model.output_shape == (None, None, 1, 3)
    x = np.random.default_rng(0).normal(1e4, 1.0, (2, 7, 3)).astype("float32")
    x[..., 1:] = 0.0
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), 1e4, rtol=0.01)


def test_a_seasonal_preset_is_exact_in_level():
    """A series that is shifted shifts its forecast, sizes known or not."""
    time = np.arange(80)
    series = np.sin(time * np.pi / 2) * 3 + np.random.default_rng(0).normal(size=80)
    dataset = WindowedSeries(16, 3).build(series)
    model = from_preset("seasonal_gru", period=4).build(dataset)
    x = dataset[0][0]
    moved = model.predict(x + 64.0, verbose=0) - 64.0
    np.testing.assert_allclose(moved, model.predict(x, verbose=0), atol=1e-3)


@pytest.mark.parametrize("window_norm", ["last", "standard", "seasonal"])
def test_a_series_in_tiny_units_is_forecast_as_one_in_large_units_beside_it(window_norm):
    series = np.random.default_rng(0).normal(size=30)
    dataset = WindowedSeries(12, 2).build([1e7 * series, 1e-7 * series])
    model = RecurrentPreset(
        cell="gru", units=(4,), window_norm=window_norm,
        period=4 if window_norm == "seasonal" else None,
    ).build(dataset)  # fmt: skip
    x, _ = dataset.to_numpy()
    large, tiny = np.split(called(model, x), 2)
    np.testing.assert_allclose(tiny * 1e14, large, rtol=1e-3, atol=1e4)
