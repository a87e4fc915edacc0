"""``read_panel``: reads whatever the user passed as a series."""

from typing import Any

import numpy as np

from keras_ts.windows.reading.arrays import read_arrays
from keras_ts.windows.reading.calendar import with_calendar
from keras_ts.windows.reading.flat_series import FlatSeries, check_values
from keras_ts.windows.reading.frames import read_frame
from keras_ts.windows.reading.stored import StoredPanel
from keras_ts.windows.spec import WindowSpec


def read_panel(series: Any, spec: WindowSpec, check: bool = True) -> FlatSeries:
    """Read arrays or frames into a panel, or raise an error that says what is wrong with them.

    With ``check=False`` values that are missing or infinite are let through.
    """
    stored = isinstance(series, StoredPanel)
    if stored:
        panel = series.read(spec)
    else:
        panel = read_frame(series, spec) if is_frame(series) else read_arrays(series, spec)
    # A memory map is checked as it is read, unless its values decide which windows there are.
    if check and (stored or spec.handling.filters or not panel.on_disk):
        check_values(panel, spec.handling)
    return panel if stored or spec.calendar is None else with_calendar(panel, spec)


def is_frame(series: Any) -> bool:
    """Return True for a frame or a list of frames, False for arrays."""
    items = series if isinstance(series, list | tuple) and series else (series,)
    # The type is asked, since a lazy frame would compute its columns, and warn.
    return all(
        hasattr(type(item), "columns") and not isinstance(item, np.ndarray) for item in items
    )
