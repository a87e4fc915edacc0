"""The task of a model: how its windows are cut, and which columns it reads and forecasts.

The scores of a backtest belong to models of other weights, so only the task shows if they can
belong to the model that is saved with them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_ts import _checks
from keras_ts.saving.schema import printable
from keras_ts.windows.arithmetic.categories import collapsed
from keras_ts.windows.roles import Columns
from keras_ts.windows.spec import WindowSpec

_COUNTS = ("horizon", "window", "gap", "sampling_rate")
# A scorecard stays small on a table of any width.
_MOST_NAMES, _LONGEST_NAME = 1000, 100


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
