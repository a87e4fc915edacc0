"""One long series, one step ahead: presets beside baselines, as in docs/compare/benchmarks.md.

    pip install statsmodels pmdarima vega_datasets    # for development only
    KERAS_BACKEND=jax python benchmarks/accuracy.py [--seeds N] [--only NAME ...] [--fold 1]

Each preset is trained by its own recipe from several seeds, and judged by ``compare`` on the last
fifth of the series, which it has not seen: the table has the median of the seeds' mean absolute
errors, their range, and the median of the seconds that building, compiling and training took. The
series named ``_24`` are forecast 24 steps at once, beside a seasonal naive forecast as well. Those
named ``_calendar`` tell the preset the day of the year, or the half hour of the day and of the
week; the baselines do not know it.

``--limit`` trains on 150 series of the course's curve with other noise instead, and judges on the
course's own: what a window tells a net that has learned all there is to learn.

``--fold 1`` drops that fifth, and judges on the last fifth of what is left, on which every choice
in a preset is made. ``--presets`` names others, such as ``simple_rnn_40x2`` for its seconds.
"""

import argparse
import os
import time
from dataclasses import dataclass, replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_ts import WindowedSeries, compare, course_series, from_preset

SHOWN = ("naive", "linear regression", "seasonal naive")
# How ``numbered`` names its columns.
NUMBERED = {"time_column": "row", "target_columns": "value"}


def numbered(values):
    """Return a table whose times are the numbers of the rows, for a calendar of numbers."""
    return pd.DataFrame({"row": np.arange(len(values)), "value": values})


def co2():
    from statsmodels.datasets import co2 as data

    return data.load_pandas().data["co2"].interpolate().to_numpy()


def sunspots():
    from pmdarima.datasets import load_sunspots

    return load_sunspots()


def seattle():
    from vega_datasets import data

    return data.seattle_weather()["temp_max"].to_numpy()


def taylor():
    from pmdarima.datasets import load_taylor

    return load_taylor()


@dataclass(frozen=True)
class Task:
    """A series, the steps of a window, and the position where the held-out part begins."""

    read: object
    window: int
    at: int | None = None
    horizon: int = 1
    period: int | None = None
    calendar: tuple[int, ...] | None = None

    def parts(self, fold, seed, preset):
        """Return the training part and the part to judge on, in windows as the recipe says."""
        series = np.asarray(self.read(), float)
        at = self.at or int(0.8 * len(series))
        if fold:
            series, at = series[:at], int(0.8 * at)
        # A recipe without a share of the series leaves the length of a window to the task.
        window = None if preset.recipe.window_share else self.window
        settings = {"window": window, "calendar": self.calendar, "seed": seed}
        if self.calendar is not None:
            series, settings = numbered(series), settings | NUMBERED
        return preset.windows_for(series, self.horizon, at=at, **settings).split(series, at=at)


TASKS = {
    "course": Task(course_series, 20, at=1000),
    "co2": Task(co2, 52),
    "sunspots": Task(sunspots, 60),
    "seattle": Task(seattle, 30, at=1169),
    "taylor": Task(taylor, 48),
    "course_calendar": Task(course_series, 20, at=1000, calendar=(365,)),
    "seattle_24": Task(seattle, 30, at=1169, horizon=24, period=365),
    "seattle_24_calendar": Task(seattle, 30, at=1169, horizon=24, period=365, calendar=(365,)),
    "taylor_24": Task(taylor, 48, horizon=24, period=336),
    "taylor_24_calendar": Task(taylor, 48, horizon=24, period=336, calendar=(48, 336)),
}


def trained(name, task, fold, seed):
    """Return the error of a preset's model on the part to judge on, and the seconds of its fit."""
    begin = time.perf_counter()
    keras.utils.set_random_seed(seed)
    preset = from_preset(name)
    train, validation = task.parts(fold, seed, preset)
    model = preset.fit(train, verbose=0)
    seconds = time.perf_counter() - begin
    report = compare(model, train, validation, period=task.period)
    return report.table["mae"][0], seconds, report.verdicts["model"]


def limit(name, calendar):
    """Return the error on the course's series of a net that has learned its curve from others."""
    keras.utils.set_random_seed(0)
    preset = from_preset(name, recipe=replace(from_preset(name).recipe, epochs=15))
    series = [course_series(seed=seed)[:1000] for seed in range(1000, 1150)]
    settings, held_out = {}, course_series()
    if calendar is not None:
        series = pd.concat(numbered(values).assign(id=n) for n, values in enumerate(series))
        settings, held_out = {"id_column": "id", **NUMBERED}, numbered(held_out).assign(id=0)
    windows = WindowedSeries(
        20, calendar=calendar, batch_size=128, shuffle=True, seed=0, **settings
    )
    model = preset.fit(windows.build(series), verbose=0)
    x, y = windows.split(held_out, at=1000)[1].to_numpy()
    return np.abs(model.predict(x, batch_size=512, verbose=0).reshape(y.shape) - y).mean()


def run(title, task, presets, seeds, fold):
    """Print the lines of a series."""
    report = compare(None, *task.parts(fold, 0, from_preset("gru_32x2")), period=task.period)
    told = zip(report.table["name"], report.table["mae"], strict=True)
    for name, error in told:
        if name not in SHOWN:
            continue
        season = f" ({task.period})" if name == SHOWN[-1] else ""
        print(f"| {title} | {name}{season} | {error:.4g} | - | |", flush=True)
    for name in presets:
        errors, seconds, verdicts = zip(
            *(trained(name, task, fold, seed) for seed in seeds), strict=True
        )
        spread = f"{np.median(errors):.4g} ({min(errors):.4g} to {max(errors):.4g})"
        counts = ", ".join(f"{v} ({verdicts.count(v)})" for v in sorted(set(verdicts)))
        print(
            f"| {title} | `{name}` | {spread} | {np.median(seconds):.0f} | "
            f"{counts} the {report.best} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--presets", nargs="*", default=["smooth_gru", "gru_32x2"])
    parser.add_argument("--fold", type=int, choices=[0, 1], default=0)
    parser.add_argument("--limit", action="store_true")
    arguments = parser.parse_args()
    if arguments.limit:
        for calendar in (None, (365,)):
            error = limit(arguments.presets[0], calendar)
            print(f"{arguments.presets[0]}, calendar={calendar}: {error:.4g}", flush=True)
        raise SystemExit
    seeds = range(51, 51 + arguments.seeds)
    print(f"{keras.backend.backend()}, Keras {keras.__version__}, seeds {[*seeds]}\n")
    print(f"| series | forecaster | MAE: median of {len(seeds)} (range) | seconds | verdict |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for title in arguments.only:
        run(title, TASKS[title], arguments.presets, seeds, arguments.fold)
