"""Finds pipelines that look ahead: changes later values, and checks if earlier forecasts move."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from keras_ts import _backends, _models
from keras_ts._typing import Array, IntArray
from keras_ts.checks.changeable import KINDS, ChangeableSeries
from keras_ts.interface import Interface
from keras_ts.panel.clock import as_written
from keras_ts.panel.panel import Panel, table_of
from keras_ts.windows.windowed_series import WindowedSeries

# How many origins are tried besides the first, and how many stretches of missing values.
_PLACES, _HOLES = 5, 4


@dataclass(frozen=True)
class LeakageReport:
    """The result of ``check_leakage``; print it for a text.

    Attributes:
        forecasts: Number of forecasts that each call of ``predict`` returns.
        origin: Position or timestamp of the first origin whose forecast moved; None if none moved.
        series: The id or number of that forecast's series, or None if there is only one.
        ahead: Steps from that origin to the latest value that moved its forecast. 0 if none did.
        change: The most that the forecast moved; infinite if it became NaN.
    """

    forecasts: int
    origin: Any = None
    series: Any = None
    ahead: int = 0
    change: float = 0.0

    @property
    def ok(self) -> bool:
        """True if no forecast moved."""
        return not self.ahead

    def __str__(self) -> str:
        if self.ok:
            return f"Does not look ahead: none of {self.forecasts} forecasts moved."
        of = "" if self.series is None else f" of series {self.series!r}"
        return (
            f"Looks ahead: the forecast at {as_written(self.origin)}{of} moves by "
            f"{self.change:.3g} when values after it change, up to {self.ahead} steps ahead."
        )


def check_leakage(
    predict: keras.Model | Callable[[Any], Any], series: Any, windows: WindowedSeries
) -> LeakageReport:
    """Check if a pipeline looks ahead: if later values move a forecast that was made before them.

    The check raises, lowers and shuffles the values after an origin, and the forecasts made up to
    that origin must stay the same, bit for bit. For several origins, this takes about twenty calls
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
    >>> series = np.random.default_rng(0).normal(size=100)
    >>> report = check_leakage(scaled_by_all, series, windows)
    >>> report.ok, report.origin, report.ahead
    (False, 3, 96)

    Args:
        predict: A function that takes a series and returns the predictions for all its windows, in
            time order, and does everything in between: scaling, filling, smoothing, lags. It gets a
            copy of ``series`` in the same form (an array for a list of numbers). Anything fitted
            outside of it counts as known. Or a Keras model, which is run on
            ``windows.build(series)``.
        series: Anything that ``windows.build`` takes but a ``PanelStore``; values may be missing
            if ``predict`` fills them.
        windows: The windows that are predicted. If they name columns that the series lacks,
            ``predict`` is expected to make these. With ``targets="sequence"``, every input step
            has a forecast of its own.

    Returns:
        A ``LeakageReport``: its ``ok`` is True if no forecast moved.

    Raises:
        ValueError: ``predict`` returns other predictions when it is called again or the same ones
            for every series, or does not return one for each window.
    """
    windows = Panel.of(series, windows).settle(windows)
    changeable = ChangeableSeries(table_of(series), windows)
    run = _function(predict, windows)
    first = run(changeable.changed(np.inf))
    flat = changeable.origins(first.shape)
    made_at, panel = changeable.moments[flat], changeable.panel

    def sizes(after: float, kind: str = KINDS[0]) -> Array:
        """Return how far each forecast moves when the values after a moment change."""
        new = run(changeable.changed(after, kind))
        other = (new != first) & ~(np.isnan(new) & np.isnan(first))
        moved = np.subtract(new, first, out=np.zeros(first.shape), where=other)
        moved = np.nan_to_num(np.abs(moved), nan=np.inf, posinf=np.inf)
        return moved.reshape(len(flat), -1).max(axis=1)

    if sizes(np.inf).any():
        raise ValueError(
            "predict returns other predictions when it is called again on the same series. Fit "
            "models outside of it or seed them inside, and switch off dropout and shuffling."
        )
    # The first origin and every third one after it try all kinds, the others one each.
    plan = [
        (after, kind)
        for number, after in enumerate(_places(changeable.holes, made_at))
        for kind in (KINDS if number % 3 == 0 else [KINDS[number % 3]])
    ]
    moves = [np.where(made_at <= after, sizes(after, kind), 0.0) for after, kind in plan]
    moved = np.max(moves, axis=0)
    if not moved.any():
        if not any(sizes(-1, kind).any() for kind in KINDS):
            raise ValueError(
                "predict returns the same predictions for every series. It must use the series "
                "that it is passed, not data from outside."
            )
        return LeakageReport(len(flat))
    moment = int(made_at[moved > 0].min())
    moved = np.where(made_at == moment, moved, 0.0)
    # The later the first change, the fewer values move the forecast: the last moment is bisected.
    seen = max(after for (after, _), size in zip(plan, moves, strict=True) if (size * moved).any())
    last = int(changeable.moments.max()) - 1
    while seen < last:
        middle = (seen + last + 1) // 2
        looks = any(sizes(middle, kind)[made_at == moment].any() for kind in KINDS)
        seen, last = (middle, last) if looks else (seen, middle - 1)
    origin, clock = flat[[moved.argmax()]], panel.clock
    number = int(np.searchsorted(panel.offsets, origin, side="right")[0]) - 1
    return LeakageReport(
        len(flat),
        int(origin[0] - panel.offsets[number]) if clock is None else clock.stamps(origin)[0],
        None if panel.single else panel.labels[number] if panel.labels else number,
        seen + 1 - moment,
        float(moved.max()),
    )


def _function(predict: Any, windows: WindowedSeries) -> Callable[[Any], Array]:
    """Return a function that returns the predictions as an array."""
    model = _backends.unwrapped(predict)
    if not isinstance(model, keras.Model):
        return lambda series: np.asarray(keras.ops.convert_to_numpy(predict(series)), np.float64)
    # This refuses windows that the model was not trained on, and takes its categories.
    windows = Interface.of(model, windows).windows
    in_order = replace(windows, shuffle=False, remainder="keep")
    return lambda series: np.concatenate(
        [_models.predict(model, batch[0]) for batch in in_order.build(series)], dtype=np.float64
    )


def _places(holes: IntArray, made_at: IntArray) -> list[int]:
    """Return the moments after which values are changed."""
    # A fit to the whole series shows at the first origin. Others are drawn at random, since evenly
    # spaced ones might all fall on Sundays. The value after missing ones might fill them.
    moments, generator = np.unique(made_at), np.random.default_rng(0)
    parts = [part for part in np.array_split(moments[1:], _PLACES) if len(part)]
    drawn = [moments[0], *map(generator.choice, parts)]
    before = np.searchsorted(moments, holes, side="right") - 1
    ends = np.unique(moments[before[before >= 0]])
    drawn += [*ends[:1], *generator.choice(ends[1:], min(len(ends[1:]), _HOLES - 1), replace=False)]
    return [int(moment) for moment in dict.fromkeys(drawn)]
