"""Training at the suggested rate ends about as low as at the best rate of a grid.

The final loss is the mean of the last three epochs, since that of one epoch alone has spikes, and
over three orders of the batches: the best of eleven single trainings is lucky, and looks better
than any rate is.
"""

import itertools
import sys

import keras
import numpy as np
import pytest

from keras_ts import ExpandSeries, WindowedSeries, course_series, find_learning_rate

WINDOW, BATCH, EPOCHS, SEEDS, ORDERS = 20, 32, 15, 5, 3
GRID = np.logspace(-5, 0, 11)


def course():
    return course_series()[:1000]


def waves():
    """Two periods that do not fit together, and noise."""
    t = np.arange(1200)
    noise = np.random.default_rng(4).normal(size=1200)
    return np.sin(2 * np.pi * t / 17) + 0.5 * np.sin(2 * np.pi * t / 5.3) + 0.5 * noise


def autoregression():
    """A damped oscillation that noise keeps going, over a season."""
    noise, series = np.random.default_rng(3).normal(size=1220), np.zeros(1220)
    for t in range(2, 1220):
        series[t] = 1.6 * series[t - 1] - 0.7 * series[t - 2] + noise[t]
    return series[20:] + 3 * np.sin(2 * np.pi * np.arange(1200) / 25)


def co2():
    """Yearly change of the weekly concentration of carbon dioxide; 59 gaps are filled."""
    from statsmodels.datasets import co2

    weekly = co2.load_pandas().data["co2"].interpolate().to_numpy()
    return weekly[52:] - weekly[:-52]


def dense():
    return [keras.layers.Dense(32, "relu"), keras.layers.Dense(16, "relu")]


def gru():
    return [ExpandSeries(), keras.layers.GRU(16)]


OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(0.1),
}


def suggested(model, x, y):
    """The geometric mean of the rates that five sweeps suggest, by other orders of the batches."""
    rates = []
    for order in range(5):
        random = np.random.default_rng(order).permutation(len(x))
        sweep = find_learning_rate(model, x[random], y[random], batch_size=BATCH, verbose=0)
        rates.append(sweep.suggest())
    return np.exp(np.mean(np.log(rates)))


def excess(x, y, body, optimizer):
    """Final loss at the suggested rate over the best of the grid's, for each seed."""
    model = keras.Sequential([keras.Input((WINDOW,)), *body(), keras.layers.Dense(1)])
    model.compile(OPTIMIZERS[optimizer](), "mse")
    model.optimizer.build(model.trainable_variables)
    fresh = [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables]

    def begin(weights):
        model.set_weights(weights)
        for variable, value in zip(model.optimizer.variables, fresh, strict=True):
            variable.assign(value)

    def final_loss(weights, rate, seed):
        losses = []
        for order in range(ORDERS):
            begin(weights)
            model.optimizer.learning_rate = rate
            keras.utils.set_random_seed(100 * order + seed)
            fit = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
            losses += fit.history["loss"][-3:]
        return np.nan_to_num(np.mean(losses), nan=np.inf)

    for seed in range(SEEDS):
        keras.utils.set_random_seed(seed)
        weights = keras.models.clone_model(model).get_weights()
        begin(weights)
        rate = suggested(model, x, y)
        best = min(final_loss(weights, rate, seed) for rate in GRID)
        yield final_loss(weights, rate, seed) / best


@pytest.mark.slow
def test_the_suggested_rate_is_nearly_the_best(capsys):
    def report(line):
        with capsys.disabled():
            sys.stdout.write(f"\n{line}")

    ratios = []
    for series, body, optimizer in itertools.product(
        (course, waves, autoregression, co2), (dense, gru), OPTIMIZERS
    ):
        values = np.asarray(series(), "float32")
        values = (values - values.mean()) / values.std()
        x, y = (np.array(part) for part in WindowedSeries(WINDOW).build(values).to_numpy())
        ratios.append(list(excess(x, y, body, optimizer)))
        report(f"{series.__name__:15}{body.__name__:6}{optimizer:5} {np.round(ratios[-1], 3)}")
    report(f"median {np.median(ratios):.3f}, worst {np.max(ratios):.3f}")
    assert np.median(ratios) <= 1.05
    assert np.max(ratios) <= 1.15
