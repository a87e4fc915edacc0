"""``course_series``: the synthetic series of the course, equal bit for bit."""

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array


def course_series(length: int = 1461, *, seed: int = 42) -> Array:
    """Return the course's daily series: a trend, a yearly pattern, and noise.

    ``10 + 0.05 t + 40 p((t mod 365) / 365) + 5 z_t`` with ``p(s) = cos(2 pi s)`` for
    ``s < 0.4`` and ``exp(-3 s)`` for larger ``s``; ``z`` is standard normal, from NumPy's
    ``RandomState(seed)``. The course splits it at position 1000, and cuts windows of 20 inputs.

    Example:

    >>> from keras_ts import course_series
    >>> series = course_series()
    >>> series.shape, series.dtype, [round(float(v), 3) for v in series[:3]]
    ((1461,), dtype('float32'), [52.484, 49.353, 53.315])

    Args:
        length: Number of days. Defaults to 1461, four years.
        seed: Seed of the noise. Defaults to 42.

    Output shape:
        ``(length,)``, float32.
    """
    length = _checks.integer("length", length, 1)
    time = np.arange(length, dtype=np.float32)
    season = (time % 365) / 365
    pattern = np.where(season < 0.4, np.cos(season * 2 * np.pi), 1 / np.exp(3 * season))
    noise = np.random.RandomState(seed).randn(length) * 5
    series = 10 + time * 0.05 + 40 * pattern
    series += noise
    return series.astype(np.float32)
