"""Saves a model with the windows that it was trained on and the scores that it got."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import keras

from keras_ts import _checks, _keras_private
from keras_ts._files import path_text, replacing
from keras_ts._models import check_model, undistributed
from keras_ts.interface import Interface, in_layers, remember, remembered
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.saving import archive
from keras_ts.saving.load import IN_FOLDER, KEY, MASKS_MARK, masks_passed_on
from keras_ts.saving.scorecard import Judged, card_beside, with_scorecard
from keras_ts.windows.carried import Carried
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries


def save_model(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    windows: WindowedSeries | WindowDataset | None = None,
    report: Judged | None = None,
) -> None:
    """Save a model as a ``.keras`` file, with the settings of its windows and its scores inside.

    ``keras.saving.load_model`` opens the file as well. An existing file is replaced only once the
    new one is complete.

    A model with a ``WindowedInput`` carries its windows, also into files that Keras's own
    ``model.save`` writes. For any other model they go into the file's metadata, where
    ``model.save`` does not put them. The scores of a report are kept with the windows.
    ``scorecard`` returns the scores, and says if the weights have changed since then.

    If ``filepath`` is a folder, the model is written into it as ``model.keras``, and a model with a
    scorecard also gets a model card, ``README.md``, as in a repository of the Hugging Face hub.
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
        filepath: The file to write, whose name ends in ``.keras``; or a folder, which is made if it
            does not exist.
        windows: The settings to keep with the model, or a dataset, to keep also its column names
            and frequency. Quantiles of a model that ends in ``SortedQuantiles`` are kept, too.
            Defaults to None: those that the model was loaded or saved with before, if any.
        report: What ``compare`` or ``backtest`` returned. If it judges several models, the scores
            of the one with the weights of ``model`` are kept. Defaults to None: the model keeps the
            scorecard that it has, if any.

    Raises:
        ValueError: ``filepath`` names a file of another kind; ``windows`` are not those of the
            model's ``WindowedInput``; the model has a ``report`` but no windows, or ``report``
            judges other weights, windows or columns; or the folder holds a ``README.md`` that would
            be wrong or lost.
    """
    model = check_model(model)
    path = Path(path_text("filepath", filepath))
    folder = path.suffix != ".keras"
    if folder and path.suffix and not path.is_dir():
        raise ValueError(
            f"filepath must end in .keras, or name a folder. Received: filepath={str(path)!r}."
        )
    carried = _to_carry(model, windows)
    if report is not None:
        carried = with_scorecard(carried, model, report)
    scored = carried is not None and carried.scorecard is not None
    lambdas = [layer.name for layer in _keras_private.layers_within(model, keras.layers.Lambda)]
    if lambdas:
        warnings.warn(
            f"The model has a Lambda, {_checks.shown(lambdas)}, whose code load_model refuses to "
            "run. Put a layer in its place, or open the file with keras_ts.migrate_lambdas.",
            stacklevel=2,
        )
    # No file is put in place before all are complete.
    with _carrying(model, carried) as in_metadata, contextlib.ExitStack() as stack:
        if folder:
            path.mkdir(exist_ok=True)
            card_beside(model, path, scored, stack)
            path = path / IN_FOLDER
        write(model, stack.enter_context(replacing(path)), in_metadata)


def _to_carry(model: keras.Model, windows: Any) -> Carried | None:
    """Return the windows to keep in a model, with what belongs to them; None without windows."""
    passed, in_model, before = None, in_layers(model), remembered(model)
    if windows is not None:
        quantiles = Interface(model, None).quantiles
        if isinstance(windows, WindowDataset):
            passed = Carried.of(windows, quantiles)
        elif isinstance(windows, WindowedSeries):
            passed = Carried(windows, quantiles=quantiles)
        else:
            raise TypeError(
                "windows must be a WindowedSeries, a WindowDataset or None; pass a report as "
                f"report=. Received: {type(windows).__name__}."
            )
    if passed is not None and in_model is not None and (wrong := in_model.disagreement(passed)):
        raise ValueError(
            f"windows are not those that the model's WindowedInput carries: it has {wrong}. Leave "
            "windows out, or build the model for these."
        )
    carried: Carried | None = in_model or passed or before
    if carried is None:
        return None
    # Fields that are None keep their earlier values, except quantiles, which follow from the model.
    if before is not None and before.disagreement(carried) is None:
        missing = {field.name for field in fields(Carried) if getattr(carried, field.name) is None}
        stays = {name: getattr(before, name) for name in missing - {"quantiles"}}
        carried = replace(carried, **stays)
    return replace(carried, trained_on=Interface(model, carried).trained_on)


@contextlib.contextmanager
def _carrying(model: keras.Model, carried: Carried | None) -> Iterator[Carried | None]:
    """Put ``carried`` into a model's layers, or yield it without any; undo if saving fails."""
    layers = _keras_private.layers_within(model, WindowedInput)
    in_layers_before, before = [layer.carried for layer in layers], remembered(model)
    for layer in layers:
        layer.carried = carried or layer.carried
    remember(model, None if layers else carried)
    try:
        yield remembered(model)
    except BaseException:
        for layer, value in zip(layers, in_layers_before, strict=True):
            layer.carried = value
        remember(model, before)
        raise


def write(model: keras.Model, path: Path, carried: Carried | None) -> None:
    """Write Keras's file, with ``carried`` in its metadata."""
    with undistributed():
        keras.saving.save_model(model, path)
    if carried is not None:
        archive.update_json(path, archive.METADATA, {KEY: carried.get_config()})
    if masks_passed_on(model):
        archive.update_json(path, archive.METADATA, MASKS_MARK)
