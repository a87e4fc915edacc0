"""``Interface``: what a model takes and gives, in one place.

``forecast``, ``Rollout``, ``compare``, ``calibrate``, ``backtest``, ``check_leakage``, recipes and
files all ask it: the windows that the model was trained on, its columns, their frequency, the
levels of its quantiles, its inputs, and the missing values that it masks.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import keras

from keras_ts import _checks, _keras_private
from keras_ts._models import check_model
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.mask_missing import MaskMissing
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.windows.arithmetic.steps import same_steps
from keras_ts.windows.carried import Carried
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.roles import Columns
from keras_ts.windows.windowed_series import WindowedSeries

# A model remembers the windows that it was loaded or saved with, so that a second save keeps them.
_ATTRIBUTE = "_keras_ts_windows"


@dataclass(frozen=True)
class Interface:
    """The inputs and outputs of a model.

    Attributes:
        model: The model.
        carried: The windows, columns, frequency and quantiles that it carries, or None.
    """

    model: keras.Model
    carried: Carried | None

    @classmethod
    def of(
        cls,
        model: keras.Model,
        windows: Any = None,
        name: str = "The model",
        built: bool = False,
    ) -> Self:
        """Read the interface of a model, and refuse windows other than those that it carries.

        Args:
            model: The model. It carries windows in its ``WindowedInput``, or in the file that it
                was loaded from or saved in.
            windows: The ``WindowedSeries`` to use the model with, or a dataset. Defaults to None:
                those that it carries.
            name: The model's name in an error.
            built: True to refuse a model that is not built.

        Raises:
            TypeError: ``model`` is no Keras model, or ``windows`` are none.
            ValueError: The windows differ, or the model's parts carry different ones.
        """
        check_model(model, built=built)
        carried = carried_by(model)
        if windows is None:
            return cls(model, carried)
        given = Carried.of(windows) if isinstance(windows, WindowDataset) else Carried(windows)
        if carried is None:
            return cls(model, given)
        clause = carried.disagreement(given)
        if clause is not None:
            raise ValueError(
                f"{name} was made for other windows than those given: {clause}. Use windows like "
                "those that it was trained on; where windows may be left out, it brings its own."
            )
        return cls(model, replace(carried, windows=given.windows))

    @property
    def windows(self) -> WindowedSeries:
        """The windows, or an error if the model carries none."""
        if self.carried is None:
            raise ValueError(
                "The model carries no windows: pass windows=dataset.windows. A model whose input "
                "goes through WindowedInput.of(dataset), as preset.build(dataset) makes it, or "
                "that was saved by save_model(model, filepath, windows=dataset), carries them."
            )
        return self.carried.windows

    @property
    def columns(self) -> Columns | None:
        """The columns that the model was trained on, or None if it does not carry them."""
        return None if self.carried is None else self.carried.columns

    @property
    def frequency(self) -> str | None:
        """The step of time that the model was trained on, or None."""
        return None if self.carried is None else self.carried.frequency

    @cached_property
    def quantiles(self) -> tuple[float, ...] | None:
        """The levels of the quantiles or calibrated bounds of the output, or None for a point.

        Raises:
            ValueError: The levels that the model carries are not those it ends in.
        """
        carried = None if self.carried is None else self.carried.quantiles
        last = self.last_layer
        if isinstance(last, ConformalInterval):
            return last.quantiles  # Its bounds stand in place of the quantiles before them.
        if not isinstance(last, SortedQuantiles):
            return carried
        if carried is not None and carried != last.quantiles:
            raise ValueError(
                f"model carries quantiles={carried} in its WindowedInput, and ends in "
                f"SortedQuantiles({last.quantiles}). Give both the same ones."
            )
        return last.quantiles

    @property
    def last_layer(self) -> Any:
        """The layer that the model ends in, within inner models too."""
        last: Any = self.model
        while getattr(last, "layers", None):
            last = last.layers[-1]
        return last

    @property
    def units(self) -> float | list[float] | None:
        """The unit of each target that a model with smoothing was built for, or None."""
        for layer in self.model.layers:
            if isinstance(layer, SmoothedForecast):
                return 1.0 if layer.unit is None else layer.unit
        return None

    @cached_property
    def masked(self) -> Literal["any", "targets"] | None:
        """The rows that the model masks: those without "any" value or all "targets"; or None."""
        features = {
            layer.features
            for layer in _keras_private.layers_within(self.model)
            if isinstance(layer, MaskMissing)
        }
        if not features:
            return None
        return "any" if "any" in features else "targets"

    @property
    def takes_missing(self) -> bool:
        """True if windows given to the model may lack values."""
        return self.masked is not None or (
            self.carried is not None and self.carried.windows.handling.inputs
        )

    @property
    def inputs(self) -> dict[str, Any]:
        """The model's inputs by "past", "future" and "static"; none for a subclass."""
        inputs = getattr(self.model, "inputs", None) or []
        if len(inputs) == 1:
            return {"past": inputs[0]}
        if inputs and isinstance(self.model.input, dict):
            return dict(self.model.input)
        return {tensor.name: tensor for tensor in inputs}

    def check_forecaster(self) -> None:
        """Refuse a model whose outputs are no forecast of the window alone."""
        model = self.model
        stateful = [
            layer.name
            for layer in _keras_private.layers_within(model)
            if getattr(layer, "stateful", 0)
        ]
        if stateful:
            raise ValueError(
                f"The layers {stateful} are stateful: they carry a state from one window into the "
                "next, so a forecast would depend on every call before it. Build the model with "
                "stateful=False and give it these weights."
            )
        outputs = getattr(model, "outputs", None) or [None]
        if len(outputs) > 1 or isinstance(getattr(model, "output", None), dict | list | tuple):
            raise ValueError(
                f"forecast needs a model with one output. This one has {len(outputs)}, in a "
                f"{type(model.output).__name__}. Pass keras.Model(model.inputs, one_of_them)."
            )

    def check_columns(self, columns: Columns) -> None:
        """Refuse columns other than those that the model takes.

        Args:
            columns: The columns of a series, those of the calendar included.
        """
        if self.columns is not None:
            for part in ("past", "static"):
                names, given = getattr(self.columns, part), getattr(columns, part)
                if len(names) != len(given):
                    raise ValueError(
                        f"The model takes {len(names)} column{'s' * (len(names) != 1)} under "
                        f"{part!r}, {list(names)}, and the series has {len(given)}. Forecast from "
                        "the columns that the model was trained on."
                    )
        if self.inputs:  # A subclass names no shape.
            self._check_inputs(columns)

    def _check_inputs(self, columns: Columns) -> None:
        windows, inputs = self.windows, self.inputs
        fed = columns.input_shapes(windows.geometry, windows.horizon)
        if set(inputs) != set(fed):
            raise ValueError(
                f"By the windows the model takes {' and '.join(map(repr, fed))}, and it has "
                f"{len(inputs)}: {list(inputs)}. Use the windows that the model was trained on, "
                "and name its inputs past, future and static."
            )
        # Keras itself adds and drops a last axis of length 1.
        shape = inputs["past"].shape[1:]
        if not 1 <= len(shape) <= 2:
            raise ValueError(
                f"The model takes inputs of shape {tuple(shape)}. A window has the shape "
                f"({windows.window},) or ({windows.window}, columns)."
            )
        length, features = (*shape, 1)[:2]
        if length not in (None, windows.window):
            raise ValueError(
                f"The model takes windows of {length} inputs. Received: window={windows.window}. "
                "Use the windows that the model was trained on."
            )
        if features not in (None, len(columns.past)):
            raise ValueError(
                f"The model takes {features} column{'s' * (features > 1)}, and the series has "
                f"{len(columns.past)}. Forecast from the columns that the model was trained on."
            )
        for part in set(fed).difference(["past"]):
            taken = tuple(inputs[part].shape[1:])
            if len(taken) != len(fed[part]) or any(
                size not in (None, wanted) for size, wanted in zip(taken, fed[part], strict=True)
            ):
                raise ValueError(
                    f"The model takes {part!r} of shape {taken}, and the windows give {fed[part]}. "
                    "Use the windows that the model was trained on."
                )

    def check_frequency(self, panel: Panel) -> None:
        """Refuse data whose timestamps go by other steps than those of the training data."""
        if self.frequency is None or panel.clock is None:
            return
        own = panel.clock.frequencies
        for frequency in set(own):
            if frequency is not None and not same_steps(str(frequency), self.frequency):
                number = own.index(frequency)
                raise ValueError(
                    f"The model was trained on steps of {_checks.shown(self.frequency)}, and the "
                    f"steps of {panel.series(number)} are {str(frequency)!r} by "
                    f"time_column={self.windows.time_column!r}. Forecast from data of the "
                    "frequency that the model was trained on."
                )


def remember(model: keras.Model, carried: Carried | None) -> None:
    """Keep ``carried`` with a model that has no ``WindowedInput``, as its file does."""
    setattr(model, _ATTRIBUTE, carried)


def remembered(model: keras.Model) -> Carried | None:
    """Return what ``model`` was loaded or saved with, or None."""
    return getattr(model, _ATTRIBUTE, None)


def carried_by(model: keras.Model) -> Carried | None:
    """Return what a model carries in a layer, or was loaded or saved with, or None."""
    return in_layers(model) or remembered(model)


def in_layers(model: keras.Model) -> Carried | None:
    """Return what the ``WindowedInput`` within a model carries, or None if it has none.

    Raises:
        ValueError: The model holds several that differ.
    """
    layers = [
        layer for layer in _keras_private.layers_within(model) if isinstance(layer, WindowedInput)
    ]
    for layer in layers[1:]:
        if layer.carried != layers[0].carried:
            raise ValueError(
                f"The model's layers {layers[0].name!r} and {layer.name!r} carry different "
                f"windows: {_checks.shown(layers[0].carried)} and {_checks.shown(layer.carried)}. "
                "Keep one of them."
            )
    return layers[0].carried if layers else None
