"""``Panel``: a table that is read once; ``Panel.of`` makes one of anything that has series."""

import copy
import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from keras_ts import _checks
from keras_ts._typing import IntArray
from keras_ts.panel.calendar import with_calendar
from keras_ts.panel.clock import as_written
from keras_ts.panel.flat_series import FlatSeries, check_values
from keras_ts.panel.frames import is_frame, open_frame
from keras_ts.panel.labels import collapsed, made_columns
from keras_ts.panel.regular import refuse_irregular
from keras_ts.panel.roles import BY_SETTING, PAST
from keras_ts.panel.settings import OF_THE_TABLE, Column, TableSettings
from keras_ts.panel.stored import StoredPanel
from keras_ts.panel.tables import Arrays, Frames

Spec = TypeVar("Spec", bound=TableSettings)

# Of a list with at least two items more, this many are printed. Rows are counted in blocks.
_SHOWN, _BLOCK = 3, 1 << 20


class Panel:
    """A table that is read once: series, their rows in time, and what each column is for.

    Pass a panel in place of its table to ``build``, ``split``, ``folds`` and ``count`` of
    ``WindowedSeries``, ``choose_preset``, ``windows_for`` and ``split`` of presets, ``backtest``,
    ``forecast``, ``score``, ``check_leakage`` and ``PanelStore.write``. Settings that name no
    columns take those of the panel. A setting that names columns must agree with the panel's, if
    the panel has it; ids and timestamps must be named in the panel. Plots take ``panel.table``.

    Results equal those of the table, without reading text, ids and timestamps again. Rows
    are sorted by time within each series, series stand in the order of their first rows, and two
    rows at one time are refused. Changing a frame later does not change the panel; changing an
    array may.

    Print it to get to know a new table: its series, rows, span and frequency, gaps and missing
    values, the share of zeros, and the role of each column.

    Example:

    >>> import pandas as pd
    >>> from keras_ts import Panel, WindowedSeries
    >>> days = pd.date_range("2024-01-01", periods=30)
    >>> table = pd.DataFrame({"day": days, "units": [*range(29), None], "price": 2.5})
    >>> panel = Panel(table, target_columns="units", future_columns="price", time_column="day")
    >>> print(panel)
    Panel of 1 series and 30 rows
    span            2024-01-01 to 2024-01-30
    frequency       1 day
    missing values  1 of units
    zeros           3.4 % of units
    target_columns  units
    future_columns  price
    time_column     day
    >>> WindowedSeries(7, missing="drop").build(panel).num_windows
    22

    Args:
        table: Anything that ``WindowedSeries.build`` takes: a pandas or polars frame, an array, a
            list of arrays, or a ``PanelStore``.
        target_columns: The column to forecast, or a list of them, as for ``WindowedSeries``.
            Defaults to None: every column that is neither future nor static.
        future_columns: Columns known ahead of time. Defaults to None: none.
        static_columns: Columns that never change within a series. Defaults to None: none.
        categories: For each column of text, its categories. Defaults to None: ``split`` and
            ``folds`` learn them from the training part.
        id_column: In a long frame, the column with the id of each row's series, or a list of
            columns that name a series together. Defaults to None: a single series.
        time_column: In a frame, the column of timestamps. Defaults to None: none.

    Raises:
        TypeError: A column does not hold what its role needs, or an argument is of another type.
        ValueError: The table lacks a column, or a column has two roles; an id or a timestamp is
            missing; a series has two rows at one time; the series have no one frequency; or a
            static column changes.
    """

    _source: Frames | Arrays | StoredPanel

    def __init__(
        self,
        table: Any,
        *,
        target_columns: Column | Sequence[Column] | None = None,
        future_columns: Column | Sequence[Column] | None = None,
        static_columns: Column | Sequence[Column] | None = None,
        categories: Mapping[str, Sequence[str]] | None = None,
        id_column: str | Sequence[str] | None = None,
        time_column: str | None = None,
    ) -> None:
        spec = TableSettings(
            target_columns=target_columns,
            future_columns=future_columns,
            static_columns=static_columns,
            categories=categories,
            id_column=id_column,
            time_column=time_column,
            missing="keep",
        )
        if isinstance(table, Panel):
            spec, table = table.settle(spec), table._source
        if isinstance(table, StoredPanel):
            settings = table.settings
            spec = replace(
                spec,
                id_column=spec.id_column or settings.id_column,
                time_column=spec.time_column or settings.time_column,
                static_columns=spec.static_columns or settings.static or None,
                missing="mask" if settings.filled else "keep",
            )
        elif is_frame(table):
            table = Frames(open_frame(table).clone().to_native(), spec, in_order=False)
        self._spec, self._source = spec, _source(table, spec)
        refuse_irregular(self._flat, spec.time_column)

    @classmethod
    def of(cls, series: Any, spec: TableSettings) -> "Panel":
        """Return a ``Panel`` as it is, and one of anything else that has series, by settings."""
        if isinstance(series, Panel):
            return series
        panel = cls.__new__(cls)
        panel._spec, panel._source = spec, _source(series, spec)
        return panel

    @cached_property
    def _flat(self) -> FlatSeries:
        """The series, with the roles of the panel's own settings."""
        return self._source.read(self._spec)

    def read(self, spec: TableSettings | None = None, check: bool = True) -> FlatSeries:
        """Read the series by settings; ``check=False`` lets missing and infinite values pass."""
        spec = self.settle(spec or self._spec)
        flat: FlatSeries = self._source.read(spec)
        stored = isinstance(self._source, StoredPanel)
        if check:
            refuse_irregular(flat, spec.time_column)
        # The values of a memory map are checked as batches read them, or here if windows are left
        # out for missing values.
        if check and (stored or spec.handling.filters or not flat.on_disk):
            check_values(flat, spec.handling)
        return flat if stored or spec.calendar is None else with_calendar(flat, spec)

    def only(self, columns: Sequence[str]) -> "Panel":
        """Return the same panel with some columns of its frame beside ids and times, in order."""
        part = copy.copy(self)
        part.__dict__.pop("_flat", None)
        part._source = cast(Frames, self._source).selected(columns)
        return part

    def settle(self, spec: Spec, among: Sequence[Any] | None = None) -> Spec:
        """Return settings with the panel's columns (in ``among`` if given); refuse other names."""
        taken: dict[str, Any] = {}
        for name in OF_THE_TABLE:
            ours, theirs = self._named(name, among), getattr(spec, name)
            if theirs is None:
                taken |= {} if ours is None else {name: ours}
            elif ours != theirs and (
                name in ("id_column", "time_column")
                or (ours is not None and self._comparable(ours) != self._comparable(theirs))
            ):
                made = "without it" if ours is None else f"with {name}={_checks.shown(ours)}"
                raise ValueError(
                    f"{name}={_checks.shown(theirs)} disagrees with the Panel, which was made "
                    f"{made}. Leave {name} out, or make a Panel with it."
                )
        return replace(spec, **taken) if taken else spec

    @property
    def given(self) -> Any:
        """The data that the panel was made of, as given."""
        return self._source.given if isinstance(self._source, Frames | Arrays) else self._source

    @property
    def table(self) -> Any:
        """A copy of the table, sorted by series and time; arrays and stores as they are."""
        source, rows = self._source, self._flat.row_order
        if not isinstance(source, Frames):
            return self.given
        table = source.table
        return (table.clone() if rows is None else table[rows]).to_native()

    @property
    def settings(self) -> dict[str, Any]:
        """The names of the columns, as arguments of ``WindowedSeries``."""
        named = {name: getattr(self._spec, name) for name in OF_THE_TABLE}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def ids(self) -> list[Any]:
        """The ids of the series, in their order; their numbers in a table without ids."""
        labels = self._flat.labels
        return list(range(len(self._flat.lengths)) if labels is None else labels)

    @property
    def lengths(self) -> IntArray:
        """Number of rows of each series."""
        return self._flat.given_lengths

    @property
    def num_rows(self) -> int:
        """Number of rows of all series."""
        return int(self.lengths.sum())

    @property
    def roles(self) -> dict[str, list[Any]]:
        """The columns of the table under "past", "future", "static" and "target"."""
        parts = self._flat.columns.by_part()
        return {part: collapsed(names, self._flat.categories) for part, names in parts.items()}

    @property
    def span(self) -> tuple[Any, Any] | None:
        """The first timestamp and the last one; None without timestamps or rows."""
        clock = self._flat.clock
        if clock is None or not len(clock.times):
            return None
        filled = np.flatnonzero(self._flat.lengths)
        first, last = self._flat.offsets[filled], self._flat.offsets[filled + 1] - 1
        ends = [first[clock.times[first].argmin()], last[clock.times[last].argmax()]]
        return tuple(clock.stamps(np.array(ends)))

    @property
    def frequency(self) -> str | None:
        """The step from one timestamp to the next, as of a ``WindowDataset``."""
        return self._flat.frequency

    @cached_property
    def gaps(self) -> int:
        """Number of steps between timestamps that leave out rows."""
        if self._flat.clock is None or self._flat.given is not None:
            return 0
        return len(self._source.read(replace(self._spec, missing="drop")).gaps)

    @cached_property
    def missing(self) -> dict[Any, int]:
        """Number of missing values of each column that has any."""
        return {name: count for name, (count, _) in self._counts.items() if count}

    @cached_property
    def zeros(self) -> dict[Any, float]:
        """Share of zeros among the values of each target."""
        present = {name: self.num_rows - self._counts[name][0] for name in self.roles["target"]}
        return {name: self._counts[name][1] / max(rows, 1) for name, rows in present.items()}

    @cached_property
    def _counts(self) -> dict[Any, tuple[int, int]]:
        """The numbers of missing values and of zeros of each column that is not static."""
        flat, categories = self._flat, self._flat.categories or {}
        repeated = {name for item in categories.items() for name in made_columns(*item)[1:]}
        names, missing = flat.columns.past, np.zeros(flat.num_columns, np.int64)
        zeros = missing.copy()
        for begin in range(0, len(flat.values), _BLOCK):
            rows = flat.values[begin : begin + _BLOCK].reshape(-1, flat.num_columns)
            missing += np.isnan(rows).sum(axis=0)
            zeros += (rows == 0).sum(axis=0)
        missing -= int(flat.lengths.sum()) - self.num_rows  # Without rows that fill gaps.
        counts = zip(names, missing.tolist(), zeros.tolist(), strict=True)
        return {
            collapsed([name], categories)[0]: (count, zero)
            for name, count, zero in counts
            if name not in repeated
        }

    def _named(self, name: str, among: Sequence[Any] | None) -> Any:
        """Return a setting of the panel, with only the columns in ``among`` unless it is None."""
        columns = getattr(self._spec, name)
        if among is None or name == "id_column" or isinstance(columns, str | int | None):
            return columns
        if isinstance(columns, Mapping):
            return {column: texts for column, texts in columns.items() if column in among} or None
        return tuple(column for column in columns if column in among) or None

    def _comparable(self, columns: Any) -> Any:
        """Return columns as a set, with indices counted from the start."""
        if columns is None or isinstance(columns, Mapping):
            return columns
        width = self._flat.num_columns + len(self._flat.columns.static)
        return {
            column % width if isinstance(column, int) else column
            for column in (columns if isinstance(columns, tuple) else (columns,))
        }

    def __repr__(self) -> str:
        rows = self._lines()
        width = max((len(name) for name, _ in rows), default=0)
        lines = (f"{name:{width}}  {text}".rstrip() for name, text in rows)
        return "\n".join([self._heading(), *lines])

    def _repr_html_(self) -> str:
        """Return the printed text as a table for a notebook."""
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self._lines()
        )
        return f"<p>{html.escape(self._heading())}</p><table><tbody>{rows}</tbody></table>"

    def _heading(self) -> str:
        lengths = self.lengths
        each = ""
        if len(lengths) > 1:
            shortest, longest = f"{lengths.min():,}", f"{lengths.max():,}"
            each = f", {longest} each" if shortest == longest else f", {shortest} to {longest} each"
        return f"Panel of {len(lengths):,} series and {self.num_rows:,} rows{each}"

    def _lines(self) -> list[tuple[str, str]]:
        """Return what is printed: a name and a text for each line."""
        lines, flat = [], self._flat
        if (span := self.span) is not None:
            lines.append(("span", " to ".join(map(as_written, span))))
            gaps = f"; {self.gaps:,} steps leave out rows" if self.gaps else ""
            lines.append(("frequency", (self.frequency or "none") + gaps))
        missing = [f"{count:,} of {name}" for name, count in self.missing.items()]
        lines.append(("missing values", ", ".join(missing) or "none"))
        if flat.columns.plain:
            return [*lines, ("zeros", f"{100 * self.zeros[0]:.1f} %")]
        zeros = [f"{100 * share:.1f} % of {name}" for name, share in self.zeros.items()]
        lines.append(("zeros", ", ".join(zeros)))
        texts = flat.categories or {}
        roles = {
            setting: collapsed(flat.columns.of_role(role), texts)
            for setting, role in (*BY_SETTING.items(), ("other columns", PAST))
        }
        lines += [
            (role, ", ".join(f"{n} ({_listed(texts[n])})" if n in texts else str(n) for n in names))
            for role, names in roles.items()
            if names
        ]
        if names := self._spec.id_columns:
            lines.append(("id_column", f"{', '.join(names)}: {_listed(self.ids)}"))
        if self._spec.time_column is not None:
            lines.append(("time_column", self._spec.time_column))
        return lines


def _listed(items: Sequence[Any]) -> str:
    """Return the distinct items as text; if there are many, the first ones and their number."""
    written = (f"({item})" if isinstance(item, tuple) else str(item) for item in items)
    distinct = list(dict.fromkeys(written))
    more = f", ... {len(distinct):,} in all" if len(distinct) > _SHOWN + 1 else ""
    return ", ".join(distinct[: _SHOWN if more else None]) + more


def table_of(series: Any) -> Any:
    """Return the table of a panel, and anything else unchanged."""
    return series.table if isinstance(series, Panel) else series


def _source(series: Any, spec: TableSettings) -> Frames | Arrays | StoredPanel:
    """Return the reader of a series."""
    if isinstance(series, Frames | Arrays | StoredPanel):
        return series
    return Frames(series, spec) if is_frame(series) else Arrays(series, spec)
