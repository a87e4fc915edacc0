"""``pad_front``: puts rows of missing values in front of series shorter than a window."""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.geometry import concatenated_offsets
from keras_ts.windows.reading.arrays import open_arrays
from keras_ts.windows.reading.calendar import checked_front
from keras_ts.windows.reading.continued import (
    continued,
    own_frequencies,
    refuse_irregular,
    refuse_unreached,
)
from keras_ts.windows.reading.frames import open_frame
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.reading.reader import is_frame, read_panel
from keras_ts.windows.reading.timestamps import as_column
from keras_ts.windows.spec import WindowSpec


def pad_front(series: Any, windows: WindowSpec, seen: int) -> Any:
    """Put rows of missing values in front of each series, so that short ones fill a window.

    The first window of a series then ends with ``seen`` steps of the series (or all, if it has
    fewer), and is missing before them. Built presets mask the missing steps.

    Example:

    >>> import numpy as np
    >>> from keras_ts import WindowedSeries
    >>> windows = WindowedSeries(window=4, horizon=1, missing="mask")
    >>> panel = [np.array([1.0, 2.0, 3.0]), np.arange(10.0, 16.0)]
    >>> first, second = pad_front(panel, windows, seen=2)
    >>> first.tolist(), second.tolist()
    ([nan, nan, 1.0, 2.0, 3.0], [nan, nan, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    >>> windows.count(panel), windows.count([first, second])
    (2, 5)

    In a data frame, ids are repeated, and timestamps continue backwards:

    >>> import pandas as pd
    >>> months = pd.date_range("2024-01-31", periods=3, freq="ME")
    >>> sales = pd.DataFrame({"shop": "a", "month": months, "sold": [5, 7, 6]})
    >>> windows = WindowedSeries(4, id_column="shop", time_column="month", missing="mask")
    >>> pad_front(sales, windows, seen=2)
      shop      month  sold
    0    a 2023-11-30   NaN
    1    a 2023-12-31   NaN
    2    a 2024-01-31   5.0
    3    a 2024-02-29   7.0
    4    a 2024-03-31   6.0

    Args:
        series: Anything that ``WindowedSeries.build`` takes: ``(time,)`` or ``(time, columns)``, a
            list of such arrays, a data frame, or a list of them.
        windows: The ``WindowedSeries`` to train with, whose ``missing`` is ``"mask"`` or
            ``"keep"``.
        seen: Smallest number of a series' own steps in its first window, in positions: from 1 to
            ``sampling_rate * (window - 1) + 1``, the positions from the first input of a window to
            the last. With the largest, only series shorter than that get rows.

    Returns:
        A copy of the same kind: a list for a list, and an array in memory for a memory map. Each
        series of ``n`` rows gets ``positions - min(seen, n)`` more; an empty series gets none. In
        these rows, ``future_columns`` and ``static_columns`` have the values of the first row, and
        other columns NaN, for which integers become floats. A frame has the rows of each series
        together, in their order, and a new pandas index. Ids are repeated, and timestamps continue
        backwards at the series' own frequency (for a single row, at the most common one of the
        other series), in its time zone. Without timestamps, the periods of a ``calendar`` count
        rows from the first with a value, so that no phase moves.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``build`` refuses the series; ``seen`` is out of range; ``missing`` is
            ``"raise"`` or ``"drop"``; a series that needs rows has no frequency, or its timestamps
            cannot reach so far back; or ``calendar`` has periods, there are no timestamps, and the
            series would begin with different numbers of rows without a value.
    """
    _check_windows(windows)
    reach = windows.geometry.reach
    seen = _checks.integer("seen", seen, 1)
    if seen > reach:
        raise ValueError(
            f"seen must be at most {reach}, the positions from the first input of a window to the "
            f"last. Received: seen={seen}."
        )
    # Without ``calendar``, which may need a frequency that only the padded series has.
    panel = read_panel(series, replace(windows, calendar=None, missing="keep", min_inputs=None))
    lengths = panel.lengths
    rows = np.where(lengths > 0, reach - np.minimum(seen, lengths), 0)
    _check_phases(panel, windows, rows)
    parts = panel.columns.by_part()
    ahead: list[Any] = [*parts["future"], *parts["static"]]
    if not is_frame(series):
        arrays, single = open_arrays(series)
        padded = [
            _padded_array(array, count, ahead)
            for array, count in zip(arrays, rows.tolist(), strict=True)
        ]
        return padded[0] if single else padded
    times = _times_before(panel, windows, rows)
    if not isinstance(series, list | tuple):
        return _padded_frame(series, panel, windows, slice(None), rows, times, ahead)
    return [
        _padded_frame(frame, panel, windows, slice(number, number + 1), rows, times, ahead)
        for number, frame in enumerate(series)
    ]


def _check_windows(windows: Any) -> None:
    if not isinstance(windows, WindowSpec):
        raise TypeError(f"windows must be a WindowedSeries. Received: {_checks.shown(windows)}.")
    if not windows.handling.inputs:
        raise ValueError(
            "pad_front puts missing values in front of series, and windows has "
            f"missing={windows.missing!r}, so no window could read them. Pass "
            'WindowedSeries(..., missing="mask"), or missing="keep".'
        )


def _check_phases(panel: Panel, windows: WindowSpec, rows: IntArray) -> None:
    """Refuse padding that the periods of a calendar could not tell from missing values."""
    if windows.calendar is None or panel.clock is not None:
        return
    fewest = panel.lengths[panel.lengths > 0].min()
    calendar = f"calendar={_checks.shown(windows.calendar)}"
    checked_front(panel, calendar, f" Or pass at most seen={fewest}.", padding=rows)


def _padded_array(array: Array, rows: int, ahead: list[int]) -> Array:
    kind = array.dtype if array.dtype.kind == "f" else np.result_type(array, np.float32)
    front = np.full((rows, *array.shape[1:]), np.nan, kind)
    if rows and ahead:
        front[:, ahead] = array[0, ahead]
    return np.concatenate([front, array])


def _times_before(panel: Panel, windows: WindowSpec, rows: IntArray) -> list[Array]:
    """Return the timestamps of the rows in front of each series; an empty list without a clock."""
    clock = panel.clock
    if clock is None:
        return []
    frequencies = own_frequencies(panel)
    for number in np.flatnonzero(rows).tolist():
        if frequencies[number] is None:
            column = f"time_column={windows.time_column!r}"
            refuse_irregular(panel, number, "pad_front continues timestamps backwards at", column)
    made = [clock.times[:0]] * len(rows)
    for numbers, before, _ in continued(panel, frequencies, -int(rows.max(initial=0))):
        for number in numbers:
            made[number] = before[len(before) - rows[number] :]
            # NaT compares as False.
            if not (made[number] < clock.times[panel.offsets[number]]).all():
                refuse_unreached(panel, number, -int(rows[number]))
    return made


def _padded_frame(
    frame: Any,
    panel: Panel,
    windows: WindowSpec,
    chosen: slice,
    rows: IntArray,
    times: list[Array],
    ahead: list[str],
) -> Any:
    """Return a frame with rows in front of its series, the ``chosen`` ones of the panel."""
    import narwhals as nw

    table = open_frame(frame)
    rows, lengths = rows[chosen], panel.lengths[chosen]
    padded = concatenated_offsets(rows + lengths)
    place = np.arange(padded[-1]) - np.repeat(padded[:-1] + rows, rows + lengths)
    front = np.flatnonzero(place < 0)
    # A row in front repeats the first row of its series; columns are overwritten below.
    take = np.repeat(concatenated_offsets(lengths)[:-1], rows + lengths) + np.maximum(place, 0)
    if panel.row_order is not None:
        take = panel.row_order[take]
    table = nw.maybe_reset_index(table[take.tolist(), :])
    changed = []
    for name in table.columns:
        column = table[name]
        if name == windows.time_column and panel.clock is not None:
            nothing = panel.clock.times[:0]  # NumPy cannot concatenate an empty list.
            values = as_column(column, np.concatenate([nothing, *times[chosen]]))
            column = column if values.dtype == column.dtype else column.cast(values.dtype)
        elif name in (windows.id_column, *ahead):
            continue
        else:
            column = column if column.dtype.is_float() else column.cast(nw.Float64)
            values = nw.new_series(
                name, np.full(len(front), np.nan), column.dtype, backend=column.implementation
            )
        changed.append(column.scatter(front.tolist(), values))
    return table.with_columns(*changed).to_native()
