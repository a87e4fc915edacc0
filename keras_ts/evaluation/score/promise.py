"""Tells if forecasts keep what their intervals and the model's scorecard promised."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from keras_ts._quantiles import outer_coverage, points_of
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.arithmetic import drift
from keras_ts.evaluation.arithmetic.coverage import coverage_of
from keras_ts.evaluation.arithmetic.verdict import FEWEST, Origins
from keras_ts.panel.labels import distinct_rows
from keras_ts.scores.card import Scorecard
from keras_ts.scores.metrics import METRICS, POINT, heading
from keras_ts.scores.report import Rows, grouped, whole_percent

# The n + 1-th error exceeds all n before with probability 1 / (n + 1): a range of errors from
# fewer origins says little.
_FEWEST_ORIGINS = 10
# Forecasts from origins closer than a horizon share targets: a longer horizon needs more origins.
_ORIGINS_PER_STEP = 5
# By metric, the least share of series whose rows must have come. The MASE of nearly all series is
# close to that of all. The MAE depends on the largest series, so none may be missing.
_FEWEST_SERIES = {"mae": 1.0, "mase": 0.9}


def coverage(rows: Rows, overlap: int) -> Iterator[str]:
    """Yield what share of values the outer quantiles held, if there are several origins."""
    # The targets of ``overlap`` origins in a row overlap.
    rows = rows.only(np.logical_or.reduce(np.isfinite(rows.actual), axis=1))
    origin, levels = rows.columns["origin"], rows.levels
    if levels is None or len(levels) < 2 or len(np.unique(origin)) < 2:
        return
    series = grouped(rows.columns["series"])[1]
    # Rows of one series and origin are one window.
    first, window = distinct_rows([series, origin])
    distinct, times = np.unique(origin[first], return_inverse=True)
    count, needed, asked = len(distinct), max(2 * overlap, 3), outer_coverage(levels)
    if count < needed:
        yield (
            f"{count} origins are too few to say if the {whole_percent(asked)} interval holds: "
            f"that takes {needed}, since the targets of {overlap} in a row overlap."
        )
    else:
        counted = np.isfinite(rows.actual)
        inside = METRICS["coverage"].losses(rows.actual, rows.predicted, levels, rows.scales)
        summed = (np.where(counted, inside, 0.0), counted)
        covered = np.stack([np.bincount(window, values.sum(axis=1)) for values in summed])
        origins = Origins(series[first], times, overlap, overlap)
        yield coverage_of(asked, covered, origins).sentence("the forecasts")
        if not origins.few_series and count < FEWEST * overlap:
            yield (
                f"With {count} origins, of which {overlap} in a row overlap, that holds for "
                "other series, not for other times."
            )


def judged(
    card: Scorecard, rows: Rows, norms: Array, time: Callable[[int], str]
) -> tuple[tuple[str, ...] | None, str]:
    """Return the measures that differ from what a scorecard promised, or None, and a sentence.

    ``norms`` holds the mean and the mean step of each row's series, or NaN; ``time`` writes a row's
    time, whose place in time order is in the column ``time``.
    """
    # The promise is of all series, and in older files of the mean error over the first steps. So a
    # forecast is compared over the same steps and series, or not at all.
    if not card.ok:
        return None, (
            "The weights of the model were trained further since they were judged, so its "
            "scorecard promises nothing."
        )
    by, promised = card.values["by"], card.values["promised"]
    if by not in _FEWEST_SERIES:
        return None, f"The scorecard judges by {heading(by)}, for which it has no range of errors."
    point = points_of(rows.predicted, rows.levels)
    losses, expected = POINT[by].losses(rows.actual, point, rows.scales), np.isfinite(point)
    if POINT[by].scaled:
        if np.isnan(rows.scales).all():
            metric = f"{POINT[by].article} {heading(by)}"
            return None, f"The scorecard promises {metric}: pass train= to scale these errors, too."
        expected &= np.isfinite(rows.scales[..., 0])
    came = ~np.isnan(losses).all(axis=1)
    if not came.any():
        return None, "There is no error to compare with what the scorecard promised."
    longest = int(rows.columns["step"][came].max())
    ranges = np.array([promised["errors"][end] for end in ("low", "high")], np.float64)  # None: NaN
    if longest > ranges.shape[1] or np.isnan(ranges[:, longest - 1]).any():
        return None, f"The scorecard promises nothing for {longest} steps."
    fewest = max(_FEWEST_ORIGINS, _ORIGINS_PER_STEP * longest)
    if promised["origins"] < fewest:
        return None, (
            f"The model was judged at {promised['origins']} origins only: a range of errors over "
            f"{longest} steps needs at least {fewest}."
        )
    used, left_out, lacking = _compared(by, rows.columns, losses, expected, longest)
    if not used.any():
        return None, lacking
    losses = np.where(used[:, None], losses, np.nan)
    error, step, origin = np.nanmean(losses), rows.columns["step"][used], rows.columns["origin"]
    origins = len(np.unique(origin[used]))
    over = f"{step.max()} steps" if step.max() > 1 else "step"
    several = f", from {origins} origins," if origins > 1 else ""
    said = f"The {heading(by)} over the first {over}{several} is {error:.4g}. "
    without = f" Left out are {left_out} origins that lack steps or series." * (left_out > 0)
    if promised.get("runs") is None:
        # An origin counts by its steps: one step of yesterday's forecast, seven of last week's.
        last = np.zeros(origin.max() + 1, np.int64)
        np.maximum.at(last, origin[used], step)
        ends = np.average(ranges[:, last[last > 0] - 1], axis=1, weights=last[last > 0])
        measure = _Measure("error", float(error), *ends.tolist())
        where = {"": "lies within", "higher": "is higher than", "lower": "is lower than"}
        return ("error",) * bool(measure.side), (
            f"{said}It {where[measure.side]} what the model's scorecard promised: {measure.range} "
            f"at 95 % of {promised['origins']} held-out origins. Bias, coverage and level are not "
            f"judged: the file is of keras_ts 0.3.0, which kept nothing on them.{without}"
        )
    units = rows.scales[..., 0] if POINT[by].scaled else 1.0
    found = {"error": losses, "bias": (point - rows.actual) / units}
    if rows.levels is not None and len(rows.levels) > 1 and card.values["steps"]["coverage"]:
        found["coverage"] = METRICS["coverage"].losses(
            rows.actual, rows.predicted, rows.levels, rows.scales
        )
    measures = [*_of_errors(card, rows, found), *_of_values(card, rows, used, norms)]
    moved = [measure for measure in measures if measure.side]
    if not moved:
        *names, last_name = [measure.name for measure in measures[1:]]
        names = [", ".join(names)] * bool(names) + [last_name]
        return (), (
            f"{said}It lies within what the model's scorecard promised: {measures[0].range}. So "
            f"{'do' if len(names) > 1 else 'does'} {' and '.join(names)}.{without}"
        )
    first = np.flatnonzero(used & (origin == origin[used].min()))
    since = time(int(first[rows.columns["step"][first].argmin()]))
    return tuple(measure.name for measure in moved), (
        f"{said}In these forecasts, the first of which begins with {since}, this differs from what "
        f"the model's scorecard promised: {'; '.join(map(str, moved))}.{without}"
    )


class _Measure(NamedTuple):
    """What came, and the range that was promised."""

    name: str
    value: float
    low: float
    high: float
    unit: str = ""

    @property
    def side(self) -> str:
        return "higher" if self.value > self.high else "lower" if self.value < self.low else ""

    @property
    def range(self) -> str:
        return f"{self.low:.4g} to {self.high:.4g}{self.unit}"

    def __str__(self) -> str:
        return f"the {self.name} is {self.side}, {self.value:.4g} instead of {self.range}"


def _of_errors(card: Scorecard, rows: Rows, found: Mapping[str, Array]) -> Iterator[_Measure]:
    """Yield error, bias and coverage beside those of the same steps on the held-out rows."""
    steps, counts = card.values["steps"], (~np.isnan(found["error"])).sum(axis=1)
    means = {"error": steps["model"], "bias": steps["bias"], "coverage": steps["coverage"]}
    # The rows of a run weigh by the forecasts that they have.
    weights, used = np.bincount(rows.columns["time"], counts), counts > 0
    for name, values in found.items():
        by_step = np.array(means[name], np.float64)[rows.columns["step"][used] - 1]
        mean, scale = float(np.average(by_step, weights=counts[used])), 0.0
        if name == "error":
            scale = mean
        most = drift.errors_by_chance(card.values["promised"]["runs"], name, weights, scale)
        most *= _more_by_fewer(card, rows, used)
        low, high = drift.ends(name, mean, most)
        came = float(values[~np.isnan(found["error"])].mean())
        yield _Measure(name, came, low, high)


def _of_values(card: Scorecard, rows: Rows, used: BoolArray, norms: Array) -> Iterator[_Measure]:
    """Yield level and step of the last rows that came, beside those of the training rows."""
    runs = card.values["promised"]["runs"]
    series, time = grouped(rows.columns["series"])[1], rows.columns["time"]
    used = used & np.isfinite(norms).all(axis=(1, 2))
    if not used.any():
        return
    # A row that several origins forecast counts once.
    order = np.flatnonzero(used)[distinct_rows([series[used], time[used]])[0]]
    order = order[np.lexsort((time[order], series[order]))]
    parts = drift.level_and_step(series[order], time[order], rows.actual[order], norms[order])
    length = max(length for length in runs["length"] if length <= parts.shape[-1])
    for name, center, (totals, counts) in zip(
        ("level", "step"), (0.0, 1.0), parts[..., -length:], strict=True
    ):
        if counts.sum():
            most = drift.values_by_chance(runs, name, length) * _more_by_fewer(card, rows, used)
            value, unit = float(totals.sum() / counts.sum()), " mean steps of train"
            yield _Measure(name, value, *drift.ends(name, center, most), unit)


def _more_by_fewer(card: Scorecard, rows: Rows, used: BoolArray) -> float:
    """Return by which factor means over fewer series than were judged vary more."""
    series = len(set(rows.columns["series"][used].tolist()))
    return float(np.sqrt(max(card.values["judged_on"]["series"] / series, 1.0)))


def _compared(
    by: str, columns: Mapping[str, Array], losses: Array, expected: BoolArray, longest: int
) -> tuple[BoolArray, int, str]:
    """Return the rows to compare, the number of origins left out, and why, in words."""
    # ``expected`` is True where there is an error once the row comes. The arrays below have a row
    # for each origin and a column for each step. Steps count from 1; all beyond ``longest`` share
    # a column.
    origins, steps = columns["origin"], np.minimum(columns["step"], longest + 1)
    shape = int(origins.max()) + 1, longest + 2
    places = np.ravel_multi_index((origins, steps), shape)

    def summed(weights: Array) -> Array:
        return np.bincount(places, weights, shape[0] * shape[1]).reshape(shape)

    known = np.any(~np.isnan(losses), axis=1)
    rows, forecast = summed(known), summed(np.ones(len(origins))) > 0
    complete = forecast.sum(axis=1) == np.where(forecast, np.arange(shape[1]), 0).max(axis=1)
    series = len(set(columns["series"][expected.any(axis=1)].tolist()))
    needed = int(np.ceil(_FEWEST_SERIES[by] * series))
    # A step without any row (a holiday) is skipped; a step that lacks some rows ends its origin.
    ended = np.cumsum((rows > 0) & (rows < needed), axis=1) > 0
    used = (rows > 0) & ~ended & complete[:, None]
    begun = (rows > 0).any(axis=1)
    lacking = (
        "The scorecard promises the error over the first steps of a forecast, and the table of "
        "forecasts lacks some of these."
    )
    if (complete & begun).any():
        lacking = (
            "The scorecard promises the error over all series: at the first step, rows of "
            f"{needed} of {series} series must have come, and no origin has so many."
        )
    return used.ravel()[places] & known, int((begun & ~used.any(axis=1)).sum()), lacking
