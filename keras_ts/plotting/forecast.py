"""``plot_forecast``: forecasts behind the series that they continue, with their bands."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.plotting.axes import (
    DATA,
    MODEL,
    QUIET,
    Path,
    finished_axes,
    label_time,
    ready_axes,
    written,
)
from keras_ts.plotting.frames import Drawn, bands_of, is_frame, read_frames
from keras_ts.plotting.series import checked_series, checked_times, numbers


def plot_forecast(
    series: Any,
    predictions: Any,
    *,
    start: int | None = None,
    times: Any = None,
    quantiles: Any = None,
    column: str | None = None,
    ids: Any = None,
    last: int | None = None,
    ax: Any = None,
    filepath: Path = None,
) -> Any:
    """Draw predictions over the series they continue, or over the part they try to match.

    It takes the frame that ``forecast`` returns beside the frame that was forecast, and then draws
    each series in a color of its own and its quantiles as bands; or two arrays.

    Example:

    >>> import numpy as np
    >>> from keras_ts import plot_forecast
    >>> axes = plot_forecast(np.arange(30.0), [30.0, 31.0, 32.0])
    >>> [line.get_label() for line in axes.lines][:2]
    ['series', 'forecast']

    Args:
        series: ``(time,)``, or the frame that was forecast.
        predictions: ``(steps,)``, one step after the other; with ``quantiles``, ``(steps,
            quantiles)``; or the frame that ``forecast`` returned.
        start: Position of the first prediction, for arrays. Defaults to None: the end of the
            series.
        times: Timestamps or numbers for the series and, behind it, the predictions, for arrays.
            Defaults to None: the positions.
        quantiles: Levels of the quantiles on the last axis of an array; the one nearest to 0.5 is
            drawn as the forecast. Defaults to None: there are none.
        column: Name of the target to draw, for frames. Defaults to None: the first.
        ids: The ids of the series to draw, for frames. Defaults to None: the first six.
        last: Draw only this many positions of each series. Defaults to None: all.
        ax: Axes to draw on. Defaults to a new figure's.
        filepath: File to save the picture in. Defaults to None: no file.

    Returns:
        The axes.

    Raises:
        TypeError: One of ``series`` and ``predictions`` is a frame and the other is not.
        ValueError: The two do not fit each other, or an argument names nothing in them.
    """
    if last is not None:
        last = _checks.integer("last", last, 1)
    if is_frame(series) or is_frame(predictions):
        _refuse_given("frames", start=start, times=times, quantiles=quantiles)
        name, timed, drawn, count = read_frames(series, predictions, column, ids)
    else:
        _refuse_given("arrays", column=column, ids=ids)
        timed = times is not None
        name, count = "value", 1
        drawn = [_read_arrays(series, predictions, start, times, quantiles)]
    ax = ready_axes(ax)
    for number, one in enumerate(drawn):
        color = MODEL if len(drawn) == 1 else f"C{number}"
        _draw(ax, one, last, color)
    if len(drawn) < count and ids is None:
        ax.set_title(f"The first {len(drawn)} of {count:,} series", fontsize="medium", loc="left")
    label_time(ax, drawn[0].ahead_moments if timed else None)
    ax.set_ylabel(written(name))
    ax.legend(frameon=False, loc="best")
    return finished_axes(ax, filepath)


def _read_arrays(series: Any, predictions: Any, start: Any, times: Any, quantiles: Any) -> Drawn:
    values, forecast = checked_series(series), numbers("predictions", predictions)
    wanted = 1 if quantiles is None else 2
    if values.ndim != 1 or forecast.ndim != wanted:
        steps = "(steps,)" if quantiles is None else "(steps, quantiles)"
        raise ValueError(
            f"plot_forecast draws one series, (time,), and one forecast of it, {steps}. Received "
            f"shapes {values.shape} and {forecast.shape}. Pass one column of each; an axis of "
            "quantiles needs quantiles=."
        )
    start = len(values) if start is None else _checks.integer("start", start, 0)
    if start > len(values):
        raise ValueError(
            f"start must lie in the series or at its end, 0..{len(values)}. Received: {start}."
        )
    bands: dict[float, tuple[Array, Array]] = {}
    if quantiles is not None:
        shares = [_checks.real("quantiles", level) for level in np.ravel(quantiles)]
        if not shares or not all(0 < share < 1 for share in shares):
            raise ValueError(
                "quantiles must lie between 0 and 1. Received: "
                f"quantiles={_checks.shown(quantiles)}."
            )
        if len(shares) != forecast.shape[1]:
            raise ValueError(
                f"quantiles must have one level for each of the {forecast.shape[1]} on the last "
                f"axis of predictions. Received: quantiles={_checks.shown(quantiles)}."
            )
        bands = bands_of(shares, forecast)
        forecast = forecast[:, np.abs(np.subtract(shares, 0.5)).argmin()]
    end = start + len(forecast)
    moments = checked_times(times, max(len(values), end))
    if moments is None:
        moments = np.arange(max(len(values), end))
    return Drawn(None, values, moments[: len(values)], forecast, moments[start:end], bands)


def _draw(ax: Any, drawn: Drawn, last: int | None, color: str) -> None:
    """Draw one series and its forecast: a single one in grey and red, several in a color each."""
    single = drawn.label is None
    shown = slice(None) if last is None else slice(-last, None)
    values, moments = drawn.values[shown], drawn.moments[shown]
    ahead, ahead_moments = drawn.ahead, drawn.ahead_moments
    # Joined to the last known value, a forecast from the end reads as its continuation.
    joined = bool(len(values) and len(ahead)) and bool(moments[-1] < ahead_moments[0])
    bands = drawn.bands
    if joined:
        ahead = np.concatenate([values[-1:], ahead])
        ahead_moments = np.concatenate([moments[-1:], ahead_moments])
        bands = {
            share: (np.concatenate([values[-1:], low]), np.concatenate([values[-1:], high]))
            for share, (low, high) in bands.items()
        }
    name = "series" if single else written(drawn.label)
    ax.plot(moments, values, color=DATA if single else color, linewidth=1.1, label=name)
    ax.plot(ahead_moments, ahead, color=color, linewidth=1.6, label="forecast" if single else None)
    for share, (low, high) in bands.items():
        label = f"{share:.0%} band" if single else None
        ax.fill_between(ahead_moments, low, high, color=color, alpha=0.2, linewidth=0, label=label)
    if joined and single:
        ax.axvline(moments[-1], color=QUIET, linewidth=0.8, linestyle=":")


def _refuse_given(kind: str, **arguments: Any) -> None:
    """Refuse arguments that mean nothing for frames, or for arrays."""
    for name, value in arguments.items():
        if value is not None:
            other = "arrays" if kind == "frames" else "frames"
            raise ValueError(
                f"{name} is for {other}, and plot_forecast received {kind}. "
                f"Received: {name}={_checks.shown(value)}."
            )
