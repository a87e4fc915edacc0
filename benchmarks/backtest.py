"""Seconds of a backtest with 5 refits on the course's series: ours, and skforecast's own.

    pip install skforecast matplotlib    # in an environment of its own, for development only
    python benchmarks/backtest.py [--epochs 30]

The same net, GRU 32 twice, with the same epochs, batches and folds, one step ahead from every
origin, both in one run. skforecast predicts one origin after the other, and goes on with the
trained weights where it refits; here each fold begins with a fresh model, and predicts in batches.
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_ts import WindowedSeries, backtest, course_series

WINDOW, BATCH, FOLDS = 20, 32, 5


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
