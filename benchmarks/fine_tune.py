"""Error and coverage of nets that are trained further, beside those that are not.

    python benchmarks/fine_tune.py rates
    python benchmarks/fine_tune.py bands

``rates`` prints the error of a net, trained on the first 45 % of a series, after it was trained
further on the next 15 %, or on all 60 %, at some rates and for some epochs: judged on the 15 % that
follow. The last quarter is left alone, since defaults are chosen by this table. Rates are shares of
the first rate of the recipe.

``bands`` prints the coverage of 80 % intervals on the last fifth: trained on the first 60 %,
calibrated on the next 20 %, and then trained further on these 20 % or on all 80 %,
with the widths of the first net.

The nets are ``smooth_gru``, and ``seasonal_gru`` for a panel; with ``--dense``, two dense layers
stand in for the recurrent ones, and take less time.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_ts import calibrate, compare, course_series, fine_tune, from_preset
from keras_ts.datasets import store_sales

SHARES, EPOCHS = (1, 0.3, 0.1, 0.03), (2, 5, 10)


def dense():
    return keras.Sequential([
        keras.layers.Flatten(),
        keras.layers.Dense(32, "relu"),
        keras.layers.Dense(32, "relu"),
    ])  # fmt: skip


def cases():
    """Yield name, preset, its settings, rows, horizon and settings of the windows."""
    from statsmodels.datasets import co2

    yield "course, 7 days", "smooth_gru", {}, course_series(), 7, {}
    rows = co2.load_pandas().data["co2"].interpolate().to_numpy()
    yield "carbon dioxide, 12 weeks", "smooth_gru", {}, rows, 12, {}
    settings = {
        "target_columns": "units", "future_columns": ["promotion"], "static_columns": ["type"],
        "id_column": "store", "time_column": "day", "calendar": ["week", "year"],
    }  # fmt: skip
    rows = pd.DataFrame(store_sales()[0])
    yield "six stores, 14 days", "seasonal_gru", {"period": 7}, rows, 14, settings


def borders(rows, shares):
    if not isinstance(rows, pd.DataFrame):
        return [int(len(rows) * share) for share in shares]
    days = np.sort(rows["day"].unique())
    return [pd.Timestamp(days[int(len(days) * share)]) for share in shares]


def until(rows, border):
    return rows[rows["day"] < border] if isinstance(rows, pd.DataFrame) else rows[:border]


def error(model, train, held_out):
    return compare(model, train, held_out, baselines=["naive"], by="mase").table["mase"][0]


def rates(core, seed):
    for name, preset_name, settings, rows, horizon, of_windows in cases():
        preset = from_preset(preset_name, **settings)
        first, second, end = borders(rows, (0.45, 0.6, 0.75))
        rows = until(rows, end)
        windows = preset.windows_for(rows, horizon, at=first, **of_windows)
        train, latest, held_out = windows.split(rows, at=[first, second])
        every = windows.split(rows, at=second)[0]
        keras.utils.set_random_seed(seed)
        model = preset.fit(train, core=core, verbose=0)
        anew = preset.fit(every, core=core, verbose=0)
        scores = [error(own, train, held_out) for own in (model, anew)]
        print(f"{name}: as it was {scores[0]:.4f}, trained anew on all {scores[1]:.4f}", flush=True)
        for where, part in (("latest", latest), ("all", every)):
            for share in SHARES:
                rate = share * preset.recipe.learning_rate
                row = [
                    error(fine_tune(model, part, epochs=n, learning_rate=rate), train, held_out)
                    for n in EPOCHS
                ]
                print(f"  {where:6s} {share:4}  " + "  ".join(f"{e:.4f}" for e in row), flush=True)


def bands(core, seed):
    for name, preset_name, settings, rows, horizon, of_windows in cases():
        at = borders(rows, (0.6, 0.8))
        for quantiles in (None, (0.1, 0.5, 0.9)):
            preset = from_preset(preset_name, quantiles=quantiles, **settings)
            windows = preset.windows_for(rows, horizon, at=at[0], **of_windows)
            train, latest, held_out = windows.split(rows, at=at)
            every = windows.split(rows, at=at[1])[0]
            keras.utils.set_random_seed(seed)
            model = preset.fit(train, core=core, verbose=0)
            models = {
                "calibrated": calibrate(model, latest, 0.8),
                "then the latest": calibrate(model, latest, 0.8, train_on=latest),
                "then all": calibrate(model, latest, 0.8, train_on=every),
            }
            report = compare(models, train, held_out, baselines=["naive"])
            for number, own in enumerate(models):
                held = report.coverages[own]
                print(
                    f"{name:24s} {'quantiles' if quantiles else 'point':9s} {own:15s} "
                    f"MASE {report.table['mase'][number]:.4f}  {held.share:.1%} "
                    f"({held.low:.1%} to {held.high:.1%})",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["rates", "bands"])
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    for seed in range(arguments.seeds):
        {"rates": rates, "bands": bands}[arguments.what](dense if arguments.dense else None, seed)


if __name__ == "__main__":
    main()
