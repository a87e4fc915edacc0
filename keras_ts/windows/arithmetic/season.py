"""Finds the season of a series that a window must cover.

A window of a week and a little more shows the value of a week ago, and how far this week lies above
the last. A shorter window shows only the daily cycle.
"""

import numpy as np

from keras_ts._typing import Array

# The least correlation with changes a season ago, and the highest with those at shorter lags.
_STRONG, _ENOUGH = 0.5, 0.99
# A season must leave at most this share of the variance that the best shorter lag leaves.
_LEFT = 0.75
# A lag is nearly the best if it leaves at most this many times the variance that the best leaves.
_NEARLY = 1.5
# The longest season in rows: a week of quarter hours.
_LONGEST = 672
# The least share of changes that are present.
_PRESENT = 0.5
# The fewest seasons in a series.
_FEWEST = 3


def season_beyond(values: Array, window: int, ahead: int) -> int | None:
    """Return the season of a series if it is longer than a window and strong; else None."""
    # It is the lag at which changes over the horizon are correlated most with earlier changes. A
    # model forecasts just these changes, on top of the last value. They have no level and no trend,
    # which would look like a season of any length. ``ahead`` are the rows from the last input of a
    # window to its last target.
    values = values.astype("float64")
    changes = values[ahead:] - values[:-ahead]
    most = min(_LONGEST, len(values) // _FEWEST)
    # Changes over a horizon as long as the window resemble those of all shorter lags.
    if most < window or ahead >= window:
        return None
    if np.isfinite(changes).mean() < _PRESENT:
        return None
    correlations = _correlations(changes, most)
    # Take the first peak that is nearly the highest, since multiples of a season repeat as well.
    left = np.maximum(1 - correlations[window:], 1e-6)  # Below there is only rounding.
    beyond = window + int(np.argmax(left <= _NEARLY * left.min()))
    while beyond < most and correlations[beyond + 1] > correlations[beyond]:
        beyond += 1
    # At lags up to ``ahead`` two changes overlap, and are correlated for that alone.
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
    # Below this there is only rounding.
    return np.where(sizes > 1e-20, together / np.sqrt(np.maximum(sizes, 1e-20)), 0.0)
