"""What takes long says so on one line, and what does not is quiet."""

import time

import keras
import numpy as np
import pytest

from keras_ts import (
    Recipe,
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    _progress,
    backtest,
    calibrate,
    compare,
    find_learning_rate,
    fine_tune,
)
from keras_ts.windows import blocks

pytestmark = pytest.mark.usefixtures("untraced_models")
SERIES = np.sin(np.arange(80.0))
PRESET = RecurrentPreset(units=(2,), recipe=Recipe("mae", "adamw", 1e-3, 16, 3))


@pytest.fixture(autouse=True)
def _shown(monkeypatch):
    monkeypatch.setattr(keras.config, "is_interactive_logging_enabled", lambda: True)


@pytest.fixture
def impatient(monkeypatch):
    """Let whatever has more than one part take too long, in a terminal."""
    monkeypatch.setattr(_progress, "_renews", lambda: True)
    monkeypatch.setattr(_progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(blocks, "_WINDOWS", 16)


@pytest.fixture(scope="module")
def parts():
    return WindowedSeries(6, batch_size=16).split(SERIES, at=46)


@pytest.fixture(scope="module")
def trained(parts):
    past = keras.Input((6,))
    model = keras.Model(past, keras.layers.Dense(1)(WindowedInput.of(parts[0])(past)))
    model.compile("sgd", "mae")
    return model


@pytest.mark.parametrize(("patience", "verbose"), [(0.0, 1), (0.0, 0), (600.0, 1)])
def test_fine_tune_says_what_it_does(trained, parts, monkeypatch, capsys, patience, verbose):
    """At once, if nobody is patient, and unless told not to."""
    monkeypatch.setattr(_progress, "_renews", lambda: True)
    monkeypatch.setattr(_progress, "PATIENCE_SECONDS", patience)
    said = verbose == 1 and not patience
    fine_tune(trained, parts[0], epochs=2, learning_rate=1e-4, verbose=verbose)
    told = capsys.readouterr()
    line = f"Training further on train: 2 epochs of {len(parts[0])} batches ...\n"
    assert (line in told.err, "6/6" in told.out) == (said, said)


def test_nothing_is_said_where_keras_is_quiet(impatient, monkeypatch, capsys):
    monkeypatch.setattr(keras.config, "is_interactive_logging_enabled", lambda: False)
    with _progress.told("Working ..."):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_compare_and_calibrate_show_progress_on_much_data(trained, parts, impatient, capsys):
    """A backtest, which calls them for each fold, shows the folds alone."""
    calibrate(trained, parts[1], coverage=0.8)
    assert "34/34" in capsys.readouterr().out
    compare(trained, *parts, baselines=["naive", "drift"])
    assert f"{3 * 34}/{3 * 34}" in capsys.readouterr().out
    settings = {"n_splits": 1, "validation_size": 20, "coverage": 0.8, "epochs": 1}
    backtest(PRESET, SERIES, {"horizon": 1, "window": 6}, **settings)
    printed = capsys.readouterr().out
    assert ("/34" in printed, "1/1" in printed) == (False, True)


def test_little_data_is_judged_in_silence_and_much_in_a_file(trained, parts, monkeypatch, capsys):
    calibrate(trained, parts[1], coverage=0.8)
    compare(trained, *parts)
    monkeypatch.setattr(_progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(blocks, "_WINDOWS", 16)
    calibrate(trained, parts[1], coverage=0.8)
    compare(trained, *parts)
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize("members", [1, 2])
def test_a_fit_renews_one_line(parts, monkeypatch, capsys, members):
    """Its losses are those of the last epoch, as in the history."""
    monkeypatch.setattr(_progress, "_renews", lambda: True)
    model = PRESET.fit(parts[0], members=members, validation_data=parts[1])
    printed = capsys.readouterr().out
    assert printed.count("\n") == members
    assert printed.count("\r") > 2 * members
    if members == 1:
        history = {name: values[-1] for name, values in model.history.history.items()}
        assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
        last = printed.split("\r")[-1]
        assert all(f"{name}: {value:.4f}" in last for name, value in history.items())


def last_line(capsys):
    (line,) = capsys.readouterr().out.splitlines()
    return line


def test_in_a_file_the_end_of_a_fit_is_written_alone(parts, capsys):
    steps = len(parts[0])
    PRESET.fit(parts[0])
    assert last_line(capsys).startswith(f"{3 * steps}/{3 * steps} - ")
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9, start_from_epoch=0)
    PRESET.fit(parts[0], callbacks=[stop])
    assert last_line(capsys).startswith(f"{2 * steps}/{3 * steps} - ")


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (2, 6)])
def test_other_values_of_verbose_are_those_of_keras(parts, capsys, verbose, lines):
    PRESET.fit(parts[0], verbose=verbose)
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_the_line_counts_what_a_share_of_the_net_is_chosen_by(capsys):
    """A net that is trained on the first three quarters, before the one that is kept."""
    preset = RecurrentPreset(
        units=(2,), window_norm="last", smoothing="linear",
        recipe=Recipe("mae", "adamw", 1e-3, 16, 2),
    )  # fmt: skip
    train = WindowedSeries(6, batch_size=16).build(SERIES)
    preset.fit(train)
    done, total = last_line(capsys).partition(" - ")[0].split("/")
    assert done == total
    assert int(total) > 2 * len(train)


def test_a_sweep_fills_no_file(trained, parts, capsys):
    find_learning_rate(trained, parts[0], steps=5)
    assert last_line(capsys).startswith("5/5 - ")
