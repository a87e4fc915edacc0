"""A curve draws and exports what was recorded."""

import csv
import json

import keras
import numpy as np
import pytest

from keras_ts import (
    ExponentialLRSweep,
    find_learning_rate,
)
from sweep_helpers import X, Y, dense, fit


def test_too_few_points_say_so():
    sweep = find_learning_rate(dense(), X, Y, steps=9, verbose=0)
    with pytest.raises(ValueError, match=r"needs 10 finite losses. The sweep begins with 9"):
        sweep.suggest()
    with pytest.raises(ValueError, match="steps must be >= 2"):
        find_learning_rate(dense(), X, Y, steps=1)
    for updates, accumulated in ((1, None), (0, 2)):  # A fit of one batch
        model = dense(keras.optimizers.SGD(0.1, gradient_accumulation_steps=accumulated))
        with pytest.raises(ValueError, match=f"steps=None, and a fit whose length is {updates}"):
            model.fit(X, Y, batch_size=96, verbose=0, callbacks=[ExponentialLRSweep(1e-3, 1e-1)])


def test_the_plot_shows_repeats_and_interval(sweep):
    axes = sweep.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    low, high = sweep.suggest_interval()
    assert "5 repeats" in labels
    assert labels[-2:] == [f"suggested: {sweep.suggest():.2e}", f"{low:.1e} to {high:.1e}"]
    spans = [patch.get_extents().x0 for patch in axes.patches]
    assert axes.transData.transform((low, 0))[0] == pytest.approx(min(spans))


def test_a_run_for_tensorboard(sweep, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sweep.to_tensorboard(tmp_path / "logs")
    events = EventAccumulator(str(tmp_path / "logs"), size_guidance={"tensors": 0}).Reload()
    for name, values in (
        ("loss", sweep.losses),
        ("smoothed_loss", sweep.smoothed_losses),
        ("learning_rate", sweep.lrs),
    ):
        read = [
            (event.step, event.tensor_proto.float_val[0])
            for event in events.Tensors(f"sweep/{name}")
        ]
        assert [step for step, _ in read] == list(range(len(values)))
        np.testing.assert_allclose([value for _, value in read], values, rtol=1e-6)


def test_tensorboard_missing_says_what_to_install(sweep, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.summary", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        sweep.to_tensorboard(tmp_path)


def test_sweep_marks_suggestion_and_divergence(tmp_path):
    sweep = ExponentialLRSweep(1e-6, 1.0, steps=60)
    with pytest.raises(ValueError, match="recorded nothing"):
        sweep.plot()
    for i in range(60):
        fall = 1 / (1 + np.exp(0.3 * (i - 25)))
        sweep._record(10 ** (-6 + i / 10), fall + np.exp(0.5 * (i - 55)))
    sweep._state = "diverged"
    axes = sweep.plot(filepath=tmp_path / "sweep.png")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:2] == ["loss of the batch", "smoothed"]
    assert f"suggested: {sweep.suggest():.2e}" in labels
    assert "diverged" in labels
    assert axes.get_xscale() == "log"


def test_out_and_back_the_same_bits(tmp_path):
    sweep = ExponentialLRSweep(1e-4, 1e9, steps=60, stop_factor=None)
    dense().fit(X, Y, batch_size=8, epochs=5, verbose=0, callbacks=[sweep])
    assert sweep.stopped == "non-finite"
    path = tmp_path / "sweep.json"
    sweep.to_json(path)
    again = ExponentialLRSweep.from_json(path)
    assert again.get_config() == sweep.get_config()
    assert again.stopped == sweep.stopped
    np.testing.assert_array_equal(again.losses, sweep.losses)
    np.testing.assert_array_equal(again.smoothed_losses, sweep.smoothed_losses)
    assert again.lrs == sweep.lrs
    sweep.to_csv(tmp_path / "sweep.csv")
    table = np.genfromtxt(tmp_path / "sweep.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(table["loss"], sweep.losses)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(FileNotFoundError, match="does not exist"):
        sweep.to_json(tmp_path / "no" / "sweep.json")


def test_out_and_back_the_same_bits_with_repeats(sweep, tmp_path):
    sweep.to_json(tmp_path / "sweep.json")
    again = ExponentialLRSweep.from_json(tmp_path / "sweep.json")
    assert again.to_dict() == sweep.to_dict()
    assert again.suggest_interval() == sweep.suggest_interval()
    sweep.to_csv(tmp_path / "sweep.csv")
    with (tmp_path / "sweep.csv").open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    assert names == ["lr", "loss", "smoothed_loss", *(f"loss_{i}" for i in range(5))]
    columns = [[float(value) for value in column] for column in zip(*rows, strict=True)]
    assert columns == [sweep.lrs, sweep.losses, sweep.smoothed_losses, *sweep.repeats]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The text of a good file."""
    path = tmp_path_factory.mktemp("written") / "sweep.json"
    sweep = ExponentialLRSweep(1e-4, 1e-1)
    fit(sweep)
    sweep.to_json(path)
    return path.read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: "{", "is not a sweep that to_json wrote: Expecting"),
        (lambda c: "[1]", "is not a sweep that to_json wrote: cannot convert"),
        (lambda c: "{}", "it lacks config, curve, began, epoch_starts"),
        (lambda c: json.dumps({**c, "curve": {"lrs": []}}), "it lacks losses, stopped"),
        (lambda c: json.dumps({k: v for k, v in c.items() if k != "config"}), "it lacks config"),
        (
            lambda c: json.dumps({**c, "config": {"start": 1}}),
            "unexpected keyword argument 'start'",
        ),
        (lambda c: json.dumps({**c, "config": {"start_lr": -1}}), "start_lr must be > 0"),
        (
            lambda c: json.dumps({**c, "curve": {**c["curve"], "losses": [1.0]}}),
            "zip.. argument 2 is shorter",
        ),
        (lambda c: "[" * 100_000, "is not a sweep that to_json wrote"),
        (
            lambda c: json.dumps({**c, "curve": {**c["curve"], "losses": [10**400] * 16}}),
            "int too large",
        ),
    ],
)
def test_files_of_another_kind_are_refused(written, tmp_path, change, says):
    path = tmp_path / "sweep.json"
    path.write_text(change(json.loads(written)))
    with pytest.raises(ValueError, match=says):
        ExponentialLRSweep.from_json(path)


def test_what_is_no_path_of_a_file_is_refused_by_name(tmp_path):
    with pytest.raises(
        TypeError, match=r"filepath must be a str or a Path\. Received: filepath=None"
    ):
        ExponentialLRSweep.from_json(None)
    with pytest.raises(ValueError, match="is not a file"):
        ExponentialLRSweep.from_json(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        ExponentialLRSweep.from_json(tmp_path / "sweep.json")
    with pytest.raises(TypeError, match="log_dir must be a str or a Path"):
        ExponentialLRSweep(end_lr=1.0, steps=9).to_tensorboard(None)
