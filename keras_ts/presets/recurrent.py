"""Builds recurrent forecasters from frozen descriptions.

A built model consists of stock Keras layers and keras_ts layers only, so it saves and
reloads without the preset that made it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import keras

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.layers.expand_series import ExpandSeries
from keras_ts.layers.normalize_window import STATISTICS, NormalizeWindow
from keras_ts.layers.restore_window import RestoreWindow
from keras_ts.layers.scale_output import ScaleOutput
from keras_ts.presets.recipe import Recipe

_CELLS = {"simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}


@registered
@dataclass(frozen=True)
class RecurrentPreset:
    """A stack of recurrent layers, with the layers that a forecast needs before and behind it.

    Example:

    >>> from keras_ts import RecurrentPreset
    >>> model = RecurrentPreset(cell="gru", units=(16,), window=20, window_norm="last").build()
    >>> model.input_shape, model.output_shape
    ((None, 20), (None, 1))

    Args:
        kind: ``"sequence_to_vector"``: one forecast per window.
            ``"sequence_to_sequence"``: one per step.
        cell: ``"simple_rnn"``, ``"gru"`` or ``"lstm"``.
        units: Units of each recurrent layer, first to last. Defaults to ``(40, 40)``.
        bidirectional: True for layers that read the window both ways. In sequence to
            sequence, every step but the last then sees the value that it forecasts, so only the
            last step's error means anything. Defaults to False.
        window: Steps in a window. Defaults to None: any number.
        features: Columns of the series. Defaults to None: a plain series, ``(window,)``,
            which ``ExpandSeries`` gives its axis.
        outputs: Values forecast at once: a horizon, or the target columns. Defaults to 1.
        output_scale: Factor that brings the last layer's output to the units of the series: a
            number, or one per output. Defaults to None: no factor.
        window_norm: Statistic that normalizes each window, and brings the output back:
            ``"last"`` (last value and standard deviation), ``"mean"``, or ``"standard"`` (mean
            and standard deviation). In sequence to sequence each step uses only the steps up to
            it. Defaults to None: no normalization.
        target: With ``window_norm`` and several features, index of the feature whose statistics
            bring every output back to its units. Defaults to None: if ``outputs == features``, each
            output is brought back by its own feature, otherwise all by the first. Give ``target``
            if the outputs are a horizon, or the target is not the first column.
        dropout: Fraction of inputs to drop in each recurrent layer. Defaults to 0.
        recipe: The ``Recipe`` for training the model, which the named presets have. Defaults to
            None.

    Input shape:
        ``(batch, window)``, or ``(batch, window, features)``.

    Output shape:
        ``(batch, outputs)``, or ``(batch, window, outputs)`` for sequence to sequence.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range, or two of them disagree.
    """

    kind: Literal["sequence_to_vector", "sequence_to_sequence"] = "sequence_to_vector"
    cell: Literal["simple_rnn", "gru", "lstm"] = "simple_rnn"
    units: Sequence[int] = (40, 40)
    bidirectional: bool = field(default=False, kw_only=True)
    window: int | None = field(default=None, kw_only=True)
    features: int | None = field(default=None, kw_only=True)
    outputs: int = field(default=1, kw_only=True)
    output_scale: float | Sequence[float] | None = field(default=None, kw_only=True)
    window_norm: Literal["last", "mean", "standard"] | None = field(default=None, kw_only=True)
    target: int | None = field(default=None, kw_only=True)
    dropout: float = field(default=0.0, kw_only=True)
    recipe: Recipe | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "kind": _checks.choice(
                "kind", self.kind, ("sequence_to_vector", "sequence_to_sequence")
            ),
            "cell": _checks.choice("cell", self.cell, tuple(_CELLS)),
            "units": _units(self.units),
            "bidirectional": _checks.boolean("bidirectional", self.bidirectional),
            "outputs": _checks.integer("outputs", self.outputs, 1),
            "dropout": _checks.real("dropout", self.dropout),
        }
        for name in ("window", "features"):
            if getattr(self, name) is not None:
                checked[name] = _checks.integer(name, getattr(self, name), 1)
        if self.output_scale is not None:
            scale = ScaleOutput(self.output_scale).scale
            checked["output_scale"] = tuple(scale) if isinstance(scale, list) else scale
        if self.window_norm is not None:
            _checks.choice("window_norm", self.window_norm, STATISTICS)
        if self.target is not None:
            checked["target"] = _checks.integer("target", self.target, 0)
            if self.window_norm is None or self.target >= (self.features or 1):
                raise ValueError(
                    "target is the index of a feature for window_norm to bring outputs back by. "
                    f"Received: target={self.target}, features={self.features}, "
                    f"window_norm={self.window_norm!r}."
                )
        if not 0 <= checked["dropout"] < 1:
            raise ValueError(f"dropout must lie in [0, 1). Received: dropout={self.dropout}.")
        if isinstance(self.recipe, dict):
            checked["recipe"] = Recipe(**self.recipe)
        elif not isinstance(self.recipe, Recipe | None):
            raise TypeError(f"recipe must be a Recipe or None. Received: {self.recipe!r}.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def build(self) -> keras.Model:
        """Return the model, not yet compiled."""
        inputs = keras.Input(
            (self.window,) if self.features is None else (self.window, self.features)
        )
        x = inputs
        if self.features is None:
            # Levels are subtracted before half precision may lose them.
            half = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
            x = ExpandSeries(dtype="float32" if half and self.window_norm else None)(x)
        if self.window_norm is not None:
            x, location, scale = NormalizeWindow(
                self.window_norm, causal=self.kind == "sequence_to_sequence"
            )(x)
        for position, units in enumerate(self.units):
            last = position == len(self.units) - 1
            x = self._recurrent(units, self.kind == "sequence_to_sequence" or not last)(x)
        x = keras.layers.Dense(self.outputs)(x)
        if self.output_scale is not None:
            x = ScaleOutput(self.output_scale)(x)
        if self.window_norm is not None:
            x = RestoreWindow(self.target)([x, location, scale])
        return keras.Model(inputs, x)

    def _recurrent(self, units: int, return_sequences: bool) -> keras.layers.Layer:
        layer = getattr(keras.layers, _CELLS[self.cell])(
            units, return_sequences=return_sequences, dropout=self.dropout
        )
        return keras.layers.Bidirectional(layer) if self.bidirectional else layer

    def get_config(self) -> dict[str, Any]:
        """Return the settings as plain Python values that JSON takes."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RecurrentPreset":
        """Return the preset that ``config`` holds."""
        return cls(**config)


def sequence_to_vector(**settings: Any) -> keras.Model:
    """Build a model that forecasts once per window.

    Example:

    >>> from keras_ts import sequence_to_vector
    >>> sequence_to_vector(cell="lstm", units=(8,), window=20).output_shape
    (None, 1)

    Args:
        **settings: Arguments of ``RecurrentPreset`` other than ``kind``.
    """
    return RecurrentPreset("sequence_to_vector", **settings).build()


def sequence_to_sequence(**settings: Any) -> keras.Model:
    """Build a model that forecasts at every step of a window.

    Example:

    >>> from keras_ts import sequence_to_sequence
    >>> sequence_to_sequence(units=(8,), window=20).output_shape
    (None, 20, 1)

    Args:
        **settings: Arguments of ``RecurrentPreset`` other than ``kind``.
    """
    return RecurrentPreset("sequence_to_sequence", **settings).build()


def _units(units: Any) -> tuple[int, ...]:
    if isinstance(units, str | bytes) or not isinstance(units, Sequence):
        units = (units,)
    if not units:
        raise ValueError("units is empty; give the units of at least one recurrent layer.")
    return tuple(_checks.integer(f"units[{i}]", value, 1) for i, value in enumerate(units))
