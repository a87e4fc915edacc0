"""Compares what a page shows as the output of its code with what the code prints.

Words, dates and whole numbers below 1000 must be the same. Other numbers may differ by a tenth, or
by one in their last place: training gives other ones on another machine. On another backend it
gives other ones altogether, since each draws its own random weights, so there only the form is
compared.
A line of ``...`` stands for any lines, and width of white space does not count.
"""

import re
from contextlib import redirect_stdout
from io import StringIO

from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from helpers import BACKEND

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


def _run(example):
    with redirect_stdout(StringIO()) as stream:
        _PYTHON(example)
    if stream.getvalue():
        example.namespace["_printed"] = stream.getvalue()


_PYTHON = PythonEvaluator()
# Runs the code of a page, and keeps what it printed for the output after it.
code_blocks = CodeBlockParser("python", _run)


def _compare(example):
    printed = example.namespace.pop("_printed", "")
    if same(example.parsed, printed, numbers=BACKEND == WRITTEN_ON):
        return None
    return f"The page shows:\n{example.parsed}\nThe code prints:\n{printed}"


# Compares the outputs of a page with what its code printed.
output_blocks = CodeBlockParser("output", _compare)
