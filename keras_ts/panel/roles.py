"""``Role``: what a column is for. One row of ``ROLES`` says all about a kind of column.

A batch's inputs stand in parts by the same roles, which ``Inputs`` reads: the past, the steps to
forecast, and what has no steps.
"""

from typing import Any, Literal, NamedTuple, Self


class Role(NamedTuple):
    """What the columns of one kind are for."""

    name: str
    shown: str  # In reports, and in the help of the command.
    # Names the columns in the table, but for those of ``calendar``, which are made. None: the rest.
    setting: str | None
    parts: tuple[str, ...]  # The parts of the inputs where they stand.
    # By the window's own values, by constants of the training part, or not at all.
    standardized: Literal["window", "training", "no"]

    @property
    def known_ahead(self) -> bool:
        """True if the columns have values at the steps to forecast."""
        return "future" in self.parts

    @property
    def per_series(self) -> bool:
        """True if the columns have one value for each series."""
        return "past" not in self.parts


TARGET = Role("target", "the target", "target_columns", ("past",), "window")
CALENDAR = Role("calendar", "the calendar", "calendar", ("past", "future"), "no")
PAST = Role("past", "the past of other columns", None, ("past",), "window")
ROLES = (
    TARGET,
    Role("future", "known ahead", "future_columns", ("past", "future"), "training"),
    CALENDAR,
    Role("static", "static", "static_columns", ("static",), "training"),
    PAST,
)
COVARIATES = tuple(role for role in ROLES if role not in (TARGET, CALENDAR, PAST))
BY_SETTING = {str(role.setting): role for role in (TARGET, *COVARIATES)}
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
