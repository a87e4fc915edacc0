"""Checks the entries of a scorecard, which may come from an untrusted file, and compares tasks.

A task is how windows are cut, and which columns they have. The models of a backtest have other
weights than the saved model, so only the task shows if the scores can belong to that model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts.panel.columns import Columns
from keras_ts.panel.labels import collapsed
from keras_ts.panel.roles import PARTS
from keras_ts.windows.spec import WindowSpec

FORMAT = 1
# The limits of a text and of a list, such as one value for each step.
LONGEST_TEXT, _LONGEST_LIST = 1000, 100_000
_COUNTS = ("horizon", "window", "gap", "sampling_rate")
# The most names of columns, and their longest text: a scorecard of any table stays small.
_MOST_NAMES, _LONGEST_NAME = 1000, 100

# What each entry must be: a type, a list of one, or a dict of entries; in a tuple if it may be None
# or, in an older file, absent. Any float may be None. ``table`` may have any columns, so a new
# metric needs no line here.
_COURSE = {"mean": [float], "low": [float], "high": [float]}
# Of means over runs of rows, by ``length``, the spread by chance; the rows that show it.
_RUNS = {
    "length": [int], "held_out": int, "train": int,
    **{name: [float] for name in ("error", "bias", "coverage", "level", "step")},
}  # fmt: skip
_ENTRIES: dict[str, Any] = {
    "format": int, "model": str, "by": str, "period": (int,), "folds": (int,), "best": str,
    "verdict": str, "sentence": str, "targets": ([str],), "notes": [str], "table": dict,
    "steps": {"model": [float], "baseline": [float], "coverage": ([float],), "bias": ([float],)},
    "coverage": ({"asked": float, "share": float, "width": float},),
    "promised": {"origins": int, "errors": _COURSE, "coverage": (_COURSE,), "runs": (_RUNS,)},
    "judged_on": {
        "windows": int, "series": int, "origins": int, "first": str, "last": str,
        "fingerprint": str, **dict.fromkeys(_COUNTS, int), "id_column": (str,),
        "columns": ({part: ([str],) for part in PARTS},),
    },
    "versions": {"keras_ts": str, "keras": str, "backend": str},
    "weights": [str], "intervals": ([str],),
}  # fmt: skip


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a scorecard that this version knows, or raise an error."""
    if _checks.integer("format", values.get("format"), 1) > FORMAT:
        raise ValueError("it comes from a newer keras_ts: install that version.")
    read: dict[str, Any] = _read("scorecard", values, _ENTRIES)
    # The model card shows ``by`` without escapes, so it must be a plain name.
    if not read["by"].isidentifier():
        raise ValueError(f"by must be the name of a metric. Received: {_checks.shown(read['by'])}.")
    promised = [read["promised"]["errors"], read["promised"]["coverage"] or {}]
    runs = read["promised"]["runs"] or {}
    runs = {name: part for name, part in runs.items() if isinstance(part, list)}
    for columns in (read["table"], {**read["steps"], **promised[0]}, promised[1], runs):
        lengths = {len(column) for column in columns.values() if column is not None}
        if columns and (len(lengths) != 1 or lengths == {0}):
            raise ValueError(f"{', '.join(columns)} must be columns of one length, not empty.")
    table = read["table"]
    needed = {"name", read["by"], "skill", "skill_low", "skill_high"}
    if not needed <= set(table) or read["model"] not in table["name"]:
        raise ValueError("table lacks the model, its skill, or the metric of the verdict.")
    return read


def _read(name: str, value: Any, kind: Any) -> Any:
    """Return an entry if it is of its kind in ``_ENTRIES``, or raise an error that names it."""
    if isinstance(kind, tuple):
        return None if value is None else _read(name, value, kind[0])
    if kind is float:
        return None if value is None else _checks.real(name, value)
    if kind is int:
        return _checks.integer(name, value, 0)
    if kind is str:
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise TypeError(f"{name} must be a short text. Received: {_checks.shown(value)}.")
        return printable(value)
    if isinstance(kind, list):
        if not isinstance(value, list) or len(value) > _LONGEST_LIST:
            raise TypeError(
                f"{name} must be a list of at most {_LONGEST_LIST} entries. "
                f"Received: {_checks.shown(value)}."
            )
        return [_read(f"an entry of {name}", item, kind[0]) for item in value]
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict. Received: {_checks.shown(value)}.")
    if kind is dict:
        names = [_read("a column", column, str) for column in value]
        kind = {column: [str if column == "name" else float] for column in names}
        value = dict(zip(names, value.values(), strict=True))
    for key, part in kind.items():
        if key not in value and not isinstance(part, tuple):
            raise ValueError(f"{name} lacks {key!r}.")
    return {key: _read(key, value.get(key), part) for key, part in kind.items()}


def printable(text: str) -> str:
    """Return a text with a space for each character that does not print, such as a newline."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def plain(value: Any) -> Any:
    """Return numbers with six digits for JSON, and None for one that is not finite."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if np.ndim(value):
        return [plain(number) for number in value.tolist()]
    return float(f"{value:.6g}") if np.isfinite(value) else None


def task_of(windows: WindowSpec, columns: Columns | None) -> dict[str, Any]:
    """Return the task of windows as plain values, with the names of columns by role if known."""

    def names_of(part: Sequence[Any]) -> list[str]:
        # Columns of 0 and 1 for categories are named by the column of text that they encode.
        names = collapsed(part, windows.categories)
        more = [f"and {len(names) - _MOST_NAMES} more"] * (len(names) > _MOST_NAMES)
        return [*map(_name, names[:_MOST_NAMES]), *more]

    parts = None if columns is None else columns.by_part()
    return {
        **{name: getattr(windows, name) for name in _COUNTS},
        "id_column": ", ".join(map(_name, windows.id_columns)) or None,
        "columns": parts and {part: names_of(names) for part, names in parts.items()},
    }


def differences(judged: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str]:
    """Return, as a text for each of two tasks, the settings in which they differ, or ""."""
    pairs = [(name, judged[name], other[name]) for name in (*_COUNTS, "id_column")]
    if None not in (judged["columns"], other["columns"]):
        pairs += [
            (f"columns[{part!r}]", judged["columns"][part] or [], names)
            for part, names in other["columns"].items()
        ]
    pairs = [pair for pair in pairs if pair[1] != pair[2]]
    first, second = (
        ", ".join(f"{pair[0]}={_checks.shown(pair[place])}" for pair in pairs) for place in (1, 2)
    )
    return first, second


def _name(column: Any) -> str:
    return printable(str(column))[:_LONGEST_NAME]
