"""``Carried``: the windows, columns, frequency and quantiles that a model takes along.

A model forecasts from raw data only with more than its weights: how windows are cut, which column
stands where, the step of time, and the levels of its quantiles. One value holds all of it, so that
a layer, a file's metadata and a forecast agree on its checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from keras_ts import _checks
from keras_ts._registration import renamed
from keras_ts.windows.arithmetic.steps import same_steps
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.roles import PARTS, Columns, named_columns
from keras_ts.windows.spec import Column
from keras_ts.windows.windowed_series import WindowedSeries

# The settings that a forecast depends on. The others say how to train, or mind the training data.
_FORECAST = (
    "window", "horizon", "gap", "sampling_rate", "targets", "target_columns", "future_columns",
    "static_columns", "calendar", "id_column", "time_column",
)  # fmt: skip
# A file that holds more is broken or malicious.
_MOST_COLUMNS = 1 << 16
_LONGEST_NAME = 1000


@renamed(levels="quantiles")
@dataclass(frozen=True)
class Carried:
    """The part of a model's data that a forecast needs.

    Attributes:
        windows: The windows that the model was trained on.
        columns: The columns; None if unknown.
        frequency: The step from one timestamp to the next, such as "1 day"; None without
            timestamps, and for a panel whose series differ.
        quantiles: The levels of the quantiles on the last axis of the output; None for a point.
    """

    windows: WindowedSeries
    columns: Columns | None = None
    frequency: str | None = None
    quantiles: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.windows, WindowedSeries):
            raise TypeError(
                f"windows must be a WindowedSeries. Received: {_checks.shown(self.windows)}."
            )
        checked: dict[str, Any] = {"frequency": _frequency(self.frequency)}
        if self.quantiles is not None:
            checked["quantiles"] = _checks.levels("quantiles", self.quantiles)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, dataset: WindowDataset, quantiles: Any = None) -> Self:
        """Read what is carried from a dataset.

        Args:
            dataset: The dataset that a model is made for, or trained on.
            quantiles: The levels of the model's quantiles, if it has any.
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
        return cls(windows, columns_of(windows, dataset.columns), frequency, quantiles)

    def disagreement(self, other: "Carried") -> str | None:
        """Return a clause that names the first setting in which two differ, or None.

        Settings that only one of them knows are no disagreement, and neither are those that a
        forecast does not depend on, such as ``batch_size``, ``shuffle`` and ``stride``.
        """
        for name in _FORECAST:
            ours, theirs = getattr(self.windows, name), getattr(other.windows, name)
            if ours != theirs:
                return f"{name}={_checks.shown(ours)} against {name}={_checks.shown(theirs)}"
        for name in ("columns", "frequency", "quantiles"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if None in (ours, theirs) or ours == theirs:
                continue
            if name == "columns":
                ours, theirs = ours.by_part(), theirs.by_part()
            if name != "frequency" or not same_steps(ours, theirs):
                return f"{name}={_checks.shown(ours)} against {name}={_checks.shown(theirs)}"
        return None

    def get_config(self) -> dict[str, Any]:
        """Return all of it as plain Python values that JSON takes."""
        return {
            "windows": self.windows.get_config(),
            "columns": self.columns and self.columns.by_part(),
            "frequency": self.frequency,
            "quantiles": self.quantiles and list(self.quantiles),
        }

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Return what a config holds, which may come from anywhere."""
        if not isinstance(config, Mapping):
            raise TypeError(f"config must be a dict. Received: {_checks.shown(config)}.")
        rest = dict(config)
        windows = windows_of(rest.pop("windows", None))
        return cls(windows, columns_of(windows, rest.pop("columns", None)), **rest)


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


def columns_of(windows: WindowedSeries, columns: Any) -> Columns | None:
    """Return the ``Columns`` of a dict of names by part, or raise an error that names the part.

    Args:
        windows: The settings of the windows, with which the names have to agree.
        columns: The dict, as ``WindowDataset.columns`` has it; or None.
    """
    if columns is None:
        return None
    if not isinstance(columns, Mapping) or set(columns) != set(PARTS):
        raise ValueError(
            f"columns must be a dict with the keys {', '.join(PARTS)}. "
            f"Received: columns={_checks.shown(columns)}."
        )
    return named_columns(
        windows, {part: _names(f"columns[{part!r}]", columns[part]) for part in PARTS}
    )


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
