"""Reads a page of the docs as what it is to its reader: code, what the code printed, and pictures.

Four things in a page are more than text:

- a fence of ``python``, code that the tests run from top to bottom;
- a comment ``<!--- invisible-code-block: python``, code that the tests run and no reader sees, for
  the assertions;
- a fence of ``output``, what the code before it printed;
- an image whose file ends in ``-light.svg#only-light``, the picture that the code before it drew.

The tests compare the outputs (``tests/shown.py``). ``rerun.py`` writes outputs and pictures anew,
and ``notebooks.py`` makes a notebook of a page.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_PARTS = re.compile(
    r"^```(?P<fence>python|output)\n(?P<code>.*?)^```$"
    r"|^<!---? invisible-code-block: python\n(?P<hidden>.*?)^-{2,3}>$"
    r"|^!\[[^\]]*\]\((?P<picture>[^)]*)-light\.svg#only-light\).*?$"
    r"|^<!---? skip: next(?: if\((?P<skip>[^\n]*), reason=[^\n]*\))? -{2,3}>$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Part:
    """One part of a page that is more than text.

    Attributes:
        kind: What it is. ``"skip"`` says that the next part is not run.
        text: The code, the output, the picture's file without ``-light.svg``, or the condition of a
            skip, empty if there is none.
        start: Where the part begins in the page, in characters.
        end: Where it ends.
        line: The line of the page on which ``text`` begins, from 1.
    """

    kind: Literal["python", "hidden", "output", "picture", "skip"]
    text: str
    start: int
    end: int
    line: int


def parts(page: str) -> list[Part]:
    """Return the parts of a page, given as text, in their order."""
    read = []
    for match in _PARTS.finditer(page):
        group = "code" if match["fence"] else match.lastgroup or "skip"
        kind = match["fence"] or group
        begins = (
            match.start() if kind in ("skip", "picture") else match.start(group)
        )
        line = page.count("\n", 0, begins) + 1
        read.append(
            Part(kind, match[group] or "", match.start(), match.end(), line)
        )
    return read


def title(page: str) -> str:
    """Return the title of a page, given as text."""
    return re.search(r"^# (.*)$", page, re.MULTILINE)[1]


ROOT = Path(__file__).parent.parent.parent
