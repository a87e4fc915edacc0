"""The settings of a recurrent preset, and their checks.

``RecurrentPreset``, which builds models, is in another file, since the blocks of a model read the
settings.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Literal, TypedDict

import keras

from keras_ts import _checks
from keras_ts.layers.bounded import Bounded
from keras_ts.layers.normalize_window import OF_WHOLE_WINDOWS, STATISTICS, Statistic, checked_period
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.presets.recipe import Recipe

# A new cell needs its layer here, and its name in the types of ``cell``.
CELLS = {
    "simple_rnn": keras.layers.SimpleRNN,
    "gru": keras.layers.GRU,
    "lstm": keras.layers.LSTM,
}
# The settings that ``cell="linear"`` takes.
_OF_LINEAR = ("cell", "features", "period", "quantiles", "minimum", "maximum", "recipe")


class NetSettings(TypedDict, total=False):
    """The settings of a ``RecurrentPreset`` by keyword, without ``kind``."""

    cell: Literal["simple_rnn", "gru", "lstm", "linear"]
    units: Sequence[int]
    bidirectional: bool
    memory: int | None
    features: int | None
    output_scale: float | Sequence[float] | None
    window_norm: Statistic | None
    period: int | None
    smoothing: Literal["mixed", "linear"] | None
    quantiles: Sequence[float] | None
    minimum: float | None
    maximum: float | None
    dropout: float
    recipe: Recipe | None


class PresetOverrides(NetSettings, total=False):
    """All settings of a ``RecurrentPreset`` by keyword."""

    kind: Literal["sequence_to_vector", "sequence_to_sequence"]


class BuildSettings(NetSettings, total=False):
    """The settings of a net, and the arguments of ``RecurrentPreset.build``."""

    dataset: Any
    core: Any
    window: int | None
    outputs: int | None
    target: int | None


@dataclass(frozen=True, repr=False)
class PresetSettings(_checks.Settings):
    """The settings of a ``RecurrentPreset``, whose docstring explains each of them."""

    kind: Literal["sequence_to_vector", "sequence_to_sequence"] = "sequence_to_vector"
    cell: Literal["simple_rnn", "gru", "lstm", "linear"] = "simple_rnn"
    units: Sequence[int] = (40, 40)
    _: KW_ONLY
    bidirectional: bool = False
    memory: int | None = None
    features: int | None = None
    output_scale: float | Sequence[float] | None = None
    window_norm: Statistic | None = None
    period: int | None = None
    smoothing: Literal["mixed", "linear"] | None = None
    quantiles: Sequence[float] | None = None
    minimum: float | None = None
    maximum: float | None = None
    dropout: float = 0.0
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        _checks.choice("kind", self.kind, ("sequence_to_vector", "sequence_to_sequence"))
        _checks.choice("cell", self.cell, (*CELLS, "linear"))
        checked: dict[str, Any] = {
            "units": _units(self.units),
            "bidirectional": _checks.boolean("bidirectional", self.bidirectional),
            "dropout": _checks.real("dropout", self.dropout),
        }
        for name in ("features", "memory"):
            if getattr(self, name) is not None:
                checked[name] = _checks.integer(name, getattr(self, name), 1)
        if self.output_scale is not None:
            scale = ScaleOutput(self.output_scale).scale
            checked["output_scale"] = tuple(scale) if isinstance(scale, list) else scale
        if self.window_norm is not None:
            _checks.choice("window_norm", self.window_norm, tuple(STATISTICS))
        if self.cell != "linear":
            checked["period"] = checked_period(self.window_norm, "window_norm", self.period)
        elif self.period is not None:
            checked["period"] = _checks.integer("period", self.period, 1)
        if self.window_norm in OF_WHOLE_WINDOWS and self.kind == "sequence_to_sequence":
            raise ValueError(
                f"window_norm={self.window_norm!r} reads the whole window, and "
                "kind='sequence_to_sequence' forecasts within it. Use another window_norm."
            )
        if self.smoothing is not None:
            _checks.choice("smoothing", self.smoothing, ("mixed", "linear"))
            self._check_smoothing()
        if self.memory is not None and self.kind == "sequence_to_sequence":
            raise ValueError(
                "memory leaves out the first steps of a window, and kind='sequence_to_sequence' "
                f"forecasts at each of them. Received: memory={self.memory}. Leave it out."
            )
        if self.quantiles is not None:
            checked["quantiles"] = _checks.levels("quantiles", self.quantiles)
        if (self.minimum, self.maximum) != (None, None):
            bounds = Bounded(self.minimum, self.maximum)
            checked.update(minimum=bounds.minimum, maximum=bounds.maximum)
        if not 0 <= checked["dropout"] < 1:
            raise ValueError(f"dropout must lie in [0, 1). Received: dropout={self.dropout}.")
        if isinstance(self.recipe, dict):
            checked["recipe"] = Recipe(**self.recipe)
        elif not isinstance(self.recipe, Recipe | None):
            raise TypeError(f"recipe must be a Recipe or None. Received: {self.recipe!r}.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.cell == "linear":
            self._check_linear()

    def _check_linear(self) -> None:
        """Refuse settings of a net."""
        given = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if each.name not in _OF_LINEAR and getattr(self, each.name) != each.default
        ]
        if given:
            raise ValueError(
                "cell='linear' is a regression without a net. It takes only "
                f"{', '.join(_OF_LINEAR[1:])}. Received: {', '.join(given)}. Leave it out."
            )

    def _check_smoothing(self) -> None:
        """Refuse smoothing in sequence to sequence, or without normalized windows."""
        received = f"Received: smoothing={self.smoothing!r}"
        if self.kind == "sequence_to_sequence":
            raise ValueError(
                "smoothing forecasts the steps after a window, and kind='sequence_to_sequence' "
                f"those within it. {received}, kind={self.kind!r}."
            )
        if self.window_norm is None or self.output_scale is not None:
            raise ValueError(
                "smoothing works on normalized windows: set window_norm, and leave output_scale "
                f"out. {received}, window_norm={self.window_norm!r}, "
                f"output_scale={self.output_scale!r}."
            )


def _units(units: Any) -> tuple[int, ...]:
    if isinstance(units, str | bytes) or not isinstance(units, Sequence):
        units = (units,)
    if not units:
        raise ValueError("units is empty; give the units of at least one recurrent layer.")
    return tuple(_checks.integer(f"units[{i}]", value, 1) for i, value in enumerate(units))
