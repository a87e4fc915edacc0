"""Rows in front of short series: as plain NumPy puts them, and as the dates of pandas go back."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries, pad_front

KEYS = WindowedSeries(6, 2, id_column="id", time_column="t", missing="keep")
KINDS = ["pandas", "arrow", "polars", "table"]
LENGTHS = {"long": 9, "short": 3, "even": 6}


def as_kind(frame, kind):
    if kind == "pandas":
        return frame
    if kind == "polars":
        return pl.from_pandas(frame)
    pyarrow = pytest.importorskip("pyarrow")
    if kind == "table":
        return pyarrow.Table.from_pandas(frame)
    return frame.astype({name: pd.ArrowDtype(pyarrow.array(frame[name]).type) for name in frame})


def column(frame, name):
    """A column of a frame of any kind, as one of pandas: null is NaN, ids are objects."""
    values = frame[name].to_pylist() if hasattr(frame, "schema") and not isinstance(
        frame, pl.DataFrame) else list(frame[name])  # fmt: skip
    return pd.Series([np.nan if value is pd.NA else value for value in values])


def panel_frame(times, lengths=LENGTHS):
    """A long frame: of each series as many rows as it is long, the last of ``times``."""
    parts = [
        pd.DataFrame({"id": name, "t": times[len(times) - rows :], "sold": np.arange(rows)})
        for name, rows in lengths.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["price"] = np.arange(len(frame), dtype="float32") + 1
    frame["plan"] = 10 * np.arange(len(frame))
    frame["size"] = frame["id"].map({name: 7 + place for place, name in enumerate(lengths)})
    return frame


def counted(lengths, windows, seen):
    """How many windows there are: those that begin with ``seen`` steps, and all behind them."""
    ahead = windows.horizon + windows.gap
    return sum(max(0, n - min(seen, n) - ahead + 1) for n in lengths)


@st.composite
def cases(draw):
    windows = WindowedSeries(
        draw(st.integers(1, 6)), draw(st.integers(1, 3)), gap=draw(st.integers(0, 2)),
        sampling_rate=draw(st.integers(1, 3)), missing=draw(st.sampled_from(["mask", "keep"])),
    )  # fmt: skip
    kind = draw(st.sampled_from(["int8", "int32", "bool", "float16", "float32", "float64"]))
    width = draw(st.sampled_from([(), (1,), (3,)]))
    lengths = draw(st.lists(st.integers(1, 20), min_size=1, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    panel = [(100 * rng.random((rows, *width))).astype(kind) for rows in lengths]
    return windows, draw(st.integers(1, windows.geometry.reach)), panel


@given(cases())
def test_arrays_are_padded_as_numpy_would(case):
    windows, seen, panel = case
    reach = windows.geometry.reach
    padded = pad_front(panel, windows, seen)
    for array, result in zip(panel, padded, strict=True):
        front = np.full((reach - min(seen, len(array)), *array.shape[1:]), np.nan)
        np.testing.assert_array_equal(result, np.concatenate([front, array]))
        floats = array.dtype.kind == "f"
        assert result.dtype == (array.dtype if floats else np.result_type(array, np.float32))
        assert not np.shares_memory(result, array)
    alone = pad_front(panel[0], windows, seen)
    np.testing.assert_array_equal(alone, padded[0])


@given(cases())
def test_windows_begin_where_seen_steps_are(case):
    windows, seen, panel = case
    padded = pad_front(panel, windows, seen)
    lengths = [len(array) for array in panel]
    assert windows.count(padded) == counted(lengths, windows, seen)
    first = padded[0][: windows.geometry.reach]
    known = np.isfinite(first).reshape(len(first), -1).all(axis=1)
    assert known.sum() == min(seen, lengths[0])


def test_targets_of_padded_series_are_their_own():
    panel = [np.arange(5.0), np.arange(10.0, 22.0)]
    windows = WindowedSeries(8, 2, missing="keep")
    x, y = windows.build(pad_front(panel, windows, 3)).to_numpy()
    pairs = [[start, start + 1] for start in (3.0, *np.arange(13.0, 21.0))]
    assert y.tolist() == pairs
    for row, target in zip(x, y, strict=True):
        seen = row[np.isfinite(row)]
        assert seen.tolist() == [*np.arange(seen[0], target[0])]


def test_columns_known_ahead_and_static_ones_hold_the_first_value():
    array = np.stack([np.arange(4), [5, 6, 7, 8], [3, 3, 3, 3], [2, 1, 2, 1]], axis=1)
    windows = WindowedSeries(
        4, missing="keep", target_columns=0, future_columns=[-1], static_columns=2
    )
    padded = pad_front([array], windows, 2)[0]
    np.testing.assert_array_equal(padded[:2], [[np.nan, np.nan, 3, 2]] * 2)
    np.testing.assert_array_equal(padded[2:], array)


def test_a_memory_map_is_copied(tmp_path):
    windows = WindowedSeries(4, missing="keep")
    on_disk = np.memmap(tmp_path / "series", "float32", "w+", shape=6)
    on_disk[:] = np.arange(6)
    for seen in (4, 2):
        padded = pad_front(on_disk, windows, seen)
        assert type(padded) is np.ndarray
        padded[:] = -1
        assert on_disk.tolist() == [*range(6)]


def test_a_series_without_rows_stays_without():
    windows = WindowedSeries(4, missing="keep")
    empty, full = pad_front([np.empty(0), np.arange(3.0)], windows, 2)
    assert (len(empty), len(full)) == (0, 5)
    frames = [pd.DataFrame({"t": pd.date_range("2024", periods=n), "y": 1}) for n in (0, 3)]
    empty, full = pad_front(frames, replace(windows, time_column="t"), 2)
    assert (len(empty), len(full)) == (0, 5)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_frame_without_rows_stays_without(kind):
    frame = as_kind(panel_frame(pd.date_range("2024", periods=9)), kind)
    padded = pad_front(frame[:0], KEYS, 2)
    assert type(padded) is type(frame)
    assert (padded.shape[0], KEYS.count(padded)) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("freq", "zone", "unit"),
    [
        ("D", None, "ns"), ("ME", None, "us"), ("MS", "Europe/Berlin", "ns"),
        ("B", None, "ms"), ("D", "America/New_York", "us"), ("h", "Europe/Berlin", "us"),
        ("QE", None, "us"), ("YS", None, "ns"), ("15min", None, "ms"),
        ("W-SUN", "Australia/Lord_Howe", "ns"),
    ],
)  # fmt: skip
def test_time_goes_back_as_pandas_counts(kind, freq, zone, unit):
    """The clocks are put forward within the rows in front."""
    times = pd.date_range(end="2024-04-03 12:00", periods=30, freq=freq, tz=zone).as_unit(unit)
    # Three rows of a week are days.
    lengths = {"long": 9, "short": 6, "even": 7} if freq == "B" else LENGTHS
    frame = as_kind(panel_frame(times, lengths), kind)
    windows = replace(KEYS, window=14, future_columns="plan", static_columns="size")
    padded = pad_front(frame, windows, 5)
    assert type(padded) is type(frame)
    rows = [14 - min(5, n) + n for n in lengths.values()]
    wanted = pd.Series(np.concatenate([times[30 - n :].to_numpy(dtype=object) for n in rows]))
    assert pd.to_datetime(column(padded, "t")).tolist() == pd.to_datetime(wanted).tolist()
    assert column(padded, "id").tolist() == [*np.repeat(list(lengths), rows)]
    assert column(padded, "size").tolist() == [*np.repeat([7, 8, 9], rows)]
    assert windows.count(padded) == counted(lengths.values(), windows, 5)
    if kind != "table":
        assert str(padded["t"].dtype) == str(frame["t"].dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_keep_their_columns_and_types(kind):
    plain = panel_frame(pd.date_range("2024-01-01", periods=9))
    frame = as_kind(plain, kind)
    windows = replace(KEYS, future_columns="plan", static_columns="size", target_columns="sold")
    padded = pad_front(frame, windows, 2)
    names = list(getattr(padded, "column_names", padded.columns))
    assert names == list(plain)
    rows = np.array([4, 4, 4]), np.array(list(LENGTHS.values()))
    front = np.concatenate([np.arange(a + n) < a for a, n in zip(*rows, strict=True)])
    for name in ("sold", "price"):
        values = column(padded, name)
        assert values[front].isna().all()
        assert values[~front].tolist() == plain[name].tolist()
    firsts = plain["plan"].iloc[[0, 9, 12]].tolist()
    plan = column(padded, "plan")
    assert plan[front].tolist() == [*np.repeat(firsts, 4)]
    assert plan[~front].tolist() == plain["plan"].tolist()
    kinds = {"pandas": ("float64", "float32", "int64"), "polars": ("Float64", "Float32", "Int64"),
             "table": ("double", "float", "int64"),
             "arrow": ("double[pyarrow]", "float[pyarrow]", "int64[pyarrow]")}  # fmt: skip
    typed = [getattr(padded[name], "dtype", getattr(padded[name], "type", None)) for name in names]
    assert [str(typed[names.index(name)]) for name in ("sold", "price", "plan")] == [*kinds[kind]]
    x, y = windows.build(padded).to_numpy()
    short, _ = replace(windows, window=2).build(frame).to_numpy()
    assert len(y) == counted(LENGTHS.values(), windows, 2) == len(short["past"])
    np.testing.assert_array_equal(x["past"][:, -2:], short["past"])
    np.testing.assert_array_equal(x["future"], short["future"])
    np.testing.assert_array_equal(x["static"], short["static"])


@pytest.mark.parametrize("nullable", ["Int64", "Float32", "boolean"])
def test_nullable_columns_of_pandas_stay_nullable(nullable):
    frame = pd.DataFrame({"y": pd.array([1, None, 0], dtype=nullable)})
    padded = pad_front(frame, WindowedSeries(4, missing="keep"), 2)
    assert padded["y"].dtype == ("Float32" if nullable == "Float32" else "Float64")
    assert padded["y"].isna().tolist() == [True, True, False, True, False]


def test_a_null_of_polars_stays_null():
    frame = pl.DataFrame({"y": [1, None, 0]})
    padded = pad_front(frame, WindowedSeries(4, missing="keep"), 2)
    assert padded["y"].is_null().to_list() == [False, False, False, True, False]
    assert padded["y"].is_nan().to_list() == [True, True, False, None, False]


@pytest.mark.parametrize("ids", [[7, 1, 3], ["b", "a", "c"], pd.Categorical(["b", "a", "c"])])
def test_interleaved_series_come_together_in_their_order(ids):
    frame = panel_frame(pd.date_range("2024-01-01", periods=9))
    frame["id"] = frame["id"].map(dict(zip(LENGTHS, ids, strict=True))).astype(pd.Series(ids).dtype)
    mixed = frame.sample(frac=1, random_state=0).sort_values("t", kind="stable")
    frame, want = mixed.groupby("id", sort=False, observed=True), mixed["id"].drop_duplicates()
    padded = pad_front(mixed, KEYS, 3)
    assert padded["id"].drop_duplicates().tolist() == want.tolist()
    assert padded["id"].dtype == mixed["id"].dtype
    assert padded.index.tolist() == [*range(len(padded))]
    for name, rows in frame:
        own = padded[padded["id"] == name]
        assert own["sold"].iloc[3:].tolist() == rows["sold"].tolist()
        assert own["t"].iloc[3:].tolist() == rows["t"].tolist()
        assert own["sold"].iloc[:3].isna().all()
        assert (own["t"].diff().iloc[1:] == pd.Timedelta("1D")).all()


def test_lists_of_frames_with_a_zone_each():
    frames = [
        pd.DataFrame({"t": pd.date_range("2024-03-11", periods=rows, tz=zone), "y": 1.0})
        for rows, zone in ((2, "America/New_York"), (9, "Europe/Berlin"))
    ]
    windows = WindowedSeries(6, time_column="t", missing="keep")
    padded = pad_front(tuple(frames), windows, 4)
    assert isinstance(padded, list)
    for frame, result, rows in zip(frames, padded, (4, 2), strict=True):
        want = pd.date_range(end=frame["t"].iloc[-1], periods=len(frame) + rows)
        pd.testing.assert_series_equal(result["t"], pd.Series(want, name="t"), check_freq=False)


@pytest.mark.parametrize(
    ("times", "dtype", "want"),
    [
        ([3, 5, 7], "uint8", "int64"), ([13, 15, 17], "uint8", "uint8"),
        ([-3, -1, 1], "int16", "int16"), ([0.5, 0.75, 1.0], "float64", "float64"),
        ([2**63 + 5, 2**63 + 6, 2**63 + 7], "uint64", "uint64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS[::2])
def test_times_that_are_numbers(times, dtype, want, kind):
    frame = as_kind(pd.DataFrame({"t": np.array(times, dtype), "y": 1.0}), kind)
    padded = pad_front(frame, WindowedSeries(4, time_column="t", missing="keep"), 1)
    step = times[1] - times[0]
    assert padded["t"].to_list() == [*(times[0] - step * k for k in (3, 2, 1)), *times]
    assert str(padded["t"].dtype).lower() == want


def test_a_single_row_goes_back_as_most_others_do():
    months = pd.date_range("2023-01-31", periods=12, freq="ME")
    frame = panel_frame(months, {"a": 12, "b": 1, "c": 10})
    padded = pad_front(frame, KEYS, 2)
    assert padded.loc[padded["id"] == "b", "t"].tolist() == months[-6:].tolist()


def test_a_series_without_a_frequency_is_refused_if_it_needs_one():
    uneven = pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-06", "2024-01-31", "2024-02-03"])
    other = panel_frame(pd.date_range("2024-01-01", periods=9), {"short": 3})
    frame = pd.concat([panel_frame(uneven, {"gone": 5}), other])
    with pytest.raises(ValueError, match=r"series 'gone' has none: .*'t' has 5 timestamps"):
        pad_front(frame, KEYS, 2)
    padded = pad_front(frame, replace(KEYS, window=5), 5)
    assert padded["id"].tolist() == ["gone"] * 5 + ["short"] * 5
    assert padded["t"].iloc[:5].tolist() == uneven.tolist()
    with pytest.raises(ValueError, match=r"series 'x' has none.*1 timestamp there"):
        pad_front(panel_frame(uneven, {"x": 1}), KEYS, 1)


def test_times_out_of_the_reach_of_their_unit_are_refused():
    frame = pd.DataFrame(
        {"t": pd.date_range("1700-01-01", periods=4, freq="YS", unit="ns"), "y": 1}
    )
    windows = WindowedSeries(40, time_column="t", missing="keep")
    with pytest.raises(ValueError, match=r"datetime64\[ns\]. That does not reach 38 steps back"):
        pad_front(frame, windows, 2)
    coarser = frame.assign(t=frame["t"].astype("datetime64[us]"))
    assert pad_front(coarser, windows, 2)["t"].iloc[0] == pd.Timestamp("1662-01-01")


def test_build_refuses_and_so_does_padding():
    frame = panel_frame(pd.date_range("2024-01-01", periods=9))
    with pytest.raises(ValueError, match="goes back in time"):
        pad_front(frame.iloc[::-1], KEYS, 2)
    with pytest.raises(ValueError, match="repeats time"):
        pad_front(pd.concat([frame, frame]).sort_values(["id", "t"]), KEYS, 2)
    with pytest.raises(ValueError, match="static_columns='plan' changes"):
        pad_front(frame, replace(KEYS, static_columns="plan"), 2)


def test_arguments_are_checked():
    windows = WindowedSeries(3, sampling_rate=4, missing="keep")
    assert len(pad_front(np.arange(20), windows, 9)) == 20
    with pytest.raises(ValueError, match=r"seen must be at most 9.*Received: seen=10"):
        pad_front(np.arange(20), windows, 10)
    with pytest.raises(ValueError, match="seen must be >= 1"):
        pad_front(np.arange(20), windows, 0)
    with pytest.raises(TypeError, match="seen must be an integer"):
        pad_front(np.arange(20), windows, 2.0)
    with pytest.raises(TypeError, match="windows must be a WindowedSeries"):
        pad_front(np.arange(20), 9, 2)
    for missing in ("raise", "drop"):
        with pytest.raises(ValueError, match=f"missing='{missing}', so no window"):
            pad_front(np.arange(20), replace(windows, missing=missing), 2)


def test_periods_that_count_rows_stay_in_phase():
    windows = WindowedSeries(6, calendar=4, missing="keep")
    panel = [np.empty(0), np.arange(9.0), np.arange(3.0)]
    with pytest.raises(ValueError, match=r"series 1 has 1 before that and series 2 3.*seen=3"):
        pad_front(panel, windows, 5)
    assert [len(array) for array in pad_front(panel, windows, 3)] == [0, 12, 6]
    # With timestamps they count steps of the frequency, whatever stands in front.
    frame = panel_frame(pd.date_range("2024-01-01", periods=9))
    dated = replace(KEYS, calendar=[4, "week"])
    x, _ = dated.build(pad_front(frame, dated, 5)).to_numpy()
    short, _ = replace(dated, window=5).build(frame).to_numpy()
    np.testing.assert_array_equal(x["past"][: len(short["past"]), -5:], short["past"])
    np.testing.assert_array_equal(x["future"][:3], short["future"][:3])
