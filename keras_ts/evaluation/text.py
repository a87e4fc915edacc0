"""Writes tables for reports: text in columns for a terminal, HTML for a notebook."""

import html
from collections.abc import Iterable, Sequence

HEADINGS = {"mae": "MAE", "rmse": "RMSE", "mase": "MASE", "smape": "sMAPE"}


def aligned(rows: Sequence[Sequence[str]], left: int = 0) -> list[str]:
    """Return one line for each row, its cells in columns.

    Args:
        rows: Rows of equal length.
        left: Number of leading columns that are aligned left. Defaults to 0.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def as_html(heading: Sequence[str], rows: Iterable[Sequence[str]], sentences: Iterable[str]) -> str:
    """Return a table, and below it sentences, each on a line of its own."""

    def line(cells: Sequence[str], tag: str) -> str:
        inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr>{inner}</tr>"

    body = "".join(line(cells, "td") for cells in rows)
    text = "<br>".join(html.escape(sentence) for sentence in sentences)
    return f"<table><thead>{line(heading, 'th')}</thead><tbody>{body}</tbody></table><p>{text}</p>"
