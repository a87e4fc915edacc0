"""Opens a panel that ``keras_ts.scale.PanelStore`` wrote into a folder, as memory maps.

Values and timestamps stay on disk. The ids of the series, where each begins, and its static columns
are in memory.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._files import beside, locked_folder, path_text, put_back
from keras_ts._typing import Array
from keras_ts.panel.clock import Clock, Zone
from keras_ts.panel.columns import Columns
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.frames import open_frame, series_ids
from keras_ts.panel.frequency import Frequency
from keras_ts.panel.labels import Categories, expanded
from keras_ts.panel.regular import refuse_gaps
from keras_ts.panel.rows import PickledByFields
from keras_ts.panel.settings import TableSettings

# This file is written last: without it, a folder holds no store.
SETTINGS = "store.json"
# Increased when the layout of a store changes, so that other layouts are not misread.
FORMAT = 3


@dataclass(frozen=True)
class StoredSettings:
    """What a store's files hold, and the settings that they were written with."""

    rows: int  # Number of rows, with those that filled gaps.
    dtype: str  # The values' dtype.
    names: tuple[str, ...]  # The columns of the source except those of ids and timestamps.
    static: tuple[str, ...]  # The names of those that never change within a series.
    categories: Categories | None  # The categories of each column of text, or None.
    calendar: tuple[str | int | float, ...]  # The cycles that the last columns stand for.
    id_column: str | tuple[str, ...]
    time_column: str | None
    times: str | None  # The timestamps' dtype, or None.
    zone: str | None  # Name of their time zone, or None.
    frequency: Frequency | None  # The frequency of the timestamps, or None.
    complete: bool  # True if all values are finite.
    filled: bool  # True if gaps in time, if any, were filled with missing rows.
    gappy: bool  # True if the source had gaps in time.
    # New whenever a store is written, so that another store in the same folder is noticed.
    token: str
    sizes: dict[str, int] = field(default_factory=dict)  # Size of each file but this one.

    @property
    def varying(self) -> list[str]:
        """The names of the columns of the values, without those of the calendar."""
        never_changing = expanded(self.static, self.categories)
        made = expanded(self.names, self.categories)
        return [name for name in made if name not in never_changing]

    def as_json(self) -> str:
        """Return the settings as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, allow_nan=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "StoredSettings":
        """Return the settings that ``as_json`` wrote."""
        read = json.loads(text)
        if read.pop("format") != FORMAT:
            raise ValueError("Another version of keras_ts wrote this store. Write it again.")
        for name in ("names", "static", "calendar"):
            read[name] = tuple(read[name])
        if read["categories"] is not None:
            read["categories"] = {name: tuple(of) for name, of in read["categories"].items()}
        if isinstance(read["id_column"], list):
            read["id_column"] = tuple(read["id_column"])
        read["frequency"] = read["frequency"] and Frequency(**read["frequency"])
        return cls(**read)


@dataclass(frozen=True)
class StoredPanel(PickledByFields):
    """A panel in a folder; ``keras_ts.scale.PanelStore`` also writes it."""

    folder: str

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "folder", str(Path(path_text("folder", folder)).absolute()))
        path = Path(self.folder)
        if beside(place := path.resolve(), "old").exists():
            with locked_folder(place.parent):
                put_back(place)
        if not path.is_dir():
            raise FileNotFoundError(f"folder={self.folder!r}: there is no such folder.")
        if not (path / SETTINGS).is_file():
            raise ValueError(
                f"folder={self.folder!r} holds no whole store: it has no {SETTINGS}, which is "
                "written last."
            )
        for name, size in self.settings.sizes.items():
            found = (path / name).stat().st_size if (path / name).exists() else 0
            if found != size:
                raise ValueError(
                    f"{str(path / name)!r} has {found:,} bytes, and {size:,} were written. Write "
                    "the store again."
                )

    @cached_property
    def settings(self) -> StoredSettings:
        """What the files hold."""
        return StoredSettings.from_json((Path(self.folder) / SETTINGS).read_text("utf-8"))

    @cached_property
    def keys(self) -> Any:
        """A polars frame with the id and the first timestamp of each series."""
        return opened_polars().read_ipc(Path(self.folder) / "keys.arrow")

    @cached_property
    def labels(self) -> tuple[Any, ...]:
        """The ids of the series, in their order."""
        ids = self.settings.id_column
        return tuple(series_ids(open_frame(self.keys), (ids,) if isinstance(ids, str) else ids))

    def read(self, spec: TableSettings) -> FlatSeries:
        """Return the panel, with the roles of columns that ``spec`` gives them."""
        settings = self.settings
        self._refuse_replaced()
        _check(spec, settings)
        columns = Columns.of(
            replace(spec, categories=settings.categories),
            expanded(settings.names, settings.categories),
        )
        values = self._rows(
            "values", settings.dtype, len(settings.varying) + 2 * len(settings.calendar)
        )
        if spec.calendar is None:
            values = values[:, : len(settings.varying)]
        else:
            columns = columns.with_calendar(spec.calendar_columns)
        static = None
        if columns.static:
            made = expanded(settings.static, settings.categories)
            static = self._array("static")[:, [made.index(name) for name in columns.static]]
        gaps = self._array("gaps")
        panel = FlatSeries(
            values,
            self._array("offsets"),
            single=False,
            columns=columns,
            static=static,
            clock=self._clock,
            labels=self.labels,
            gaps=gaps,
            given=self._rows("given", "<i8") if settings.filled and settings.gappy else None,
            categories=settings.categories,
            checked=settings.complete,
        )
        if spec.handling.gaps == "refuse":
            refuse_gaps(panel, gaps, spec)
        return replace(panel, gaps=gaps[:0]) if spec.handling.gaps == "ignore" else panel

    def _refuse_replaced(self) -> None:
        """Refuse another store in the place of the one that was opened."""
        path = Path(self.folder) / SETTINGS
        token = json.loads(path.read_text("utf-8"))["token"] if path.is_file() else None
        if token != self.settings.token:
            raise ValueError(
                f"folder={self.folder!r} no longer holds the store that was opened. Open it again: "
                "PanelStore(folder)."
            )

    @cached_property
    def _clock(self) -> Clock | None:
        settings = self.settings
        if settings.times is None:
            return None
        clock = Clock(
            self._rows("times", settings.times), self._array("offsets"), known=settings.frequency
        )
        if settings.zone is None:
            return clock
        local = self._rows("local_times", settings.times)
        return replace(clock, local_times=local, zone=Zone(settings.zone, "polars"))

    def _rows(self, name: str, dtype: str, width: int = 0) -> Array:
        path, rows = Path(self.folder) / f"rows.{name}", self.settings.rows
        shape = (rows, width) if width else (rows,)
        return np.memmap(path, np.dtype(dtype), "r", shape=None if name == "given" else shape)

    def _array(self, name: str) -> Array:
        return np.load(Path(self.folder) / f"{name}.npy")


def opened_polars() -> Any:
    """Return the module polars, or raise an error that says how to install it."""
    _checks.needed("pyarrow", "A PanelStore")  # polars reads Arrow and pandas with it.
    return _checks.needed("polars", "A PanelStore")


def _check(spec: TableSettings, settings: StoredSettings) -> None:
    """Refuse settings that disagree with those that a store was written with."""
    again = "Pass the same, or write another store with these windows."
    for name in ("id_column", "time_column"):
        if getattr(spec, name) != getattr(settings, name):
            _refuse(name, getattr(settings, name), getattr(spec, name), again)
    if set(spec.per_series) != set(settings.static):
        _refuse("static_columns", settings.static or None, spec.static_columns, again)
    if spec.calendar is not None and spec.cycles != settings.calendar:
        again = "Pass the same or none, or write another store with these windows."
        _refuse("calendar", settings.calendar or None, spec.calendar, again)
    _check_texts(spec, settings.categories or {})
    fills = spec.handling.gaps == "fill"
    if settings.gappy and fills != settings.filled:
        written, cure = "without", 'missing="mask"'
        if settings.filled:
            written, cure = "with", 'missing="drop"'
        raise ValueError(
            f"The store has gaps in time, and was written {written} the missing rows, unlike "
            f"missing={spec.missing!r}. Write another store with windows that have {cure}."
        )


def _check_texts(spec: TableSettings, categories: Categories) -> None:
    for column, texts in categories.items():
        if column not in {*spec.per_series, *spec.planned}:
            raise ValueError(
                f"column {column!r} of the store holds text, so it must be in future_columns. "
                f"Received: future_columns={spec.future_columns!r}."
            )
        ours = (spec.categories or {}).get(column, texts)
        if tuple(ours) != tuple(texts):
            cure = "Write another store with windows that have these categories."
            _refuse(f"categories of {column!r}", tuple(texts), tuple(ours), cure)
    others = set(spec.categories or {}) - set(categories)
    if others:
        raise ValueError(
            f"categories={_checks.shown(sorted(others))} name columns that are not text in the "
            "store. Leave them out, or write another store with these windows."
        )


def _refuse(name: str, stored: Any, received: Any, cure: str) -> None:
    raise ValueError(
        f"The store was written with {name}={_checks.shown(stored)}, and the windows have "
        f"{_checks.shown(received)}. {cure}"
    )
