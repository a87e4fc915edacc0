"""What a picture of forecasts shows, whether it came as frames or as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts._typing import Array


@dataclass(frozen=True)
class Drawn:
    """One series and its forecast.

    Attributes:
        label: The id of the series; None for a single one.
        values: The values of the series.
        moments: The timestamps or positions of the values.
        ahead: The forecast.
        ahead_moments: The timestamps or positions of the forecast.
        bands: Lower and upper bounds by the share of the values that they should hold, such as
            0.8.
    """

    label: Any
    values: Array
    moments: Array
    ahead: Array
    ahead_moments: Array
    bands: dict[float, tuple[Array, Array]]


@dataclass(frozen=True)
class Picture:
    """Series with their forecasts, and what stands beside them.

    Attributes:
        drawn: Each series with its forecast.
        name: Name of the values.
        timed: True if the horizontal axis is labelled by timestamps or numbers from the data.
        count: Number of series that there are, drawn or not.
    """

    drawn: list[Drawn]
    name: str = "value"
    timed: bool = False
    count: int = 1


def bands_of(levels: list[float], values: Array) -> dict[float, tuple[Array, Array]]:
    """Return the bands that pairs of levels make, the widest first.

    Args:
        levels: The levels of the last axis.
        values: ``(steps, levels)``.
    """
    order = np.argsort(levels)
    levels, values = [levels[index] for index in order], values[:, order]
    return {
        round(high - low, 6): (values[:, index], values[:, -1 - index])
        for index, (low, high) in enumerate(zip(levels, reversed(levels), strict=True))
        if low < high and abs(low + high - 1) < 1e-6
    }
