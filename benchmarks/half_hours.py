"""A long half-hourly series, a day at once: what a fit costs, and what fewer updates would.

    KERAS_BACKEND=jax python benchmarks/half_hours.py [--rows N] [--most-steps 100 1000] [--seeds N]

The series is generated: a level that grows, a day and a week in shares of it, a slow driver that
changes the day's shape and acts above a threshold alone, and noise that lasts for some hours. The
preset is told the half hour of the day and of the week, and judged on the last fifth.
``--most-steps`` names other recipes: each has at most so many batches in an epoch. For each of them
and each seed, the table has the updates, the seconds before the training (``build`` and the
rehearsal that chooses the net's share) and of it, and the mean absolute error. The recipes take
turns, so that a busy machine is busy for all of them. ``--fold 1`` drops the last fifth, and judges
on the last fifth of what is left.
"""

import argparse
import os
import time
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_ts import compare, from_preset

DAY, WEEK = 48, 336


def half_hours(rows=15_000, seed=0):
    """Return a series such as the load of a district."""
    generator = np.random.default_rng(seed)
    step = np.arange(rows)
    day = 2 * np.pi * step / DAY
    shape = np.sin(day - 2) + 0.4 * np.sin(2 * day + 0.5) + 0.2 * np.cos(3 * day)
    season = np.where(step // DAY % 7 >= 5, 0.5 * shape - 0.6, shape)
    driver = lasting(generator.normal(size=rows), 0.995, 0.1)
    noise = lasting(generator.normal(size=rows), 0.8, 0.6)
    above = np.maximum(driver, 0) ** 1.5
    level = 10 + 2e-4 * step
    share = 0.12 * season * (1 + 0.5 * np.tanh(driver)) + 0.06 * above
    return level * (1 + share) + 0.12 * noise


def lasting(shocks, kept, size):
    """Return an autoregression of order one: what is kept of the step before, and a shock."""
    values = np.zeros(len(shocks))
    for step in range(1, len(shocks)):
        values[step] = kept * values[step - 1] + size * shocks[step]
    return values


def fitted(series, at, horizon, most_steps, seed):
    """Return the updates of a fit, the seconds of build and of training, and the report."""
    keras.utils.set_random_seed(seed)
    preset = from_preset("smooth_gru")
    preset = replace(preset, recipe=replace(preset.recipe, most_steps=most_steps))
    table = pd.DataFrame({"row": np.arange(len(series)), "value": series})
    settings = {"time_column": "row", "target_columns": "value", "calendar": (DAY, WEEK)}
    windows = preset.windows_for(table, horizon, at=at, seed=seed, **settings)
    train, held_out = windows.split(table, at=at)
    times = [time.perf_counter()]
    begun = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: times.append(time.perf_counter())
    )
    model = preset.fit(train, callbacks=[begun], verbose=0)
    times.append(time.perf_counter())
    report = compare(model, train, held_out, period=WEEK)
    return int(begun.model.optimizer.iterations), np.diff(times), report  # of the net in the model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=15_000)
    parser.add_argument("--horizon", type=int, default=48)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fold", type=int, choices=[0, 1], default=0)
    own = from_preset("smooth_gru").recipe.most_steps
    parser.add_argument("--most-steps", type=int, nargs="+", default=[own])
    arguments = parser.parse_args()
    series = half_hours(arguments.rows)
    if arguments.fold:
        series = series[: int(0.8 * len(series))]
    at = int(0.8 * len(series))
    print(f"{keras.backend.backend()}, Keras {keras.__version__}, {at} rows to train on\n")
    print("| most batches in an epoch | seed | updates | before, s | training, s | MAE |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for seed in range(51, 51 + arguments.seeds):
        for most_steps in arguments.most_steps:
            updates, seconds, report = fitted(series, at, arguments.horizon, most_steps, seed)
            took = " | ".join(f"{part:.1f}" for part in seconds)
            error = report.table["mae"][0]
            print(f"| {most_steps} | {seed} | {updates} | {took} | {error:.4g} |", flush=True)
    for name, error in zip(report.table["name"][1:], report.table["mae"][1:], strict=True):
        print(f"| {name} | | | | | {error:.4g} |")
