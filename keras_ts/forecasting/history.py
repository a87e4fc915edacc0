"""``History``: the last rows of each series, the only ones that a forecast reads.

A value missing before these rows does not matter, whatever ``missing`` says. With ``"mask"``,
values missing within them do not matter either, a gap in time is read as the rows that are missing,
and a series may be shorter, if the window still has ``min_inputs`` of its inputs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.reading.panel import Panel, column_at, missing_rows
from keras_ts.windows.reading.regular import with_missing_last_rows
from keras_ts.windows.windowed_series import WindowedSeries

# The most values of the last rows that are read at once; and a multiple of every size of a batch
# of a loop, so that only the last part compiles another one.
_MOST_VALUES, _WHOLE_BATCHES = 1 << 25, 1024


@dataclass(frozen=True)
class History:
    """The last rows of the series that can be forecast.

    Attributes:
        panel: All series, without the columns of a calendar. Of series with gaps in time that are
            filled, only the last rows.
        windows: The windows.
        chosen: The numbers of the series that can be forecast.
        masked: As in ``of``.
    """

    panel: Panel
    windows: WindowedSeries
    chosen: IntArray
    masked: str | None = None

    @classmethod
    def of(
        cls, panel: Panel, windows: WindowedSeries, incomplete: str, masked: str | None
    ) -> "History":
        """Return the last rows of complete series; refuse incomplete ones, or skip them for "nan".

        Args:
            panel: All series, without the columns of a calendar.
            windows: The windows.
            incomplete: ``"raise"`` or ``"nan"``.
            masked: ``"targets"`` if the model masks rows in which all targets are missing,
                ``"any"`` if it masks rows with any missing value, or None. A model would forecast 0
                if it masked all rows, or for a target without a value.
        """
        if windows.handling.gaps == "fill":
            panel = with_missing_last_rows(panel, windows.geometry.reach)
        whole = panel.lengths >= needed_rows(windows)
        if incomplete == "raise" and not whole.all():
            raise ValueError("".join(_too_short(panel, windows, int(whole.argmin()))))
        history = cls(panel, windows, np.flatnonzero(whole), masked)
        kept = [history.chosen[:0]]
        for part in history.parts():
            broken = part._broken()
            if incomplete == "raise" and broken.any():
                raise ValueError("".join(part._why_broken(int(broken.argmax()))))
            kept.append(part.chosen[~broken])
        return replace(history, chosen=np.concatenate(kept))

    def parts(self) -> Iterator["History"]:
        """Yield the last rows of some series at a time, so that their memory is bounded."""
        series = self.windows.geometry.reach * self.panel.num_columns
        size = max(_MOST_VALUES // series // _WHOLE_BATCHES, 1) * _WHOLE_BATCHES
        for begin in range(0, len(self.chosen), size):
            yield replace(self, chosen=self.chosen[begin : begin + size])

    def problems(self) -> dict[int, str]:
        """Return why each series that is not chosen cannot be forecast, by its number."""
        absent = np.setdiff1d(np.arange(len(self.panel.lengths)), self.chosen)
        problems = {}
        for number in absent.tolist():
            if self.panel.lengths[number] < needed_rows(self.windows):
                problems[number] = _too_short(self.panel, self.windows, number)[0]
            else:
                alone = replace(self, chosen=np.array([number]))
                problems[number] = alone._why_broken(0)[0]
        return problems

    @property
    def past(self) -> Array:
        """The last rows, ``(chosen, reach)`` or ``(chosen, reach, columns)``.

        Rows before the first of a series, which ``missing="mask"`` allows, are missing in every
        column.
        """
        past = self.panel.values[self.rows]
        before = self.before
        if before.any():
            past = past.astype(np.result_type(past, np.float32))
            past[before] = np.nan
        return past

    @property
    def before(self) -> BoolArray:
        """True for each of the last rows that lies before its series, ``(chosen, reach)``."""
        before: BoolArray = self._wanted < self._first
        return before

    @property
    def rows(self) -> IntArray:
        """Flat positions of the last rows, ``(chosen, reach)``, clamped to the series' first."""
        return np.maximum(self._wanted, self._first)

    @property
    def _wanted(self) -> IntArray:
        reach = self.windows.geometry.reach
        return self.panel.offsets[1:][self.chosen][:, None] + np.arange(-reach, 0)

    @property
    def _first(self) -> IntArray:
        return self.panel.offsets[:-1][self.chosen][:, None]

    def _broken(self) -> BoolArray:
        """Return True for each chosen series whose last rows lack values that the model needs."""
        handling = self.windows.handling
        counts_rows = handling.gaps == "ignore"
        # An infinite value is wrong even where a missing one is allowed.
        broken: BoolArray = np.logical_or.reduce(self._missing(handling.inputs), axis=1)
        if counts_rows and self.masked is None:
            return broken
        if handling.inputs:
            by_target = self.masked == "targets"
            missing = self._missing_targets if by_target else self._missing()[..., None]
            read = missing[:, :: self.windows.sampling_rate]
            broken |= np.logical_or.reduce(np.logical_and.reduce(read, axis=1), axis=1)
        # A gap in time does not matter to windows that count rows.
        return broken if counts_rows else broken | np.logical_or.reduce(self._gaps, axis=1)

    def _missing(self, infinite: bool = False) -> BoolArray:
        """Return True for each of the last rows with a missing value, or an infinite one."""
        past = self.past
        rows = missing_rows(past.reshape(-1, *past.shape[2:]), infinite=infinite)
        return rows.reshape(past.shape[:2])

    @property
    def _missing_targets(self) -> BoolArray:
        """True for each missing target in the last rows, ``(chosen, reach, targets)``."""
        past = self.past
        values = past.reshape(*past.shape[:2], self.panel.num_columns)
        values = values[..., self.panel.columns.targets]
        missing: BoolArray = ~np.isfinite(values)
        return missing

    @property
    def _gaps(self) -> BoolArray:
        """True for each of the last rows that follows a gap in time."""
        rows = self.rows
        if not len(self.panel.gaps):
            return np.zeros(rows.shape, bool)
        all_gaps = self.panel.gaps
        places = np.minimum(np.searchsorted(all_gaps, rows), len(all_gaps) - 1)
        gaps: BoolArray = all_gaps[places] == rows
        # A gap before the first row is outside the window.
        gaps[:, 0] = False
        return gaps

    def _why_broken(self, place: int) -> tuple[str, str]:
        """Return what the last window of a chosen series lacks, and what to do."""
        inputs = self.windows.handling.inputs
        rows, gaps, missing = self.rows[place], self._gaps[place], self._missing()[place]
        infinite, name = self._missing(inputs)[place], _named(self.panel, int(self.chosen[place]))
        if inputs and infinite.any():
            row, clock = int(rows[infinite.argmax()]), self.panel.clock
            # Rows of a panel whose gaps were filled have other positions than those given.
            at = self.panel.place(row) if clock is None else clock.written(row)
            return (
                f"{name} has an infinite value in its last window, at {at}"
                f"{column_at(self.panel, row, infinite=True)}",
                '. Correct it, write NaN if it is missing, or pass incomplete="nan" for rows of '
                "NaN.",
            )
        if inputs:
            what = "a missing value in every row of its last window"
            cure = "the model masks such rows, and has nothing to forecast from. Leave it out"
            if self.masked == "targets":
                none = self._missing_targets[place, :: self.windows.sampling_rate].all(axis=0)
                target = self.panel.columns.by_part()["target"][int(none.argmax())]
                what = f"no value of its target {_checks.shown(target)} in its last window"
                cure = "the model has nothing to forecast it from. Leave the series out"
            if gaps.any() and self.panel.clock is not None:
                row = int(rows[gaps.argmax()])
                before, after = (self.panel.clock.written(at) for at in (row - 1, row))
                what = f"an irregular step in its last window, from {before} to {after}"
                cure = "it is no whole number of the series' steps. Correct the timestamp"
            return f"{name} has {what}", f': {cure}, or pass incomplete="nan" for rows of NaN.'
        plan = ""
        if self.windows.planned and missing[-1]:
            plan = " If the last rows are a plan of what follows, pass them as future= instead."
        return (
            "The last window of the series has a missing value or a gap at "
            f"{self.panel.place(int(rows[(missing | gaps).argmax()]))}, so it is incomplete",
            '. Fill it in, build a preset on windows with missing="mask", which masks it, or pass '
            f'incomplete="nan" for rows of NaN.{plan}',
        )


def needed_rows(windows: WindowedSeries) -> int:
    """Return the rows that a series needs, so that a window has enough inputs."""
    if windows.min_inputs is not None:
        return windows.sampling_rate * (windows.min_inputs - 1) + 1
    return 1 if windows.handling.masked else windows.geometry.reach


def _named(panel: Panel, number: int) -> str:
    """Name a series in an error; the only one by its argument."""
    return "series" if panel.single else panel.series(number)


def _too_short(panel: Panel, windows: WindowedSeries, number: int) -> tuple[str, str]:
    """Return by how much a series is too short, and what to do."""
    rows = int(panel.lengths[number])
    if windows.min_inputs is not None:
        return (
            f"{_named(panel, number)} is too short: it has {rows} rows, and windows with "
            f"min_inputs={windows.min_inputs} need {needed_rows(windows)}",
            ". Train with a smaller min_inputs, leave it out, or pass "
            'incomplete="nan" for rows of NaN.',
        )
    return (
        f"{_named(panel, number)} is too short: window={windows.window}, "
        f"sampling_rate={windows.sampling_rate} read {windows.geometry.reach} positions, and it "
        f"has {rows}",
        '. Leave it out, build a preset on windows with missing="mask", which masks the steps '
        'before a series, or pass incomplete="nan" for rows of NaN.',
    )
