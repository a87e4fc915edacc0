"""Seconds of a backtest: the share of its verdict, and 5 refits beside skforecast's own.

    pip install skforecast matplotlib    # in an environment of its own, for development only
    python benchmarks/backtest.py [--epochs 30]

The same net, GRU 32 twice, with the same epochs, batches and folds, one step ahead from every
origin, both in one run. skforecast predicts one origin after the other, and goes on with the
trained weights where it refits; here each fold begins with a fresh model, and predicts in batches.

Before that, for 8 folds of small presets, the share of the time that the baselines and the verdict
add to training and predicting: the course's series, and a panel of 48 weekly seasons.
"""

import argparse
import contextlib
import os
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_ts import WindowedSeries, backtest, course_series, from_preset
from keras_ts.evaluation.judging import Judge

WINDOW, BATCH, FOLDS = 20, 32, 5


def shares():
    """Print what the baselines and the verdict add to 8 folds of small presets, in per cent."""
    rng = np.random.default_rng(51)
    days = np.arange(400)
    panel = [
        rng.uniform(5, 500) * (2 + np.sin(2 * np.pi * days / 7) + rng.normal(0, 0.3, 400))
        for _ in range(48)
    ]
    weekly = from_preset("seasonal_gru", period=7, units=(8,))
    cases = {
        "one series": (from_preset("gru_32x2", units=(8,)), course_series(), 1, {}),
        "one series, 14 steps": (from_preset("gru_32x2", units=(8,)), course_series(), 14, {}),
        "48 series, 14 steps": (weekly, panel, 14, {"period": 7, "test_size": 28}),
    }
    for name, (preset, series, horizon, settings) in cases.items():
        with judging() as seconds:
            begin = time.perf_counter()
            report = backtest(preset, series, horizon, 8, epochs=1, verbose=0, **settings)
            whole = time.perf_counter() - begin
        share = seconds[0] / (whole - seconds[0])
        print(
            f"{name}: 8 folds of 1 epoch {whole:.1f} s, of which baselines and verdict "
            f"{seconds[0]:.2f} s for {report.comparison.windows} windows: {share:.1%} more"
        )


@contextlib.contextmanager
def judging():
    """Sum up the seconds that are spent on baselines and the verdict."""
    methods, seconds = {name: getattr(Judge, name) for name in ("add", "report")}, [0.0]

    def timed(method):
        def call(*arguments):
            begin = time.perf_counter()
            result = method(*arguments)
            seconds[0] += time.perf_counter() - begin
            return result

        return call

    for name, method in methods.items():
        setattr(Judge, name, timed(method))
    try:
        yield seconds
    finally:
        for name, method in methods.items():
            setattr(Judge, name, method)


def net():
    """Return the net, whose layers and output have the names and the shape that skforecast asks."""
    model = keras.Sequential(
        [
            keras.Input((WINDOW, 1), name="series_input"),
            keras.layers.Rescaling(0.01),
            keras.layers.GRU(32, return_sequences=True),
            keras.layers.GRU(32),
            keras.layers.Dense(1),
            keras.layers.Rescaling(100.0),
            keras.layers.Reshape((1, 1), name="output_dense_td_layer"),
        ]
    )
    model = keras.Model(model.inputs, model.outputs[0])
    model.compile(keras.optimizers.Adam(1e-3), "mae")
    return model


def ours(series, epochs):
    # A table of one column, as skforecast's net takes it, whose target keeps its axis. Padding
    # spares every fold a second compilation, and changes no loss.
    windows = WindowedSeries(WINDOW, batch_size=BATCH, shuffle=True, seed=51, remainder="pad")
    table = series[:, None]
    return backtest(
        lambda train: without_axis(net()), table, windows, FOLDS, epochs=epochs, verbose=0
    )


def without_axis(net):
    model = keras.Model(net.inputs, keras.layers.Reshape((1,))(net.outputs[0]))
    model.compile(keras.optimizers.Adam(1e-3), "mae")
    return model


def theirs(series, epochs):
    import pandas as pd
    from skforecast.deep_learning import ForecasterRnn
    from skforecast.model_selection import TimeSeriesFold, backtesting_forecaster_multiseries

    frame = pd.DataFrame({"y": series}, index=pd.date_range("2014-01-01", periods=len(series)))
    size = len(series) // (FOLDS + 1)
    forecaster = ForecasterRnn(
        net(),
        levels="y",
        lags=WINDOW,
        transformer_series=None,
        fit_kwargs={"epochs": epochs, "batch_size": BATCH, "verbose": 0},
    )
    folds = TimeSeriesFold(
        steps=1,
        initial_train_size=len(series) - FOLDS * size,
        refit=size,
        fixed_train_size=False,
        verbose=False,
    )
    _, predictions = backtesting_forecaster_multiseries(
        forecaster,
        frame,
        folds,
        "mean_absolute_error",
        verbose=False,
        show_progress=False,
        suppress_warnings=True,
    )
    places = frame.index.get_indexer(predictions.index)
    return places, np.abs(predictions["pred"].to_numpy() - series[places]).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs
    series = course_series()
    print(f"{keras.backend.backend()}, Keras {keras.__version__}")
    shares()
    print(f"{keras.backend.backend()}, Keras {keras.__version__}: {FOLDS} refits, {epochs} epochs")
    begin = time.perf_counter()
    report = ours(series, epochs)
    seconds = time.perf_counter() - begin
    print(f"keras_ts: {seconds:.1f} s, MAE {report.scores()['mae'][0]:.2f}")
    try:
        import skforecast
    except ImportError:
        print("skforecast is not installed: nothing to compare with.")
        raise SystemExit from None
    keras.utils.set_random_seed(51)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places, error = theirs(series, epochs)
    others = time.perf_counter() - begin
    print(f"skforecast {skforecast.__version__}: {others:.1f} s, MAE {error:.2f}")
    same = np.array_equal(np.sort(places), np.sort(report.table["target"]))
    print(f"{len(places)} targets, {'the same' if same else 'NOT the same'}; ")
    print(f"skforecast took {others / seconds:.1f} times as long")
