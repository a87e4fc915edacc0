"""``LeakageReport``: whether a pipeline looked ahead, and if so, from where and how far."""

import math
from dataclasses import dataclass, field
from typing import Any

from keras_ts.windows.reading.clock import as_written


@dataclass(frozen=True)
class LeakageReport:
    """The result of ``check_leakage``; print it for a text.

    Attributes:
        passes: Number of calls of ``predict``.
        forecasts: Number of forecasts that each of them made.
        missing: Number of stretches of missing values in the series that were tried.
        copies: The columns that hold a target's values some rows later, up to a factor and an
            offset, and were changed along with it: a dict from each to the target and the number of
            rows.
        disguises: The columns that tell a target's value of a row that is not known with theirs,
            such as the customers of a day among the columns known ahead: a dict from each to the
            target, the number of rows, and the share that the column explains of what the target's
            past leaves open, 0.99 or more.
        origin: The first origin whose forecast moved, a position or a timestamp; None if none did.
        series: The id or number of its series, or None if there is only one.
        ahead: Steps from that origin to the latest value that moved its forecast. 0 if none did.
        seen: The place of that value, a position or a timestamp.
        rows_left: Steps from that origin to the last value that could be changed.
        change: The most that the forecast moved, for changes as large as the series' range. If it
            is near the rounding of the numbers, later values enter and cancel, as in an FFT.
        clean_from: The first place at and after which changes moved no forecast; None if there is
            none.
    """

    passes: int
    forecasts: int
    missing: int = 0
    copies: dict[Any, tuple[Any, int]] = field(default_factory=dict)
    disguises: dict[Any, tuple[Any, int, float]] = field(default_factory=dict)
    origin: Any = None
    series: Any = None
    ahead: int = 0
    seen: Any = None
    rows_left: int = 0
    change: float = 0.0
    clean_from: Any = None

    @property
    def ok(self) -> bool:
        """True if no forecast moved, and no column is a target in disguise."""
        return not self.ahead and not self.disguises

    def __str__(self) -> str:
        if not self.ahead:
            lines = [
                f"Does not look ahead: none of {self.forecasts} forecasts moved when values after "
                f"their origins changed, in {self.passes} passes.",
            ]
        else:
            of = "" if self.series is None else f" of series {self.series!r}"
            by = "to or from NaN or inf" if math.isinf(self.change) else f"by {self.change:.3g}"
            lines = [
                f"Looks ahead: the forecast at {as_written(self.origin)}{of} moves {by} when "
                "values after it change.",
                self._distance(),
            ]
        lines += [
            f"Column {column!r} holds {target!r} of {_rows(ahead)}, and was changed along with it."
            for column, (target, ahead) in self.copies.items()
        ]
        lines += [
            f"Column {column!r} is {target!r} of {_rows(ahead)} in disguise: it explains "
            f"{math.floor(1000 * share) / 10:.1f} % of what the past of {target!r} leaves open. "
            f"Ask when it was written down: if not before that {target!r}, no forecast has it."
            for column, (target, ahead, share) in self.disguises.items()
        ]
        if self.clean_from is not None:
            lines.append(
                f"Changes after {as_written(self.clean_from)}, and later ones, moved no forecast "
                "made before them."
            )
        return "\n".join(lines)

    def _distance(self) -> str:
        steps = f"It looks {self.ahead} step{'s' * (self.ahead > 1)} ahead, to"
        to = as_written(self.seen)
        if self.ahead == 1:
            return f"{steps} {to}, as a column shifted by one does, or a centred window of three."
        if self.ahead == self.rows_left:
            return (
                f"{steps} {to}, the last value, as a scaler, a smoother or a decomposition of the "
                "whole series does."
            )
        return (
            f"{steps} {to}, as a centred window, a backward fill or a shifted column does, or a "
            "fit to the rows up to there."
        )


def _rows(ahead: int) -> str:
    if not ahead:
        return "the same row"
    return f"{abs(ahead)} row{'s' * (abs(ahead) > 1)} {'later' if ahead > 0 else 'earlier'}"
