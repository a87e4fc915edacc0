"""The windows that a preset is trained by, and its fit: the rules of the recipe, nothing else."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import only_tensorflow
from keras_ts import WindowedSeries, fine_tune, forecast, from_preset
from keras_ts.panel import frames, tables
from keras_ts.presets.recipe import Recipe

pytestmark = pytest.mark.usefixtures("untraced_models")

MONTHS = 12


def panel(*lengths):
    rng = np.random.default_rng(0)
    return [10.0 * number + rng.normal(size=length) for number, length in enumerate(lengths, 1)]


def test_one_whole_series_gets_windows_of_the_recipe():
    preset = from_preset("smooth_gru")
    windows = preset.windows_for(np.sin(np.arange(1000.0)), 7, at=800)
    expected = WindowedSeries(
        preset.recipe.window_for(800, 7), 7, batch_size=preset.recipe.batch_size, shuffle=True
    )
    assert windows == expected


def test_several_series_are_weighed_and_padded_and_begin_before_themselves():
    preset = from_preset("seasonal_gru", period=MONTHS)
    windows = preset.windows_for(panel(100, 40, 150), 18, at=-18)
    expected = WindowedSeries(
        preset.recipe.window_for(132, 18, MONTHS), 18, missing="mask_targets", min_inputs=25,
        weighting=12, batch_size=256, shuffle=True, remainder="pad",
    )  # fmt: skip
    assert windows == expected


@pytest.mark.parametrize("hole", ["before the border", "after the border"])
def test_a_missing_value_anywhere_masks_targets(hole):
    series = np.sin(np.arange(200.0))
    series[50 if hole == "before the border" else 190] = np.nan
    assert from_preset("gru_32x2").windows_for(series, 3, at=150).missing == "mask_targets"


def test_columns_known_ahead_mask_targets():
    """Their plan may have closed steps, even if no value is missing so far."""
    table = np.arange(80.0).reshape(40, 2)
    windows = from_preset("gru_32x2").windows_for(table, 2, future_columns=1, target_columns=0)
    assert windows.missing == "mask_targets"


def test_the_youngest_series_is_forecast_too():
    preset = from_preset("seasonal_gru", period=MONTHS)
    assert preset.windows_for(panel(100, 15, 150), 6).min_inputs == 15
    for youngest, inputs in ((4, 4), (3, 3), (1, 1)):
        assert preset.windows_for(panel(100, youngest, 150), 6).min_inputs == inputs


def test_split_is_that_of_the_windows_it_chooses():
    panel = [np.arange(40.0), np.arange(70.0)]
    preset = from_preset("seasonal_gru", period=4)
    windows = preset.windows_for(panel, 3, at=[-9, -6], batch_size=8)
    parts = preset.split(panel, 3, at=[-9, -6], batch_size=8)
    assert [part.windows for part in parts] == [windows] * 3
    for part, other in zip(parts, windows.split(panel, [-9, -6]), strict=True):
        for ours, theirs in zip(part.to_numpy(), other.to_numpy(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("window", [52, 130])
def test_a_window_without_whole_periods_is_refused_before_a_fit(window):
    preset, series = from_preset("seasonal_gru", period=52), np.arange(400.0)
    match = rf"window_norm='seasonal' with period=52 needs .* Received windows of {window} steps"
    for chosen in (preset.windows_for, preset.split):
        with pytest.raises(ValueError, match=match):
            chosen(series, 8, at=300, window=window)
    assert preset.windows_for(series, 8, at=300, window=156).window == 156
    assert from_preset("seasonal_gru", period=1).windows_for(series, 8, window=7).window == 7


def test_split_reads_a_frame_once_and_sorts_no_rows(monkeypatch):
    days = pd.date_range("2024-01-01", periods=40)
    table = pd.DataFrame({"day": days, "units": np.arange(40.0), "promo": ["a", "b"] * 20})
    preset, settings = from_preset("seasonal_gru", period=4), {"future_columns": "promo"}
    settings |= {"target_columns": "units", "time_column": "day"}
    reads = []
    monkeypatch.setattr(
        tables, "blocks_of", lambda *call: reads.append(call) or frames.blocks_of(*call)
    )
    train, _ = preset.split(table, 3, at=-9, **settings)
    assert len(reads) == 1
    windows = preset.windows_for(table, 3, at=-9, **settings)
    assert len(reads) == 2
    assert train.windows.future_columns == windows.future_columns
    with pytest.raises(ValueError, match="goes back in time"):
        preset.split(table[::-1], 3, at=-9, **settings)


def test_a_missing_row_masks_targets():
    days = pd.date_range("2024-01-01", periods=100).delete([40, 41])
    table = pd.DataFrame({"day": days, "units": np.arange(98.0)})
    windows = from_preset("gru_32x2").windows_for(
        table, 3, time_column="day", target_columns="units"
    )
    assert windows.missing == "mask_targets"


def test_sequences_of_several_series_mask_targets():
    preset = from_preset("gru_32x2", kind="sequence_to_sequence")
    windows = preset.windows_for(panel(60, 70), 1)
    assert (windows.targets, windows.missing, windows.min_inputs) == ("sequence", "mask_targets", 4)


def test_settings_go_before_the_rules():
    preset = from_preset("seasonal_gru", period=MONTHS)
    chosen = {
        "window": 24, "missing": "keep", "weighting": None, "batch_size": 8, "shuffle": False,
        "remainder": "keep", "stride": 2, "gap": 1, "seed": 5,
    }  # fmt: skip
    windows = preset.windows_for(panel(60, 70), 3, **chosen)
    assert windows == WindowedSeries(horizon=3, **chosen)
    assert preset.windows_for(panel(60, 70), 3, min_inputs=7).min_inputs == 7


def test_of_several_borders_the_first_ends_the_training_part():
    preset = from_preset("smooth_gru")
    series = np.sin(np.arange(1000.0))
    assert preset.windows_for(series, 7, at=[600, 800]) == preset.windows_for(series, 7, at=600)


def test_min_inputs_leave_the_longest_series_a_window():
    windows = from_preset("seasonal_gru", period=MONTHS).windows_for(panel(8, 5), 6)
    assert windows.window == 24
    assert windows.min_inputs == 2
    assert windows.count(panel(8, 5)) == 1


@pytest.mark.parametrize(
    ("rows", "period", "horizon", "inputs", "origins"),
    [
        (101, 52, 8, 48, 46),  # Half of 93 rows: two periods and a row leave one origin.
        (79, 52, 8, 37, 35),
        (156, 52, 8, 97, 52),
        (163, 52, 8, 104, 52),
        (164, 52, 8, 105, 52),  # From three periods and a horizon on, two periods and a row.
        (260, 52, 8, 105, 148),
        (41, 12, 6, 24, 12),
        (42, 12, 6, 25, 12),
        (30, 12, 18, 7, 6),
        (14, 1, 6, 4, 5),
    ],
)
def test_a_period_of_origins_goes_before_two_periods_of_inputs(
    rows, period, horizon, inputs, origins
):
    table = panel(*[rows] * 3)
    windows = from_preset("seasonal_gru", period=period).windows_for(table, horizon)
    assert windows.min_inputs == inputs
    assert windows.count(table) == 3 * origins


def test_origins_are_those_of_the_usual_series():
    """One old series leaves the others origins, and a young one takes none from the others."""
    preset = from_preset("seasonal_gru", period=52)
    assert preset.windows_for(panel(400, 101, 101, 101, 101), 8).min_inputs == 48
    assert preset.windows_for(panel(170, 170, 170, 115), 8).min_inputs == 105
    # Series that begin after the border, or too short to train on, are not counted.
    days = np.full((5, 240), np.nan)
    for place, begin in enumerate((0, 0, 0, 172, 200)):
        days[place, begin:] = panel(240)[0][begin:]
    assert preset.windows_for(list(days), 8, at=180).min_inputs == 105


def test_inputs_far_apart_leave_as_many_origins():
    table = panel(101, 101)
    windows = from_preset("seasonal_gru", period=52).windows_for(table, 8, sampling_rate=2)
    assert windows.min_inputs == 24
    assert windows.count(table) == 2 * 47


def test_a_short_series_has_fewer_inputs_than_rows():
    """It had to have as many inputs as rows, and so no window."""
    table = panel(20, 400, 400)
    windows = from_preset("linear", period=12).windows_for(table, 2, sampling_rate=4)
    assert windows.min_inputs == 5
    assert windows.count(table[:1]) == 2


def test_a_gap_and_a_sampling_rate_count():
    preset, series = from_preset("smooth_gru"), np.sin(np.arange(1000.0))
    rare = preset.windows_for(series, 7, sampling_rate=10)
    assert rare.window == preset.recipe.window_for(7 + 100, 7)
    assert preset.windows_for(series, 7, gap=5).window == preset.recipe.window_for(1000, 12)


@pytest.mark.parametrize(
    ("name", "series", "arguments", "message"),
    [
        ("simple_rnn_20x2", np.arange(50.0), {}, "Pass window="),
        ("gru_32x2", np.arange(3.0), {}, "The longest series has 3 rows"),
        ("gru_32x2", np.arange(50.0), {"at": 4}, "The longest series has 4 rows"),
        ("gru_32x2", np.arange(50.0), {"targets": "sequence"}, "takes no targets"),
        ("gru_32x2", np.arange(50.0), {"windw": 3}, "windw"),
        ("gru_32x2", np.arange(50.0), {"missing": "drp"}, "missing must be one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(name, series, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_preset(name).windows_for(series, 4, **arguments)


def by_hand(preset, train, epochs):
    model = preset.build(train)
    recipe = replace(preset.recipe, epochs=epochs, least_updates=0)
    recipe.compile(model, len(train))
    model.fit(train, epochs=epochs, shuffle=False, verbose=0)
    return model


def same_weights(first, second):
    for ours, theirs in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )


@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
def test_fit_is_build_compile_and_fit_by_the_recipe(quantiles):
    preset = from_preset("gru_32x2", units=(4,), quantiles=quantiles)
    windows = preset.windows_for(np.sin(np.arange(90.0)), 2, seed=3)
    models = []
    for fit in (lambda train: preset.fit(train, epochs=2, verbose=0),
                lambda train: by_hand(preset, train, 2)):  # fmt: skip
        keras.utils.set_random_seed(1)
        models.append(fit(windows.build(np.sin(np.arange(90.0)))))
    same_weights(*models)


def counted(monkeypatch, preset, train):
    """Return the epochs that ``fit`` hands to Keras, and the batches in each."""
    handed = []
    monkeypatch.setattr(
        keras.Model, "fit", lambda self, data, **rest: handed.append((len(data), rest))
    )
    preset.fit(train, verbose=0)
    ((batches, arguments),) = handed
    expected = {"callbacks": [], "shuffle": False, "verbose": 0}
    assert arguments == {"epochs": arguments["epochs"], **expected}
    return arguments["epochs"], batches


def test_fit_trains_as_long_as_the_recipe_says(monkeypatch):
    recipe = Recipe("mae", "adamw", 1e-3, 32, 2, least_updates=10, window=5)
    preset = from_preset("gru_32x2", units=(4,), recipe=recipe)
    alone = preset.windows_for(np.arange(80.0), 1).build(np.arange(80.0))
    assert len(alone) == 3
    assert counted(monkeypatch, preset, alone) == (2, 3)
    table = np.stack([np.arange(80.0), np.arange(80.0) % 3], axis=1)
    settings = {"target_columns": 0, "future_columns": [1]}
    train = preset.windows_for(table, 1, **settings).build(table)
    assert len(train) == 3
    assert counted(monkeypatch, preset, train) == (4, 3)
    short = replace(preset, recipe=replace(recipe, most_steps=2))
    assert counted(monkeypatch, short, train) == (5, 2)


def test_epochs_that_are_no_whole_part_of_a_pass_go_on_without_a_warning():
    """After 3 and 3 of 8 batches the third epoch has the last two, and one of the next pass."""
    recipe = Recipe("mae", "adamw", 1e-3, 32, 4, window=5, most_steps=3)
    preset = from_preset("gru_32x2", units=(2,), recipe=recipe)
    series = np.sin(np.arange(250.0))
    train = preset.windows_for(series, 1).build(series)
    assert len(train) == 8
    model = preset.fit(train, verbose=0)
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 4 * 3


@pytest.mark.parametrize("name", ["simple_rnn_20x2", "simple_rnn_40x2_sweep"])
def test_a_preset_without_a_training_of_its_own_is_not_fitted(name):
    preset = from_preset(name)
    train = preset.windows_for(np.arange(60.0), 1, window=20).build(np.arange(60.0))
    with pytest.raises(ValueError, match="fit trains by the preset's recipe"):
        preset.fit(train)


def test_fit_takes_a_net_of_ones_own():
    preset = from_preset("gru_32x2")
    train = preset.windows_for(np.sin(np.arange(60.0)), 2).build(np.sin(np.arange(60.0)))
    core = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model = preset.fit(train, core=core, epochs=1, verbose=0)
    assert core in model.layers


def test_five_lines_for_short_series_with_holes():
    table = panel(40, 25, 31)
    table[0][[3, 20, 37]] = np.nan
    preset = from_preset("seasonal_gru", period=4, units=(4,))
    windows = preset.windows_for(table, 3, at=-3)
    train, held_out = windows.split(table, at=-3)
    model = preset.fit(train, epochs=1, verbose=0)
    assert np.isfinite(forecast(model, table)).all()
    assert held_out.num_windows == 3


def test_the_window_of_a_single_series_holds_a_season_that_repeats():
    """Of rows before the border alone; and a window of one's own goes before it."""
    series = np.tile(np.random.default_rng(0).normal(size=168), 9)
    preset = from_preset("smooth_gru")
    assert preset.windows_for(series, 24, at=168 * 8).window == 168 + 21
    assert preset.windows_for(series, 24, at=168 * 2).window == 21
    assert preset.windows_for(series, 24, at=168 * 8, window=30).window == 30
    assert preset.windows_for([series, series], 24, at=168 * 8).window == 84


@only_tensorflow
def test_a_fit_begins_with_the_variables_of_its_optimizer(monkeypatch):
    """A step that makes them is traced twice, which takes as long as a hundred batches."""
    monkeypatch.setattr(keras.Model, "fit", keras.Model.fit.__wrapped__)  # As backends.py found it.
    begun = []

    class Begins(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            begun.append(self.model.optimizer.built)

    train = WindowedSeries(4, batch_size=64).build(panel(60)[0])
    model = from_preset("gru_32x2", units=(2,)).fit(
        train, epochs=1, callbacks=[Begins()], verbose=0
    )
    further = keras.callbacks.LambdaCallback
    monkeypatch.setattr(
        keras.callbacks, "LambdaCallback", lambda **arguments: [further(**arguments), Begins()]
    )
    fine_tune(model, train, epochs=1)
    assert begun == [True, True]
