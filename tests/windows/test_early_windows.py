"""Windows with ``min_inputs`` are those of series padded by hand, wherever windows are read."""

import pickle
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import called, only_tensorflow, timed
from keras_ts import QuantileLoss, RecurrentPreset, WindowedSeries, compare, forecast
from keras_ts.testing import check_windowing, reference_windows
from keras_ts.testing.strategies import panels, windowed_series

pytestmark = pytest.mark.usefixtures("untraced_models")

VARYING = (
    "horizon", "gap", "stride", "sampling_rate", "targets", "target_columns",
    "future_columns", "static_columns", "min_inputs", "batch_size", "remainder",
)  # fmt: skip


def early(columns=None):
    """Draw settings of windows that may begin before their series."""
    names = [name for name in VARYING if columns or not name.endswith("columns")]
    drawn = windowed_series(*names, columns=columns)
    return drawn.filter(lambda windows: windows.min_inputs is not None)


@pytest.mark.parametrize("columns", [None, 3])
@pytest.mark.parametrize("panel", [False, True])
def test_windows_are_those_of_the_reference(columns, panel):
    check_windowing(
        lambda series, windows: windows.build(series),
        windows=early(columns), columns=columns, panel=panel, ordered=True,
    )  # fmt: skip


@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize("columns", [None, pytest.param(3, marks=pytest.mark.slow)])
def test_parts_of_a_split_are_those_of_the_reference(columns, context):
    """Positions before a series are no part of what lies before a border."""
    check_windowing(
        lambda series, windows, at: windows.split(series, at, context=context),
        windows=early(columns), columns=columns, panel=True, split=True, context=context,
        ordered=True,
    )  # fmt: skip


def padded(array, rows, kept=()):
    """Return an array behind rows of NaN, in which the ``kept`` columns repeat its first row."""
    front = np.full((rows, *array.shape[1:]), np.nan, np.result_type(array, np.float32))
    if len(array) and kept:
        front[:, list(kept)] = array[0, list(kept)]
    return np.concatenate([front, array])


def flat(x):
    return [x[name] for name in sorted(x)] if isinstance(x, dict) else [x]


@st.composite
def holed(draw):
    """Draw settings, and a panel of short series with holes."""
    windows = draw(early(3))
    elements = st.integers(0, 9).map(lambda value: value or np.nan)
    panel = draw(panels(min_length=8, columns=3, elements=elements))
    for array in panel:
        for column in windows.static_columns or ():
            array[:, column] = 1
    least = max(windows.min_inputs, 1)  # Padded series have no windows without a value.
    return replace(windows, min_inputs=least, batch_size=4, remainder="keep"), panel


@given(holed())
def test_windows_are_those_of_series_padded_by_hand(case):
    """With holes: windows go by their own targets, and by their own values of each target."""
    windows, panel = case
    # A multiple of the stride, by which starts are counted from the first row.
    rows = -windows.geometry.first_start
    plain = replace(windows, min_inputs=None)
    longer = [padded(array, rows, windows.static_columns or ()) for array in panel]
    count = plain.count(longer)
    assert windows.count(panel) == count
    assume(count)
    x, y = windows.build(panel).to_numpy()
    wanted_x, wanted_y = plain.build(longer).to_numpy()
    for got, wanted in zip([*flat(x), y], [*flat(wanted_x), wanted_y], strict=True):
        np.testing.assert_array_equal(got, wanted, strict=True)
    origins = windows.build(panel).origins
    np.testing.assert_array_equal(origins, plain.build(longer).origins - rows)


@given(st.integers(0, 99), st.integers(1, 6), st.integers(1, 3))
def test_folds_are_those_of_the_padded_series(seed, least, rate):
    rng = np.random.default_rng(seed)
    panel = [rng.normal(size=length) for length in rng.integers(28, 50, 3)]
    windows = WindowedSeries(6, 2, sampling_rate=rate, min_inputs=least, missing="mask")
    plain, rows = replace(windows, min_inputs=None), windows.geometry.before
    folds = windows.folds(panel, 2, test_size=4)
    for (train, validation), left in zip(folds, (8, 4), strict=True):
        before = [padded(array[: len(array) - left], rows) for array in panel]
        until = [padded(array[: len(array) - left + 4], rows) for array in panel]
        parts = (train, plain.build(before)), (validation, plain.split(until, -4)[1])
        for part, wanted in parts:
            for got, of_padded in zip(part.to_numpy(), wanted.to_numpy(), strict=True):
                np.testing.assert_array_equal(got, of_padded)


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_a_memory_map_is_read_in_place(tmp_path, kind):
    """Early windows are copies of floats, and the others are read as ever."""
    values = np.arange(1, 101).astype(kind)
    path = tmp_path / "series.npy"
    np.save(path, values)
    on_disk = np.load(path, mmap_mode="r")
    windows = WindowedSeries(
        8, 2, min_inputs=3, missing="mask", batch_size=16, shuffle=True, seed=0
    )
    dataset = windows.build(on_disk)
    copy = pickle.loads(pickle.dumps(windows.build(values)))
    x, y = reference_windows(values, windows)
    for each in (dataset, copy):
        got = each.to_numpy()
        np.testing.assert_array_equal(got[0], x)
        np.testing.assert_array_equal(got[1], y)
        assert {part.dtype for batch in each for part in batch} == {np.dtype("float32")}
    rows = sorted(row.tolist() for batch in dataset for row in np.nan_to_num(batch[0]))
    assert rows == sorted(np.nan_to_num(x).tolist())
    later = windows.split(on_disk, 50)[1]
    assert np.isfinite(later.to_numpy()[0]).all()
    if kind == "float32":
        assert np.shares_memory(later.to_numpy()[0], later._source.panel.values)


@only_tensorflow
def test_tensorflow_reads_the_same():
    table, settings = timed([np.arange(9), np.arange(3)], calendar=7)
    windows = WindowedSeries(5, min_inputs=2, missing="mask", batch_size=4, **settings)
    dataset = windows.build(table)
    for batch, read in zip(dataset.to_tf().as_numpy_iterator(), dataset, strict=True):
        for got, wanted in zip(*map(keras.tree.flatten, (batch, read)), strict=True):
            np.testing.assert_array_equal(got, wanted, strict=True)


def test_a_window_without_an_input_begins_each_series():
    """Its origin is the row before the first, one step earlier in time."""
    days = pd.date_range("2024-01-31", periods=4, freq="ME", tz="Europe/Berlin")
    frame = pd.DataFrame({"id": list("aaaabbb"), "day": [*days, *days[1:]], "y": np.arange(7.0)})
    windows = WindowedSeries(
        3, 2, id_column="id", time_column="day", target_columns="y", min_inputs=0, missing="mask"
    )
    dataset = windows.build(frame)
    x, y = dataset.to_numpy()
    assert y.tolist() == [[0, 1], [1, 2], [2, 3], [4, 5], [5, 6]]
    assert np.isfinite(x[..., 0]).sum(axis=1).tolist() == [0, 1, 2, 0, 1]
    months = ["2023-12-31", "2024-01-31", "2024-02-29", "2024-01-31", "2024-02-29"]
    assert [str(origin)[:10] for origin in dataset.origins] == months
    table = dataset.align(y)
    assert list(map(str, table["target"][6:8])) == list(map(str, days[1:3]))
    assert WindowedSeries(3, 2, stride=2, min_inputs=0, missing="mask").count(np.arange(5.0)) == 2


def test_grain_reads_the_same():
    pytest.importorskip("grain")
    dataset = WindowedSeries(5, min_inputs=2, missing="mask", batch_size=4).build(np.arange(9.0))
    for batch, read in zip(dataset.to_grain(), dataset, strict=True):
        np.testing.assert_array_equal(batch[0], read[0])


def test_a_sequence_is_aligned_from_its_first_row_on():
    """Inputs before a series have no timestamp; what they forecast is in no table."""
    days = pd.date_range("2024-01-01", periods=6)
    frame = pd.DataFrame({"id": list("aaaabb"), "day": days, "y": np.arange(6.0)})
    windows = WindowedSeries(
        3, id_column="id", time_column="day", target_columns="y", targets="sequence", min_inputs=1,
        missing="mask_targets",
    )  # fmt: skip
    dataset = windows.build(frame)
    _, y = dataset.to_numpy()
    np.testing.assert_array_equal(y, [[np.nan, 0, 1], [0, 1, 2], [1, 2, 3], [np.nan, 4, 5]])
    table = dataset.align(y)
    assert (table["origin"] < table["target"]).all()
    np.testing.assert_array_equal(table["actual"], table["prediction"])
    assert set(table["series"]) == {"a", "b"}
    expected = frame.set_index("day")["y"][table["target"]].to_numpy()
    np.testing.assert_array_equal(table["actual"], expected)


@pytest.mark.parametrize("rate", [1, 2])
def test_series_too_short(rate):
    windows = WindowedSeries(10, 2, sampling_rate=rate, min_inputs=3, missing="mask")
    need = 2 * rate + 1 + 2
    assert windows.count(np.arange(float(need))) == 1
    assert windows.count([np.arange(need - 1.0), np.arange(need + 1.0)]) == 2
    says = rf"series is too short: .* span {9 * rate + 3} positions \(min_inputs=3 needs {need} of "
    with pytest.raises(ValueError, match=says + r"them\), and the longest of 1 series has"):
        windows.build(np.arange(need - 1.0))
    with pytest.raises(ValueError, match='missing="mask" leaves no window'):
        windows.build(np.full(need, np.nan))


SETTINGS = {
    "target_columns": "sold", "future_columns": "promo", "static_columns": "size",
    "calendar": ["week"], "id_column": "shop", "time_column": "day", "missing": "mask",
    "weighting": "inverse_scale", "batch_size": 64,
}  # fmt: skip


def shops(lengths, kinds=("promo", "size")):
    """Return shops whose first rows, two weeks or fewer, are all that they have."""
    rng = np.random.default_rng(0)
    parts = []
    for number, rows in enumerate(lengths):
        parts.append(pd.DataFrame({
            "shop": f"s{number}", "day": pd.date_range("2024-03-04", periods=rows),
            "sold": 10.0 ** (number % 3) * (20 + rng.normal(size=rows).cumsum()),
            "promo": rng.integers(0, 2, rows).astype(float), "size": float(number % 3),
        }))  # fmt: skip
        parts[-1].loc[rows // 2, "sold"] = np.nan
    return pd.concat(parts, ignore_index=True).drop(columns=[
        name for name in ("promo", "size") if name not in kinds
    ])  # fmt: skip


def in_front(frame, rows):
    """Return the frame with rows in front of each shop, of which only the size has a value."""
    parts = []
    for _, shop in frame.groupby("shop"):
        days = pd.date_range(end=shop["day"].iloc[0], periods=rows + 1)[:-1]
        kept = {name: shop[name].iloc[0] for name in ("shop", "size") if name in shop}
        parts += [pd.DataFrame({"day": days, "sold": np.nan}).assign(**kept), shop]
    return pd.concat(parts, ignore_index=True)


CASES = {
    "calendar alone": ((), {"smoothing": "linear"}),
    "all": (("promo", "size"), {"smoothing": "mixed"}),
    "quantiles": (("promo",), {"quantiles": (0.1, 0.5, 0.9)}),
    "sequence": (("promo",), {"kind": "sequence_to_sequence"}),
}


def present_error(y, forecasts):
    """Return the mean absolute error of the targets that are present."""
    ops = keras.ops
    missing = ops.isnan(y)
    errors = ops.abs(ops.where(missing, ops.zeros_like(y), y) - forecasts)
    return ops.mean(ops.where(missing, ops.zeros_like(y), errors))


# Each takes seconds, so the others are left to the slow tests.
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case == "all" else pytest.mark.slow) for case in CASES],
)
def test_a_fit_is_that_of_the_panel_padded_by_hand(case):
    """And what it forecasts is its prediction for the window padded by hand."""
    kinds, preset = CASES[case]
    roles = {"future_columns": "promo", "static_columns": "size"}
    dropped = {role: None for role, name in roles.items() if name not in kinds}
    if case == "sequence":
        dropped |= {"targets": "sequence", "missing": "mask_targets"}
    windows = WindowedSeries(14, 2, min_inputs=5, **{**SETTINGS, **dropped})
    frame = shops([30, 9, 12, 22, 8, 25], kinds)
    longer, plain = in_front(frame, windows.geometry.before), replace(windows, min_inputs=None)
    preset = RecurrentPreset(cell="gru", units=(4,), window_norm="last", **preset)
    models = []
    for series, cut in ((frame, windows), (longer, plain)):
        keras.utils.set_random_seed(0)
        whole = cut.build(series)
        train, held_out = (whole, whole) if case == "sequence" else cut.split(series, -4)
        model = preset.build(train)
        levels = preset.quantiles
        model.compile("adam", present_error if levels is None else QuantileLoss(levels))
        losses = model.fit(train, epochs=2, verbose=0).history["loss"]
        assert np.isfinite(losses).all()
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        models.append((model, losses, held_out))
    np.testing.assert_allclose(models[0][1], models[1][1], rtol=1e-5)
    predictions = [model.predict(held_out, verbose=0) for model, _, held_out in models]
    if case == "sequence":  # What is forecast before a series, from nothing, may be anything.
        predictions = [of_part[:, -1] for of_part in predictions]
    np.testing.assert_allclose(predictions[0], predictions[1], rtol=1e-5, atol=1e-5)
    reports = [compare(model, held_out, held_out) for model, _, held_out in models]
    np.testing.assert_allclose(reports[0].table["mae"], reports[1].table["mae"], rtol=1e-5)
    np.testing.assert_allclose(reports[0].table["mase"], reports[1].table["mase"], rtol=1e-5)


def test_a_forecast_is_the_prediction_for_the_window_padded_by_hand():
    windows = WindowedSeries(9, 2, min_inputs=4, target_columns=0, future_columns=1, missing="mask")
    rng = np.random.default_rng(0)
    table = rng.normal(size=(30, 2)).cumsum(axis=0)
    model = RecurrentPreset(cell="gru", units=(4,), window_norm="last").build(windows.build(table))
    short, plan = table[:6], table[6:8, 1:]
    ahead = forecast(model, short, future=plan)
    x = {"past": padded(short, 3)[None], "future": plan[None]}
    wanted = called(model, {name: part.astype("float32") for name, part in x.items()})[0]
    np.testing.assert_allclose(ahead, wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"too short: it has 3 rows, .*min_inputs=4 need 4"):
        forecast(model, table[:3], future=plan)
    assert np.isnan(forecast(model, table[:3], future=plan, incomplete="nan")).all()


def test_settings_without_it_read_by_the_same_path():
    dataset = WindowedSeries(5, missing="mask").build(np.arange(20.0))
    assert np.shares_memory(dataset.to_numpy()[0], dataset._source.panel.values)
