"""``ShuffledColumns``: which columns of a window change places with those of another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.arithmetic.categories import collapsed, expanded
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.roles import Columns, as_x, parts_of


@dataclass(frozen=True)
class ShuffledColumns:
    """Columns that are shuffled together, all from the same other window."""

    name: Any  # as in the table; of several columns, their names joined
    label: str  # in a sentence
    part: str  # "future", "past", "target", "calendar" or "static"
    places: dict[str, tuple[int, ...]]  # on the last axis of each part of the inputs

    @property
    def varies(self) -> bool:
        """True if a column varies over time: another window of the same series gives its values."""
        return "past" in self.places

    @classmethod
    def together(cls, columns: Sequence["ShuffledColumns"]) -> "ShuffledColumns":
        """Return columns as one, which are then shuffled together."""
        if len(columns) == 1:
            return columns[0]
        return cls(
            " + ".join(str(column.name) for column in columns),
            " with ".join(column.label for column in columns),
            " + ".join(dict.fromkeys(column.part for column in columns)),
            {
                part: tuple(place for column in columns for place in column.places.get(part, ()))
                for part in dict.fromkeys(part for column in columns for part in column.places)
            },
        )

    def put(self, inputs: Any, donors: dict[str, Array]) -> tuple[Any, BoolArray]:
        """Return inputs with these columns of other windows, and True for each window changed."""
        parts = parts_of(inputs)
        changed = np.zeros(len(parts["past"]), dtype=bool)
        for part, chosen in self.places.items():
            places = list(chosen)
            parts[part] = values = parts[part].copy()
            # A plain series has no axis for columns.
            wide = values[..., None] if part == "past" and values.ndim == 2 else values
            before, other = wide[..., places], donors[part].reshape(wide.shape)[..., places]
            if part == "future":
                # A step with a target has a plan. Where the other window has none, it stays.
                other = np.where(np.isfinite(other), other, before)
            same = (before == other) | ((before != before) & (other != other))
            changed |= ~same.reshape(len(same), -1).all(axis=1)
            wide[..., places] = other
        return as_x(parts), changed


def shuffled_columns(panel: FlatSeries, names: Any = None) -> list[ShuffledColumns]:
    """Return the columns of a panel that are shuffled: those named, or each one by itself."""
    roles, columns = panel.columns, [*_varying(panel), *_constant(panel)]
    if cycles := range(len(roles.read), len(roles.past)):
        within = _within(roles, cycles)
        columns.insert(0, ShuffledColumns("calendar", "calendar", "calendar", within))
    if names is None:
        return columns
    by_name = {column.name: column for column in columns}
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise TypeError(
            "columns must be a list of names, or of lists of names to shuffle together. Received: "
            f"{_checks.shown(names)}."
        )
    groups = [item if isinstance(item, list | tuple) else [item] for item in names]
    for group in groups:
        unknown = [name for name in group if name not in by_name]
        if unknown or not group:
            raise ValueError(
                f"columns must name some of {list(by_name)}. Received: "
                f"{_checks.shown(unknown[0] if unknown else group)}."
            )
        twice = [name for place, name in enumerate(group) if name in group[:place]]
        if twice or [set(other) for other in groups].count(set(group)) > 1:
            raise ValueError(
                f"columns names {_checks.shown(twice[0] if twice else group)} twice. Name it once."
            )
    return [ShuffledColumns.together([by_name[name] for name in group]) for group in groups]


def _varying(panel: FlatSeries) -> list[ShuffledColumns]:
    roles, columns = panel.columns, []
    for name in collapsed(roles.read, panel.categories):
        places = [roles.past.index(made) for made in expanded([name], panel.categories)]
        within = _within(roles, places)
        is_target = places[0] in roles.targets
        part = "target" if is_target else list(within)[-1]
        label = f"{_label(name)} (its own past)" if is_target else _label(name)
        columns.append(ShuffledColumns(name, label, part, within))
    return columns


def _within(roles: Columns, places: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return where columns stand in ``past`` and, if they are known ahead, in ``future``."""
    ahead = tuple(roles.ahead.index(place) for place in places if place in roles.ahead)
    return {"past": tuple(places)} | ({"future": ahead} if ahead else {})


def _constant(panel: FlatSeries) -> list[ShuffledColumns]:
    columns, names = [], panel.columns.by_part()
    for part in panel.by_series:
        for name in collapsed(names[part], panel.categories):
            places = tuple(names[part].index(made) for made in expanded([name], panel.categories))
            columns.append(ShuffledColumns(name, _label(name), part, {part: places}))
    return columns


def _label(name: Any) -> str:
    return str(name) if isinstance(name, str) else f"column {name}"


def donors(groups: IntArray, generator: np.random.Generator) -> IntArray:
    """Return for each item the number of another one of its group, drawn at random."""
    # The items of a group stand in a random circle, and each takes the next one: so no item is
    # drawn twice, and only one that is alone in its group is drawn for itself.
    order = np.lexsort([generator.random(len(groups)), groups])
    ordered = groups[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.flatnonzero(begins)
    after = np.roll(np.arange(len(groups)), -1)
    after[np.roll(first, -1) - 1] = first
    drawn = np.empty_like(order)
    drawn[order] = order[after]
    return drawn
