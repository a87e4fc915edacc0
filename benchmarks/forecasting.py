"""Milliseconds of a forecast beside its own arithmetic, and the memory that many calls take.

    python benchmarks/forecasting.py

All in one run, by turns, since machines differ and are shared; medians. Targets: a second call at
most 20 ms beyond the compiled loop; 1,000 calls at most 5 MB; 10,000 series of 100 rows, from frame
to frame, at most 2 times the loop and the reading of the frame.
"""

import gc
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_ts import WindowedSeries, forecast, from_preset
from keras_ts.forecasting.loop import Rounds, compiled_loop, predict
from keras_ts.panel.panel import read_panel

STEPS, TURNS = 30, 5
WINDOWS = WindowedSeries(20)
RNG = np.random.default_rng(0)


def seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def by_turns(*calls):
    """Return the seconds of each call at each turn."""
    for call in calls:
        call()
    return [[seconds(call) for call in calls] for _ in range(TURNS)]


def medians(turns):
    return [statistics.median(column) for column in zip(*turns, strict=True)]


def megabytes():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def loop_of(model, windows, panel, steps):
    """Return a call of the compiled loop alone, on the inputs that a forecast gives it."""
    columns = panel.columns.with_calendar(windows.calendar_columns)
    rounds = Rounds(
        windows.geometry, -(-steps // windows.horizon), columns.target_shape, 0, columns.sources
    )
    shapes = columns.input_shapes(windows.geometry, rounds.steps)
    rows = panel.offsets[1:, None] + np.arange(-windows.geometry.reach, 0)
    past = panel.values[rows].astype("float32")
    loop = compiled_loop(model, rounds, shapes)
    return lambda: predict(loop, {"past": past})


def step_by_step(model, series):
    """One ``predict_on_batch`` per step, as people write it."""
    values = np.stack(series).astype("float32")
    for _ in range(STEPS):
        ahead = model.predict_on_batch(values[:, -WINDOWS.window :])
        values = np.concatenate([values, ahead], axis=1)
    return values[:, -STEPS:]


def calls(name, model, series):
    listed = series if isinstance(series, list) else [series]
    first = seconds(lambda: forecast(model, series, WINDOWS, STEPS))
    loop = loop_of(model, WINDOWS, read_panel(series, WINDOWS), STEPS)
    turns = by_turns(
        lambda: forecast(model, series, WINDOWS, STEPS), loop, lambda: step_by_step(model, listed)
    )
    ours, alone, by_step = medians(turns)
    beyond = statistics.median(turn[0] - turn[1] for turn in turns)
    print(
        f"{name}: first call {1e3 * first:.0f} ms, second {1e3 * ours:.1f} ms, compiled loop "
        f"{1e3 * alone:.1f} ms, one predict_on_batch per step {1e3 * by_step:.1f} ms; beyond the "
        f"loop {1e3 * beyond:.1f} ms"
    )


def memory(model, series):
    for _ in range(100):
        forecast(model, series, WINDOWS, STEPS)
    before = megabytes()
    for _ in range(1000):
        forecast(model, series, WINDOWS, STEPS)
    print(f"memory after 1,000 calls: {megabytes() - before:+.1f} MB")


def frames():
    series, rows = 10_000, 100
    frame = pd.DataFrame({
        "id": np.repeat([f"item {number}" for number in range(series)], rows),
        "day": np.tile(pd.date_range("2024-01-01", periods=rows), series),
        "units": RNG.normal(size=series * rows),
    })  # fmt: skip
    windows = WindowedSeries(28, 14, target_columns="units", id_column="id", time_column="day")
    model = from_preset("gru_32x2").build(windows.build(frame[: 10 * rows]))
    turns = by_turns(
        lambda: forecast(model, frame),
        lambda: read_panel(frame, windows),
        loop_of(model, windows, read_panel(frame, windows), windows.horizon),
    )
    ours, reading, loop = medians(turns)
    print(
        f"10,000 series of 100 rows, frame to frame: {ours:.2f} s, reading {reading:.2f} s, loop "
        f"{loop:.2f} s, ratio {statistics.median(a / (b + c) for a, b, c in turns):.2f}"
    )


print(f"{keras.backend.backend()}, Keras {keras.__version__}: gru_32x2, medians of {TURNS}")
net = from_preset("gru_32x2").build(WINDOWS.build(np.arange(100.0)))
calls("one series, 30 steps", net, RNG.normal(size=200))
calls("1,000 series, 30 steps", net, [RNG.normal(size=200) for _ in range(1000)])
memory(keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)]), RNG.normal(size=200))
frames()
