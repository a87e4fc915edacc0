"""Shows the progress of work that takes long."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import keras

# Work that takes longer shows its progress.
PATIENCE_SECONDS = 5.0


class ProgressBar:
    """Counts what is done, and shows it once that takes more than some seconds."""

    def __init__(self, total: int | None, unit: str) -> None:
        """Begin to count to ``total``, None if unknown."""
        self._total, self._unit, self._done = total, unit, 0
        self._begin, self._bar = time.perf_counter(), None

    def add(self, count: int) -> None:
        """Count more as done."""
        self._done += count
        late = time.perf_counter() - self._begin > PATIENCE_SECONDS
        if self._bar is None and late and self._done != self._total:
            self._bar = keras.utils.Progbar(self._total, unit_name=self._unit)
        if self._bar is not None:
            bar: Any = self._bar
            bar.update(self._done)


@contextlib.contextmanager
def told(text: str) -> Iterator[None]:
    """Print to stderr what is being done, once it takes more than some seconds."""

    def tell() -> None:
        if keras.config.is_interactive_logging_enabled():
            sys.stderr.write(f"{text}\n")

    timer = threading.Timer(PATIENCE_SECONDS, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
