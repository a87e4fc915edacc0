"""Shows the progress of work that takes more than some seconds."""

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import keras

PATIENCE_SECONDS = 5.0
_QUIET = contextvars.ContextVar("quiet", default=False)


@contextlib.contextmanager
def quiet(asked: bool = True) -> Iterator[None]:
    """Show no progress of the work within if ``asked``, or if an outer ``quiet`` does so."""
    token = _QUIET.set(asked or _QUIET.get())
    try:
        yield
    finally:
        _QUIET.reset(token)


def _renews() -> bool:
    """Return True if a line can be updated: in a terminal and a notebook, not in a file."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def progress_bar(total: int, unit: str, shown: bool = True, **metrics: Any) -> Any:
    """Return Keras's bar; where no line can be updated, it prints only its last state."""
    verbose = 0 if _QUIET.get() or not shown else 1 if _renews() else 2
    return keras.utils.Progbar(total, verbose=verbose, unit_name=unit, **metrics)


class ProgressBar:
    """Counts what is done; after some seconds, shows it on a line, if that can be updated."""

    def __init__(self, total: int, unit: str) -> None:
        """Begin to count to ``total``."""
        self._total, self._unit, self._done = total, unit, 0
        self._begin = time.perf_counter()
        self._bar: Any = None

    def add(self, count: int) -> None:
        """Count more as done."""
        self._done += count
        late = time.perf_counter() - self._begin > PATIENCE_SECONDS
        if self._bar is None and late and self._done != self._total and _renews():
            self._bar = progress_bar(self._total, self._unit)
        if self._bar is not None:
            self._bar.update(self._done)


class FitLine(keras.callbacks.Callback):
    """Shows the steps done in one fit, or in several, on one line."""

    async_safe = True  # Keras then need not fetch a loss before the next batch.

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self._done = steps, 0
        self._bar: Any = None

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
        if self._bar is not None:
            self._bar.stateful_metrics.update(logs or ())  # Keras would average these means.
            self._bar.update(done, list((logs or {}).items()), finalize=finalize)


@contextlib.contextmanager
def told(text: str) -> Iterator[None]:
    """Print to stderr what is being done, once it takes more than some seconds."""

    def tell() -> None:
        if not _QUIET.get() and keras.config.is_interactive_logging_enabled():
            sys.stderr.write(f"{text}\n")

    # The timer's thread would have a context of its own, which is not quiet.
    timer = threading.Timer(PATIENCE_SECONDS, contextvars.copy_context().run, [tell])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
