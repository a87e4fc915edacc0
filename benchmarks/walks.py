"""Counts the rooms that a call walks through: files entered, and how often it climbs.

A call that goes down through the house once, and comes back up once, is easy to follow. Files count
in the order in which they are first entered. A climb is a file in a higher room than that of the
file before it.

Usage: python benchmarks/walks.py [--files]
"""

import runpy
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

import keras_ts
from keras_ts import RecurrentPreset, WindowedSeries, forecast, save_model

ROOMS = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "imports.py"))["ROOMS"]
PACKAGE = Path(keras_ts.__file__).parent


def walk(call):
    """Return the files of keras_ts that a call enters, in order of their first entry."""
    files = {}

    def enter(frame, event, _):
        path = frame.f_code.co_filename
        # Code at the top of a file runs at import alone.
        if event == "call" and path.startswith(str(PACKAGE)) and frame.f_code.co_name != "<module>":
            files.setdefault(str(Path(path).relative_to(PACKAGE).with_suffix("")))

    sys.setprofile(enter)
    try:
        call()
    finally:
        sys.setprofile(None)
    return list(files)


def height(file):
    """Return the height of a file's room: its row in the house."""
    return next(row for row, rooms in enumerate(ROOMS) if file.split("/")[0] in rooms)


def climbs(files):
    """Return how often a file lies in a higher room than the one before."""
    return sum(height(after) > height(before) for before, after in pairwise(files))


def main():
    """Count the walks of a forecast with a plan, of a preset built for a dataset, and of a save."""
    days = pd.date_range("2024-01-01", periods=60)
    rows = [
        pd.DataFrame({"shop": shop, "day": days, "units": np.arange(60.0) + 7 * number,
                      "promo": np.arange(60) % 5 == number, "size": 10.0 * number})
        for number, shop in enumerate(["north", "south"])
    ]  # fmt: skip
    sales = pd.concat(rows, ignore_index=True)
    past, plan = sales[sales.day < days[50]], sales[sales.day >= days[50]]
    windows = WindowedSeries(14, 7, target_columns="units", future_columns="promo",
                             static_columns="size", calendar="week", missing="mask",
                             id_column="shop", time_column="day")  # fmt: skip
    dataset = windows.build(past)
    preset = RecurrentPreset(
        "sequence_to_vector", "gru", (4,), window_norm="last", smoothing="linear",
        quantiles=(0.1, 0.5, 0.9),
    )  # fmt: skip
    model = preset.build(dataset)
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/model.keras"
        calls = {
            "forecast(model, frame, future=plan)": lambda: forecast(model, past, future=plan),
            "RecurrentPreset.build(dataset)": lambda: preset.build(dataset),
            # Keras asks each layer for its config, however a model is saved.
            "save_model(model, filepath), beside model.save(filepath)": lambda: save_model(
                model, file
            ),
        }
        walks = {name: walk(call) for name, call in calls.items()}
        by_keras = walk(lambda: model.save(file))
    *_, saved = walks
    walks[saved] = [file for file in walks[saved] if file not in by_keras]
    for name, files in walks.items():
        print(f"{name}: {len(files)} files, {climbs(files)} climbs")
        if "--files" in sys.argv:
            print("\n".join(f"  {height(file)} {file}" for file in files))


if __name__ == "__main__":
    main()
