"""No line of the package runs once for each series, from a frame to a verdict or a forecast."""

import sys
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest

import keras_ts
from keras_ts import WindowedSeries, compare, forecast

SERIES, ROWS = 1400, 30
PACKAGE = str(Path(keras_ts.__file__).parent)
TABLE = {"target_columns": "y", "id_column": "id", "time_column": "t"}


def panel(holes=False):
    """Return a polars frame of series of days, maybe with holes."""
    rng = np.random.default_rng(0)
    times = np.tile(np.datetime64("2024-03-01", "us") + np.arange(ROWS).astype("m8[D]"), SERIES)
    y = rng.normal(size=SERIES * ROWS).cumsum()
    y[rng.random(len(y)) < 0.02 * holes] = np.nan
    frame = pl.DataFrame({"id": np.repeat(np.arange(SERIES), ROWS), "t": times, "y": y})
    frame = frame.with_columns(pl.col("t").dt.replace_time_zone("Europe/Berlin"))
    return frame.filter(pl.Series(rng.random(len(y)) >= 0.02 * holes))


def linear():
    past = keras.Input((10, 1))
    return keras.Model(past, keras.layers.Dense(3)(keras.layers.Flatten()(past)))


def build(frame, **settings):
    return WindowedSeries(10, 3, batch_size=256, **TABLE, **settings).build(frame)[0]


def split(frame):
    windows = WindowedSeries(10, 3, batch_size=256, weighting="inverse_scale", **TABLE)
    return windows.split(frame, at="2024-03-25")


def folds(frame):
    windows = WindowedSeries(10, 3, batch_size=256, missing="drop", **TABLE)
    return [*windows.folds(frame, 2, test_size=5)]


def align(frame):
    _, validation = split(frame)
    return validation.align(np.zeros((validation.num_windows, 3)))


def judged(frame):
    return compare(linear(), *split(frame)).scores("series")


def forecasted(frame):
    windows = WindowedSeries(10, 3, missing="mask", **TABLE)
    return forecast(linear(), frame, windows, incomplete="nan")


CASES = {
    "build": (build, {}),
    "drop": (lambda frame: build(frame, missing="drop"), {"holes": True}),
    "mask": (lambda frame: build(frame, missing="mask"), {"holes": True}),
    "calendar": (lambda frame: build(frame, calendar=["week", 7]), {}),
    "early": (
        lambda frame: build(frame, missing="mask_targets", min_inputs=2, stride=2),
        {"holes": True},
    ),
    "split": (split, {}),
    "folds": (folds, {"holes": True}),
    "align": (align, {}),
    "compare": (judged, {}),
    "forecast": (forecasted, {"holes": True}),
}


@pytest.mark.filterwarnings("ignore:.*Nothing is forecast of such series")
@pytest.mark.parametrize("case", CASES)
def test_no_line_runs_once_for_each_series(case):
    work, settings = CASES[case]
    frame, lines = panel(**settings), Counter()

    def count(stack, event, _):
        lines[stack.f_code.co_filename, stack.f_lineno] += event == "line"
        return count

    def enter(stack, *_):
        return count if stack.f_code.co_filename.startswith(PACKAGE) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        work(frame)
    finally:
        sys.settrace(before)
    assert max(lines.values()) < SERIES // 2, lines.most_common(3)
