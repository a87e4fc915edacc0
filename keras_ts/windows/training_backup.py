"""``TrainingBackup``: continues a killed fit after its last complete epoch, bit for bit.

Keras's ``BackupAndRestore`` keeps weights and optimizer, but neither the states of dropout's seeds
nor the epoch of the dataset, which determines the order of the windows.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._backends import generator_states, processes, set_generator_states
from keras_ts._files import path_text, replacing
from keras_ts._models import build_optimizer, value_of
from keras_ts._typing import Array
from keras_ts.windows.dataset import WindowDataset, in_time_order

# A digest of data covers all values if they are in memory and at most ``_VALUES``, and the values
# of ``_WINDOWS`` windows.
_VALUES, _WINDOWS = 1 << 23, 256


class TrainingBackup(keras.callbacks.Callback):
    """Continues a fit that was killed, after the last epoch that was complete.

    After each epoch the callback writes all variables of the model and of its optimizer, the epoch,
    and the state of the dataset into a new file, which then replaces the last one. So a kill at any
    moment leaves one complete file. A continued fit ends with the weights of a fit that was never
    stopped, bit for bit.

    Put it last in the list of callbacks. In a continued fit, other callbacks, such as
    ``EarlyStopping`` and ``ReduceLROnPlateau``, begin anew, and then the weights may differ. In a
    run of several processes all read the folder, and only the first one writes.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import TrainingBackup, WindowedSeries
    >>> train = WindowedSeries(window=4, shuffle=True, seed=1).build(np.arange(30.0))
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> backup = TrainingBackup(train, "backup")
    >>> backup.epoch  # There is no backup yet, so the fit begins at epoch 0.
    0
    >>> settings = {"initial_epoch": backup.epoch, "shuffle": False, "verbose": 0}
    >>> history = model.fit(train, epochs=2, callbacks=[backup], **settings)

    ``preset.fit(train, callbacks=[backup])`` needs neither ``initial_epoch`` nor ``shuffle``.

    Args:
        dataset: The training dataset of the fit.
        backup_dir: Folder of the backup, which is made if it does not exist. No other fit may use
            it at the same time.
        delete_checkpoint: True to delete the backup once the fit has ended. Defaults to True.

    Raises:
        TypeError: ``dataset`` is not a ``WindowDataset``.
        ValueError: In ``fit``: the model is not built, ``initial_epoch`` is not ``backup.epoch``,
            or the backup is of another model or of other data, or cannot be read.
    """

    def __init__(
        self,
        dataset: WindowDataset,
        backup_dir: str | os.PathLike[str],
        *,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        _checks.instance("dataset", dataset, WindowDataset)
        self.dataset = dataset
        self.backup_dir = Path(path_text("backup_dir", backup_dir))
        self.delete_checkpoint = _checks.boolean("delete_checkpoint", delete_checkpoint)
        self._first: int | None = None
        self._batches = 0
        self._data = ""

    @property
    def epoch(self) -> int:
        """The epoch with which the fit goes on, counted from 0; 0 without a backup."""
        return int(self._read()[0]["epoch"]) if self._file.is_file() else 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Set model, optimizer and dataset to their states in the backup."""
        model = self.model
        if not model.built:
            raise ValueError(
                "TrainingBackup needs a model that is built: give it a keras.Input, or call it "
                "once on data before fit."
            )
        build_optimizer(model)
        self._first, self._data = 0, _digest(self.dataset)
        if self._file.is_file():
            about, values, states = self._read()
            self._first = int(about["epoch"])
            self._restore(about, values, states)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Check that the fit begins with the epoch of the backup."""
        first, self._first, self._batches = self._first, None, 0
        if first not in (None, epoch):
            raise ValueError(
                f"The backup in {str(self.backup_dir)!r} goes on with epoch {first}: pass "
                f"fit(initial_epoch=backup.epoch), or remove the folder to begin anew. Received: a "
                f"fit that begins with epoch {epoch}."
            )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the batches of the epoch."""
        self._batches = batch + 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the backup, unless the epoch was cut short."""
        steps = self.params.get("steps")
        if processes()[1] == 0 and (steps is None or self._batches >= steps):
            self._write(epoch + 1)

    def on_train_end(self, logs: Any = None) -> None:
        """Delete the backup."""
        if self.delete_checkpoint:
            self._delete()

    def _delete(self) -> None:
        if processes()[1] == 0:
            self._file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # Something else lies in the folder.
                self.backup_dir.rmdir()

    @property
    def _file(self) -> Path:
        return self.backup_dir / "training.npz"

    def _read(self) -> tuple[dict[str, Any], list[Array], list[Array]]:
        """Return what the backup says of the fit, its variables, and its generators' states."""
        try:
            with self._file.open("rb") as file, np.load(file) as archive:
                arrays = dict(archive)
            about = json.loads(arrays.pop("about").tobytes())
            if not {"epoch", "state", "data"} <= about.keys():
                raise KeyError("epoch")
        except Exception as error:  # zipfile has errors of several kinds.
            raise ValueError(
                f"The backup {str(self._file)!r} cannot be read: it is not complete, or another "
                "program wrote it. Remove it to begin anew."
            ) from error
        values, states = (
            [array for name, array in arrays.items() if name.startswith(kind)]
            for kind in ("variable_", "torch_")
        )
        return about, values, states

    def _write(self, epoch: int) -> None:
        about = {"epoch": epoch, "state": self.dataset.state(), "data": self._data}
        arrays: dict[str, Any] = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
        for number, variable in enumerate(_variables(self.model)):
            arrays[f"variable_{number}"] = value_of(variable)
        arrays |= {f"torch_{number}": state for number, state in enumerate(generator_states())}
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as new, new.open("wb") as file:
            np.savez(file, **arrays)

    def _restore(self, about: dict[str, Any], values: list[Array], states: list[Array]) -> None:
        variables = _variables(self.model)
        where = f"The backup in {str(self.backup_dir)!r}"
        if [value.shape for value in values] != [tuple(ours.shape) for ours in variables]:
            raise ValueError(
                f"{where} is of another model or optimizer, whose variables have other shapes. "
                "Build and compile the same ones, or remove the folder to begin anew."
            )
        moves = ("epoch", "batch", "seed")
        settings, ours = ({name: value for name, value in state.items() if name not in moves}
                         for state in (about["state"], self.dataset.state()))  # fmt: skip
        if settings != ours or about["data"] != self._data:
            raise ValueError(
                f"{where} is of a fit on other windows: it has {settings}, and this dataset has "
                f"{ours}{', and other values' * (settings == ours)}. Build the same dataset, or "
                "remove the folder to begin anew."
            )
        self.dataset.restore(about["state"])
        for variable, value in zip(variables, values, strict=True):
            # NumPy's files do not know bfloat16.
            dtype = value_of(variable).dtype
            variable.assign(value.view(dtype) if value.dtype.kind == "V" else value)
        set_generator_states(states)


def backup_of(
    backup: TrainingBackup, dataset: WindowDataset, read: WindowDataset, member: int | None = None
) -> TrainingBackup:
    """Return a backup, in the folder of ``backup``, of a fit on ``read`` or of one ``member``."""
    # ``dataset`` was passed to ``fit``, which reads the same batches from ``read``.
    if backup.dataset is not dataset:
        raise ValueError(
            "The TrainingBackup among the callbacks was made for another dataset than the one that "
            "fit trains on. Pass TrainingBackup(train, backup_dir) and fit(train, ...)."
        )
    if member is None:
        return TrainingBackup(read, backup.backup_dir, delete_checkpoint=backup.delete_checkpoint)
    # ``end_backups`` deletes the backup when the fits of all members have ended.
    return TrainingBackup(read, backup.backup_dir / f"member_{member}", delete_checkpoint=False)


def end_backups(backup: TrainingBackup, members: Sequence[TrainingBackup]) -> None:
    """Delete the backups of all members, whose fits have ended, and their folder."""
    for each in (*members, backup) if backup.delete_checkpoint else ():
        each._delete()


def _variables(model: keras.Model) -> list[Any]:
    """Return the variables that training changes, except those of metrics, which start over."""
    sums = {id(variable) for variable in model.metrics_variables}
    of_model = [variable for variable in model.variables if id(variable) not in sums]
    return [*of_model, *model.optimizer.variables]


def _digest(dataset: WindowDataset) -> str:
    """Return a digest of some windows, of the places of all windows, and of the values if few."""
    source = in_time_order(dataset, weighted=True)
    values, ranges = source.panel.values, source.sampler.ranges
    all_values = [values] if values.size <= _VALUES and not source.panel.on_disk else []
    chosen = np.unique(np.linspace(0, ranges.total - 1, _WINDOWS).astype(np.int64))
    windows = [source.read(0, int(number), int(number) + 1) for number in chosen]
    digest = hashlib.sha256()
    for array in (*all_values, *keras.tree.flatten(windows), ranges.first, ranges.series):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
