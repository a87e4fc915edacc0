"""``read_panel``: reads whatever the user passed as a series."""

from typing import Any

import numpy as np

from keras_ts.windows.reading.arrays import read_arrays
from keras_ts.windows.reading.calendar import with_calendar
from keras_ts.windows.reading.frames import read_frame
from keras_ts.windows.reading.panel import Panel, refuse_missing
from keras_ts.windows.reading.stored import StoredPanel
from keras_ts.windows.spec import WindowSpec


def read_panel(series: Any, spec: WindowSpec) -> Panel:
    """Read arrays or frames into a panel, or raise an error that says what is wrong with them."""
    if isinstance(series, StoredPanel):
        return series.read(spec)
    panel = read_frame(series, spec) if is_frame(series) else read_arrays(series, spec)
    if not spec.handling.series and not panel.on_disk:
        refuse_missing(panel)
    return panel if spec.calendar is None else with_calendar(panel, spec)


def is_frame(series: Any) -> bool:
    """Return True for a frame or a list of frames, False for arrays."""
    items = series if isinstance(series, list | tuple) and series else (series,)
    # The type is asked, since a lazy frame would compute its columns, and warn.
    return all(
        hasattr(type(item), "columns") and not isinstance(item, np.ndarray) for item in items
    )
