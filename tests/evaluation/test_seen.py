"""``compare`` warns of models that were trained further, or calibrated, on what it judges."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import untraced
from keras_ts import (
    WindowedInput,
    WindowedSeries,
    calibrate,
    compare,
    fine_tune,
    load_model,
    save_model,
)

# PyTorch's tensors warn of it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")

SERIES = np.random.default_rng(0).normal(size=240).cumsum()
TRAINED, CALIBRATED = "was trained on targets", "was calibrated on targets"


def table(shops=3, last=240):
    """Shops of a random walk that end on different days."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "day": pd.date_range("2024-01-01", periods=last - 20 * number),
                    "shop": f"shop {number}",
                    "units": SERIES[: last - 20 * number] + number,
                }
            )
            for number in range(shops)
        ]
    )


PANEL = {"id_column": "shop", "time_column": "day", "target_columns": "units"}
KINDS = {
    "array": (SERIES, WindowedSeries(6, 2, batch_size=64)),
    "panel": (table(), WindowedSeries(6, 2, batch_size=64, **PANEL)),
}


def net(train, carries=True):
    past = keras.Input(train[0][0].shape[1:])
    x = WindowedInput.of(train)(past) if carries else past
    model = keras.Model(past, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    model.compile(keras.optimizers.SGD(1e-6), "mae")
    return untraced(model)


def said_of(model, train, held_out):
    """Return which of the two warnings compare gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        compare(model, train, held_out, baselines=["naive"])
    texts = [str(each.message) for each in caught]
    return {kind for kind in (TRAINED, CALIBRATED) if any(kind in text for text in texts)}


def files(model, folder):
    """Yield a model, and what comes back from its files."""
    yield model
    save_model(model, folder / "model.keras")
    yield load_model(folder / "model.keras")
    save_model(load_model(folder / "model.keras"), folder / "again.keras")
    yield load_model(folder / "again.keras")
    model.save(folder / "plain.keras")
    yield keras.saving.load_model(folder / "plain.keras")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_was_trained_further_on(kind, tmp_path):
    source, windows = KINDS[kind]
    train, latest, band, held_out = windows.split(source, at=[-120, -80, -40])
    model = net(train)
    every = windows.build(source)
    # By the rows: latest ends where band begins, and band where held_out begins.
    for tuned, seen in [
        (fine_tune(model, latest, epochs=1), {"latest"}),
        (fine_tune(model, held_out, epochs=1), {"held_out"}),
        (fine_tune(model, every, epochs=1), {"latest", "band", "held_out"}),
        # Trained before and after band: nobody can say that band is later.
        (fine_tune(fine_tune(model, latest, epochs=1), held_out, epochs=1),
         {"latest", "band", "held_out"}),
    ]:  # fmt: skip
        for part, judged in {"latest": latest, "band": band, "held_out": held_out}.items():
            expected = {TRAINED} if part in seen else set()
            assert said_of(tuned, train, judged) == expected, (part, seen)
    assert said_of(model, train, held_out) == set()
    for own in files(fine_tune(model, every, epochs=1), tmp_path):
        assert said_of(own, train, held_out) == {TRAINED}


@pytest.mark.parametrize("kind", KINDS)
def test_what_calibrate_measured_and_trained_on(kind, tmp_path):
    source, windows = KINDS[kind]
    train, band, held_out = windows.split(source, at=[-80, -40])
    model = net(train)
    calibrated = calibrate(model, band, 0.8)
    assert said_of(calibrated, train, held_out) == set()
    assert said_of(calibrated, train, band) == {CALIBRATED}
    # A part of it is enough.
    assert said_of(calibrated, train, windows.split(source, at=[-60, -30])[1]) == {CALIBRATED}
    further = calibrate(model, band, 0.8, train_on=windows.build(source))
    for own in files(further, tmp_path):
        assert said_of(own, train, held_out) == {TRAINED}
        assert said_of(own, train, band) == {TRAINED, CALIBRATED}
    # Calibrated again, it was still trained on all rows.
    again = fine_tune(further, train, epochs=1, calibration=band)
    assert said_of(again, train, held_out) == {TRAINED}
    assert said_of(model, train, held_out) == set()


def test_a_model_that_carried_no_windows_and_one_inside_another(tmp_path):
    source, windows = KINDS["panel"]
    train, held_out = windows.split(source, at=-40)
    tuned = fine_tune(net(train, carries=False), windows.build(source), epochs=1)
    assert said_of(tuned, train, held_out) == {TRAINED}
    save_model(tuned, tmp_path / "model.keras")
    assert said_of(load_model(tmp_path / "model.keras"), train, held_out) == {TRAINED}
    models = [net(train), fine_tune(net(train), windows.build(source), epochs=1)]
    past = keras.Input((6, 1))
    both = keras.Model(past, keras.layers.Average()([model(past) for model in models]))
    save_model(both, tmp_path / "both.keras")
    for own in (both, load_model(tmp_path / "both.keras")):
        assert said_of(own, train, held_out) == {TRAINED}


def test_other_series_and_other_tables_are_no_overlap():
    source, windows = KINDS["array"]
    train, held_out = windows.split(source, at=-40)
    # Positions of another table say nothing.
    later = np.random.default_rng(1).normal(size=240).cumsum()
    assert said_of(fine_tune(net(train), windows.build(later), epochs=1), train, held_out) == set()
    # Rows that came since, in the same table.
    grown = windows.build(np.append(source, later))
    assert said_of(fine_tune(net(train), grown, epochs=1), train, held_out) == {TRAINED}
    source, windows = KINDS["panel"]
    first = source[source["shop"] == "shop 0"]
    train, held_out = windows.split(source[source["shop"] != "shop 0"], at=-40)
    assert said_of(fine_tune(net(train), windows.build(first), epochs=1), train, held_out) == set()
    # An earlier border of one series is no overlap with a later one of another.
    train, held_out = windows.split(source, at=-40)
    assert said_of(fine_tune(net(train), train, epochs=1), train, held_out) == set()
