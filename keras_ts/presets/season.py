"""Finds the season of a series that a window must cover.

Of hourly values, a window of a little more than a week shows the value of a week ago, and how far
this week lies above the last. A shorter window shows only the daily cycle.
"""

import numpy as np

from keras_ts._typing import Array

# Changes must correlate by more than this at the season.
_STRONG = 0.5
# They may correlate by at most this at each lag between horizon and window.
_ENOUGH = 0.99
# A season must leave less than this share of the variance that the best of these lags leaves.
_LEFT = 0.75
# A lag is nearly the best if it leaves at most this many times the variance that the best leaves.
_NEARLY = 1.5
# The longest season in rows: a week of quarter hours.
_LONGEST = 672
# At least this share of changes must be present.
_PRESENT = 0.5
# A series must hold at least so many seasons.
_FEWEST = 3


def season_beyond(values: Array, window: int, ahead: int) -> int | None:
    """Return a series' season in rows if it is strong and no shorter than a window; else None."""
    # The season is the lag at which changes over ``ahead`` rows, from the last input of a window to
    # its last target, correlate most with earlier changes. A model forecasts just these changes, on
    # top of the last value. They have no level and hardly a trend, which would look like a season
    # of any length.
    values = values.astype("float64")
    changes = values[ahead:] - values[:-ahead]
    most = min(_LONGEST, len(values) // _FEWEST)
    # If the horizon is as long as the window, changes overlap with those at all shorter lags.
    if most < window or ahead >= window or np.isfinite(changes).mean() < _PRESENT:
        return None
    correlations = _correlations(changes, most)
    # Take the first peak that is nearly the highest: multiples of a season are peaks as well.
    left = np.maximum(1 - correlations[window:], 1e-6)  # Smaller numbers are rounding.
    beyond = window + int(np.argmax(left <= _NEARLY * left.min()))
    while beyond < most and correlations[beyond + 1] > correlations[beyond]:
        beyond += 1
    # At lags up to ``ahead`` two changes overlap or touch, and are correlated for that alone.
    within = correlations[ahead + 1 : window].max(initial=0.0)
    if not correlations[beyond] > _STRONG or within > _ENOUGH:
        return None
    return beyond if 1 - correlations[beyond] < _LEFT * (1 - within) else None


def _correlations(changes: Array, most: int) -> Array:
    """Return the correlations of changes with those of 0 to ``most`` rows before."""
    # Pairs in which a change is missing are left out.
    present = np.isfinite(changes)
    centered = np.where(present, changes - changes[present].mean(), 0.0)
    size = 1 << (2 * len(changes) - 1).bit_length()
    largest = np.abs(centered).max(initial=0.0)
    centered /= largest if largest > 0 else 1.0
    spectrum, squares, pairs = (
        np.fft.rfft(of, size) for of in (centered, np.square(centered), present.astype("float64"))
    )

    def products(later: Array, earlier: Array) -> Array:
        return np.fft.irfft(later * earlier.conj(), size)[: most + 1]

    sizes = np.maximum(products(squares, pairs), 0.0) * np.maximum(products(pairs, squares), 0.0)
    together = products(spectrum, spectrum)
    # Smaller sizes are rounding.
    return np.where(sizes > 1e-20, together / np.sqrt(np.maximum(sizes, 1e-20)), 0.0)
