"""A preset built for a dataset takes its windows, and gives its targets in their own units."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import called, run_fresh, timed
from keras_ts import (
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    course_series,
    from_preset,
    preset_names,
)
from keras_ts.layers.normalize_window import OF_PERIODS, OF_WHOLE_WINDOWS, STATISTICS

LEVELS = (0.1, 0.5, 0.9)
OPTIONS = {
    "targets": ("vector", "sequence"),
    "horizon": (1, 3),
    "columns": ("plain", "table", "target", "targets", "all"),
    "covariates": ("none", "future", "static", "both"),
    "calendar": (None, (5,)),
    "window_norm": (None, *STATISTICS),
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
    whole = case["smoothing"] or case["window_norm"] in OF_WHOLE_WINDOWS
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
        if case["calendar"]:
            series, setting = timed(series, **setting)
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
    setting["target_columns"] = columns
    if case["calendar"]:
        series, setting = timed(series, **setting)
    return WindowedSeries(6, case["horizon"], **setting).build(series)


def check_fits(case):
    dataset = dataset_for(case)
    preset = RecurrentPreset(
        f"sequence_to_{case['targets']}", case["cell"], (2,), quantiles=case["quantiles"],
        window_norm=case["window_norm"], smoothing=case["smoothing"],
        period=3 if case["window_norm"] in OF_PERIODS else None,
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
    assert carried.columns.by_part() == dataset.columns
    assert carried.quantiles == case["quantiles"]


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


def test_saved_models_reload_in_a_process_that_only_imports_keras_ts(tmp_path):
    inputs = course_series()[: 20 * 4].reshape(4, 20)
    expected = {}
    for name in preset_names():
        if name == "linear":  # It is solved from a dataset.
            continue
        model = from_preset(name).build()
        model.save(tmp_path / f"{name}.keras")
        x = inputs[..., None] if len(model.input_shape) == 3 else inputs
        expected[name] = called(model, x)
    np.save(tmp_path / "inputs.npy", inputs)
    run_fresh(
        "import sys, pathlib, numpy as np, keras, keras_ts\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "inputs = np.load(folder / 'inputs.npy')\n"
        "for path in folder.glob('*.keras'):\n"
        "    model = keras.saving.load_model(path)\n"
        "    x = inputs[..., None] if len(model.input_shape) == 3 else inputs\n"
        "    np.save(path.with_suffix('.out.npy'), keras.ops.convert_to_numpy(model(x)))\n",
        tmp_path,
    )
    for name, want in expected.items():
        got = np.load(tmp_path / f"{name}.out.npy")
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
