"""``Interface``: what a model takes and returns, by its layers and by what it carries."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import keras

from keras_ts import _checks
from keras_ts._keras_private import layers_within
from keras_ts._models import check_model
from keras_ts.layers.bounded import Bounded
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.mask_missing import MaskMissing
from keras_ts.layers.plumbing import CarryForward
from keras_ts.layers.smoothed_forecast import SmoothedForecast
from keras_ts.layers.sorted_quantiles import SortedQuantiles
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.panel.columns import Columns
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.frequency import same_steps
from keras_ts.panel.regular import day_off
from keras_ts.windows.carried import Carried, Spans, joined
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries

# Under this attribute a model without a ``WindowedInput`` keeps what it carries.
_ATTRIBUTE = "keras_ts_windows"


@dataclass(frozen=True)
class Interface:
    """The inputs and outputs of a model."""

    model: keras.Model
    carried: Carried | None

    @classmethod
    def of(
        cls,
        model: keras.Model,
        windows: WindowedSeries | WindowDataset | None = None,
        name: str = "The model",
        built: bool = False,
        cure: str = "Leave windows out to use the model's own.",
    ) -> Self:
        """Return the interface of a model; refuse windows other than those that it carries."""
        model = check_model(model, built=built)
        carried = carried_by(model)
        if windows is None:
            return cls(model, carried)
        passed = Carried.of(windows) if isinstance(windows, WindowDataset) else Carried(windows)
        if carried is None:
            return cls(model, passed)
        clause = carried.disagreement(passed)
        if clause is not None:
            raise ValueError(
                f"{name} was made for other windows than those passed: {clause}. Pass windows like "
                f"those that it was trained on. {cure}"
            )
        return cls(model, carried.of_windows(passed.windows))

    @property
    def windows(self) -> WindowedSeries:
        """The windows. Raises an error if the model carries none."""
        if self.carried is None:
            raise ValueError(
                "The model carries no windows: pass windows=dataset.windows. A model carries them "
                "if its input goes through WindowedInput.of(dataset), as in preset.build(dataset), "
                "or if it was saved by save_model(model, filepath, windows=dataset)."
            )
        return self.carried.windows

    @property
    def columns(self) -> Columns | None:
        """The columns that the model was trained on; None if it does not carry them."""
        return None if self.carried is None else self.carried.columns

    @property
    def known_ahead(self) -> bool:
        """True if the windows have ``future_columns``."""
        return self.carried is not None and bool(self.carried.windows.planned)

    @property
    def frequency(self) -> str | None:
        """The frequency of the data that the model was trained on, or None."""
        return None if self.carried is None else self.carried.frequency

    @property
    def period(self) -> int | None:
        """The period that the model was built with, or None."""
        return None if self.carried is None else self.carried.period

    @cached_property
    def quantiles(self) -> tuple[float, ...] | None:
        """The quantiles or calibrated bounds of the output; None for a point forecast."""
        carried = None if self.carried is None else self.carried.quantiles
        last = self.last_layer
        if isinstance(last, ConformalInterval):
            return last.quantiles  # Its bounds replace the quantiles before it.
        if not isinstance(last, SortedQuantiles):
            return carried
        if carried is not None and carried != last.quantiles:
            raise ValueError(
                f"model carries quantiles={carried} in its WindowedInput, and ends in "
                f"SortedQuantiles({last.quantiles}). Build both with the same ones."
            )
        return last.quantiles

    @property
    def last_layer(self) -> Any:
        """The last layer that is no ``Bounded``, of the model or of an inner model at its end."""
        ends = _from_the_end(self.model)
        return next((layer for layer in ends if not isinstance(layer, Bounded)), None)

    @property
    def bounds(self) -> Bounded | None:
        """The layer that clips the model's outputs, or None."""
        last = next(_from_the_end(self.model), None)
        return last if isinstance(last, Bounded) else None

    @property
    def trained_on(self) -> Spans | None:
        """Where the targets lie on which the model, or one inside it, was trained further."""
        parts = layers_within(self.model)
        carried = [p.carried if isinstance(p, WindowedInput) else remembered(p) for p in parts]
        return joined(*(each.trained_on for each in carried if each is not None))

    @property
    def units(self) -> float | list[float] | None:
        """The unit of each target, if the model has smoothing; else None."""
        layers = layers_within(self.model, SmoothedForecast)
        return (1.0 if layers[0].unit is None else layers[0].unit) if layers else None

    @cached_property
    def masked(self) -> Literal["any", "targets"] | None:
        """Which rows are masked: those that lack "any" value, or all "targets"; None for none."""
        features = {layer.features for layer in layers_within(self.model, MaskMissing)}
        if any(layer.start == "first" for layer in layers_within(self.model, CarryForward)):
            features.add("all")  # The layer fills single missing values.
        return ("any" if "any" in features else "targets") if features else None

    @property
    def takes_missing(self) -> bool:
        """True if the model's inputs may have missing values."""
        return self.masked is not None or (
            self.carried is not None and self.carried.windows.handling.inputs
        )

    @property
    def inputs(self) -> dict[str, Any]:
        """The model's inputs by "past", "future" and "static"; empty for a subclassed model."""
        inputs = getattr(self.model, "inputs", None) or []
        if len(inputs) == 1:
            return {"past": inputs[0]}
        if inputs and isinstance(self.model.input, dict):
            return dict(self.model.input)
        return {tensor.name: tensor for tensor in inputs}

    def check_forecaster(self) -> None:
        """Refuse a stateful model, and one with several outputs."""
        model = self.model
        stateful = [layer.name for layer in layers_within(model) if getattr(layer, "stateful", 0)]
        if stateful:
            raise ValueError(
                f"The layers {stateful} are stateful, so a forecast would depend on every call "
                "before it. Build the model with stateful=False and the same weights."
            )
        outputs = getattr(model, "outputs", None) or [None]
        if len(outputs) > 1 or isinstance(getattr(model, "output", None), dict | list | tuple):
            raise ValueError(
                f"forecast needs a model with one output. This one has {len(outputs)}, in a "
                f"{type(model.output).__name__}. Pass keras.Model(model.inputs, one_of_them)."
            )

    def check_columns(
        self,
        columns: Columns,
        name: str = "The model",
        cure: str = "Use the windows that the model was trained on.",
    ) -> None:
        """Refuse columns, and shapes of inputs, other than those that the model takes."""
        if self.columns is not None:
            received = columns.by_part()
            for part, names in self.columns.by_part().items():
                if len(names) != len(received[part]):
                    raise ValueError(
                        f"{name} takes {len(names)} column{'s' * (len(names) != 1)} under "
                        f"{part!r}, {names}, and the series has {len(received[part])}. Forecast "
                        "from the columns that the model was trained on."
                    )
        if not self.inputs:  # A subclassed model has no shapes.
            return
        fed = columns.input_shapes(self.windows.geometry.reach, self.windows.horizon)
        # ``input_shapes`` counts all rows; the model gets every ``sampling_rate``-th of them.
        fed["past"] = (self.windows.window, *fed["past"][1:])
        if set(self.inputs) != set(fed):
            raise ValueError(
                f"{name} takes the inputs {list(self.inputs)}, and the windows give {list(fed)}. "
                f"{cure} The inputs are named past, future and static."
            )
        for part, given in fed.items():
            taken = expected = tuple(self.inputs[part].shape[1:])
            if part == "past":  # Keras itself adds and drops a last axis of length 1.
                expected, given = ((*x, 1)[: max(len(x), 2)] for x in (taken, given))
            if len(expected) != len(given) or any(
                size not in (None, of_windows)
                for size, of_windows in zip(expected, given, strict=True)
            ):
                names = columns.by_part()[part]
                of = f", of the columns {_checks.shown(names)}" if isinstance(names[0], str) else ""
                raise ValueError(
                    f"{name} takes {part!r} of shape {taken}, and the windows give {fed[part]}{of}."
                    f" {cure}"
                )

    def check_frequency(self, panel: FlatSeries) -> None:
        """Refuse data whose timestamps have another frequency than the training data."""
        if self.frequency is None or panel.clock is None:
            return
        frequency = panel.frequency
        if frequency is not None and not same_steps(frequency, self.frequency):
            off = day_off(panel.clock, self.frequency)
            raise ValueError(
                f"The model was trained on steps of {_checks.shown(self.frequency)}, and those of "
                f"time_column={self.windows.time_column!r} are {frequency!r}. Forecast from data "
                "of the frequency that the model was trained on"
                f"{off and f'; the first row on another day is of {off}'}."
            )


def _from_the_end(layer: Any) -> Iterator[Any]:
    """Yield the layers of a model, and of the models inside it, from the last to the first."""
    if not getattr(layer, "layers", None):
        yield layer
        return
    for part in reversed(layer.layers):
        if not isinstance(part, keras.layers.InputLayer):
            yield from _from_the_end(part)


def remember(model: keras.Model, carried: Carried | None) -> None:
    """Attach ``carried`` to a model that has no ``WindowedInput`` to hold it."""
    setattr(model, _ATTRIBUTE, carried)


def remembered(model: keras.Model) -> Carried | None:
    """Return what ``remember`` attached to a model, or None."""
    return getattr(model, _ATTRIBUTE, None)


def carried_by(model: keras.Model) -> Carried | None:
    """Return what a model carries: in a layer, or else attached by ``remember``; or None."""
    return in_layers(model) or remembered(model)


def in_layers(model: keras.Model) -> Carried | None:
    """Return what the ``WindowedInput`` of a model carries, or None if there is none."""
    layers = layers_within(model, WindowedInput)
    for layer in layers[1:]:
        if layer.carried != layers[0].carried:
            raise ValueError(
                f"The model's layers {layers[0].name!r} and {layer.name!r} carry different "
                f"windows: {_checks.shown(layers[0].carried)} and {_checks.shown(layer.carried)}. "
                "Keep one of them."
            )
    return layers[0].carried if layers else None
