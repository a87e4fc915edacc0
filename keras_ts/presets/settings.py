"""``PresetSettings``: the settings of a recurrent preset, their checks and their config."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from keras_ts import _checks
from keras_ts.layers.normalize_window import STATISTICS, checked_period
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.presets.recipe import Recipe

CELLS = {"simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}


@dataclass(frozen=True)
class PresetSettings:
    """The settings of a ``RecurrentPreset``, which explains each of them."""

    kind: Literal["sequence_to_vector", "sequence_to_sequence"] = "sequence_to_vector"
    cell: Literal["simple_rnn", "gru", "lstm"] = "simple_rnn"
    units: Sequence[int] = (40, 40)
    bidirectional: bool = field(default=False, kw_only=True)
    window: int | None = field(default=None, kw_only=True)
    features: int | None = field(default=None, kw_only=True)
    outputs: int | None = field(default=None, kw_only=True)
    output_scale: float | Sequence[float] | None = field(default=None, kw_only=True)
    window_norm: Literal["last", "mean", "standard", "seasonal"] | None = field(
        default=None, kw_only=True
    )
    period: int | None = field(default=None, kw_only=True)
    smoothing: Literal["mixed", "linear"] | None = field(default=None, kw_only=True)
    memory: int | None = field(default=None, kw_only=True)
    target: int | None = field(default=None, kw_only=True)
    quantiles: Sequence[float] | None = field(default=None, kw_only=True)
    dropout: float = field(default=0.0, kw_only=True)
    recipe: Recipe | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "kind": _checks.choice(
                "kind", self.kind, ("sequence_to_vector", "sequence_to_sequence")
            ),
            "cell": _checks.choice("cell", self.cell, tuple(CELLS)),
            "units": _units(self.units),
            "bidirectional": _checks.boolean("bidirectional", self.bidirectional),
            "dropout": _checks.real("dropout", self.dropout),
        }
        for name in ("window", "features", "outputs", "memory"):
            if getattr(self, name) is not None:
                checked[name] = _checks.integer(name, getattr(self, name), 1)
        if self.output_scale is not None:
            scale = ScaleOutput(self.output_scale).scale
            checked["output_scale"] = tuple(scale) if isinstance(scale, list) else scale
        if self.window_norm is not None:
            _checks.choice("window_norm", self.window_norm, STATISTICS)
        checked["period"] = checked_period(self.window_norm, "window_norm", self.period)
        if self.window_norm == "seasonal" and self.kind == "sequence_to_sequence":
            raise ValueError(
                "window_norm='seasonal' reads a season off the whole window, and "
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
        if self.target is not None:
            checked["target"] = _checks.integer("target", self.target, 0)
            if self.window_norm is None or self.target >= (self.features or 1):
                raise ValueError(
                    "target is the index of a feature for window_norm to bring outputs back by. "
                    f"Received: target={self.target}, features={self.features}, "
                    f"window_norm={self.window_norm!r}."
                )
        if self.quantiles is not None:
            checked["quantiles"] = _checks.levels("quantiles", self.quantiles)
        if not 0 <= checked["dropout"] < 1:
            raise ValueError(f"dropout must lie in [0, 1). Received: dropout={self.dropout}.")
        if isinstance(self.recipe, dict):
            checked["recipe"] = Recipe(**self.recipe)
        elif not isinstance(self.recipe, Recipe | None):
            raise TypeError(f"recipe must be a Recipe or None. Received: {self.recipe!r}.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def _check_smoothing(self) -> None:
        """Refuse smoothing where no step follows the window, or nothing normalizes it."""
        given = f"Received: smoothing={self.smoothing!r}"
        if self.kind == "sequence_to_sequence":
            raise ValueError(
                "smoothing forecasts the steps behind a window, and kind='sequence_to_sequence' "
                f"those within it. {given}, kind={self.kind!r}."
            )
        if self.window_norm is None or self.output_scale is not None:
            raise ValueError(
                "smoothing stands between window_norm and its way back: set window_norm, and leave "
                f"output_scale out. {given}, window_norm={self.window_norm!r}, "
                f"output_scale={self.output_scale!r}."
            )

    def get_config(self) -> dict[str, Any]:
        """Return the settings as plain Python values that JSON takes."""
        return _checks.plain_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the preset that ``config`` holds."""
        return cls(**config)


def _units(units: Any) -> tuple[int, ...]:
    if isinstance(units, str | bytes) or not isinstance(units, Sequence):
        units = (units,)
    if not units:
        raise ValueError("units is empty; give the units of at least one recurrent layer.")
    return tuple(_checks.integer(f"units[{i}]", value, 1) for i, value in enumerate(units))
