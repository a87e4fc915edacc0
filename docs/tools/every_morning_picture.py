"""Draws the picture of the page "A forecast every morning": thirty days with a drift.

    python docs/tools/every_morning_picture.py    # in four minutes

It runs the example itself.
"""

import runpy
import sys
import tempfile
from pathlib import Path

from style import PICTURES, compact, drawing

EXAMPLE = PICTURES.parent.parent / "examples/every_morning.py"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[1:] = ["--out", folder]
        with drawing():
            runpy.run_path(str(EXAMPLE), run_name="__main__")
        drawn = Path(folder, "every_morning.svg").read_text()
        (PICTURES / "every-morning.svg").write_text(compact(drawn))
