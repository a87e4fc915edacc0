"""Saves a model together with the windows it was trained on, and its scorecard."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import keras

from keras_ts import _checks, _keras_private
from keras_ts._files import path_text, replacing
from keras_ts._models import check_model, undistributed
from keras_ts.interface import Interface, in_layers, remember, remembered
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.plotting.errors import plot_errors
from keras_ts.saving import archive, masks
from keras_ts.saving.card import Scorecard, with_picture
from keras_ts.saving.load import IN_FOLDER, put_carried
from keras_ts.saving.marker import is_marked, is_unchanged
from keras_ts.saving.schema import checked, differences, task_of
from keras_ts.saving.scorecard import scorecard
from keras_ts.saving.weights import Weights
from keras_ts.windows.carried import Carried
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries

CARD, PICTURE = "README.md", "errors.png"
# Nobody wants folders of these names.
_OTHER_FILES = (".h5", ".hdf5", ".zip", ".json", ".onnx", ".pb", ".md", ".pkl")


class Report(Protocol):
    """What ``save_model`` asks of a report."""

    def scorecards(self) -> list[dict[str, Any]]:
        """Return the scorecard of each model, as plain values."""
        ...


def save_model(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    windows: WindowedSeries | WindowDataset | None = None,
    report: Report | None = None,
    picture: bool = False,
) -> None:
    """Save a model as a ``.keras`` file, with the settings of its windows and its scores inside.

    ``keras.saving.load_model`` opens the file as well. An existing file is replaced only once the
    new one is complete.

    A model with a ``WindowedInput`` carries its windows already, also into files that Keras's own
    ``model.save`` writes. For any other model they go into the file's metadata, which only this
    function writes. The scores of a report go the same way, and stay with the model: ``scorecard``
    gives them back, and knows if the weights are still those that were judged.

    If ``filepath`` is a folder, the model in it is named ``model.keras``, and its model card
    ``README.md`` if it has a scorecard: a folder as a repository of the Hugging Face hub.
    ``load_model``, ``load_windows`` and ``scorecard`` take the folder, too.

    Example:

    >>> import tempfile
    >>> from keras_ts import RecurrentPreset, WindowedSeries, load_windows, save_model
    >>> model = RecurrentPreset(units=(4,)).build(window=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras", windows=WindowedSeries(20))
    ...     load_windows(folder + "/model.keras").window
    20

    Args:
        model: The model, with optimizer, loss and metrics if it is compiled.
        filepath: The file to write, whose name ends in ``.keras``; any other name is that of a
            folder, which is made if it is not there.
        windows: The settings to keep with the model, or a dataset, whose column names and frequency
            are kept, too. If the model ends in ``SortedQuantiles``, its quantiles are kept with
            them. Defaults to None: those that the model was loaded or saved with before, if any.
        report: What ``compare`` or ``backtest`` returned. If it judges several models, the one
            with the weights of ``model`` is meant. Defaults to None: the model keeps the scorecard
            that it has, if any.
        picture: True to draw the errors at each step into ``errors.png`` in the folder, and to show
            them in the card. Needs matplotlib and a scorecard. Defaults to False.

    Raises:
        TypeError: ``model`` is not a Keras model, ``filepath`` is not a path, ``windows`` is
            neither a ``WindowedSeries`` nor a ``WindowDataset``, or ``report`` is no report.
        ValueError: ``filepath`` names a file of another kind, the names of columns take megabytes,
            ``windows`` cut other windows than the model's ``WindowedInput`` carries, ``report``
            judges no model with these weights, or one of another horizon, window or columns, the
            model carries no windows that a report could go with, or the folder holds a
            ``README.md`` that would be wrong or lost.
        FileNotFoundError: The folder of ``filepath`` does not exist.
    """
    model = check_model(model)
    path = Path(path_text("filepath", filepath))
    _checks.boolean("picture", picture)
    if path.name.lower().endswith(_OTHER_FILES):
        raise ValueError(
            f"filepath must end in .keras, or name a folder. Received: filepath={str(path)!r}."
        )
    folder = path.suffix != ".keras"
    if folder and path.exists() and not path.is_dir():
        raise ValueError(
            f"filepath must end in .keras, or name a folder. {str(path)!r} is a file already."
        )
    kept = _kept(model, windows, report)
    has_card = kept is not None and kept.scorecard is not None
    if picture and not (folder and has_card):
        raise ValueError(
            "picture=True draws the errors of a scorecard into a folder: name a folder, and pass "
            "report=compare(model, train, validation)."
        )
    with _carrying(model, kept) as beside:
        if folder:
            _write_folder(model, path, beside, scorecard(model) if has_card else None, picture)
        else:
            write(model, path, beside)


def _kept(model: keras.Model, windows: Any, report: Any) -> Carried | None:
    """Return what the model shall carry; None without windows."""
    passed, own, old = _carried(model, windows), in_layers(model), remembered(model)
    if passed is not None and own is not None:
        disagreement = own.disagreement(passed)
        if disagreement is not None:
            raise ValueError(
                "windows are not those that the model's WindowedInput carries: it has "
                f"{disagreement}. Leave windows out, or build the model for these."
            )
    kept: Carried | None = own or passed or old
    if kept is not None and old is not None and old.disagreement(kept) is None:
        kept = replace(kept, scorecard=kept.scorecard or old.scorecard)
    if kept is not None:
        kept = replace(kept, trained_on=Interface(model, kept).trained_on)
    if report is not None:
        values = checked(_judged(model, report))
        if kept is None:
            raise ValueError(
                "A scorecard goes with the windows that were judged, and the model carries none: "
                "pass windows=validation, the dataset that it was judged on."
            )
        judged, carries = differences(values["judged_on"], task_of(kept.windows, kept.columns))
        if judged:
            raise ValueError(
                f"report judges another task than that of the model: {judged}, where the model "
                f"carries {carries}. Judge a model of these windows and columns."
            )
        kept = replace(kept, scorecard=values)
    return kept


@contextlib.contextmanager
def _carrying(model: keras.Model, kept: Carried | None) -> Iterator[Carried | None]:
    """Let a model carry ``kept``, or yield it if no layer can; undo it if the block fails."""
    layers = [
        layer for layer in _keras_private.layers_within(model) if isinstance(layer, WindowedInput)
    ]
    before = [layer.carried for layer in layers], remembered(model)
    for layer in layers:
        layer.carried = kept or layer.carried
    remember(model, None if layers else kept)
    try:
        yield remembered(model)
    except BaseException:
        for layer, carried in zip(layers, before[0], strict=True):
            layer.carried = carried
        remember(model, before[1])
        raise


def _judged(model: keras.Model, report: Any) -> dict[str, Any]:
    """Return the scorecard in a report that belongs to a model, found by its weights."""
    if not callable(getattr(report, "scorecards", None)):
        raise TypeError(
            "report must be what compare or backtest returned. Received: "
            f"{_checks.shown(report)} ({type(report).__name__})."
        )
    own = Weights.of(model).plain()
    cards: list[dict[str, Any]] = report.scorecards()
    for card in cards:
        if card["weights"] is None:  # A backtest judges other models, made in the same way.
            return {**card, **own}
    alike = [card for card in cards if card["weights"] == own["weights"]]
    if not alike:
        judged = ", ".join(repr(card["model"]) for card in cards) or "no model"
        raise ValueError(
            f"report judges {judged}, and the weights of model are others: it was trained further "
            "since, or is another model. Judge this model, and save it with that report."
        )
    # A calibrated model and the one inside have the same weights but for the intervals'.
    return next((card for card in alike if card["intervals"] == own["intervals"]), alike[0])


def _carried(model: keras.Model, windows: Any) -> Carried | None:
    """Return what the argument ``windows`` asks to keep with a model, or None."""
    if windows is None:
        return None
    quantiles = Interface(model, None).quantiles
    if isinstance(windows, WindowDataset):
        return Carried.of(windows, quantiles)
    if isinstance(windows, WindowedSeries):
        return Carried(windows, quantiles=quantiles)
    kind = type(windows).__name__
    hint = " Pass it as report=." if callable(getattr(windows, "scorecards", None)) else ""
    received = f"a {kind}" if hint else f"{_checks.shown(windows)} ({kind})"
    raise TypeError(
        f"windows must be a WindowedSeries, a WindowDataset or None. Received: {received}.{hint}"
    )


def _write_folder(
    model: keras.Model, folder: Path, carried: Carried | None, card: Scorecard | None, picture: bool
) -> None:
    """Write model, card and picture; each file is in place only once all are complete."""
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"{str(folder)!r}: the folder {folder.parent} does not exist.")
    _check_readme(folder / CARD, card)
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(replacing(folder / IN_FOLDER))
        _write(model, file, carried)
        if card is None:
            return
        text = stack.enter_context(replacing(folder / CARD))
        text.write_text(with_picture(card, PICTURE if picture else None), encoding="utf-8")
        if picture:
            steps, metric = card.values["steps"], card.values["by"]
            plot_errors(
                {card.values["model"]: steps["model"], card.values["best"]: steps["baseline"]},
                metric.upper(),
                filepath=folder / PICTURE,
            )


def _check_readme(path: Path, card: Scorecard | None) -> None:
    """Refuse a card that a save would make wrong, and a text of somebody's own."""
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if card is None and is_marked(text):
        raise ValueError(
            f"{str(path)!r} is the card of a model that was judged, and this one has no scorecard: "
            "pass report=compare(model, train, validation), or remove the card."
        )
    if card is not None and not is_unchanged(text):
        raise ValueError(
            f"{str(path)!r} was not written by save_model, or changed by hand, and would be "
            "replaced by the card: move or remove it, or save to another folder."
        )


def check_saveable(model: Any, filepath: Any) -> keras.Model:
    """Return a model; refuse anything else, and a path that does not end in ``.keras``."""
    model = check_model(model)
    path = path_text("filepath", filepath)
    if not path.endswith(".keras"):
        raise ValueError(f"filepath must end in .keras. Received: filepath={path!r}.")
    return model


def write(model: keras.Model, filepath: str | os.PathLike[str], carried: Carried | None) -> None:
    """Write Keras's file, with ``carried`` in its metadata."""
    with replacing(filepath) as temporary:
        _write(model, temporary, carried)


def _write(model: keras.Model, temporary: Path, carried: Carried | None) -> None:
    with undistributed():
        keras.saving.save_model(model, temporary)
    if carried is not None:
        put_carried(temporary, carried)
    if masks.passed_on(model):
        archive.update_json(temporary, archive.METADATA, masks.MARK)
