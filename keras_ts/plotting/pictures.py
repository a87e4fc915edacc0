"""Reads frames or arrays into the picture that ``plot_forecast`` draws.

The columns of a forecast are recognised by their order: ids and timestamps, if there are any, then
``step``, then ``sample`` if there are sample paths, then targets and quantiles such as
``units_0.1``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import level_columns, pairs_of
from keras_ts._typing import Array
from keras_ts.plotting.curves import checked_series, checked_times, numbers

_MOST_SERIES = 6
# Samples are drawn as bands between these quantiles, and this many of them as lines.
_FAN, _PATHS = (0.05, 0.25, 0.5, 0.75, 0.95), 5


@dataclass(frozen=True)
class Drawn:
    """One series and its forecast."""

    label: Any  # The id of the series; None if there is one series without an id.
    values: Array
    moments: Array  # The timestamps or positions of the values.
    ahead: Array
    ahead_moments: Array
    bands: dict[float, tuple[Array, Array]]  # Lower and upper bounds by coverage, such as 0.8.
    paths: Sequence[Array] | Array = ()  # Some sample paths.


@dataclass(frozen=True)
class Picture:
    """Series with their forecasts, and what the labels and the title need."""

    drawn: list[Drawn]
    name: str = "value"  # The label of the vertical axis.
    times: Array | None = None  # The times of one forecast; None if the axis shows positions.
    left_out: str = ""  # The title if not all series are drawn.


def read_arrays(
    series: Any, predictions: Any, start: int | None, times: Any, quantiles: Any
) -> Picture:
    """Return the picture of a series and its forecast, both arrays; see ``plot_forecast``."""
    values, forecast = checked_series(series), numbers("predictions", predictions)
    if values.ndim != 1 or forecast.ndim != (1 if quantiles is None else 2):
        steps = "(steps,)" if quantiles is None else "(steps, quantiles)"
        raise ValueError(
            f"series must have the shape (time,), and predictions the shape {steps}. Received: "
            f"{values.shape} and {forecast.shape}. Pass one column of each; if the last axis of "
            "predictions holds quantiles, pass their levels as quantiles=."
        )
    start = len(values) if start is None else _checks.integer("start", start, 0)
    if start > len(values):
        raise ValueError(
            f"start must be a position from 0 to {len(values)}, the end of the series. Received: "
            f"start={start}."
        )
    bands: dict[float, tuple[Array, Array]] = {}
    if quantiles is not None:
        levels = _checks.levels("quantiles", quantiles, median=False)
        if len(levels) != forecast.shape[1]:
            raise ValueError(
                f"quantiles must hold {forecast.shape[1]} levels, one for each entry of the last "
                f"axis of predictions. Received: quantiles={_checks.shown(quantiles)}."
            )
        bands = _bands(levels, forecast)
        forecast = forecast[:, np.abs(np.subtract(levels, 0.5)).argmin()]
    end = start + len(forecast)
    length = max(len(values), end)
    moments = np.arange(length) if times is None else checked_times(times, length)
    drawn = Drawn(None, values, moments[: len(values)], forecast, moments[start:end], bands)
    return Picture([drawn], times=None if times is None else drawn.ahead_moments)


def read_frames(series: Any, forecast: Any, column: str | None, ids: Any) -> Picture:
    """Return the picture of the series in a frame, with the forecasts in another."""
    history, ahead = _table(series, "series"), _table(forecast, "predictions")
    names = list(ahead.columns)
    counted = "step" in names and len(ahead) and ahead["step"].dtype.is_integer()
    if not counted or not all(isinstance(name, str) for name in names):
        raise ValueError(
            "predictions must be the frame that forecast returns, with a column 'step' of "
            "integers, names that are strings and at least one row. Received the columns "
            f"{_checks.shown(names)}."
        )
    place = names.index("step")
    keys, outputs = ahead.columns[:place], ahead.columns[place + 1 :]
    targets = [name for name in outputs if name in history.columns]
    target = _target(targets, outputs, history.columns, column)
    levels = level_columns(target, outputs, targets)
    sampled = outputs[0] == "sample" and ahead["sample"].dtype.is_integer()
    first_path = ahead.filter(ahead["sample"] == 0) if sampled else ahead
    id_column, time_column = _key_columns(first_path, history, keys)
    labels = [None]
    if id_column is not None:
        labels = ahead[id_column].unique(maintain_order=True).to_list()
        known = set(history[id_column].to_list())
        if not known.intersection(labels):
            raise ValueError(
                "series must have the rows that predictions continue. It has no row of "
                f"{id_column}={labels[0]!r} or any other id in predictions."
            )
    drawn = []
    for label in _chosen(labels, ids):
        past, future = history, ahead
        if id_column is not None:
            past = history.filter(history[id_column] == label)
            future = ahead.filter(ahead[id_column] == label)
        if time_column is not None:
            # Sorted before ``_moments`` drops the zone, since local times repeat an hour.
            past = past.sort(time_column)
        samples, future = None, future.sort(time_column or "step")
        if sampled:
            future = future.sort("step", "sample")
            samples = _floats(future[target], "predictions").reshape(future["step"].n_unique(), -1)
            future = future.filter(future["sample"] == 0)
        values = _floats(past[target], "series")
        moments: Array = np.arange(len(values))
        ahead_moments: Array = len(values) - 1 + future["step"].to_numpy()
        if time_column is not None:
            moments, ahead_moments = _moments(past[time_column]), _moments(future[time_column])
        bands = [future[name].to_numpy().astype(float) for name in levels.values()]
        outer = _bands(list(levels), np.stack(bands, axis=1)) if levels else {}
        shown, paths = _floats(future[target], "predictions"), np.empty((0, 0))
        if samples is not None:
            fan = np.quantile(samples, _FAN, axis=1).T
            outer, shown, paths = _bands(_FAN, fan), fan[:, _FAN.index(0.5)], samples.T[:_PATHS]
        drawn.append(Drawn(label, values, moments, shown, ahead_moments, outer, paths))
    left_out = f"The first {len(drawn)} of {len(labels):,} series"
    return Picture(
        drawn,
        target,
        None if time_column is None else drawn[0].ahead_moments,
        left_out if len(drawn) < len(labels) and ids is None else "",
    )


def _table(frame: Any, argument: str) -> Any:
    nw = _checks.needed("narwhals", "Drawing a data frame")
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError:
        raise TypeError(
            "series and predictions must both be frames, of pandas or polars and not lazy, or both "
            f"be arrays. Received: {argument} is {type(frame).__name__}."
        ) from None


def _target(targets: list[str], outputs: list[str], columns: list[str], column: str | None) -> str:
    """Return the target to draw: ``column``, or the first that both frames have."""
    if column is None and targets:
        return targets[0]
    if column not in targets:
        raise ValueError(
            "column must be a target in both frames. Received: "
            f"column={_checks.shown(column)}; both have {_checks.shown(targets)}, series has "
            f"{_checks.shown(columns)}, predictions {_checks.shown(outputs)}."
        )
    return column


def _key_columns(ahead: Any, history: Any, keys: list[str]) -> tuple[str | None, str | None]:
    """Return the names of the id column and of the time column; None if there is none."""
    lacking = [name for name in keys if name not in history.columns]
    if lacking or len(keys) > 2:
        raise ValueError(
            f"series must have the columns {_checks.shown(keys)}, which stand before 'step' in "
            "predictions: at most one of ids and one of times. It has "
            f"{_checks.shown(list(history.columns))}."
        )
    if len(keys) == 2:
        return keys[0], keys[1]
    if not keys:
        return None, None
    # A single key column may hold ids or times. It holds times if all its values differ and no
    # other row has the step of the first. In a forecast of one row, a value that the series lacks
    # is a time.
    steps, values = ahead["step"], ahead[keys[0]]
    several = int((steps == steps[0]).sum()) > 1
    is_time = not several and values.n_unique() == len(ahead)
    if len(ahead) == 1:
        is_time = values[0] not in set(history[keys[0]].to_list())
    return (None, keys[0]) if is_time else (keys[0], None)


def _chosen(labels: list[Any], ids: Any) -> list[Any]:
    if ids is None:
        return labels[:_MOST_SERIES]
    several = isinstance(ids, list | tuple | np.ndarray) or hasattr(ids, "to_list")
    chosen = list(ids) if several else [ids]
    unknown = [label for label in chosen if label not in labels]
    if unknown or not chosen:
        raise ValueError(
            f"ids must be ids in predictions, such as {_checks.shown(labels[:3])}. Received: "
            f"{_checks.shown(unknown or ids)}."
        )
    return chosen


def _floats(column: Any, argument: str) -> Array:
    import narwhals as nw

    if not (column.dtype.is_numeric() or column.dtype in (nw.Boolean, nw.Unknown)):
        raise TypeError(
            f"column {column.name!r} of {argument} must hold numbers. Received: {column.dtype}."
        )
    return column.to_numpy().astype(float)


def _moments(column: Any) -> Array:
    """Return a column of numbers or timestamps as an array; zones are dropped, local times stay."""
    import narwhals as nw

    if column.dtype == nw.Datetime and getattr(column.dtype, "time_zone", None):
        column = column.dt.replace_time_zone(None)
    values = column.to_numpy()
    return values.astype("datetime64[us]") if values.dtype == object else values


def _bands(levels: Sequence[float], values: Array) -> dict[float, tuple[Array, Array]]:
    """Return the interval of each symmetric pair of levels on the last axis, the widest first."""
    return {
        share: (values[:, low], values[:, high])
        for share, (low, high) in reversed(pairs_of(levels).items())
    }
