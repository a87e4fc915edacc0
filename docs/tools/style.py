"""The look of the pictures: legible on a phone, and on light pages as on dark ones."""

import re
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

PICTURES = Path(__file__).parent.parent / "pictures"
# A gray that stands out from white and from the dark theme alike: 4.1 to 1 and 4.0 to 1.
INK = "#74818d"
STYLE = {
    # Letters that stay legible where a picture is as narrow as a phone.
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
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def drawing() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws pictures for the docs."""
    return mpl.rc_context(STYLE)


def save(figure: Figure, target: Path) -> None:
    """Save a figure as a picture; ``target`` is its file without the ending."""
    written = StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    file = target.with_name(f"{target.name}.svg")
    file.write_text(compact(written.getvalue()))
    print(file, flush=True)


def compact(svg: str) -> str:
    """Return a picture without what no reader sees: metadata, and hundredths of a point."""
    unseen = r"<\?xml.*?\?>\s*|<!DOCTYPE.*?>\s*|<metadata>.*?</metadata>\s*"
    svg = re.sub(unseen, "", svg, flags=re.DOTALL)
    svg = re.sub(r"; font-family: [^;\"]*|font-family: [^;\"]*; ", "", svg)
    svg = svg.replace("*{stroke-linejoin", "text{font-family: sans-serif} *{stroke-linejoin")
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    places = re.compile(r'(?<= )(?:d|x|y|transform)="[^"]*"')
    svg = places.sub(lambda of: re.sub(r"-?\d+\.\d+", _rounded, " ".join(of[0].split())), svg)
    return re.sub(r"\n\s*", "\n", svg)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
