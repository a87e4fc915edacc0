"""``save_model`` puts the scorecard of a report into a model; ``scorecard`` reads it.

A scorecard is kept with the windows that a model carries. It holds a digest of each weight that was
judged. So weights in a file are compared without building the model, and models that ``calibrate``
makes of the same layers are recognized. Margins of a ``ConformalInterval`` change no point
forecast, so their digests are compared separately.
"""

import contextlib
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

from keras_ts import _checks, _keras_private
from keras_ts._backends import unwrapped
from keras_ts._files import path_text, replacing
from keras_ts._typing import Array
from keras_ts.interface import Interface, carried_by
from keras_ts.layers.calendar_events import CalendarEvents
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.following import Followed
from keras_ts.saving import archive
from keras_ts.saving.config import entries, short, title
from keras_ts.saving.load import HDF5, carried_in, located_file, look_through
from keras_ts.scores.card import MARKER, Scorecard
from keras_ts.scores.schema import LONGEST_TEXT, checked, differences, printable, task_of
from keras_ts.windows.carried import Carried

CARD = "README.md"
_INTERVAL = "keras_ts>ConformalInterval"
# The settings of a ``ConformalInterval`` that tell its quantiles and updates.
_SETTINGS = ("coverage", "quantiles", "keep_others", "scores", "followed")
# A ConformalInterval has two weights: margins and floor.
_WEIGHTS_OF_INTERVAL = 2


class Judged(Protocol):
    """What ``save_model`` needs from a report."""

    def scorecards(self) -> list[dict[str, Any]]:
        """Return the scorecard of each model, as plain values."""
        ...


def scorecard(model: keras.Model | str | os.PathLike[str]) -> Scorecard:
    """Return the scorecard that ``save_model(model, filepath, report=report)`` put into a model.

    A file is read without building the model. Digests of its weights are compared with those of the
    weights that were judged: ``ok`` is False if the model was trained further. An exchange of
    weights between two layers of one shape is not noticed.

    Example:

    >>> import tempfile
    >>> from keras_ts import RecurrentPreset, WindowedSeries, compare, course_series
    >>> from keras_ts import save_model, scorecard
    >>> train, validation = WindowedSeries(20).split(course_series(), at=1000)
    >>> model = RecurrentPreset(units=(4,), window_norm="last").build(train)
    >>> report = compare(model, train, validation)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras", report=report)
    ...     card = scorecard(folder + "/model.keras")
    >>> card.ok, card.to_dict()["verdict"] == report.verdicts["model"]
    (True, True)

    Args:
        model: A model, a ``.keras`` or ``.h5`` file, or a folder that ``save_model`` wrote.

    Returns:
        A ``Scorecard``.

    Raises:
        FileNotFoundError: There is no such file, or the folder holds no ``model.keras``.
        TypeError: ``model`` is neither a Keras model nor a path.
        ValueError: The model or file has no scorecard, or an invalid one.
    """
    model = unwrapped(model)
    if isinstance(model, keras.Model):
        return _of_model(model)
    if not isinstance(model, str | os.PathLike):
        raise TypeError(
            "model must be a Keras model or the path of a file. "
            f"Received: {_checks.shown(model)} ({type(model).__name__})."
        )
    return _of_file(located_file(path_text("model", model)))


def _of_model(model: keras.Model) -> Scorecard:
    carried = carried_by(model)
    values, weights = _values(carried, f"The model {model.name!r}"), Weights.of(model)
    intervals = None if values["intervals"] is None else frozenset(values["intervals"])
    interface = Interface(model, carried)
    return _scorecard(
        carried,
        values,
        interface.quantiles,
        followed=getattr(interface.last_layer, "followed", None),
        same_net=weights.net == set(values["weights"]),
        same_intervals=weights.intervals == intervals,
        calibrated=weights.intervals is not None,
    )


def _of_file(path: str) -> Scorecard:
    config, metadata = look_through(path)
    carried = carried_in(config, metadata, path)
    values, digests = _values(carried, repr(path)), digests_in(path)
    layers = [e["config"] for p, e in entries(config) if title(e) == _INTERVAL and not p.part]
    net, intervals = set(values["weights"]), values["intervals"]
    quantiles, followed = carried.quantiles if carried else None, None
    if layers:
        quantiles, followed = _bounds(layers[-1], path)
    return _scorecard(
        carried,
        values,
        quantiles,
        followed=followed,
        same_net=net <= digests and len(digests - net) <= _WEIGHTS_OF_INTERVAL * len(layers),
        same_intervals=not layers if intervals is None else set(intervals) <= digests,
        calibrated=bool(layers),
    )


def _bounds(layer: Any, path: str) -> tuple[tuple[float, ...], Followed | None]:
    """Return the quantiles of a ``ConformalInterval`` from its config, and what it followed."""
    settings = {key: layer[key] for key in _SETTINGS if key in layer}
    try:
        interval = ConformalInterval(**settings)
        return interval.quantiles, interval.followed
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path!r} holds an invalid ConformalInterval: {short(error)}") from None


def _scorecard(
    carried: Any,
    values: dict[str, Any],
    quantiles: tuple[float, ...] | None,
    *,
    followed: Followed | None,
    same_net: bool,
    same_intervals: bool,
    calibrated: bool,
) -> Scorecard:
    remarks = []
    if not same_net:
        remarks.append(
            "The weights are no longer those that were judged: the model was trained further, or "
            "given other weights. Judge it again."
        )
    elif (count := values["folds"]) is not None:
        remarks.append(
            f"Judged by a backtest of {count} fold{'s' * (count != 1)}: the errors are not of this "
            "model, but of others, built and trained in the same way on earlier parts of the data."
        )
    if not same_intervals:
        remarks.append(
            "The intervals are not those that were judged: "
            + ("the model was calibrated since." if calibrated else "it has lost them.")
            + " Scores of the point forecast hold, coverage and width do not."
        )
    if followed is not None:
        remarks.append(f"Its bands were updated by values since {printable(followed.since)}.")
    return Scorecard(same_net, tuple(remarks), carried, quantiles, values)


def _values(carried: Carried | None, where: str) -> dict[str, Any]:
    """Return the checked entries of the scorecard that a model or file carries."""
    if carried is None or carried.scorecard is None:
        raise ValueError(
            f"{where} has no scorecard. Judge the model, and save it with the report: "
            "keras_ts.save_model(model, filepath, report=keras_ts.compare(model, train, "
            "validation))."
        )
    try:
        return checked(carried.scorecard)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} holds an invalid scorecard: {short(error)}") from None


def with_scorecard(carried: Carried | None, model: keras.Model, report: Judged) -> Carried:
    """Return what a model carries, with the scorecard that a report has for its weights."""
    weights, cards = Weights.of(model).plain(), report.scorecards()
    # A backtest names no weights: it judges other models, made in the same way.
    fitting = [card for card in cards if card["weights"] in (None, weights["weights"])]
    if not fitting:
        models = ", ".join(repr(card["model"]) for card in cards) or "no model"
        raise ValueError(
            f"report judges {models}, and model has other weights: it was trained further "
            "since, or is another model. Judge this model, and save it with that report."
        )
    # A calibrated model and the model inside it differ only in the weights of intervals.
    card = next((card for card in fitting if card["intervals"] == weights["intervals"]), fitting[0])
    values = checked({**card, **weights} if card["weights"] is None else card)
    if carried is None:
        raise ValueError(
            "A scorecard is kept with windows, and model carries none: pass windows=validation, "
            "the dataset that it was judged on."
        )
    judged, carries = differences(values["judged_on"], task_of(carried.windows, carried.columns))
    if judged:
        raise ValueError(
            f"report judges another task than that of the model: {judged}, where the model carries "
            f"{carries}. Judge a model of these windows and columns."
        )
    layers, notes = _keras_private.layers_within(model, CalendarEvents), values["notes"]
    if names := ", ".join(dict.fromkeys(name for layer in layers for name in layer.names)):
        notes = [*notes, f"It knows these recurring events: {names}."[:LONGEST_TEXT]]
    return replace(carried, scorecard={**values, "notes": notes})


def card_beside(
    model: keras.Model, folder: Path, scored: bool, stack: contextlib.ExitStack
) -> None:
    """Write the card of a model with scores; refuse to replace a text that has no marker."""
    path = folder / CARD
    marked = path.is_file() and MARKER in path.read_text(encoding="utf-8", errors="replace")
    if path.is_file() and marked != scored:
        raise ValueError(
            f"{str(path)!r} "
            + ("is not a card of save_model" if scored else "is the card of another model")
            + ", so it would be lost or wrong: move it, or save to another folder."
        )
    if scored:
        text = _of_model(model).to_markdown()
        stack.enter_context(replacing(path)).write_text(text, encoding="utf-8")


# An optimizer's state is no weight. A .keras file keeps it in groups ``optimizer``, of the model or
# of models inside it, and an .h5 file in the group ``optimizer_weights``.
_OPTIMIZERS = ("/optimizer/", "/optimizer_weights/")


class Weights(NamedTuple):
    """The digests of a model's weights, without those of random states and counters."""

    net: frozenset[str]  # outside of any ``ConformalInterval``
    intervals: frozenset[str] | None  # of a ``ConformalInterval``; None without one

    @classmethod
    def of(cls, model: keras.Model) -> "Weights":
        """Return the digests of a model in memory."""
        layers = _keras_private.layers_within(model, ConformalInterval)
        margins = {id(weight) for layer in layers for weight in layer.weights}
        digests: tuple[set[str], set[str]] = set(), set()
        for weight in model.weights:
            if "float" in weight.dtype:
                values = keras.ops.convert_to_numpy(weight)
                digests[id(weight) in margins].add(_digest(values))
        return cls(frozenset(digests[0]), frozenset(digests[1]) if layers else None)

    def plain(self) -> dict[str, list[str] | None]:
        """Return the entries ``weights`` and ``intervals`` of a scorecard."""
        intervals = None if self.intervals is None else sorted(self.intervals)
        return {"weights": sorted(self.net), "intervals": intervals}


def digests_in(path: str) -> frozenset[str]:
    """Return the digests of all float weights in a checked file, without an optimizer's."""
    source: str | bytes = path
    if not path.endswith(HDF5):
        with archive.opened(path) as opened:
            source = archive.read(opened, archive.WEIGHTS)
    digests = set()
    for name, values in archive.arrays(source, repr(path)):
        if values.dtype == "V2":  # Keras writes bfloat16 as the upper half of a float32.
            values = (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        if values.dtype.kind == "f" and not any(part in f"/{name}" for part in _OPTIMIZERS):
            digests.add(_digest(values))
    return frozenset(digests)


def _digest(values: Array) -> str:
    values = np.asarray(values, dtype=np.float32)
    content = repr(values.shape).encode() + values.tobytes()
    return hashlib.blake2b(content, digest_size=8).hexdigest()
