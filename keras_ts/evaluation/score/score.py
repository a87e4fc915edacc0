"""``score``: judges earlier forecasts by the rows that came since."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.arithmetic.drift import norms_of, some
from keras_ts.evaluation.forecasters.table import ForecastTable, refuse_infinite
from keras_ts.evaluation.judged import JudgedWindows, rows_of, scales_of
from keras_ts.evaluation.judging import season_of
from keras_ts.evaluation.score.matched import Keys, Matched, Names
from keras_ts.evaluation.score.promise import coverage, judged
from keras_ts.forecasting.aggregate import Samples
from keras_ts.panel.labels import distinct_rows, places_of
from keras_ts.panel.panel import table_of
from keras_ts.plotting.errors import plot_errors
from keras_ts.saving.load import load_carried
from keras_ts.saving.scorecard import scorecard
from keras_ts.scores.metrics import heading
from keras_ts.scores.report import Page, Report, Rows, Table, grouped, printed, unscaled_note
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.split import Part

# The columns that identify a forecast, and the quantile levels of its total.
_KEYS, _LEVELS = ("series", "origin"), (0.1, 0.5, 0.9)


@dataclass(frozen=True, repr=False, eq=False)
class ScoreReport(Report):
    """The scores of forecasts whose rows have come; print it for a table that ends in a sentence.

    Returned by ``score``.

    Attributes:
        table: A dict of columns of equal length: ``step`` or ``series``, as ``by`` says, ``mae``,
            ``rmse``, ``mase`` (NaN without ``train``), ``smape`` (in per cent) and the further
            metrics of ``ComparisonReport.table``. If no row has come yet, the scores are NaN; with
            ``by``, the table has no row.
        promised: ``"as promised"`` if all measures lie in the ranges that the model's scorecard
            promised, else ``"changed"``. None without a scorecard or without an error to compare;
            the last sentence of the printed report says why.
        moved: The measures that left their ranges, of ``"error"``, ``"bias"``, ``"coverage"``,
            ``"level"`` and ``"step"``.
    """

    table: dict[str, Array]
    promised: str | None
    moved: tuple[str, ...]
    _by: str | None
    _total: bool
    _rows: Rows
    _sentences: list[str]

    def scores(self, by: str | None = None) -> Table:
        """Return the scores of all rows, or of each step or series.

        Args:
            by: ``"step"`` (not of totals) or ``"series"``. Defaults to None: all rows.

        Returns:
            A dict of columns of equal length, as in ``table``, which has ``to_frame``.
        """
        return self._rows.scores(_checked_by(by, self._total))

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the mean absolute error at each step for which rows have come."""
        if self._total:
            raise ValueError("The scores are of totals, which have no steps to draw: print them.")
        errors = {"forecasts": self.scores("step")["mae"]}
        return plot_errors(errors, heading("mae"), ax=ax, filepath=filepath)

    def pages(self) -> Iterator[Page]:
        """Yield the table, and sentences on what came, what did not, and the promise."""
        keys = ["all"] if self._by is None else [str(key) for key in self.table[self._by]]
        columns: dict[str, Sequence[Any]] = {self._by or "": keys}
        for name in printed(name for name in self.table if name != self._by):
            values = self.table[name]
            if not (name == "mase" and np.isnan(values).all()):
                columns[heading(name)] = values.tolist()
        yield Page(columns, self._sentences)


def _checked_by(by: Any, total: bool) -> str | None:
    """Return ``by`` if it is None, "series" or, unless totals are scored, "step"."""
    return None if by is None else _checks.choice("by", by, ("step", "series")[total:])


def score(
    forecasts: Any,
    actual: Any,
    train: Any = None,
    *,
    by: str | None = None,
    period: int | None = None,
    filepath: str | os.PathLike[str] | None = None,
    total: bool = False,
) -> ScoreReport:
    """Score forecasts that were made earlier, by the rows that have come since.

    Rows are matched by id and time, in any order. Forecasts whose rows have not come yet are left
    out, and the report says how many there are; rows without a forecast are ignored.

    With ``filepath``, the report also says if what came is what the model's scorecard promised. It
    compares five means with those on the held-out rows: the error, the bias, the coverage, the
    level of the series and the size of their steps, the last two in units of the mean step in
    ``train``. A mean that differs by more than such means do there, upward or downward, is a
    change; if nothing changed, about one look in 200 calls one. The sentence names what moved, and
    the first forecast that was looked at. There is no verdict at fewer than ten origins. A file of
    keras_ts 0.3.0 is judged by its error alone.

    Example:

    >>> import pandas as pd
    >>> from keras_ts import score
    >>> days = pd.date_range("2024-05-01", periods=4)
    >>> ahead = pd.DataFrame({"day": days, "step": range(1, 5), "sold": [10.0, 12.0, 9.0, 11.0]})
    >>> came = pd.DataFrame({"day": days[:3], "sold": [11.0, 12.0, 7.0]})
    >>> report = score(ahead, came)
    >>> float(report.table["mae"][0])
    1.0
    >>> report.scores(by="step")["mae"].tolist()
    [1.0, 0.0, 2.0]

    Args:
        forecasts: A table of forecasts, as in the ``models`` of ``compare``.
        actual: The rows that came, a frame or a ``Panel`` with the same columns of ids and times
            and the targets. It may hold earlier rows and further columns.
        train: Earlier rows, a table like ``actual``, or the training part, a ``WindowDataset``, for
            the scale of MASE. Defaults to None: no MASE.
        by: ``"step"`` or ``"series"`` for a table with a row for each. Defaults to None: a row for
            all.
        period: MASE is scaled by changes over this many rows, missing rows included. Defaults to
            None: as in the scorecard of the file, or 1.
        filepath: The file of the model that made the forecasts. Its windows name the columns, and
            its scorecard says what it promised. Defaults to None.
        total: True to score the total of each forecast's steps, once its last row has come. Sample
            paths give the quantiles 0.1, 0.5 and 0.9 of each total. Defaults to False.

    Returns:
        A ``ScoreReport``.

    Raises:
        ValueError: The columns are not clear, two rows have the same id and time, or no forecast
            has a row in ``actual``, unless all are later than the last row of their series there.
    """
    by = _checked_by(by, _checks.boolean("total", total))
    carried = None if filepath is None else load_carried(filepath)
    card = None if filepath is None else scorecard(filepath)
    period = season_of(period, None if card is None else card.values["period"]) or 1
    samples = None
    if "sample" in getattr(forecasts, "columns", ()):
        if not total:
            raise ValueError(
                "forecasts has a column 'sample', so it holds sample paths: pass total=True to "
                "score their totals. To score single steps, forecast without num_samples; to score "
                'sums over series, pass aggregate(paths, "series") without quantiles=None.'
            )
        samples = Samples.of(forecasts)
        refuse_infinite("forecasts", np.stack([*samples.values.values()], axis=1), "row")
        forecasts = samples.medians()
    matched = Matched.of(forecasts, actual, carried)
    names, keys, come = matched.names, matched.keys, matched.come
    values, origins, levels = matched.values, matched.origins, matched.fields.levels
    labels = np.fromiter(keys.labels, object, len(keys.labels))[keys.series]
    forecast = matched.forecasts if samples is None else samples.of_targets(matched.fields.values)
    # A step without a forecast, such as a closed day, is left out.
    lacks = np.isnan(forecast).reshape(*values.shape, -1).any(axis=-1)
    scales, norms = _scales(table_of(train), names, labels, values.shape, period)
    rows = Rows(
        {"series": labels, "origin": origins, "step": matched.steps, "time": keys.time_order},
        np.where(lacks, np.nan, values),
        forecast,
        scales,
        levels,
    )
    moved: tuple[str, ...] | None = None
    sentence = ""
    if total:
        # A closed last day gets no row, so a forecast has also ended once a later row has come.
        known, later = keys.later_than(matched.rows)
        ended = _ended(rows, come | (known & ~later))
        counts = {
            "forecasts are of totals that have not ended yet": ~ended,
            "steps lack a value or a forecast, and are left out": ~np.isfinite(rows.actual[ended]),
        }
        sentence = "The scores are of the total of all steps of a forecast."
        if card is not None:
            sentence += " The scorecard promises errors of single steps, none of totals."
        if levels is not None:
            sentence += (
                " Quantiles of single steps do not sum to quantiles of their total: for these, use "
                "calibrate(..., joint=True), and pass what forecast(..., num_samples=...) returns."
            )
        points = rows._replace(predicted=points_of(rows.predicted, levels), levels=None)
        scored = points.only(ended).totals(_KEYS)
        if samples is not None:
            found = np.quantile(scored.predicted, _LEVELS, axis=-1, method="hazen")
            scored = scored._replace(predicted=np.moveaxis(found, 0, -1), levels=_LEVELS)
    else:
        scored = rows.only(come)
        counts = {
            "forecasts have no row in actual yet": ~come,
            "values are missing in rows that came, and count nowhere": ~np.isfinite(values[come]),
            "forecasts are missing, and count nowhere": (lacks & np.isfinite(values))[come],
        }
        if card is not None:
            moved, sentence = judged(card, rows, norms, keys.time)
    notes = _notes(scored, counts, names.targets, None if train is None else period)
    held = coverage(scored, keys.overlap(origins))
    sentences = [*notes, *held, *filter(None, [sentence])]
    promised = None if moved is None else "changed" if moved else "as promised"
    return ScoreReport(scored.scores(by), promised, moved or (), by, total, scored, sentences)


def _ended(rows: Rows, past: BoolArray) -> BoolArray:
    """Return True for the rows of forecasts whose last step is ``past``."""
    steps = rows.columns["step"]
    first, numbers = distinct_rows([grouped(rows.columns[name])[1] for name in _KEYS])
    last = np.zeros(len(first), steps.dtype)
    np.maximum.at(last, numbers, steps)
    ended = np.zeros(len(first), bool)
    ended[numbers[past & (steps == last[numbers])]] = True
    return ended[numbers]


def _notes(
    rows: Rows, counts: dict[str, BoolArray], names: Sequence[str], period: int | None
) -> Iterator[str]:
    """Yield sentences on the rows that came and, by ``counts``, on what is left out."""
    series = len(set(rows.columns["series"].tolist()))
    targets, of_series = ", ".join(names), f" for {series} series" if series > 1 else ""
    left_out = {what: int(count.sum()) for what, count in counts.items()}
    if count := len(rows.actual):
        over = f"Over {count} totals of {targets}{of_series}."
        if "step" in rows.columns:
            steps = rows.columns["step"].max()
            over = f"Over {count} forecasts of {targets}{of_series}, {steps} steps ahead at most."
        yield over
    else:
        outstanding, left_out = next(iter(left_out.values())), {}
        what = "has its row in actual" if "step" in rows.columns else "is of a total that has ended"
        yield f"None of the {outstanding} forecasts of {targets} {what}."
    yield from (f"{count} {what}." for what, count in left_out.items() if count)
    if period is not None and period > 1:
        yield f"MASE is scaled by changes over {period} rows."
    if period is not None:
        unscaled = np.isfinite(rows.actual).any(axis=1) & np.isnan(rows.scales[..., 0]).all(axis=1)
        yield from unscaled_note(list(dict.fromkeys(rows.columns["series"][unscaled].tolist())))


def _scales(
    train: Any, names: Names, labels: Array, shape: tuple[int, ...], period: int
) -> tuple[Array, Array]:
    """Return scales and norms ``(rows, targets, 2)``, NaN for a series that ``train`` lacks."""
    if train is None:
        return np.full((*shape, 2), np.nan), np.full((*shape, 2), np.nan)
    if isinstance(train, WindowDataset):
        windows = JudgedWindows("train", train)
        panel, scales, part = windows.panel, windows.scales(period), Part(*windows.rows)
    else:
        table = ForecastTable("train", train)
        keys = Keys(table, names.ids, names.time)
        keys.refuse_twice(np.zeros(len(keys.series), np.int64))
        panel = keys.panel(table.matrix(names.targets))
        scales, part = scales_of(panel, period), Part(panel.offsets[:-1], panel.offsets[1:])
    ids: Sequence[Any] = panel.labels or range(len(panel.lengths))
    if panel.labels is None and len(ids) == 1:
        places = np.zeros(len(labels), np.int64)
    else:
        places = places_of(labels.tolist(), ids)
    if (places < 0).all():
        raise ValueError(
            f"train has none of the series that were forecast: it has {_checks.shown(ids[:3])}, "
            f"and forecasts {_checks.shown(list(dict.fromkeys(labels.tolist()))[:3])}."
        )
    # The level is measured on some of the series.
    chosen = np.unique(places[places >= 0])
    chosen = chosen[some(len(chosen))]
    series, _, rows = rows_of(panel, part, chosen)
    norms = np.full_like(scales, np.nan)
    norms[chosen] = norms_of(series, rows.astype(np.float64), len(chosen))
    known = (places >= 0)[:, None, None]
    return np.where(known, scales[places], np.nan), np.where(known, norms[places], np.nan)
