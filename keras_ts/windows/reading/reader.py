"""``read_panel``: reads whatever the user passed as a series."""

from typing import Any

from keras_ts.windows.reading.calendar import with_calendar
from keras_ts.windows.reading.flat_series import FlatSeries, check_values
from keras_ts.windows.reading.panel import source_of, with_columns
from keras_ts.windows.reading.stored import StoredPanel
from keras_ts.windows.spec import WindowSpec


def read_panel(series: Any, spec: WindowSpec, check: bool = True) -> FlatSeries:
    """Read a panel, arrays or frames, or raise an error that says what is wrong with them.

    With ``check=False`` values that are missing or infinite are let through.
    """
    spec = with_columns(spec, series)
    source = source_of(series, spec)
    flat = source.read(spec)
    stored = isinstance(source, StoredPanel)
    # A memory map is checked as it is read, unless its values decide which windows there are.
    if check and (stored or spec.handling.filters or not flat.on_disk):
        check_values(flat, spec.handling)
    return flat if stored or spec.calendar is None else with_calendar(flat, spec)
