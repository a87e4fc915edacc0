"""The command ``python -m keras_ts forecast``: its arguments, its steps, and what it prints."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts.evaluation.calibrate import calibrate
from keras_ts.evaluation.compare import compare
from keras_ts.evaluation.forecasters.baselines import LinearRegression, default_baselines
from keras_ts.forecasting.forecast import forecast
from keras_ts.panel.panel import Panel
from keras_ts.panel.roles import COVARIATES
from keras_ts.plotting.curves import plot_history
from keras_ts.plotting.plot_forecast import plot_forecast
from keras_ts.presets.catalog import choose_preset, from_preset, preset_names, suggested_period
from keras_ts.presets.description import RecurrentPreset
from keras_ts.saving.save import save_model

_ABOUT = """Forecast the series of a CSV file.

The last part of the file is held out, and the model is judged on it beside simple forecasts. Its
80 % prediction intervals are calibrated on the part before that. With --future, a plan gives the
columns known ahead: the rows without a target at the end of FILE, or the file that --plan names.

example:
  python -m keras_ts forecast sales.csv --target units --time day --id store \\
      --future promotion --static type --calendar week year --period 7 --horizon 14
"""
# The quantiles of the model, and the coverage of its intervals.
_LEVELS, _COVERAGE = (0.1, 0.5, 0.9), 0.8
# Shares of the rows to calibrate on and to judge on; each part has at least the horizon's rows.
_CALIBRATED, _JUDGED = 0.15, 0.2
_say = partial(print, flush=True)  # Without delay, also into a pipe.


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; report a mistake in the call or its data in a line, with exit status 2."""
    arguments = parse_arguments(words)
    try:
        run(arguments, *read_table(arguments))
    except (ValueError, TypeError, OSError, ImportError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    return 0


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command line, or of a list of words."""
    parser = argparse.ArgumentParser(prog="python -m keras_ts")
    commands = parser.add_subparsers(dest="command", required=True, metavar="forecast")
    forecast = commands.add_parser(
        "forecast",
        help="forecast the series of a CSV file",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = forecast.add_argument
    add("file", type=Path, metavar="FILE", help="a CSV file with a header")
    add("--target", metavar="NAME", required=True, help="the column to forecast")
    add("--horizon", type=int, metavar="N", required=True, help="rows to forecast")
    add("--time", metavar="NAME", help="the column of dates (default: none)")
    add("--date-format", metavar="CODES", default="ISO8601", help='such as "%%d/%%m/%%Y"')
    listed: dict[str, Any] = {"metavar": "NAME", "action": "extend", "nargs": "+", "default": []}
    add("--id", help="the columns that name a series", **listed)
    for role in COVARIATES:
        add(f"--{role.name}", help=f"columns: {role.shown}", **listed)
    add("--plan", type=Path, metavar="FILE", help="the rows to forecast (default: in FILE itself)")
    add("--sep", default=",", help='what separates columns (default: ",")')
    add("--decimal", default=".", help='the decimal point (default: ".")')
    add("--calendar", metavar="CYCLE", nargs="+", type=_cycle, help="day, year, holidays:DE, ...")
    add("--period", type=int, metavar="N", help="rows in a season (default: by the frequency)")
    add("--minimum", type=float, metavar="X", help="no forecast is smaller: 0 for sales")
    add("--maximum", type=float, metavar="X", help="no forecast is larger")
    add("--window", type=int, metavar="N", help="rows in a window (default: by the preset)")
    add("--preset", choices=preset_names(), metavar="NAME", help="default: by the data")
    add("--epochs", type=int, metavar="N", help="passes over the data (default: by the preset)")
    add("--seed", type=int, default=51, metavar="N", help="default: 51")
    add("--pictures", type=int, default=4, metavar="N", help="series to draw (default: 4)")
    add("--out", type=Path, default=Path("out"), metavar="FOLDER", help="default: out")
    return parser.parse_args(words)


def _cycle(name: str) -> str | float:
    return float(name) if name[:1].isdigit() else name


def read_table(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return the rows of the series, and those of the plan, which is None without --future."""
    import pandas as pd

    keys = _keys(arguments)
    target, planned = arguments.target, _columns(arguments, ahead=True)
    ahead, static = [*keys, *planned], _columns(arguments, ahead=False)
    table = _of_file(arguments.file, [*ahead, target, *static], arguments)
    if arguments.plan is not None:
        table = pd.concat([table, _of_file(arguments.plan, ahead, arguments)], ignore_index=True)
    if keys:
        table = table.sort_values(keys, kind="stable")
    # A series begins at its first value. The plan begins after the last date with a value or,
    # without dates, after the last value of each series.
    values, ids = table[target], [table[name] for name in arguments.id] or np.zeros(len(table))
    groups = values.groupby(ids, sort=False, dropna=False)
    begun, ended = groups.ffill().notna(), groups.bfill().notna()
    if arguments.time is not None:
        ended = ~(table[arguments.time] > table.loc[values.notna(), arguments.time].max())
    series, plan = table[begun & ended], table[begun & ~ended][ahead]
    count = len(series[arguments.id].drop_duplicates()) if arguments.id else 1
    use = "the plan that the forecast follows" if planned else "left out"
    behind = f"; {len(plan):,} rows at the end have no value yet: {use}" if len(plan) else ""
    _say(f"{len(series):,} rows in {count} series{behind}.")
    return series.reset_index(drop=True), plan if planned else None


def _columns(arguments: argparse.Namespace, ahead: bool) -> list[str]:
    """Return the covariates that are known ahead, or the others."""
    roles = (role for role in COVARIATES if role.known_ahead == ahead)
    return [name for role in roles for name in getattr(arguments, role.name)]


def _keys(arguments: argparse.Namespace) -> list[str]:
    return [*arguments.id, *([] if arguments.time is None else [arguments.time])]


def _of_file(file: Path, names: list[str], arguments: argparse.Namespace) -> Any:
    """Return some columns of a CSV file as a frame."""
    import pandas as pd

    # Otherwise pandas would read the id 007 as a number.
    texts = _keys(arguments)
    form = {"sep": arguments.sep, "decimal": arguments.decimal, "index_col": False}
    table = pd.read_csv(file, dtype=dict.fromkeys(texts, str), **form)
    if lacking := [name for name in names if name not in table]:
        raise ValueError(
            f"{file} lacks {', '.join(lacking)}; it has {', '.join(map(str, table.columns))}. "
            "--sep says what separates its columns."
        )
    # pandas names the second of two equal columns anew, and the first would be taken.
    header = pd.read_csv(file, header=None, nrows=1, dtype=str, **form).loc[0].tolist()
    if twice := [name for name in names if header.count(name) > 1]:
        raise ValueError(f"{file} has several columns named {twice[0]}.")
    if arguments.id:
        # Nor is the id NA a missing one, as it would be beside numbers.
        ids = pd.read_csv(file, usecols=arguments.id, dtype=str, keep_default_na=False, **form)
        table[arguments.id] = ids[arguments.id].replace("", None)
    if arguments.time is not None:
        table[arguments.time] = pd.to_datetime(table[arguments.time], format=arguments.date_format)
    return table[names]


def run(arguments: argparse.Namespace, series: Any, plan: Any) -> None:
    """Split the rows, train, calibrate and judge a model, save it, forecast and draw."""
    out = arguments.out
    keras.utils.set_random_seed(arguments.seed)
    panel = Panel(
        series,
        target_columns=arguments.target,
        id_column=arguments.id or None,
        time_column=arguments.time,
        **{str(role.setting): getattr(arguments, role.name) or None for role in COVARIATES},
    )
    season = arguments.period or suggested_period(panel, arguments.horizon)
    # MASE is scaled by this period, whatever the preset, so that runs can be compared.
    period = season if arguments.period or season > 1 else None
    preset = _preset(arguments, panel, season)
    borders = _borders(arguments, panel)
    windows = preset.windows_for(
        panel, arguments.horizon, at=borders, seed=arguments.seed, window=arguments.window,
        calendar=arguments.calendar,
    )  # fmt: skip
    train, calibration, held_out = windows.split(panel, at=borders)
    baselines = default_baselines(period)
    if preset.cell == "linear":  # The linear regression is the model itself.
        baselines = [each for each in baselines if not isinstance(each, LinearRegression)]
        _say("The preset is a linear regression, so the baseline of that name is left out.")
    out.mkdir(parents=True, exist_ok=True)
    # Mistakes in the plan and the period are found before the training.
    forecast(preset.build(train), panel, future=plan, incomplete="nan")
    compare(None, train, held_out, period=period, baselines=baselines)
    keras.utils.set_random_seed(arguments.seed)
    model = preset.fit(train, validation_data=calibration)
    if hasattr(model, "history"):  # A linear regression is solved, not trained.
        plot_history(model.history, metric="mae", filepath=out / "history.png")
    model = calibrate(model, calibration, _COVERAGE)
    report = compare(model, train, held_out, period=period, baselines=baselines)
    _say(f"\nErrors over {arguments.horizon} steps, on rows that the model has not seen:\n{report}")
    report.plot(filepath=out / "verdict.png")
    if arguments.id:
        scores = report.scores(by="series").to_frame().sort_values("skill")
        scores = scores[scores["name"].isin(report.verdicts)]
        scores.to_csv(out / "scores.csv", index=False, float_format="%.6g")
    save_model(model, out / "model.keras", report=report)
    ahead = forecast(model, panel, future=plan, incomplete="nan")
    ahead.to_csv(out / "forecast.csv", index=False)
    _draw(arguments, series, ahead)
    if missing := int(ahead[arguments.target].isna().sum()):
        _say(f"\n{missing:,} steps have no forecast: a short series, or no value in the plan.")
    _say(f"\nThe first rows of the forecast ({out / 'forecast.csv'}):")
    _say(ahead.head(5).to_string(index=False))
    _say(f"\nModel, scores and pictures are in {out}.")


def _preset(arguments: argparse.Namespace, panel: Panel, season: int) -> RecurrentPreset:
    """Return the preset that --preset names, or one chosen for the panel."""
    if arguments.preset is None:
        choice = choose_preset(
            panel, arguments.horizon, period=arguments.period, calendar=arguments.calendar
        )
        _say(f"The preset is {choice}")
        preset = choice.preset
    else:
        preset = from_preset(arguments.preset, features=None)
        if preset.window_norm and preset.period:
            preset = replace(preset, period=season)
    if arguments.epochs is not None and preset.recipe is not None:
        recipe = replace(preset.recipe, epochs=arguments.epochs, least_updates=0)
        preset = replace(preset, recipe=recipe)
    bounds = {"minimum": arguments.minimum, "maximum": arguments.maximum}
    return replace(preset, quantiles=_LEVELS, **bounds)


def _borders(arguments: argparse.Namespace, panel: Panel) -> list[Any]:
    """Return where the parts to calibrate on and to judge on begin: common dates, or positions."""
    dated = arguments.time is not None
    times = panel.table[arguments.time].to_numpy() if dated else np.arange(panel.lengths.max())
    rows = np.unique(times)
    judged = max(round(_JUDGED * len(rows)), arguments.horizon)
    calibrated = max(round(_CALIBRATED * len(rows)), arguments.horizon)
    if judged + calibrated + arguments.horizon >= len(rows):
        raise ValueError(f"--horizon {arguments.horizon} leaves too few of {len(rows)} rows.")
    borders = [-(judged + calibrated), -judged]
    return [rows[border] for border in borders] if dated else borders


def _draw(arguments: argparse.Namespace, series: Any, ahead: Any) -> None:
    """Draw the forecasts of the first series, each in its own picture."""
    last, target = 6 * arguments.horizon, arguments.target
    if not arguments.id:
        path = arguments.out / "forecast.png"
        plot_forecast(series, ahead, column=target, last=last, filepath=path)
        return
    rows = ahead[arguments.id].drop_duplicates().head(arguments.pictures)
    for number, ids in enumerate(rows.itertuples(index=False, name=None), start=1):
        label = ids if len(ids) > 1 else ids[0]
        # An id may hold characters that the name of a file cannot.
        name = re.sub(r"[\W_]+", "_", f"forecast_{number}_{'_'.join(ids)}")[:60].rstrip("_")
        path = arguments.out / f"{name}.png"
        plot_forecast(series, ahead, column=target, ids=[label], last=last, filepath=path)
