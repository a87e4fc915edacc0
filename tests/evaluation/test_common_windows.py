"""Windows of different lengths are judged on the series and origins that all of them have."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries
from keras_ts.evaluation.judged import JudgedWindows, common_steps, common_windows


def judged(window, horizon, series, at, **settings):
    return JudgedWindows("it", WindowedSeries(window, horizon, **settings).split(series, at)[1])


def places(part):
    """Return the series and the timestamp or position of every origin."""
    flat = part.origins()
    series = part.ranges.series_of(np.arange(part.count))
    if part.panel.clock is not None:
        return list(zip(series.tolist(), part.panel.clock.times[flat].tolist(), strict=True))
    return list(zip(series.tolist(), (flat - part.panel.offsets[series]).tolist(), strict=True))


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=2, max_size=4),
    st.lists(st.integers(14, 40), min_size=1, max_size=4),
    st.integers(0, 99),
    st.booleans(),
)
def test_common_windows_are_the_intersection(shapes, lengths, seed, dated):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=length) for length in lengths]
    for row in rows:
        row[rng.integers(0, len(row), 2)] = np.nan
    if dated:
        table = pd.concat(
            [
                pd.DataFrame({"id": f"s{i}", "day": np.arange(len(r)).astype("M8[D]"), "y": r})
                for i, r in enumerate(rows)
            ]
        )
        # Missing days are filled in by "mask", and not counted by "drop".
        table = table[rng.uniform(size=len(table)) > 0.03]
        settings = {"id_column": "id", "time_column": "day", "target_columns": "y"}
    else:
        table, settings = rows, {}
    handled = ["mask", "drop", "mask_targets"]
    try:
        parts = [
            judged(window, horizon, table, -8, missing=handled[number % 3], **settings)
            for number, (window, horizon) in enumerate(shapes)
        ]
    except ValueError:  # No window is left of some of them.
        return
    shared = set.intersection(*(set(places(part)) for part in parts))
    names = [str(number) for number in range(len(parts))]
    if not shared:
        with pytest.raises(ValueError, match="have no window in common"):
            common_windows(names, parts)
        return
    common = common_windows(names, parts)
    for part in common:
        assert places(part) == [place for place in places(parts[0]) if place in shared]
    actual = [np.concatenate([block.actual for block in part.blocks()]) for part in common]
    steps = common_steps(names, common)
    for values, own in zip(actual, steps, strict=True):
        np.testing.assert_array_equal(values[:, own], actual[0][:, steps[0]])


def test_windows_of_one_dataset_are_left_as_they_are():
    part = judged(4, 2, np.arange(40.0), 30)
    assert common_windows(["a", "b"], [part, part]) == [part, part]


def test_steps_are_matched_by_their_distance_from_the_origin():
    series = np.arange(60.0)
    near = judged(4, 5, series, 40)
    far = judged(4, 4, series, 40, gap=3)
    assert common_steps(["near", "far"], [near, far]) == [slice(3, 5), slice(0, 2)]
    with pytest.raises(
        ValueError, match="forecast no step in common: they forecast 1 to 2 and 3 to"
    ):
        common_steps(["a", "b"], [judged(4, 2, series, 40), judged(4, 2, series, 40, gap=2)])


def test_other_targets_and_other_kinds_of_time_are_refused():
    table = np.arange(80.0).reshape(40, 2)
    parts = [judged(4, 2, table, 30, target_columns=column) for column in (0, 1)]
    with pytest.raises(ValueError, match=r"a and b forecast different columns: \[0\] and \[1\]"):
        common_windows(["a", "b"], parts)
    frame = pd.DataFrame({"day": np.arange(40).astype("M8[D]"), "y": np.arange(40.0)})
    dated = judged(4, 2, frame, 30, time_column="day", target_columns="y")
    undated = judged(4, 2, frame[["y"]], 30, target_columns="y")
    with pytest.raises(ValueError, match="different kinds of time"):
        common_windows(["a", "b"], [dated, undated])
