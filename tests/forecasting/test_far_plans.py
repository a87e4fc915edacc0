"""A plan or a last window far outside training is forecast with one warning, and no other is."""

import json
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting_models import PANEL, adding, after, sales, until
from helpers import run_fresh
from keras_ts import RecurrentPreset, WindowedSeries, fine_tune, forecast, load_model, save_model
from keras_ts.interface import carried_by
from keras_ts.scale import BatchForecaster, PanelStore
from keras_ts.windows.carried import Carried

PAST, FUTURE = until(sales(), 25), after(sales(), 25)  # Promotions of 0 to 3.
SAYS = "future of series 'east' has 40 in column 'promo', far outside the 0 to 3 of training"


@pytest.fixture(scope="module")
def model():
    return adding(PANEL.build(PAST))


def planned(value, shop="east"):
    """The plan, with one other value on the second day of a shop."""
    rows = (FUTURE["shop"] == shop) & (FUTURE["day"] == FUTURE["day"].min() + pd.Timedelta(days=1))
    return FUTURE.assign(promo=FUTURE["promo"].mask(rows, value))


def heard(function, *args, **kwargs):
    """What a function returns, and its warnings; PyTorch has others of its own."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = function(*args, **kwargs)
    return made, [each for each in caught if each.category is UserWarning]


def warned(*args, **kwargs):
    """The texts of the warnings of a forecast."""
    return [str(each.message) for each in heard(forecast, *args, **kwargs)[1]]


def test_it_is_named_once_and_forecast(model):
    ahead, (warning,) = heard(forecast, model, PAST, future=planned(40.0))
    assert str(warning.message).startswith(SAYS)
    assert warning.filename == __file__
    usual = forecast(model, PAST, future=FUTURE)
    assert ahead["units"].sub(usual["units"]).round(3).tolist() == [0, 0, 0, 0, 380, 0]
    assert len(warned(model, PAST, future=FUTURE.assign(promo=-2000))) == 1


@pytest.mark.parametrize(
    ("value", "far"), [(4.5, False), (-1.5, False), (4.51, True), (-1.51, True)]
)
def test_half_the_range_further_is_near(model, value, far):
    assert len(warned(model, PAST, future=planned(value))) == far


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constant_column_has_no_other_value(dtype):
    past = PAST.assign(promo=np.array(0.1, dtype))
    model = adding(PANEL.build(past))
    assert warned(model, past, future=FUTURE.assign(promo=0.1)) == []
    (said,) = warned(model, past, future=FUTURE.assign(promo=0.2))
    assert "series 'north' has 0.2 in column 'promo', far outside the 0.1" in said


def test_training_is_the_windows_of_the_training_part():
    past = PAST.assign(promo=PAST["promo"].mask(PAST["day"] >= "2024-01-16", 40.0))
    train, later = PANEL.split(past, at="2024-01-16")
    model = adding(train)
    near = {"units": [0.0, 1014.0], "size": [1.0, 2.0]}
    assert carried_by(model).ranges == {"promo": [0.0, 3.0], **near}
    assert len(warned(model, past, future=planned(40.0))) == 1
    tuned = fine_tune(model_to_train(train), later, epochs=1, verbose=0)
    ends = {"units": [0.0, 1024.0], "promo": [0.0, 40.0], "size": [1.0, 2.0]}
    assert carried_by(tuned).ranges == ends
    assert warned(tuned, past, future=planned(40.0)) == []


def model_to_train(dataset):
    """A model with weights."""
    model = RecurrentPreset(units=(2,)).build(dataset)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("missing", ["drop", "mask"])
def test_ranges_are_those_of_all_windows(missing):
    numbers = np.random.default_rng(0).normal(size=(90, 3)) * 1e3
    numbers[np.random.default_rng(1).integers(0, 90, 9), [0, 1, 2] * 3] = np.nan
    windows = WindowedSeries(4, 2, target_columns=0, future_columns=[2, 1], missing=missing)
    for dataset in windows.split([numbers[:50], numbers[50:]], at=30):
        (x, y, *_), names = dataset.to_numpy(), [0, *dataset.columns["future"]]
        ahead = np.concatenate([y[..., None], x["future"]], axis=2)
        seen = np.concatenate([x["past"][..., names], ahead], axis=1)
        low, high = np.nanmin(seen, axis=(0, 1)), np.nanmax(seen, axis=(0, 1))
        ranges = {str(name): [low[at], high[at]] for at, name in enumerate(names)}
        assert Carried.of(dataset).ranges == ranges


def test_a_static_number_of_another_unit(model):
    plan, east = FUTURE.drop(columns="size"), PAST["shop"] == "east"
    assert warned(model, PAST.assign(size=PAST["size"].mask(east, 2.5)), future=plan) == []
    (said,) = warned(model, PAST.assign(size=PAST["size"].mask(east, 120)), future=plan)
    assert said.startswith("series 'east' has 120 in column 'size', far outside the 1 to 2")


@pytest.mark.parametrize(("value", "far"), [(-9000, False), (-10000, True), (1024e3, True)])
def test_a_last_reading_that_is_wild(model, value, far):
    """Series grow, so a target is far at ten times that distance: the shops sell 0 to 1024."""
    said = warned(model, PAST.assign(units=[*PAST["units"][:-1], value]), future=FUTURE)
    says = f"the last window of series 'east' has {value:.6g} in column 'units', far outside the 0 "
    assert [text[: len(says)] for text in said] == [says] * far
    # A row before the window counts for nothing, nor does a missing value.
    units = PAST["units"].to_numpy(copy=True)
    units[-6] = value
    assert warned(model, PAST.assign(units=units), future=FUTURE) == []


def test_a_past_column_and_the_rate_of_the_windows():
    """Of another unit, in the rows that windows read."""
    table = pd.DataFrame({"load": np.arange(40.0), "warm": np.arange(40) % 20.0})
    model = adding(WindowedSeries(4, 2, sampling_rate=3, target_columns="load").build(table))
    assert warned(model, table) == []
    for row, number in ((-1, 1), (-2, 0), (-4, 1)):
        warm = table["warm"].to_numpy(copy=True)
        warm[row] = 68.0
        assert len(warned(model, table.assign(warm=warm))) == number


def test_columns_of_an_array(model):
    series = np.stack([np.arange(30.0), np.arange(30) % 4.0], axis=1)
    model = adding(WindowedSeries(5, 3, target_columns=0, future_columns=1).build(series))
    assert warned(model, series, future=np.full((3, 1), 4.5)) == []
    (said,) = warned(model, series, future=np.full((3, 1), 5))
    assert "future of the series has 5 in column 1, far outside the 0 to 3" in said


def test_texts_calendars_and_closed_steps_have_no_range():
    past = PAST.assign(offer=np.where(PAST["promo"] == 0, "none", "some"), open=1.0)
    plan = FUTURE.assign(offer="some", open=1.0)
    windows = replace(
        PANEL, future_columns=["offer", "open"], calendar="week", missing="mask_targets"
    )
    # Both series lacked a day before, so that both may close on another.
    past = past[past["day"] != "2024-01-09"]
    dataset = windows.build(past)
    numbers = {"units": [0.0, 1024.0], "promo": [0.0, 3.0], "open": [1.0, 1.0], "size": [1.0, 2.0]}
    assert Carried.of(dataset).ranges == numbers
    model, rows = adding(dataset), plan["day"] == plan["day"].min() + pd.Timedelta(days=1)
    assert warned(model, past, future=plan.assign(open=plan["open"].mask(rows))) == []


def test_a_file_warns_in_a_fresh_process_and_one_of_before_does_not(model, tmp_path):
    save_model(model_to_train(PANEL.build(PAST)), tmp_path / "m.keras")
    PAST.to_pickle(tmp_path / "past.pkl")
    planned(40.0).to_pickle(tmp_path / "plan.pkl")
    code = (
        "import pathlib, sys, warnings, pandas as pd\n"
        "from keras_ts import forecast, load_model\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "model, past = load_model(folder / 'm.keras'), pd.read_pickle(folder / 'past.pkl')\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    forecast(model, past, future=pd.read_pickle(folder / 'plan.pkl'))\n"
        "print([str(w.message) for w in caught if w.category is UserWarning])\n"
    )
    said = str(warned(load_model(tmp_path / "m.keras"), PAST, future=planned(40.0)))
    assert run_fresh(code, tmp_path).strip().endswith(said)
    assert "the 0 to 3 of" in said
    with (
        zipfile.ZipFile(tmp_path / "m.keras") as new,
        zipfile.ZipFile(tmp_path / "old.keras", "w") as old,
    ):
        for name in new.namelist():
            old.writestr(name, without_ranges(new.read(name), name))
    before = load_model(tmp_path / "old.keras")
    assert carried_by(before).ranges is None
    assert warned(before, PAST, future=planned(40.0)) == []
    tuned = fine_tune(before, PANEL.build(PAST), epochs=1, verbose=0)
    assert carried_by(tuned).ranges is None


def without_ranges(content, name):
    """A part of a file, as a version without ranges wrote it."""
    if not name.endswith(".json"):
        return content

    def pruned(value):
        if isinstance(value, list):
            return [pruned(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: pruned(item) for key, item in value.items() if key != "ranges"}

    return json.dumps(pruned(json.loads(content)))


def test_a_batch_warns_once_and_a_panel_on_disk_has_no_range(model, tmp_path):
    save_model(model_to_train(PANEL.build(PAST)), tmp_path / "m.keras")
    plan = planned(40.0, "north").assign(planned=True)
    batch = pd.concat([PAST.assign(planned=False), plan[plan["shop"] == "north"]])
    forecaster = BatchForecaster(tmp_path / "m.keras", future="planned", incomplete="nan")
    made, (warning,) = heard(forecaster, batch)
    assert "series 'north' has 40" in str(warning.message)
    assert made["problem"].notna().sum() == 3
    store = PanelStore.write(PAST, tmp_path / "store", PANEL)
    assert Carried.of(PANEL.build(store)).ranges is None


def test_ranges_of_others_are_no_other_windows(model):
    carried = carried_by(model)
    other = replace(carried, ranges={"promo": [7.0, 9.0]})
    assert carried.disagreement(other) is None
    assert other == carried
    for ranges in (7, {"promo": [1, 2.0]}, {"promo": [2.0, 1.0]}, {"promo": [0.0, np.inf]}):
        with pytest.raises(TypeError, match=r"ranges must be what WindowedInput.of made"):
            replace(carried, ranges=ranges)
