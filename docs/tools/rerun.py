"""Runs the code of pages, and writes what it printed and drew into them.

    python docs/tools/rerun.py docs/learn/stores.md README.md

A block of code that draws stands just before its picture.
"""

import contextlib
import itertools
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from page import ROOT, Part, lacks, parts, run, unskipped
from style import drawing, save


def rerun(path: Path) -> None:
    """Run the code of the page, and write its outputs and pictures."""
    page, folder = path.read_text(), path.parent
    names: dict[str, Any] = {"__name__": "__main__", "lacks": lacks}
    new, written, printed = "", 0, ""
    read = parts(page)
    following = dict(itertools.pairwise(read))
    for part in unskipped(read, names):
        if part.kind == "output":
            lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
            new += "\n".join([page[written : part.start] + "```output", *lines, "```"])
            written = part.end
        elif part.kind in ("python", "hidden"):
            picture = following.get(part)
            beside = picture and not page[part.end : picture.start].strip()
            if beside and picture.kind == "picture":
                draw(part, path, names, (folder / picture.text).resolve())
            else:
                printed = run(part, path, names) or printed
                plt.close("all")
    if path.read_text() != page:
        raise SystemExit(
            f"{path} was changed while its code ran, and stays as it is. Run it again."
        )
    path.write_text(new + page[written:])


def draw(part: Part, page: Path, names: dict[str, Any], target: Path) -> None:
    """Run a part that draws, and save its picture."""
    target.parent.mkdir(exist_ok=True)
    with drawing():
        run(part, page, names)
        save(plt.gcf(), target)
    plt.close("all")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    mpl.use("agg")
    pages = [Path(argument).resolve() for argument in sys.argv[1:]]
    for page in pages:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            rerun(page)
        print(page.relative_to(ROOT), flush=True)
