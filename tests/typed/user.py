"""A file of a user, for type checkers alone: from a table to a file, and layers in a net.

No line has an ignore but the import of Keras, which ships no types.
"""

from pathlib import Path

import keras  # type: ignore[import-untyped]
import pandas as pd

import keras_ts
from keras_ts.datasets import store_sales
from keras_ts.layers import Bounded, NormalizeWindow, RestoreWindow, SortedQuantiles
from keras_ts.losses import QuantileLoss
from keras_ts.metrics import IntervalCoverage, MedianMAE
from keras_ts.scale import BatchForecaster


def train(table: pd.DataFrame, plan: pd.DataFrame, folder: Path) -> str:
    """Train, judge and save a model of a table; return its verdict."""
    preset = keras_ts.from_preset("seasonal_gru", period=7, minimum=0, quantiles=(0.1, 0.5, 0.9))
    windows = preset.windows_for(
        table, horizon=14, at="2024-10-01", target_columns="units", id_column="store",
        time_column="day", future_columns=["promotion"], static_columns="type", calendar="year",
    )  # fmt: skip
    train, held_out, judged = windows.split(table, at=["2024-10-01", "2024-11-15"])
    model = preset.fit(train, epochs=1, verbose=0)
    calibrated = keras_ts.calibrate(model, held_out, coverage=0.8)
    report = keras_ts.compare({"net": calibrated}, train, judged, period=7)
    print(report, report.best, report.scores(by="series"))
    keras_ts.save_model(calibrated, folder / "model.keras", report=report)
    card = keras_ts.scorecard(folder / "model.keras")
    ahead: pd.DataFrame = keras_ts.forecast(calibrated, table, future=plan)
    ahead.to_csv(folder / "forecast.csv")
    return report.verdicts["net"] if card.ok else "; ".join(card.remarks)


def course_net(series: list[float]) -> float:
    """Train a net of single layers at a rate that a sweep suggests."""
    windows = keras_ts.WindowedSeries(window=20, batch_size=32, shuffle=True, seed=51)
    train, held_out = windows.split(series, at=-100)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras_ts.ExpandSeries(),
            keras.layers.GRU(8),
            keras.layers.Dense(1),
            keras_ts.ScaleOutput(100.0),
            Bounded(minimum=0.0),
        ]
    )
    model.compile("sgd", "mse")
    sweep = keras_ts.find_learning_rate(model, train, steps=50, verbose=0)
    rate: float = sweep.suggest()
    placed = held_out.align(model.predict(held_out))
    print(len(train), held_out.num_windows, placed["predictions"].shape, train.state()["epoch"])
    return rate


def quantile_net() -> keras.Model:
    """Compile a net whose last layer sorts its quantiles."""
    quantiles = [0.1, 0.5, 0.9]
    inputs = keras.Input((20, 1))
    normalized, location, scale = NormalizeWindow("last")(inputs)
    hidden = keras.layers.Dense(3)(keras.layers.LSTM(8)(normalized))
    outputs = RestoreWindow()([SortedQuantiles(quantiles)(hidden), location, scale])
    model = keras.Model(inputs, outputs)
    model.compile(
        "adam", QuantileLoss(quantiles), metrics=[MedianMAE(quantiles), IntervalCoverage(quantiles)]
    )
    return model


def every_day(model: keras.Model, table: pd.DataFrame, folder: Path) -> bool:
    """Check a model and its files; judge it in a backtest of a preset."""
    choice = keras_ts.choose_preset(table, 7, time_column="day", calendar=["week", 30.5])
    stop = keras.callbacks.EarlyStopping("val_loss")
    train, held_out = choice.preset.split(table, 7, at=-100, time_column="day", missing="mask")
    choice.preset.fit(train, members=3, validation_data=held_out, callbacks=[stop], verbose=None)
    small = keras_ts.sequence_to_vector(cell="gru", units=(8,), window=20)
    keras_ts.fine_tune(small, train, epochs=2, verbose=0)
    report = keras_ts.backtest(
        choice.preset, table["units"], 7, n_splits=3, epochs=2, core=None, callbacks=[stop]
    )
    reloaded = keras_ts.check_reload(model, table["units"].to_numpy())
    keras_ts.export_model(
        model, folder / "model.onnx", format="onnx", check=table["units"].to_numpy()
    )
    ahead = BatchForecaster(str(folder / "model.keras"), steps=14)(table)
    windows = keras_ts.load_windows(folder / "model.keras")
    return reloaded.ok and windows is not None and len(ahead) > 0 and bool(report.verdicts)


if __name__ == "__main__":
    sales, plan = map(pd.DataFrame, store_sales())
    print(train(sales, plan, Path("out")))
