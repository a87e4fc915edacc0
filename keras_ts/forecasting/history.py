"""``History``: the last rows of each series, the only ones that a forecast reads.

``Following`` holds the timestamps after these rows; ``calendar_of`` computes the calendar of both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.forecasting.frames import matched
from keras_ts.interface import Interface
from keras_ts.panel.calendar import refuse_uncounted
from keras_ts.panel.columns import Columns
from keras_ts.panel.cycles import by_clock, waves
from keras_ts.panel.flat_series import FlatSeries, column_at
from keras_ts.panel.labels import collapsed, expanded
from keras_ts.panel.panel import Panel
from keras_ts.panel.regular import refuse_irregular, with_missing_last_rows
from keras_ts.panel.stored import StoredPanel
from keras_ts.windows.windowed_series import WindowedSeries

# Series are read in parts of at most ``_MOST_VALUES`` values, but of at least ``_WHOLE_BATCHES``
# series. Every batch size of the loop divides ``_WHOLE_BATCHES``, which divides the size of each
# part but the last. So only the last part may compile a loop for a smaller batch.
_MOST_VALUES, _WHOLE_BATCHES = 1 << 25, 1024


@dataclass(frozen=True)
class History:
    """The last rows of the series that can be forecast, ``reach`` of each: those of a window."""

    interface: Interface
    given: FlatSeries  # All series, without the columns of a calendar.
    panel: FlatSeries  # The same or, if the windows fill gaps in time, only the last rows.
    chosen: IntArray  # The numbers of the series that can be forecast.

    @classmethod
    def of(cls, series: Panel, interface: Interface, incomplete: str) -> Self:
        """Read series; refuse those that cannot be forecast or, for ``"nan"``, leave them out."""
        windows, given = interface.windows, _read(matched(series, interface), interface)
        interface.check_columns(given.columns.with_calendar(windows.calendar_columns))
        interface.check_frequency(given)
        panel = given
        if windows.handling.gaps == "fill":
            panel = with_missing_last_rows(panel, windows.geometry.reach)
        enough = panel.lengths >= needed_rows(windows)
        history = cls(interface, given, panel, np.flatnonzero(enough))
        if incomplete == "raise" and not enough.all():
            raise ValueError("".join(history._why_short(int(enough.argmin()))))
        complete = [history.chosen[:0]]
        for part in history.parts():
            broken = part._broken()
            if incomplete == "raise" and broken.any():
                raise ValueError("".join(part._why_broken(int(broken.argmax()))))
            complete.append(part.chosen[~broken])
        return replace(history, chosen=np.concatenate(complete))

    @property
    def windows(self) -> WindowedSeries:
        """The windows."""
        return self.interface.windows

    @property
    def columns(self) -> Columns:
        """The columns of the model's inputs, with those of the calendar."""
        return self.panel.columns.with_calendar(self.windows.calendar_columns)

    def parts(self) -> Iterator[Self]:
        """Yield the last rows of some series at a time, so that their memory is bounded."""
        values = self.windows.geometry.reach * self.panel.num_columns
        size = max(_MOST_VALUES // values // _WHOLE_BATCHES, 1) * _WHOLE_BATCHES
        for begin in range(0, len(self.chosen), size):
            yield replace(self, chosen=self.chosen[begin : begin + size])

    def problems(self) -> dict[int, str]:
        """Return why each series that is not chosen cannot be forecast, by its number."""
        short = self.panel.lengths < needed_rows(self.windows)
        others = np.setdiff1d(np.arange(len(short)), self.chosen)
        return {
            int(number): self._why_short(number)[0]
            if short[number]
            else replace(self, chosen=number[None])._why_broken(0)[0]
            for number in others
        }

    @property
    def past(self) -> Array:
        """The last rows, ``(chosen, reach[, columns])``; NaN before the series' first row."""
        panel, reach = self.panel, self.windows.geometry.reach
        ends = panel.offsets[1:][self.chosen]
        # A copy, since PyTorch warns of a view of a memory map.
        past = np.array(panel.rows(ends - reach, ends))
        return past.reshape(len(ends), reach, *panel.values.shape[1:])

    @property
    def before(self) -> BoolArray:
        """True for each row of ``past`` before the series begins, ``(chosen, reach)``."""
        lacking = self.windows.geometry.reach - self.panel.lengths[self.chosen]
        return np.arange(self.windows.geometry.reach) < lacking[:, None]

    @property
    def rows(self) -> IntArray:
        """Positions of the last rows, ``(chosen, reach)``; a short series repeats its first."""
        ends, begins = self.panel.offsets[1:][self.chosen], self.panel.offsets[:-1][self.chosen]
        rows = ends[:, None] + np.arange(-self.windows.geometry.reach, 0)
        return np.maximum(rows, begins[:, None])

    def check_static(self, values: Array, names: list[str], series: IntArray) -> None:
        """Refuse a plan in which a static column has another value than in the series."""
        categories, panel = self.windows.categories, self.panel
        columns = expanded(names, categories)
        given = panel.per_series(columns)[np.maximum(series, 0)]
        wrong = np.isfinite(values) & ~np.isclose(values, given) & (series >= 0)[:, None]
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            name = collapsed([columns[column]], categories)[0]
            raise ValueError(
                f"The rows of future, or of series and future, have different values of the static "
                f"column {name!r} for {panel.series(int(series[row]))}. A static column never "
                "changes: correct its values, or leave the column out of future."
            )

    def often_closed(self, times: Array) -> BoolArray:
        """Return True for each time if most last rows at its weekday and hour lack all targets."""
        often: BoolArray = np.zeros(times.shape, bool)
        lacking = self._missing()[..., self.panel.columns.targets].all(axis=2)
        shown: Any = self.panel.clock and self.panel.clock.shown[self.rows]
        for step, time in enumerate(times.T if times.dtype.kind == "M" else ()):
            distance = time[:, None] - shown
            same = (distance % np.timedelta64(7, "D") == np.timedelta64(0)) & ~self.before
            often[:, step] = 2 * (same & lacking).sum(axis=1) > same.sum(axis=1)
        return often

    def _broken(self) -> BoolArray:
        """Return True for each chosen series whose last rows lack values that the model needs."""
        handling, masked = self.windows.handling, self.interface.masked
        counts_rows = handling.gaps == "ignore"
        # Infinite values are wrong even where missing ones are allowed.
        broken: BoolArray = np.any(self._missing(infinite=handling.inputs), axis=(1, 2))
        if counts_rows and masked is None:
            return broken
        if handling.inputs and self.windows.min_inputs != 0:
            missing: Any = self._missing()[:, :: self.windows.sampling_rate]
            # A model that sees only masked rows, or no value of a target, would forecast 0.
            if masked == "targets":
                missing = missing[..., self.panel.columns.targets]
            else:
                missing = missing.any(axis=2, keepdims=True)
            broken |= missing.all(axis=1).any(axis=1)
        # Windows that count rows may span a gap in time.
        return broken if counts_rows else broken | self._gaps.any(axis=1)

    def _missing(self, infinite: bool = False) -> BoolArray:
        """Return True for each value of ``past`` that is not finite or, if asked, is infinite."""
        past = self.past
        past = past.reshape(*past.shape[:2], self.panel.num_columns)
        return np.isinf(past) if infinite else ~np.isfinite(past)

    @property
    def _gaps(self) -> BoolArray:
        """True for each of the last rows that follows a gap in time."""
        gaps: BoolArray = np.isin(self.rows, self.panel.gaps)
        # A gap before the first row is outside the window.
        gaps[:, 0] = False
        return gaps

    def _why_broken(self, place: int) -> tuple[str, str]:
        """Return what the last window of a chosen series lacks, and what to do."""
        panel, inputs = self.panel, self.windows.handling.inputs
        rows, gaps, missing = self.rows[place], self._gaps[place], self._missing()[place]
        infinite = self._missing(infinite=True)[place].any(axis=1)
        name = panel.series(int(self.chosen[place]))
        if inputs and infinite.any():
            row = int(rows[infinite.argmax()])
            # Filled gaps move positions, so the timestamp is shown.
            at = panel.place(row) if panel.clock is None else panel.clock.written(row)
            return (
                f"{name} has an infinite value in its last window, at {at}"
                f"{column_at(panel, row, infinite=True)}",
                '. Correct it, write NaN if it is missing, or pass incomplete="nan" for rows of '
                "NaN.",
            )
        if inputs:
            what = "a missing value in every row of its last window"
            cure = "the model masks them all, and has nothing to forecast from. Leave it out"
            if self.interface.masked == "targets":
                read = missing[:: self.windows.sampling_rate, panel.columns.targets]
                target = panel.columns.by_part()["target"][int(read.all(axis=0).argmax())]
                what = f"no value of its target {_checks.shown(target)} in its last window"
                cure = "the model has nothing to forecast it from. Leave the series out"
            return f"{name} has {what}", f': {cure}, or pass incomplete="nan" for rows of NaN.'
        lacking, plan = missing.any(axis=1), ""
        if self.windows.planned and lacking[-1]:
            plan = " If the last rows are a plan of what follows, pass them as future= instead."
        first = int((lacking | gaps).argmax())
        what = "a gap before" if gaps[first] else "a missing value at"
        cure = 'Fill it in, build a preset on windows with missing="mask", which masks it'
        if infinite[first] and not gaps[first]:
            what, cure = "an infinite value at", "Correct it"
        return (
            f"The last window of the series has {what} {panel.place(int(rows[first]))}, so the "
            "window is incomplete",
            f'. {cure}, or pass incomplete="nan" for rows of NaN.{plan}',
        )

    def _why_short(self, number: int) -> tuple[str, str]:
        """Return by how much a series is too short, and what to do."""
        windows, rows = self.windows, int(self.panel.lengths[number])
        short = f"{self.panel.series(number)} is too short: "
        if windows.min_inputs is not None:
            return (
                f"{short}it has {rows} rows, and windows with min_inputs={windows.min_inputs} need "
                f"{needed_rows(windows)}",
                ". Train with a smaller min_inputs, leave the series out, or pass "
                'incomplete="nan" for rows of NaN.',
            )
        return (
            f"{short}window={windows.window}, sampling_rate={windows.sampling_rate} read "
            f"{windows.geometry.reach} positions, and it has {rows}",
            '. Leave the series out, build a preset on windows with missing="mask", which masks '
            'the steps before a series, or pass incomplete="nan" for rows of NaN.',
        )


@dataclass(frozen=True)
class Following:
    """The timestamps after each series of a panel, ``(series, rows)``."""

    times: Array  # As in the panel's clock; NaT or NaN without a frequency, or without a row.
    shown: Array  # The same instants, as the clock of their time zone shows them.

    @classmethod
    def of(cls, panel: FlatSeries, gap: int, rows: int) -> Self | None:
        """Return the ``rows`` timestamps after each series and a gap; None without a clock."""
        clock, rows = panel.clock, gap + rows
        if clock is None:
            return None
        kind, lengths = clock.times.dtype, panel.lengths
        series = np.flatnonzero(lengths if clock.frequency is not None else 0 * lengths)
        if kind.kind in "iu" and clock.frequency is None:
            kind = np.dtype(np.float64)  # Integers cannot be missing.
        fill: Any = {"M": "NaT", "f": np.nan}.get(kind.kind, 0)
        times = np.full((len(lengths), rows), fill, kind)
        shown = times if clock.zone is None else times.copy()
        if not len(series):
            return cls(times[:, gap:], shown[:, gap:])
        last = panel.offsets[series + 1] - 1
        # Series that end at the same time are continued once.
        ends, first, places = np.unique(clock.times[last], return_index=True, return_inverse=True)
        steps = np.tile(np.arange(1, rows + 1), len(ends))
        after, shown_after = (
            made.reshape(-1, rows)[places]
            for made in clock.after(np.repeat(last[first], rows), steps)
        )
        # Timestamps past the range of their dtype wrap around, or are NaT.
        reached = (after > clock.times[last][:, None]).all(axis=1)
        if not reached.all():
            raise ValueError(
                f"time_column holds {clock.times.dtype}, which cannot hold the {rows} steps after "
                f"the end of {panel.series(int(series[reached.argmin()]))}. Convert it to a "
                "coarser unit, or ask for fewer steps."
            )
        times[series], shown[series] = after, shown_after
        return cls(times[:, gap:], shown[:, gap:])


def needed_rows(windows: WindowedSeries) -> int:
    """Return the rows that a series needs, so that a window has enough inputs."""
    if windows.min_inputs is not None:
        return max(windows.sampling_rate * (windows.min_inputs - 1) + 1, 1)
    return 1 if windows.handling.masked else windows.geometry.reach


def _read(series: Panel, interface: Interface) -> FlatSeries:
    """Read series with their missing values, and without a calendar."""
    windows = replace(interface.windows, missing="drop", min_inputs=None, calendar=None)
    fill, stored = interface.windows.handling.gaps == "fill", isinstance(series.given, StoredPanel)
    if stored and fill:  # Gaps in time were filled as the store was written.
        windows = replace(windows, missing="mask")
    if not stored:  # The frequency of the model decides what a gap is.
        windows = replace(windows, missing="keep")
    panel = series.read(windows, check=False)
    unknown = set(panel.categories or ()) - set(interface.windows.categories or ())
    if unknown:
        raise ValueError(
            f"The model's windows hold no categories of the columns of text {sorted(unknown)}, so "
            "the columns that the model was trained on are unknown. Pass windows=dataset.windows, "
            "with the dataset that the model was trained on."
        )
    if panel.clock is None or stored:
        return panel
    panel = replace(panel, clock=panel.clock.expecting(interface.frequency))
    refuse_irregular(panel, windows.time_column)
    assert panel.clock is not None
    return replace(panel, gaps=panel.clock.gaps)


def calendar_of(history: History, following: Following | None, rows: int) -> tuple[Array, Array]:
    """Return the calendar at the last rows and at the ``rows`` that follow."""
    panel, chosen, windows = history.panel, history.chosen, history.windows
    reach, cycles, calendar = windows.geometry.reach, windows.cycles, windows.calendar
    if following is None or panel.clock is None:
        raise ValueError(
            f"calendar={_checks.shown(calendar)} needs timestamps: pass a data frame with the "
            "time_column of the windows."
        )
    frequency = panel.clock.frequency
    if frequency is None or not all(map(by_clock, cycles)):
        refuse_uncounted(panel, f"calendar={_checks.shown(calendar)}")
    shown = np.concatenate([panel.clock.shown[history.rows], following.shown[chosen]], axis=1)
    numbers: Array | None = None
    if frequency is not None and not all(map(by_clock, cycles)):
        past = panel.clock.times[history.rows]
        numbers = frequency.numbers(np.concatenate([past, following.times[chosen]], axis=1), shown)
    columns = waves(cycles, shown, numbers)
    return columns[:, :reach], columns[:, reach:]
