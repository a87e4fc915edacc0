"""``plot_forecast``: series with the forecasts that continue them, and their bands.

The columns of a frame of forecasts are recognised by their order: ids and timestamps, if there are
any, then ``step``, then ``sample`` if there are sample paths, then targets and quantiles such as
``units_0.1``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import level_columns, pairs_of
from keras_ts._typing import Array
from keras_ts.plotting.axes import (
    MODEL,
    QUIET,
    Path,
    finished,
    ink,
    label_time,
    legend_above,
    moments_of,
    new_figure,
    ready,
    written,
)

_MOST_SERIES = 6
_FAN = (0.05, 0.25, 0.5, 0.75, 0.95)  # Samples are drawn as bands between these quantiles.


@dataclass(frozen=True)
class _Drawn:
    """One series and its forecast."""

    label: Any  # The id of the series; None if there is one series without an id.
    values: Array
    moments: Array  # The timestamps or positions of the values.
    ahead: Array
    ahead_moments: Array
    bands: dict[float, Array]  # (2, steps) lower and upper bounds by coverage, such as 0.8.
    name: str = "value"  # The label of the vertical axis.


def plot_forecast(
    series: Any,
    predictions: Any,
    *,
    quantiles: Any = None,
    column: str | None = None,
    ids: Any = None,
    last: int | None = None,
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw predictions after the series that they continue.

    Pass two frames: the one that was forecast and the one that ``forecast`` returned. Each series
    gets its own axes, since series differ in size. Quantiles and sample paths become bands.
    For a series without a row, only the forecast is drawn.

    Or pass two arrays, a series and its forecast, with ``quantiles`` if there are any.

    Example:

    >>> import numpy as np
    >>> from keras_ts import plot_forecast
    >>> axes = plot_forecast(np.arange(30.0), [30.0, 31.0, 32.0])
    >>> axes.get_legend_handles_labels()[1]
    ['series', 'forecast']

    Args:
        series: ``(time,)``, or the frame that was forecast.
        predictions: ``(steps,)``, or ``(steps, quantiles)`` with ``quantiles``; or the frame that
            ``forecast`` returned.
        quantiles: Levels of the quantiles on the last axis of ``predictions``, for arrays; the one
            nearest to 0.5 is drawn as the forecast. Defaults to None: no quantiles.
        column: Name of the target to draw, for frames. Defaults to None: the first.
        ids: The id of the series to draw, or a list of them, for frames; a tuple if several
            columns name a series. Defaults to None: the first six.
        last: Draw only this many of the last positions of each series. Defaults to None: all.
        ax: Axes to draw one series on. Defaults to None: a new figure with axes for each series.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes; an array of them, one for each series, if there are several.

    Raises:
        ValueError: ``series`` and ``predictions`` do not fit each other, ``column`` or ``ids`` is
            not in them, or there are several series for ``ax``.
    """
    if hasattr(type(series), "columns"):
        drawn = _of_frames(series, predictions, column, ids)
    else:
        drawn = [_of_arrays(series, predictions, quantiles)]
    if len(drawn) == 1:
        ax, label = ready(ax), drawn[0].label
        _draw(ax, drawn[0], last, "series" if label is None else written(label))
        legend_above(ax)
        return finished(ax, filepath)
    if ax is not None:
        raise ValueError(f"ax is for one series: choose it by ids. Received: {len(drawn)} series.")
    axes = new_figure(len(drawn)).subplots(len(drawn), sharex=True)
    for ax, one in zip(axes, drawn, strict=True):
        _draw(ax, one, last, "series")
        ax.set_title(written(one.label), fontsize="medium", loc="left")
        finished(ax, None)
    named = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(*named, frameon=False, loc="outside lower center", ncols=4)
    finished(axes[0], filepath)
    return axes


def _of_arrays(series: Any, predictions: Any, quantiles: Any) -> _Drawn:
    """Return a series and its forecast, both arrays."""
    values, forecast = np.asarray(series, dtype=float), np.asarray(predictions, dtype=float)
    bands: dict[float, Array] = {}
    if quantiles is not None:
        levels = _checks.levels("quantiles", quantiles, median=False)
        bands = _bands(levels, forecast)
        forecast = forecast[:, np.abs(np.subtract(levels, 0.5)).argmin()]
    moments = np.arange(len(values) + len(forecast))
    past, ahead = np.split(moments, [len(values)])
    return _Drawn(None, values, past, forecast, ahead, bands)


def _of_frames(series: Any, forecast: Any, column: str | None, ids: Any) -> list[_Drawn]:
    """Return the series in a frame, with the forecasts in another."""
    nw = _checks.needed("narwhals", "Drawing a data frame")
    history, ahead = (nw.from_native(frame, eager_only=True) for frame in (series, forecast))
    keys, outputs = ahead.columns, []
    if "step" in keys:
        keys, outputs = keys[: keys.index("step")], keys[keys.index("step") + 1 :]
    targets = [name for name in outputs if name in history.columns]
    target = column or [*targets, None][0]
    if target not in targets or not set(keys) <= set(history.columns):
        raise ValueError(
            "predictions must be the frame that forecast returns for series, and column a target "
            f"in both. Received: columns {_checks.shown(ahead.columns)} and "
            f"{_checks.shown(history.columns)}, and column={column!r}."
        )
    id_columns, time_column = list(keys), None
    # The last key column holds times if the keys of no two rows are equal.
    if keys and (history[keys[-1]].dtype.is_temporal() or history.select(keys).is_unique().all()):
        *id_columns, time_column = keys
    levels = level_columns(target, outputs, targets)
    sampled = outputs[0] == "sample" and ahead["sample"].dtype.is_integer()
    labels: list[Any] = [()]
    if id_columns:
        labels = ahead.select(id_columns).unique(maintain_order=True).rows()
    if len(id_columns) == 1:
        labels = [label for (label,) in labels]
    chosen = labels[:_MOST_SERIES]
    if ids is not None:
        one = str if len(id_columns) == 1 else str | tuple
        chosen = [ids] if isinstance(ids, one) or not np.iterable(ids) else list(ids)
    if unknown := [label for label in chosen if label not in labels]:
        raise ValueError(
            f"ids must be ids in predictions, such as {labels[0]!r}. Received: "
            f"{_checks.shown(unknown)}."
        )
    drawn = []
    for label in chosen:
        past, future = history, ahead
        named = dict(zip(id_columns, [label] if len(id_columns) == 1 else label, strict=True))
        for name, value in named.items():
            past, future = past.filter(past[name] == value), future.filter(future[name] == value)
        future, first = future.sort("step"), future.sort("step")
        if sampled:
            future = future.sort("step", "sample")
            first = future.filter(future["sample"] == 0)
        moments = np.arange(len(past))
        ahead_moments = len(past) - 1 + first["step"].to_numpy()
        if time_column is not None:
            # Sorted before the zone is dropped, since local times repeat an hour.
            past = past.sort(time_column)
            moments, ahead_moments = moments_of(past[time_column]), moments_of(first[time_column])
        values, found = (_floats(table[target]) for table in (past, future))
        bands: dict[float, Array] = {}
        if sampled:
            fan = np.quantile(found.reshape(len(first), -1), _FAN, axis=1).T
            bands, found = _bands(_FAN, fan), fan[:, _FAN.index(0.5)]
        elif levels:
            bands = _bands(list(levels), np.stack([_floats(future[n]) for n in levels.values()], 1))
        title = label if len(named) == 1 else ", ".join(f"{n}={v}" for n, v in named.items())
        drawn.append(
            _Drawn(title if named else None, values, moments, found, ahead_moments, bands, target)
        )
    return drawn


def _floats(column: Any) -> Array:
    return column.to_numpy().astype(float)


def _bands(levels: Sequence[float], values: Array) -> dict[float, Array]:
    """Return the interval of each symmetric pair of levels on the last axis, the widest first."""
    return {share: values[:, pair].T for share, pair in reversed(pairs_of(levels).items())}


def _draw(ax: Any, drawn: _Drawn, last: int | None, label: str) -> None:
    """Draw a series and its forecast."""
    shown = slice(None) if last is None else slice(-last, None)
    values, moments = drawn.values[shown], drawn.moments[shown]
    ax.plot(moments, values, color=ink(), linewidth=1.1, label=label)
    ahead, bands, times = drawn.ahead, drawn.bands, drawn.ahead_moments
    if len(values) and moments[-1] < times[0]:
        # Lines join the last value and the first forecast.
        ahead, times = np.insert(ahead, 0, values[-1]), np.insert(times, 0, moments[-1])
        bands = {share: np.insert(band, 0, values[-1], axis=1) for share, band in bands.items()}
        ax.axvline(moments[-1], color=QUIET, linewidth=0.8, linestyle=":")
    ax.plot(times, ahead, color=MODEL, linewidth=1.6, label="forecast")
    for share, (low, high) in bands.items():
        label = f"{100 * share:.4g}% band"
        ax.fill_between(times, low, high, color=MODEL, alpha=0.3, linewidth=0, label=label)
    label_time(ax, drawn.ahead_moments)
    ax.set_ylabel(written(drawn.name))
