"""The check passes what is right, and shows plainly what is wrong in the smallest case."""

import hypothesis
import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from helpers import course_dataset, only_tensorflow
from keras_ts import WindowedSeries
from keras_ts.panel.settings import HANDLING
from keras_ts.testing import check_windowing, panels, reference_windows, series, windowed_series

COLUMNS = [None, 1, 2]
EVERY = ("horizon", "gap", "stride", "sampling_rate", "targets", "target_columns", "batch_size")


# Right functions pass.


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("panel", [False, True])
def test_our_own_windows_pass(columns, panel):
    def to_numpy(series, windows):
        return windows.build(series).to_numpy()

    def shuffled(series, windows):
        return windows.build(series)

    every = windowed_series(*EVERY, "shuffle", columns=columns)
    check_windowing(to_numpy, columns=columns, panel=panel, ordered=True, max_examples=40)
    check_windowing(shuffled, columns=columns, panel=panel, windows=every, max_examples=40)


KNOWN_AHEAD = ["future_columns", "static_columns", "remainder"]


@pytest.mark.parametrize("panel", [False, True])
@pytest.mark.parametrize("columns", [None, 4])
def test_our_own_covariates_pass(columns, panel):
    drawn = windowed_series(*EVERY, *KNOWN_AHEAD, "shuffle", columns=columns)
    check_windowing(lambda s, w: w.build(s), windows=drawn, columns=columns, panel=panel)


def test_our_own_covariates_pass_in_splits():
    drawn = windowed_series(*EVERY, "future_columns", columns=3)
    check_windowing(lambda s, w, at: w.split(s, at), windows=drawn, columns=3, split=True)


@pytest.mark.parametrize("name", KNOWN_AHEAD)
def test_covariates_and_padding_are_drawn_where_they_are_named(name):
    plain = getattr(WindowedSeries(1), name)
    # Of itself ``find`` tries 2000.
    tries = settings(max_examples=4 * settings().max_examples)
    find(windowed_series(name, columns=3), lambda w: getattr(w, name) != plain)
    with pytest.raises(NoSuchExample):
        find(windowed_series(columns=3), lambda w: getattr(w, name) != plain, settings=tries)


def test_covariates_read_one_step_late_are_found():
    def late(s, w):
        for x, y in w.build(s):
            yield {**x, "future": np.roll(x["future"], 1, axis=1)}, y

    drawn = windowed_series("horizon", "future_columns", columns=2)
    drawn = drawn.filter(lambda w: w.future_columns)
    with pytest.raises(AssertionError, match=r"extra: x=\(past=.* future=.*no window"):
        check_windowing(late, windows=drawn, columns=2)


def test_padding_that_weighs_is_found():
    def heavy(s, w):
        for x, y, weight in w.build(s):
            yield x, y, np.ones_like(weight)

    drawn = windowed_series("batch_size", "remainder").filter(lambda w: w.remainder == "pad")
    with pytest.raises(AssertionError, match="repeated"):
        check_windowing(heavy, windows=drawn)


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("panel", [False, True])
@pytest.mark.parametrize("context", [True, False])
def test_our_own_splits_pass(columns, panel, context):
    def ours(series, windows, at):
        return windows.split(series, at, context=context)

    check_windowing(
        ours,
        columns=columns,
        panel=panel,
        split=True,
        context=context,
        ordered=True,
        max_examples=40,
    )


@only_tensorflow
def test_the_course_helper_passes():
    def function(series, windows):
        return course_dataset(series, windows.window, windows.batch_size)

    check_windowing(function, windows=windowed_series("batch_size"), max_examples=25)


@only_tensorflow
def test_our_tf_data_passes():
    check_windowing(lambda series, windows: windows.build(series).to_tf(), max_examples=10)


def ours(series, windows):
    return windows.build(series).to_numpy()


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y: (x.tolist(), y.tolist()),
        lambda x, y: [x, y],
        lambda x, y: zip(x, y, strict=True),
        lambda x, y: [(x[:1], y[:1]), (x[1:], y[1:])],
        lambda x, y: ((x[:1], y[:1]), (x[1:], y[1:])),
        lambda x, y: iter([(x, y)]),
    ],
    ids=["lists", "list of two", "single pairs", "two batches", "tuple of two", "generator"],
)
def test_windows_may_come_in_any_form(form):
    check_windowing(
        lambda series, windows: form(*ours(series, windows)), ordered=True, max_examples=40
    )


def test_settings_may_be_restricted():
    def simple(series, windows):
        assert windows == WindowedSeries(windows.window)
        return ours(series, windows)

    few = st.builds(WindowedSeries, window=st.integers(1, 4))
    check_windowing(simple, windows=few, max_examples=40)

    def assuming(series, windows):
        hypothesis.assume(windows.stride == 1)
        return ours(series, windows)

    check_windowing(assuming, max_examples=40)


# The smallest case shows a wrong function's fault.


def message(function, **options):
    with pytest.raises(AssertionError, match=r"Wrong windows\. The smallest case found:") as caught:
        check_windowing(function, **options)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def cut(series, starts, window, ahead=0):
    x = [series[s : s + window] for s in starts]
    return np.array(x), np.array([series[s + window + ahead] for s in starts])


def test_off_by_one_target():
    def wrong(series, windows):
        starts = range(len(series) - windows.window - 1)
        return cut(series, starts, windows.window, ahead=1)

    assert message(wrong, windows=windowed_series("window")) == [
        "series = [0.0, 1.0]",
        "windows = WindowedSeries(window=1)",
        "missing: x=[0.0] y=1.0",
    ]

    def clipped(series, windows):
        x, _ = cut(series, range(len(series) - windows.window), windows.window)
        return x, x[:, -1]

    assert message(clipped, windows=windowed_series("window")) == [
        "series = [0.0, 1.0]",
        "windows = WindowedSeries(window=1)",
        "extra: x=[0.0] y=0.0 (no window of the series)",
        "missing: x=[0.0] y=1.0",
    ]


def test_the_last_window_dropped():
    def wrong(series, windows):
        return cut(series, range(max(1, len(series) - windows.window - 1)), windows.window)

    assert message(wrong, windows=windowed_series("window"), ordered=True) == [
        "series = [0.0, 1.0, 2.0]",
        "windows = WindowedSeries(window=1)",
        "window 1: nothing, expected: x=[1.0] y=2.0",
    ]


@pytest.mark.parametrize(("read", "panel"), [(100, False), (32, True)])
def test_windows_that_are_lost_behind_many(read, panel):
    def wrong(series, windows):
        x, y = ours(series, windows)
        return x[:read], y[:read]

    shown = message(wrong, windows=windowed_series("window"), panel=panel, max_examples=20)
    assert shown[1] == "windows = WindowedSeries(window=1)"
    assert shown[2].startswith("missing: x=[")
    if not panel:
        assert shown[0] == f"series = {np.arange(read + 2.0).tolist()}"


def test_windows_that_cross_from_series_to_series():
    def wrong(panel, windows):
        return ours(np.concatenate(panel), windows)

    assert message(wrong, windows=windowed_series("window", "stride"), panel=True) == [
        "panel = [[0.0], [100.0, 101.0]]",
        "windows = WindowedSeries(window=1)",
        "extra: x=[0.0] y=100.0 (no window of the series)",
    ]


def test_a_split_that_leaks():
    def wrong(series, windows, at):
        x, y = ours(series, windows)
        return (x[:at], y[:at]), (x[at:], y[at:])

    shown = message(wrong, windows=windowed_series("window"), split=True)
    assert shown == [
        "series = [0.0, 1.0, 2.0]",
        "windows = WindowedSeries(window=1)",
        "at = 2",
        "in train, extra: x=[1.0] y=2.0 (of validation)",
    ]


def test_a_split_whose_training_targets_straddle_the_border():
    def wrong(series, windows, at):
        x, y = ours(series, windows)
        first = y[:, 0] if y.ndim == 2 else y
        before = first < at
        return (x[before], y[before]), (x[~before], y[~before])

    assert message(wrong, windows=windowed_series("horizon"), split=True)[-1] == (
        "in train, extra: x=[1.0] y=[2.0, 3.0] (of no part)"
    )


@pytest.mark.parametrize("seed", [0, None])
def test_targets_shuffled_apart_from_their_inputs(seed):
    def wrong(series, windows):
        rng = np.random.default_rng(seed)
        x, y = ours(series, windows)
        return rng.permutation(x), rng.permutation(y)

    shown = message(wrong, windows=windowed_series("window"))
    assert shown[2].startswith("extra: x=[")
    assert shown[3].startswith("missing: x=[")
    if seed is not None:
        assert shown[1] == "windows = WindowedSeries(window=1)"
        assert len(shown[0]) < len("series = [0.0, 1.0, 2.0, 3.0, 4.0]")


def test_a_wrong_shape():
    def wrong(series, windows):
        x, y = ours(series, windows)
        return x, y[:, None]

    assert message(wrong, windows=windowed_series("window"))[2:] == [
        "calling it and reading (x, y) raised ValueError: y has the shape (1, 1), and must have "
        "the shape (1,)"
    ]


def test_an_endless_dataset():
    def wrong(series, windows):
        while True:
            yield ours(series, windows)

    shown = message(wrong, windows=windowed_series("window", "stride"))
    assert shown[-1] == "extra: x=[0.0] y=1.0 (repeated)"


def test_a_function_that_raises_or_returns_something_else():
    few = {"windows": windowed_series("window"), "max_examples": 5}
    shown = message(lambda series, windows: {}[windows.window], **few)
    assert shown[-1] == "calling it and reading (x, y) raised KeyError: 1"
    shown = message(lambda series, windows: ours(series, windows)[0], **few)
    assert "reading (x, y) raised" in shown[-1]


def test_only_settings_that_differ_are_shown():
    def wrong(series, windows):
        if windows.gap == 2 and windows.targets == "sequence":
            return ours(series, WindowedSeries(windows.window))
        return ours(series, windows)

    assert message(wrong)[1] == "windows = WindowedSeries(window=1, gap=2, targets='sequence')"


@pytest.mark.parametrize("panel", [False, True])
def test_a_function_that_overwrites_its_series_is_found_out(panel):
    """Its windows are right, as they were copied before."""

    def in_place(series, windows):
        x, y = windows.build(series).to_numpy()
        x, y = x.copy(), y.copy()
        for own in series if panel else [series]:
            own -= own.mean()
        return x, y

    with pytest.raises(AssertionError, match="it overwrites the series that it was given"):
        check_windowing(in_place, panel=panel, max_examples=20)


def test_a_check_that_can_try_nothing_does_not_pass():
    with pytest.raises(TypeError, match=r"strategy, .* st\.just.* Received: WindowedSeries\."):
        check_windowing(ours, windows=WindowedSeries(3))
    with pytest.raises(hypothesis.errors.Unsatisfiable):
        check_windowing(ours, windows=st.nothing() | windowed_series().filter(lambda w: False))


# The oracle and the strategies.


@pytest.mark.parametrize("missing", [name for name in HANDLING if HANDLING[name].filters])
@given(st.data())
def test_the_oracle_leaves_out_what_lacks_values(missing, data):
    """A mask leaves out windows without a whole target or without what is known ahead alone."""
    columns = data.draw(st.sampled_from(COLUMNS))
    vary = ["horizon", "gap", "stride", "sampling_rate", "targets", "target_columns"]
    vary += ["future_columns"] if columns else []
    drawn = data.draw(windowed_series(*vary, columns=columns))
    windows = WindowedSeries.from_config({**drawn.get_config(), "missing": missing})
    values = st.sampled_from([1.0, 2.0, float("nan")])
    one = data.draw(series(columns=columns, elements=values, dtype="float64"))
    try:
        x, y = ours(one, windows)
    except ValueError:
        with pytest.raises(ValueError, match="gives no window"):
            reference_windows(one, windows)
        return
    wanted_x, wanted_y = reference_windows(one, windows)
    if isinstance(x, dict):
        assert x.keys() == wanted_x.keys()
        for name, part in x.items():
            np.testing.assert_allclose(part, wanted_x[name], atol=1e-6)
    else:
        np.testing.assert_array_equal(x, wanted_x)
    np.testing.assert_array_equal(y, wanted_y)


@pytest.mark.parametrize(
    ("values", "windows", "says"),
    [
        (np.arange(3.0), WindowedSeries(3), "gives no window of WindowedSeries"),
        (np.array([1.0, np.nan, 2.0]), WindowedSeries(1), "has a missing value"),
        (np.zeros((9, 2)), WindowedSeries(1, id_column="a"), "only plain arrays.*id_column"),
    ],
)
def test_what_the_oracle_refuses(values, windows, says):
    with pytest.raises(ValueError, match=says):
        reference_windows(values, windows)


def test_strategies_keep_to_their_options():
    with pytest.raises(ValueError, match=r"vary takes any of .* Received: \['missing'\]"):
        windowed_series("missing")
    drawn = find(panels(columns=3, min_series=2, min_length=1, dtype="int64"), lambda panel: True)
    assert [one.tolist() for one in drawn] == [[[0, 1, 2]], [[1000, 1001, 1002]]]
    assert drawn[0].dtype == np.int64
    assert find(series(min_length=0, max_length=3), lambda one: len(one) == 3).dtype == "float32"


@given(panels(columns=12, max_length=12))
def test_no_two_values_of_a_panel_are_equal(panel):
    values = np.concatenate(panel).ravel()
    assert len(set(values.tolist())) == len(values)
