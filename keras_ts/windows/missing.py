"""The table of ``missing``: what each value of that argument allows.

Readers, windows, presets, forecasts and baselines all ask this table, so that a new value of
``missing`` is one more row.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Handling:
    """What a value of ``missing`` allows."""

    series: bool  # True if a series may have missing values; False to refuse it.
    inputs: bool  # True if the inputs of a window may have missing values.
    # Which targets of a window must have values, and with them the columns known ahead at their
    # steps: "all" of them, "some" (one is enough), or "none". Other windows are left out.
    complete: Literal["all", "some", "none"]
    # What to do with gaps in time: "refuse" the series, "part" it so that no window crosses a gap,
    # "fill" a gap with the rows that are missing, or "ignore" gaps and count rows.
    gaps: Literal["refuse", "part", "fill", "ignore"]
    # True if the model masks missing inputs, so that a window may begin before its series.
    masked: bool = False

    @property
    def partial(self) -> bool:
        """True if targets of a window may be missing: they are NaN, and are left out of losses."""
        return self.complete == "some"

    @property
    def filters(self) -> bool:
        """True if windows with missing values are left out."""
        return self.series and self.complete != "none"


HANDLING = {
    "raise": Handling(series=False, inputs=False, complete="all", gaps="refuse"),
    "drop": Handling(series=True, inputs=False, complete="all", gaps="part"),
    "mask": Handling(series=True, inputs=True, complete="all", gaps="fill", masked=True),
    "mask_targets": Handling(series=True, inputs=True, complete="some", gaps="fill", masked=True),
    "keep": Handling(series=True, inputs=True, complete="none", gaps="ignore"),
}
