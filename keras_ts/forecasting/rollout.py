"""``Rollout``: a forecast of many steps as one Keras model, to save, export and serve."""

from dataclasses import dataclass, replace
from typing import Any, Self, cast

import keras

from keras_ts import _checks
from keras_ts._backends import is_backend
from keras_ts._models import check_model
from keras_ts._registration import registered
from keras_ts.forecasting.loop import Loop, Rounds, loop_inputs
from keras_ts.interface import Interface, remember
from keras_ts.panel.columns import PLAIN, Columns
from keras_ts.panel.roles import BY_SETTING
from keras_ts.windows.carried import Carried
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries


@dataclass(frozen=True)
class Forecaster:
    """What a ``Rollout`` was made of."""

    interface: Interface  # The interface of the model inside.
    columns: Columns  # The columns of the model's inputs, including those of the calendar.
    rounds: Rounds
    steps: int


@registered
class Rollout(keras.Model):
    """A model that forecasts many steps by feeding its outputs back, as ``forecast`` does.

    An exported ``Rollout`` needs no Keras: the file takes the last rows of a series and returns the
    steps that follow, in units of the series.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import Rollout, WindowedSeries
    >>> persist = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x[:, -1:])])
    >>> ahead = Rollout(persist, WindowedSeries(3), steps=4)
    >>> np.asarray(ahead(np.array([[1.0, 2.0, 3.0]]))).tolist()
    [[3.0, 3.0, 3.0, 3.0]]

    Args:
        model: A model that takes one window and forecasts a horizon. Its weights are shared.
        windows: The settings of the windows that the model was trained on, or a dataset that has
            them. Defaults to None: those that the model carries.
        steps: Number of steps to forecast. Defaults to None: the horizon.
        name: Name of the model. Defaults to None: one that Keras makes up.

    Input shape:
        ``(batch, reach)`` or ``(batch, reach, columns)``, the last
        ``reach = sampling_rate * (window - 1) + 1`` rows of each series. With columns known ahead
        or static columns, a dict: that array as "past", ``(batch, steps, columns)`` as "future",
        with the columns of a calendar last, and ``(batch, columns)`` as "static". All are numbers:
        in place of a column of text stand its columns of 0 and 1, as ``dataset.columns`` names
        them. If ``steps`` is no multiple of the horizon, the last round needs further rows of
        "future": the last row is repeated, whereas ``forecast`` computes their calendar.

    Output shape:
        ``(batch, steps)`` or ``(batch, steps, targets)``, as the targets in training, with a last
        axis for quantiles.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``windows`` no ``WindowedSeries``.
        ValueError: The model does not fit the windows or cannot be fed its outputs, as in
            ``forecast``; or the number of its columns is unknown.
    """

    def __init__(
        self,
        model: keras.Model,
        windows: WindowedSeries | WindowDataset | None = None,
        steps: int | None = None,
        name: str | None = None,
    ) -> None:
        interface = Interface.of(model, windows, built=True)
        model, settings = interface.model, interface.windows
        steps = settings.horizon if steps is None else _checks.integer("steps", steps, 1)
        interface.check_forecaster()
        columns = _columns(interface)
        interface.check_columns(columns)
        rounds = Rounds.of(interface, columns, steps)
        inputs = loop_inputs(model, columns.input_shapes(settings.geometry.reach, steps))
        super().__init__(inputs, Loop(model, rounds, steps, unrolled=False)(inputs), name=name)
        # The model's scorecard is left out, since it judges one horizon.
        carried = cast(Carried, interface.carried).with_quantiles(interface.quantiles)
        remember(self, carried)  # The model inside may have no WindowedInput.
        self._settings = {"model": model, "carried": carried, "steps": steps}
        self._forecaster = Forecaster(interface, columns, rounds, steps)

    def export(self, filepath: Any, format: str = "tf_saved_model", **kwargs: Any) -> Any:  # noqa: A002 - Keras's name
        """Export the forecast of all steps, as ``keras.Model.export`` does.

        ``export_model`` adds to the same file what a server needs to know. Without steps past the
        horizon, the file has no loop.

        Raises:
            ValueError: The file would have a loop, and the backend is PyTorch.
        """
        if is_backend("torch") and self._forecaster.rounds.count > 1:
            raise ValueError(
                "From PyTorch no Rollout is exported past the horizon, since the exporters record "
                "its loop for one batch size. Load the .keras file on the TensorFlow or JAX "
                "backend, and export it there."
            )
        return super().export(filepath, format=format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the model, its windows and the number of steps."""
        settings = self._settings
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(settings["model"]),
            "carried": settings["carried"].get_config(),
            "steps": settings["steps"],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Return the rollout that ``config`` describes."""
        rest = dict(config)
        model = keras.saving.deserialize_keras_object(
            rest.pop("model"), custom_objects=custom_objects
        )
        check_model(model, built=True)
        carried = Carried.from_config(rest.pop("carried"))
        remember(model, carried)
        return cls(model, carried.windows, rest.pop("steps"), **rest)


def forecaster_of(rollout: Rollout) -> Forecaster:
    """Return what a ``Rollout`` was made of."""
    return rollout._forecaster


def _columns(interface: Interface) -> Columns:
    """Return the columns of a model's inputs, from their shapes or from what it carries."""
    windows, inputs, carried = interface.windows, interface.inputs, interface.columns
    past: tuple[Any, ...] = (None,)
    static = 0
    if "past" in inputs:
        past = tuple(inputs["past"].shape[2:])
        static = inputs["static"].shape[1] if "static" in inputs else 0
    elif carried is not None:
        past, static = (len(carried.past),), len(carried.static)
    if None in (*past, static):
        raise ValueError(
            "The model does not say how many columns it takes, so a Rollout has no inputs. Put "
            "WindowedInput.of(dataset) into the model, or build it from keras.Input with a shape."
        )
    calendar = windows.calendar_columns
    read = past[0] - len(calendar) if past else None
    # With a calendar, the inputs of a plain series and of a table of one column have one shape.
    # Only the outputs differ: those of a plain series have no axis for the target.
    lone = read == 1 and bool(calendar) and windows.target_columns is None
    if read is None or (lone and _has_no_target_axis(interface)):
        return replace(PLAIN, static=tuple(range(1, 1 + static))).with_calendar(calendar)
    if carried is not None:
        return carried
    named = keras.tree.flatten([getattr(windows, name) for name in BY_SETTING])
    if any(isinstance(name, str) for name in named):
        raise ValueError(
            "The windows name columns, and the model does not carry the names of all of them: pass "
            "the dataset that it was trained on as windows."
        )
    return Columns.of(windows, range(read + static)).with_calendar(calendar)


def _has_no_target_axis(interface: Interface) -> bool:
    """Return True if the outputs lack an axis of length 1 for a single target."""
    shape = getattr(interface.model, "output_shape", None)
    if not isinstance(shape, tuple):
        return True
    steps = shape if interface.quantiles is None else shape[:-1]
    return steps[-2:] != (interface.windows.horizon, 1)
