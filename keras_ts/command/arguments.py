"""The arguments of ``python -m keras_ts forecast``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from keras_ts.presets.catalog import preset_names

_ABOUT = """Forecast the series of a CSV file.

The last part of the file is held out, and the model is judged on it beside simple forecasts: it
beats the best of them, loses to it, or cannot be told from it. Its 80 % prediction intervals are
calibrated on the part before that. The command writes forecast.csv, the trained model.keras,
pictures and, with --id, the scores of each series, scores.csv.

A target may be missing anywhere; with --time, rows may be missing, too. With --future, a plan holds
the columns known ahead in the rows that are forecast: the file goes on after its last values, with
rows that have no target, or --plan names a file of these rows.
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
    add("--plan", type=Path, metavar="FILE", help="the rows known ahead (default: in FILE itself)")
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
