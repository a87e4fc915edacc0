"""``TableSettings``: the settings by which a table is read, and their checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from keras_ts import _checks
from keras_ts.panel.cycles import (
    NAMED,
    Columns,
    Cycle,
    Holidays,
    checked_holidays,
    cycle_names,
    holidays_at,
    is_place,
    place_of,
)
from keras_ts.panel.roles import BY_SETTING, COVARIATES


@dataclass(frozen=True)
class Handling:
    """What a value of ``missing`` allows."""

    series: bool  # True if a series may have missing values; False to refuse it.
    inputs: bool  # True if the inputs of a window may have missing values.
    # Which targets of a window must have values: "all", "some" (one is enough), or "none". At the
    # steps of these targets, columns known ahead must have values, too. Other windows are left out.
    complete: Literal["all", "some", "none"]
    # With a gap in time: "refuse" the series, "part" it so that no window crosses the gap, "fill"
    # the gap with the missing rows, or "ignore" it and count rows.
    gaps: Literal["refuse", "part", "fill", "ignore"]
    # True if the model masks missing inputs, so that a window may begin before its series.
    masked: bool = False

    @property
    def partial(self) -> bool:
        """True if targets of a window may be missing; losses leave them out."""
        return self.complete == "some"

    @property
    def filters(self) -> bool:
        """True if some windows are left out for their missing values."""
        return self.series and self.complete != "none"

    @property
    def drops(self) -> bool:
        """True if windows that touch a missing or infinite value are left out."""
        return self.series and not self.inputs


Missing = Literal["raise", "drop", "mask", "mask_targets", "keep"]
HANDLING = {
    "raise": Handling(series=False, inputs=False, complete="all", gaps="refuse"),
    "drop": Handling(series=True, inputs=False, complete="all", gaps="part"),
    "mask": Handling(series=True, inputs=True, complete="all", gaps="fill", masked=True),
    "mask_targets": Handling(series=True, inputs=True, complete="some", gaps="fill", masked=True),
    "keep": Handling(series=True, inputs=True, complete="none", gaps="ignore"),
}

Column = int | str
# All settings by which a table is read.
OF_THE_TABLE = (*BY_SETTING, "categories", "id_column", "time_column")

# A limit, since files may be malicious.
_MOST_CATEGORIES = 1024


@dataclass(frozen=True, repr=False, kw_only=True)
class TableSettings(_checks.Settings):
    """What the columns of a table are for; ``WindowedSeries`` explains each setting."""

    target_columns: Column | Sequence[Column] | None = None
    future_columns: Column | Sequence[Column] | None = None
    static_columns: Column | Sequence[Column] | None = None
    # Not hashed, since a dict has no hash, but compared like all other settings.
    categories: Mapping[str, Sequence[str]] | None = field(default=None, hash=False)
    calendar: Cycle | Sequence[Cycle] | None = None
    id_column: str | Sequence[str] | None = None
    time_column: str | None = None
    missing: Missing = "raise"
    unseen: Literal["raise", "mean"] = "raise"
    # The training part's holidays of the places in ``calendar``; not hashed either.
    holidays: Holidays | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "missing": _checks.choice("missing", self.missing, tuple(HANDLING)),
            "unseen": _checks.choice("unseen", self.unseen, ("raise", "mean")),
            "target_columns": _columns("target_columns", self.target_columns),
        }
        for name in (str(role.setting) for role in COVARIATES):
            columns = _columns(name, getattr(self, name))
            checked[name] = columns if isinstance(columns, tuple | None) else (columns,)
        ids = self.id_column
        if isinstance(ids, list | tuple):
            ids = _distinct("id_column", "column", list(ids))
            checked["id_column"] = ids = ids if len(ids) > 1 else ids[0]
        for name in ids if isinstance(ids, tuple) else (ids,):
            _checks.instance("id_column", name, str if isinstance(ids, tuple) else str | None)
        _checks.instance("time_column", self.time_column, str | None)
        _check_apart(checked, ids, self.time_column)
        if self.calendar is not None:
            checked["calendar"] = checked_cycles("calendar", self.calendar)
        if self.holidays is not None:
            checked["holidays"] = checked_holidays(self.holidays, checked.get("calendar") or ())
        if self.categories is not None:
            checked["categories"] = _categories(self.categories, checked) or None
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def handling(self) -> Handling:
        """What ``missing`` allows."""
        return HANDLING[self.missing]

    @property
    def id_columns(self) -> tuple[str, ...]:
        """``id_column`` as a tuple; an empty one without it."""
        ids = self.id_column
        return tuple(ids) if isinstance(ids, list | tuple) else () if ids is None else (str(ids),)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of ids and of timestamps, as far as there are any."""
        return (*self.id_columns, *([] if self.time_column is None else [self.time_column]))

    @property
    def planned(self) -> tuple[Any, ...]:
        """The columns known ahead, without those of a calendar."""
        return self._named(True)

    @property
    def per_series(self) -> tuple[Any, ...]:
        """The static columns."""
        return self._named(False)

    def _named(self, ahead: bool) -> tuple[Any, ...]:
        of_roles = (getattr(self, str(r.setting)) for r in COVARIATES if r.known_ahead == ahead)
        return tuple(name for columns in of_roles for name in columns or ())

    @property
    def calendar_entries(self) -> tuple[Cycle, ...]:
        """The entries of ``calendar``; an empty tuple without one."""
        return cast("tuple[Cycle, ...]", self.calendar or ())

    @property
    def cycles(self) -> tuple[Columns, ...]:
        """The cycle, or the holiday of a place, of each pair of calendar columns."""
        places = [
            holidays_at(str(entry), self.holidays) if is_place(entry) else [entry]
            for entry in self.calendar_entries
        ]
        return tuple(cycle for of_place in places for cycle in of_place)

    @property
    def calendar_columns(self) -> list[str]:
        """The names of the columns that ``calendar`` makes."""
        return cycle_names(self.cycles)


def checked_cycles(name: str, cycles: Any) -> tuple[Cycle, ...]:
    """Return one cycle or several as a tuple of distinct, plain Python values."""
    cycles = _checks.listed(cycles)
    listed = cycles if isinstance(cycles, list | tuple) else [cycles]
    return _distinct(name, "cycle", [_cycle(name, cycle) for cycle in listed])


def _cycle(name: str, cycle: Any) -> Cycle:
    if is_place(cycle):
        place_of(name, cycle)
        return str(cycle)
    if isinstance(cycle, str):
        return _checks.choice(f"a cycle of {name}", cycle, NAMED)
    period = _checks.real(f"a period of {name}", cycle)
    if period <= 1:
        raise ValueError(f"a period of {name} must be > 1, in steps. Received: {period}.")
    return int(period) if period.is_integer() and period < 1 << 53 else period


def _categories(categories: Any, checked: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the categories of each column of text, or raise an error that names the column."""
    _checks.instance("categories", categories, Mapping)
    named = {name: checked[name] or () for name in map(str, (r.setting for r in COVARIATES))}
    read: dict[str, tuple[str, ...]] = {}
    for column, texts in categories.items():
        if not isinstance(column, str) or not any(column in of for of in named.values()):
            raise ValueError(
                f"categories names {_checks.shown(column)}, which is not in "
                f"{' or '.join(reversed(named))}. Name it there, or leave it out."
            )
        listed = _checks.listed(texts)
        if not isinstance(listed, list | tuple) or not all(isinstance(t, str) for t in listed):
            raise TypeError(
                f"categories[{column!r}] must be a list of texts. Received: {_checks.shown(texts)}."
            )
        name = f"categories[{column!r}]"
        if len(listed) > _MOST_CATEGORIES:
            raise ValueError(
                f"{name} must be at most {_MOST_CATEGORIES:,} categories, each of which becomes a "
                f"column. Received {len(listed):,}. Merge the rare ones, or leave the column out."
            )
        read[str(column)] = _distinct(name, "category", [str(text) for text in listed])
    return read


def _columns(name: str, columns: Any) -> Any:
    """Return one column, or a tuple of distinct ones, as plain Python values."""
    if columns is None or isinstance(columns, str):
        return columns
    columns = _checks.listed(columns)
    if not isinstance(columns, Sequence):
        return _column(name, columns)
    return _distinct(name, "column", [_column(name, column) for column in columns])


def _distinct(name: str, noun: str, items: list[Any]) -> tuple[Any, ...]:
    """Return items as a tuple, or raise an error if there are none or some are equal."""
    if not items:
        raise ValueError(f"{name} is empty; name a {noun} or leave it out.")
    if len(set(items)) < len(items):
        raise ValueError(f"{name} names a {noun} twice. Received: {_checks.shown(items)}.")
    return tuple(items)


def _column(name: str, column: Any) -> Column:
    if isinstance(column, str):
        return column
    if isinstance(column, bool) or not hasattr(column, "__index__"):
        raise TypeError(
            f"{name} takes column names or numbers. Received: {column!r} ({type(column).__name__})."
        )
    return _checks.integer(name, column, -(1 << 63))


def _check_apart(checked: dict[str, Any], id_column: Any, time_column: str | None) -> None:
    """Refuse a column with two roles."""
    roles = {name: checked[name] for name in BY_SETTING}
    roles |= {"id_column": id_column, "time_column": time_column}
    seen: dict[Any, str] = {}
    for role, columns in roles.items():
        for column in columns if isinstance(columns, tuple) else (columns,):
            if column is not None and column in seen:
                raise ValueError(
                    f"{seen[column]} and {role} both name {column!r}; use one, or a copy of the "
                    "column under another name."
                )
            seen[column] = role
