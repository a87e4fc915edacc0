"""The picture of the guide "A forecast every morning": thirty days with a drift.

    python docs/pictures/every_morning.py    # in two minutes

It runs the example itself.
"""

import runpy
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent.parent

if __name__ == "__main__":
    path = (
        Path(sys.argv[1])
        if sys.argv[1:]
        else DOCS / "pictures/every-morning.svg"
    )
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[1:] = ["--out", folder]
        runpy.run_path(
            str(DOCS.parent / "examples/every_morning.py"), run_name="__main__"
        )
        path.write_bytes((Path(folder) / "every_morning.svg").read_bytes())
