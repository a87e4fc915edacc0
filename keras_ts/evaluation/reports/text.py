"""Writes tables of reports: as text in columns, and as HTML for notebooks."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks


def aligned(rows: Sequence[Sequence[str]], left: int = 0) -> list[str]:
    """Return one line for each row, its cells in columns, of which ``left`` are aligned left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def html_table(heading: Sequence[str], rows: Iterable[Sequence[str]], lines: Iterable[str]) -> str:
    """Return a table in HTML, with lines of text below it."""

    def row(cells: Sequence[str], tag: str) -> str:
        inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr>{inner}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    text = "<br>".join(html.escape(line) for line in lines)
    return f"<table><thead>{row(heading, 'th')}</thead><tbody>{body}</tbody></table><p>{text}</p>"


def unscaled_note(series: Sequence[Any]) -> list[str]:
    """Return a sentence that names the series without a scale for MASE, if there are any."""
    if not len(series):
        return []
    left_out = f"MASE leaves out {len(series)} series, missing or constant in train."
    return [f"{left_out} Without a scale: {_checks.shown(list(series))[1:-1]}."]


def number(value: Any) -> str:
    """Return a number with four digits, and ``-`` for NaN."""
    return "-" if np.isnan(value) else f"{float(value):.4g}"


def percent(share: float) -> str:
    """Return a share in per cent, and ``-`` if it is not finite."""
    # Adding 0.0 takes the sign off a zero.
    return f"{round(100 * share, 1) + 0.0:.1f} %" if np.isfinite(share) else "-"


def whole_percent(share: float) -> str:
    """Return a share in per cent without needless digits, such as ``80 %``."""
    return f"{100 * share:.4g} %"
