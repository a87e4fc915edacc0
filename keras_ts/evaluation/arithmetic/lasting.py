"""Estimates how long the differences of two forecasters' errors last: the length of blocks to draw.

The rule is that of Politis and White, *Automatic block-length selection for the dependent
bootstrap*, Econometric Reviews 23 (2004), with the correction of Patton, Politis and White,
Econometric Reviews 28 (2009), for blocks on a circle. Plain NumPy, without a framework.
"""

import numpy as np

from keras_ts._typing import Array, BoolArray, IntArray

# The rule's length is best for estimating a variance. An interval needs less bias, so longer
# blocks: 2 is the smallest of the factors 1, 1.5, 2, 2.5 and 3 whose intervals cover 95 %.
_FACTOR = 2
# This many lags count however small they are: among a few dozen errors none stands out from chance.
_LAGS = 2


def lasting(differences: Array, overlap: int) -> tuple[IntArray, Array]:
    """Return the lengths ``(series,)`` of blocks to draw, and the biases left in their variances.

    The differences are ``(series, count)``, in time order; ``overlap`` is the least length.
    """
    # With the autocovariances ``R(k)``, the rule's length is ``(1.5 c^2 n)^(1/3)`` with
    # ``c = sum |k| R(k) / sum R(k)``. A variance estimated from blocks of ``length`` is too small
    # by a share of about ``c / length``. The sums end where the autocorrelations do: before the
    # first five or more lags in a row that are no larger than chance makes them.
    count = differences.shape[-1]
    # Blocks grow at least at this rate, however independent the errors look.
    least = min(max(overlap, int(np.ceil(count ** (1 / 3)))), count)
    run = max(5, int(np.ceil(np.sqrt(np.log10(count)))))
    most = min(int(np.ceil(max(np.sqrt(count), overlap))) + run, count - 1)
    covariances = _autocovariances(differences, min(most + run, count - 1))
    variances = covariances[:, :1]
    chance = 2 * np.sqrt(np.log10(count) / count)
    large = np.abs(covariances[:, 1 : most + 1]) >= chance * variances
    last = np.maximum(_before_small(large, run), max(overlap - 1, _LAGS))
    # A flat-top window: full weight up to ``last``, falling to 0 at twice that.
    lags = np.arange(1, most + 1)
    weights = np.clip(2 * (1 - lags / np.minimum(2 * last, most)[:, None]), 0, 1)
    sampled = covariances
    for _ in range(3):
        weighted = weights * covariances[:, 1 : most + 1]
        long_run = covariances[:, 0] + 2 * weighted.sum(axis=1)
        bend = 2 * (lags * weighted).sum(axis=1)
        # Covariances about the sample's own mean leave out the variance of that mean.
        covariances = sampled + np.maximum(long_run, 0.0)[:, None] / count
    # Otherwise neighbours are no more alike than others.
    alike = (variances[:, 0] > 0) & (bend > 0)
    reach = np.divide(bend, long_run, out=np.zeros_like(bend), where=alike & (long_run > 0))
    lengths = np.ceil(_FACTOR * (1.5 * reach**2 * count) ** (1 / 3)).astype(np.int64)
    lengths = np.where(alike & (long_run <= 0), count, np.clip(lengths, least, count))
    return lengths, reach / lengths


def _autocovariances(values: Array, lags: int) -> Array:
    """Return the autocovariances of each row at 0, 1, ..., ``lags``."""
    count = values.shape[-1]
    spectrum = np.fft.rfft(values - values.mean(axis=-1, keepdims=True), 2 * count)
    covariances: Array = np.fft.irfft(np.abs(spectrum) ** 2, 2 * count)[:, : lags + 1] / count
    return covariances


def _before_small(large: BoolArray, run: int) -> IntArray:
    """Return, for each row, how many lags come before the first ``run`` that are not large."""
    lags = large.shape[1]
    if lags < run:
        return np.full(len(large), lags)
    small = ~np.any(np.lib.stride_tricks.sliding_window_view(large, run, axis=1), axis=-1)
    return np.where(small.any(axis=1), small.argmax(axis=1), lags)
