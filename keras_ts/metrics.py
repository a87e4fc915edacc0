"""Metrics that leave out missing targets; for quantiles, the median's error and the coverage.

Keras's own metrics stay NaN after one target that is NaN, and broadcast targets ``(batch, steps)``
against outputs ``(batch, steps, quantiles)``.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ts import _checks
from keras_ts._per_window import per_window, point_pairs, quantile_errors, window_weights
from keras_ts._registration import registered

__all__ = ["IntervalCoverage", "MaskedMAE", "MedianMAE"]
# ``dir`` shows only the public names.
__dir__ = __all__.copy


class _WindowMetric(keras.metrics.Mean):
    """The mean over windows of each window's mean over the targets present."""

    def _add(self, values: Any, counted: Any, axes: int, sample_weight: Any) -> None:
        """Add the windows of a batch, whose values are 0 where they do not count."""
        values, present = per_window(values, counted, axes)
        weights = window_weights(self, sample_weight, values)
        weights = present if weights is None else weights * present
        super().update_state(values, sample_weight=weights)


@registered
class MaskedMAE(_WindowMetric):
    """The mean absolute error of the targets that are not missing.

    Without missing targets it is Keras's ``"mae"``.

    Example:

    >>> import numpy as np
    >>> from keras_ts.metrics import MaskedMAE
    >>> metric = MaskedMAE()
    >>> metric.update_state(np.array([[1.0, np.nan], [2.0, 4.0]]), np.zeros((2, 2)))
    >>> float(metric.result())  # the mean of 1 and 3
    2.0

    Args:
        name: Name of the metric. Defaults to ``"mae"``.
        dtype: As for every Keras metric.

    Input shape:
        As for ``MaskedLoss``, with weights and masks.
    """

    def __init__(self, name: str = "mae", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the windows of a batch."""
        y_true, y_pred, counted = point_pairs(self, y_true, y_pred)
        self._add(ops.abs(y_true - y_pred), counted, 1, sample_weight)


class _QuantileMetric(_WindowMetric):
    """A metric of quantiles: the mean over windows of what ``_measured`` returns."""

    def __init__(self, quantiles: Sequence[float], name: str, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.quantiles = _checks.levels("quantiles", quantiles)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the windows of a batch."""
        errors, counted, axes = quantile_errors(self, y_true, y_pred)
        values = self._measured(errors)
        # A missing target has errors of 0, which would count as covered.
        values = ops.where(counted, values, ops.zeros_like(values))
        self._add(values, counted, axes, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the metric's settings."""
        return {**super().get_config(), "quantiles": list(self.quantiles)}

    def _measured(self, errors: Any) -> Any:
        """Return the measure of each target, from ``errors``: the target minus each quantile."""
        raise NotImplementedError


@registered
class MedianMAE(_QuantileMetric):
    """The mean absolute error of the median, for a model that gives quantiles.

    Example:

    >>> import numpy as np
    >>> from keras_ts.metrics import MedianMAE
    >>> metric = MedianMAE([0.1, 0.5, 0.9])
    >>> metric.update_state(np.array([10.0, 11.0]), np.array([[8.0, 9.0, 12.0], [8.0, 9.0, 12.0]]))
    >>> float(metric.result())
    1.5

    Args:
        quantiles: The levels of the quantiles on the last axis of the outputs, as for
            ``QuantileLoss``, which documents shapes, weights and masks, too.
        name: Name of the metric. Defaults to ``"mae"``.
        dtype: As for every Keras metric.
    """

    def __init__(self, quantiles: Sequence[float], name: str = "mae", dtype: Any = None) -> None:
        super().__init__(quantiles, name=name, dtype=dtype)

    def _measured(self, errors: Any) -> Any:
        return ops.abs(errors[..., self.quantiles.index(0.5)])


@registered
class IntervalCoverage(_QuantileMetric):
    """The share of targets between the lowest and the highest quantile.

    It should come near the difference of their levels: 0.8 for levels from 0.1 to 0.9.

    Example:

    >>> import numpy as np
    >>> from keras_ts.metrics import IntervalCoverage
    >>> metric = IntervalCoverage([0.1, 0.5, 0.9])
    >>> metric.update_state(np.array([10.0, 13.0]), np.array([[8.0, 9.0, 12.0], [8.0, 9.0, 12.0]]))
    >>> float(metric.result())
    0.5

    Args:
        quantiles: The levels of the quantiles on the last axis of the outputs, two or more, as for
            ``QuantileLoss``, which documents shapes, weights and masks, too.
        name: Name of the metric. Defaults to ``"coverage"``.
        dtype: As for every Keras metric.
    """

    def __init__(
        self, quantiles: Sequence[float], name: str = "coverage", dtype: Any = None
    ) -> None:
        super().__init__(quantiles, name=name, dtype=dtype)
        if len(self.quantiles) < 2:
            raise ValueError(
                "quantiles must be two or more, the ends of an interval. Received: "
                f"quantiles={self.quantiles}."
            )

    def _measured(self, errors: Any) -> Any:
        lowest, highest = errors[..., 0], errors[..., -1]
        covered = ops.logical_and(lowest >= 0, highest <= 0)
        # Comparisons with NaN are False: a quantile that is NaN would count as not covering.
        broken = ops.isnan(lowest + highest)
        return ops.where(broken, lowest + highest, ops.cast(covered, errors.dtype))
