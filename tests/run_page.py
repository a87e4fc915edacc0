"""Runs the code of a page from top to bottom, and compares the outputs that it shows.

    python tests/run_page.py README.md tensorflow

It needs no package but those of the page, so it runs where nothing else is installed.
"""

import importlib.util
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "docs" / "tools")]

from page import parts, unskipped  # noqa: E402 - found in the folder above
from same_output import WRITTEN_ON, difference, same  # noqa: E402


def lacks(*modules):
    """Return True if one of the modules is not installed; pages ask it before they skip."""
    return not all(map(importlib.util.find_spec, modules))


def run(path, backend):
    """Run the page; raise an AssertionError at the first output that is not printed."""
    names = {"__name__": "__main__", "lacks": lacks}
    printed = ""
    for part in unskipped(parts(path.read_text()), names):
        if part.kind == "output":
            if not same(part.text, printed, numbers=backend == WRITTEN_ON):
                raise AssertionError(f"Line {part.line}. {difference(part.text, printed)}")
        elif part.kind in ("python", "hidden"):
            code = compile("\n" * (part.line - 1) + part.text, path, "exec")
            with redirect_stdout(StringIO()) as stream:
                exec(code, names)
            printed = stream.getvalue() or printed


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
