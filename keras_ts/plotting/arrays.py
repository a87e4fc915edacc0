"""Reads, for ``plot_forecast``, an array of forecasts and the series that it continues."""

from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.plotting.drawn import Drawn, Picture, bands_of
from keras_ts.plotting.series import checked_series, checked_times, numbers


def read_arrays(
    series: Any, predictions: Any, start: int | None, times: Any, quantiles: Any
) -> Picture:
    """Read an array of forecasts and the series that it continues; see ``plot_forecast``."""
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
    pair = Drawn(None, values, moments[: len(values)], forecast, moments[start:end], bands)
    return Picture([pair], timed=times is not None)
