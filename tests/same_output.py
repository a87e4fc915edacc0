"""Tells whether the output that a page shows is the one that its code prints.

Words, dates and whole numbers must be the same. Numbers with decimals may differ by a tenth, or by
one in their last place, and so may whole ones above 1000 in the same line: training gives other
ones on another machine. On another backend it gives other ones altogether, since each draws its own
random weights, so there only the form is compared.
A line of ``...`` stands for any lines, and width of white space does not count.
"""

import re

# The backend on which docs/tools/rerun.py runs, as the pages' install line says.
WRITTEN_ON = "tensorflow"
_DECIMAL = r"\d+\.\d+(?:e[-+]\d+)?|\d+e[-+]\d+"


def _numbers(*forms):
    """Return a pattern of numbers that stand by themselves, in one of some forms."""
    return re.compile(rf"(?<![\w.,:-])[-+]?(?:{'|'.join(forms)})(?![\w.]*\d)")


_NUMBER = _numbers(_DECIMAL)
# A table of errors has 999.5 in one place and 1003 in another.
_OR_LARGE = _numbers(_DECIMAL, r"\d{4,}(?![-,:])")
# In an array with decimals, NumPy prints 126.0 as "126. ".
_IN_ARRAY = _numbers(_DECIMAL, r"\d+\.(?=[ \]]|$)")
_PLACE = "\0"


def same(shown, printed, *, numbers=True):
    """Return True if the shown output stands for the printed one.

    Args:
        shown: Text of the output on the page.
        printed: Text that the code printed.
        numbers: False if numbers that may differ may be any. Defaults to True.
    """
    (form, left), (actual, right) = _parted(shown), _parted(printed)
    pieces = [" ".join(piece.split()) for piece in re.split(r"^\s*\.\.\.\s*$", form, flags=re.M)]
    match = re.fullmatch("(.*)".join(map(re.escape, pieces)), " ".join(actual.split()))
    if not match or not numbers:
        return bool(match)
    # The numbers of lines that "..." stands for are not shown.
    shown_there = []
    for piece, others in zip(pieces, [*match.groups(), ""], strict=True):
        count, others = piece.count(_PLACE), others.count(_PLACE)
        shown_there += right[:count]
        right = right[count + others :]
    return all(_near(one, other) for one, other in zip(left, shown_there, strict=True))


def _parted(text):
    """Return a text with a mark for each number that may differ, and these numbers."""
    lines, found = [], []
    for line in text.splitlines():
        pattern = _NUMBER
        if _NUMBER.search(line):
            pattern = _IN_ARRAY if line.lstrip().startswith("[") else _OR_LARGE
        found += pattern.findall(line)
        lines.append(pattern.sub(_PLACE, line).replace(f"{_PLACE} ]", f"{_PLACE}]"))
    return "\n".join(lines), found


def _near(shown, printed):
    digits, _, exponent = shown.partition("e")
    place = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    left, right = float(shown), float(printed)
    return abs(left - right) <= max(0.1 * abs(left), 1.01 * place)


def difference(shown, printed):
    """Return the sentence of an error: what the page shows, and what its code prints."""
    return f"The page shows:\n{shown}\nThe code prints:\n{printed}"
