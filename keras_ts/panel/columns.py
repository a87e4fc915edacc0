"""``Columns``: the columns of a series with their roles, and the shapes that follow from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from keras_ts.panel.labels import Categories, expanded
from keras_ts.panel.roles import BY_SETTING, CALENDAR, PAST, TARGET, Role
from keras_ts.panel.settings import Column, TableSettings


@dataclass(frozen=True)
class Columns:
    """The columns of a series by their roles; by default of a series without an axis for them."""

    # Names (for an array, numbers) of the columns that vary, in the order of the model's input,
    # with those of a calendar last.
    past: tuple[Column, ...] = (0,)
    roles: tuple[Role, ...] = (TARGET,)  # Of each column in ``past``.
    static: tuple[Column, ...] = ()  # Names of the static columns.
    targets: tuple[int, ...] = (0,)  # Indices in ``past`` of the targets.
    plain: bool = True  # True if windows have no axis for columns.
    squeeze: bool = True  # True if there is a single target, without an axis of its own.

    @classmethod
    def of(cls, spec: TableSettings, names: Sequence[Any]) -> Self:
        """Return the roles that the settings give to the columns of a table."""
        roles: dict[Column, Role] = {}
        for setting, role in BY_SETTING.items():
            texts = None if role is TARGET else spec.categories
            for name in _named(setting, getattr(spec, setting), names, texts):
                if name in roles:
                    raise ValueError(
                        f"{roles[name].setting} and {setting} both name {name!r}; use one."
                    )
                roles[name] = role
        static = [name for name, role in roles.items() if role.per_series]
        past = [name for name in names if name not in static]
        if not past:
            raise ValueError(
                "series has no column to window: beside ids and timestamps it has "
                f"{list(names)}, and static_columns={spec.static_columns}."
            )
        others = TARGET if spec.target_columns is None else PAST
        of_past = tuple(roles.get(name, others) for name in past)
        if TARGET not in of_past:
            raise ValueError("future_columns leaves no column to forecast; name fewer of them.")
        chosen = past if spec.target_columns is None else roles
        return cls(
            tuple(past),
            of_past,
            tuple(static),
            tuple(past.index(name) for name in chosen if roles.get(name, others) is TARGET),
            plain=False,
            squeeze=spec.target_columns is not None and not isinstance(spec.target_columns, tuple),
        )

    def with_calendar(self, names: Sequence[str]) -> Self:
        """Return the columns with those of a calendar added last."""
        if not names:
            return self
        roles = (*self.roles, *[CALENDAR] * len(names))
        return replace(self, past=(*self.past, *names), roles=roles, plain=False)

    @cached_property
    def ahead(self) -> tuple[int, ...]:
        """Indices in ``past`` of the columns known ahead, with those of a calendar last."""
        return tuple(place for place, role in enumerate(self.roles) if role.known_ahead)

    @cached_property
    def calendar(self) -> int:
        """Number of columns of a calendar."""
        return self.roles.count(CALENDAR)

    @property
    def raw(self) -> tuple[int, ...]:
        """Indices in ``past`` of the columns that no model standardizes."""
        return tuple(at for at, role in enumerate(self.roles) if role.standardized == "no")

    @property
    def own(self) -> tuple[int, ...]:
        """Indices in ``past`` of the columns that are not known ahead."""
        return tuple(place for place in range(len(self.past)) if place not in self.ahead)

    @property
    def planned(self) -> tuple[int, ...]:
        """Indices in ``past`` of the columns known ahead, without those of a calendar."""
        return self.ahead[: len(self.ahead) - self.calendar]

    @property
    def names(self) -> tuple[Column, ...]:
        """The names of all columns that a model reads."""
        return (*self.past, *self.static)

    @property
    def table(self) -> tuple[Column, ...]:
        """The names of all columns that come from the series, not from the calendar."""
        return (*self.read, *self.static)

    @property
    def read(self) -> tuple[Column, ...]:
        """The names in ``past`` that come from the series, not from the calendar."""
        return self.past[: len(self.past) - self.calendar]

    @property
    def target_index(self) -> int | tuple[int, ...] | None:
        """The targets' index on the values' last axis; None for all columns, or without an axis."""
        if self.plain or (not self.squeeze and self.targets == tuple(range(len(self.past)))):
            return None
        return self.targets[0] if self.squeeze else self.targets

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of the targets at one step: ``()`` or ``(targets,)``."""
        return () if self.squeeze else (len(self.targets),)

    @property
    def sources(self) -> tuple[int, ...] | None:
        """For each past column, its index in targets + known ahead; None if one is neither."""
        ahead = (*self.targets, *self.ahead)
        if set(ahead) != set(range(len(self.past))):
            return None
        return tuple(ahead.index(place) for place in range(len(self.past)))

    def input_shapes(self, reach: int, rows: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a forecast's inputs by their roles, without the batch."""
        shapes: dict[str, tuple[int, ...]] = {
            "past": (reach, *([] if self.plain else [len(self.past)]))
        }
        if self.ahead:
            shapes["future"] = (rows, len(self.ahead))
        if self.static:
            shapes["static"] = (len(self.static),)
        return shapes

    def by_part(self) -> dict[str, list[Column]]:
        """Return the names by "past", "future", "static" and "target", in the arrays' order."""
        return {
            "past": list(self.past),
            "future": [self.past[place] for place in self.ahead],
            "static": list(self.static),
            "target": [self.past[place] for place in self.targets],
        }

    def of_role(self, role: Role) -> list[Column]:
        """Return the names of the columns with a role, in order."""
        if role.per_series:
            return list(self.static)
        if role is TARGET:
            return [self.past[place] for place in self.targets]
        return [name for name, of in zip(self.past, self.roles, strict=True) if of is role]


PLAIN = Columns()


def named_columns(spec: TableSettings, names: Mapping[str, Sequence[Column]]) -> Columns:
    """Return the ``Columns`` that a dict of names describes, such as ``by_part`` returns."""
    cycles = spec.calendar_columns
    read = list(names["past"])[: len(names["past"]) - len(cycles)]
    table = [*read, *names["static"]]
    # An array's columns are named by number, and ``table`` has the static ones last: sort it.
    if table and all(isinstance(name, int) for name in table):
        table = list(range(len(table)))
    columns = Columns.of(spec, table).with_calendar(cycles)
    for part, expected in columns.by_part().items():
        if list(names[part]) != expected:
            raise ValueError(
                f"columns[{part!r}] must be {expected} by the settings of the windows. "
                f"Received: {list(names[part])}."
            )
    return columns


def _named(
    setting: str, columns: Any, names: Sequence[Any], categories: Categories | None
) -> list[Any]:
    """Return the names of columns; a column of text has those of its categories."""
    if columns is None:
        return []
    numbered = all(isinstance(name, int) for name in names)
    found: list[Any] = []
    for column in columns if isinstance(columns, tuple) else (columns,):
        if numbered and isinstance(column, int) and -len(names) <= column < len(names):
            found.append(names[column % len(names)])
        elif not numbered and set(made := expanded([column], categories)) <= set(names):
            found += made
        else:
            known = f"columns 0..{len(names) - 1}" if numbered else f"columns {list(names)}"
            hint = f" Pass dataset.windows, whose categories include {column!r}."
            of_text = any(str(name).startswith(f"{column}=") for name in names)
            raise ValueError(
                f"{setting}={column!r} is not in the series, which has {known}.{hint * of_text}"
            )
    return found
