"""Tells whether the output that a page shows is the one that its code prints.

Words, dates and whole numbers below 1000 must be the same. Other numbers may differ by a tenth, or
by one in their last place: training gives other ones on another machine. On another backend it
gives other ones altogether, since each draws its own random weights, so there only the form is
compared.
A line of ``...`` stands for any lines, and width of white space does not count.
"""

import re

# The backend on which docs/tools/rerun.py runs, as the pages' install line says.
WRITTEN_ON = "tensorflow"
# A table of errors has 999.5 in one place and 1003 in another.
_DECIMAL = re.compile(
    r"(?<![\w.,:-])[-+]?(?:\d+\.\d+(?:e[-+]\d+)?|\d+e[-+]\d+|\d{4,}(?![-,:]))(?![\w.]*\d)"
)


def same(shown, printed, *, numbers=True):
    """Return True if the shown output stands for the printed one.

    Args:
        shown: Text of the output on the page.
        printed: Text that the code printed.
        numbers: False if numbers that may differ may be any. Defaults to True.
    """
    form, actual = ("".join(_DECIMAL.sub("#", text)) for text in (shown, printed))
    pieces = [" ".join(piece.split()) for piece in re.split(r"^\s*\.\.\.\s*$", form, flags=re.M)]
    pattern = ".*".join(map(re.escape, pieces))
    if not re.fullmatch(pattern, " ".join(actual.split())):
        return False
    if not numbers or len(pieces) > 1:
        return True
    pairs = zip(_DECIMAL.findall(shown), _DECIMAL.findall(printed), strict=True)
    return all(_near(left, right) for left, right in pairs)


def _near(shown, printed):
    place = 10.0 ** -len(shown.partition(".")[2].partition("e")[0])
    left, right = float(shown), float(printed)
    return abs(left - right) <= max(0.1 * abs(left), 1.01 * place)


def difference(shown, printed):
    """Return the sentence of an error: what the page shows, and what its code prints."""
    return f"The page shows:\n{shown}\nThe code prints:\n{printed}"
