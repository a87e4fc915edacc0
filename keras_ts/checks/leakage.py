"""Finds pipelines that look ahead: changes later values, and checks if earlier forecasts move.

A leak makes forecasts look good until later values are really unknown. It hides between the data
and the model: in a scaler, a filled gap, a smoothed column. So the check runs the whole pipeline.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ts import _backends, _checks, _models
from keras_ts._typing import Array, IntArray
from keras_ts.checks.changeable import KINDS, ChangeableSeries
from keras_ts.interface import Interface
from keras_ts.windows.reading.clock import as_written
from keras_ts.windows.reading.panel import table_of, with_columns
from keras_ts.windows.windowed_series import WindowedSeries

Predict = Callable[[Any], Any]

# How many origins are tried besides the first, and how many stretches of missing values.
_PLACES, _HOLES = 5, 4


@dataclass(frozen=True)
class LeakageReport:
    """The result of ``check_leakage``; print it for a text.

    Attributes:
        passes: Number of calls of ``predict``.
        forecasts: Number of forecasts that each call returns.
        missing: Number of stretches of missing values after which values were changed, too.
        origin: Position or timestamp of the first origin whose forecast moved; None if none moved.
        series: The id or number of that forecast's series, or None if there is only one.
        ahead: Steps from that origin to the latest value that moved its forecast. 0 if none did.
        seen: Position or timestamp of that value.
        rows_left: Steps from that origin to the last value that could be changed.
        change: The most that the forecast moved. Values are changed by about the series' range, so
            a move as small as rounding means that later values enter and cancel, as in an FFT.
        clean_from: The first position or timestamp tried from which on no change of later values
            moved a forecast; None if there is none.
    """

    passes: int
    forecasts: int
    missing: int = 0
    origin: Any = None
    series: Any = None
    ahead: int = 0
    seen: Any = None
    rows_left: int = 0
    change: float = 0.0
    clean_from: Any = None

    @property
    def ok(self) -> bool:
        """True if no forecast moved."""
        return not self.ahead

    def __str__(self) -> str:
        if not self.ahead:
            lines = [
                f"Does not look ahead: none of {self.forecasts} forecasts moved when values after "
                f"their origins changed, in {self.passes} passes."
            ]
        else:
            of = "" if self.series is None else f" of series {self.series!r}"
            by = "to or from NaN or inf" if math.isinf(self.change) else f"by {self.change:.3g}"
            lines = [
                f"Looks ahead: the forecast at {as_written(self.origin)}{of} moves {by} when "
                "values after it change.",
                self._distance(),
            ]
        if self.clean_from is not None:
            lines.append(
                f"Changes after {as_written(self.clean_from)}, and later ones, moved no forecast "
                "made before them."
            )
        return "\n".join(lines)

    def _distance(self) -> str:
        cause = (
            "as a centred window, a backward fill or a shifted column does, or a fit to the rows "
            "up to there"
        )
        if self.ahead == 1:
            cause = "as a column shifted by one does, or a centred window of three"
            if self.missing:
                cause += ", or a backward fill or interpolation of missing values"
        elif self.ahead == self.rows_left:
            cause = "the last value, as a scaler or a smoother of the whole series does"
        steps = f"{self.ahead} step{'s' * (self.ahead > 1)}"
        return f"It looks {steps} ahead, to {as_written(self.seen)}, {cause}."


def check_leakage(
    predict: keras.Model | Predict, series: Any, windows: WindowedSeries
) -> LeakageReport:
    """Check if a pipeline looks ahead: if later values move a forecast that was made before them.

    The check raises, lowers and shuffles the values after an origin, and the forecasts made up to
    that origin must stay the same, bit for bit. For several origins, this takes about fifteen calls
    of ``predict``. If there is a leak, some more calls find how far ahead it looks.

    Columns known ahead (``future_columns``), static columns, and columns that hold no numbers stay
    as they are. Missing values stay missing, so a leak through filling them shows only in a series
    that has some.

    Example:

    >>> import numpy as np
    >>> from keras_ts import WindowedSeries, check_leakage
    >>> windows = WindowedSeries(window=4)
    >>> def scaled_by_all(series):
    ...     scaled = (series - series.mean()) / series.std()
    ...     return windows.build(scaled).to_numpy()[0].mean(axis=1)
    >>> def scaled_by_the_past(series):
    ...     count = np.arange(1, len(series) + 1)
    ...     scaled = series - np.cumsum(series) / count
    ...     return windows.build(scaled).to_numpy()[0].mean(axis=1)
    >>> series = np.random.default_rng(0).normal(size=100)
    >>> report = check_leakage(scaled_by_all, series, windows)
    >>> report.ok, report.origin, report.ahead
    (False, 3, 96)
    >>> check_leakage(scaled_by_the_past, series, windows).ok
    True

    Args:
        predict: A function that takes a series and returns the predictions for all its windows, in
            time order, and does everything in between: scaling, filling, smoothing, lags. It gets a
            copy of ``series`` in the same form (an array for a list of numbers). Anything fitted
            outside of it counts as known. Or a Keras model, which is run on
            ``windows.build(series)``.
        series: Anything that ``windows.build`` takes; values may be missing if ``predict`` fills
            them.
        windows: The windows that are predicted. If they name columns that the series lacks,
            ``predict`` is expected to make these. With ``targets="sequence"``, every input step
            has a forecast of its own.

    Returns:
        A ``LeakageReport``: its ``ok`` is True if no forecast moved.

    Raises:
        TypeError: ``predict`` is not a function or model, or does not return numbers; or
            ``windows`` is not a ``WindowedSeries``.
        ValueError: ``predict`` fails on changed values, returns other predictions when it is called
            again or the same ones for every series, or does not return one for each window.
    """
    _checks.instance("windows", windows, WindowedSeries)
    windows, series = with_columns(windows, series), table_of(series)
    changeable = ChangeableSeries(series, windows)
    passes = _Passes(_function(predict, windows), changeable, windows)
    places, holes = _places(changeable, passes.made_at)
    first = dict.fromkeys([places[0], places[len(places) // 2]])
    plan = [(place, kind) for place in first for kind in KINDS]
    others = [place for place in dict.fromkeys([*places, *holes]) if place not in first]
    plan += list(zip(others, cycle(KINDS), strict=False))
    moves = [
        _first(sizes, passes.made_at, place)
        for place, kind in plan
        if (sizes := passes.sizes(place, kind)).any()
    ]
    passes.check_answered()
    clean = [place for place, _ in plan if place > max((move.after for move in moves), default=-1)]
    report = LeakageReport(passes.count, len(passes.made_at), len(holes))
    if not moves:
        return report
    moment = min(move.moment for move in moves)
    earliest = [move for move in moves if move.moment == moment]
    reach = passes.changed_last - moment

    def looks(beyond: int) -> bool:
        changes = (passes.sizes(moment + beyond, kind) for kind in KINDS)
        return any(sizes[passes.made_at == moment].any() for sizes in changes)

    reached = max(move.after for move in earliest) - moment
    ahead = farthest(looks, reached, reach - 1) + 1
    origin = passes.flat[earliest[0].forecast]
    return replace(
        report,
        passes=passes.count,
        series=changeable.label(origin),
        origin=changeable.stamp(origin),
        ahead=ahead,
        seen=changeable.stamp(changeable.position(moment + ahead, origin)),
        rows_left=reach,
        change=max(move.size for move in earliest),
        clean_from=changeable.stamp(changeable.position(min(clean), origin)) if clean else None,
    )


class _Move(NamedTuple):
    """The first forecast that moved when the values later than moment ``after`` changed."""

    moment: int  # That of the forecast's origin.
    forecast: int  # The forecast's number.
    size: float  # How far it moved.
    after: int


def _first(sizes: Array, made_at: IntArray, after: int) -> _Move:
    moved = np.flatnonzero(sizes)
    moment = int(made_at[moved].min())
    earliest = moved[made_at[moved] == moment]
    forecast = int(earliest[sizes[earliest].argmax()])
    return _Move(moment, forecast, float(sizes[forecast]), after)


class _Passes:
    """Calls of ``predict``, each compared with the first."""

    def __init__(
        self, predict: Predict, changeable: ChangeableSeries, windows: WindowedSeries
    ) -> None:
        self._predict, self._changeable = predict, changeable
        self.count, self._answered = 0, False
        layouts = changeable.layouts()
        first = self._run(changeable.copied())
        ranges = next((r for r in layouts if first.ndim and r.total == len(first)), None)
        geometry = windows.geometry
        if ranges is None or (geometry.sequence and first.shape[1:2] != (geometry.window,)):
            counts = sorted({layout.total for layout in layouts})
            shape = f"({' or '.join(map(str, counts))}{f', {geometry.window}' * geometry.sequence}"
            raise ValueError(
                "predict must return the predictions of all windows in time order, an array of "
                f"shape {shape}, ...). Received shape {first.shape}. If your features drop the "
                "first rows, keep those rows, or pass windows that are longer by as many: only the "
                "origins matter here."
            )
        inputs = np.arange(geometry.window) if geometry.sequence else [geometry.window - 1]
        starts = ranges.starts(np.arange(ranges.total))
        flat = starts[:, None] + geometry.sampling_rate * np.asarray(inputs)
        if geometry.sequence and geometry.before:
            # A forecast at an input before its series counts as made at the series' first row.
            series = ranges.series_of(np.arange(ranges.total))
            flat = np.maximum(flat, changeable.panel.offsets[series][:, None])
        self.flat = flat.reshape(-1)
        self.made_at = changeable.moments[self.flat]
        self.changed_last = changeable.last_moment
        self._first = first
        if self._differences(self._run(changeable.copied())).any():
            raise ValueError(
                "predict returns other predictions when it is called again on the same series, so "
                "forecasts that move prove nothing. Fit models outside of it or seed them inside, "
                "and switch off dropout and shuffling."
            )

    def sizes(self, after: int, kind: str) -> Array:
        """Return how far each forecast made up to a moment moves when later values change."""
        if after >= self.changed_last:
            return np.zeros(len(self.made_at))
        return np.where(self.made_at <= after, self._moved(after, kind), 0.0)

    def check_answered(self) -> None:
        """Raise an error if no forecast ever moves, even when every value changes."""
        if not self._answered and not any(self._moved(-1, kind).any() for kind in KINDS):
            raise ValueError(
                "predict returns the same predictions for every series. It must use the series "
                "that it is passed, not data from outside."
            )

    def _moved(self, after: int, kind: str) -> Array:
        try:
            new = self._run(self._changeable.changed(after, kind))
        except Exception as error:
            places = self._changeable
            after_which = ""
            if after >= 0:
                after_which = f" after {as_written(places.stamp(places.position(after)))}"
            raise ValueError(
                f"predict fails on a series whose values{after_which} are {kind}, but not on the "
                "original one. It must take other values of the same kind. It raised: "
                f"{type(error).__name__}: {error}"
            ) from error
        sizes = self._differences(new)
        self._answered |= bool(sizes.any())
        return sizes

    def _run(self, series: Any) -> Array:
        self.count += 1
        predictions = self._predict(series)
        if keras.ops.is_tensor(predictions):
            predictions = keras.ops.convert_to_numpy(predictions)
        return _checks.numeric(predictions, "the result of predict")

    def _differences(self, predictions: Array) -> Array:
        """Return the largest difference of each forecast; infinite for a change to or from NaN."""
        first = self._first
        if predictions.shape != first.shape:
            raise ValueError(
                f"predict returned shape {first.shape} and then {predictions.shape} for series of "
                "the same length. It must predict the same windows, whatever their values."
            )
        shape = (len(self.made_at), -1)
        new, old = (x.reshape(shape).astype(np.float64) for x in (predictions, first))
        same = (new == old) | (np.isnan(new) & np.isnan(old))
        with np.errstate(invalid="ignore"):
            sizes = np.where(same, 0.0, np.abs(new - old))
        return np.where(np.isnan(sizes), np.inf, sizes).max(axis=1, initial=0.0)


def _function(predict: Any, windows: WindowedSeries) -> Predict:
    predict = _backends.unwrapped(predict)
    if isinstance(predict, keras.Model):
        # This refuses windows that the model was not trained on, and takes its categories.
        windows = Interface.of(predict, windows).windows
        in_order = replace(windows, shuffle=False, remainder="keep")
        return lambda series: np.concatenate(
            [_models.predict(predict, batch[0]) for batch in in_order.build(series)]
        )
    if isinstance(predict, type) or not callable(predict):
        raise TypeError(
            "predict must be a function of a series that returns the predictions of all its "
            f"windows, or a Keras model. Received: {type(predict).__name__}."
        )
    return predict


def _places(changeable: ChangeableSeries, made_at: IntArray) -> tuple[list[int], list[int]]:
    """Return moments after which to change values: some origins, and the last up to each hole."""
    # At the first origin, a fit to the whole series shows at once. The others are drawn at random,
    # since evenly spaced ones might all fall on Sundays.
    moments = np.unique(made_at)
    generator = np.random.default_rng(0)
    parts = np.array_split(moments[1:], _PLACES)
    places = [int(moments[0]), *(int(generator.choice(part)) for part in parts if len(part))]
    # The value after a stretch of missing values might fill it.
    ends = changeable.moments[changeable.holes()]
    before = np.searchsorted(moments, ends, side="right") - 1
    holes = np.unique(moments[before[before >= 0]])
    if len(holes) > _HOLES:
        drawn = generator.choice(holes[1:], _HOLES - 1, replace=False)
        holes = np.concatenate([holes[:1], np.sort(drawn)])
    return places, [int(hole) for hole in holes]


def farthest(looks: Callable[[int], bool], reached: int, last: int) -> int:
    """Return the largest number of rows for which ``looks(rows)`` is True."""
    # A scaler looks as far as there are rows, a centred window only some rows. So the last row is
    # tried first, then distances that double. ``looks(rows)`` is True up to some number of rows,
    # ``reached`` or more, and False beyond.
    if reached >= last or looks(last):
        return max(reached, last)
    step, unseen = 1, last
    while reached + step < unseen:
        if looks(reached + step):
            reached, step = reached + step, 2 * step
        else:
            unseen = reached + step
    while unseen - reached > 1:
        middle = (reached + unseen) // 2
        reached, unseen = (middle, unseen) if looks(middle) else (reached, middle)
    return reached
