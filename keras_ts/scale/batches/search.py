"""Finds the items of a batch at which a function fails, by halving."""

from collections.abc import Callable

import numpy as np

from keras_ts._typing import IntArray

# Items tried alone before the search. If each of them fails, it is the batch that is wrong.
_TRIED = 32


def failing(
    numbers: IntArray, sizes: IntArray, attempt: Callable[[IntArray], object]
) -> dict[int, str]:
    """Return the error of each item at which ``attempt`` fails, by the item's number.

    A part of the batch that fails is halved, down to single items: k of n items take about
    ``2 * k * log2(n)`` attempts. Each part is tried beside one item that does not fail alone, as
    some items need another one: a series of one row has the frequency of the others.
    """
    order = numbers[np.argsort(-sizes, kind="stable")]
    tried = order[np.linspace(0, len(order) - 1, min(len(order), _TRIED)).astype(np.int64)]
    errors: list[Exception] = []
    good = np.empty(0, np.int64)
    for number in tried:
        error = _error(attempt, number[None])
        if error is None:
            good = number[None]
            break
        errors.append(error)
    if not len(good) and len(order) > _TRIED:
        raise type(errors[0])(
            f"Each of {_TRIED} series of the batch, tried alone, cannot be forecast: {errors[0]}"
        )
    failed: dict[int, str] = {}
    parts = [np.setdiff1d(numbers, good)]
    while parts:
        part = parts.pop()
        error = _error(attempt, np.sort(np.concatenate([good, part]))) if len(part) else None
        if error is not None and len(part) == 1:
            # Alone, the error counts rows from the item's own first.
            failed[int(part[0])] = str(_error(attempt, part) or error)
        elif error is not None:
            parts += np.array_split(part, 2)
    return failed


def _error(attempt: Callable[[IntArray], object], numbers: IntArray) -> Exception | None:
    try:
        attempt(numbers)
    except (TypeError, ValueError) as error:
        return error
    return None
