"""Reads a page of the docs as what it is to its reader: code, what the code printed, and pictures.

Four things in a page are more than text:

- a fence of ``python``, code that the tests run from top to bottom;
- a comment ``<!--- invisible-code-block: python``, code that the tests run and no reader sees, for
  the assertions;
- a fence of ``output``, what the code before it printed;
- an image whose file is an SVG in ``pictures/``, the picture that the code before it drew.

The tests compare the outputs (``tests/shown.py``). ``rerun.py`` writes outputs and pictures anew,
and ``notebooks.py`` makes a notebook of a page.
"""

import importlib.util
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parent.parent.parent
_PARTS = re.compile(
    r"^```(?P<fence>python|output)\n(?P<code>.*?)^```$"
    r"|^<!---? invisible-code-block: python\n(?P<hidden>.*?)^-{2,3}>$"
    r"|^!\[[^\]]*\]\((?P<picture>[^)]*pictures/[^)]*)\.svg\)$"
    r"|^<!---? skip: (?P<skip>next|start|end)(?: if\((?P<when>[^\n]*), reason=[^\n]*\))? -{2,3}>$",
    re.MULTILINE | re.DOTALL,
)

_OTHERS = ("hidden", "picture", "skip")


@dataclass(frozen=True)
class Part:
    """One part of a page that is more than text.

    Attributes:
        kind: What it is. ``"skip"`` says that other parts are not run.
        text: The code, the output, the picture's file without ``.svg``; of a skip ``"next"``,
            ``"start"`` or ``"end"``.
        when: The condition of a skip; empty if there is none.
        start: Where the part begins in the page, in characters.
        end: Where it ends.
        line: The line of the page on which ``text`` begins, from 1.
    """

    kind: Literal["python", "hidden", "output", "picture", "skip"]
    text: str
    start: int
    end: int
    line: int
    when: str = ""


def parts(page: str) -> list[Part]:
    """Return the parts of a page, given as text, in their order."""
    read = []
    for match in _PARTS.finditer(page):
        kind = match["fence"] or next(name for name in _OTHERS if match[name] is not None)
        group = "code" if match["fence"] else kind
        begins = match.start() if kind in ("skip", "picture") else match.start(group)
        line = page.count("\n", 0, begins) + 1
        part = Part(kind, match[group], match.start(), match.end(), line, match["when"] or "")
        read.append(part)
    return read


def unskipped(read: list[Part], names: dict[str, Any]) -> Iterator[Part]:
    """Yield the parts that are run or compared: those that no skip leaves out.

    Args:
        read: The parts of a page.
        names: The names of the page's code, in which conditions are evaluated as they come.
    """
    skipped = ""
    for part in read:
        if part.kind == "skip":
            applies = not part.when or eval(part.when, names)  # noqa: S307 - our own page
            skipped = part.text if applies and part.text != "end" else ""
        elif not skipped:
            yield part
        elif skipped == "next" and part.kind != "picture":
            skipped = ""


def run(part: Part, page: Path, names: dict[str, Any]) -> str:
    """Run the code of a part, and return what it printed.

    Args:
        part: A part of code, shown or hidden.
        page: The file of the page, which an error names with the line in it.
        names: The names that the code reads and sets.
    """
    code = compile("\n" * (part.line - 1) + part.text, page, "exec")
    with redirect_stdout(StringIO()) as stream:
        exec(code, names)  # noqa: S102 - our own page
    return stream.getvalue()


def lacks(*modules: str) -> bool:
    """Return True if one of the modules is not installed; pages ask it before they skip."""
    return not all(map(importlib.util.find_spec, modules))
