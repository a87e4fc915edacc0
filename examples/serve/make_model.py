"""Trains a small model of daily sales, and exports it for the server.

    python examples/serve/make_model.py sales.onnx

The sales are those of six stores, which keras_ts makes up: promotions are known ahead, the type of
a store is a word, and a closed day has no row. Weeks and years are computed from the day.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pandas as pd

from keras_ts import export_model, from_preset
from keras_ts.datasets import store_sales


def main(filepath: str, epochs: int = 5) -> keras.Model:
    """Train on all rows, export, and return the model."""
    table = pd.DataFrame(store_sales()[0])
    preset = from_preset("gru_32x2", quantiles=(0.1, 0.5, 0.9), minimum=0)
    windows = preset.windows_for(
        table, 14, window=28, target_columns="units", future_columns="promotion",
        static_columns="type", calendar=["week", "year"], id_column="store", time_column="day",
    )  # fmt: skip
    model = preset.fit(windows.build(table), epochs=epochs, verbose=2)
    export_model(model, filepath, "onnx")
    return model


if __name__ == "__main__":
    main(*sys.argv[1:])
