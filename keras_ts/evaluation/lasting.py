"""Estimates how long the differences of two forecasters' errors last: the length of blocks to draw.

The rule is that of Politis and White, *Automatic block-length selection for the dependent
bootstrap*, Econometric Reviews 23 (2004), with the correction of Patton, Politis and White,
Econometric Reviews 28 (2009), for blocks on a circle. Plain NumPy, without a framework.
"""

import numpy as np

from keras_ts._typing import Array

# The rule's length is best for estimating a variance. An interval needs less bias, so longer
# blocks: 2 is the smallest of the factors 1, 1.5, 2, 2.5 and 3 whose intervals cover 95 %.
_FACTOR = 2
# This many lags count however small they are: among a few dozen errors none stands out from chance.
_LAGS = 2


def lasting(differences: Array, overlap: int) -> tuple[int, float]:
    """Return the length of blocks to draw, and the bias that is left in their variance.

    With the autocovariances ``R(k)``, the rule's length is ``(1.5 c^2 n)^(1/3)`` with
    ``c = sum |k| R(k) / sum R(k)``. A variance estimated from blocks of ``length`` is too small by
    a share of about ``c / length``. The sums end where the autocorrelations do: before the first
    five or more lags in a row that are no larger than chance makes them.

    Args:
        differences: ``(count,)``, in time order.
        overlap: The number of neighbours whose targets overlap, a lower bound of the length.

    Returns:
        The length, at most ``count``, and the share, 0 or more.
    """
    count = len(differences)
    # Blocks grow at least at this rate, however independent the errors look.
    least = min(max(overlap, int(np.ceil(count ** (1 / 3)))), count)
    run = max(5, int(np.ceil(np.sqrt(np.log10(count)))))
    most = min(int(np.ceil(max(np.sqrt(count), overlap))) + run, count - 1)
    covariances = _autocovariances(differences, min(most + run, count - 1))
    if not covariances[0] > 0:
        return least, 0.0
    chance = 2 * np.sqrt(np.log10(count) / count)
    large = np.abs(covariances[1 : most + 1]) >= chance * covariances[0]
    last = max(_before_small(large, run), overlap - 1, _LAGS)
    # A flat-top window: full weight up to ``last``, falling to 0 at twice that.
    lags = np.arange(1, min(2 * last, most) + 1)
    weights = np.minimum(1, 2 * (1 - lags / len(lags)))
    sampled = covariances
    for _ in range(3):
        long_run = covariances[0] + 2 * (weights * covariances[lags]).sum()
        bend = 2 * (lags * weights * covariances[lags]).sum()
        # Covariances about the sample's own mean leave out the variance of that mean.
        covariances = sampled + max(long_run, 0.0) / count
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
    covariances: Array = np.fft.irfft(np.abs(spectrum) ** 2, 2 * count)[: lags + 1] / count
    return covariances


def _before_small(large: Array, run: int) -> int:
    """Return how many lags come before the first ``run`` in a row that are not large."""
    quiet = 0
    for lag, is_large in enumerate(large.tolist(), start=1):
        quiet = 0 if is_large else quiet + 1
        if quiet == run:
            return lag - run
    return len(large)
