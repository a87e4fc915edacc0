"""What returns each time a cycle comes to the same phase, and is too large to be noise.

A holiday is one day of a year, and a series has few years: a net takes its errors there for
outliers. That they return, to the day, tells one from the other.
"""

import numpy as np

from keras_ts._typing import Array, IntArray


def returning(phases: IntArray, left: Array) -> tuple[IntArray, Array]:
    """Return the phases whose errors return, and the errors to expect there.

    Of the errors at a phase the median counts, of an even number the one of the two in the middle
    that is nearer to 0; it is 0 if these two differ in sign, or if there is one error alone. It is
    kept if it exceeds ``s sqrt(2 log(n))``, which the largest of ``n`` errors hardly does if they
    are noise, where ``s`` is the standard deviation of all errors and ``n`` the number of phases
    (the universal threshold of Donoho and Johnstone, Biometrika 1994).

    Args:
        phases: The number of each row's phase, ``(rows,)``.
        left: Errors of the forecasts, ``(rows, outputs)``.

    Returns:
        The phases ``(found,)``, sorted, and their errors ``(found, outputs)``, 0 for outputs
        without one.
    """
    if not len(phases):
        return phases, left
    numbers, counts = np.unique(phases, return_counts=True)
    begins = np.cumsum(counts) - counts
    medians = np.zeros((len(numbers), left.shape[1]))
    for output, errors in enumerate(left.T):
        by_size = errors[np.lexsort((errors, phases))]
        low, high = by_size[begins + (counts - 1) // 2], by_size[begins + counts // 2]
        nearer = np.where(np.abs(low) < np.abs(high), low, high)
        medians[:, output] = np.where((low * high > 0) & (counts > 1), nearer, 0.0)
    bound = left.std(axis=0) * np.sqrt(2 * np.log(len(numbers)))
    medians[np.abs(medians) <= bound] = 0.0
    found = medians.any(axis=1)
    return numbers[found], medians[found]
