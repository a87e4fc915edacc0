"""Finds how far ahead a pipeline looks, by bisection: each question costs a run of it."""

from collections.abc import Callable


def farthest(looks: Callable[[int], bool], reached: int, last: int) -> int:
    """Return the largest number of rows beyond which a pipeline still looks.

    A scaler looks as far as there are rows, a centred window only some rows. So the last row is
    tried first, and then distances that double.

    Args:
        looks: A function of a number of rows that returns True if the pipeline looks at anything
            beyond that many. Once it returns False, it does so for every larger number.
        reached: A number for which ``looks`` is known to return True.
        last: The largest number that can be tried.
    """
    if reached >= last or looks(last):
        return max(reached, last)
    step, unseen = 1, last
    while reached + step < unseen:
        if looks(reached + step):
            reached, step = reached + step, 2 * step
        else:
            unseen = reached + step
    while unseen - reached > 1:
        middle = (reached + unseen) // 2
        reached, unseen = (middle, unseen) if looks(middle) else (reached, middle)
    return reached
