"""Runs the code of a page from top to bottom, and compares the outputs that it shows.

    python tests/run_page.py README.md tensorflow

It needs no package but those of the page, so it runs where nothing else is installed.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "docs" / "tools")]

from page import lacks, parts, run, unskipped  # noqa: E402 - found in the folder above
from same_output import WRITTEN_ON, difference, same  # noqa: E402


def check(path, backend):
    """Run the page; raise an AssertionError at the first output that is not printed."""
    names = {"__name__": "__main__", "lacks": lacks}
    printed = ""
    for part in unskipped(parts(path.read_text()), names):
        if part.kind == "output":
            if not same(part.text, printed, numbers=backend == WRITTEN_ON):
                raise AssertionError(f"Line {part.line}. {difference(part.text, printed)}")
        elif part.kind in ("python", "hidden"):
            printed = run(part, path, names) or printed


if __name__ == "__main__":
    check(Path(sys.argv[1]), sys.argv[2])
