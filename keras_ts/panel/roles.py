"""``Columns``: which columns of a series are known ahead, static or targets, and their shapes.

``Inputs`` is a batch of a model's inputs by the same roles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from keras_ts.panel.labels import Categories, expanded
from keras_ts.panel.settings import Column, TableSettings

PARTS = ("past", "future", "static", "target")


class Inputs(NamedTuple):
    """A batch's inputs (arrays or tensors): the past, the steps ahead, and parts without steps."""

    past: Any  # The columns that vary, at the steps of the window.
    ahead: Any  # The columns known ahead, at the steps to forecast; None without any.
    constant: dict[str, Any]  # The other parts by name, which are the same at all steps.

    @classmethod
    def of(cls, x: Any) -> Self:
        """Make ``Inputs`` from ``x``, which is a dict of parts or the past alone."""
        parts = parts_of(x)
        return cls(parts.pop("past"), parts.pop("future", None), parts)

    @property
    def x(self) -> Any:
        """The inputs as a model takes them."""
        parts = {"past": self.past, "future": self.ahead, **self.constant}
        return as_x({part: values for part, values in parts.items() if values is not None})


def parts_of(x: Any) -> dict[str, Any]:
    """Return a model's inputs as a dict of parts, even if it takes the past alone."""
    return dict(x) if isinstance(x, dict) else {"past": x}


def as_x(parts: dict[str, Any]) -> Any:
    """Return the parts as a model takes them: the past alone, if there is no other."""
    return parts if len(parts) > 1 else parts["past"]


@dataclass(frozen=True)
class Columns:
    """The columns of a series by their roles; by default of a series without an axis for them."""

    # Names (for an array, numbers) of the columns that vary, in the order of the model's input,
    # with those of a calendar last.
    past: tuple[Column, ...] = (0,)
    static: tuple[Column, ...] = ()  # Names of the static columns.
    targets: tuple[int, ...] = (0,)  # Indices in ``past`` of the targets.
    # Indices in ``past`` of the columns known ahead, with those of a calendar last.
    ahead: tuple[int, ...] = ()
    calendar: int = 0  # Number of columns of a calendar.
    plain: bool = True  # True if windows have no axis for columns.
    squeeze: bool = True  # True if there is a single target, without an axis of its own.

    @classmethod
    def of(cls, spec: TableSettings, names: Sequence[Any]) -> Self:
        """Return the roles that the settings give to the columns of a table."""
        texts = spec.categories
        found = _find("static_columns", spec.static_columns, names, names, texts)
        static = [names[place] for place in found]
        past = [name for name in names if name not in static]
        if not past:
            raise ValueError(
                "series has no column to window: beside ids and timestamps it has "
                f"{list(names)}, and static_columns={spec.static_columns}."
            )
        future = sorted(_find("future_columns", spec.future_columns, names, past, texts))
        if spec.target_columns is None:
            targets = [place for place in range(len(past)) if place not in future]
            if not targets:
                raise ValueError("future_columns leaves no column to forecast; name fewer of them.")
        else:
            targets = _find("target_columns", spec.target_columns, names, past)
        if len({*targets, *future}) < len(targets) + len(future):
            raise ValueError(
                "target_columns and future_columns name a column twice. Received: "
                f"target_columns={spec.target_columns}, future_columns={spec.future_columns}."
            )
        return cls(
            tuple(past),
            tuple(static),
            tuple(targets),
            tuple(future),
            plain=False,
            squeeze=spec.target_columns is not None and not isinstance(spec.target_columns, tuple),
        )

    def with_calendar(self, names: Sequence[str]) -> Self:
        """Return the columns with those of a calendar added last, known ahead."""
        if not names:
            return self
        past = (*self.past, *names)
        ahead = (*self.ahead, *range(len(self.past), len(past)))
        return replace(self, past=past, ahead=ahead, calendar=len(names), plain=False)

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


def _find(
    argument: str,
    columns: Any,
    names: Sequence[Any],
    among: Sequence[Any],
    categories: Categories | None = None,
) -> list[int]:
    """Return the indices of columns in ``among``; a column of text has those of its categories."""
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
                f"{argument}={column!r} is not in the series, which has {known}.{hint * of_text}"
            )
    for column in found:
        if column not in among:
            raise ValueError(f"{argument} and static_columns both name {column!r}; use one.")
    return [among.index(column) for column in found]
