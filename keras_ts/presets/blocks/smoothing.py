"""Forecasts by exponential smoothing and a linear map of the window, for the net to correct.

The head's weights then begin at 0, so that the net forecasts at first as smoothing does, and learns
where to depart from it. The linear map is frozen once it is fitted (``initial_fit.linear``).
Trained beside the net, it would fit the noise of windows that the net has seen often.
"""

from typing import Any

import keras

from keras_ts._dtypes import whole_precision
from keras_ts.layers.linear_forecast import LinearForecast
from keras_ts.layers.plumbing import SelectColumns
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.presets.blocks.normalization import restored_feature
from keras_ts.presets.requirements import Requirements


class Smoothing:
    """Smooths the columns of the targets."""

    def __init__(self, needs: Requirements) -> None:
        self._settings, self._needs = needs.settings, needs
        self._columns = _columns(needs)
        self._unit: float | list[float] | None = None
        if needs.target_constants is not None:
            stds = needs.target_constants.std
            self._unit = stds[0] if len(stds) == 1 else list(stds)

    def __call__(
        self, windows: Any, scale: Any, state: Any
    ) -> tuple[Any, Any, LinearForecast | None, tuple[Any, Any]]:
        """Return the forecasts, what the net then knows, the linear map, and windows and scales."""
        needs = self._needs
        if self._columns is not None:
            windows = SelectColumns(self._columns)(windows)
            scale = SelectColumns(self._columns)(scale)
        mixed = self._settings.smoothing == "mixed"
        layer = SmoothedForecast(
            needs.steps,
            needs.gap,
            self._unit,
            masked=needs.masked,
            backtest_steps=_backtest_steps(needs) if mixed else None,
        )
        read = [windows, state] if self._unit is None else [windows, state, scale]
        forecasts, state = layer(read)
        if self._settings.smoothing != "linear" or needs.window is None:
            return forecasts, state, None, (windows, scale)
        linear = LinearForecast(needs.steps)
        both = [forecasts, linear(windows)]
        forecasts = keras.layers.Add(dtype=whole_precision())(both)
        return forecasts, state, linear, (windows, scale)


def _backtest_steps(needs: Requirements) -> int:
    """Return the steps on which smoothing is tried: a period, or as many as are forecast."""
    return max(1, min(needs.steps, max(needs.settings.period or 1, 3)))


def _columns(needs: Requirements) -> list[int] | None:
    """Return the columns to smooth, one for each target of a step; None for all columns."""
    feature = restored_feature(needs)
    if feature is None and needs.targets is None and needs.targets_per_step != needs.features:
        feature = 0
    columns = [feature] if isinstance(feature, int) else feature
    return None if columns == [*range(needs.features or 1)] else columns
