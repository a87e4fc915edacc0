"""Normalizes the columns that are not known ahead, and brings forecasts back to their units.

A recurrent layer's ``tanh`` saturates far from 0, so a net must not read series in their units.
Masked steps enter neither statistics nor recurrent layers; the docstring of ``RecurrentPreset``
says how other missing values are filled. With ``min_inputs=0``, a window without a value gets the
level of series with similar static columns.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras_ts.layers.mask_missing import MaskMissing
from keras_ts.layers.normalize_window import OF_UNIT_SCALE, NormalizeWindow
from keras_ts.layers.plumbing import CarryForward, LevelByStatic, MaskLike, SelectColumns
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.presets.requirements import Constants, Requirements

# The scale of a window with fewer values comes from static columns. For stores that opened 1, 2 and
# 3 days ago, this lowered the error from 0.45, 0.25 and 0.21 of the mean to 0.21, 0.17 and 0.16.
_FEWEST = 7

# Brings outputs ``(..., targets)`` to the units of the series.
Restore = Callable[[Any], Any]


def normalized(
    needs: Requirements, window: Any, static: Sequence[Any] = (), filled: bool = False
) -> tuple[Any, Any, Any, Restore | None, LevelByStatic | None]:
    """Return the normalized columns, their location and scale, a ``Restore``, and a level."""
    # Without ``window_norm``, location and scale are None; ``Restore`` may be None, too. The level
    # is the layer for windows without a value, or None. With ``filled``, no step is masked, and
    # steps before a column's first value take that value.
    settings, period = needs.settings, needs.settings.period
    columns = SelectColumns(needs.own)(window) if needs.ahead and needs.own else window
    constants, targets = needs.own_constants, needs.target_constants
    if settings.window_norm is None:
        if constants is None or targets is None or settings.output_scale is not None:
            return _masked(needs, columns, columns, filled), None, None, None, None
        units = [list(of) if len(of) > 1 else of[0] for of in (targets.std, targets.mean)]
        values = standardization(constants)(columns)
        return _masked(needs, columns, values, filled), None, None, ScaleOutput(*units), None
    # Before its first value a column has no level, so its steps there stay missing.
    masked = _masked(needs, columns, columns, filled, start=None)
    normalize = NormalizeWindow(
        settings.window_norm,
        period=period,
        causal=settings.kind == "sequence_to_sequence",
        epsilon=_epsilon(needs),
        masked=needs.masked and not filled,
        multiplicative=period is not None and period > 1,
    )
    values, location, scale, *inverse_level = normalize(masked)
    level = None
    if needs.unseen:
        scaled = settings.window_norm not in OF_UNIT_SCALE and not normalize.causal
        level = LevelByStatic(_FEWEST if scaled else 1)
        by_window = [location, scale, *([values] if scaled else [])]
        location, scale, *rescaled = level([columns, *by_window, *static])
        values = rescaled[0] if scaled else values
    feature = restored_feature(needs)
    layer = RestoreWindow(feature, period=period, gap=0 if period is None else needs.gap)

    def restore(outputs: Any) -> Any:
        return layer([outputs, location, scale, *inverse_level])

    return values, location, scale, restore, level


def _masked(
    needs: Requirements, columns: Any, values: Any, filled: bool, start: float | None = 0.0
) -> Any:
    """Return the columns with a mask of the steps at which no target has a value."""
    if not needs.masked:
        return values
    if filled:
        return CarryForward("first")(values)
    if values.shape[-1] == 1:
        return MaskMissing("all")(values)
    assert needs.targets is not None
    steps = MaskMissing("all")(SelectColumns(needs.targets)(columns))
    return MaskLike()([CarryForward(start)(values), steps])


def standardization(constants: Constants) -> Callable[[Any], Any]:
    """Return a function that standardizes columns."""
    if constants.idle:
        return lambda columns: columns
    # Not ``keras.layers.Normalization``: an ONNX file from TensorFlow asks for its constants as
    # inputs. The mean is subtracted first, since scaling a high level costs precision.
    center = ScaleOutput(1.0, [-mean for mean in constants.mean])
    spread = ScaleOutput([1 / std for std in constants.std])
    return lambda columns: spread(center(columns))


def restored_feature(needs: Requirements) -> int | list[int]:
    """Return the column by which all outputs are restored, or the column of each target."""
    count = needs.targets_per_step
    targets = needs.targets or range(count if count == needs.features else 1)
    return targets[0] if len(targets) == 1 else list(targets)


def _epsilon(needs: Requirements) -> float:
    """Return what is added to the variance of a window: less for series with small steps."""
    # 1e-6 may exceed the variance of an exchange rate, or of a column in tons that moves by grams.
    # The net would then read values near 0, and its outputs would be scaled up too far.
    smallest = 1.0 if needs.own_step is None else min(1.0, needs.own_step)
    return max(1e-6 * smallest**2, 1e-37)  # A smaller number may vanish in float32.
