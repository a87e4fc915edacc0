"""One call sweeps once or several times, and leaves the model as it was."""

import keras
import numpy as np
import pytest

from keras_ts import (
    WindowedSeries,
    course_series,
    find_learning_rate,
)
from sweep_helpers import X, Y, assert_same_bits, dense, state


def test_losses_are_the_mean_and_the_interval_holds_the_suggestion(sweep):
    assert len(sweep.repeats) == 5
    np.testing.assert_allclose(sweep.losses, np.mean(sweep.repeats, axis=0), rtol=1e-12)
    low, high = sweep.suggest_interval()
    assert low <= sweep.suggest() <= high
    with pytest.raises(ValueError, match=r"find_learning_rate.*repeats=5"):
        find_learning_rate(dense(), X, Y, verbose=0, steps=80).suggest_interval()
    with pytest.raises(ValueError, match="repeats must be >= 1"):
        find_learning_rate(dense(), X, Y, repeats=0)
    with pytest.raises(TypeError, match="x must be training data"):
        find_learning_rate(dense(), None)


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


def test_progress_goes_on_over_all_repeats(capsys):
    find_learning_rate(dense(), X, Y, end_lr=1e-3, steps=12, repeats=2, verbose=1)
    shown = capsys.readouterr().out
    assert "24/24" in shown
    assert "lr: " in shown
    find_learning_rate(dense(), X, Y, end_lr=1e-3, steps=12, verbose=0)
    assert capsys.readouterr().out == ""


def test_all_steps_run_under_accumulation():
    model = dense(keras.optimizers.SGD(1e-3, gradient_accumulation_steps=4))
    sweep = find_learning_rate(model, X, Y, end_lr=1e-5, steps=12, batch_size=96, verbose=0,
                               stop_factor=None)  # fmt: skip
    assert sweep.stopped == "finished"
    assert len(sweep.lrs) == 12
