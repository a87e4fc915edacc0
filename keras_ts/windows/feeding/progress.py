"""``Progress``: how far a run has come, as an epoch and the number of its batches already read.

One rule holds everywhere: **a finished pass over all batches counts as an epoch.** The next fit
begins an interrupted pass again, or continues it after ``restore``.

Keras makes this rule hard to keep. It makes the following calls during a fit, an evaluation or a
prediction. Each run has an ``EpochIterator`` of its own, and a fit keeps a second one for all of
its validations:

1. ``EpochIterator()`` asks for ``num_batches``: a run begins.
2. If the model is not built yet: ``on_epoch_begin``, and one batch is read to build it.
3. ``EpochIterator.reset`` asks for ``num_batches`` and calls ``on_epoch_end``, although no epoch
   has ended. The batch of step 2 must not count, even if it is the only one of an epoch. (A
   prediction may skip this step.)
4. For every epoch: ``on_epoch_begin``, the batches, ``on_epoch_end``. With ``steps_per_epoch`` a
   pass spans several of Keras's epochs, and ``on_epoch_end`` comes before the pass is finished. A
   fit that stops early, even at the last batch, does not call ``on_epoch_end``.

Custom loops call ``on_epoch_end`` too. So the adapter finds out who calls, and calls a method of
``Progress`` for each case; the arithmetic stays here.
"""

from collections.abc import Callable
from typing import Any


class Count:
    """The number of batches that a pass has read."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def __int__(self) -> int:
        # It is below 0 while Keras has only read ahead.
        return max(self.value, 0)


class Progress:
    """An epoch, and the number of its batches already read.

    Args:
        batches: Number of batches in an epoch.
    """

    # Older pickles lack these.
    placed = False
    # The length of an epoch that Keras last asked for.
    _length: int | None = None

    def __init__(self, batches: int) -> None:
        self._batches = batches
        self.go_to(0, 0)

    def go_to(self, epoch: int, batch: int, placed: bool = False) -> None:
        """Continue at a batch of an epoch.

        Args:
            epoch: The epoch.
            batch: The batch.
            placed: True if the next fit must begin there, whatever its callbacks restore.
        """
        self._epoch, self._first, self.placed = epoch, batch, placed
        # The count of batches of the current pass: a Count, or a TensorFlow variable.
        self._count: Any = None
        # True from the beginning of one of Keras's epochs to its end, or to the next run if the fit
        # stopped in between.
        self.in_keras_epoch = False

    def __getstate__(self) -> dict[str, Any]:
        # A TensorFlow variable cannot leave its process.
        count = None if self._count is None else Count(int(self._count))
        return {**self.__dict__, "_count": count}

    @property
    def place(self) -> tuple[int, int]:
        """The epoch and the batch at which the run would continue elsewhere."""
        epochs, batch = divmod(self._handed_out, self._batches)
        return self._epoch + epochs, batch

    @property
    def epoch(self) -> int:
        """The epoch whose order ``dataset[i]`` follows.

        A pass that Keras finished counts at once. A pass of a custom loop counts after
        ``on_epoch_end``, so that two loops over a dataset read the same batches.
        """
        return self.place[0] if self.in_keras_epoch else self._epoch

    @property
    def first(self) -> int:
        """The first batch of a pass: 0, except after ``restore``."""
        return self.first_of(self.epoch)

    def first_of(self, epoch: int) -> int:
        """Return the first batch of a pass through an epoch."""
        return self._first if epoch == self._epoch else 0

    @property
    def left(self) -> int:
        """Number of batches in a pass."""
        return self._batches - self.first

    def begin_pass(self, count: Any) -> int:
        """Begin a pass of Keras, counted by ``count``, and return its epoch."""
        self._settle()
        self._count = count
        return self._epoch

    def begin_pass_by_hand(self, count: Any) -> int:
        """Begin a pass of a custom loop, whose count does not replace that of Keras."""
        if not self.in_keras_epoch:
            self._count = count
        return self.epoch

    def begin_run(self) -> None:
        """Begin a fit, an evaluation or a prediction (step 1)."""
        self._settle()
        self._discard()
        self._length = self.left

    def discard_pass(self) -> None:
        """Forget the batch that built the model (step 3)."""
        self._discard()
        self._length = self.left

    def begin_epoch(self) -> None:
        """Begin one of Keras's epochs (step 4, and 2).

        Raises:
            RuntimeError: The epoch has another length than Keras last asked for.
        """
        if self._length not in (None, self.left):
            raise RuntimeError(
                f"Keras expects {self._length} batches in an epoch, and this one has {self.left}. "
                "Call restore() before fit. An epoch that is continued in its middle has to be "
                "finished in a fit of its own, fit(epochs=epoch + 1, initial_epoch=epoch), before "
                "the others."
            )
        self.in_keras_epoch = True

    def end_epoch(self) -> None:
        """End one of Keras's epochs (step 4), possibly in the middle of a pass."""
        # Without a count, Keras read batches by their number, and began no pass.
        if self._count is None or self._handed_out >= self._batches:
            self.advance()
        self.in_keras_epoch = False

    def follow(
        self,
        epoch: int,
        trained_before: Callable[[bool], tuple[int, int] | None],
        begun: tuple[int, bool] | None = None,
    ) -> tuple[int, bool]:
        """Continue where earlier fits stopped, as a fit begins with its ``epoch``.

        Args:
            epoch: Keras's number of the epoch.
            trained_before: Function of a bool, True if nothing has read the dataset. Returns the
                number of finished passes and the batches of the next one, or None if unknown.
            begun: The result of ``follow`` for the earlier fit that this one continues, if that fit
                read this dataset. Defaults to None: it read another one, which began where this
                one is now.

        Returns:
            The epoch at which the fit began, and True if nothing had read the dataset.
        """
        placed, self.placed = self.placed, False
        again = begun is not None
        begun = begun or (self.epoch, not placed and self.place == (0, 0))
        if placed and self.epoch == epoch:
            return begun  # ``restore`` has moved here already.
        done = trained_before(begun[1])
        if done is not None and (again or any(done)):
            self.go_to(begun[0] + done[0], done[1])
        return begun

    def tell(self, tell: Callable[[int], bool]) -> None:
        """Tell Keras the length of a pass that begins, unless it is what Keras expects."""
        if self._length not in (None, self.left) and tell(self.left):
            self._length = self.left

    def advance(self) -> None:
        """Move on to the next epoch."""
        self._epoch, self._first, self._count = self._epoch + 1, 0, None
        self.in_keras_epoch = False

    @property
    def _handed_out(self) -> int:
        """Number of batches of this epoch that this run or an earlier one has read."""
        return self._first + (0 if self._count is None else int(self._count))

    def _settle(self) -> None:
        """Count a pass that Keras finished in a fit that never called ``on_epoch_end``."""
        if self.epoch > self._epoch:
            self.advance()

    def _discard(self) -> None:
        self._count, self.in_keras_epoch = None, False
