"""``Carried``: the windows, columns, frequency and levels that a model takes along.

A model forecasts from raw data only with more than its weights: how windows are cut, which column
stands where, the step of time, and the levels of its quantiles. One value holds all of it, so that
a layer, a file's metadata and a forecast agree on its checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from keras_ts import _checks
from keras_ts.windows.arithmetic.cycles import cycle_names
from keras_ts.windows.arithmetic.steps import same_steps
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.spec import Column
from keras_ts.windows.windowed_series import WindowedSeries

PARTS = ("past", "future", "static", "target")
# The settings that a forecast depends on. The others say how to train, or mind the training data.
_FORECAST = (
    "window", "horizon", "gap", "sampling_rate", "targets", "target_columns", "future_columns",
    "static_columns", "calendar", "id_column", "time_column",
)  # fmt: skip
# A file that holds more is broken or malicious.
_MOST_COLUMNS = 1 << 16
_LONGEST_NAME = 1000


@dataclass(frozen=True)
class Carried:
    """The part of a model's data that a forecast needs.

    Attributes:
        windows: The windows that the model was trained on.
        columns: The names (of an array: the numbers) of the columns under "past", "future",
            "static" and "target", in the order of the arrays; None if unknown.
        frequency: The step from one timestamp to the next, such as "1 day"; None without
            timestamps, and for a panel whose series differ.
        levels: The levels of the quantiles on the last axis of the output; None for a point.
    """

    windows: WindowedSeries
    columns: dict[str, list[Column]] | None = None
    frequency: str | None = None
    levels: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.windows, WindowedSeries):
            raise TypeError(
                f"windows must be a WindowedSeries. Received: {_checks.shown(self.windows)}."
            )
        checked: dict[str, Any] = {"frequency": _frequency(self.frequency)}
        if self.columns is not None:
            checked["columns"] = _columns(self.columns)
            _check_agree(self.windows, checked["columns"])
        if self.levels is not None:
            checked["levels"] = _checks.levels("levels", self.levels)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, dataset: WindowDataset, levels: Any = None) -> Self:
        """Read what is carried from a dataset.

        Args:
            dataset: The dataset that a model is made for, or trained on.
            levels: The levels of the model's quantiles, if it has any.
        """
        if not isinstance(dataset, WindowDataset):
            raise TypeError(
                "dataset must be a WindowDataset, as WindowedSeries.build returns. "
                f"Received: {type(dataset).__name__}."
            )
        frequency = dataset.frequency
        if isinstance(frequency, list):
            frequency = None
        windows: Any = dataset.windows
        return cls(windows, dataset.columns, frequency, levels)

    def with_levels(self, levels: Any) -> Self:
        """Return the same with other levels, or None."""
        return replace(self, levels=levels)

    def disagreement(self, other: "Carried") -> str | None:
        """Return a clause that names the first setting in which two differ, or None.

        Settings that only one of them knows are no disagreement, and neither are those that a
        forecast does not depend on, such as ``batch_size``, ``shuffle`` and ``stride``.
        """
        for name in _FORECAST:
            ours, theirs = getattr(self.windows, name), getattr(other.windows, name)
            if ours != theirs:
                return f"{name}={_checks.shown(ours)} against {name}={_checks.shown(theirs)}"
        for name in ("columns", "frequency", "levels"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if None in (ours, theirs) or ours == theirs:
                continue
            if name != "frequency" or not same_steps(ours, theirs):
                return f"{name}={_checks.shown(ours)} against {name}={_checks.shown(theirs)}"
        return None

    def get_config(self) -> dict[str, Any]:
        """Return all of it as plain Python values that JSON takes."""
        columns = self.columns
        return {
            "windows": self.windows.get_config(),
            "columns": columns and {part: list(names) for part, names in columns.items()},
            "frequency": self.frequency,
            "levels": self.levels and list(self.levels),
        }

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Return what a config holds, which may come from anywhere."""
        if not isinstance(config, Mapping):
            raise TypeError(f"config must be a dict. Received: {_checks.shown(config)}.")
        return cls(**{**config, "windows": windows_of(config.get("windows"))})


def windows_of(windows: Any) -> WindowedSeries:
    """Return a ``WindowedSeries``, given as it is or as its config."""
    if isinstance(windows, WindowedSeries):
        return windows
    if not isinstance(windows, Mapping):
        raise TypeError(
            "windows must be a WindowedSeries, or the dict that its get_config() returns. "
            f"Received: {_checks.shown(windows)}."
        )
    return WindowedSeries.from_config(dict(windows))


def _frequency(frequency: Any) -> str | None:
    if frequency is None:
        return None
    if not isinstance(frequency, str) or not 0 < len(frequency) <= _LONGEST_NAME:
        raise TypeError(
            'frequency must be a short text such as "1 day", or None. '
            f"Received: frequency={_checks.shown(frequency)}."
        )
    return str(frequency)


def _columns(columns: Any) -> dict[str, list[Column]]:
    """Return columns by part as lists of plain names, or raise an error that names the part."""
    if not isinstance(columns, Mapping) or set(columns) != set(PARTS):
        raise ValueError(
            f"columns must be a dict with the keys {', '.join(PARTS)}. "
            f"Received: columns={_checks.shown(columns)}."
        )
    checked = {part: _names(f"columns[{part!r}]", columns[part]) for part in PARTS}
    past = set(checked["past"])
    for part in ("future", "target"):
        strangers = [name for name in checked[part] if name not in past]
        if strangers:
            raise ValueError(
                f"columns[{part!r}] must name columns of columns['past']. "
                f"Received: {_checks.shown(strangers)}."
            )
    shared = past.intersection(checked["static"])
    if shared:
        raise ValueError(
            "columns['past'] and columns['static'] share no column. "
            f"Received in both: {_checks.shown(sorted(shared, key=str))}."
        )
    ahead = set(checked["future"])
    if checked["future"] != [name for name in checked["past"] if name in ahead]:
        raise ValueError(
            "columns['future'] must stand in the order of columns['past']. "
            f"Received: {_checks.shown(checked['future'])}."
        )
    if ahead.intersection(checked["target"]):
        raise ValueError(
            "columns['future'] and columns['target'] share no column: a target is not known "
            f"ahead. Received: {_checks.shown(checked['future'])} and "
            f"{_checks.shown(checked['target'])}."
        )
    return checked


def _names(part: str, given: Any) -> list[Column]:
    if hasattr(given, "tolist"):
        given = given.tolist()
    if not isinstance(given, list | tuple) or len(given) > _MOST_COLUMNS:
        raise TypeError(
            f"{part} must be a list of at most {_MOST_COLUMNS:,} names or numbers of columns. "
            f"Received: {_checks.shown(given)}."
        )
    names: list[Column] = []
    for name in given:
        if isinstance(name, str) and len(name) <= _LONGEST_NAME:
            names.append(str(name))
        elif isinstance(name, str):
            raise ValueError(
                f"{part} must hold names of at most {_LONGEST_NAME:,} characters. "
                f"Received {len(name):,}."
            )
        else:
            names.append(_checks.integer(f"a column of {part}", name, 0))
    if len(set(names)) < len(names):
        raise ValueError(f"{part} names a column twice. Received: {_checks.shown(names)}.")
    return names


def _check_agree(windows: WindowedSeries, columns: dict[str, list[Column]]) -> None:
    """Refuse columns that ``windows`` does not give."""
    cycles = list(cycle_names(_listed(windows.calendar)))
    past, static = columns["past"], columns["static"]
    if past[len(past) - len(cycles) :] != cycles:
        raise ValueError(
            f"columns['past'] must end in those of calendar={_checks.shown(windows.calendar)}, "
            f"{_checks.shown(cycles)}. Received: {_checks.shown(past)}."
        )
    given = [*past[: len(past) - len(cycles)], *static]
    future = _resolved(windows.future_columns, given)
    wanted = {
        "future": {*future, *cycles},
        "static": set(_resolved(windows.static_columns, given)),
    }
    for part, names in wanted.items():
        if set(columns[part]) != names:
            raise ValueError(
                f"columns[{part!r}] must be those of {part}_columns="
                f"{_checks.shown(getattr(windows, f'{part}_columns'))} with "
                f"calendar={_checks.shown(windows.calendar)} in windows. "
                f"Received: {_checks.shown(columns[part])}."
            )
    target = windows.target_columns
    if target is None:
        targets = [name for name in past if name not in wanted["future"]]
    else:
        targets = _resolved(target, given)
    if columns["target"] != targets or not targets:
        raise ValueError(
            f"columns['target'] must be {_checks.shown(targets)}, as windows has "
            f"target_columns={_checks.shown(target)}. Received: "
            f"{_checks.shown(columns['target'])}."
        )


def _listed(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    return given if isinstance(given, tuple) else (given,)


def _resolved(wanted: Any, given: list[Column]) -> list[Column]:
    """Return columns by the names under which they are fed: of an array, numbers from 0 on."""
    numbered = all(isinstance(name, int) for name in given)
    return [
        name % len(given) if numbered and isinstance(name, int) and name < 0 else name
        for name in _listed(wanted)
    ]
