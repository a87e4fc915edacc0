"""Normalizing each window by a statistic of its own, and bringing the output back.

The idea is that of reversible instance normalization (Kim et al., ICLR 2022) and, for the
last value alone, of NLinear (Zeng et al., AAAI 2023): a net that sees each window relative
to itself need not learn the level of the series, so a trend does not carry it out of the
range it was trained in.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers._precision import at_least_float32

STATISTICS = ("last", "mean", "standard")
_BEHIND_ALL = 2**31 - 1


@registered
class NormalizeWindow(keras.layers.Layer):
    """Subtracts from each window its own location and divides by its own scale.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers.window_norm import NormalizeWindow
    >>> normal, location, scale = NormalizeWindow("mean")(np.array([[[1.0], [2.0], [6.0]]]))
    >>> np.asarray(normal).ravel().tolist(), np.asarray(location).ravel().tolist()
    ([-2.0, -1.0, 3.0], [3.0])

    Args:
        statistic: ``"last"``: location is the window's last value, scale its standard
            deviation. ``"mean"``: its mean, scale 1. ``"standard"``: its mean and
            standard deviation.
        causal: Whether each step may use only itself and the steps before it, as it must
            where every step forecasts its own successor. ``"last"`` then subtracts the
            step before, and brings back by the step itself. Defaults to False.
        epsilon: Added to the variance, so that a constant window divides by no zero.
            Defaults to 1e-6.
        **kwargs: Arguments of ``keras.layers.Layer``.

    Input shape:
        ``(batch, time, features)``, and a mask ``(batch, time)`` if there is one. A masked step
        enters no statistic and comes out as 0; ``"last"`` is the last step that is not masked.

    Output shape:
        The normalized windows, shaped as they came; location and scale, each
        ``(batch, 1, features)``, or ``(batch, time, features)`` if causal. Where no step up to
        there is left by the mask, the location is 0 and the scale 1.
    """

    def __init__(
        self,
        statistic: str,
        causal: bool = False,
        epsilon: float = 1e-6,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.statistic = _checks.choice("statistic", statistic, STATISTICS)
        self.causal = _checks.boolean("causal", causal)
        self.epsilon = _checks.positive("epsilon", epsilon)
        limits = np.finfo(at_least_float32(self))
        if not limits.tiny <= self.epsilon <= limits.max:
            raise ValueError(
                f"epsilon must fit {at_least_float32(self)}. Received: epsilon={self.epsilon}."
            )
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> tuple[Any, Any, Any]:
        """Return the normalized windows, their locations and their scales."""
        inputs = ops.cast(inputs, at_least_float32(self))
        if mask is not None:
            return self._masked(inputs, ops.cast(ops.convert_to_tensor(mask), "bool")[..., None])
        if self.causal:
            return self._stepwise(inputs)
        return self._normalized(inputs, inputs[:, -1:], *_whole(inputs, ops.mean))

    def _masked(self, inputs: Any, kept: Any) -> tuple[Any, Any, Any]:
        """Normalize each window as the one of its ``kept`` steps alone, ``(batch, time, 1)``."""
        # Set to 0 first, as NaN in the padding would stay NaN under any weight, and in gradients.
        inputs = _zero_unless(kept, inputs)
        positions = ops.cumsum(ops.ones_like(kept, "int32"), axis=1)
        counts = ops.cumsum(ops.cast(kept, "int32"), axis=1)
        if self.causal:
            # The kept steps move to the front, and every step reads the latest of them.
            order = ops.argsort(ops.where(kept, positions, _BEHIND_ALL), axis=1)
            results = self._stepwise(_taken(inputs, order))
            latest = ops.maximum(counts - 1, 0)
            normal, location, scale = (_taken(result, latest) for result in results)
        else:
            counts = counts[:, -1:]
            latest = ops.max(ops.where(kept, positions, 0), axis=1, keepdims=True)
            last = ops.sum(_zero_unless(positions == latest, inputs), axis=1, keepdims=True)
            total = ops.cast(ops.maximum(counts, 1), inputs.dtype)

            def mean(values: Any, axis: int, keepdims: bool) -> Any:
                return ops.sum(_zero_unless(kept, values), axis, keepdims) / total

            normal, location, scale = self._normalized(inputs, last, *_whole(inputs, mean))
        known = counts > 0
        return (
            _zero_unless(kept, normal),
            _zero_unless(known, location),
            ops.where(known, scale, ops.ones_like(scale)),
        )

    def _normalized(self, inputs: Any, last: Any, mean: Any, variance: Any) -> tuple[Any, Any, Any]:
        scale = ops.sqrt(variance + self.epsilon)
        if self.statistic == "mean":
            scale = ops.ones_like(mean)
        location = last if self.statistic == "last" else mean
        return (inputs - location) / scale, location, scale

    def _stepwise(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Normalize every step by itself and those before it."""
        mean, variance = _running(inputs)
        if self.statistic != "last":
            return self._normalized(inputs, None, mean, variance)
        before = ops.concatenate([inputs[:, :1], inputs[:, :-1]], axis=1)
        normal, _, scale = self._normalized(inputs, before, mean, variance)
        return normal, inputs, scale

    def compute_mask(self, inputs: Any, previous_mask: Any) -> tuple[Any, Any, Any]:
        """Pass the mask on to the windows; the statistics have none."""
        return previous_mask, None, None

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Trace ``call``, which has three outputs."""
        return keras.Operation.compute_output_spec(self, inputs, mask)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {
            **super().get_config(),
            "statistic": self.statistic,
            "causal": self.causal,
            "epsilon": self.epsilon,
        }


@registered
class RestoreWindow(keras.layers.Layer):
    """Brings a normalized output back: ``output * scale + location``.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers.window_norm import RestoreWindow
    >>> one = np.ones((1, 1, 1))
    >>> np.asarray(RestoreWindow()([np.array([[0.5]]), 4 * one, 2 * one])).tolist()
    [[5.0]]

    Args:
        feature: Index of the feature that all outputs are brought back by. Defaults to
            None: each by its own where there are as many, otherwise all by the first.
        **kwargs: Arguments of ``keras.layers.Layer``.

    Input shape:
        A list: outputs ``(batch, outputs)`` or ``(batch, time, outputs)``, and the
        location and scale of ``NormalizeWindow``.

    Output shape:
        That of the outputs.
    """

    def __init__(self, feature: int | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.feature = None if feature is None else _checks.integer("feature", feature, 0)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Scale and shift each output by the statistics of its window."""
        outputs, location, scale = (ops.cast(x, at_least_float32(self)) for x in inputs)
        if self.feature is not None and self.feature >= location.shape[-1]:
            raise ValueError(
                f"feature must be the index of one of {location.shape[-1]} features. "
                f"Received: feature={self.feature}."
            )
        if self.feature is not None or outputs.shape[-1] != location.shape[-1]:
            first = self.feature or 0
            location, scale = (x[..., first : first + 1] for x in (location, scale))
        if len(outputs.shape) == 2:
            location, scale = location[:, -1], scale[:, -1]
        return outputs * scale + location

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Pass on the outputs' own mask."""
        return previous_mask[0] if isinstance(previous_mask, list | tuple) else None

    def compute_output_spec(self, inputs: Any) -> Any:
        """Trace ``call``, which says shape and dtype."""
        return keras.Operation.compute_output_spec(self, inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {**super().get_config(), "feature": self.feature}


def _whole(inputs: Any, mean_of: Callable[..., Any]) -> tuple[Any, Any]:
    """Mean and variance of each window."""
    mean = mean_of(inputs, axis=1, keepdims=True)
    return mean, mean_of(ops.square(inputs - mean), axis=1, keepdims=True)


def _taken(values: Any, steps: Any) -> Any:
    """The values of each window at ``steps``, ``(batch, time, 1)``."""
    return ops.take_along_axis(values, ops.broadcast_to(steps, ops.shape(values)), axis=1)


def _zero_unless(condition: Any, values: Any) -> Any:
    return ops.where(condition, values, ops.zeros_like(values))


def _running(inputs: Any) -> tuple[Any, Any]:
    """Mean and variance of each window up to every step."""
    seen = ops.cumsum(ops.ones_like(inputs), axis=1)
    # Distances from the first value keep the difference of squares from cancelling.
    moved = inputs - inputs[:, :1]
    mean = ops.cumsum(moved, axis=1) / seen
    variance = ops.cumsum(ops.square(moved), axis=1) / seen - ops.square(mean)
    return inputs[:, :1] + mean, ops.maximum(variance, 0.0)
