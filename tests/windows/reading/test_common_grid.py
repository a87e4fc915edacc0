"""Series of a panel share the grid that most of its rows have, where their timestamps lie on it."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import RecurrentPreset, WindowedSeries, forecast
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.reading.regular import on_common_grid

DAYS = pd.date_range("2024-01-01", periods=140)
WEEK = np.array([10.0, 20, 30, 40, 50, 90, 80])


def store(name, days):
    return pd.DataFrame({"id": name, "t": days, "y": WEEK[days.day_of_week]})


def windows(**settings):
    return WindowedSeries(
        14, 7, target_columns="y", id_column="id", time_column="t", **settings
    )  # fmt: skip


def by_hand(part, days):
    whole = part.set_index("t").reindex(days).rename_axis("t").reset_index()
    return whole.assign(id=part["id"].iloc[0])


OPEN = {
    "from Monday to Friday": DAYS[DAYS.day_of_week < 5],
    "every other day": DAYS[::2],
    "on two days, around a closed one": DAYS[[50, 52]],
    "on three days, around a closed one": DAYS[[22, 23, 25]],
}


@pytest.mark.parametrize("days", OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("missing", ["mask", "mask_targets"])
def test_a_store_beside_daily_ones_is_read_day_by_day(days, missing):
    table = pd.concat([store("A", DAYS), store("B", days), store("C", DAYS)])
    span = pd.date_range(days[0], days[-1])
    filled = pd.concat([store("A", DAYS), by_hand(store("B", days), span), store("C", DAYS)])
    settings = windows(missing=missing, min_inputs=1)
    ours, theirs = settings.build(table), settings.build(filled)
    assert ours.frequency == "1 day"
    np.testing.assert_array_equal(ours.origins, theirs.origins)
    for one, other in zip(ours.to_numpy(), theirs.to_numpy(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_most_series_may_be_closed_on_weekends():
    table = pd.concat([store("A", DAYS), *(store(n, OPEN["from Monday to Friday"]) for n in "BCD")])
    assert windows(missing="mask_targets").build(table).frequency == "1 day"


def test_a_stray_row_on_a_weekend_is_named():
    days, settings = OPEN["from Monday to Friday"], windows(missing="mask_targets")
    saturdays = DAYS[DAYS.day_of_week == 5]

    def with_saturdays(count):
        own = days.append(saturdays[:count]).sort_values()
        return pd.concat([store("A", own), store("B", days)])

    with pytest.warns(UserWarning, match=r"1 of 201 rows on a Saturday or Sunday, .*2024-01-06"):
        assert settings.build(with_saturdays(1)).frequency == "1 day"
    assert settings.build(with_saturdays(3)).frequency == "1 day"  # No mistake, one in a hundred.
    assert settings.build(with_saturdays(0)).frequency == "1 weekday"


@pytest.mark.parametrize("step", ["h", "7D"])
def test_hours_and_weeks_keep_their_own_steps_beside_days(step):
    other = store("B", pd.date_range("2024-01-01", periods=40, freq=step))
    dataset = windows(missing="mask").build(pd.concat([store("A", DAYS), other]))
    assert len(set(dataset.frequency)) == 2
    assert dataset.num_windows == 140 - 20 + 40 - 20
    assert np.isfinite(dataset.to_numpy()[0]).all()


def test_a_series_keeps_its_own_time_of_day():
    late = OPEN["from Monday to Friday"] + pd.Timedelta(hours=6)
    dataset = windows(missing="mask_targets").build(pd.concat([store("A", DAYS), store("B", late)]))
    assert dataset.frequency == "1 day"
    hours = pd.DatetimeIndex(dataset.origins).hour
    assert sorted(set(hours)) == [0, 6]


def test_a_forecast_goes_on_day_by_day():
    table = pd.concat([store("A", DAYS), store("B", OPEN["from Monday to Friday"])])
    model = RecurrentPreset(units=(2,), window_norm="last").build(
        windows(missing="mask_targets").build(table)
    )
    ahead = forecast(model, table)
    assert (ahead.groupby("id")["t"].diff().dropna() == pd.Timedelta(days=1)).all()
    friday = by_hand(store("B", OPEN["from Monday to Friday"]), DAYS[:-2])
    filled = forecast(model, pd.concat([store("A", DAYS), friday]))
    pd.testing.assert_frame_equal(ahead, filled)


def on_common_grid_by_a_loop(panel):
    """Return the frequency of each series, and the gaps, as by the rule of the docstring."""
    clock, own, spans = panel.clock, [*panel.clock.frequencies], [*pairwise(panel.offsets.tolist())]
    rows = Counter()
    for frequency, (begin, end) in zip(own, spans, strict=True):
        if frequency is not None:
            rows[frequency] += end - begin
    best, most, common = {}, -1, None
    for frequency, count in rows.most_common(3):
        joined = {}
        for number, (begin, end) in enumerate(spans):
            if own[number] != frequency and end - begin > 1:
                times = clock.times[begin:end]
                steps, whole = frequency.apart(times)
                if whole.all() and 2 * len(times) >= steps.sum() + 1:
                    again = frequency.after(np.repeat(times[:1], len(steps)), np.cumsum(steps))
                    if (again == times[1:]).all():
                        joined[number], count = steps, count + end - begin
        if count > most:
            best, most, common = joined, count, frequency
    gaps = [gap for gap in panel.gaps.tolist()
            if not any(spans[n][0] <= gap < spans[n][1] for n in best)]  # fmt: skip
    for number, steps in best.items():
        gaps += [spans[number][0] + 1 + at for at in np.flatnonzero(steps > 1).tolist()]
    return [common if number in best else seen for number, seen in enumerate(own)], sorted(gaps)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["D", "B", "2D", "7D", "h", "12h", "MS", "ME"]),
            st.integers(0, 20),
            st.integers(0, 12),
            st.sets(st.integers(1, 18), max_size=3),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_equals_a_loop_over_the_series(series):  # fmt: skip
    parts = []
    for freq, rows, begin, holes in series:
        times = pd.date_range(f"2024-01-{1 + begin:02}", periods=rows, freq=freq)
        parts.append(np.delete(times.to_numpy("M8[us]"), [hole for hole in holes if hole < rows]))
    offsets = concatenated_offsets([len(times) for times in parts])
    times = np.concatenate(parts)
    clock = Clock(times, offsets)
    panel = FlatSeries(np.zeros(len(times)), offsets, False, clock=clock, gaps=clock.inferred[0])
    frequencies, positions = on_common_grid_by_a_loop(panel)
    shared = on_common_grid(panel)
    assert [*shared.clock.frequencies] == frequencies
    assert shared.gaps.tolist() == positions
