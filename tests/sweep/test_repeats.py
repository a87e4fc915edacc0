"""Several sweeps in one call: their mean, an interval, and records of them."""

import csv

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_ts import ExponentialLRSweep, WindowedSeries, course_series, find_learning_rate
from sweep_helpers import X, Y, assert_same_bits, dense, state


@pytest.fixture(scope="module")
def sweep():
    return find_learning_rate(dense("adam"), X, Y, repeats=5, steps=60, batch_size=32, verbose=0)


def test_losses_are_the_mean_and_the_interval_holds_the_suggestion(sweep):
    assert len(sweep.repeats) == 5
    np.testing.assert_allclose(sweep.losses, np.mean(sweep.repeats, axis=0), rtol=1e-12)
    low, high = sweep.suggest_interval()
    assert low <= sweep.suggest() <= high
    with pytest.raises(ValueError, match=r"find_learning_rate.*repeats=5"):
        find_learning_rate(dense(), X, Y, verbose=0, steps=80).suggest_interval()
    with pytest.raises(ValueError, match="repeats must be >= 1"):
        find_learning_rate(dense(), X, Y, repeats=0)


@pytest.mark.parametrize("differs", ["shuffle", "dropout", "windows", "nothing"])
def test_repeats_differ_in_their_random_numbers_alone(differs):
    model = dense("adam", noisy=differs == "dropout")
    model.optimizer.build(model.trainable_variables)
    x, y, arguments = X, Y, {"shuffle": differs == "shuffle", "batch_size": 16}
    if differs == "windows":
        x = WindowedSeries(6, batch_size=16, shuffle=True, seed=1).build(course_series()[:200])
        y, arguments = None, {}
        position = x.state()
    before = state(model)

    def curves():
        keras.utils.set_random_seed(7)
        sweep = find_learning_rate(model, x, y, end_lr=1e-2, steps=12, repeats=2, verbose=0,
                                   **arguments)  # fmt: skip
        assert_same_bits(before, state(model))
        return sweep.repeats

    # Once before: on JAX and PyTorch, Keras takes a batch more to build a model's metrics.
    curves()
    one, other = curves()
    # TensorFlow bakes the seed above into its shuffle of arrays, which no repeat can change.
    fixed = differs == "shuffle" and keras.backend.backend() == "tensorflow"
    assert (one == other) == (differs == "nothing" or fixed)
    if differs == "windows":
        assert x.state() == position
    keras.utils.set_random_seed(7)
    numpy_state = np.random.get_state()[1].copy()
    again = curves()
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    if keras.backend.backend() != "tensorflow":
        # TensorFlow's own shuffle of arrays draws from a state that nobody can put back.
        assert again == [one, other]


def test_out_and_back_the_same_bits(sweep, tmp_path):
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


def test_the_plot_shows_repeats_and_interval(sweep):
    axes = sweep.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    low, high = sweep.suggest_interval()
    assert "5 repeats" in labels
    assert f"suggested: {sweep.suggest():.2e} ({low:.2e} to {high:.2e})" in labels
    spans = [patch.get_extents().x0 for patch in axes.patches]
    assert axes.transData.transform((low, 0))[0] == pytest.approx(min(spans))
    plt.close("all")


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


def test_progress_goes_on_over_all_repeats(capsys):
    find_learning_rate(dense(), X, Y, end_lr=1e-3, steps=12, repeats=2, verbose=1)
    shown = capsys.readouterr().out
    assert "24/24" in shown
    assert "lr: " in shown
    find_learning_rate(dense(), X, Y, end_lr=1e-3, steps=12, verbose=0)
    assert capsys.readouterr().out == ""
