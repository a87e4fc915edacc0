"""The command ``python -m keras_ts forecast``: its arguments, its steps, and what it prints."""

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts.command.table import CLOCK_CHANGES, UserError, say
from keras_ts.evaluation.calibrate import calibrate
from keras_ts.evaluation.compare import compare
from keras_ts.evaluation.forecasters.baselines import LinearRegression, default_baselines
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.forecasting.forecast import forecast
from keras_ts.interface import Interface
from keras_ts.plotting.curves import plot_history
from keras_ts.plotting.forecast import plot_forecast
from keras_ts.presets.catalog import choose_preset, from_preset, preset_names, suggested_period
from keras_ts.presets.description import RecurrentPreset
from keras_ts.presets.gate import rehearsal_updates
from keras_ts.saving.save import save_model
from keras_ts.scores.report import percent
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.reading.panel import Panel

_ABOUT = """Forecast the series of a CSV file.

The last part of the file is held out, and the model is judged on it beside simple forecasts: it
beats the best of them, loses to it, or cannot be told from it. Its 80 % prediction intervals are
calibrated on the part before that. The command writes forecast.csv, the trained model.keras,
pictures and, with --id, the scores of each series, scores.csv.

A target may be missing anywhere; with --time, rows may be missing, too. With --future, a plan gives
the columns known ahead for the rows to forecast. The plan is either the rows without a target at
the end of FILE, or the file that --plan names.
"""
_EXAMPLE = """example:
  python -m keras_ts forecast sales.csv --target units --time day --id store \\
      --future promotion --static type --calendar week year --period 7 --horizon 14
"""


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command line, or of a list of words."""
    parser = argparse.ArgumentParser(prog="python -m keras_ts")
    commands = parser.add_subparsers(dest="command", required=True, metavar="forecast")
    forecast = commands.add_parser(
        "forecast",
        help="forecast the series of a CSV file",
        description=_ABOUT,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = forecast.add_argument
    add("file", type=Path, metavar="FILE", help="a CSV file with a header")
    add("--target", metavar="NAME", help="the column to forecast")
    add("--horizon", type=int, metavar="N", help="rows to forecast", required=True)
    add("--time", metavar="NAME", help="the column of dates (default: none)")
    add(
        "--date-format", metavar="CODES",
        help='how the dates are written, such as "%%d/%%m/%%Y" (default: as in 2024-05-31)',
    )  # fmt: skip
    add("--id", metavar="NAME", help="the column that tells series apart (default: none)")
    add("--future", metavar="NAME", nargs="+", default=[], help="columns that are known ahead")
    add("--plan", type=Path, metavar="FILE", help="the rows to forecast (default: in FILE itself)")
    add("--static", metavar="NAME", nargs="+", default=[], help="columns that never change")
    add(
        "--calendar", metavar="CYCLE", nargs="+", default=[], type=_cycle,
        help="hour, day, week, year, holidays:PLACE, or a period in rows",
    )  # fmt: skip
    add("--period", type=int, metavar="N", help="rows in a season (default: by the frequency)")
    add("--minimum", type=float, metavar="X", help="no forecast is smaller: 0 for sales")
    add("--maximum", type=float, metavar="X", help="no forecast is larger")
    add("--window", type=int, metavar="N", help="rows in a window (default: by the preset)")
    add(
        "--preset", choices=preset_names(), metavar="NAME",
        help="default: by the number of series, their rows and their frequency",
    )  # fmt: skip
    add("--epochs", type=int, metavar="N", help="passes over the data (default: by the preset)")
    add("--seed", type=int, default=51, metavar="N", help="default: 51")
    add("--pictures", type=int, default=4, metavar="N", help="series to draw (default: 4)")
    add("--out", type=Path, default=Path("out"), metavar="FOLDER", help="default: out")
    return parser.parse_args(words)


def _cycle(name: str) -> str | float:
    try:
        return float(name)
    except ValueError:
        return name


# The quantiles of the model, and the coverage of its intervals.
_LEVELS, _COVERAGE = (0.1, 0.5, 0.9), 0.8
# Shares of the rows to calibrate on and to judge on; each part has at least the horizon's rows.
_CALIBRATED, _JUDGED = 0.15, 0.2
_TIMED_STEPS = 3
# How many series are named: of those without a forecast, and of those with the lowest skill.
_NAMED, _WORST = 5, 3


def run(arguments: argparse.Namespace, series: Any, plan: Any) -> None:
    """Split the rows, train, calibrate and judge a model, save it, forecast and draw."""
    try:
        keras.utils.set_random_seed(arguments.seed)
        panel = Panel(
            series,
            target_columns=arguments.target,
            future_columns=arguments.future or None,
            static_columns=arguments.static or None,
            id_column=arguments.id,
            time_column=arguments.time,
        )
        preset, season, (train, calibration, held_out) = _prepared(arguments, panel)
        # MASE is scaled by this period, whatever the preset, so that runs can be compared.
        period = season if arguments.period or season > 1 else None
        baselines = None
        if preset.cell == "linear":  # The linear regression is the model itself.
            usual = default_baselines(period)
            baselines = [each for each in usual if not isinstance(each, LinearRegression)]
        arguments.out.mkdir(parents=True, exist_ok=True)
        trial = preset.build(train)
        # Fail before the training: ``compare`` refuses a season longer than the rows before a
        # window, and ``forecast`` a plan that lacks rows.
        compare(None, train, held_out, period=period, baselines=baselines)
        forecast(trial, panel, future=plan, incomplete="nan")
    except (ValueError, TypeError, OSError, ImportError) as error:
        text = " ".join(str(error).split())
        # In a CSV file, times in a zone, which this error asks for, may have two offsets from UTC.
        cure = f" In a CSV file, {CLOCK_CHANGES}." * ("tz_localize" in text)
        raise UserError(f"{text}{cure}") from None
    source = "--period" if arguments.period else "the frequency of the rows"
    say(
        f"A season is {period} rows, by {source}: MASE is scaled by it."
        if period
        else "No season is set: MASE is scaled by steps of one row."
    )
    say(
        f"Windows of {train.windows.window} rows, and {arguments.horizon} to forecast: "
        f"{train.num_windows:,} to train on, {calibration.num_windows:,} to calibrate the interval "
        f"on, {held_out.num_windows:,} to judge on."
    )
    _say_how_long(preset, trial, train)
    keras.utils.set_random_seed(arguments.seed)
    train.reset()
    model = preset.fit(train, validation_data=calibration)
    if hasattr(model, "history"):  # A linear regression is solved, not trained.
        plot_history(model.history, metric="mae", filepath=arguments.out / "history.png")
    try:
        model = calibrate(model, calibration, _COVERAGE)
    except ValueError as error:
        raise UserError(" ".join(str(error).split())) from None
    say(f"\nErrors over all {arguments.horizon} steps, on rows that the model has not seen:")
    report = compare(model, train, held_out, period=period, baselines=baselines)
    say(str(report))
    report.plot(filepath=arguments.out / "verdict.png")
    if arguments.id is not None:
        scores, path = scores_by_series(report, arguments.id), arguments.out / "scores.csv"
        scores.to_csv(path, index=False, float_format="%.6g")
        say(worst_series(scores, path))

    save_model(model, arguments.out / "model.keras", report=report)
    ahead = forecast(model, panel, future=plan, incomplete="nan")
    ahead.to_csv(arguments.out / "forecast.csv", index=False)
    _draw(arguments, series, ahead)
    _say_what_is_missing(arguments, ahead)
    say(f"\nThe first rows of the forecast ({arguments.out / 'forecast.csv'}):")
    say(ahead.head(5).to_string(index=False))
    pictures = sorted(str(path) for path in arguments.out.glob("*.png"))
    say(f"\nThe model: {arguments.out / 'model.keras'}. Pictures: {', '.join(pictures)}.")


def _prepared(
    arguments: argparse.Namespace, panel: Panel
) -> tuple[RecurrentPreset, int, tuple[WindowDataset, ...]]:
    """Return the preset, the rows in a season, and the parts to train, calibrate and judge on."""
    calendar = arguments.calendar or None
    season = arguments.period or suggested_period(panel, arguments.horizon)
    if arguments.preset is None:
        choice = choose_preset(panel, arguments.horizon, period=arguments.period, calendar=calendar)
        preset = choice.preset
        say(f"The preset is {choice}")
    else:
        preset = from_preset(arguments.preset, features=None)
        if preset.window_norm and preset.period:
            preset = replace(preset, period=season)
    bounds = {"minimum": arguments.minimum, "maximum": arguments.maximum}
    preset = replace(preset, quantiles=_LEVELS, **bounds)
    recipe = preset.recipe
    if recipe is None or recipe.steps_per_decade is not None:
        recipe = from_preset("simple_rnn_40x2").recipe
        assert recipe is not None
    if arguments.epochs is not None:
        recipe = replace(recipe, epochs=arguments.epochs, least_updates=0)
    preset = replace(preset, recipe=recipe)
    at = _borders(arguments, panel)
    windows = preset.windows_for(
        panel, arguments.horizon, at=at, seed=arguments.seed, calendar=calendar,
        window=arguments.window,
    )  # fmt: skip
    return preset, season, windows.split(panel, at=at)


def _borders(arguments: argparse.Namespace, panel: Panel) -> list[Any]:
    """Return where the parts to calibrate on and to judge on begin: common dates, or positions."""
    if arguments.time is not None:
        rows = np.unique(panel.table[arguments.time].to_numpy())
        length = len(rows)
        what = f"there are {length} dates"
    else:
        length = int(panel.lengths.max())
        what = f"the longest series has {length} rows"
    to_judge = max(round(_JUDGED * length), arguments.horizon)
    to_calibrate = max(round(_CALIBRATED * length), arguments.horizon)
    if to_judge + to_calibrate + arguments.horizon >= length:
        raise ValueError(
            f"--horizon {arguments.horizon}: {what}, and the parts to calibrate on and to judge on "
            f"take {to_calibrate} and {to_judge} of them. That leaves too few to train on: shorten "
            "the horizon."
        )
    borders = [-(to_judge + to_calibrate), -to_judge]
    return [rows[border] for border in borders] if arguments.time is not None else borders


def _say_how_long(preset: RecurrentPreset, trial: keras.Model, train: WindowDataset) -> None:
    """Say how long training takes, from a few batches on the model ``trial``."""
    if preset.cell == "linear":
        say("\nA linear regression is solved, not trained.")
        return
    recipe = preset.recipe
    assert recipe is not None
    steps = recipe.steps_for(len(train))
    epochs = recipe.epochs_for(steps, Interface.of(trial).known_ahead)
    before = rehearsal_updates(preset, train, epochs)
    recipe.compile(trial, steps)
    batch, begin = train[0], time.perf_counter()
    trial.train_on_batch(*batch)
    compiled = time.perf_counter()  # The first step is mostly compiling.
    for _ in range(_TIMED_STEPS):
        trial.train_on_batch(*batch)
    a_step = (time.perf_counter() - compiled) / _TIMED_STEPS
    seconds = compiled - begin + a_step * (before + steps * epochs)
    duration = f"{max(round(seconds), 1)} s"
    if seconds >= 90:
        duration = f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
    weighed = f", after {before:,} that weigh the net against a linear regression,"
    say(
        f"\nTraining for {epochs} epochs of {steps} batches{weighed * (before > 0)} takes about "
        f"{duration} on {keras.backend.backend()}."
    )


def _say_what_is_missing(arguments: argparse.Namespace, ahead: Any) -> None:
    """Say which series could not be forecast, and for how many steps the plan lacks values."""
    missing = ahead[arguments.target].isna()
    if arguments.id is not None:
        skipped = missing.groupby(ahead[arguments.id], sort=False).transform("all")
        ids = ahead[arguments.id][skipped].unique().tolist()
        if ids:
            shown = ", ".join(map(str, ids[:_NAMED])) + (", ..." if len(ids) > _NAMED else "")
            say(
                f"\n{len(ids):,} series are too short to forecast, or have no value in their last "
                f"window: {shown}."
            )
        missing &= ~skipped
    if missing.any():
        say(
            f"\n{int(missing.sum()):,} steps have no forecast: the plan lacks their row or a value "
            "in it, and such a step counts as closed."
        )


def _draw(arguments: argparse.Namespace, series: Any, ahead: Any) -> None:
    """Draw the forecasts of the first series, each in its own picture."""
    last = 6 * arguments.horizon
    if arguments.id is None:
        path = arguments.out / "forecast.png"
        plot_forecast(series, ahead, column=arguments.target, last=last, filepath=path)
        return
    labels = ahead[arguments.id].unique()[: arguments.pictures]
    for number, label in enumerate(labels, start=1):
        # An id may hold characters that the name of a file cannot.
        name = re.sub(r"[^\w-]+", "_", str(label)).strip("_")[:40]
        path = arguments.out / f"forecast_{number}{'_' if name else ''}{name}.png"
        plot_forecast(series, ahead, column=arguments.target, ids=[label], last=last, filepath=path)


def scores_by_series(report: ComparisonReport, id_column: str) -> Any:
    """Return a frame with one row for each series, the one with the lowest skill first."""
    import pandas as pd

    scores = report.scores(by="series")
    (model,) = report.verdicts
    of_model, of_baseline = scores["name"] == model, scores["name"] == report.best
    names = ("verdict", "skill", "skill_low", "skill_high")
    table = pd.DataFrame({name: scores[name][of_model] for name in names})
    table["baseline"] = report.best
    for metric in ("mae", "mase"):
        table[metric] = scores[metric][of_model]
        table[f"baseline_{metric}"] = scores[metric][of_baseline]
    if "coverage" in scores:
        table["coverage"] = scores["coverage"][of_model]
    # The id column may have the name of a score.
    table.insert(0, id_column, scores["series"][of_model], allow_duplicates=True)
    order = np.argsort(scores["skill"][of_model], kind="stable")  # NaN stands at the end.
    return table.iloc[order].reset_index(drop=True)


def worst_series(table: Any, path: Path) -> str:
    """Return a line that names the series with the lowest skill; empty if none has a skill."""
    # Columns are taken by place, since the id column may have the name of a score.
    worst = table[table.iloc[:, 2].notna()].head(_WORST)
    if worst.empty:
        return ""
    ids, verdicts, skills = (worst.iloc[:, place] for place in range(3))
    # The skill is infinite if the baseline has no error.
    perfect = "without a percentage, since the baseline has no error"
    named = [
        f"{label} {percent(skill) if np.isfinite(skill) else perfect} "
        f"({verdict}{'' if verdict == 'too few windows' else ' it'})"
        for label, verdict, skill in zip(ids, verdicts, skills, strict=True)
    ]
    return (
        f"Worst series, by skill over {worst.iloc[0, 5]}: {', '.join(named)}. "
        f"All {len(table):,} are in {path}."
    )
