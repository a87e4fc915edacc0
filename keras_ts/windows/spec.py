"""``WindowSpec``: the settings of windowing, their checks and their config.

A spec holds no data and does not depend on Keras datasets, so that all code that reads, splits or
feeds series can use it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, Self, TypedDict, cast

from keras_ts import _checks
from keras_ts.windows.arithmetic.cycles import (
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
from keras_ts.windows.arithmetic.geometry import Geometry
from keras_ts.windows.arithmetic.sampler import Remainder


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


# Values of ``origins`` beside "month end" and a time of day.
FIRST_ROW, WEEKDAYS = "first row", ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


Column = int | str
# The settings that give columns their roles, and all settings by which a table is read.
COLUMN_SETTINGS = ("target_columns", "future_columns", "static_columns")
OF_THE_TABLE = (*COLUMN_SETTINGS, "categories", "id_column", "time_column")

# Limits, since files may be malicious: categories, and characters of a name such as type=a.
_MOST_CATEGORIES = 1024
_LONGEST_NAME = 1000


class WindowSettings(TypedDict, total=False):
    """The settings of a ``WindowedSeries`` by keyword, without ``horizon`` and ``targets``."""

    window: int | None
    gap: int
    stride: int
    sampling_rate: int
    target_columns: Column | Sequence[Column] | None
    future_columns: Column | Sequence[Column] | None
    static_columns: Column | Sequence[Column] | None
    categories: Mapping[str, Sequence[str]] | None
    calendar: Cycle | Sequence[Cycle] | None
    id_column: str | None
    time_column: str | None
    missing: Missing
    min_inputs: int | None
    weighting: Literal["inverse_scale"] | int | None
    batch_size: int
    shuffle: bool
    seed: int | None
    remainder: Remainder
    unseen: Literal["raise", "mean"]
    origins: str | None
    holidays: Holidays | None


@dataclass(frozen=True, repr=False)
class WindowSpec(_checks.Settings):
    """The settings of a ``WindowedSeries``; its docstring explains each of them."""

    window: int
    horizon: int = 1
    _: KW_ONLY
    gap: int = 0
    stride: int = 1
    sampling_rate: int = 1
    targets: Literal["vector", "sequence"] = "vector"
    target_columns: Column | Sequence[Column] | None = None
    future_columns: Column | Sequence[Column] | None = None
    static_columns: Column | Sequence[Column] | None = None
    # Not hashed, since a dict has no hash, but compared like all other settings.
    categories: Mapping[str, Sequence[str]] | None = field(default=None, hash=False)
    calendar: Cycle | Sequence[Cycle] | None = None
    id_column: str | None = None
    time_column: str | None = None
    missing: Missing = "raise"
    min_inputs: int | None = None
    weighting: Literal["inverse_scale"] | int | None = None
    batch_size: int = 32
    shuffle: bool = False
    seed: int | None = None
    remainder: Remainder = "keep"
    unseen: Literal["raise", "mean"] = "raise"
    origins: str | None = None
    # The training part's holidays of the places in ``calendar``; not hashed either.
    holidays: Holidays | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            name: _checks.integer(name, getattr(self, name), 0 if name == "gap" else 1)
            for name in ("window", "horizon", "gap", "stride", "sampling_rate", "batch_size")
        }
        checked["targets"] = _checks.choice("targets", self.targets, ("vector", "sequence"))
        checked["missing"] = _checks.choice("missing", self.missing, tuple(HANDLING))
        checked["shuffle"] = _checks.boolean("shuffle", self.shuffle)
        checked["remainder"] = _checks.choice("remainder", self.remainder, ("keep", "drop", "pad"))
        checked["unseen"] = _checks.choice("unseen", self.unseen, ("raise", "mean"))
        if self.seed is not None:
            checked["seed"] = _checks.integer("seed", self.seed, 0)
        checked["target_columns"] = _columns("target_columns", self.target_columns)
        for name in COLUMN_SETTINGS[1:]:
            columns = _columns(name, getattr(self, name))
            checked[name] = columns if isinstance(columns, tuple | None) else (columns,)
        listed: Any = self.id_column
        if isinstance(listed, list | tuple):
            raise TypeError(
                "id_column must be a str or None: join several columns into one. Received: "
                f"id_column={_checks.shown(listed)}."
            )
        for name in ("id_column", "time_column"):
            _checks.instance(name, getattr(self, name), str | None)
        _check_apart(checked, self.id_column, self.time_column)
        if self.calendar is not None:
            checked["calendar"] = checked_cycles("calendar", self.calendar)
        if self.holidays is not None:
            checked["holidays"] = checked_holidays(self.holidays, checked.get("calendar") or ())
        _check_known_ahead(checked)
        if self.categories is not None:
            checked["categories"] = _categories(self.categories, checked) or None
        if self.origins is not None:
            checked["origins"] = _origins(self.origins, checked["stride"])
        if self.min_inputs is not None:
            checked["min_inputs"] = _min_inputs(self.min_inputs, checked)
        if isinstance(self.weighting, str):
            _checks.choice("weighting", self.weighting, ("inverse_scale",))
        elif self.weighting is not None:
            checked["weighting"] = _checks.integer("weighting", self.weighting, 1)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the settings that ``config`` holds; files of 0.3.0 count from the first row."""
        counted = {} if dict(config).get("stride", 1) == 1 else {"origins": FIRST_ROW}
        return super().from_config(counted | config)

    @property
    def geometry(self) -> Geometry:
        """The shape of a window, for index arithmetic."""
        before = 0
        if self.min_inputs is not None:
            # At most the whole reach: the last input then lies in the row before the series.
            reach = self.sampling_rate * (self.window - 1) + 1
            before = min(self.sampling_rate * (self.window - self.min_inputs), reach)
        lengths = self.window, self.horizon, self.gap, self.stride, self.sampling_rate
        return Geometry(*lengths, self.targets == "sequence", before)

    @property
    def handling(self) -> Handling:
        """What ``missing`` allows."""
        return HANDLING[self.missing]

    @property
    def planned(self) -> tuple[Any, ...]:
        """``future_columns`` as a tuple; without the columns of a calendar."""
        return cast("tuple[Column, ...]", self.future_columns or ())

    @property
    def per_series(self) -> tuple[Any, ...]:
        """``static_columns`` as a tuple."""
        return cast("tuple[Column, ...]", self.static_columns or ())

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


def _origins(origins: Any, stride: int) -> str:
    """Return ``origins``, or refuse a value that names none, or that the stride contradicts."""
    named = origins in (*WEEKDAYS, "month end", FIRST_ROW)
    if not named and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(origins)):
        raise ValueError(
            'origins must be a time of day such as "06:00", a weekday such as "MON", "month end", '
            f'"first row", or None. Received: origins={_checks.shown(origins)}.'
        )
    if stride > 1 and origins != FIRST_ROW:
        raise ValueError(f"origins={origins!r} needs stride=1. Received: stride={stride}.")
    return str(origins)


def _min_inputs(min_inputs: Any, checked: dict[str, Any]) -> int:
    """Return ``min_inputs``, or refuse it for windows that cannot lack inputs."""
    count = _checks.integer("min_inputs", min_inputs, 0)
    if count > checked["window"]:
        raise ValueError(
            f"min_inputs must be at most window={checked['window']}, the inputs of a window. "
            f"Received: min_inputs={count}."
        )
    handling = HANDLING[checked["missing"]]
    if not handling.masked:
        raise ValueError(
            'min_inputs needs missing="mask" or missing="mask_targets", since windows that begin '
            f"before their series lack inputs. Received: missing={checked['missing']!r}."
        )
    if checked["targets"] == "sequence" and not count:
        raise ValueError(
            'targets="sequence" forecasts at each input, and a window of min_inputs=0 may have '
            'none. Use targets="vector", or min_inputs=1.'
        )
    if checked["targets"] == "sequence" and handling.complete == "all":
        raise ValueError(
            'targets="sequence" has targets also before a series begins, and '
            f"missing={checked['missing']!r} leaves out windows with a missing target. Pass "
            'min_inputs with missing="mask_targets".'
        )
    return count


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
    named = {column for name in COLUMN_SETTINGS[1:] for column in checked[name] or ()}
    read: dict[str, tuple[str, ...]] = {}
    for column, texts in categories.items():
        if not isinstance(column, str) or column not in named:
            raise ValueError(
                f"categories names {_checks.shown(column)}, which is not in "
                f"{' or '.join(reversed(COLUMN_SETTINGS[1:]))}. Name it there, or leave it out."
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


def _check_apart(checked: dict[str, Any], id_column: str | None, time_column: str | None) -> None:
    """Refuse a column with two roles."""
    roles = {name: checked[name] for name in COLUMN_SETTINGS}
    roles |= {"id_column": id_column, "time_column": time_column}
    seen: dict[Any, str] = {}
    for role, columns in roles.items():
        for column in columns if isinstance(columns, tuple) else (columns,):
            if column is not None and column in seen:
                raise ValueError(f"{seen[column]} and {role} both name {column!r}; use one.")
            seen[column] = role


def _check_known_ahead(checked: dict[str, Any]) -> None:
    """Refuse ``targets="sequence"`` if earlier inputs would lack covariates."""
    ahead = "calendar" if checked.get("calendar") else "future_columns"
    if checked["targets"] == "sequence" and checked.get(ahead):
        for name, usual in (("gap", 0), ("sampling_rate", 1)):
            if checked[name] != usual:
                raise ValueError(
                    f'targets="sequence" with {ahead} needs {name}={usual}: else earlier inputs of '
                    f"a window lack their targets' covariates. Received: {name}={checked[name]}."
                )
