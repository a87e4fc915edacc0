"""A gap in time is read as the rows that are missing: as if somebody had inserted them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from keras_ts import WindowedSeries
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.panel import Panel
from keras_ts.panel.regular import with_missing_last_rows, with_missing_rows
from regular_series import REGULAR, STARTS

ROWS = 24
WINDOWS = WindowedSeries(
    4, 2, id_column="id", time_column="t", target_columns="y", future_columns="known",
    static_columns="size", missing="mask_targets", batch_size=1000,
)  # fmt: skip
ZONED = {
    "hours in Berlin": pd.date_range(
        "2024-10-26 12:00", periods=ROWS, freq="h", tz="Europe/Berlin"
    ),
    "days in Berlin": pd.date_range("2024-03-20", periods=ROWS, freq="D", tz="Europe/Berlin"),
    "midnights of Havana": pd.date_range("2024-03-01", periods=ROWS).tz_localize(
        "America/Havana", nonexistent="shift_forward"
    ),
    "months of Lord Howe": pd.date_range(
        "2023-01-31", periods=ROWS, freq="ME", tz="Australia/Lord_Howe"
    ),
}
NUMBERS = {
    "floats": 5 + 2.0 * np.arange(ROWS),
    "integers": 7 + 3 * np.arange(ROWS),
    "large": np.arange(ROWS, dtype=np.uint64) * np.uint64(5) + np.uint64(2**63),
}


@st.composite
def times_of(draw):
    """Timestamps of one series without a gap, of any frequency."""
    name = draw(st.sampled_from([*REGULAR, *ZONED, *NUMBERS]))
    if name in REGULAR:
        return pd.Series(pd.DatetimeIndex(REGULAR[name](draw(STARTS), ROWS)))
    return pd.Series({**ZONED, **NUMBERS}[name])


def without(frame, rows):
    """A frame without some rows, and the same with NaN in their place."""
    blank = frame.astype({"y": float, "known": float})
    blank.loc[rows, ["y", "known"]] = np.nan
    return frame.drop(index=rows), blank


def table(times, series):
    rng = np.random.default_rng(series)
    return pd.DataFrame(
        {
            "id": f"s{series}",
            "t": times,
            "y": rng.integers(0, 99, len(times)),
            "known": rng.integers(0, 2, len(times)).astype(bool),
            "size": series,
        }
    )


def same(got, want):
    np.testing.assert_equal(got, want)


@given(times_of(), st.data())
def test_equals_rows_inserted_by_hand(times, data):
    frame = pd.concat([table(times, 0), table(times[3:], 1)], ignore_index=True)
    inner = [*range(1, ROWS - 1), *range(ROWS + 1, len(frame) - 1)]
    holes = sorted(data.draw(st.sets(st.sampled_from(inner), min_size=1, max_size=9)))
    gapped, blank = without(frame, holes)
    calendar = data.draw(st.sampled_from([None, [5], ["week", 7]]))
    if not isinstance(times[0], pd.Timestamp):
        calendar = calendar and [5]
    windows = WindowedSeries.from_config({**WINDOWS.get_config(), "calendar": calendar})
    whole = Panel.of(blank, windows).read().clock.frequency
    counting = {**windows.get_config(), "missing": "keep", "calendar": None}
    own = Panel.of(gapped, WindowedSeries.from_config(counting)).read(check=False).clock.frequency
    # Few rows with many holes may have another frequency: no program can know what is missing.
    assume(str(own) == str(whole))
    if data.draw(st.booleans()):
        gapped = gapped.sort_values("t", kind="stable")
        blank = blank.sort_values("t", kind="stable")
    got, want = windows.build(gapped), windows.build(blank)
    close = {"rtol": 1e-5, "atol": 1e-5} if times.dtype.kind == "f" else {"rtol": 0}
    for x, y in zip(got.to_numpy()[0].values(), want.to_numpy()[0].values(), strict=True):
        np.testing.assert_allclose(x, y, **close)
    same(got.to_numpy()[1], want.to_numpy()[1])
    if times.dtype.kind == "f":
        np.testing.assert_allclose(got.origins, want.origins, rtol=1e-5)
    else:
        assert list(got.origins) == list(want.origins)
    assert got.frequency == want.frequency
    dated = isinstance(times[0], pd.Timestamp)
    for border in (ROWS // 2, -6, 0.5, *[times[15]] * dated):
        try:
            parts = windows.split(blank, border)
        except ValueError:  # A part without a window.
            continue
        for part, other in zip(windows.split(gapped, border), parts, strict=True):
            same(part.to_numpy()[1], other.to_numpy()[1])


def test_polars_frames():
    days = pd.date_range("2024-01-01", periods=ROWS)
    parts = [without(table(days, number), [4, 5, 9 + number])[0] for number in range(2)]
    whole = [without(table(days, number), [4, 5, 9 + number])[1] for number in range(2)]
    want = WINDOWS.build(pd.concat(whole)).to_numpy()
    frame = pd.concat(parts)
    polars = pl.DataFrame({name: frame[name].to_list() for name in frame})
    same(WINDOWS.build(polars).to_numpy(), want)


def test_a_panel_without_gaps_is_not_copied():
    panel = Panel.of(table(pd.date_range("2024-01-01", periods=9), 0), WINDOWS).read()
    assert panel.given is None
    assert with_missing_rows(panel, WINDOWS) is panel
    assert with_missing_last_rows(panel, 4) is panel
    assert panel.values.dtype == np.int64


@pytest.mark.parametrize(
    ("kind", "wanted"), [("bool", "float32"), ("int16", "float32"), ("int64", "float64"),
                         ("float32", "float32")],
)  # fmt: skip
def test_the_dtype_holds_nan(kind, wanted):
    frame = pd.DataFrame({"t": [1, 2, 3, 4, 6, 7], "y": np.ones(6, kind)})
    panel = Panel.of(frame, WindowedSeries(2, time_column="t", missing="mask")).read()
    assert panel.values.dtype == wanted
    assert np.isnan(panel.values[4]).all()


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (
            [*pd.date_range("2024-01-01", periods=50, freq="min"), pd.Timestamp("2054-01-01")],
            "a gap from 2024-01-01T00:49.* to 2054-01-01.* in series 's0', whose steps are "
            "'1 minute': 15,779,470 rows would be missing, beside 51 that are given. At most 10",
        ),
        ([0, 1, 2, 3, 2**62], "rows would be missing"),
    ],
)
def test_what_cannot_be_filled_is_refused(times, says):
    other = table(times[:1], 1)
    with pytest.raises(ValueError, match=says):
        WINDOWS.count(pd.concat([other, table(times, 0)]))


def test_a_thousand_rows_may_be_missing_from_a_short_series():
    days = pd.date_range("2024-01-01", periods=1010)
    frame = table(days, 0).iloc[[*range(6), *range(1004, 1010)]]
    assert Panel.of(frame, WINDOWS).read().lengths.tolist() == [1010]


@given(st.sets(st.integers(1, 22), min_size=1), st.integers(1, 30))
def test_the_last_rows_alone(holes, rows):
    times = pd.date_range("2024-01-01", periods=ROWS)
    frame = pd.concat([table(times, 0), table(times, 1)], ignore_index=True)
    gapped, _ = without(frame, sorted(holes))
    settings = {**WINDOWS.get_config(), "missing": "drop"}
    try:
        panel = Panel.of(gapped, WindowedSeries.from_config(settings)).read()
    except ValueError:  # One series has rows of days, and the other few of them.
        reject()
    assume(panel.frequency == "1 day")
    whole = Panel.of(gapped, WINDOWS).read()
    last = with_missing_last_rows(panel, rows)
    assert not len(last.gaps) or last is panel
    for number in range(2):
        mine, wanted = (
            of.values[of.offsets[number] : of.offsets[number + 1]][-rows:] for of in (last, whole)
        )
        same(mine, wanted)
        mine, wanted = (
            of.clock.times[of.offsets[number] : of.offsets[number + 1]][-rows:]
            for of in (last, whole)
        )
        same(mine, wanted)
    assert isinstance(last, FlatSeries)
