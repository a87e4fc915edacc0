"""How often a verdict of ``compare`` is wrong, or right, on generated series.

    KERAS_BACKEND=jax python benchmarks/verdicts.py [--cases 400] [--first 0] [--kinds zeros]

Two forecasters err alike in distribution, so each "beats" or "loses to" between them is false: at
most one verdict in twenty may be. With ``--better 0.1`` the first one errs a tenth less, and the
shares are those in which that is found.

- ``zeros``: 30 series of demand, of 60 to 95 % zeros, over 60 origins.
- ``targets``: one series of two targets, whose units are 1 to 1000 apart; each alone, too.
- ``single``: one series whose errors have a correlation of 0.9 from one origin to the next.
- ``panel``: 30 series that share half of their shocks.
"""

import argparse
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_ts import WindowedSeries, compare
from keras_ts.scores.metrics import METRICS

MEASURES = [name for name, metric in METRICS.items() if metric.measure]
LEVELS = (0.1, 0.5, 0.9)
HORIZON, ORIGINS, TRAIN = 3, 60, 80


def lasting(rng, shape, correlation):
    """Return normal values whose neighbours along the first axis correlate."""
    values = rng.normal(size=shape)
    for step in range(1, shape[0]):
        fresh = math.sqrt(1 - correlation**2) * values[step]
        values[step] = correlation * values[step - 1] + fresh
    return values


def zeros(rng):
    """Return series of demand, and errors that do not depend on them."""
    rows = TRAIN + ORIGINS + HORIZON - 1
    share = rng.uniform(0.6, 0.95)
    series = [rng.poisson(4, rows) * (rng.random(rows) > share) for _ in range(30)]
    size = (1 - share) * np.abs(rng.normal(1, 0.5, size=(2, ORIGINS, HORIZON, 30, 1)))
    return [one.astype(float) for one in series], size, False


def errors(rng, series, targets, correlation, shared):
    """Return the errors of two forecasters, (2, origins, steps, series, targets)."""
    alone = lasting(rng, (ORIGINS, 2, HORIZON, series, targets), correlation)
    common = lasting(rng, (ORIGINS, 2, HORIZON, 1, targets), correlation)
    return np.moveaxis(math.sqrt(1 - shared) * alone + math.sqrt(shared) * common, 1, 0)


def targets(rng):
    """Return one series of two targets in units of their own."""
    units = np.array([1.0, 10 ** rng.uniform(0, 3)])
    series = 50 + rng.normal(size=(TRAIN + ORIGINS + HORIZON - 1, 2)).cumsum(axis=0)
    return [series * units], errors(rng, 1, 2, 0.5, 0.0) * units, True


def single(rng):
    """Return one series, and errors that last."""
    series = 50 + rng.normal(size=TRAIN + ORIGINS + HORIZON - 1).cumsum()
    return [series], errors(rng, 1, 1, 0.9, 0.0), True


def panel(rng):
    """Return series of sizes from 1 to 100, and errors of which half are shared."""
    sizes = 10 ** rng.uniform(0, 2, size=30)
    series = [s * (50 + rng.normal(size=TRAIN + ORIGINS + HORIZON - 1).cumsum()) for s in sizes]
    return series, errors(rng, 30, 1, 0.3, 0.5) * sizes[:, None], True


def verdicts(kind, rng, better):
    """Return the verdicts on the first of two forecasters by measure, of each target, too."""
    series, two, around = kind(rng)
    train, held = WindowedSeries(14, HORIZON).split(series, at=TRAIN)
    actual = held.to_numpy()[1].reshape(len(series), ORIGINS, HORIZON, -1)
    # In the order of the windows: series by series.
    first, second = (part.transpose(2, 0, 1, 3) for part in two)
    if around:
        first, second = actual + first * (1 - better), actual + second
    spread = np.abs(two).mean(axis=(0, 1, 2))[:, None, None] * 2

    def table(points):
        rows = held.align(points.reshape(held.to_numpy()[1].shape))
        wide = np.broadcast_to(spread, points.shape).reshape(rows["prediction"].shape)
        rows["prediction_0.1"] = rows["prediction"] - wide
        rows["prediction_0.9"] = rows["prediction"] + wide
        return rows

    def rival(train, held):
        return table(second)

    found = {}
    for by in MEASURES:
        report = compare({"model": table(first)}, train, held, baselines=[rival], by=by)
        found[by] = [report.verdicts["model"]]
        if actual.shape[-1] > 1:
            scores = report.scores(by="target")
            found[f"{by} on a target"] = scores["verdict"][scores["name"] == "model"].tolist()
    return found


def main():
    kinds = {"zeros": zeros, "targets": targets, "single": single, "panel": panel}
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first case")
    parser.add_argument("--better", type=float, default=0.0)
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=list(kinds))
    arguments = parser.parse_args()
    for name in arguments.kinds:
        found = [
            verdicts(kinds[name], np.random.default_rng(case), arguments.better)
            for case in range(arguments.first, arguments.first + arguments.cases)
        ]
        for by in found[0]:
            told = [verdict for one in found for verdict in one[by]]
            beats, loses = (told.count(word) / len(told) for word in ("beats", "loses to"))
            print(f"{name:8} by {by:17} beats {beats:6.1%}, loses to {loses:6.1%}", flush=True)


if __name__ == "__main__":
    main()
