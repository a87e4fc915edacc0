"""The place that a run has reached: its epoch, and the batches of it that were handed out.

One rule holds everywhere: **a pass over all batches that was finished counts as an epoch.** A
pass that was interrupted is begun again by the next fit, or gone on with after ``restore``.

Keras makes the rule hard to keep. These are its calls during a fit, an evaluation or a
prediction; each ``EpochIterator`` belongs to one of them, but a fit keeps one for all of its
validations:

1. ``EpochIterator()`` asks for ``num_batches``: a run begins.
2. If the model is not built yet: ``on_epoch_begin``, and one batch is read to build it.
3. ``EpochIterator.reset`` asks for ``num_batches`` and calls ``on_epoch_end``, although no epoch
   has ended. The batch of step 2 must not count, even where an epoch has no other. (A prediction
   may leave this step out.)
4. For every epoch: ``on_epoch_begin``, the batches, ``on_epoch_end``. With ``steps_per_epoch`` a
   pass goes on through several of Keras's epochs, and ``on_epoch_end`` comes before it is finished.
   A fit that stops early, at the last batch too, calls no ``on_epoch_end``.

People call ``on_epoch_end`` as well, in a loop of their own. So the adapter tells this object who
called, and the arithmetic stays here.
"""

from typing import Any

import numpy as np


class Progress:
    """An epoch, and the count of its batches that were handed out.

    Args:
        batches: Number of batches in an epoch.
    """

    def __init__(self, batches: int) -> None:
        self._batches = batches
        # The length of an epoch that Keras was last told.
        self._told: int | None = None
        self.restore(0, 0)

    def restore(self, epoch: int, batch: int) -> None:
        """Go on at a batch of an epoch."""
        self._epoch, self._first = epoch, batch
        # The count of the pass under way: an integer array, or a variable of TensorFlow's.
        self._count: Any = None
        # True from the beginning of one of Keras's epochs to its end, or to the next run if the fit
        # stopped in between.
        self.in_keras_epoch = False

    def __getstate__(self) -> dict[str, Any]:
        # TensorFlow's variable stays in its process.
        count = None if self._count is None else np.array(int(self._count))
        return {**self.__dict__, "_count": count}

    @property
    def place(self) -> tuple[int, int]:
        """The epoch and the batch that come next, were the run to go on elsewhere."""
        epochs, batch = divmod(self._handed_out, self._batches)
        return self._epoch + epochs, batch

    @property
    def epoch(self) -> int:
        """The epoch whose order batches are read in by their number.

        A pass that Keras finished counts at once. One that was gone through by hand counts
        after ``on_epoch_end``, so that going through a dataset twice shows the same batches.
        """
        return self.place[0] if self.in_keras_epoch else self._epoch

    @property
    def first(self) -> int:
        """The first batch of a pass: not 0 in an epoch that ``restore`` goes on with."""
        return self.first_of(self.epoch)

    def first_of(self, epoch: int) -> int:
        """Return the first batch of a pass through an epoch."""
        return self._first if epoch == self._epoch else 0

    @property
    def left(self) -> int:
        """Number of batches in a pass."""
        return self._batches - self.first

    def begin_pass(self, count: Any) -> int:
        """Let ``count``, which the pass keeps, be the one that tells; return the pass's epoch."""
        self._settle()
        self._count = count
        return self._epoch

    def begin_pass_by_hand(self, count: Any) -> int:
        """Do the same for a loop outside Keras; within an epoch of Keras's, only tell the epoch."""
        if not self.in_keras_epoch:
            self._count = count
        return self.epoch

    def begin_run(self) -> None:
        """Begin a fit, an evaluation or a prediction (step 1)."""
        self._settle()
        self._discard()
        self._told = self.left

    def discard_pass(self) -> None:
        """Forget the batch that built the model (step 3)."""
        self._discard()
        self._told = self.left

    def begin_epoch(self) -> None:
        """Begin one of Keras's epochs (step 4, and 2)."""
        if self._told not in (None, self.left):
            raise RuntimeError(
                f"Keras was told of {self._told} batches in an epoch, and this one has "
                f"{self.left}. Call restore() before fit; an epoch that it goes on with in the "
                "middle has to be finished in a fit of its own, fit(epochs=epoch + 1, "
                "initial_epoch=epoch), before the rest are fit."
            )
        self.in_keras_epoch = True

    def end_epoch(self) -> None:
        """End one of Keras's epochs (step 4), which may be a part of a pass."""
        # Keras reads no pass of ours where it takes batches by their number.
        if self._count is None or self._handed_out >= self._batches:
            self.advance()
        self.in_keras_epoch = False

    def advance(self) -> None:
        """Go on to the next epoch."""
        self._epoch, self._first, self._count = self._epoch + 1, 0, None
        self.in_keras_epoch = False

    @property
    def _handed_out(self) -> int:
        """Batches of this epoch that were handed out, by this run or the one before."""
        return self._first + (0 if self._count is None else int(self._count))

    def _settle(self) -> None:
        """Let a pass that Keras finished count, although its fit stopped without a word."""
        if self.epoch > self._epoch:
            self.advance()

    def _discard(self) -> None:
        self._count, self.in_keras_epoch = None, False
