"""The look of the pictures: legible on a phone, on light pages and on dark ones."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

PICTURES = Path(__file__).parent.parent / "pictures"
# Letters that stay legible where a picture is as narrow as a phone.
STYLE = {
    "figure.figsize": (5.6, 3.3),
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    # The same file from every run.
    "svg.hashsalt": "keras_ts",
    "savefig.transparent": True,
}
INK = {"light": "#263238", "dark": "#dfe5ec"}


def themes() -> Iterator[str]:
    """Yield each theme, while matplotlib draws in its colors."""
    names = ["axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color"]
    for theme, color in INK.items():
        with mpl.rc_context({**STYLE, **dict.fromkeys(names, color)}):
            yield theme


def save(figure: Figure, target: Path, theme: str) -> None:
    """Save a figure as the picture of one theme; ``target`` is its file without the ending."""
    file = target.with_name(f"{target.name}-{theme}.svg")
    figure.savefig(file, metadata={"Date": None})
    print(file, flush=True)
