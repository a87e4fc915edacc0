"""Keeps the place that a run has reached: an epoch, and how many of its batches were handed out.

One rule holds everywhere: **a pass over all batches that was finished counts as an epoch.** The
next fit begins an interrupted pass again, or goes on with the pass after ``restore``.

Keras makes the rule hard to keep. The list has Keras's calls during a fit, an evaluation or a
prediction. Each run has an ``EpochIterator`` of its own, but a fit keeps a second one for all of
its validations:

1. ``EpochIterator()`` asks for ``num_batches``: a run begins.
2. If the model is not built yet: ``on_epoch_begin``, and one batch is read to build it.
3. ``EpochIterator.reset`` asks for ``num_batches`` and calls ``on_epoch_end``, although no epoch
   has ended. The batch of step 2 must not count, even where an epoch has no other. (A prediction
   may leave this step out.)
4. For every epoch: ``on_epoch_begin``, the batches, ``on_epoch_end``. With ``steps_per_epoch`` a
   pass goes on through several of Keras's epochs, and ``on_epoch_end`` comes before the pass is
   finished. A fit that stops early, even at the last batch, calls no ``on_epoch_end``.

People call ``on_epoch_end`` as well, in a loop of their own. So the adapter finds out who calls,
and calls a method of ``Progress`` for each case; the arithmetic stays here.
"""

from collections.abc import Callable
from typing import Any


class Count:
    """The number of batches that a pass has handed out."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def __int__(self) -> int:
        # Below 0 where all batches so far were read ahead.
        return max(self.value, 0)


class Progress:
    """An epoch, and the number of its batches that were handed out.

    Args:
        batches: Number of batches in an epoch.
    """

    # Pickles of before have none.
    placed = False

    def __init__(self, batches: int) -> None:
        self._batches = batches
        # The length of an epoch, as Keras was last told.
        self._told: int | None = None
        self.go_to(0, 0)

    def go_to(self, epoch: int, batch: int, placed: bool = False) -> None:
        """Go on at a batch of an epoch.

        Args:
            epoch: The epoch.
            batch: The batch.
            placed: True if the next fit has to begin there, whatever its callbacks restore.
        """
        self._epoch, self._first, self.placed = epoch, batch, placed
        # The count of batches of the present pass: a Count, or a variable of TensorFlow's.
        self._count: Any = None
        # True from the beginning of one of Keras's epochs to the end of that epoch, or to the next
        # run if the fit stopped in between.
        self.in_keras_epoch = False

    def __getstate__(self) -> dict[str, Any]:
        # TensorFlow's variable stays in its process.
        count = None if self._count is None else Count(int(self._count))
        return {**self.__dict__, "_count": count}

    @property
    def place(self) -> tuple[int, int]:
        """The epoch and the batch at which the run would go on elsewhere."""
        epochs, batch = divmod(self._handed_out, self._batches)
        return self._epoch + epochs, batch

    @property
    def epoch(self) -> int:
        """The epoch whose order ``dataset[i]`` follows.

        A pass that Keras finished counts at once. A pass in a loop by hand counts after
        ``on_epoch_end``, so that two loops over a dataset show the same batches.
        """
        return self.place[0] if self.in_keras_epoch else self._epoch

    @property
    def first(self) -> int:
        """The first batch of a pass, which after ``restore`` may not be 0."""
        return self.first_of(self.epoch)

    def first_of(self, epoch: int) -> int:
        """Return the first batch of a pass through an epoch."""
        return self._first if epoch == self._epoch else 0

    @property
    def left(self) -> int:
        """Number of batches in a pass."""
        return self._batches - self.first

    def begin_pass(self, count: Any) -> int:
        """Begin a pass of Keras's, whose batches ``count`` will count; return its epoch."""
        self._settle()
        self._count = count
        return self._epoch

    def begin_pass_by_hand(self, count: Any) -> int:
        """Begin a pass of a loop outside Keras, whose count does not replace one of Keras's."""
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
        """Begin one of Keras's epochs (step 4, and 2).

        Raises:
            RuntimeError: Keras asks for lengths in another way than this file knows.
        """
        if self._told not in (None, self.left):
            raise RuntimeError(
                f"Keras was told of {self._told} batches in an epoch, and this one has "
                f"{self.left}. Call restore() before fit; an epoch that it goes on with in the "
                "middle has to be finished in a fit of its own, fit(epochs=epoch + 1, "
                "initial_epoch=epoch), before the rest are fit."
            )
        self.in_keras_epoch = True

    def end_epoch(self) -> None:
        """End one of Keras's epochs (step 4), maybe in the middle of a pass."""
        # Without a count, Keras took batches by their number, and read no pass.
        if self._count is None or self._handed_out >= self._batches:
            self.advance()
        self.in_keras_epoch = False

    def follow(
        self,
        epoch: int,
        trained_before: Callable[[bool], tuple[int, int] | None],
        begun: tuple[int, bool] | None = None,
    ) -> tuple[int, bool]:
        """Go on where earlier fits stopped, as a fit begins with its ``epoch``.

        Args:
            epoch: The number by which Keras calls the epoch.
            trained_before: Function of whether nothing had read the dataset. Returns the passes
                that were finished, and the batches of the next one, or None if nobody knows.
            begun: The result of ``follow`` for the earlier fit that this one continues, if that fit
                read this dataset. Defaults to None: it read another, and began where this one is.

        Returns:
            The epoch at which the fit began, and True if nothing had read the dataset.
        """
        placed, self.placed = self.placed, False
        again = begun is not None
        begun = begun or (self.epoch, not placed and self.place == (0, 0))
        if placed and self.epoch == epoch:
            return begun  # A restore has led here already.
        done = trained_before(begun[1])
        if done is not None and (again or any(done)):
            self.go_to(begun[0] + done[0], done[1])
        return begun

    def tell(self, tell: Callable[[int], bool]) -> None:
        """Tell Keras the length of a pass that begins, if it is not what Keras was told."""
        if self._told not in (None, self.left) and tell(self.left):
            self._told = self.left

    def advance(self) -> None:
        """Go on to the next epoch."""
        self._epoch, self._first, self._count = self._epoch + 1, 0, None
        self.in_keras_epoch = False

    @property
    def _handed_out(self) -> int:
        """Number of batches of this epoch that this run, or the one before, handed out."""
        return self._first + (0 if self._count is None else int(self._count))

    def _settle(self) -> None:
        """Count a pass that Keras finished, although its fit never called ``on_epoch_end``."""
        if self.epoch > self._epoch:
            self.advance()

    def _discard(self) -> None:
        self._count, self.in_keras_epoch = None, False
