"""``Report``, the base of all reports: scores in columns, and the methods that print them.

``compare``, ``backtest``, ``score``, ``importance`` and ``scorecard`` return subclasses of it.
"""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.panel.clock import as_written
from keras_ts.panel.labels import by_id_column, distinct_rows, label_column
from keras_ts.scores.metrics import METRICS, RATIOS, all_losses, of_sums

# ``one_decimal`` writes numbers from here on with a power of ten.
_HUGE = 1e6
# A percentage nearer to 0 is rounding.
_NOTHING = 1e-4
# A table of more than twice this many rows prints this many from each end.
_SHOWN = 15


class Page(NamedTuple):
    """A table to print, with its first ``left`` columns aligned left, and sentences below it."""

    columns: Mapping[str, Sequence[Any]]
    sentences: Sequence[str]
    left: int = 1

    @property
    def cells(self) -> list[list[str]]:
        """The rows as text, the headings first; numbers have four digits."""
        texts = [
            [cell if isinstance(cell, str) else number(cell) for cell in column]
            for column in self.columns.values()
        ]
        return [list(self.columns), *map(list, zip(*texts, strict=True))]

    def __str__(self) -> str:
        cells = self.cells
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if place < self.left else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        return "\n".join([*lines, "", *self.sentences] if self.columns else self.sentences)

    def html(self) -> str:
        """Return the page for a notebook."""
        rows = [[html.escape(cell) for cell in row] for row in self.cells]
        head, *body = (
            "".join(f"<{tag}>{cell}</{tag}>" for cell in row)
            for row, tag in zip(rows, ["th", *["td"] * len(rows)], strict=False)
        )
        lines = "".join(f"<tr>{row}</tr>" for row in body)
        text = "<br>".join(map(html.escape, self.sentences))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        return f"{table if self.columns else ''}<p>{text}</p>"


class Table(dict[str, Array]):
    """A dict of columns of equal length that prints as a table."""

    def single_columns(self) -> dict[str, Array]:
        """Return the columns; one with an axis of several targets is split into ``name_0``, ..."""
        columns: dict[str, Array] = {}
        for name, values in self.items():
            if np.ndim(values) == 1:
                columns[name] = values
            else:
                columns |= {f"{name}_{i}": part for i, part in enumerate(values.T)}
        return columns

    def to_frame(self, library: str = "pandas") -> Any:
        """Return the columns as a data frame.

        A column with an axis for several targets becomes several: ``actual_0``, ``actual_1``, ...

        Args:
            library: ``"pandas"`` or ``"polars"``. Defaults to ``"pandas"``.
        """
        _checks.choice("library", library, ("pandas", "polars"))
        frames = _checks.needed(library, f"to_frame({library!r})")
        return frames.DataFrame(self.single_columns())

    def _pages(self) -> list[Page]:
        # No page if a user has added an entry that is no column of the same length.
        lengths = {np.shape(values)[:1] for values in self.values()}
        if len(lengths) != 1 or () in lengths:
            return []
        ((rows,),) = lengths
        columns, cut = {}, rows > 2 * _SHOWN
        for name, values in self.single_columns().items():
            shown = [*values[:_SHOWN], *values[-_SHOWN:]] if cut else values
            texts = [number(v) if np.asarray(v).dtype.kind == "f" else as_written(v) for v in shown]
            columns[name] = [*texts[:_SHOWN], *["..."] * cut, *texts[_SHOWN:]]
        return [Page(columns, [f"A dict of {len(self)} columns. Rows: {rows}."])]

    def __repr__(self) -> str:
        return "".join(map(str, self._pages())) or super().__repr__()

    def _repr_html_(self) -> str | None:
        return "".join(page.html() for page in self._pages()) or None


class Report:
    """Scores in columns of equal length; subclasses yield the pages that print them."""

    table: dict[str, Array]

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", Table(self.table))

    def pages(self) -> Iterator[Page]:
        """Yield what is printed."""
        raise NotImplementedError

    def to_frame(self, library: str = "pandas") -> Any:
        """Return ``table`` as a data frame.

        A column with an axis for several targets becomes several: ``actual_0``, ``actual_1``, ...

        Args:
            library: ``"pandas"`` or ``"polars"``. Defaults to ``"pandas"``.
        """
        return Table(self.table).to_frame(library)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.pages()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(page.html() for page in self.pages())


class Rows(NamedTuple):
    """Rows of forecasts and actual values, and the columns by which rows are grouped."""

    columns: Mapping[str, Array]
    actual: Array  # (rows[, targets])
    predicted: Array  # (rows[, targets][, levels])
    scales: Array  # (rows[, targets], 2), as in ``metrics.POINT``
    levels: Sequence[float] | None

    def only(self, rows: Array) -> "Rows":
        """Return the rows at places, or where a mask is True."""
        return self._replace(
            columns={name: values[rows] for name, values in self.columns.items()},
            actual=self.actual[rows],
            predicted=self.predicted[rows],
            scales=self.scales[rows],
        )

    def totals(self, by: Sequence[str]) -> "Rows":
        """Return the totals of the rows that are equal in the columns ``by``."""
        # Rows without an actual value are left out. The scale of absolute errors is multiplied by
        # the number of rows in a total, that of squared errors by the square of this number.
        first, numbers = distinct_rows([grouped(self.columns[name])[1] for name in by])
        order = np.argsort(numbers, kind="stable")
        starts = np.cumsum(np.bincount(numbers)) - np.bincount(numbers)
        observed = np.isfinite(self.actual)

        def summed(values: Array) -> Array:
            mask = observed.reshape(*observed.shape, *[1] * (values.ndim - observed.ndim))
            return np.add.reduceat(np.where(mask, values, 0.0)[order], starts, axis=0)

        count = summed(np.ones(self.actual.shape))
        return self._replace(
            columns={name: self.columns[name][first] for name in by},
            actual=np.where(count > 0, summed(self.actual), np.nan),
            predicted=summed(self.predicted),
            scales=self.scales[first] * np.stack([count, count**2], axis=-1),
        )

    def scores(self, by: str | None = None) -> Table:
        """Return the scores of all rows, or of the rows with each value of a column."""
        # The values of the column come in order of appearance, but steps are sorted.
        if by == "step" and (np.diff(self.columns[by]) < 0).any():
            return self.only(np.argsort(self.columns[by], kind="stable")).scores(by)
        rows, scores = len(self.actual), Table()
        count, group, totals = 1, np.zeros(rows, np.int64), dict[str, Array]()
        if by is not None:
            scores[by], group = grouped(self.columns[by])
            count = len(scores[by])
        shape = rows, int(np.prod(self.actual.shape[1:]))
        observed = np.isfinite(self.actual).reshape(shape)
        scaled = ~np.isnan(self.scales).any(axis=-1).reshape(shape)
        for metric, loss in all_losses(*self[1:]).items():
            # A NaN forecast makes a score NaN, but scaled losses leave out rows without a scale.
            counted = observed & scaled if METRICS[metric].scaled else observed
            losses = np.where(counted, loss.reshape(shape), 0).sum(axis=1)
            total = totals[metric] = np.bincount(group, losses, count)
            divisor = np.bincount(group, counted.sum(axis=1), count)
            if metric in RATIOS:
                total, divisor = totals[RATIOS[metric]], total
            scores[metric] = of_sums(metric, total, divisor)
        return Table(by_id_column(scores))


def grouped(column: Array) -> tuple[Array, IntArray]:
    """Return a column's distinct values in order of appearance, and each row's place in them."""
    places: dict[Any, int] = {}
    group = [places.setdefault(value, len(places)) for value in column.tolist()]
    return label_column(tuple(places)), np.array(group, np.int64)


def printed(metrics: Iterable[str], more: Sequence[str] = ()) -> list[str]:
    """Return the metrics that a page shows: the usual ones, a user's own, and ``more``."""
    return [
        name for name in metrics if name in more or name not in METRICS or METRICS[name].printed
    ]


def unscaled_note(series: Sequence[Any]) -> list[str]:
    """Return a sentence that names the series without a scale for MASE, if there is one."""
    if not len(series):
        return []
    left_out = f"MASE leaves out {len(series)} series, missing or constant in train; WAPE does not."
    return [f"{left_out} Without a scale: {_checks.shown(list(series))[1:-1]}."]


def number(value: Any) -> str:
    """Return a number with four digits, and ``-`` for NaN or None."""
    return "-" if value is None or np.isnan(value) else f"{float(value):.4g}"


def percent(share: float | None) -> str:
    """Return a share in per cent, and ``-`` if it is None or not finite."""
    if share is None or not np.isfinite(share):
        return "-"
    # The end of an interval may be so near 0 that only more digits show its side.
    near = _NOTHING < abs(100 * share) < 0.05
    return f"{100 * share:.1g} %" if near else f"{one_decimal(100 * share)} %"


def one_decimal(value: float) -> str:
    """Return a number with one decimal, or with four digits and a power of ten if it is huge."""
    # Adding 0.0 turns -0.0 into 0.0.
    return f"{round(value, 1) + 0.0:.1f}" if abs(value) < _HUGE else f"{value:.4g}"


def interval(low: float | None, high: float | None, instead: str = "too few windows") -> str:
    """Return a skill's interval, whose lower end may be infinite; ``instead`` if it has none."""
    if high is None or np.isnan(high):
        return instead
    if high == -np.inf:  # The error of the best baseline is 0.
        return "-"
    no_end = low is None or not np.isfinite(low)
    return f"below {percent(high)}" if no_end else f"{percent(low)} to {percent(high)}"


def whole_percent(share: float) -> str:
    """Return a share in per cent without needless digits, such as ``80 %``."""
    return f"{100 * share:.4g} %"
