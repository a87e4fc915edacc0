"""Shows the progress of work that takes long."""

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import keras

# Work that takes longer shows its progress.
PATIENCE_SECONDS = 5.0
_QUIET = contextvars.ContextVar("quiet", default=False)


@contextlib.contextmanager
def quiet(asked: bool = True) -> Iterator[None]:
    """Show no progress of the work within if ``asked``, or if the work around it is quiet."""
    token = _QUIET.set(asked or _QUIET.get())
    try:
        yield
    finally:
        _QUIET.reset(token)


def _renews() -> bool:
    """Return True if a line can be updated: in a terminal and a notebook, not in a file."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def progress_bar(total: int | None, unit: str, shown: bool = True, **metrics: Any) -> Any:
    """Return Keras's bar, on a line that is updated; a file gets only the last state."""
    verbose = 0 if _QUIET.get() or not shown else 1 if _renews() else 2
    return keras.utils.Progbar(total, verbose=verbose, unit_name=unit, **metrics)


class ProgressBar:
    """Counts what is done, and shows it once that takes more than some seconds; not in a file."""

    def __init__(self, total: int | None, unit: str) -> None:
        """Begin to count to ``total``, None if unknown."""
        self._total, self._unit, self._done = total, unit, 0
        self._begin, self._bar = time.perf_counter(), None

    def add(self, count: int) -> None:
        """Count more as done."""
        self._done += count
        late = time.perf_counter() - self._begin > PATIENCE_SECONDS
        if self._bar is None and late and self._done != self._total and _renews():
            self._bar = progress_bar(self._total, self._unit)
        if self._bar is not None:
            bar: Any = self._bar
            bar.update(self._done)


class FitLine(keras.callbacks.Callback):
    """Shows how many steps are done, of one fit or of several, on one line."""

    async_safe = True  # The next batch then need not wait for Keras to fetch a loss.

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self._done, self._bar = steps, 0, None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin the line."""
        if self._bar is None:
            self._bar = progress_bar(self.steps, "step")
            self._update(0, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Show the step, and the means of the epoch's losses so far."""
        self._update(self._done + batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the losses of the epoch."""
        self._done += self.params["steps"]
        self._update(self._done, logs)

    def end(self) -> None:
        """End the line where the fit has ended, which may be early."""
        self._update(self._done, None, finalize=True)

    def _update(self, done: int, logs: Any, finalize: bool = False) -> None:
        bar: Any = self._bar
        if bar is not None:
            bar.stateful_metrics.update(logs or ())  # Keras averages all others.
            bar.update(done, list((logs or {}).items()), finalize=finalize)


def say(text: str, where: str = "stdout") -> None:
    """Print a line, unless the work is quiet or Keras's logging is."""
    if not _QUIET.get() and keras.config.is_interactive_logging_enabled():
        getattr(sys, where).write(f"{text}\n")


@contextlib.contextmanager
def told(text: str) -> Iterator[None]:
    """Print to stderr what is being done, once it takes more than some seconds."""
    # A thread has a context of its own, which is not quiet.
    timer = threading.Timer(PATIENCE_SECONDS, contextvars.copy_context().run, [say, text, "stderr"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
