"""How far ahead something looks, found by halving."""

from collections.abc import Callable


def farthest(looks: Callable[[int], bool], known: int, last: int) -> int:
    """Return the largest number of rows beyond which something still looks.

    A scaler looks as far as there are rows, a centred window some rows: so the last row is asked
    for first, and then distances that double.

    Args:
        looks: A function of a number of rows. It tells if anything beyond that many is looked at;
            if not, it says the same of any larger number.
        known: A number for which the answer is known to be yes.
        last: The largest number that can be asked for.
    """
    if known >= last or looks(last):
        return max(known, last)
    step, no = 1, last
    while known + step < no:
        if looks(known + step):
            known, step = known + step, 2 * step
        else:
            no = known + step
    while no - known > 1:
        middle = (known + no) // 2
        known, no = (middle, no) if looks(middle) else (known, middle)
    return known
