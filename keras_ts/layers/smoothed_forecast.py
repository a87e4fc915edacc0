"""``SmoothedForecast``: forecasts by exponential smoothing, mixed for each window by a net.

Simple smoothing, damped trends and Theta are hard to beat on series of a few dozen steps. Each is
linear in the window, so the layer computes a fixed set of them in closed form. The net only
learns the share of each forecast in a window's mixture, by a softmax of the net's state.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer
from keras_ts.layers.normalize_window import present_steps
from keras_ts.layers.past_errors import past_errors

# Discounts of levels and of lines: the weight of a step over that of the step after it.
_LEVELS = (0.0, 0.3, 0.5, 0.65, 0.8, 0.9, 0.96, 1.0)
_LINES = (0.3, 0.6, 0.8, 0.9, 1.0)
# A trend's growth in a step over that in the step before.
_DAMPINGS = (0.6, 0.85, 1.0)
# Added to the variance of a line's steps, so that two or three of them give no steep slope.
_RIDGE = 0.02
# Bound of the logarithm of a window's scale relative to ``unit``.
_SIZES = 5.0
# Initial logit of the share without a trend, if there is no backtest.
_NO_TREND = 2.0
# With a backtest, shares fall with this power of the root mean squared error.
_SHARPNESS = 16.0
# Bound of the logarithm of the factor by which the net multiplies that power for a window.
_MOST_TRUST = 3.0
# Added to mean squared errors: errors far below a hundredth of a window's scale make no difference.
_ERROR_FLOOR = 1e-4


@registered
class SmoothedForecast(SeriesLayer):
    """Mixes forecasts by exponential smoothing, with shares that depend on the window.

    With ``k`` steps from a value ``x[k]`` to the last step that is not masked, and ``h`` steps from
    there to a step of the forecast:

    - Levels: ``sum(l^k x[k]) / sum(l^k)`` for the discounts ``l`` of 0 (the last value), 0.3, 0.5,
      0.65, 0.8, 0.9, 0.96 and 1 (the mean), as in simple exponential smoothing (Brown, "Exponential
      smoothing for predicting demand", 1956); and the ends of the lines below.
    - Trends: ``slope * (d + d^2 + ... + d^h)`` for the dampings ``d`` of 0.6, 0.85 and 1 (Gardner
      and McKenzie, "Forecasting trends in time series", 1985). The slopes are those of lines
      through the steps, by least squares with the weights ``l^k``, for the discounts ``l`` of 0.3,
      0.6, 0.8, 0.9 and 1. Half a slope of discount 1 beside a level is Theta's forecast (Hyndman
      and Billah, "Unmasking the Theta method", 2003). One candidate is no trend.
    - The forecast: the sum of levels, each times its share, and of trends, each times its share.
      Both kinds of shares are a softmax of a dense layer, whose weights begin at 0. Without
      ``backtest_steps``, all levels begin with equal shares. The bias of no trend begins at 2, so
      that the 15 trends together begin with two thirds.
    - With ``backtest_steps``, each pair of a level and a trend first forecasts the earlier steps of
      the window itself, from every origin with five or more values up to it. A pair's share is then
      in proportion to ``r^-16``, with ``r`` the root of its mean squared error, times its shares by
      the dense layers. So the layer forecasts well even untrained. The net learns how far to
      trust the backtest of a window, and replaces the 16 by 0.8 to 320.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts.layers import SmoothedForecast
    >>> windows = keras.Input((24, 1))
    >>> state = keras.layers.GRU(8)(windows)
    >>> forecast, evidence = SmoothedForecast(steps=6)([windows, state])
    >>> forecast.shape
    (None, 6, 1)

    Args:
        steps: Steps to forecast.
        gap: Steps between the window and the first step to forecast. Defaults to 0.
        unit: Scale of a usual window, a number or a list with one for each feature. The evidence
            then includes each window's scale over ``unit``: in a panel, similar series have similar
            sizes. Defaults to None: it includes no scales.
        masked: True if masked steps are missing values: the forecast begins after the last step of
            the window, masked or not. False if they are padding: it begins after the last step that
            is not masked. Padding in front makes no difference. Defaults to False.
        backtest_steps: Steps that each pair forecasts from an origin of the window. Defaults to
            None: there is no backtest.
        sampling_rate: Rows from a step of the window to the next. ``steps`` and ``gap`` count rows,
            so ``h`` may have a fraction; ``d + d^2 + ... + d^h`` is then ``d (1 - d^h) / (1 - d)``.
            Defaults to 1.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        A list: windows ``(batch, time, features)``, each relative to its location and scale, as
        ``NormalizeWindow`` returns them, with a mask ``(batch, time)`` if they have one; the state
        of the net for them, ``(batch, units)``; and with ``unit`` their scales, ``(batch, 1,
        features)``.

    Output shape:
        Two arrays: forecasts ``(batch, steps, features)``; and the evidence that the dense layers
        read, ``(batch, units + 2 + 18 * features)``, or 19 with ``unit``: the state of the net, the
        logarithms of the number of steps that are not masked and of their mean absolute change,
        ``arcsinh(level)`` of each level, ``arcsinh(5 slope)`` of each slope, and with ``unit`` for
        each feature the logarithm of scale over ``unit``. Float32 under a half-precision policy.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range, or the inputs have other shapes.
    """

    _settings = ("steps", "gap", "unit", "masked", "backtest_steps", "sampling_rate")

    def __init__(
        self,
        steps: int,
        gap: int = 0,
        unit: float | Sequence[float] | None = None,
        masked: bool = False,
        backtest_steps: int | None = None,
        sampling_rate: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.steps = _checks.integer("steps", steps, 1)
        self.gap = _checks.integer("gap", gap, 0)
        self.unit = None if unit is None else _checks.per_feature("unit", unit, _checks.positive)
        self.masked = _checks.boolean("masked", masked)
        self.backtest_steps = (
            None if backtest_steps is None else _checks.integer("backtest_steps", backtest_steps, 1)
        )
        self.sampling_rate = _checks.integer("sampling_rate", sampling_rate, 1)

    def build(self, input_shape: Any) -> None:
        """Make the weights of the dense layers."""
        features = input_shape[0][-1]
        size = self._evidence_size(features, input_shape[1][-1])
        levels, trends = len(_LEVELS) + len(_LINES), 1 + len(_LINES) * len(_DAMPINGS)
        biases = np.zeros((trends, features), "float32")
        biases[0] = _NO_TREND if self.backtest_steps is None else 0.0
        self.level_kernel = self._weight("level_kernel", (size, levels * features))
        self.level_bias = self._weight("level_bias", (levels * features,))
        self.trend_kernel = self._weight("trend_kernel", (size, trends * features))
        initial = keras.initializers.Constant(biases.ravel())
        self.trend_bias = self._weight("trend_bias", (trends * features,), initial)
        if self.backtest_steps is not None:
            self.trust_kernel = self._weight("trust_kernel", (size, features))
            self.trust_bias = self._weight("trust_bias", (features,))
        super().build(input_shape)

    def _evidence_size(self, features: int, units: int) -> int:
        """Return the length of the evidence."""
        sizes = 0 if self.unit is None else features
        return int(units + 2 + features * (len(_LEVELS) + 2 * len(_LINES)) + sizes)

    def call(self, inputs: Any, mask: Any = None) -> tuple[Any, Any]:
        """Return the forecasts and the evidence."""
        dtype = self._float_dtype
        windows, state, *scale = (ops.cast(x, dtype) for x in inputs)
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        weights = ops.ones_like(windows[:1, :, :1])
        positions = ops.cast(ops.cumsum(weights, axis=1), dtype)
        if mask is not None:
            weights = ops.cast(present_steps(mask, windows), dtype)
        last = ops.max(weights * positions, axis=1, keepdims=True)
        back = ops.maximum(last - positions, 0.0)
        windows = weights * windows
        levels = ops.matmul(_shares(_LEVELS, back, weights), windows)
        ends, slopes = _lines(_shares(_LINES, back, weights), back, windows)
        levels = ops.concatenate([levels, ends], axis=1)
        counts = ops.log(ops.maximum(ops.sum(weights, axis=1), 1.0)) + ops.zeros_like(state[:, :1])
        parts = [state, counts, ops.log(_mean_change(windows, weights) + 1e-3)]
        candidates = _arcsinh(ops.concatenate([levels, 5.0 * slopes], axis=1))
        parts.append(ops.reshape(candidates, (-1, candidates.shape[1] * candidates.shape[2])))
        if self.unit is not None:
            # Clipped, so that the size of an unusually large series does not determine its shares.
            sizes = ops.log(scale[0][:, 0] / ops.cast(self.unit, dtype))
            parts.append(ops.clip(sizes, -_SIZES, _SIZES))
        evidence = ops.concatenate(parts, axis=-1)
        passed = positions[:, -1:] - last if self.masked else ops.zeros_like(last)
        shares = self._shares_of(evidence, windows, weights)
        return self._mixed(shares, levels, slopes, passed), evidence

    def _shares_of(self, evidence: Any, windows: Any, weights: Any) -> tuple[Any, Any]:
        """Return the shares of levels and of trends, ``(batch, candidates, features)``."""
        features = windows.shape[2]
        level = _logits(evidence, self.level_kernel, self.level_bias, features)
        trend = _logits(evidence, self.trend_kernel, self.trend_bias, features)
        if self.backtest_steps is None:
            return ops.softmax(level, axis=1), ops.softmax(trend, axis=1)
        growths = _grown(np.arange(1, self.backtest_steps + 1)[:, None], np).T
        errors = past_errors(windows, weights, _LEVELS, _LINES, growths, _RIDGE)
        trust = _logits(evidence, self.trust_kernel, self.trust_bias, features)[:, 0]
        trust = ops.exp(ops.clip(trust, -_MOST_TRUST, _MOST_TRUST)) * (_SHARPNESS / 2)
        logits = -trust[:, :, None, None] * ops.log(errors + _ERROR_FLOOR)
        logits = logits + ops.transpose(level, (0, 2, 1))[..., None]
        logits = logits + ops.transpose(trend, (0, 2, 1))[:, :, None]
        shape = logits.shape[2:]
        joint = ops.softmax(ops.reshape(logits, (-1, features, shape[0] * shape[1])), axis=-1)
        joint = ops.reshape(joint, (-1, features, *shape))
        level, trend = ops.sum(joint, axis=3), ops.sum(joint, axis=2)
        return ops.transpose(level, (0, 2, 1)), ops.transpose(trend, (0, 2, 1))

    def _mixed(self, shares: tuple[Any, Any], levels: Any, slopes: Any, passed: Any) -> Any:
        """Return the forecast: the sum of levels and trends, each times its share."""
        # ``passed``, ``(batch, 1, 1)``, counts the masked steps that end a window: trends go on.
        level = ops.sum(shares[0] * levels, axis=1, keepdims=True)
        of_trends = (-1, len(_DAMPINGS), len(_LINES), slopes.shape[2])
        slope = ops.sum(ops.reshape(shares[1][:, 1:], of_trends) * slopes[:, None], axis=2)
        ahead = (np.arange(1, self.steps + 1)[None, :, None] + self.gap) / self.sampling_rate
        ahead = passed + ops.cast(ahead, slope.dtype)
        return level + ops.matmul(_grown(ahead, ops), slope)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> tuple[None, None]:
        """Return no mask: every forecast counts."""
        return None, None

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Return the shapes of the forecasts and of the evidence."""
        batch, _, features = inputs[0].shape
        size = self._evidence_size(features, inputs[1].shape[-1])
        dtype = self._float_dtype
        return (
            keras.KerasTensor((batch, self.steps, features), dtype=dtype),
            keras.KerasTensor((batch, size), dtype=dtype),
        )


def _logits(evidence: Any, kernel: Any, bias: Any, features: int) -> Any:
    logits = ops.matmul(evidence, ops.cast(kernel, evidence.dtype)) + ops.cast(bias, evidence.dtype)
    return ops.reshape(logits, (-1, kernel.shape[1] // features, features))


def _shares(discounts: tuple[float, ...], back: Any, weights: Any) -> Any:
    """Return shares of steps, ``(batch, discounts, time)``: their sum is 1, or 0 if all masked."""
    # A discount of 0 uses only the last step. So does 1e-30, which has a logarithm.
    logs = np.log(np.maximum(discounts, 1e-30))[None, None]
    powers = weights * ops.exp(back * ops.cast(logs, back.dtype))
    total = ops.sum(powers, axis=1, keepdims=True)
    return ops.transpose(powers / ops.where(total > 0, total, 1.0), (0, 2, 1))


def _lines(shares: Any, back: Any, windows: Any) -> tuple[Any, Any]:
    """Return the end and the slope of the line through the steps, for each discount."""
    back = ops.transpose(back, (0, 2, 1))
    centre = ops.sum(shares * back, axis=2, keepdims=True)
    distances = shares * (back - centre)
    spread = ops.sum(distances * (back - centre), axis=2, keepdims=True)
    slopes = -ops.matmul(distances, windows) / (spread + _RIDGE)
    return ops.matmul(shares, windows) + slopes * centre, slopes


def _grown(ahead: Any, arrays: Any) -> Any:
    """Return ``d + d^2 + ... + d^h`` for each ``h`` of ``ahead``, ``(..., 1)``, and damping."""
    sums = []
    for d in _DAMPINGS:
        power = arrays.exp(ahead * float(np.log(d)))
        sums.append(ahead if d == 1.0 else (1.0 - power) * (d / (1.0 - d)))
    return arrays.concatenate(sums, axis=-1)


def _mean_change(windows: Any, weights: Any) -> Any:
    """Return the mean absolute change from a step to the next, of all features, ``(batch, 1)``."""
    both = weights[:, 1:] * weights[:, :-1]
    changes = ops.sum(both * ops.abs(windows[:, 1:] - windows[:, :-1]), axis=1)
    changes = changes / ops.maximum(ops.sum(both, axis=1), 1.0)
    return ops.mean(changes, axis=-1, keepdims=True)


def _arcsinh(values: Any) -> Any:
    """Return the inverse hyperbolic sine, by operations that every export has."""
    # Exported from JAX to TensorFlow, ``ops.arcsinh`` does not run, and tf2onnx knows no ``log1p``.
    # The textbook's ``log(x + sqrt(x^2 + 1))`` loses the digits of small values, and overflows at
    # large ones. So up to 1/2 it is ``2 artanh(z)``, by its series, for ``z = x / (1 + sqrt(1 +
    # x^2))``, and beyond ``log(x) + log(1 + sqrt(1 + 1 / x^2))``.
    sizes = ops.abs(values)
    # Each branch gets values that it can take, since gradients go through both.
    small, large = ops.clip(values, -0.51, 0.51), ops.maximum(sizes, 0.49)
    z = small / (1.0 + ops.sqrt(1.0 + ops.square(small)))
    series = ops.zeros_like(z)
    for odd in (11, 9, 7, 5, 3, 1):
        series = series * ops.square(z) + 1.0 / odd
    logarithm = ops.log(large) + ops.log(1.0 + ops.sqrt(1.0 + ops.square(1.0 / large)))
    return ops.where(sizes > 0.5, ops.sign(values) * logarithm, 2.0 * z * series)
