"""Finds how far ahead a pipeline looks, by bisection: each question costs a run of it."""

from collections.abc import Callable


def farthest(looks: Callable[[int], bool], reached: int, last: int) -> int:
    """Return the largest number of rows beyond which a pipeline still looks."""
    # A scaler looks as far as there are rows, a centred window only some rows. So the last row is
    # tried first, and then distances that double. ``looks`` of a number says if the pipeline looks
    # beyond that many rows, as it does at ``reached``; once False, it stays so.
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
