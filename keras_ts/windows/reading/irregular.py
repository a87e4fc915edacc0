"""Refuses timestamps that are out of order, that have no one frequency, or that leave out rows."""

import numpy as np

from keras_ts._typing import IntArray
from keras_ts.windows.arithmetic.frequency import Frequency
from keras_ts.windows.arithmetic.inferring import disorder
from keras_ts.windows.reading.clock import Clock
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.spec import WindowSpec

# Where the documentation says what a frequency is, and how to mend a table that has none.
_PAGE = "See 'The regular step' in docs/data/missing.md."


def refuse_disorder(panel: FlatSeries, spec: WindowSpec) -> None:
    """Refuse times that repeat or go back within a series."""
    assert panel.clock is not None
    wrong = disorder(panel.clock.times, panel.offsets)
    if wrong is None:
        return
    kind, position = wrong
    verb = "repeats" if kind == "duplicate" else "goes back in"
    ids = ", and name in id_column what tells series apart" if panel.single else ""
    raise ValueError(
        f"time_column={spec.time_column!r} {verb} time at {panel.place(position)}. Sort the rows "
        f"of each series by time, with one row for each time{ids}. {_PAGE}"
    )


def refuse_irregular(panel: FlatSeries, time_column: str | None) -> None:
    """Refuse a table whose series have no one frequency."""
    clock = panel.clock
    if clock is None or clock.frequency is not None or clock.inferred.disagreeing is None:
        return
    steps = [_step_to(panel, clock, row) for row in sorted(clock.inferred.disagreeing)]
    column = "timestamps" if time_column is None else f"time_column={time_column!r}"
    raise ValueError(
        f"{column} must have one frequency, and has a step of {' but one of '.join(steps)}. Bring "
        f"all rows to one regular step, or make a panel for each. {_PAGE}"
    )


def refuse_gaps(panel: FlatSeries, gaps: IntArray, spec: WindowSpec) -> None:
    """Refuse steps that leave out rows, by an error that names the first one."""
    clock = panel.clock
    if clock is None or not len(gaps):
        return
    raise ValueError(
        f"time_column={spec.time_column!r} has {len(gaps):,} steps that leave out rows, the first "
        f"of {_step_to(panel, clock, int(gaps[0]))}: the frequency is {str(clock.frequency)!r}. "
        'Insert the missing rows, or pass missing="mask" for a model that masks them, "drop" to '
        'leave out windows that cross a gap, or "keep" to count rows instead of time.'
    )


def _step_to(panel: FlatSeries, clock: Clock, row: int) -> str:
    """Say how long the step to a row is, and from when to when in which series."""
    earlier, later = clock.counted[row - 1 : row + 1]
    if clock.times.dtype.kind == "M":
        seconds = (later - earlier) / np.timedelta64(1, "s")
        whole = seconds == np.rint(seconds)
        length = str(Frequency(int(seconds), unit="s")) if whole else f"{seconds:.6g} seconds"
    else:
        length = f"{later - earlier:g}"
    number = int(np.searchsorted(panel.offsets, row, side="right")) - 1
    where = "" if panel.single else f" in {panel.series(number)}"
    return f"{length} from {clock.written(row - 1)} to {clock.written(row)}{where}"
