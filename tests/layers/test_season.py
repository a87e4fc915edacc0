"""A season is found as the formulas say, put on the phases that follow, and not seen in noise."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import called
from keras_ts import RecurrentPreset, WindowedSeries
from keras_ts.layers import NormalizeWindow, RestoreWindow, normalize_window


def plain(window, period):
    """The season of one window without holes, by the formulas as they are written."""
    years = window.reshape(-1, period)
    rises = [window[t + period] - window[t] for t in range(len(window) - period)]
    slope = np.mean(rises) / period
    departures = np.array([
        [x - year.mean() - slope * (phase - (period - 1) / 2) for phase, x in enumerate(year)]
        for year in years
    ])  # fmt: skip
    found = departures.mean(axis=0)
    found -= found.mean()
    left = ((departures - found) ** 2).sum() / (len(window) - period)
    size = len(years) * (found**2).mean()
    return max(0.0, 1 - left / size) * found if size > 0 else 0 * found


def normalized(windows, period, mask=None):
    layer = NormalizeWindow("seasonal", period=period)
    given = layer(np.asarray(windows, "float32"), mask=mask)
    return [keras.ops.convert_to_numpy(one) for one in given]


# Few shapes, since JAX compiles for each.
SHAPES = [(2, 2, 1), (2, 4, 2), (5, 3, 1), (7, 2, 2)]


@settings(deadline=None, max_examples=25)
@given(
    shape=st.sampled_from(SHAPES),
    strength=st.sampled_from([0.0, 0.3, 3.0]),
    seed=st.integers(0, 99),
)
def test_equals_the_formulas(shape, strength, seed):
    period, years, features = shape
    generator = np.random.default_rng(seed)
    length = period * years
    season = strength * np.tile(generator.normal(size=(period, features)), (years, 1))
    windows = generator.normal(size=(3, length, features)).cumsum(axis=1) + season
    normal, location, scale = normalized(windows, period)
    assert location.shape == (3, period, features)
    assert scale.shape == (3, 1, features)
    for batch in range(3):
        for feature in range(features):
            found = plain(windows[batch, :, feature], period)
            rest = windows[batch, :, feature] - np.tile(found, years)
            np.testing.assert_allclose(location[batch, :, feature], rest[-1] + found, atol=1e-3)
            np.testing.assert_allclose(scale[batch, 0, feature], rest.std(), rtol=1e-3, atol=1e-3)
            expected = (rest - rest[-1]) / np.sqrt(rest.var() + 1e-6)
            np.testing.assert_allclose(normal[batch, :, feature], expected, atol=1e-2)


@pytest.mark.parametrize("missing", [0, 1, 3, 6])
def test_with_holes_phases_count_from_the_last_step_masked_or_not(missing):
    """Of padding behind a window they count from the last step that is kept."""
    season = np.tile([0.0, 5.0, -4.0, -1.0], 8)[:28]
    mask = np.arange(28)[None] < 28 - missing
    for masked, first in ((True, 28), (False, 28 - missing)):
        layer = NormalizeWindow("seasonal", period=4, masked=masked)
        windows = np.where(mask, season, 99.0)[..., None].astype("float32")
        location = keras.ops.convert_to_numpy(layer(windows, mask=mask)[1])
        expected = np.tile([0.0, 5.0, -4.0, -1.0], 9)[first : first + 4]
        np.testing.assert_allclose(location[0, :, 0], expected, atol=1e-3)
        assert NormalizeWindow.from_config(layer.get_config()).masked == masked


@pytest.mark.parametrize("gap", [0, 1, 5, 13])
def test_outputs_stand_in_the_phases_that_follow(gap):
    """Without noise, a net that gives 0 forecasts the season on its last level."""
    time = np.arange(80)
    season = 5 * np.sin(2 * np.pi * time / 12) + 2 * np.cos(4 * np.pi * time / 12)
    series = 1000.0 + season
    _, location, scale = normalized(series[None, 6:30, None], 12)
    following = series[30 + gap : 30 + gap + 20]
    for shape in ((1, 20), (1, 20, 1), (1, 20, 3)):
        out = RestoreWindow(period=12, gap=gap)([np.zeros(shape, "float32"), location, scale])
        out = keras.ops.convert_to_numpy(out)
        expected = following.reshape(1, 20, *[1] * (len(shape) - 2))
        np.testing.assert_allclose(out, np.broadcast_to(expected, shape), atol=2e-3)


def test_features_keep_their_own_seasons():
    time = np.arange(24)
    table = np.stack([np.sin(2 * np.pi * time / 4), 10 * np.cos(2 * np.pi * time / 4)], axis=-1)
    _, location, scale = normalized(table[None], 4)
    out = RestoreWindow([1, 0], period=4)([np.zeros((1, 4, 2), "float32"), location, scale])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(out)[0], table[:4, ::-1], atol=1e-3)
    one = RestoreWindow([0, 1], period=4)([np.zeros((1, 2), "float32"), location, scale])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(one)[0], table[0], atol=1e-3)
    by_first = RestoreWindow(1, period=4)([np.zeros((1, 3), "float32"), location, scale])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(by_first)[0], table[:3, 1], atol=1e-3)


def test_noise_is_not_taken_for_a_season():
    windows = np.random.default_rng(0).normal(size=(400, 36, 1))
    _, location, _ = normalized(windows, 12)
    means = windows.reshape(400, 3, 12).mean(axis=1)
    # The means of three years of noise vary by 0.58; little of it is kept.
    assert location.std(axis=1).mean() < 0.25 * means.std(axis=1).mean()
    strong = windows + 5 * np.tile(np.sin(2 * np.pi * np.arange(12) / 12), 3)[None, :, None]
    _, location, _ = normalized(strong, 12)
    assert 3.2 < location.std(axis=1).mean() < 3.8


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("padding", [4, 6, 12])
def test_a_padded_masked_window_gives_what_the_short_one_gives(side, padding):
    window = np.random.default_rng(0).normal(size=(2, 12, 2)).cumsum(axis=1) + 50
    rest = np.full((2, padding, 2), np.nan)
    parts = [rest, window] if side == "left" else [window, rest]
    period = 4 if padding != 6 else 6
    padded = np.concatenate(parts, axis=1)
    mask = np.isfinite(padded[..., 0])
    short, long = normalized(window, period), normalized(padded, period, mask)
    np.testing.assert_allclose(long[0][mask].reshape(short[0].shape), short[0], atol=1e-4)
    assert (long[0][~mask] == 0).all()
    for mine, other in zip(long[1:], short[1:], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_windows_that_stand_still_and_windows_without_a_step():
    normal, location, scale = normalized(np.full((1, 8, 1), 7.0), 4)
    assert (normal == 0).all()
    assert (location == 7).all()
    np.testing.assert_allclose(scale, 1e-3, rtol=1e-3)
    _, location, scale = normalized(np.ones((1, 8, 1)), 4, mask=np.zeros((1, 8), bool))
    assert (location == 0).all()
    assert (scale == 1).all()


def test_shifting_a_series_shifts_its_forecast():
    series = np.random.default_rng(0).normal(size=200).cumsum()
    dataset = WindowedSeries(24, 6).build(series)
    model = RecurrentPreset("sequence_to_vector", "gru", (4,), window_norm="seasonal",
                            period=12).build(dataset)  # fmt: skip
    windows = dataset.to_numpy()[0][:5]
    low, high = (called(model, windows + level) - level for level in (0.0, 1e4))
    np.testing.assert_allclose(low, high, atol=0.02)


@pytest.mark.parametrize("columns", [1, [1], [2, 0], None])
@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
@pytest.mark.parametrize(("horizon", "gap"), [(1, 0), (7, 3)])
def test_presets_forecast_the_season_of_each_target(columns, quantiles, horizon, gap):
    """An untrained net's outputs of 0 are the season of the target on its last level."""
    time = np.arange(60)
    table = np.stack([
        scale * np.sin(2 * np.pi * (time + scale) / 4) for scale in (1.0, 10.0, 100.0)
    ], axis=-1)  # fmt: skip
    windows = WindowedSeries(12, horizon, gap=gap, target_columns=columns)
    dataset = windows.build(table)
    model = RecurrentPreset(
        "sequence_to_vector", "gru", (3,), window_norm="seasonal", period=4, quantiles=quantiles
    ).build(dataset)
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    dense.set_weights([np.zeros_like(weight) for weight in dense.get_weights()])
    x, y = dataset.to_numpy()
    out = called(model, x)
    if quantiles:
        assert np.ptp(out, axis=-1).max() == 0
        out = out[..., 0]
    np.testing.assert_allclose(out.reshape(y.shape), y, atol=0.05)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_year_half_empty_leaves_the_season_as_it_is(first):
    """Its mean is that of the phases it has, and must not be taken for its level."""
    season = np.array([10.0, -6.0, 2.0, -6.0])
    window = np.tile(season, 3) + 5.0
    mask = np.arange(12)[None] >= first
    _, location, _ = normalized(window[None, :, None], 4, mask)
    np.testing.assert_allclose(location[0, :, 0], season + 5.0, atol=0.2)


def test_less_than_two_years_have_no_season():
    window = np.tile([10.0, -6.0, 2.0, -6.0], 2)
    _, location, _ = normalized(window[None, :, None], 4, np.arange(8)[None] >= 1)
    np.testing.assert_allclose(location[0, :, 0], np.full(4, -6.0), atol=1e-5)


def test_a_period_of_one_is_the_last_value_in_windows_of_any_length():
    window = np.random.default_rng(0).normal(size=(2, 7, 2)).astype("float32")
    for one, other in zip(normalized(window, 1), NormalizeWindow("last")(window), strict=True):
        np.testing.assert_array_equal(one, keras.ops.convert_to_numpy(other))
    _, location, scale = NormalizeWindow("seasonal", period=1)(keras.Input((None, 2)))
    assert RestoreWindow(0, period=1)([keras.Input((3, 2)), location, scale]).shape == (None, 3, 2)


def growing(levels, season):
    """A series whose season grows with its level."""
    return levels + np.resize(season, len(levels)) * levels / levels.mean()


def multiplied(series, period, mask=None):
    layer = NormalizeWindow("seasonal", period=period, multiplicative=True)
    results = layer(np.asarray(series, "float32").reshape(1, -1, 1), mask=mask)
    return [keras.ops.convert_to_numpy(result) for result in results]


@pytest.mark.parametrize("padding", [0, 4])
def test_a_season_that_grows_with_the_level_is_taken_off_and_grows_on(padding):
    """Little of it is left in the window, and the forecast fits better than an added one."""
    steps = np.arange(40.0)
    levels, season = 100.0 + 4.0 * steps, np.array([30.0, -10.0, -25.0, 5.0])
    series = growing(levels, season)
    mask = np.arange(32 + padding)[None] >= padding
    window = np.concatenate([np.full(padding, 7.0), series[:32]])
    normal, location, scale, inverse_level = multiplied(window, 4, mask if padding else None)
    rest = normal[0, padding:, 0] * scale[0, 0, 0]
    np.testing.assert_allclose(rest, levels[:32] - levels[31], atol=6.0)
    np.testing.assert_allclose(inverse_level, 1 / series[:32].mean(), rtol=1e-6)
    # The levels that follow, as outputs in units of the window.
    outputs = ((levels[32:40] - levels[31]) / scale[0, 0, 0])[None, :, None].astype("float32")
    added = normalized(window[None, padding:, None], 4)
    errors = [
        np.abs(keras.ops.convert_to_numpy(restored)[0, :, 0] - series[32:]).max()
        for restored in (
            RestoreWindow(period=4)([outputs, location, scale, inverse_level]),
            RestoreWindow(period=4)([outputs, *added[1:]]),
        )
    ]
    assert errors[0] < 10 < 14 < errors[1]


def test_a_window_with_a_negative_value_has_an_added_season():
    generator = np.random.default_rng(0)
    window = generator.normal(size=12) + np.tile([5.0, -5.0, 0.0, 0.0], 3)
    *same, inverse_level = multiplied(window, 4)
    assert (inverse_level == 0).all()
    for mine, other in zip(same, normalized(window[None, :, None], 4), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)
    outputs = generator.normal(size=(1, 6, 1)).astype("float32")
    added, grown = (
        keras.ops.convert_to_numpy(RestoreWindow(period=4)([outputs, *of]))
        for of in (same[1:], [*same[1:], inverse_level])
    )
    np.testing.assert_allclose(added, grown, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("factor", "size"), [(0.0, 1 / 3), (1.0, 1.0), (2.0, 2.0), (50.0, 3.0)])
def test_the_size_of_a_season_stays_within_a_third_and_three(factor, size):
    """Levels far beyond the window do not multiply its season without end."""
    location = np.array([12.0, 8.0], "float32").reshape(1, 2, 1)  # A level of 10, a season of 2.
    scale, inverse_level = np.ones((1, 1, 1), "float32"), np.full((1, 1, 1), 0.1, "float32")
    outputs = np.full((1, 2, 1), 10.0 * factor - 10.0, "float32")
    restored = keras.ops.convert_to_numpy(
        RestoreWindow(period=2)([outputs, location, scale, inverse_level])
    )
    expected = 10.0 * factor + size * np.array([2.0, -2.0])
    np.testing.assert_allclose(restored[0, :, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_a_higher_level_never_has_a_lower_value(seed):
    """Quantiles before ``RestoreWindow`` are quantiles after it, in windows of rare sales too."""
    generator = np.random.default_rng(seed)
    window = generator.lognormal(sigma=1.5, size=32) * (generator.random(32) > 0.4)
    if seed == 0:
        window = np.tile([5.0, 0.0, 0.0, 0.0], 8) * np.repeat([1, 1, 1, 1, 1, 20, 1, 1], 4)
    _, *statistics = multiplied(window, 4)
    levels = np.linspace(-3, 3, 25, dtype="float32")[:, None, None] * np.ones((25, 4, 1), "float32")
    restored = RestoreWindow(period=4)([levels, *(np.repeat(x, 25, axis=0) for x in statistics)])
    steps = np.diff(keras.ops.convert_to_numpy(restored)[..., 0], axis=0)
    assert steps.min() >= -1e-4 * window.max()


@pytest.mark.parametrize("feature", [1, [1, 0]])
def test_outputs_go_by_the_mean_level_of_their_own_feature(feature):
    location = np.stack([[12.0, 8.0], [130.0, 70.0]], axis=-1)[None].astype("float32")
    scale = np.ones((1, 1, 2), "float32")
    inverse_level = np.array([[[0.1, 0.01]]], "float32")
    outputs = np.array([[[10.0, 10.0]]], "float32")
    restored = keras.ops.convert_to_numpy(
        RestoreWindow(feature, period=2)([outputs, location, scale, inverse_level])
    )
    of = {0: 20.0 + 2.0 * 2.0, 1: 110.0 + 30.0 * 1.1}
    features = feature if isinstance(feature, list) else [feature] * 2
    np.testing.assert_allclose(restored[0, 0], [of[number] for number in features], rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"statistic": "last", "multiplicative": True}, "multiplicative=True needs statistic"),
        ({"statistic": "seasonal"}, "statistic='seasonal' and period, .* go together"),
        ({"statistic": "last", "period": 4}, "go together"),
        ({"statistic": "seasonal", "period": 0}, "period must be >= 1"),
        ({"statistic": "seasonal", "period": 4, "causal": True}, "causal=True is not supported"),
    ],
)
def test_settings_that_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        NormalizeWindow(**settings)


def test_another_statistic_with_a_period_is_a_row_of_each_table(monkeypatch):
    monkeypatch.setitem(normalize_window.STATISTICS, "again", normalize_window.STATISTICS["mean"])
    monkeypatch.setattr(normalize_window, "OF_PERIODS", ("seasonal", "again"))
    windows = (
        np.random.default_rng(0).normal(size=(2, 12, 1)) + 3 * np.array([0, 1, 5] * 4)[:, None]
    )
    again = keras.ops.convert_to_numpy(NormalizeWindow("again", period=3)(windows)[0])
    season = normalized(windows, 3)[0] * normalized(windows, 3)[2]
    np.testing.assert_allclose(again, season - season.mean(axis=1, keepdims=True), atol=1e-5)
    with pytest.raises(ValueError, match="statistic='again' with period=5 needs windows"):
        NormalizeWindow("again", period=5)(windows)
    with pytest.raises(ValueError, match="='seasonal' or 'again' and period, the steps"):
        NormalizeWindow("again")
    preset = RecurrentPreset(units=(4,), window_norm="again", period=3)
    with pytest.raises(ValueError, match="window_norm='again' with period=3 needs windows"):
        preset.windows_for(np.arange(60.0), horizon=2, window=7)
    with pytest.raises(ValueError, match="window_norm='again' counts the steps of a period"):
        preset.build(WindowedSeries(6, sampling_rate=2).build(np.arange(60.0)))
    with pytest.raises(ValueError, match=r"multiplicative=True needs .*='seasonal' or 'again'"):
        NormalizeWindow("last", multiplicative=True)
    growing = {"period": 3, "multiplicative": True}
    dataset = WindowedSeries(12, 2).build(10.0 + np.tile([0.0, 1.0, 5.0], 20))
    model, (x, y) = preset.build(dataset), dataset[0]
    assert model.predict(x, verbose=0).shape == y.shape
    [ours, *_, level], [theirs, *_, same] = (
        [*map(keras.ops.convert_to_numpy, NormalizeWindow(name, **growing)(windows + 10)[1:])]
        for name in ("again", "seasonal")
    )
    np.testing.assert_array_equal(level, same)
    assert (level > 0).all()
    ours, theirs = (season - season.mean(axis=1, keepdims=True) for season in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_windows_and_outputs_that_are_refused():
    for length in (4, 9, None):
        with pytest.raises(ValueError, match=r"whole number of periods, two or more: 8, 12, ..."):
            NormalizeWindow("seasonal", period=4)(keras.Input((length, 1)))
    with pytest.raises(ValueError, match="gap needs period"):
        RestoreWindow(gap=1)
    with pytest.raises(ValueError, match="period=4 needs the location of that many phases"):
        RestoreWindow(period=4)([np.zeros((1, 2)), np.zeros((1, 1, 1)), np.ones((1, 1, 1))])
    with pytest.raises(ValueError, match="window_norm='seasonal' and period"):
        RecurrentPreset(window_norm="seasonal")
    with pytest.raises(ValueError, match="reads the whole window"):
        RecurrentPreset("sequence_to_sequence", window_norm="seasonal", period=4)
    dataset = WindowedSeries(8, sampling_rate=2).build(np.arange(60.0))
    with pytest.raises(ValueError, match="sampling_rate=2"):
        RecurrentPreset(window_norm="seasonal", period=4).build(dataset)
