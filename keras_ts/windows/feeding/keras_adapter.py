"""The methods that ``fit``, ``evaluate`` and ``predict`` call on a dataset, on every backend.

The docstring of ``progress`` lists the order of the calls.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import keras

from keras_ts import _checks, _keras_fits, _keras_private
from keras_ts._dtypes import with_exact_integers
from keras_ts.windows.feeding import to_tf
from keras_ts.windows.feeding.agreement import (
    BACKUPS,
    agree,
    digest_of_files,
    digest_of_variables,
    facts_apart,
    facts_of,
    seed_of,
)
from keras_ts.windows.feeding.compiled_losses import refuse_nan_losses
from keras_ts.windows.feeding.filled_batch import weigh_last_batch
from keras_ts.windows.feeding.fits import Beginning, trained_before, warn_of_rate_zero
from keras_ts.windows.feeding.progress import Count, Progress
from keras_ts.windows.feeding.source import WindowSource
from keras_ts.windows.feeding.workers import Workers, refuse_scattered, refuse_unaveraged, share

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class _VariableCount:
    """A ``Count`` in a TensorFlow variable, of which a strategy has a copy for each device."""

    variable: Any

    def __int__(self) -> int:
        return int(self.variable.numpy())


class KerasDataAdapter(_keras_private.DataAdapter):
    """The part of a ``WindowDataset`` that Keras calls."""

    _source: WindowSource
    _progress: Progress
    # A fit that has not begun its first epoch.
    _beginning: Beginning | None = None
    # Each fit as it began, and the dataset at that time, by the path of its backup: see
    # ``Progress.follow``.
    _begun: Mapping[str, tuple[Beginning, tuple[int, bool]]] = MappingProxyType({})

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch, or after ``restore`` the number that is left of it."""
        caller = _keras_private.epoch_iterator_calling()
        if caller == "__init__":
            self._begin_run(_keras_private.data_arguments(self))
        elif caller == "reset":
            self._progress.discard_pass()
        return self._progress.left

    @property
    def batch_size(self) -> None:
        """None, since the last batch may be smaller."""
        return None

    @property
    def builtin_prefetch(self) -> bool:
        """True, to keep Keras 3.12 on JAX from reading ahead, which would count batches early."""
        return True

    def on_epoch_begin(self) -> None:
        """Begin one of Keras's epochs; Keras calls this method."""
        if not _keras_private.epoch_iterator_calling():
            return
        fit = _keras_fits.fit_in_epoch(self)
        if fit is not None:
            if self._beginning is not None:
                self._begin_fit(fit, self._beginning)
            self._progress.tell(partial(_keras_fits.tell_length, fit.iterator))
        self._progress.begin_epoch()
        weigh_last_batch(self, self._part().sampler, self._progress.left)

    def on_epoch_end(self) -> None:
        """Move on to the order of the next epoch; Keras and custom loops call this method."""
        caller = _keras_private.epoch_iterator_calling()
        if caller == "reset":
            return
        if caller:
            self._progress.end_epoch()
            fit = _keras_fits.fit_in_epoch(self)
            if fit is not None:
                _keras_fits.finish_backups(fit)
        else:
            self._progress.advance()

    def get_numpy_iterator(self) -> Iterator[Any]:
        """Yield the batches of the current epoch."""
        return self._go_through(self._part(), self._progress.begin_pass)

    def get_jax_iterator(self) -> Iterator[Any]:
        """Yield the batches of the current epoch as NumPy arrays, which JAX takes."""
        ahead = _keras_private.batches_read_ahead()
        return self._go_through(self._part(), self._progress.begin_pass, ahead)

    def get_torch_dataloader(self) -> Any:
        """Return a loader that goes through the current epoch each time it is iterated."""
        import torch

        adapter = self

        class Batches(torch.utils.data.IterableDataset):
            def __iter__(self) -> Iterator[Any]:
                return adapter.get_numpy_iterator()

        return torch.utils.data.DataLoader(Batches(), batch_size=None)

    def get_tf_dataset(self) -> "tf.data.Dataset":
        """Return a dataset that goes through the current epoch each time it is iterated."""
        import tensorflow as tf

        handed_out = tf.Variable(0, dtype=tf.int64, trainable=False)

        def count(*batch: Any) -> Any:
            handed_out.assign_add(1)
            return batch

        def begin() -> int:
            epoch = self._progress.begin_pass(_VariableCount(handed_out))
            handed_out.assign(0)
            return epoch

        return to_tf.batches(self._part(), begin, self._progress.first_of).map(count)

    def _part(self) -> WindowSource:
        """Return what this process feeds of the batches: all of them, unless workers share them."""
        method, model = _keras_fits.method_calling()
        if method == "predict" and keras.backend.backend() == "tensorflow":
            return self._source  # TensorFlow's devices need no equal parts for that.
        sampler = share(self._source.sampler, Workers.of_this_run(model))
        if sampler is self._source.sampler:
            return self._source
        return replace(self._source, sampler=sampler)

    def _begin_run(self, arguments: dict[str, Any]) -> None:
        """Begin a fit, an evaluation or a prediction, if all processes of the run can.

        Args:
            arguments: What Keras's method got besides the dataset.
        """
        method, model = _keras_fits.method_calling()
        workers, fit = Workers.of_this_run(model), _keras_fits.fit_beginning(self)
        paths = [] if fit is None else _keras_fits.backup_paths(fit)

        def check() -> dict[str, Any]:
            self._refuse_run(arguments, workers)
            seed = seed_of(self._source, placed=self._progress.placed)
            if workers.processes == 1:  # A digest of the data takes time.
                return seed
            facts = facts_apart if workers.apart else facts_of
            return {
                "the method called": method,
                **facts(self._source, self._progress.place),
                **seed,
                "the number of BackupAndRestore callbacks": len(paths),
            }

        seed = agree(workers, check)[0]["_seed"]
        if not workers.apart and seed != self._source.sampler.seed:
            sampler = replace(self._source.sampler, seed=seed)
            self._source = replace(self._source, sampler=sampler)
        if paths and workers.processes > 1:
            # The agreement above comes after the last process has deleted an earlier backup.
            agree(workers, lambda: {"the files of the backup": digest_of_files(paths)}, BACKUPS)
        if fit is not None:
            self._beginning = Beginning.of(fit)
        self._progress.begin_run()

    def _refuse_run(self, arguments: dict[str, Any], workers: Workers) -> None:
        """Refuse a fit, an evaluation or a prediction that would go wrong in this process."""
        method, model = _keras_fits.method_calling()
        self._refuse_ignored(arguments)
        if self._progress.in_keras_epoch and _keras_private.feeds_from(self):
            raise RuntimeError(
                "This dataset feeds a fit that is in the middle of an epoch. Evaluate or "
                "predict between epochs, or on another dataset built from the same series."
            )
        if method == "predict":
            refuse_scattered(workers)
        share(self._source.sampler, workers)
        if method != "predict" and model is not None and self._source.spec.handling.partial:
            refuse_nan_losses(model)
        if _keras_fits.fit_beginning(self) is not None:
            refuse_unaveraged()

    def _begin_fit(self, fit: _keras_fits.Fit, beginning: Beginning) -> None:
        """Begin a fit where all processes of the run have stopped, once callbacks have restored."""
        self._beginning = None
        workers = Workers.of_this_run(fit.model)

        def check() -> dict[str, Any]:
            self._follow(fit, beginning)
            epoch, batch = self._progress.place
            optimizer = getattr(fit.model, "optimizer", None)
            updates = None if optimizer is None else _keras_fits.updates_of(optimizer)
            return {
                "the epoch of fit": fit.epoch,
                "the epoch of the dataset": epoch,
                "the batch within the epoch": batch,
                "the updates of the optimizer": updates,
                "the weights (by a digest)": digest_of_variables(fit.model.weights),
            }

        if workers.processes == 1:
            self._follow(fit, beginning)
            return
        agree(workers, check, BACKUPS)
        _keras_fits.share_backups(fit, first=workers.process == 0)

    def _follow(self, fit: _keras_fits.Fit, beginning: Beginning) -> None:
        """Move to where a continued fit stopped, and warn if the fit cannot learn."""
        batches, paths = self._source.sampler.batches, _keras_fits.backup_paths(fit)
        backup, earlier = _keras_fits.restored_backup(fit), None
        if backup is not None:
            earlier = next((self._begun[path] for path in paths if path in self._begun), None)
        beginning, begun = earlier or (beginning, None)
        begun = self._progress.follow(
            fit.epoch, lambda fresh: trained_before(fit, backup, beginning, batches, fresh), begun
        )
        self._begun = {**self._begun, **dict.fromkeys(paths, (beginning, begun))}
        _keras_fits.begin_backups(fit)
        warn_of_rate_zero(fit, batches)

    def _go_through(
        self, source: WindowSource, begin: Callable[[Any], int], ahead: int = 0
    ) -> Iterator[Any]:
        """Read the batches of one pass, and count them for the progress.

        Args:
            source: The batches.
            begin: Function of the count that begins the pass and returns the epoch.
            ahead: Number of batches that Keras reads before it trains on them. Defaults to 0.
        """
        count = Count()
        epoch, first = begin(count), self._progress.first
        read, bounds, batches = source.read, source.sampler.bounds, source.sampler.batches
        inexact = source.has_inexact_integers
        for batch in range(first, batches):
            # The batch counts before it is yielded, so that a state taken while it is in use
            # continues after it.
            count.value = batch + 1 - first - ahead
            windows = read(epoch, *bounds(batch))
            yield with_exact_integers(windows) if inexact else windows
        count.value = batches - first

    def _refuse_ignored(self, arguments: dict[str, Any]) -> None:
        """Refuse arguments that Keras passes only to its own adapters, and would ignore here."""
        batch_size = self._source.sampler.batch_size
        cures = {
            "y": "the targets are in the dataset",
            "sample_weight": "pass them to WindowedSeries.build(series, sample_weight=...)",
            "class_weight": "pass one weight per window to build(series, sample_weight=...)",
            "batch_size": f"its batches hold {batch_size} windows, as WindowedSeries("
            "batch_size=...) says",
        }
        for name, cure in cures.items():
            value = arguments.get(name)
            if value is not None and not (name == "batch_size" and value == batch_size):
                raise ValueError(
                    f"{name} cannot be passed with a WindowDataset: {cure}. "
                    f"Received: {name}={_checks.shown(value)}."
                )
