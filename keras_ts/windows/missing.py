"""The table of ``missing``: what each value of that argument allows.

Readers, windows, presets, forecasts and baselines all ask this table, so that a new value of
``missing`` is one more row.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Handling:
    """What a value of ``missing`` allows.

    Attributes:
        series: True if a series may have missing values; False to refuse it.
        inputs: True if the inputs of a window may have missing values.
        targets: True if the targets and the columns known ahead may have missing values.
        gaps: What to do with gaps in time: "refuse" the series, "part" it so that no window crosses
            a gap, or "ignore" them and count rows.
        masked: True if the model masks missing inputs, so that a window may begin before its
            series.
    """

    series: bool
    inputs: bool
    targets: bool
    gaps: Literal["refuse", "part", "ignore"]
    masked: bool = False

    @property
    def filters(self) -> bool:
        """True if windows with missing values are left out."""
        return self.series and not self.targets


HANDLING = {
    "raise": Handling(series=False, inputs=False, targets=False, gaps="refuse"),
    "drop": Handling(series=True, inputs=False, targets=False, gaps="part"),
    "mask": Handling(series=True, inputs=True, targets=False, gaps="refuse", masked=True),
    "keep": Handling(series=True, inputs=True, targets=True, gaps="ignore"),
}
