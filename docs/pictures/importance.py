"""The picture of the guide "Is it any good?": by how much the error grows without each column.

    python docs/pictures/importance.py    # writes docs/pictures/importance.svg

It runs the code of the guide itself, so that the picture shows what the page prints.
"""

import re
import sys
from pathlib import Path

import keras
import matplotlib as mpl
import numpy as np

from keras_ts import WindowedSeries

PICTURES = Path(__file__).parent


def report_of_the_guide():
    """Return the report that the section "Which column mattered" makes."""
    page = (PICTURES.parent / "trust/judging.md").read_text()
    code = re.search(
        r"## Which column mattered.*?```python\n(.*?)```", page, re.DOTALL
    ).group(1)
    # What the page has imported before that section.
    names = {"keras": keras, "np": np, "WindowedSeries": WindowedSeries}
    exec(code, names)  # noqa: S102 - our own page
    return names["report"]


if __name__ == "__main__":
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "keras_ts"})
    path = Path(sys.argv[1]) if sys.argv[1:] else PICTURES / "importance.svg"
    figure = report_of_the_guide().plot().figure
    figure.savefig(path, metadata={"Date": None})
