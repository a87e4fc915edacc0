"""Makes the tables of reports: scores of rows, data frames, text in columns, HTML for notebooks."""

import html
import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.evaluation.arithmetic.metrics import all_losses, of_means
from keras_ts.windows.align import label_column


def scores_of_rows(
    actual: Array,
    predicted: Array,
    scales: Array,
    levels: Sequence[float] | None,
    by: str | None = None,
    column: Array | None = None,
) -> dict[str, Array]:
    """Return the scores of all rows, or of the rows with each value of a column named ``by``.

    Targets that are not finite are left out. With levels, the last axis is of quantiles.
    """
    rows = len(actual)
    scores: dict[str, Array] = {}
    count, group = 1, np.zeros(rows, np.int64)
    if by is not None and column is not None:
        scores[by], group = _grouped(column)
        count = len(scores[by])
    shape = rows, int(np.prod(actual.shape[1:]))
    observed = np.isfinite(actual).reshape(shape)
    for metric, loss in all_losses(actual, predicted, scales, levels).items():
        loss = loss.reshape(shape)
        # A NaN forecast must show in every score; only MASE leaves out rows, without a scale.
        counted = observed & ~np.isnan(loss) if metric == "mase" else observed
        total = np.bincount(group, np.where(counted, loss, 0).sum(axis=1), count)
        number = np.bincount(group, counted.sum(axis=1), count)
        means = np.divide(total, number, out=np.full(count, np.nan), where=number > 0)
        scores[metric] = of_means(metric, means)
    return scores


def _grouped(column: Array) -> tuple[Array, IntArray]:
    """Return a column's distinct values in order of appearance, and each row's place in them."""
    places: dict[Any, int] = {}
    group = [places.setdefault(value, len(places)) for value in column.tolist()]
    return label_column(tuple(places)), np.array(group, np.int64)


def as_frame(columns: dict[str, Array], library: str) -> Any:
    """Return columns as a data frame of ``"pandas"`` or ``"polars"``."""
    _checks.choice("library", library, ("pandas", "polars"))
    try:
        frames = importlib.import_module(library)
    except ImportError as error:
        raise ImportError(
            f"to_frame({library!r}) needs {library}: pip install {library}."
        ) from error
    return frames.DataFrame(columns)


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
