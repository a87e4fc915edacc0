"""``NormalizeWindow``: each window relative to its own statistics.

The idea is that of reversible instance normalization (Kim et al., ICLR 2022) and, for the last
value alone, of NLinear (Zeng et al., AAAI 2023): a net that sees windows relative to themselves
need not learn the level of the series, and a trend does not carry the net's inputs out of the range
of training.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.base import SeriesLayer
from keras_ts.layers.season import season
from keras_ts.windows.scale import parted

# Sorts masked steps behind all others.
_BEHIND_ALL = 2**31 - 1


class Steps(NamedTuple):
    """Statistics of all steps of a window, of those that are not masked, or of those so far."""

    last: Any  # the latest value
    mean: Any
    deviation: Any  # the standard deviation, which is not 0 in a constant window


Statistic = Literal["last", "mean", "standard", "seasonal"]
# The location and the scale that each statistic gives, once a season is subtracted.
STATISTICS: dict[str, Callable[[Steps], tuple[Any, Any]]] = {
    "last": lambda steps: (steps.last, steps.deviation),
    "mean": lambda steps: (steps.mean, ops.ones_like(steps.mean)),
    "standard": lambda steps: (steps.mean, steps.deviation),
    "seasonal": lambda steps: (steps.last, steps.deviation),
}
OF_UNIT_SCALE = ("mean",)  # Their scale is always 1.
OF_WHOLE_WINDOWS = ("seasonal",)  # They need the whole window, so they cannot be causal.
OF_PERIODS = ("seasonal",)  # They take ``period``.


@registered
class NormalizeWindow(SeriesLayer):
    """Normalizes each window by its own location and scale.

    In a model of your own, ``RestoreWindow`` undoes it at the output. A masked step enters no
    statistic.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts.layers import NormalizeWindow, RestoreWindow
    >>> windows = keras.Input((None, 1))
    >>> normal, location, scale = NormalizeWindow("last")(windows)
    >>> output = keras.layers.Dense(1)(keras.layers.GRU(4)(normal))
    >>> model = keras.Model(windows, RestoreWindow()([output, location, scale]))
    >>> normal, location, scale = NormalizeWindow("mean")(np.array([[[1.0], [2.0], [6.0]]]))
    >>> np.asarray(normal).ravel().tolist(), np.asarray(location).ravel().tolist()
    ([-2.0, -1.0, 3.0], [3.0])

    Args:
        statistic: The location and the scale of a window. ``"last"``: the last value, and the
            standard deviation. ``"mean"``: the mean, and 1. ``"standard"``: the mean, and the
            standard deviation. ``"seasonal"``: as for ``"last"``, after the season is subtracted,
            which is each phase's mean departure from level and slope, shrunk where it looks like
            noise.
        period: Steps in a season, for ``"seasonal"``: the window is a whole number of periods, two
            or more. Defaults to None.
        causal: True if each step uses only itself and earlier steps, for a net that forecasts at
            every step. ``"last"`` then subtracts the value one step earlier, and the location is
            each step's own value. Defaults to False.
        epsilon: Number added to the variance, in squared units of the series, so that a constant
            window is not divided by 0. Defaults to 1e-6.
        masked: True if masked steps are missing values, and NaN too: ``"seasonal"`` then counts
            phases up to the window's last step. False if they are padding: phases are counted up to
            the last step not masked. Defaults to False.
        multiplicative: True for a season in proportion to the level, for ``"seasonal"``, in windows
            without a negative value. Defaults to False.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        ``(batch, time, features)``, and a mask ``(batch, time)`` if there is one.

    Output shape:
        Three arrays: the normalized windows, in the shape of the input, 0 at masked steps; and
        location and scale, each ``(batch, 1, features)``, or ``(batch, time, features)`` if causal.
        For ``"seasonal"`` the location is ``(batch, period, features)``, from the phase after the
        window on. With ``multiplicative``, a fourth array: one over the mean level of the window,
        or 0 if the season is additive. Under a half-precision policy all are float32.

    Raises:
        ValueError: ``statistic`` is unknown, ``period``, ``causal`` or ``multiplicative`` does not
            go with it, or the window is not whole periods.
    """

    _settings = ("statistic", "period", "causal", "epsilon", "masked", "multiplicative")

    def __init__(
        self,
        statistic: Statistic,
        *,
        period: int | None = None,
        causal: bool = False,
        epsilon: float = 1e-6,
        masked: bool = False,
        multiplicative: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.statistic = _checks.choice("statistic", statistic, tuple(STATISTICS))
        self.period = checked_period(statistic, "statistic", period)
        self.causal = _checks.boolean("causal", causal)
        if self.causal and statistic in OF_WHOLE_WINDOWS:
            raise ValueError(
                f"causal=True is not supported with statistic={statistic!r}, which reads the whole "
                "window. Use another statistic."
            )
        epsilon = _checks.positive("epsilon", epsilon)
        self.epsilon = _checks.fits("epsilon", epsilon, self._float_dtype)
        self.masked = _checks.boolean("masked", masked)
        self.multiplicative = _checks.boolean("multiplicative", multiplicative)
        if self.multiplicative and statistic not in OF_PERIODS:
            raise ValueError(
                f"multiplicative=True needs statistic={' or '.join(map(repr, OF_PERIODS))}, since "
                f"it scales a season. Received: statistic={statistic!r}."
            )
        self.supports_masking = True

    @property
    def _season(self) -> int | None:
        """The period of the season that is subtracted; None for a period of 1."""
        return None if self.period == 1 else self.period

    def build(self, input_shape: Any) -> None:
        """Check that a window holds whole periods."""
        check_whole_periods(f"statistic={self.statistic!r}", self._season, input_shape[1])
        super().build(input_shape)

    def call(self, inputs: Any, mask: Any = None) -> tuple[Any, ...]:
        """Return the normalized windows, their locations, scales and, if any, inverse levels."""
        inputs = ops.cast(inputs, self._float_dtype)
        present = None
        if self.masked:
            inputs, missing = parted(inputs, ops)
            present = ops.logical_not(missing)
        if mask is not None:
            steps = present_steps(mask, inputs)
            present = steps if present is None else ops.logical_and(present, steps)
        if present is not None:
            return self._masked(inputs, present)
        if self.causal:
            return self._stepwise(inputs)
        seasonal, period = None, self._season
        if period is not None:
            weights, last = ops.ones_like(inputs[..., :1]), np.full((1, 1, 1), inputs.shape[1] - 1)
            seasonal = self._seasonal(inputs, inputs[:, -1:], weights, last, period, True)
            inputs = inputs - seasonal[1]
        results = self._normalized(inputs, of_windows(inputs, self.epsilon))
        return self._in_phases(results, seasonal)

    def _seasonal(
        self, inputs: Any, base: Any, weights: Any, last: Any, period: int, complete: bool
    ) -> Any:
        """Return the result of ``season`` for the inputs relative to ``base``."""
        of_levels = base if self.multiplicative else None
        return season(inputs - base, weights, last, period, complete, of_levels)

    def _masked(self, inputs: Any, present: Any) -> tuple[Any, ...]:
        """Normalize by the values that are ``present``, ``(batch, time, 1 or features)``."""
        # NaN times a weight of 0 would still be NaN.
        inputs = zero_unless(present, inputs)
        positions = ops.cumsum(ops.ones_like(present, "int32"), axis=1)
        counts = ops.cumsum(ops.cast(present, "int32"), axis=1)
        if self.causal:
            # Present steps move to the front; each step then takes the result of the latest present
            # step up to itself.
            order = ops.argsort(ops.where(present, positions, _BEHIND_ALL), axis=1)
            results = self._stepwise(_taken(inputs, order))
            latest = ops.maximum(counts - 1, 0)
            normal, location, scale = (_taken(result, latest) for result in results)
            inverse_level = []
        else:
            counts = counts[:, -1:]
            latest = ops.max(ops.where(present, positions, 0), axis=1, keepdims=True)
            at_last = positions == latest  # Positions count from 1.
            seasonal, period = None, self._season
            if period is not None:
                last = value_at(at_last, inputs)
                weights = ops.cast(present, inputs.dtype)
                after = positions[:, -1:, :1] if self.masked else ops.maximum(latest, 1)
                seasonal = self._seasonal(inputs, last, weights, after - 1, period, False)
                inputs = zero_unless(present, inputs - seasonal[1])
            steps = of_present(inputs, self.epsilon, present, at_last, counts)
            results = self._normalized(inputs, steps)
            normal, location, scale, *inverse_level = self._in_phases(results, seasonal)
        started = counts > 0
        return (
            zero_unless(present, normal),
            zero_unless(started, location),
            ops.where(started, scale, ops.ones_like(scale)),
            *inverse_level,
        )

    def _normalized(self, inputs: Any, steps: Steps) -> tuple[Any, Any, Any]:
        location, scale = STATISTICS[self.statistic](steps)
        return (inputs - location) / scale, location, scale

    def _stepwise(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Normalize every step by itself and those before it."""
        steps = of_steps_so_far(inputs, self.epsilon)
        normal, _, scale = self._normalized(inputs, steps)
        # For "last", the forecast of the next step is relative to the value of this one.
        location, _ = STATISTICS[self.statistic](steps._replace(last=inputs))
        return normal, location, scale

    def _in_phases(self, results: tuple[Any, Any, Any], seasonal: Any) -> tuple[Any, ...]:
        """Add the season, if any, to the location, and append the inverse level, if any."""
        normal, location, scale = results
        if seasonal is not None:
            location = location + seasonal[0]
        if not self.multiplicative:
            return normal, location, scale
        return normal, location, scale, ops.zeros_like(scale) if seasonal is None else seasonal[2]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> tuple[Any, ...]:
        """Pass the mask on with the windows; the statistics have none."""
        return previous_mask, None, None, *[None] * self.multiplicative

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Return the shapes of windows, of locations and scales and, if any, of inverse levels."""
        # By hand: tracing the arithmetic of a season took most of the time to build a preset.
        if mask is not None:
            _check_mask(mask, inputs)
        batch, steps, *rest = inputs.shape
        steps = steps if self.causal else 1
        shapes = [inputs.shape, (batch, self._season or steps, *rest)]
        shapes += [(batch, steps, *rest)] * (1 + self.multiplicative)
        return tuple(keras.KerasTensor(shape, dtype=self._float_dtype) for shape in shapes)


def checked_period(statistic: str | None, name: str, period: Any) -> int | None:
    """Return the period of a seasonal statistic, or None for the others, which have none."""
    if (statistic in OF_PERIODS) != (period is not None):
        seasonal = f"{name}={' or '.join(map(repr, OF_PERIODS))}"
        cure = "Set period" if period is None else f"Set {seasonal}, or period=None"
        raise ValueError(
            f"{seasonal} and period, the steps in a season, go together. "
            f"Received: {name}={statistic!r}, period={_checks.shown(period)}. {cure}."
        )
    return None if period is None else _checks.integer("period", period, 1)


def check_whole_periods(asked: str, period: int | None, length: int | None) -> None:
    """Refuse windows that do not hold whole periods of a season, two or more."""
    if period in (None, 1):
        return
    if length is None or length % period or length < 2 * period:
        raise ValueError(
            f"{asked} with period={period} needs windows of a whole number of periods, two or "
            f"more: {2 * period}, {3 * period}, ... steps. Received windows of {length} steps."
        )


def _check_mask(mask: Any, inputs: Any) -> None:
    """Refuse a mask that is not of shape ``(batch, time)``, which would be broadcast."""
    sizes = zip(mask.shape, inputs.shape, strict=False)
    # While PyTorch traces, sizes are tensors, which compare by value but hash by identity.
    if len(mask.shape) != 2 or any(None not in pair and pair[0] != pair[1] for pair in sizes):
        raise ValueError(
            f"mask must be (batch, time), the first axes of inputs {tuple(inputs.shape)}. "
            f"Received a mask of shape {tuple(mask.shape)}."
        )


def present_steps(mask: Any, inputs: Any) -> Any:
    """Return a mask ``(batch, time)`` as booleans ``(batch, time, 1)``."""
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    _check_mask(mask, inputs)
    return mask[..., None]


def _taken(values: Any, steps: Any) -> Any:
    """Return the values of each window at ``steps``, ``(batch, time, 1)``."""
    return ops.take_along_axis(values, ops.broadcast_to(steps, ops.shape(values)), axis=1)


def of_windows(values: Any, epsilon: float) -> Steps:
    """Return the statistics of all steps of each window."""
    mean = ops.mean(values, axis=1, keepdims=True)
    variance = ops.mean(ops.square(values - mean), axis=1, keepdims=True)
    return Steps(values[:, -1:], mean, ops.sqrt(variance + epsilon))


def of_present(values: Any, epsilon: float, present: Any, at_last: Any, counts: Any) -> Steps:
    """Return the statistics of the present steps; if there are none, last and mean are 0."""
    total = ops.cast(ops.maximum(counts, 1), values.dtype)

    def mean_of(each: Any) -> Any:
        return ops.sum(zero_unless(present, each), axis=1, keepdims=True) / total

    mean = mean_of(values)
    variance = mean_of(ops.square(values - mean))
    return Steps(value_at(at_last, values), mean, ops.sqrt(variance + epsilon))


def of_steps_so_far(values: Any, epsilon: float) -> Steps:
    """Return statistics of each step and those before it; ``last`` is the value a step earlier."""
    counts = ops.cumsum(ops.ones_like(values), axis=1)
    # Relative to the first value: the squares of a high level would lose the variance's digits.
    relative = values - values[:, :1]
    mean = ops.cumsum(relative, axis=1) / counts
    squares = ops.cumsum(ops.square(relative), axis=1) / counts
    variance = ops.maximum(squares - ops.square(mean), 0.0)
    before = ops.concatenate([values[:, :1], values[:, :-1]], axis=1)
    return Steps(before, values[:, :1] + mean, ops.sqrt(variance + epsilon))


def value_at(step: Any, values: Any) -> Any:
    """Return the value of each window at its one step that is True, 0 without any."""
    return ops.sum(zero_unless(step, values), axis=1, keepdims=True)


def zero_unless(condition: Any, values: Any) -> Any:
    """Return the values where the condition holds, and 0 elsewhere."""
    return ops.where(condition, values, ops.zeros_like(values))
