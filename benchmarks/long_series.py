"""Five long series, one step and 24 steps ahead, with and without a calendar, beside four peers.

    pip install statsmodels pmdarima vega_datasets scikit-learn statsforecast    # for development
    KERAS_BACKEND=jax python benchmarks/long_series.py [--seeds N] [--only NAME ...] [--who ...]

The last fifth of each series is held out (of the course's, days 1000 to 1460); ``--fold 1`` drops
it, and judges on the last fifth of the rest; ``--fold 2`` does so again. Choices are made on these
two. Each line has the mean absolute error over all steps
and the seconds of fit and forecast, and for ``smooth_gru`` the median of the seeds, their range,
and the coverage of 80 % bands: the last fifth of the training part calibrates those of a second
model, which is trained on the rest from the first seed. Beside it stands the coverage of bands that
follow each origin once its last row came, as ``follow`` moves them.

Peers: the linear regression of ``compare``, which reads the calendar; boosted trees of scikit-learn
for each of the steps 1, 2, 4, 8, 16 and 24, the others by the next of these; and statsforecast's
AutoARIMA, fitted once, or for Taylor its MSTL, fitted at each origin, at every 12th origin.
``--who`` names some of them, since not all packages fit into one environment.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import accuracy
import keras
import numpy as np

from keras_ts import calibrate, compare, course_series, from_preset
from keras_ts.layers.following import moved

# For each series: the calendar, the period, and where the held-out part begins.
SERIES = {
    "course": (course_series, (365,), 365, 1000),
    "co2": (accuracy.co2, (365.25 / 7,), 52, None),
    "sunspots": (accuracy.sunspots, (132,), 132, None),
    "seattle": (accuracy.seattle, (365,), 365, 1169),
    "taylor": (accuracy.taylor, (48, 336), 336, None),
}
OF_STEPS = (1, 2, 4, 8, 16, 24)
EVERY = 12


def read(name, fold):
    """Return the values of a series and the position where the held-out part begins."""
    source, *_, at = SERIES[name]
    values = np.asarray(source(), float)
    at = at or int(0.8 * len(values))
    for _ in range(fold):
        values, at = values[:at], int(0.8 * at)
    return values, at


def with_calendar(values, calendar):
    """Return a series, as a table if it has a calendar, and the settings of its windows."""
    if calendar is None:
        return values, {}
    return accuracy.numbered(values), {"calendar": calendar, **accuracy.NUMBERED}


def ours(values, at, horizon, calendar, period, seeds):
    """Return the errors by seed and the coverage of calibrated bands."""
    errors, begin = [], time.perf_counter()
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        preset = from_preset("smooth_gru")
        series, settings = with_calendar(values, calendar)
        windows = preset.windows_for(series, horizon, at=at, seed=seed, **settings)
        train, held_out = windows.split(series, at=at)
        model = preset.fit(train, verbose=0)
        errors.append(compare(model, train, held_out, period=period).table["mae"][0])
    seconds = (time.perf_counter() - begin) / len(seeds)
    train, calibration, held_out = windows.split(series, at=[int(0.8 * at), at])
    keras.utils.set_random_seed(seeds[0])
    banded = calibrate(preset.fit(train, verbose=0), calibration, 0.8)
    x, y = held_out.to_numpy()
    bands = banded.predict(x, verbose=0).reshape(*y.shape, -1)
    covered = ((bands[..., 0] <= y) & (y <= bands[..., -1])).mean()
    shown = f"{np.median(errors):.4g} ({min(errors):.4g} to {max(errors):.4g})"
    following = followed(
        y.reshape(len(y), -1), bands.reshape(len(y), horizon, -1), banded.layers[-1]
    )
    return f"{shown} | {covered:.1%} | {following:.1%} | {seconds:.0f}"


def followed(y, bands, layer):
    """Return the share of values in bands that follow each origin once its last row came."""
    low, point, high = np.moveaxis(bands, -1, 0)
    # How large a margin would have held each value: its error, where half a band is the margin.
    scores = np.abs(y - point) / (high - low) * 2 * keras.ops.convert_to_numpy(layer.margins)[0]
    levels, horizon = layer.scores.unmoved(layer.coverage), y.shape[1]
    held = np.empty(y.shape)
    for origin, score in enumerate(scores):
        if origin >= horizon:
            missed = 1 - held[origin - horizon][None, None, :, None]
            levels = moved(levels, missed, layer.coverage, [1], layer.scores.count)
        held[origin] = score <= layer.scores.margins(levels)[0, 0, :, 0]
    return held.mean()


def linear(values, at, horizon, calendar, period, seeds):
    """Return the error of the linear regression and of the seasonal naive forecast."""
    series, settings = with_calendar(values, calendar)
    windows = from_preset("smooth_gru").windows_for(series, horizon, at=at, **settings)
    begin = time.perf_counter()
    table = compare(None, *windows.split(series, at=at), period=period).table
    errors = dict(zip(table["name"], table["mae"], strict=True))
    seconds = time.perf_counter() - begin
    naive = errors.get("seasonal naive", np.nan)
    return f"{errors['linear regression']:.4g} (seasonal naive {naive:.4g}) | | | {seconds:.0f}"


def trees(values, at, horizon, calendar, period, seeds):
    """Return the error of boosted trees on lags less the last value, and the calendar."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    begin, count = time.perf_counter(), len(values)
    far = period if 3 * period < at else 0
    lags = max(far, 30) + horizon
    angles = 2 * np.pi * np.arange(count)[:, None] / np.asarray(calendar or ())
    cycles = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

    def inputs(origins, step):
        """Return the last 30 values, a few of a period ago, and the calendar at the step."""
        near = values[origins[:, None] - np.arange(1, 31)]
        columns = [near[:, 1:] - near[:, :1], near[:, :1], cycles[origins + step]]
        if far:
            ago = values[origins[:, None] + step - far * -(-(step + 1) // far) + np.arange(-2, 1)]
            columns.append(ago - near[:, :1])
        return np.concatenate(columns, axis=1)

    origins, held_out = np.arange(lags, at - horizon + 1), np.arange(at, count - horizon + 1)
    errors, steps = [], [step - 1 for step in OF_STEPS if step <= horizon]
    for step, model_step in ((h, next(s for s in steps if s >= h)) for h in range(horizon)):
        if step in (0, *(s + 1 for s in steps)):
            model = HistGradientBoostingRegressor(max_iter=200, learning_rate=0.05, random_state=0)
            y = values[origins + model_step] - values[origins - 1]
            model.fit(inputs(origins, model_step), y)
        forecast = values[held_out - 1] + model.predict(inputs(held_out, step))
        errors.append(np.abs(forecast - values[held_out + step]).mean())
    return f"{np.mean(errors):.4g} | | | {time.perf_counter() - begin:.0f}"


def statistical(values, at, horizon, calendar, period, seeds):
    """Return the error of AutoARIMA, or of MSTL where the calendar has two cycles."""
    from statsforecast.models import MSTL, AutoARIMA

    begin = time.perf_counter()
    two = period == SERIES["taylor"][2]
    origins = np.arange(at, len(values) - horizon + 1, EVERY)
    errors = []
    model = MSTL(season_length=[48, 336]) if two else AutoARIMA(season_length=1).fit(values[:at])
    for origin in origins:
        past = values[:origin]
        forecast = (model.forecast if two else model.forward)(past, h=horizon)["mean"]
        errors.append(np.abs(forecast - values[origin : origin + horizon]).mean())
    return f"{np.mean(errors):.4g} | | | {time.perf_counter() - begin:.0f}"


WHO = {"smooth_gru": ours, "linear regression": linear, "boosted trees": trees,
       "AutoARIMA or MSTL": statistical}  # fmt: skip

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(SERIES), default=list(SERIES))
    parser.add_argument("--who", nargs="*", choices=list(WHO), default=list(WHO))
    parser.add_argument("--horizons", type=int, nargs="*", default=[1, 24])
    parser.add_argument("--fold", type=int, choices=[0, 1, 2], default=0)
    arguments = parser.parse_args()
    print("| series | ahead | calendar | forecaster | MAE | 80 % bands | following | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in arguments.only:
        for horizon in arguments.horizons:
            for calendar in (None, SERIES[name][1]):
                for who in arguments.who:
                    if calendar and WHO[who] is statistical:
                        continue  # It reads no calendar.
                    told = "-" if calendar is None else list(calendar)
                    settings = (horizon, calendar, SERIES[name][2], range(51, 51 + arguments.seeds))
                    line = WHO[who](*read(name, arguments.fold), *settings)
                    print(f"| {name} | {horizon} | {told} | {who} | {line} |", flush=True)
