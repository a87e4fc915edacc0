"""Holds what ``plot_forecast`` draws, in one form for frames and arrays."""

from dataclasses import dataclass
from typing import Any

from keras_ts._quantiles import pairs_of
from keras_ts._typing import Array


@dataclass(frozen=True)
class Drawn:
    """One series and its forecast.

    Attributes:
        label: The id of the series; None if there is one series without an id.
        values: The values of the series.
        moments: The timestamps or positions of the values.
        ahead: The forecast.
        ahead_moments: The timestamps or positions of the forecast.
        bands: Lower and upper bounds of prediction intervals, by the coverage of each, such as 0.8.
    """

    label: Any
    values: Array
    moments: Array
    ahead: Array
    ahead_moments: Array
    bands: dict[float, tuple[Array, Array]]


@dataclass(frozen=True)
class Picture:
    """Series with their forecasts, and what the labels and the title say of them.

    Attributes:
        drawn: Each series with its forecast.
        name: The label of the vertical axis, such as the name of the target.
        timed: True if the data gives the horizontal axis; False if it shows positions.
        count: Number of series in the forecast, drawn or not.
        chosen: True if a person chose the series that are drawn.
    """

    drawn: list[Drawn]
    name: str = "value"
    timed: bool = False
    count: int = 1
    chosen: bool = False


def bands_of(levels: list[float], values: Array) -> dict[float, tuple[Array, Array]]:
    """Return the prediction interval of each symmetric pair of levels, the widest first.

    The levels 0.1 and 0.9 make the interval of coverage 0.8; a level without its mirror makes none.

    Args:
        levels: The quantile levels on the last axis of ``values``.
        values: ``(steps, levels)``.
    """
    return {
        share: (values[:, low], values[:, high])
        for share, (low, high) in reversed(pairs_of(levels).items())
    }
