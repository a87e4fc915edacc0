"""Makes the models of a release that carry windows, columns, quantiles and a verdict.

Beside each stands what it gives, and what the file says of itself: its carried settings, its
scorecard, and the description that an exported file would have.
"""

import gzip
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

import keras_ts
from keras_ts import (
    RecurrentPreset,
    Rollout,
    calibrate,
    compare,
    follow,
    forecast,
    from_preset,
    save_model,
)
from keras_ts.exporting.description import describe
from keras_ts.interface import Interface, carried_by
from keras_ts.layers.conformal_interval import ConformalInterval


def table(series=1, rows=120):
    """Return daily rows of some series: units sold, a promotion, a type in words."""
    random = np.random.RandomState(51)
    day = np.arange(rows)
    frames = []
    for number in range(series):
        promotion = random.randint(0, 2, rows)
        units = 20 + 5 * np.sin(day * np.pi / 3.5) + 3 * promotion + random.randn(rows)
        frame = {
            "shop": f"shop {number}",
            "day": pd.date_range("2024-01-01", periods=rows),
            "units": units.round(2),
            "promotion": promotion.astype(float),
            "type": ["large", "small"][number % 2],
        }
        frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True)


def stores():
    """A panel with all kinds of columns; missing days, bounds, calibrated intervals, a verdict."""
    frame = table(series=6).drop([30, 31, 150])
    preset = from_preset("seasonal_gru", period=7, units=(2,), minimum=0.0)
    windows = preset.windows_for(
        frame, horizon=3, at="2024-03-15", window=14, target_columns="units", id_column="shop",
        time_column="day", future_columns="promotion", static_columns="type", calendar="year",
    )  # fmt: skip
    train, held_out, judged = windows.split(frame, at=["2024-03-15", "2024-04-05"])
    model = calibrate(preset.fit(train, epochs=1, verbose=0), held_out, coverage=[0.8, 0.95])
    return model, judged, compare(model, train, judged, period=7)


def smooth():
    """One long series: smoothing, a ridge regression, events of a calendar, three quantiles."""
    frame = table()[["day", "units"]]
    preset = from_preset("smooth_gru", units=(2,), quantiles=(0.1, 0.5, 0.9))
    windows = preset.windows_for(
        frame, horizon=2, at=-20, window=10, target_columns="units", time_column="day",
        calendar="week",
    )  # fmt: skip
    train, held_out = windows.split(frame, at=-20)
    model = preset.fit(train, epochs=1, verbose=0)
    return model, held_out, compare(model, train, held_out)


def holes():
    """Masked holes, of one column and of all, for a core that takes no masks."""
    values = table()[["units", "promotion"]].to_numpy(copy=True)
    values[40:43] = np.nan
    values[60, 1] = np.nan
    windows = keras_ts.WindowedSeries(8, 2, target_columns=0, missing="mask")
    train, held_out = windows.split(values, at=-30)
    preset = RecurrentPreset(window_norm="last", units=(2,))
    core = keras.Sequential([keras.layers.Conv1D(2, 3), keras.layers.GlobalAveragePooling1D()])
    model = preset.build(train, core=core)
    return _trained(model, train), held_out, None


def each_step():
    """A forecast at every step of a window that may have holes."""
    values = table()["units"].to_numpy(copy=True)
    values[40:43] = np.nan
    windows = keras_ts.WindowedSeries(8, targets="sequence", missing="mask")
    train, held_out = windows.split(values, at=-30)
    preset = RecurrentPreset("sequence_to_sequence", window_norm="mean", units=(2,))
    return _trained(preset.build(train), train), held_out, None


def sampled():
    """Sample paths and bands that have followed; series without a row; a median for a category."""
    frame = table(series=6)
    preset = from_preset("seasonal_gru", period=7, units=(2,), quantiles=(0.1, 0.5, 0.9))
    windows = preset.windows_for(
        frame, horizon=3, at="2024-03-15", window=14, min_inputs=0, unseen="mean", id_column="shop",
        target_columns="units", future_columns="promotion", static_columns="type", calendar="week",
        time_column="day",
    )  # fmt: skip
    train, held_out, judged = windows.split(frame, at=["2024-03-15", "2024-04-05"])
    model = calibrate(preset.fit(train, epochs=1, verbose=0), held_out, joint=True)
    known, coming = frame[frame["day"] < "2024-04-25"], frame[frame["day"] >= "2024-04-25"]
    ahead = forecast(model, known, future=coming.drop(columns="units"))
    return follow(model, ahead, frame), judged, None


def averaged():
    """The mean of two nets, each of which a gate holds to the regression that it starts from."""
    preset = from_preset("smooth_gru", units=(2,), quantiles=(0.1, 0.5, 0.9))
    frame, settings = table()[["day", "units"]], {"target_columns": "units", "time_column": "day"}
    train, held_out = preset.split(
        frame, horizon=2, at=-20, window=10, calendar=["week", "year"], **settings
    )
    model = preset.fit(train, epochs=1, members=2, verbose=0)
    return model, held_out, compare(model, train, held_out)


def line():
    """The linear regression as a model, with holidays whose dates are in the file."""
    frame, preset = table(series=2).drop(columns="type"), from_preset("linear")
    train, held_out = preset.split(
        frame, horizon=2, at="2024-04-10", window=10, calendar=["week", "holidays:DE"],
        target_columns="units", id_column="shop", time_column="day", future_columns="promotion",
    )  # fmt: skip
    return preset.fit(train, verbose=0), held_out, None


def _trained(model, train):
    model.compile("adam", "mae")
    model.fit(train, verbose=0)
    return model


MAKERS = (stores, smooth, holes, each_step, sampled, averaged, line)
FORECASTERS = {make.__name__: make for make in MAKERS}


def said(model):
    """Return what a model says of itself, as JSON gives it back."""
    carried = carried_by(model)
    about = {
        "windows": carried.windows.get_config(),
        "columns": carried.columns.by_part(),
        "frequency": carried.frequency,
        "quantiles": carried.quantiles,
        "description": describe(Rollout(model)),
    }
    if isinstance(last := Interface.of(model).last_layer, ConformalInterval):
        about["intervals"] = last.get_config()
    return json.loads(json.dumps(about))


def make(folder):
    """Put one of each into a folder."""
    for name, build in FORECASTERS.items():
        keras.utils.set_random_seed(51)
        model, held_out, report = build()
        x = held_out[0][0]
        inputs = x if isinstance(x, dict) else {"past": x}
        np.savez_compressed(
            folder / f"{name}.npz",
            predictions=model.predict(x, verbose=0),
            **{f"input_{part}": values for part, values in inputs.items()},
        )
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary, "model.keras")
            save_model(model, path, report=report)
            packed = gzip.compress(path.read_bytes(), mtime=0)
        (folder / f"{name}.keras.gz").write_bytes(packed)
        about = said(model)
        if report is not None:
            about["scorecard"] = keras_ts.scorecard(model).to_dict()
        (folder / f"{name}.about.json").write_text(json.dumps(about, indent=1) + "\n")
