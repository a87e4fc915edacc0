"""Turns arrays into the picture that ``plot_forecast`` draws: a series and its forecast."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.plotting.drawn import Drawn, Picture, bands_of
from keras_ts.plotting.series import checked_series, checked_times, numbers


def read_arrays(
    series: Any, predictions: Any, start: int | None, times: Any, quantiles: Any
) -> Picture:
    """Return the picture of a series and its forecast, both arrays; see ``plot_forecast``."""
    values, forecast = checked_series(series), numbers("predictions", predictions)
    wanted = 1 if quantiles is None else 2
    if values.ndim != 1 or forecast.ndim != wanted:
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
        shares = [_checks.real("quantiles", level) for level in np.ravel(quantiles)]
        if not shares or not all(0 < share < 1 for share in shares):
            raise ValueError(
                "quantiles must lie between 0 and 1. Received: "
                f"quantiles={_checks.shown(quantiles)}."
            )
        if len(shares) != forecast.shape[1]:
            raise ValueError(
                f"quantiles must hold {forecast.shape[1]} levels, one for each entry of the last "
                f"axis of predictions. Received: quantiles={_checks.shown(quantiles)}."
            )
        bands = bands_of(shares, forecast)
        forecast = forecast[:, np.abs(np.subtract(shares, 0.5)).argmin()]
    end = start + len(forecast)
    moments = checked_times(times, max(len(values), end))
    if moments is None:
        moments = np.arange(max(len(values), end))
    pair = Drawn(None, values, moments[: len(values)], forecast, moments[start:end], bands)
    return Picture([pair], timed=times is not None)
