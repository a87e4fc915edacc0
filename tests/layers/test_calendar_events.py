"""``CalendarEvents`` adds an event at its own point of a cycle, and nowhere else."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from keras_ts import calendar_features
from keras_ts.layers import CalendarEvents


def at(timestamps, *cycles):
    return calendar_features(np.asarray(timestamps), list(cycles)).astype("float32")


def built(cycles, outputs=1, **settings):
    layer = CalendarEvents(outputs, **settings)
    layer.build((None, None, 2 * cycles))
    return layer


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("hour", [0, 1, 4000, 8759])
def test_an_hour_of_a_year_is_met_at_that_hour_alone(hour, policy):
    hours = np.arange("2023-01-01", "2024-01-01", dtype="datetime64[h]")
    year = at(hours, "year")
    layer = built(1, dtype=policy)
    layer.set_events(0, year[[hour]], [[5.0]])
    effects = numpy(layer(keras.ops.convert_to_tensor(year[None])))[0, :, 0]
    assert np.flatnonzero(effects).tolist() == [hour]
    assert effects[hour] == 5.0


def test_before_any_event_there_is_no_effect():
    week = at(np.arange("2024-01-01", "2024-01-15", dtype="datetime64[D]"), "week", 14)
    assert not numpy(built(2, 3)(week[None])).any()


def test_events_of_several_cycles_add_up_by_output():
    days = np.arange("2024-01-01", "2024-01-15", dtype="datetime64[D]")
    columns = calendar_features(days, ["week", "year"])
    layer = built(2, 2)
    layer.set_events(0, columns[[0, 3], :2], [[1.0, 0.0], [0.0, 2.0]])
    layer.set_events(1, columns[[7], 2:], [[10.0, 20.0]])
    expected = np.zeros((14, 2))
    expected[[0, 7], 0] += 1
    expected[[3, 10], 1] += 2
    expected[7] += [10, 20]
    np.testing.assert_allclose(numpy(layer(columns[None]))[0], expected)
    # A cycle's events are set anew, and the other cycle keeps its own.
    layer.set_events(0, np.zeros((0, 2)), np.zeros((0, 2)))
    expected[:] = 0
    expected[7] = [10, 20]
    np.testing.assert_allclose(numpy(layer(columns[None]))[0], expected)


def test_of_too_many_events_the_largest_are_kept():
    days = at(np.arange("2023-01-01", "2024-01-01", dtype="datetime64[D]"), "year")
    sizes = np.random.default_rng(0).permutation(365) + 1.0
    layer = built(1)
    layer.set_events(0, days, -sizes[:, None])
    effects = numpy(layer(days[None]))[0, :, 0]
    np.testing.assert_array_equal(effects, np.where(sizes > 365 - 256, -sizes, 0.0))


def test_an_event_may_differ_by_the_step_of_the_forecast():
    days = at(np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]"), "year")
    layer = CalendarEvents(2, steps=3)
    layer.build((None, 3, 2))
    by_step = np.array([[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]], [[0.5, 0.0]] * 3])
    layer.set_events(0, days[[2, 4]], by_step)
    windows = np.stack([days[begin : begin + 3] for begin in range(5)])
    expected = np.zeros((5, 3, 2))
    for window, step in ((0, 2), (1, 1), (2, 0)):
        expected[window, step] = by_step[0, step]
    for window, step in ((2, 2), (3, 1), (4, 0)):
        expected[window, step] = by_step[1, step]
    np.testing.assert_array_equal(numpy(layer(windows)), expected)
    assert layer(keras.Input((3, 2))).shape == (None, 3, 2)
    with pytest.raises(ValueError, match=r"effects \(events, 3, 2\)"):
        layer.set_events(0, days[[2]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="calendar of 3 steps"):
        CalendarEvents(steps=3).build((None, 4, 2))


def test_an_event_that_moves_is_on_its_weekday_among_its_dates():
    """The second Monday of a year, at several steps, beside an event of its week."""
    days = np.arange("2023-01-01", "2026-01-01", dtype="datetime64[D]")
    columns = calendar_features(days, ["week", 14, "year"])
    dates = np.flatnonzero([str(day)[5:] in {f"01-{d:02d}" for d in range(8, 15)} for day in days])
    places = dates[:14]  # of 2023, and of 2024, which is a leap year
    layer = CalendarEvents(2, moving=(0, 2), names=["the second Monday of January"])
    layer.build((None, None, 6))
    week = np.tile(columns[days == np.datetime64("2024-01-01"), :2], (14, 1))
    layer.set_moving_events(columns[places, 4:], week, np.tile([1.0, -2.0], (14, 1)))
    layer.set_events(0, columns[[3], :2], [[10.0, 10.0]])
    twin = CalendarEvents.from_config(layer.get_config())
    assert twin.names == ("the second Monday of January",)
    twin.build((None, None, 6))
    twin.set_weights(layer.get_weights())
    effects = numpy(twin(columns[None]))[0]
    expected = np.zeros((len(days), 2))
    expected[3::7] = 10
    assert (expected[np.isin(days, np.array(MONDAYS, days.dtype))] == 0).all()
    expected[np.isin(days, np.array(MONDAYS, days.dtype))] = [1, -2]
    np.testing.assert_allclose(effects, expected)


MONDAYS = ["2023-01-09", "2024-01-08", "2025-01-13"]


def test_a_config_of_0_2_0_has_no_room_for_events_that_move():
    config = CalendarEvents(2, steps=3).get_config()
    assert (config.pop("moving"), config.pop("names")) == (None, [])
    layer = CalendarEvents.from_config(config)
    layer.build((None, 3, 4))
    shapes = [tuple(weight.shape) for weight in layer.weights]
    assert shapes == [(2, 256, 2), (2, 256), (2, 256, 3, 2)]
    with pytest.raises(ValueError, match="made without moving"):
        layer.set_moving_events([[0.0, 1.0]], [[0.0, 1.0]], [[[1.0, 2.0]] * 3])


def test_a_width_lets_an_event_last():
    """365.25 days are a cycle that no day meets at the same point as the year before."""
    days = calendar_features(np.arange("2021-01-01", "2023-01-01", dtype="datetime64[D]"), 365.25)
    layer = built(1)
    layer.set_events(0, days[[100]], [[1.0]], 2 * np.pi / 365)
    assert np.flatnonzero(numpy(layer(days[None]))[0, :, 0]).tolist() == [100, 465]


def test_the_symbolic_output_is_the_eager_one_and_nothing_is_trained():
    layer = CalendarEvents(3, dtype="mixed_float16")
    symbolic = layer(keras.Input((7, 4)))
    eager = layer(np.ones((5, 7, 4), "float32"))
    assert symbolic.shape == (None, 7, 3)
    assert tuple(eager.shape) == (5, 7, 3)
    assert keras.backend.standardize_dtype(eager.dtype) == symbolic.dtype == "float32"
    assert layer.trainable_variables == []


@pytest.mark.parametrize("shape", [(None, 4), (None, 3, 3), (None, 3, 0), (None, 3, None)])
def test_other_inputs_than_pairs_are_refused(shape):
    with pytest.raises(ValueError, match="sine and cosine of each cycle"):
        CalendarEvents().build(shape)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="outputs"):
        CalendarEvents(0)
    with pytest.raises(TypeError, match="outputs"):
        CalendarEvents(1.5)
    with pytest.raises(ValueError, match="steps"):
        CalendarEvents(steps=0)
    for moving in ((1, 1), (0,)):
        with pytest.raises(ValueError, match="moving must be the numbers of two cycles"):
            CalendarEvents(moving=moving)
    with pytest.raises(ValueError, match="must be below 2, the number of cycles"):
        built(2, moving=(0, 2))
    with pytest.raises(TypeError, match="names must be texts"):
        CalendarEvents(names="Christmas")
    with pytest.raises(ValueError, match="weekdays must be the sine and cosine"):
        built(2, moving=(0, 1)).set_moving_events([[0.0, 1.0]], [[0.0, 2.0]], [[1.0]])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"cycle": 2}, "cycle must be below 2"),
        ({"cycle": -1}, "cycle"),
        ({"points": [[0.0, 1.0]] * 2}, "shapes"),
        ({"effects": [1.0, 2.0]}, "shapes"),
        ({"effects": 1.0}, "shapes"),
        ({"effects": [[np.nan, 0.0]]}, "finite"),
        ({"points": [[5.0, 1.0]]}, "sine and cosine of an angle"),
        ({"width": 0}, "width"),
        ({"width": 20.0}, "width"),
        ({"width": "wide"}, "width must be a finite number"),
    ],
)
def test_events_that_do_not_fit_are_refused(changed, says):
    layer = built(2, 2)
    fitting = {"cycle": 1, "points": [[0.0, 1.0]], "effects": [[1.0, 2.0]]}
    layer.set_events(**fitting)
    with pytest.raises((TypeError, ValueError), match=says):
        layer.set_events(**{**fitting, **changed})


@pytest.mark.parametrize("shape", [(2, 3, 6), (2, 6, 2), (2, 4)])
def test_inputs_of_other_cycles_are_refused(shape):
    with pytest.raises(ValueError, match="incompatible"):
        built(2)(np.ones(shape, "float32"))
