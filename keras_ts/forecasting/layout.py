"""``Layout``: the columns that a model is fed, and columns of a frame matched to them by name.

Windows name columns, a frame has them in whatever order, and a model takes them by position. The
layout stands between: a frame's columns are brought into the model's order before anything is read,
and the places of targets and of columns known ahead are told from it.
"""

from dataclasses import dataclass
from typing import Any, Self

from keras_ts import _checks
from keras_ts.windows.arithmetic.cycles import cycle_names
from keras_ts.windows.arithmetic.geometry import Geometry
from keras_ts.windows.carried import Carried
from keras_ts.windows.reading.columns import resolve_columns
from keras_ts.windows.reading.frames import open_frame
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.reading.reader import is_frame
from keras_ts.windows.windowed_series import WindowedSeries


@dataclass(frozen=True)
class Layout:
    """The columns of a model's inputs and outputs.

    Attributes:
        columns: Number of columns of ``past``; None for plain series, which have no such axis.
        targets: Place in ``past`` of the target that has no axis of its own, or of each target.
        future: Place in ``past`` of each column known ahead, those of a calendar last.
        static: Number of static columns.
    """

    columns: int | None
    targets: int | tuple[int, ...]
    future: tuple[int, ...] = ()
    static: int = 0

    @classmethod
    def of(cls, panel: Panel, windows: WindowedSeries) -> Self:
        """Return the layout of a panel that was read without the calendar of ``windows``."""
        static = 0 if panel.static is None else panel.static.shape[1]
        return cls._with_calendar(
            None if panel.values.ndim == 1 else panel.num_columns,
            panel.targets,
            panel.future,
            static,
            windows,
        )

    @classmethod
    def told(cls, told: Carried, past: tuple[int, ...], static: int, alone: bool) -> Self:
        """Return the layout of a model's inputs.

        Args:
            told: The windows, and columns if they are known.
            past: Shape of a window, ``(window,)`` or ``(window, columns)``.
            static: Number of static columns.
            alone: True if a target that is the only column beside a calendar has no axis.
        """
        windows = told.windows
        calendar = len(cycles_of(windows))
        own = past[1] - calendar if len(past) > 1 else None
        if own is None or (alone and own == 1 and calendar and windows.target_columns is None):
            return cls._with_calendar(None, None, (), static, windows)
        names: Any = range(own + static)
        if told.columns is not None:
            names = [*told.columns["past"][:own], *told.columns["static"]]
        _, _, targets, future = resolve_columns(windows, names)
        return cls._with_calendar(own, targets, future, static, windows)

    @classmethod
    def _with_calendar(
        cls,
        own: int | None,
        targets: int | tuple[int, ...] | None,
        future: tuple[int, ...],
        static: int,
        windows: WindowedSeries,
    ) -> Self:
        calendar = len(cycles_of(windows))
        if targets is None:
            targets = 0 if own is None else tuple(range(own))
        count = (own or 1) + calendar
        columns = None if own is None and not calendar else count
        return cls(columns, targets, (*future, *range(count - calendar, count)), static)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of the targets at one step."""
        return () if isinstance(self.targets, int) else (len(self.targets),)

    @property
    def sources(self) -> tuple[int, ...] | None:
        """Of each past column, its place among targets and columns known ahead; None if in vain."""
        targets = (self.targets,) if isinstance(self.targets, int) else self.targets
        told = (*targets, *self.future)
        if set(told) != set(range(self.columns or 1)):
            return None
        return tuple(told.index(column) for column in range(self.columns or 1))

    def shapes(self, geometry: Geometry, rows: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the inputs of a forecast, ``rows`` known ahead, by their parts."""
        shapes: dict[str, tuple[int, ...]] = {
            "past": (geometry.reach, *([] if self.columns is None else [self.columns]))
        }
        if self.future:
            shapes["future"] = (rows, len(self.future))
        if self.static:
            shapes["static"] = (self.static,)
        return shapes


def own_columns(told: Carried, part: str) -> list[Any]:
    """Return the names of a part's columns, without those of a calendar."""
    assert told.columns is not None
    cycles = set(cycles_of(told.windows))
    return [name for name in told.columns[part] if name not in cycles]


def matched(series: Any, told: Carried) -> Any:
    """Return frames with the columns that the model was trained on, in its order.

    Arrays, and frames of a model that carries no names, come back as they are.
    """
    if told.columns is None or not is_frame(series):
        return series
    needed = own_columns(told, "past") + told.columns["static"]
    if not all(isinstance(name, str) for name in needed):
        return series
    if not isinstance(series, list | tuple):
        return selected(series, needed, told.windows, "series")
    return [
        selected(frame, needed, told.windows, f"series[{number}]")
        for number, frame in enumerate(series)
    ]


def selected(frame: Any, needed: list[str], windows: WindowedSeries, what: str) -> Any:
    """Return a frame with the columns that are needed, and those of ids and times if it has any."""
    table = open_frame(frame)
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        raise ValueError(
            f"{what} lacks {_checks.shown(lacking)}, of the columns {_checks.shown(needed)} that "
            f"the model was trained on. It has {_checks.shown(list(table.columns))}: rename a "
            "column, or add what is missing."
        )
    keys = [windows.id_column, windows.time_column]
    keys = [name for name in keys if name in table.columns and name not in needed]
    return table.select([*keys, *needed]).to_native()


def cycles_of(windows: WindowedSeries) -> list[str]:
    """Return the names of a calendar's columns."""
    cycles: Any = windows.calendar or ()
    return cycle_names(cycles)
