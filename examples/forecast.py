r"""From a table to a forecast with dates, the whole way: one Keras file, judged before it is used.

By default on the weekly carbon dioxide record of Mauna Loa that statsmodels ships:

    python examples/forecast.py

and on anyone's own:

    python examples/forecast.py --csv sales.csv --column units --time day --id shop \
        --future promotion --calendar week --period 7 --window 28 --horizon 14

With --future, the file goes on behind the last value of each series: those rows hold the columns
known ahead, and no value yet to forecast. They are the plan that the forecast follows, a row for
each step of the horizon.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

import keras_ts

# An 80 % band about the median.
LEVELS, COVERAGE = (0.1, 0.5, 0.9), 0.8
FRESH = """
import sys, keras, keras_ts, pandas as pd
model = keras.saving.load_model(sys.argv[1])
series, future = pd.read_pickle(sys.argv[2])
keras_ts.forecast(model, series, future=future).to_pickle(sys.argv[3])
"""


class UserError(Exception):
    """A mistake that the person who called can put right."""


def main() -> None:
    """Run the example; a mistake in the call is one line and exit status 2."""
    arguments = parse_arguments()
    try:
        table = read_table(arguments)
        series, future = fill_gaps(table, arguments)
        run(arguments, series, future)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def parse_arguments() -> argparse.Namespace:
    """Read the command line; without a file, fill in the settings for the carbon dioxide record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="a CSV file of your own")
    parser.add_argument("--column", metavar="NAME", help="the column to forecast")
    parser.add_argument("--time", metavar="NAME", help="the column of dates (default: none)")
    parser.add_argument("--id", metavar="NAME", help="the column that tells series apart")
    parser.add_argument(
        "--future", metavar="NAME", nargs="+", default=[], help="columns that are known ahead"
    )
    parser.add_argument(
        "--calendar", nargs="+", metavar="CYCLE", default=[],
        help="hour, day, week, year, or a period in rows",
    )  # fmt: skip
    parser.add_argument(
        "--missing", choices=["drop", "keep"],
        help="where dates are skipped: drop the windows across a gap, or keep them and count rows",
    )  # fmt: skip
    parser.add_argument("--period", type=int, help="rows in a season")
    parser.add_argument("--window", type=int, default=52, help="rows seen (default 52)")
    parser.add_argument("--horizon", type=int, default=26, help="rows to forecast (default 26)")
    parser.add_argument("--preset", default="gru_32x2", choices=keras_ts.preset_names())
    parser.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=51)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what it writes")
    arguments = parser.parse_args()
    if arguments.csv is None and arguments.column is None:
        arguments.column, arguments.time = "co2", "week"
        arguments.calendar = arguments.calendar or ["year"]
        arguments.period = arguments.period or 52
    arguments.calendar = [_cycle(name) for name in arguments.calendar]
    return arguments


def _cycle(name: str) -> str | float:
    try:
        return float(name)
    except ValueError:
        return name


def read_table(arguments: argparse.Namespace) -> pd.DataFrame:
    """Return the columns that were asked for, with dates parsed."""
    if arguments.csv is None:
        if arguments.column != "co2":
            raise UserError("--column names a column of a CSV file: pass --csv FILE too.")
        from statsmodels.datasets import co2

        print("Carbon dioxide at Mauna Loa, weekly, in parts per million")
        return co2.load_pandas().data.rename_axis("week").reset_index()
    try:
        # Read as numbers, the shop 007 would become 7, and the year 2024 some nanoseconds.
        texts = {name: str for name in (arguments.id, arguments.time) if name is not None}
        table = pd.read_csv(arguments.csv, dtype=texts)
    except FileNotFoundError:
        raise UserError(f"--csv {arguments.csv}: there is no such file.") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--csv {arguments.csv} cannot be read as a CSV file: {reason}") from None
    columns = ", ".join(map(str, table.columns))
    if table.empty:
        raise UserError(f"--csv {arguments.csv} has no row below its header: {columns}.")
    if arguments.column is None:
        raise UserError(f"--csv needs --column NAME too; {arguments.csv} has: {columns}.")
    named = {"column": [arguments.column], "time": [arguments.time], "id": [arguments.id]}
    named["future"] = arguments.future
    for option, names in named.items():
        for name in names:
            if name is not None and name not in table:
                raise UserError(
                    f"--{option} {name} is not in {arguments.csv}, which has: {columns}."
                )
    chosen = [name for names in named.values() for name in names if name is not None]
    for name in chosen:
        if chosen.count(name) > 1:
            raise UserError(f"two options name the column {name}; use one of them.")
    if arguments.id is not None and table[arguments.id].isna().any():
        raise UserError(
            f"--id {arguments.id} has no value in line {_first_line(table[arguments.id])}."
        )
    for option, name in (("column", arguments.column), *(("future", n) for n in arguments.future)):
        table[name] = _numbers(option, table[name])
    if arguments.time is not None:
        try:
            table[arguments.time] = pd.to_datetime(table[arguments.time], format="ISO8601")
        except (ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"--time {arguments.time} must hold dates such as 2024-05-31: {reason}"
            ) from None
    kept = [arguments.id, arguments.time, arguments.column, *arguments.future]
    table = table[[name for name in kept if name is not None]]
    order = [name for name in (arguments.id, arguments.time) if name is not None]
    return table.sort_values(order, kind="stable") if order else table


def _numbers(option: str, values: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values):
        text = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
        example = f", such as {text.iloc[0]!r} in line {text.index[0] + 2}" if len(text) else ""
        raise UserError(f"--{option} {values.name} holds text{example}; name a column of numbers.")
    try:
        return values.astype(float).replace([np.inf, -np.inf], np.nan)
    except OverflowError:
        raise UserError(f"--{option} {values.name} holds a number too large.") from None


def fill_gaps(
    table: pd.DataFrame, arguments: argparse.Namespace
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the series, its holes filled, and the rows behind it, which hold the plan.

    A hole is filled with the value before it: a straight line across it would draw on values that
    come after, and let a forecast see past its origin.
    """
    ids = pd.Series(0, table.index) if arguments.id is None else table[arguments.id]
    values = table[arguments.column]
    if values.isna().all():
        raise UserError("every value of the series is missing.")
    groups = values.groupby(ids, sort=False)
    begun, ended = groups.ffill().notna(), groups.bfill().notna()
    series = table[begun & ended].copy()
    holes = int(series[arguments.column].isna().sum())
    series[arguments.column] = series[arguments.column].groupby(ids, sort=False).ffill()
    behind = table[begun & ~ended].drop(columns=arguments.column)
    whole = ids[series.index].nunique()
    print(f"{len(series):,} rows in {whole:,} series", end="")
    if holes:
        print(f", {holes:,} of them without a value and filled with the one before", end="")
    if whole < ids.nunique():
        print(f"; {ids.nunique() - whole:,} series without any value left out", end="")
    if len(behind):
        use = "the plan for what follows" if arguments.future else "left out"
        print(f"; {len(behind):,} rows at the end have no value yet: {use}", end="")
    print(".")
    for name in arguments.future:
        if series[name].isna().any():
            raise UserError(f"--future {name} has no value in line {_first_line(series[name])}.")
    return series, behind if arguments.future else None


def _first_line(values: pd.Series) -> int:
    return int(values.index[values.isna()][0]) + 2


def run(arguments: argparse.Namespace, series: pd.DataFrame, future: pd.DataFrame | None) -> None:
    """Window, split, sweep, train, judge, save, forecast and draw."""
    if not 0 <= arguments.seed < 2**32:
        raise UserError("--seed must lie between 0 and 2**32 - 1.")
    keras.utils.set_random_seed(arguments.seed)
    try:
        # A preset reads windows and columns off the data.
        preset = keras_ts.from_preset(arguments.preset, features=None, quantiles=LEVELS)
        if preset.window_norm == "seasonal" and arguments.period:
            preset = dataclasses.replace(preset, period=arguments.period)
        recipe = preset.recipe or keras_ts.from_preset("simple_rnn_40x2").recipe
        if arguments.epochs is not None:
            recipe = dataclasses.replace(recipe, epochs=arguments.epochs, least_updates=0)
        windows = keras_ts.WindowedSeries(
            arguments.window,
            arguments.horizon,
            targets=preset.kind.removeprefix("sequence_to_"),
            target_columns=arguments.column,
            future_columns=arguments.future or None,
            calendar=arguments.calendar or None,
            id_column=arguments.id,
            time_column=arguments.time,
            missing=arguments.missing or "raise",
            # In a panel a large series would drown the small ones.
            weighting=None if arguments.id is None else "inverse_scale",
            batch_size=recipe.batch_size,
            shuffle=True,
            seed=arguments.seed,
        )
        train, calibration, held_out = split(windows, series, arguments)
        # Larger batches than those of training, for a curve with less noise.
        calm, *_ = split(dataclasses.replace(windows, batch_size=128), series, arguments)
        arguments.out.mkdir(parents=True, exist_ok=True)
        model = preset.build(train)
        # A season that reaches back too far is refused before anything is trained.
        keras_ts.compare(None, train, held_out, period=arguments.period)
        # The untrained model reads the same rows, so a plan that lacks some is refused at once.
        keras_ts.forecast(model, series, future=future)
    except (ValueError, TypeError, OSError) as error:
        raise UserError(str(error)) from None
    print(
        f"Windows of {arguments.window} rows, and {arguments.horizon} to forecast: "
        f"{train.num_windows:,} to train on, {calibration.num_windows:,} to calibrate the band on, "
        f"{held_out.num_windows:,} to judge on."
    )

    print("\nSweeping the learning rate")
    dataclasses.replace(recipe, cosine_decay=False).compile(model)
    sweep = keras_ts.find_learning_rate(model, calm, start_lr=1e-6, end_lr=10.0, steps=100)
    try:
        rate = sweep.suggest()
        print(
            f"Suggested rate: {rate:.2e} (the sweep {sweep.stopped} after {len(sweep.lrs)} rates)"
        )
    except ValueError as error:
        rate = recipe.learning_rate
        print(f"No suggestion, so the recipe's own rate {rate:.2e}: {error}")
    sweep.plot(filepath=arguments.out / "sweep.png")

    epochs = recipe.epochs_for(len(train))
    print(f"\nTraining {arguments.preset} for {epochs} epochs")
    dataclasses.replace(recipe, learning_rate=rate).compile(model, steps_per_epoch=len(train))
    history = model.fit(train, validation_data=calibration, epochs=epochs, verbose=2)
    keras_ts.plot_history(history, metric="mae", filepath=arguments.out / "history.png")

    print(f"\nErrors over all {arguments.horizon} steps, on the part that nothing has seen")
    try:
        model = keras_ts.calibrate(model, calibration, COVERAGE)
    except ValueError as error:
        raise UserError(str(error)) from None
    judged = {arguments.preset: model}
    print(keras_ts.compare(judged, train, held_out, period=arguments.period))

    path = arguments.out / "model.keras"
    model.save(path)
    ahead = keras_ts.forecast(model, series, future=future)
    same = forecast_elsewhere(path, (series, future), ahead)
    print(f"\nSaved {path}. A fresh process, given that file alone, forecasts {same}.")
    ahead.to_csv(arguments.out / "forecast.csv", index=False)
    keras_ts.plot_forecast(
        series, ahead, last=6 * arguments.horizon, filepath=arguments.out / "forecast.png"
    )
    print(f"\nThe next {arguments.horizon} rows ({arguments.out / 'forecast.csv'}):")
    print(ahead.head(5).to_string(index=False))
    print(f"\nPictures: {', '.join(str(p) for p in sorted(arguments.out.glob('*.png')))}")


def split(
    windows: keras_ts.WindowedSeries, series: pd.DataFrame, arguments: argparse.Namespace
) -> list[keras_ts.WindowDataset]:
    """Return parts to train on, to calibrate on, and to judge on: the last fifth.

    The parts of a panel with dates end at the same dates for all series.
    """
    at: list[Any] = [0.65, 0.8]
    if arguments.id is not None and arguments.time is not None:
        dates = series[arguments.time]
        at = [dates.quantile(share, interpolation="nearest") for share in at]
    return windows.split(series, at=at)


def forecast_elsewhere(path: Path, data: Any, ahead: pd.DataFrame) -> str:
    """Forecast in a new interpreter that has the model's file and the series, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "series.pickle", Path(folder) / "forecast.pickle"
        pd.to_pickle(data, given)
        subprocess.run(
            [sys.executable, "-c", FRESH, path, given, got], check=True, capture_output=True
        )
        again = pd.read_pickle(got)  # noqa: S301 - written by the line above
    if again.equals(ahead):
        return "the same, bit for bit"
    columns = ahead.columns[list(ahead.columns).index("step") + 1 :]
    return f"the same within {(again[columns] - ahead[columns]).abs().max().max():.1e}"


if __name__ == "__main__":
    main()
