"""Reads the CSV files of ``python -m keras_ts forecast`` into a table and a plan."""

import argparse
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# The most ids that an error names.
_NAMED = 3
# The cure for times of a clock that changes, since a CSV file can hold one offset from UTC or none.
CLOCK_CHANGES = (
    "write local times without an offset, and one row with the mean for an hour that the clock "
    "repeats; or write UTC, if rows are an hour apart or less and no --calendar goes by local hours"
)


class UserError(Exception):
    """A mistake in the call; the command prints only its text, in one line."""


def say(text: str) -> None:
    """Print a text without delay, also into a pipe."""
    print(text, flush=True)  # noqa: T201


def read_table(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return the rows of the series, and those of the plan, which is None without --future."""
    table = _columns(_of_file(arguments.file, arguments), arguments)
    _check_date_format(arguments)
    if arguments.plan is not None and not arguments.future:
        raise UserError(
            f"--plan {arguments.plan} holds columns that are known ahead: name them by --future."
        )
    table[arguments.target] = _numbers(table[arguments.target])
    for name in arguments.static:
        _check_whole("static", table[name], arguments.file)
    for name in arguments.future:
        # Columns known ahead may lack a value in rows without a target.
        known = table[name][table[arguments.target].notna()]
        _check_whole("future", known, arguments.file)
    if arguments.time is not None:
        table[arguments.time] = _dates(table[arguments.time], arguments.file, arguments)
    order = [name for name in (arguments.id, arguments.time) if name is not None]
    if order:
        table = table.sort_values(order, kind="stable")
    series, behind = _parted(table, arguments)
    if not arguments.future:
        return series, None
    return series, behind if arguments.plan is None else _of_plan(table, series, arguments)


def _of_plan(table: Any, series: Any, arguments: argparse.Namespace) -> Any:
    """Return the rows of the file --plan: id, time and the columns known ahead."""
    import pandas as pd

    file, rows = arguments.plan, arguments.file
    words = [
        name for name in arguments.future if not pd.api.types.is_numeric_dtype(table[name].dtype)
    ]
    # If FILE has the texts "1" and "A", and the plan only "1", this "1" must stay a text, too.
    plan = _of_file(file, arguments, words)
    named = (arguments.id, arguments.time, *arguments.future)
    needed = [name for name in named if name is not None]
    if lacking := [name for name in needed if name not in plan]:
        columns, hint = ", ".join(map(str, plan.columns)), _hint(plan)
        raise UserError(f"--plan {file} lacks {', '.join(lacking)}; it has: {columns}.{hint}")
    if arguments.target in plan and (valued := plan[arguments.target].notna()).any():
        raise UserError(
            f"--plan {file} has a value of {arguments.target} in line {_line(valued)}: rows with a "
            f"value belong in {rows}."
        )
    for name in arguments.future:
        if name not in words and not pd.api.types.is_numeric_dtype(plan[name].dtype):
            wrong = pd.to_numeric(plan[name], errors="coerce").isna() & plan[name].notna()
            text = plan[name][wrong].iloc[0]
            raise UserError(
                f"--future {name} holds numbers in {rows}, and {text!r} in line {_line(wrong)} of "
                f"{file}."
            )
    if arguments.time is not None:
        plan[arguments.time] = _dates(plan[arguments.time], file, arguments)
        if len({str(times[arguments.time].dt.tz) for times in (plan, table)} - {"None"}) > 1:
            raise _mixed_offsets(arguments)
    if arguments.id is not None:
        _check_whole("id", plan[arguments.id], file)
        _check_ids(plan[arguments.id], table[arguments.id], file, rows)
        _check_ids(series[arguments.id], plan[arguments.id], rows, file)
    say(f"{len(plan):,} rows of {file}: the plan that the forecast follows.")
    return plan[needed]


def _check_ids(ids: Any, others: Any, file: Path, other: Path) -> None:
    if alone := ids[~ids.isin(others)].unique().tolist():
        shown = ", ".join(map(str, alone[:_NAMED])) + ", ..." * (len(alone) > _NAMED)
        raise UserError(f"--id {ids.name}: {file} has {shown}, which {other} lacks.")


def _hint(table: Any) -> str:
    return " Separate its columns by commas." if len(table.columns) == 1 else ""


def _line(marked: Any) -> int:
    """Return the number of the line of the first marked row; the header is line 1."""
    return int(marked.index[marked][0]) + 2


def _of_file(file: Path, arguments: argparse.Namespace, words: Sequence[str] = ()) -> Any:
    """Return a CSV file as a frame, with ids, times and the columns ``words`` as texts."""
    try:
        import pandas as pd
    except ImportError:
        raise UserError("reading a CSV file needs pandas: pip install pandas") from None
    # Read as a number, the text 007 would become 7, and the time 2024 some nanoseconds.
    texts = dict.fromkeys(words if arguments.time is None else [*words, arguments.time], str)
    read: Any = pd.read_csv
    # pandas would read the id "NA" as missing. So a converter puts "=" before each id, and it is
    # removed below.
    signed = {} if arguments.id is None else {arguments.id: "={}".format}
    try:
        header = read(file, header=None, nrows=1, dtype=str).iloc[0]
        with warnings.catch_warnings():
            # If a line has more values than the header, pandas drops values with a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = read(file, index_col=False, dtype=texts, converters=signed)
        if arguments.id in table:
            table[arguments.id] = table[arguments.id].str[1:].replace("", None)
    except FileNotFoundError:
        raise UserError(f"{file}: there is no such file.") from None
    except pd.errors.ParserWarning:
        raise UserError(f"{file} has lines of more values than its header has columns.") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file} cannot be read as a CSV file: {reason}") from None
    if table.empty:
        columns = ", ".join(map(str, table.columns))
        raise UserError(f"{file} has no row below its header: {columns}.")
    named = {arguments.id, arguments.time, arguments.target, *arguments.future, *arguments.static}
    named -= {None}
    if len(twice := header[header.duplicated() & header.isin(named)]):
        raise UserError(
            f"{file} has two columns {twice.iloc[0]}: rename one of them in its header."
        )
    for name in table:
        # With an empty field among them, pandas reads True and False as objects.
        if pd.api.types.infer_dtype(table[name], skipna=True) == "boolean":
            table[name] = table[name].astype(float)
    return table


def _columns(table: Any, arguments: argparse.Namespace) -> Any:
    """Return the columns that the arguments name."""
    columns = ", ".join(map(str, table.columns))
    if arguments.target is None:
        raise UserError(f"--target NAME is missing; {arguments.file} has: {columns}.")
    named = [(option, getattr(arguments, option)) for option in ("id", "time", "target")]
    named += [(option, name) for option in ("future", "static") for name in vars(arguments)[option]]
    chosen: list[str] = []
    for option, name in named:
        if name is None:
            continue
        if name not in table:
            raise UserError(
                f"--{option} {name} is not in {arguments.file}, which has: {columns}.{_hint(table)}"
            )
        if name in chosen:
            raise UserError(f"two options name the column {name}; use one of them.")
        chosen.append(name)
    if arguments.id is not None:
        _check_whole("id", table[arguments.id], arguments.file)
    return table[chosen].copy()


def _numbers(values: Any) -> Any:
    import pandas as pd

    try:
        if not pd.api.types.is_numeric_dtype(values):
            text = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
            example = f", such as {text.iloc[0]!r} in line {text.index[0] + 2}" if len(text) else ""
            raise UserError(
                f"--target {values.name} holds text{example}; name a column of numbers."
            )
        values = values.astype(float)
    except OverflowError:
        raise UserError(f"--target {values.name} holds a number too large.") from None
    if (infinite := np.isinf(values)).any():
        raise UserError(
            f"--target {values.name} has an infinite value in line {_line(infinite)}: correct "
            "it, or leave the field empty if it is missing."
        )
    return values


def _check_whole(option: str, values: Any, file: Path) -> None:
    if (missing := values.isna()).any():
        raise UserError(
            f"--{option} {values.name} has no value in line {_line(missing)} of {file}."
        )


def _check_date_format(arguments: argparse.Namespace) -> None:
    import pandas as pd

    form = arguments.date_format
    if form is None:
        return
    if arguments.time is None:
        raise UserError("--date-format says how --time is written: name that column, too.")
    reason = "it has no code"
    # A form without a code may be a word of pandas: "mixed" would guess in each row.
    if "%" in form:
        try:
            pd.to_datetime(pd.Series(["a"]), format=form, errors="coerce")
            return
        except (ValueError, re.error) as error:
            reason = str(error).splitlines()[0]
    raise UserError(
        f"--date-format {form!r} cannot be read: {reason}. Write it in Python's codes, such as "
        '"%d/%m/%Y" for 31/05/2024.'
    )


def _dates(values: Any, file: Path, arguments: argparse.Namespace) -> Any:
    import pandas as pd

    name, form = arguments.time, arguments.date_format
    _check_whole("time", values, file)
    try:
        with warnings.catch_warnings():
            # For mixed offsets, pandas 2 returns no dates, with a warning.
            warnings.simplefilter("error", FutureWarning)
            return pd.to_datetime(values, format=form or "ISO8601")
    except (ValueError, TypeError, FutureWarning):
        read = pd.to_datetime(values, format=form or "ISO8601", errors="coerce", utc=True)
        wrong = values[read.isna()]
    if not len(wrong):
        raise _mixed_offsets(arguments)
    first = f"line {wrong.index[0] + 2} of {file} has {wrong.iloc[0]!r}"
    if form is not None:
        raise UserError(f'--time {name} must hold dates as --date-format "{form}" says: {first}.')
    raise UserError(
        f"--time {name} must hold dates such as 2024-05-31: {first}. Say how dates of another form "
        'are written, such as --date-format "%d/%m/%Y" for 31/05/2024.'
    )


def _mixed_offsets(arguments: argparse.Namespace) -> UserError:
    return UserError(
        f"--time {arguments.time} mixes offsets from UTC, such as those of winter and summer: "
        f"{CLOCK_CHANGES}."
    )


def _parted(table: Any, arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return the rows of each series from its first value on, and those of the plan."""
    # With dates, the plan begins after the last date on which any series has a value. Without
    # dates, it begins after the last value of each series. Earlier rows without a value are gaps.
    import pandas as pd

    values = table[arguments.target]
    if values.isna().all():
        raise UserError(f"--target {arguments.target} has no value in any line.")
    ids = pd.Series(0, table.index) if arguments.id is None else table[arguments.id]
    groups = values.groupby(ids, sort=False)
    begun, ended = groups.ffill().notna(), groups.bfill().notna()
    if arguments.time is not None:
        dates = table[arguments.time]
        ended = dates <= dates[values.notna()].max()
    series, behind = table[begun & ended], table[begun & ~ended]
    if len(behind) and arguments.plan is not None:
        raise UserError(
            f"--plan {arguments.plan}: {arguments.file} has {len(behind):,} rows after its last "
            f"value, the first in line {behind.index.min() + 2}, which are a plan, too. Take them "
            "out, or leave out --plan."
        )
    lines = [f"{len(series):,} rows in {ids[series.index].nunique():,} series"]
    missing = int(series[arguments.target].isna().sum())
    if missing:
        lines.append(f"{missing:,} of them without a value")
    without = ids.nunique() - ids[series.index].nunique()
    if without:
        lines.append(f"{without:,} series without any value: left out")
    if len(behind):
        use = "the plan that the forecast follows" if arguments.future else "left out"
        lines.append(f"{len(behind):,} rows at the end have no value yet: {use}")
    say("; ".join(lines) + ".")
    if arguments.future and arguments.plan is None and not len(behind):
        raise UserError(
            f"--future needs a plan: rows ahead that hold {', '.join(arguments.future)} and no "
            f"target. {arguments.file} has none after its last value: add them there, or pass them "
            "in a file of their own, --plan FILE."
        )
    behind = behind.drop(columns=arguments.target).reset_index(drop=True)
    return series.reset_index(drop=True), behind
