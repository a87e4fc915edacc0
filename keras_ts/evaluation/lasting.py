"""Estimates how long the differences of two forecasters' errors last. Arithmetic alone.

The rule is that of Politis and White, *Automatic block-length selection for the dependent
bootstrap*, Econometric Reviews 23 (2004), with the correction of Patton, Politis and White,
Econometric Reviews 28 (2009), for blocks on a circle.
"""

import numpy as np

from keras_ts._typing import Array

# The rule's lengths estimate a variance best. An interval needs less bias than that, so longer
# blocks: of the factors 1, 1.5, 2, 2.5 and 3, twice is the shortest that holds 95 %.
_FACTOR = 2
# So many autocorrelations count, however small: a few dozen errors show none that is large.
_LAGS = 2


def lasting(differences: Array, overlap: int) -> tuple[int, float]:
    """Return the length of blocks to draw, and the bias that is left in their variance.

    With the autocovariances ``R(k)``, the rule's length is ``(1.5 c^2 n)^(1/3)`` with
    ``c = sum |k| R(k) / sum R(k)``. The variance that blocks of ``length`` show is too small by a
    share of about ``c / length``. The sums end where the autocorrelations end: behind the first of
    five or more in a row that are no larger than chance makes them.

    Args:
        differences: ``(count,)``, in time order.
        overlap: The number of neighbours whose targets overlap, a lower bound of the length.

    Returns:
        The length, at most ``count``, and the share, 0 or more.
    """
    count = len(differences)
    # So long at least, however independent the errors look: the rate at which blocks may grow.
    least = min(max(overlap, int(np.ceil(count ** (1 / 3)))), count)
    run = max(5, int(np.ceil(np.sqrt(np.log10(count)))))
    most = min(int(np.ceil(max(np.sqrt(count), overlap))) + run, count - 1)
    covariances = _autocovariances(differences, min(most + run, count - 1))
    if not covariances[0] > 0:
        return least, 0.0
    chance = 2 * np.sqrt(np.log10(count) / count)
    large = np.abs(covariances[1 : most + 1]) >= chance * covariances[0]
    last = max(_before_small(large, run), overlap - 1, _LAGS)
    # A flat-top window: whole weight up to ``last``, falling to 0 at twice that.
    lags = np.arange(1, min(2 * last, most) + 1)
    weights = np.minimum(1, 2 * (1 - lags / len(lags)))
    shown = covariances
    for _ in range(3):
        long_run = covariances[0] + 2 * (weights * covariances[lags]).sum()
        bend = 2 * (lags * weights * covariances[lags]).sum()
        # Distances from the mean of these errors hide the variance of that mean.
        covariances = shown + max(long_run, 0.0) / count
    if bend <= 0:  # Neighbours are no more alike than others.
        return least, 0.0
    if long_run <= 0:
        return count, 0.0
    reach = bend / long_run
    length = int(np.ceil(_FACTOR * (1.5 * reach**2 * count) ** (1 / 3)))
    length = min(max(length, least), count)
    return length, float(reach / length)


def _autocovariances(values: Array, lags: int) -> Array:
    """Return the autocovariances at 0, 1, ..., ``lags``."""
    count = len(values)
    spectrum = np.fft.rfft(values - values.mean(), 2 * count)
    found: Array = np.fft.irfft(np.abs(spectrum) ** 2, 2 * count)[: lags + 1] / count
    return found


def _before_small(large: Array, run: int) -> int:
    """Return how many lags come before the first ``run`` in a row that are not large."""
    quiet = 0
    for lag, one in enumerate(large.tolist(), start=1):
        quiet = 0 if one else quiet + 1
        if quiet == run:
            return lag - run
    return len(large)
