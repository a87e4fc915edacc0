"""From a series to a forecast, the whole way: windows, split, sweep, training, saving, reloading.

By default on the weekly carbon dioxide record of Mauna Loa that statsmodels ships:

    python examples/forecast.py

and on anyone's own:

    python examples/forecast.py --csv sales.csv --column units --window 30 --steps 30
"""

import argparse
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

import keras_ts

RELOAD = """
import sys, keras, keras_ts, numpy as np
model = keras.saving.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
"""


class UserError(Exception):
    """Something the person who called can put right."""


def main() -> None:
    """Run the example; a mistake in the call is one line and exit status 2."""
    arguments = parse_arguments()
    try:
        name, series = read_series(arguments)
        run(arguments, name, series)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="a CSV file of your own")
    parser.add_argument("--column", metavar="NAME", help="the column of it to forecast")
    parser.add_argument("--window", type=int, default=52, help="values seen (default 52)")
    parser.add_argument("--steps", type=int, default=52, help="values to forecast (default 52)")
    parser.add_argument("--preset", default="gru_32x2", choices=keras_ts.preset_names())
    parser.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=51)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what it writes")
    return parser.parse_args()


def read_series(arguments: argparse.Namespace) -> tuple[str, pd.Series]:
    """Return the series' name and its values, gaps and all."""
    if arguments.csv is None:
        if arguments.column is not None:
            raise UserError("--column names a column of a CSV file: pass --csv FILE too.")
        from statsmodels.datasets import co2

        return "co2 (weekly, ppm)", co2.load_pandas().data["co2"]
    try:
        table = pd.read_csv(arguments.csv)
    except FileNotFoundError:
        raise UserError(f"--csv {arguments.csv}: there is no such file.") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--csv {arguments.csv} cannot be read as a CSV file: {reason}") from None
    columns = ", ".join(map(str, table.columns))
    if arguments.column is None:
        raise UserError(f"--csv needs --column NAME too; {arguments.csv} has: {columns}.")
    if arguments.column not in table:
        raise UserError(
            f"--column {arguments.column} is not in {arguments.csv}, which has: {columns}."
        )
    values = table[arguments.column]
    if not pd.api.types.is_numeric_dtype(values):
        text = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
        example = f", such as {text.iloc[0]!r} in line {text.index[0] + 2}" if len(text) else ""
        raise UserError(
            f"--column {arguments.column} holds text{example}; name a column of numbers."
        )
    try:
        return arguments.column, values.astype(float)
    except OverflowError:
        raise UserError(f"--column {arguments.column} holds a number too large.") from None


def fill_gaps(series: pd.Series) -> np.ndarray:
    """Say what is missing, and fill it along straight lines."""
    series = series.replace([np.inf, -np.inf], np.nan)
    known = series.loc[series.first_valid_index() : series.last_valid_index()].dropna()
    if known.empty:
        raise UserError("every value of the series is missing.")
    inner = series.loc[known.index[0] : known.index[-1]]
    print(f"{len(series):,} values, {int(series.isna().sum())} of them missing", end="")
    if inner.isna().any():
        lengths = inner.isna().groupby(inner.notna().cumsum()).sum()
        print(
            f": {int((lengths > 0).sum())} gaps of up to {int(lengths.max())} in a row, the first "
            f"at {inner.index[inner.isna()][0]}; filled along straight lines",
            end="",
        )
    if len(inner) < len(series):
        print(f"; {len(series) - len(inner)} at the ends left out", end="")
    print(".")
    return inner.interpolate().to_numpy()


def run(arguments: argparse.Namespace, name: str, series: pd.Series) -> None:
    """Window, split, sweep, train, judge, save, reload, forecast and draw."""
    print(f"Series: {name}")
    values = fill_gaps(series)
    if not 0 <= arguments.seed < 2**32:
        raise UserError("--seed must lie between 0 and 2**32 - 1.")
    keras.utils.set_random_seed(arguments.seed)
    try:
        preset = keras_ts.from_preset(arguments.preset, window=arguments.window)
        recipe = preset.recipe or keras_ts.from_preset("simple_rnn_40x2").recipe
        if arguments.epochs is not None:
            recipe = dataclasses.replace(recipe, epochs=arguments.epochs)
        windows = keras_ts.WindowedSeries(
            window=arguments.window,
            targets="sequence" if preset.kind == "sequence_to_sequence" else "vector",
            batch_size=recipe.batch_size,
            shuffle=True,
            seed=arguments.seed,
        )
        train, validation = windows.split(values, at=0.8)
        if arguments.steps < 1:
            raise ValueError("--steps must be >= 1.")
        arguments.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, TypeError, OSError) as error:
        raise UserError(str(error)) from None
    border = len(values) - validation.num_windows
    print(
        f"Windows of {arguments.window}: {train.num_windows:,} to train on, "
        f"{validation.num_windows:,} held out, whose targets begin at position {border:,}."
    )

    model = preset.build()
    plain = dataclasses.replace(recipe, cosine_decay=False)
    plain.compile(model)
    print("\nSweeping the learning rate")
    # Larger batches than those of training, for a curve with less noise.
    calm, _ = dataclasses.replace(windows, batch_size=128).split(values, at=0.8)
    sweep = keras_ts.find_learning_rate(model, calm, start_lr=1e-6, end_lr=10.0, steps=100)
    try:
        rate = sweep.suggest()
        print(
            f"Suggested rate: {rate:.2e} (the sweep {sweep.stopped} after {len(sweep.lrs)} rates)"
        )
    except ValueError as error:
        rate = recipe.learning_rate
        print(f"No suggestion, so the recipe's own rate {rate:.2e}: {error}")
    sweep.plot(path=arguments.out / "sweep.png")

    print(f"\nTraining {arguments.preset} for {recipe.epochs} epochs")
    dataclasses.replace(recipe, learning_rate=rate).compile(model, steps_per_epoch=len(train))
    history = model.fit(train, validation_data=validation, epochs=recipe.epochs, verbose=1)
    keras_ts.plot_history(history, metric="mae", path=arguments.out / "history.png")

    inputs, targets = validation.to_numpy()
    predictions = model.predict(inputs, verbose=0)
    judge(windows, values, train, (inputs, targets), predictions, arguments.preset)

    path = arguments.out / "model.keras"
    model.save(path)
    same = reload_elsewhere(path, inputs, predictions)
    print(f"\nSaved {path}; reloaded in a fresh process, its predictions are {same}.")

    ahead = keras_ts.forecast(model, values, windows, steps=arguments.steps)
    keras_ts.plot_forecast(
        values, ahead, last=6 * arguments.steps, path=arguments.out / "forecast.png"
    )
    print(
        f"Forecast of the next {arguments.steps}: {ahead[0]:.2f} ... {ahead[-1]:.2f} "
        f"(last known value {values[-1]:.2f})."
    )
    print(f"Pictures: {', '.join(str(p) for p in sorted(arguments.out.glob('*.png')))}")


def judge(
    windows: keras_ts.WindowedSeries,
    values: np.ndarray,
    train: keras_ts.WindowDataset,
    held_out: tuple[np.ndarray, np.ndarray],
    predictions: np.ndarray,
    name: str,
) -> None:
    """Print errors on the same held-out targets: the model's, and those of simple forecasts."""
    inputs, targets = held_out
    last = targets.reshape(len(targets), -1)[:, -1]
    model_error = np.abs(predictions.reshape(len(last), -1)[:, -1] - last).mean()
    naive_error = np.abs(inputs[:, -1] - last).mean()
    seen, follow = train.to_numpy()
    follow = follow.reshape(len(follow), -1)[:, -1]
    # Relative to the last value, so that a trend does not carry it away.
    design = np.column_stack([seen, np.ones(len(seen))])
    weights = np.linalg.lstsq(design, follow, rcond=None)[0]
    linear = np.column_stack([inputs, np.ones(len(inputs))]) @ weights
    linear_error = np.abs(linear - last).mean()
    print(f"\nMean absolute error one step ahead, on {len(last):,} held-out targets")
    rows = {
        name: model_error,
        "naive (last value)": naive_error,
        f"linear autoregression on {windows.window}": linear_error,
    }
    for label, error in sorted(rows.items(), key=lambda row: row[1]):
        print(f"  {error:10.4f}  {label}")
    lost_to = [label for label, error in rows.items() if error < model_error]
    if lost_to:
        print(f"  The model loses to: {', '.join(lost_to)}.")


def reload_elsewhere(path: Path, inputs: np.ndarray, predictions: np.ndarray) -> str:
    """Predict in a new interpreter that only imports keras_ts, and compare."""
    given, got = path.with_name("inputs.npy"), path.with_name("predictions.npy")
    np.save(given, inputs)
    subprocess.run(
        [sys.executable, "-c", RELOAD, path, given, got], check=True, capture_output=True
    )
    difference = np.abs(np.load(got) - predictions).max()
    for file in (given, got):
        file.unlink()
    return "the same, bit for bit" if difference == 0 else f"the same within {difference:.1e}"


if __name__ == "__main__":
    main()
