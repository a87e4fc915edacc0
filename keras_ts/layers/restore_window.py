"""``RestoreWindow``: brings outputs of a net back to the units of the window that it read."""

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer
from keras_ts.layers.plumbing import selected
from keras_ts.layers.season import amplitude


@registered
class RestoreWindow(SeriesLayer):
    """Undoes ``NormalizeWindow`` for the outputs of a net: ``output * scale + location``.

    With a multiplicative season, the season in ``location`` is multiplied by the restored level
    over the mean level of the window, clipped to 1/3 and 3.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import RestoreWindow
    >>> location, scale = np.full((1, 1, 1), 4.0), np.full((1, 1, 1), 2.0)
    >>> np.asarray(RestoreWindow()([np.array([[0.5]]), location, scale])).tolist()
    [[5.0]]

    Args:
        feature: Index of the feature by whose statistics all outputs are restored, or a list with
            an index for each output. Defaults to None, for windows of one feature. In a saved
            model, None for several features restores each output by the feature at its index if
            there are as many features as outputs, otherwise all by the first.
        period: Steps in a season, if ``NormalizeWindow("seasonal")`` made the location: each output
            uses the phase of its step. Defaults to None.
        gap: Steps between a window and its first output, with ``period``. Defaults to 0.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        A list: outputs ``(batch, outputs)`` or ``(batch, time, ..., outputs)``, then the location,
        the scale and, if there is one, the inverse level that ``NormalizeWindow`` returned. With
        ``period``, outputs are ``(batch, steps, ..., outputs)``; or ``(batch, steps)`` for a single
        feature, and ``(batch, outputs)`` for one step of several. Outputs may have a mask; after
        layers that drop it, such as recurrent ones of Keras 3.16, pass it as ``mask``.

    Output shape:
        The shape of the outputs. Float32 under a half-precision policy.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``feature`` is None for several features, not the index of one, or a list of
            another length than the outputs; ``gap`` is set without ``period``; or location and
            scale were made with another period, or with one where ``period`` is None.
    """

    _settings = ("feature", "period", "gap")
    _several_refused = True

    def __init__(
        self,
        feature: int | Sequence[int] | None = None,
        *,
        period: int | None = None,
        gap: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.feature = _checks.indices("feature", feature)
        self.period = None if period is None else _checks.integer("period", period, 1)
        self.gap = _checks.integer("gap", gap, 0)
        if self.gap and period is None:
            raise ValueError(
                "gap needs period: it is the number of phases to skip before the first output. "
                f"Received: gap={gap}, period=None."
            )
        self.supports_masking = True

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make the layer of a file, in which ``feature`` may be None for several features."""
        layer = cls(**config)
        layer._several_refused = False
        return layer

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Scale and shift each output by the statistics of its window."""
        outputs, location, scale, *inverse_level = (ops.cast(x, self._float_dtype) for x in inputs)
        feature, features = self.feature, location.shape[-1]
        if feature is None and features > 1 and self._several_refused:
            raise ValueError(
                f"RestoreWindow needs feature, since each of {features} features has another "
                "location: pass the target's index, such as "
                "feature=train.columns['past'].index('sales'), or a list with one index for each "
                f"output. Received: feature=None, outputs of shape {tuple(outputs.shape)}."
            )
        if feature is not None and np.max(feature) >= features:
            raise ValueError(
                f"feature must be the index of one of {features} features. "
                f"Received: feature={feature}."
            )
        self._check_period(outputs.shape, location.shape, scale.shape)
        if self.period is None:
            return self._restored(outputs, location, scale)
        bare = len(outputs.shape) == 2
        by_feature = feature is None and features > 1 and outputs.shape[-1] == features
        axis = 1 if by_feature or isinstance(feature, list) else 2
        outputs = ops.expand_dims(outputs, axis) if bare else outputs
        # By a slice, which exporters know, as in ``selected``.
        first = self.gap % self.period
        end = first + int(outputs.shape[1])
        seasons = ops.concatenate([location] * -(-end // self.period), axis=1)[:, first:end]
        if inverse_level:
            level = ops.mean(location, axis=1, keepdims=True)
            level, scale, season, inverse = self._by_output(
                outputs, level, scale, seasons - level, inverse_level[0]
            )
            levels = outputs * scale + level
            outputs = levels + season * amplitude(levels * inverse, inverse)
        else:
            outputs = self._restored(outputs, seasons, scale)
        return ops.squeeze(outputs, axis) if bare else outputs

    def _check_period(self, outputs: Any, location: Any, scale: Any) -> None:
        """Refuse a location and scale that were made with another period."""
        phases, period = location[1], self.period
        received = (
            f"Received: period={period}, outputs of shape {tuple(outputs)}, a location of shape "
            f"{tuple(location)}, a scale of shape {tuple(scale)}."
        )
        # A season has one scale for all its phases; causal statistics have one for each step.
        if period is not None:
            if phases not in (None, period) or scale[1] not in (None, 1):
                raise ValueError(
                    f"period={period} needs the location of that many phases and the one scale "
                    f"that NormalizeWindow('seasonal', period={period}) returns; leave period out "
                    f"for another statistic. {received}"
                )
        elif isinstance(phases, int) and phases > 1:
            each_step = scale[1] != 1 if len(outputs) == 2 else outputs[1] in (None, phases)
            if not each_step:
                raise ValueError(
                    "Without period, the location has one step, or one for each step of the "
                    f"outputs. If NormalizeWindow('seasonal', period={phases}) made it, use "
                    f"RestoreWindow(period={phases}). {received}"
                )

    def _restored(self, outputs: Any, location: Any, scale: Any) -> Any:
        """Scale and shift outputs by the statistics of their features."""
        location, scale = self._by_output(outputs, location, scale)
        return outputs * scale + location

    def _by_output(self, outputs: Any, *statistics: Any) -> list[Any]:
        """Return the statistics of each output's feature, in the shape of the outputs."""
        feature, features = self.feature, statistics[0].shape[-1]
        if isinstance(feature, list):
            if len(feature) != outputs.shape[-1]:
                raise ValueError(
                    f"feature must have one index for each of {outputs.shape[-1]} outputs. "
                    f"Received: feature={feature}."
                )
            shaped = [selected(x, feature) for x in statistics]
        elif feature is not None or outputs.shape[-1] != features:
            first = feature or 0
            shaped = [x[..., first : first + 1] for x in statistics]
        else:
            shaped = list(statistics)
        if len(outputs.shape) == 2:
            shaped = [x[:, -1] for x in shaped]
        for _ in range(len(outputs.shape) - len(shaped[0].shape)):
            shaped = [x[..., None, :] for x in shaped]
        return shaped

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Pass on the mask of the outputs."""
        return previous_mask[0] if isinstance(previous_mask, list | tuple) else previous_mask

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Trace ``call``, which sets shape and dtype."""
        return keras.Operation.compute_output_spec(self, inputs)
