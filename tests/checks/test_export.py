"""An export that passes computes what the model does; of another, the differences are named."""

import logging
import warnings

import keras
import numpy as np
import pytest

import export_helpers
from export_helpers import X, faked, needs, recurrent, run_by
from helpers import BACKEND
from keras_ts import (
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    check_export,
)
from keras_ts.checks.export import ExportReport, with_holes
from keras_ts.exporting import export
from keras_ts.exporting.formats import FORMATS
from keras_ts.layers import (
    ConformalInterval,
    MaskMissing,
    NormalizeWindow,
    RestoreWindow,
    SmoothedForecast,
    SortedQuantiles,
)
from keras_ts.layers.plumbing import Unmask

# Warnings of converters and runtimes are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


def two_inputs():
    past, future = keras.Input((None, 2), name="past"), keras.Input((3, 1), name="future")
    joined = keras.layers.Concatenate()([
        keras.layers.GlobalAveragePooling1D()(past), keras.layers.Flatten()(future)
    ])  # fmt: skip
    outputs = [keras.layers.Dense(2)(joined), keras.layers.Dense(3)(joined)]
    return keras.Model({"past": past, "future": future}, outputs)


WORK = export_helpers.WORK[BACKEND]
# A loop that stays a loop takes any length.
LOOPS = [] if BACKEND == "torch" else export_helpers.WITH_LOOPS[BACKEND]


@pytest.mark.parametrize("format", WORK[:2])
def test_missing_values_stay_masked_in_the_file(format):
    needs(format)
    inputs = keras.Input((12, 1))
    x = keras.layers.Dense(2)(MaskMissing()(inputs))
    holes = np.where(np.arange(12) < 3, np.nan, X)[..., None].astype("float32")
    assert check_export(keras.Model(inputs, x), holes, format=format).ok


@pytest.mark.parametrize("format", WORK[:2])
def test_bands_of_windows_with_missing_values(format):
    """The scale of a window, read by ``isfinite``, was NaN in ONNX files from TensorFlow."""
    needs(format)
    past = keras.Input((12, 1))
    points = keras.layers.Dense(2)(keras.layers.Flatten()(Unmask()(MaskMissing()(past))))
    layer = ConformalInterval(0.8, targets=0, inputs=[1, 6, 12])
    model = keras.Model(past, layer([points, past]))
    layer.margins.assign([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    report = check_export(model, X[..., None], format)
    assert report.missing
    assert str(report).endswith("(3, 12, 1), with and without missing values.")


@pytest.mark.slow
@pytest.mark.parametrize("format", WORK[:2])
def test_a_season_and_smoothing(format):
    """From JAX, ``arcsinh`` made files that TensorFlow cannot run, and ``arange`` no ONNX file."""
    needs(format)
    past = keras.Input((8, 1))
    normalize = NormalizeWindow("seasonal", period=2, masked=True)
    normal, location, scale = normalize(MaskMissing()(past))
    state = keras.layers.Flatten()(Unmask()(normal))
    ahead, evidence = SmoothedForecast(3, masked=True)([normal, state])
    outputs = RestoreWindow(period=2)([ahead, location, scale])
    assert check_export(keras.Model(past, [outputs, evidence]), X[:, :8, None], format).missing


def masking(window=12):
    return keras.Sequential([
        keras.Input((window, 1)), MaskMissing(), keras.layers.GlobalAveragePooling1D()
    ])  # fmt: skip


def test_a_file_that_misreads_missing_values_is_reported(monkeypatch):
    """Its outputs on whole windows are right."""
    model = masking()

    def runtime(path, names):
        return lambda arrays: [np.asarray(model.predict(np.nan_to_num(arrays[0]), verbose=0))]

    faked(monkeypatch, model, None)
    run_by(monkeypatch, runtime)
    report = check_export(model, X[..., None], "onnx")
    assert not report.ok
    assert report.missing
    assert "[(3, 12, 1)], with missing values, they differ by" in str(report)


def test_a_file_that_gives_nan_for_missing_values_is_reported(monkeypatch):
    model = masking()

    def runtime(path, names):
        return lambda arrays: [
            model.predict(arrays[0], verbose=0) + arrays[0].sum(axis=1)
            - np.nan_to_num(arrays[0]).sum(axis=1)
        ]  # fmt: skip

    faked(monkeypatch, model, None)
    run_by(monkeypatch, runtime)
    report = check_export(model, X[..., None], "onnx")
    assert not report.ok
    assert "with missing values, they are NaN or of other shapes" in str(report)


def test_an_input_that_the_model_does_not_mask_has_no_holes(monkeypatch):
    past, other = keras.Input((12, 1), name="sales"), keras.Input((12, 1), name="other")
    pooled = keras.layers.GlobalAveragePooling1D()
    model = keras.Model([past, other], [pooled(MaskMissing()(past)), pooled(other)])
    fed = []

    def runtime(path, names):
        def run(arrays):
            fed.append([bool(np.isnan(array).any()) for array in arrays])
            return [np.asarray(output) for output in model.predict(arrays, verbose=0)]

        return run

    faked(monkeypatch, model, None)
    run_by(monkeypatch, runtime)
    assert check_export(model, [X[..., None], X[..., None]], "onnx").missing
    assert [True, False] in fed
    assert not any(other for _, other in fed)


@pytest.mark.parametrize("format", WORK)
def test_a_fixed_window_exports(format):
    needs(format)
    report = check_export(recurrent(12, unroll=True), X, format)
    assert report.shapes == ([(3, 12)],)
    assert report.ok
    assert report.magnitude > 0
    assert report.difference <= 1e-4 * report.magnitude
    assert str(report).startswith(f"{format}: the same outputs up to ")


@pytest.mark.parametrize("format", LOOPS)
@pytest.mark.parametrize("batch", [5, 2])
def test_quantiles_and_the_windows_that_a_model_carries(format, batch):
    """The file takes the windows that the model was trained on, of one length."""
    needs(format)
    past = keras.Input((None, 4))
    windows = WindowedSeries(6, target_columns=[0, 1], targets="sequence")
    x = keras.layers.Dense(6)(WindowedInput(windows)(past))
    model = keras.Model(past, SortedQuantiles([0.1, 0.5, 0.9])(x))
    values = np.random.default_rng(0).normal(size=(batch, 6, 4)).astype("float32")
    assert check_export(model, values, format).shapes == ([(batch, 6, 4)],)


@pytest.mark.parametrize("format", LOOPS)
def test_any_length_exports_and_two_are_run(format):
    needs(format)
    report = check_export(recurrent(None), X, format)
    assert report.shapes == ([(3, 12)], [(3, 6)])


@pytest.mark.parametrize("format", WORK)
def test_several_inputs_and_outputs(format):
    needs(format)
    x = {"past": np.ones((3, 8, 2)), "future": np.arange(9.0).reshape(3, 3, 1)}
    report = check_export(two_inputs(), x, format)
    assert sorted(report.shapes[0]) == [(3, 3, 1), (3, 8, 2)]
    assert sorted(report.shapes[1]) == [(3, 3, 1), (3, 4, 2)]


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's exporters unroll loops")
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_loop_unrolled_at_one_length_is_reported(format):
    needs(format)
    report = check_export(recurrent(None), X, format)
    assert not report.ok
    assert "unrolled at one length: build the model with a fixed" in str(report)


# OpenVINO's tracer refuses PyTorch's dicts, and says so.
@pytest.mark.parametrize("format", WORK[:1] if BACKEND == "torch" else WORK)
@pytest.mark.parametrize("names", [["o"], ["day_9", "day_10"]])
def test_outputs_in_a_dict(format, names):
    needs(format)
    inputs = keras.Input((12,))
    outputs = {name: keras.layers.Dense(i + 1)(inputs) for i, name in enumerate(names)}
    report = check_export(keras.Model(inputs, outputs), X, format)
    assert report.difference <= 1e-4 * report.magnitude


def test_many_outputs():
    needs(WORK[0])
    inputs = keras.Input((12,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs) for _ in range(11)])
    assert check_export(model, X, WORK[0]).difference < 1e-4


@pytest.mark.parametrize("format", sorted(set(FORMATS) - set(WORK)))
def test_what_keras_cannot_export_says_so(format):
    needs(format)
    with pytest.raises(ValueError, match=f"cannot be exported as '{format}' from the {BACKEND}"):
        check_export(recurrent(12), X, format)


def test_the_comparison_passes_what_is_equal(monkeypatch):
    model = faked(monkeypatch, recurrent(None), lambda outputs: [*outputs, "an inner value"])
    report = check_export(model, X, "onnx")
    assert report.ok
    assert report.difference == 0
    assert report.shapes == ([(3, 12)], [(3, 6)])


def _one_length(outputs, lengths=[]):  # noqa: B006 - remembers the calls of one test
    lengths.append(len(outputs))
    return outputs if len(lengths) == 1 else [1.01 * outputs[0]]


@pytest.mark.parametrize(
    "change",
    [
        lambda outputs: [outputs[0] + 1.0],
        lambda outputs: [outputs[0][:, :1]],
        lambda outputs: [np.full_like(outputs[0], np.nan)],
        lambda outputs: [],
        _one_length,
    ],
    ids=["shifted", "another shape", "nan", "none", "right at one length only"],
)
def test_the_comparison_names_what_differs(monkeypatch, change):
    model = faked(monkeypatch, recurrent(None), change)
    report = check_export(model, X, "onnx")
    assert not report.ok
    assert report.difference > 1e-4 * report.magnitude
    first, *named, cure = str(report).splitlines()
    assert first == "The exported 'onnx' file gives other outputs than the model:"
    lengths = [(3, 6)] if change is _one_length else [(3, 12), (3, 6)]
    assert [line.partition("]")[0] for line in named] == [f"At input shapes [{n}" for n in lengths]
    assert cure == export.cure("onnx")


def test_a_file_that_does_not_run_is_reported_with_its_reason(monkeypatch):
    def fail(outputs):
        raise RuntimeError("no such operation")

    report = check_export(faked(monkeypatch, recurrent(12), fail), X, "onnx")
    assert (report.ok, report.shapes, report.difference) == (False, (), np.inf)
    assert report.differences == (
        "At input shapes [(3, 12)], the file does not run: no such operation",
    )


def test_what_converters_say_of_their_own_work_is_not_heard(monkeypatch, caplog):
    def exports(path, **options):
        logging.getLogger("onnx_ir.serde").warning("The value type is not known")
        warnings.warn("of a converter", FutureWarning, stacklevel=1)
        warnings.warn("of a layer", UserWarning, stacklevel=1)

    model = faked(monkeypatch, recurrent(12), lambda outputs: outputs)
    monkeypatch.setattr(model, "export", exports)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        check_export(model, X, "onnx")
    said = {str(warning.message) for warning in heard}
    assert said & {"of a layer", "of a converter"} == {"of a layer"}
    logging.getLogger("onnx_ir.serde").warning("heard again")
    logged = [own.message for own in caplog.records if own.name == "onnx_ir.serde"]
    assert logged == ["heard again"]


def test_a_file_that_does_not_load_is_reported(monkeypatch):
    def runtime(path, names):
        raise RuntimeError("no conversion rule")

    model = faked(monkeypatch, masking(), None)
    run_by(monkeypatch, runtime)
    report = check_export(model, X[..., None], "onnx")
    assert not report.ok
    assert not report.missing
    assert "no conversion rule" in str(report)


BATCHES = WindowedSeries(12, 2).build(np.arange(40.0))


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("model", "x", "error", "message"),
    [
        (Subclassed, X, TypeError, "must be a built Sequential or functional model"),
        (lambda: "model.keras", X, TypeError, "Received: str"),
        (lambda: recurrent(12), X[:, :5], ValueError, r"\(None, 12\).*Received: \(3, 5\)"),
        (lambda: recurrent(12), X[0], ValueError, r"Received: \(12,\)"),
        (lambda: recurrent(12), X[:0], ValueError, r"at least one row. Received: \(0, 12\)"),
        (lambda: recurrent(None), X[:, :1], ValueError, "at least 2 steps"),
        (two_inputs, X, ValueError, "x must hold the model's 2 inputs. Received: 1"),
        (lambda: recurrent(12), BATCHES, TypeError, r"WindowDataset. Pass dataset\[0\]\[0\]"),
        (lambda: recurrent(12), BATCHES[0], ValueError, "pass the inputs alone, as dataset"),
    ],
)
def test_bad_input(model, x, error, message):
    with pytest.raises(error, match=message):
        check_export(model(), x)


def test_bad_format():
    with pytest.raises(ValueError, match=r"'tf_saved_model', 'onnx', 'litert', 'openvino'.*'h5'"):
        check_export(RecurrentPreset(units=(2,)).build(window=5), X, "h5")


def test_a_file_that_passes_is_told_in_a_sentence():
    report = ExportReport("onnx", ([(3, 12), (3, 2)], [(3, 6), (3, 2)]), 2.5e-7, 1.5, 1e-4)
    assert report.ok
    assert str(report) == (
        "onnx: the same outputs up to 2.5e-07 (they reach 1.5), at input shapes (3, 12) and (3, 2),"
        " (3, 6) and (3, 2)."
    )


def test_a_file_that_differs_is_told_with_every_difference_and_a_cure():
    named = ("Here it differs.", "There, too.")
    report = ExportReport("onnx", (), 1.0, 2.0, 1e-4, differences=named)
    assert not report.ok
    assert str(report).splitlines() == [
        "The exported 'onnx' file gives other outputs than the model:",
        "Here it differs.", "There, too.", report.cure,
    ]  # fmt: skip


PAST = np.random.default_rng(0).normal(size=(3, 8, 2)).astype("float32")
PLAN = np.ones((3, 4, 1), "float32")


def masks_inputs(*names):
    """A model that masks the first of its inputs."""
    shapes = ((8, 2), (4, 1))
    inputs = [keras.Input(shape, name=name) for shape, name in zip(shapes, names, strict=False)]
    pooled = [keras.layers.GlobalAveragePooling1D()(MaskMissing()(inputs[0]))]
    pooled += map(keras.layers.Flatten(), inputs[1:])
    return keras.Model(inputs, pooled)


def test_values_are_missing_in_every_window_at_different_places():
    runs = [arrays[0] for arrays in with_holes(masks_inputs("past"), [PAST])]
    missing = [np.isnan(run) for run in runs]
    for mask, run in zip(missing, runs, strict=True):
        assert (mask == mask[0]).all()
        assert mask.any()
        assert not mask.all(axis=2).all()
        np.testing.assert_array_equal(run[~mask], PAST[~mask])
    steps = {tuple(mask[0].all(axis=1)) for mask in missing}
    assert len(steps) == 5
    # In front, within, at the end, and in one column alone.
    assert any(s[0] and s[1] and not s[4] for s in steps)
    assert any(s[4] and not s[0] and not s[7] for s in steps)
    assert any(s[7] and not any(s[:7]) for s in steps)
    assert any(mask.any() and not mask.all(axis=2).any() for mask in missing)
    assert not np.isnan(PAST).any()


def test_past_alone_or_one_input_after_the_other():
    named = list(with_holes(masks_inputs("past", "future"), [PAST, PLAN]))
    assert len(named) == 5
    assert all(future is PLAN for _, future in named)
    runs = list(with_holes(masks_inputs("sales", "plan"), [PAST, PLAN]))
    assert [sum(np.isnan(part).any() for part in run) for run in runs] == [1] * len(runs)
    assert {np.isnan(run[1]).any() for run in runs} == {False, True}


@pytest.mark.parametrize(
    ("missing", "count"), [("mask", 5), ("keep", 5), ("drop", 0), ("raise", 0)]
)
def test_a_model_without_the_layer_says_so_in_its_windows(missing, count):
    past = keras.Input((8, 1), name="past")
    model = keras.Model(past, WindowedInput(WindowedSeries(8, missing=missing))(past))
    assert len(list(with_holes(model, [PAST[..., :1]]))) == count


def test_short_windows_and_integers():
    model = keras.Sequential([keras.Input((None, 1)), MaskMissing()])
    assert [np.isnan(run[0]).sum() for run in with_holes(model, [PAST[:, :2, :1]])] == [3] * 5
    assert list(with_holes(model, [PAST[:, :1, :1]])) == []
    assert list(with_holes(model, [np.ones((3, 8, 1), int)])) == []
