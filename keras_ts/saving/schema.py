"""Checks the entries of a scorecard, which may come from an untrusted file, and notes its task.

The scores of a backtest belong to models of other weights, so only the task, how windows are cut
and which columns they have, shows if they can belong to the model that is saved with them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_ts import _checks
from keras_ts.windows.arithmetic.categories import collapsed
from keras_ts.windows.roles import PARTS, Columns
from keras_ts.windows.spec import WindowSpec

_FORMAT = 1
_SKILL = ("skill", "skill_low", "skill_high")
# More is no sensible model's.
_LONGEST_TEXT, _LONGEST_LIST = 1000, 100_000
_COUNTS = ("horizon", "window", "gap", "sampling_rate")
# A scorecard stays small on a table of any width.
_MOST_NAMES, _LONGEST_NAME = 1000, 100


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of an untrusted scorecard that this version knows."""
    if _checks.integer("format", values.get("format"), 1) > _FORMAT:
        raise ValueError("it comes from a newer keras_ts: install that version.")
    read: dict[str, Any] = _entry(_SCORECARD)("scorecard", values)
    promised = [course for course in list(read["promised"].values())[1:] if course is not None]
    for columns in (read["table"], {**read["steps"], **promised[0]}, *promised):
        lengths = {len(column) for column in columns.values() if column is not None}
        if len(lengths) != 1 or lengths == {0}:
            raise ValueError(f"{', '.join(columns)} must be columns of one length.")
    table = read["table"]
    if not {"name", read["by"], *_SKILL} <= set(table) or read["model"] not in table["name"]:
        raise ValueError("table lacks the model, its skill, or the metric of the verdict.")
    return read


def printable(text: str) -> str:
    """Return a text in one line, without letters that a terminal obeys, such as colours."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


_Check = Callable[[str, Any], Any]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise TypeError(f"{name} must be a short text. Received: {_checks.shown(value)}.")
    return printable(value)


def _measure(name: str, value: Any) -> str:
    return _checks.choice(name, value, ("mae", "mase"))


def _count(name: str, value: Any) -> int:
    return _checks.integer(name, value, 0)


def _number(name: str, value: Any) -> float | None:
    return None if value is None else _checks.real(name, value)


def _maybe(check: _Check) -> _Check:
    return lambda name, value: None if value is None else check(name, value)


def _list(check: _Check) -> _Check:
    def read(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > _LONGEST_LIST:
            raise TypeError(f"{name} must be a list. Received: {_checks.shown(value)}.")
        return [check(f"an entry of {name}", item) for item in value]

    return read


def _dict(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict. Received: {_checks.shown(value)}.")
    return value


def _entry(checks: dict[str, _Check]) -> _Check:
    def read(name: str, value: Any) -> dict[str, Any]:
        values = _dict(name, value)
        missing = [key for key in checks if key not in values]
        if missing:
            raise ValueError(f"{name} lacks {missing[0]!r}.")
        return {key: check(key, values[key]) for key, check in checks.items()}

    return read


def _table(name: str, value: Any) -> dict[str, Any]:
    return {
        _text("a column", column): (_TEXTS if column == "name" else _NUMBERS)(column, values)
        for column, values in _dict(name, value).items()
    }


_NUMBERS, _TEXTS = _list(_number), _list(_text)
_COURSE = _entry({"mean": _NUMBERS, "low": _NUMBERS, "high": _NUMBERS})
_SCORECARD: dict[str, _Check] = {
    "format": _count,
    "model": _text,
    "by": _measure,
    "period": _maybe(_count),
    "folds": _maybe(_count),
    "best": _text,
    "verdict": _text,
    "sentence": _text,
    "notes": _TEXTS,
    "table": _table,
    "steps": _entry({"model": _NUMBERS, "baseline": _NUMBERS, "coverage": _maybe(_NUMBERS)}),
    "coverage": _maybe(_entry({"asked": _number, "share": _number, "width": _number})),
    "promised": _entry({"origins": _count, "errors": _COURSE, "coverage": _maybe(_COURSE)}),
    "judged_on": _entry(
        {
            "windows": _count,
            "series": _count,
            "origins": _count,
            "first": _text,
            "last": _text,
            "fingerprint": _text,
            "horizon": _count,
            "window": _count,
            "gap": _count,
            "sampling_rate": _count,
            "id_column": _maybe(_text),
            "columns": _maybe(_entry(dict.fromkeys(PARTS, _TEXTS))),
        }
    ),
    "versions": _entry({"keras_ts": _text, "keras": _text, "backend": _text}),
    "weights": _TEXTS,
    "intervals": _maybe(_TEXTS),
}


def task_of(windows: WindowSpec, columns: Columns | None) -> dict[str, Any]:
    """Return the task as plain values, which a scorecard keeps; ``columns`` by role, or None."""
    # Columns of 0 and 1 that were made of texts are named by the column that holds the texts.
    id_column = windows.id_column
    names = None
    if columns is not None:
        parts = columns.by_part().items()
        names = {part: _names(collapsed(own, windows.categories)) for part, own in parts}
    return {
        **{name: getattr(windows, name) for name in _COUNTS},
        "id_column": None if id_column is None else _name(id_column),
        "columns": names,
    }


def differences(judged: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[str, str]:
    """Return the known settings in which two tasks differ, those of each as text; else two ""."""
    pairs = [(name, judged[name], own[name]) for name in (*_COUNTS, "id_column")]
    if None not in (judged["columns"], own["columns"]):
        pairs += [
            (f"columns[{part!r}]", judged["columns"][part], names)
            for part, names in own["columns"].items()
        ]
    pairs = [pair for pair in pairs if pair[1] != pair[2]]
    ours, theirs = (
        ", ".join(f"{pair[0]}={_checks.shown(pair[place])}" for pair in pairs) for place in (1, 2)
    )
    return ours, theirs


def _names(columns: Sequence[Any]) -> list[str]:
    names = [_name(column) for column in columns[:_MOST_NAMES]]
    more = len(columns) - len(names)
    return [*names, f"and {more} more"] if more else names


def _name(column: Any) -> str:
    return printable(str(column))[:_LONGEST_NAME]
