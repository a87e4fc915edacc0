"""Thirty mornings of a chain of shops: forecast, score, follow, notice a drift, retrain, swap.

    python examples/every_morning.py

The sales of sixteen shops are made up, and so is the drift: from the twentieth day on, promotions
sell nothing more. Each morning's job reads and writes files alone, so it may be killed and run
again. It prints a line a day, and draws a picture.
"""

import argparse
import functools
import os
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import keras_ts as kt
from keras_ts.datasets import store_sales

DAY, MORNINGS, WEEK = pd.Timedelta(days=1), 30, 7


def morning(day: pd.Timestamp, table: pd.DataFrame, plan: pd.DataFrame, folder: Path) -> dict:
    """Do the job of a morning, with the rows that have come and the plan; return its log."""
    path, promise = folder / "model.keras", folder / "promised.keras"
    files = sorted(folder.glob("forecast-*.csv"))
    log = {"day": day.date(), "error": np.nan, "promised": None, "drift": False, "model": "kept"}
    model, judged = loaded(path), kt.scorecard(path).to_dict()["judged_on"]["last"]
    # Score the last week: the forecasts of this model, beside the rows as they are today.
    week = [file for file in files if judged < file.stem[9:] < str(day.date())][-WEEK:]
    if week:
        stored = pd.concat(pd.read_csv(file, parse_dates=["day"]) for file in week)
        stored = stored.drop_duplicates(["store", "day", "step"])  # of a shop whose rows came late
        promised_by = promise if promise.exists() else path
        report = kt.score(stored, table, train=table, filepath=promised_by)
        log["promised"] = report.promised
        # After a swap the level is still not that of the first file's training rows.
        moved = set(report.moved) - ({"level", "step"} if promise.exists() else set())
        log["drift"] = len(week) == WEEK and bool(moved)
        yesterday = stored[stored["day"] == day - DAY]
        if yesterday["day"].isin(table["day"]).any():  # no closed day
            report = kt.score(yesterday, table, train=table, period=7)
            log["error"] = round(float(report.table["mase"][0]), 3)
    # After a swap there is more to learn on the third morning, and on the sixth.
    if log["drift"] or (promise.exists() and len(week) in (3, 6)):
        # Four open days to learn from, two to set the band by, and two to judge by.
        borders = [*np.unique(table["day"])[[-8, -4, -2]]]
        before, recent, band, latest = kt.load_windows(path).split(table, at=borders)
        new = kt.fine_tune(model, recent, calibration=band, epochs=40)

        def served(train: kt.WindowDataset, held_out: kt.WindowDataset) -> dict:
            predictions = model.predict(held_out, verbose=0)
            return held_out.align(predictions, quantiles=(0.1, 0.5, 0.9))

        report = kt.compare(new, before, latest, baselines=[served])
        if report.table["skill"][0] > 0.05:
            # Two days promise nothing, so the promise of the first file holds for the next ones.
            if not promise.exists():
                shutil.copy(path, promise)
            kt.save_model(new, path, report=report)
            log["model"] = "swapped"
    if week and log["model"] == "kept":
        # The band follows what came; a morning counts once, however often the job runs.
        kt.save_model(kt.follow(model, stored, table), path)
    part, file = folder / "part.csv", folder / f"forecast-{day.date()}.csv"
    kt.forecast(loaded(path), table, future=plan).to_csv(part, index=False)
    part.replace(file)  # whole or not at all
    return log


def loaded(path: Path) -> keras.Model:
    """Load the model once for each file, since here thirty mornings are one process."""
    return _loaded(path, path.stat().st_mtime_ns)


@functools.cache
def _loaded(path: Path, _changed: int) -> keras.Model:
    return kt.load_model(path)


def first_model(table: pd.DataFrame, start: pd.Timestamp, path: Path, horizon: int = 1) -> None:
    """Train a model, judge it on the sixty days before the first morning, and save it."""
    borders = [start - 90 * DAY, start - 60 * DAY]
    preset = kt.from_preset("seasonal_gru", period=7, minimum=0, quantiles=(0.1, 0.5, 0.9))
    train, band, held_out = preset.split(
        table, horizon, at=borders, target_columns="units", id_column="store", time_column="day",
        future_columns="promotion", static_columns="type", calendar="year",
    )  # fmt: skip
    model = kt.calibrate(preset.fit(train, verbose=0), band)
    kt.save_model(model, path, report=kt.compare(model, train, held_out))


def main() -> None:
    """Live through the thirty days, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drift", type=int, default=20, help="its day; 0 for none")
    parser.add_argument("--closed", type=int, help="a weekday, 6 for Sunday; none by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what it writes")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for old in (*arguments.out.glob("forecast-*.csv"), arguments.out / "promised.keras"):
        old.unlink(missing_ok=True)
    keras.utils.set_random_seed(arguments.seed)
    table, later = map(pd.DataFrame, store_sales(stores=16, days=400, seed=arguments.seed))
    start = table["day"].max() - (MORNINGS - 1) * DAY
    table, later = (part[part["day"].dt.day_of_week != arguments.closed] for part in (table, later))
    if arguments.drift:
        drifted = table["day"] >= start + (arguments.drift - 1) * DAY
        drifted &= table["promotion"] == 1
        table["units"] = (table["units"] / np.where(drifted, 1.6, 1)).round().astype(int)
    # The day after a closed day is two days ahead.
    horizon = 1 if arguments.closed is None else 2
    first_model(table[table["day"] < start], start, arguments.out / "model.keras", horizon)
    plan = pd.concat([table, later]).drop(columns="units")
    promised = kt.scorecard(arguments.out / "model.keras").to_dict()["promised"]["errors"]
    logs = []
    for number in range(1, MORNINGS + 1):
        day = start + (number - 1) * DAY
        came = table[table["day"] < day]
        if number == 10:  # The rows of a shop come a day late.
            came = came[(came["store"] != "store 3") | (came["day"] < day - DAY)]
        logs.append({"morning": number, **morning(day, came, plan, arguments.out)})
        print("  ".join(f"{name} {value}" for name, value in logs[-1].items()), flush=True)
    log = pd.DataFrame(logs)
    log.to_csv(arguments.out / "log.csv", index=False)
    draw(table, log, promised, start, arguments.drift, arguments.out)
    alarms = log["morning"][log["drift"]].tolist()
    expected = arguments.drift < alarms[0] <= arguments.drift + 7 if alarms else False
    if arguments.drift and not (expected and (log["model"] == "swapped").any()):
        raise SystemExit(f"The drift of day {arguments.drift} was called on {alarms}.")


def draw(
    table: pd.DataFrame,
    log: pd.DataFrame,
    promised: dict,
    start: pd.Timestamp,
    drift: int,
    out: Path,
) -> None:
    """Draw a shop's sales beside the forecasts, and the errors beside the promise."""
    ahead = pd.concat(pd.read_csv(file, parse_dates=["day"]) for file in out.glob("forecast-*.csv"))
    latest = table[table["day"] >= start + 19 * DAY]
    name = latest.groupby("store")["promotion"].sum().idxmax()
    ahead = ahead[ahead["store"] == name].sort_values("day")
    shop = table[(table["store"] == name) & (table["day"] >= start)]
    plt.rcParams["svg.hashsalt"] = "keras_ts"
    (width, height), ink = plt.rcParams["figure.figsize"], plt.rcParams["text.color"]
    size = width, 1.4 * height
    figure, (sales, errors) = plt.subplots(2, figsize=size, layout="constrained", sharex=True)
    sales.fill_between(
        ahead["day"], ahead["units_0.1"], ahead["units_0.9"], alpha=0.3, label="80 % interval"
    )
    sales.plot(ahead["day"], ahead["units"], label="forecast")
    sales.plot(shop["day"], shop["units"], ".", color=ink, label="sold")
    promotion = shop[shop["promotion"] == 1]
    sales.plot(promotion["day"], promotion["units"], "o", mfc="none", color=ink, label="promotion")
    top = 1.5 * max(ahead["units_0.9"].max(), shop["units"].max())
    sales.set(title=f"{name.capitalize()}, one of sixteen", ylabel="units", ylim=(0, top))
    scored = pd.to_datetime(log["day"]) - DAY
    errors.axhspan(promised["low"][0], promised["high"][0], alpha=0.15, label="promised")
    errors.plot(scored, log["error"], ".-", color=ink, label="all shops")
    errors.set(title="The error beside what the file promised", ylabel="MASE")
    errors.set_ylim(0, 1.7 * np.nanmax(log["error"]))
    marks = [("drift", [start + (drift - 1) * DAY], "C3")] if drift else []
    marks += [("alarm", log["day"][log["drift"]][:1], "C1")]
    marks += [("swapped", log["day"][log["model"] == "swapped"], "C2")]
    for ax in (sales, errors):
        for mark, at, color in marks:
            for number, day in enumerate(pd.to_datetime(pd.Series(at))):
                label = mark if ax is errors and not number else None
                ax.axvline(day, color=color, linestyle="--", label=label)
        ax.legend(loc="upper left", fontsize="small", ncols=2, frameon=False)
    errors.xaxis.set_major_formatter(mdates.ConciseDateFormatter(errors.xaxis.get_major_locator()))
    figure.savefig(out / "every_morning.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
