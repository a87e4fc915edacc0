"""``Plan``: the rows that follow the series, with their timestamps and the columns known ahead.

``future=`` gives these columns, as an array, or as a frame whose rows are matched by id and time. A
missing row is refused; with ``missing="mask_targets"``, a step that the plan skips is closed.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.forecasting.frames import selected
from keras_ts.forecasting.history import Following, History, calendar_of
from keras_ts.forecasting.loop import Rounds
from keras_ts.panel.clock import as_written
from keras_ts.panel.flat_series import lacking_rows
from keras_ts.panel.frames import is_frame, matrix, numbered_series, open_frame
from keras_ts.panel.labels import Rows, collapsed, places_of
from keras_ts.panel.timestamps import read_clock

_GROWN = 10  # Series grow: targets may lie this many times as far outside as other columns.


@dataclass(frozen=True)
class Plan:
    """The rows that follow the series that can be forecast."""

    history: History
    rounds: Rounds  # Of whole horizons, so ``rounds.steps`` may exceed ``steps``.
    steps: int
    following: Following | None  # None without timestamps.
    # The columns known ahead, ``(chosen, rounds.steps, columns)``; None if there are none.
    values: Array | None = None

    @classmethod
    def of(cls, future: Any, history: History, steps: int, incomplete: str) -> Self:
        """Read and check what follows; arguments as in ``forecast``."""
        rounds = Rounds.of(history.interface, history.columns, steps)
        windows, names = history.windows, history.panel.columns.by_part()["future"]
        if future is None and names:
            read = collapsed(names, windows.categories)
            raise ValueError(
                f"The windows have future_columns, {_checks.shown(read)}: pass their values in "
                "the rows that follow as future=, a frame or an array."
            )
        if windows.id_column and is_frame(future) and not names and windows.min_inputs == 0:
            _check_named(future, history, incomplete)
        elif future is not None and not names:
            also = " The columns of a calendar are computed." if windows.cycles else ""
            if windows.handling.partial:
                also += " To plan closed days, train with a column of ones in future_columns."
            raise ValueError(f"The windows have no future_columns, so leave future out.{also}")
        following = Following.of(history.given, windows.gap, rounds.steps)
        plan = cls(history, rounds, steps, following)
        if not names or not len(history.chosen):
            return plan
        return replace(plan, values=plan._values(future, names, incomplete))

    def parts(self) -> Iterator[tuple[History, dict[str, Array]]]:
        """Yield some series at a time, with the model's inputs by role."""
        done = 0
        for part in self.history.parts():
            count, rows = len(part.chosen), self.rounds.steps
            past = part.past
            ahead = [] if self.values is None else [self.values[done : done + count]]
            if part.windows.calendar is not None:
                within, after = calendar_of(part, self.following, rows)
                within[part.before] = np.nan
                past = np.concatenate([past.reshape(*past.shape[:2], -1), within], axis=2)
                ahead.append(after)
            inputs = {"past": past}
            if ahead:
                inputs["future"] = np.concatenate(ahead, axis=2)
            constant = part.panel.by_series.items()
            yield part, inputs | {name: values[part.chosen] for name, values in constant}
            done += count

    def far(self) -> str:
        """Return a warning of a planned or static value far outside training, or ""."""
        history, columns = self.history, self.history.panel.columns
        far, static = "", list(columns.static)
        if self.values is not None:
            far = self._far("future of ", history, columns.by_part()["future"], self.values)
        if static and not far:
            far = self._far("", history, static, history.panel.per_series(static)[history.chosen])
        return far

    def far_within(self, part: History, past: Array) -> str:
        """Return a warning of a value far outside training in last windows, or ""."""
        columns, observed = part.panel.columns, list(part.panel.columns.own)
        values = past.reshape(*past.shape[:2], -1)[:, :: part.windows.sampling_rate, observed]
        names, grown = [columns.past[place] for place in observed], columns.by_part()["target"]
        return self._far("the last window of ", part, names, values, grown)

    def _far(self, where: str, part: History, names: Any, values: Array, grown: Any = ()) -> str:
        ranges = getattr(self.history.interface.carried, "ranges", None) or {}
        for name, numbers in zip(names, np.moveaxis(values, -1, 0), strict=True):
            low, high = ranges.get(str(name), (-np.inf, np.inf))
            # float32 and float64 round the same number differently.
            most = high - low + 1e-6 * max(abs(low), abs(high))
            far = np.abs(numbers - (low / 2 + high / 2)) > most * (_GROWN if name in grown else 1)
            if far.any():
                series = part.panel.series(int(part.chosen[np.argwhere(far)[0][0]]))
                return (
                    f"{where}{series} has {numbers[far][0]:.6g} in column {name!r}, far outside "
                    f"the {low:.6g} to {high:.6g} of training, so the forecast extrapolates: "
                    "check value and unit."
                )
        return ""

    def _values(self, future: Any, names: Sequence[Any], incomplete: str) -> Array:
        """Return the columns known ahead of the chosen series; NaN at a closed step."""
        # After ``steps`` rows, a row that ``future`` lacks repeats the one before it.
        history, steps = self.history, self.steps
        if is_frame(future):
            values, present, inside = self._of_frame(future, names, incomplete)
        else:
            values, present = self._of_array(future, names)
            inside = present
        if np.isinf(values).any():
            place, step, column = np.argwhere(np.isinf(values))[0]
            number = int(history.chosen[place])
            at = "" if self.following is None else f" ({self._shown(number, step)})"
            (name,) = collapsed([names[column]], history.windows.categories)
            raise ValueError(
                f"future has an infinite value at step {step + 1}{at} of "
                f"{history.panel.series(number)} in column {name!r}. Correct it, or write NaN if "
                "it is missing."
            )
        closing, given = history.windows.handling.partial, present
        if closing:
            lacking = ~(given & np.isfinite(values).all(axis=2))
            self._warn_closed((lacking & (given | inside))[:, :steps], given[:, :steps])
            values = np.where(present[..., None], values, np.nan)
            present = present | inside
        short = ~present[:, :steps].all(axis=1)
        if short.any():
            place = int(short.argmax())
            lacking = ~present[place, :steps]
            self._refuse_few(int(history.chosen[place]), given[place, :steps], lacking)
        filled = present & (closing | np.isfinite(values).all(axis=2))
        missing = ~filled[:, :steps].all(axis=1)
        if missing.any():
            read = collapsed(names, history.windows.categories)
            series = history.panel.series(int(history.chosen[missing.argmax()]))
            raise ValueError(
                f"future has missing values of the columns {_checks.shown(read)} in the rows that "
                f"{series} needs. Fill them in."
            )
        for row in range(steps, self.rounds.steps):
            values[:, row] = np.where(filled[:, row, None], values[:, row], values[:, row - 1])
        return values

    def _warn_closed(self, closed: BoolArray, planned: BoolArray) -> None:
        """Warn of closed steps, ``(chosen, steps)``, if the plan rather seems to lack rows."""
        chosen, given = self.history.chosen, self.history.given
        if not closed.any():
            return
        lacking = [given.gaps, *(at + np.flatnonzero(rows) for at, rows in lacking_rows(given))]
        series = np.searchsorted(given.offsets, np.concatenate(lacking), side="right") - 1
        count = np.bincount(series, minlength=len(given.lengths))
        gaps = (count > 0) & (count < given.lengths)
        any_gaps, new, gaps = gaps.any(), (count == given.lengths)[chosen], gaps[chosen]
        # Closed steps are expected in a series with gaps, and at a step at which a series with gaps
        # is closed. In a panel with gaps, a step at which all series are closed is a holiday,
        # unless it is the first: then the plan begins late.
        holiday: Any = closed.all(axis=0) & (len(closed) > 1) & any_gaps
        holiday[0] = False
        begun = np.logical_or.accumulate(planned, axis=1)
        never_open = closed.all(axis=1) & (new | (closed.shape[1] > 1))
        late = closed & ~begun.any(axis=0) & (planned.any(axis=1) & ~new)[:, None]
        if self.following is not None and late.any():
            times = self.following.shown[chosen, : late.any(axis=0).sum()]
            late[:, : times.shape[1]] &= ~self.history.often_closed(times)
        unexpected = (~new[:, None] | begun) & ~gaps[:, None] & ~closed[gaps].any(axis=0) & ~holiday
        closed = closed & (never_open[:, None] | unexpected | late)
        numbers = chosen[closed.any(axis=1)].tolist()
        if numbers:
            steps = (np.flatnonzero(closed.any(axis=0)) + 1).tolist()
            first = int(closed[chosen == numbers[0]].argmax())
            time = "" if self.following is None else f", {self._shown(numbers[0], first)}"
            names = _checks.few([*map(given.series, numbers)])
            warnings.warn(
                f"future lacks rows or values of {names} at the steps {_checks.shown(steps)} "
                f"(the first is {first + 1}{time}). Their forecast is NaN, as for closed steps. "
                "Complete the plan, unless they are closed.",
                stacklevel=6,
            )

    def _shown(self, number: int, step: int) -> str:
        assert self.following is not None
        return as_written(self.following.shown[number, step])

    def _refuse_few(self, number: int, given: BoolArray, lacking: BoolArray) -> None:
        where = shorter = ""
        if self.following is not None:
            where = f"; the first missing one is {self._shown(number, int(lacking.argmax()))}"
        closed = (
            ' If such steps are closed, train on windows with missing="mask_targets", which leave '
            "them out."
        )
        if self.history.windows.handling.partial:
            closed = (
                " A step without a row is closed if the plan goes on after it; at the end of the "
                "plan, write a closed step as a row with missing values."
            )
        first_steps = int(given.sum())
        if first_steps and given[:first_steps].all():
            shorter = f", or forecast the first alone: steps={first_steps}"
        raise ValueError(
            f"future has {first_steps} of the {len(given)} rows that follow "
            f"{self.history.panel.series(number)}{where}. Pass a row for each step of the forecast"
            f"{', or leave a series out that has ended' * (not given.any())}{shorter}.{closed}"
        )

    def _of_array(self, future: Any, names: Sequence[Any]) -> tuple[Array, BoolArray]:
        """Return the values of the chosen series by step, and True for each step in the array."""
        values = _checks.numeric(future, "future").astype(np.float64)
        panel, steps, rows = self.history.panel, self.steps, self.rounds.steps
        lead = () if panel.single else (len(panel.lengths),)
        needed, shape = (*lead, steps, len(names)), values.shape
        if len(shape) != len(needed) or (*shape[:-2], shape[-1]) != (*lead, len(names)):
            shape = "(steps, columns)" if panel.single else "(series, steps, columns)"
            raise ValueError(
                f"future must have the shape {shape}, here {needed}, with the columns "
                f"{_checks.shown(list(names))}. Received shape {values.shape}."
            )
        values = values.reshape(len(panel.lengths), -1, len(names))
        given = np.arange(rows) < values.shape[1]
        if not given[:steps].all():
            replace(self, following=None)._refuse_few(0, given[:steps], ~given[:steps])
        out = np.zeros((len(self.history.chosen), rows, len(names)))
        out[:, given] = values[self.history.chosen, :rows]
        return out, np.tile(given, (len(out), 1))

    def _of_frame(
        self, future: Any, names: Sequence[Any], incomplete: str
    ) -> tuple[Array, BoolArray, BoolArray]:
        """Return values by step, True for steps with a row, and True for steps within the plan."""
        history, following, rows = self.history, self.following, self.rounds.steps
        windows, panel = history.windows, history.panel
        if not panel.single and windows.id_column is None:
            raise ValueError("future is a frame, and series a list of arrays: pass an array.")
        read = collapsed(names, windows.categories)
        columns = open_frame(future).columns
        needed = [*windows.keys, *read, *(name for name in windows.per_series if name in columns)]
        table = open_frame(selected(future, needed, windows, "future"))
        values = matrix(table, read, windows, "future").astype(np.float64)
        series = np.zeros(len(table), np.int64)
        if panel.labels is not None:
            ids, series = _numbers_of(table, history, incomplete)
            absent = history.chosen[~np.isin(history.chosen, series)]
            if len(absent):
                raise ValueError(
                    f"future has no row of {panel.series(int(absent[0]))}, by id_column="
                    f"{windows.id_column!r}. Its ids are {_checks.shown(ids)}: use the ids of the "
                    "series, with a row for each step of each series."
                )
        static = [name for name in windows.per_series if name in table.columns]
        if static:
            history.check_static(matrix(table, static, windows, "future"), static, series)
        if following is None:
            places, inside = _in_order(series), np.zeros((len(panel.lengths), rows), bool)
        else:
            places, inside = self._places(table, series)
        out = np.zeros((len(panel.lengths), rows, len(names)))
        present = np.zeros((len(panel.lengths), rows), bool)
        used = np.flatnonzero((series >= 0) & (places >= 0) & (places < rows))
        twice = Rows(series[used], places[used]).twice
        if twice is not None:
            number = int(series[used[twice[0]]])
            raise ValueError(
                f"future has several rows for one time of {panel.series(number)}. Keep one of them."
            )
        if following is not None and not len(used):
            number = int(history.chosen[0])
            raise ValueError(
                f"future has no row at a time that follows {panel.series(number)}, from "
                f"{self._shown(number, 0)} to {self._shown(number, -1)}. Pass the rows of these "
                "times; a closed step may be a row with missing values."
            )
        out[series[used], places[used]] = values[used]
        present[series[used], places[used]] = True
        return out[history.chosen], present[history.chosen], inside[history.chosen]

    def _places(self, table: Any, series: IntArray) -> tuple[IntArray, BoolArray]:
        """Return each row's step after its series, or -1, and True for steps within the plan."""
        # The plan ends at the last timestamp in the frame. Of a series with a row in the plan, it
        # includes all steps up to there; of another series, only those after all known rows.
        panel, following = self.history.panel, self.following
        assert following is not None
        assert panel.clock is not None
        if panel.clock.frequency is None:
            raise ValueError(
                "Each series has a single row, so the timestamps have no step, and the rows of "
                "future cannot be found by time: pass a longer series beside them, or future as an "
                "array."
            )
        name, given = self.history.windows.time_column or "", panel.clock
        clock = read_clock(table, name)
        kinds = [(at.times.dtype.kind == "M", at.zone is None) for at in (clock, given)]
        if kinds[0] != kinds[1]:
            raise TypeError(
                f"time_column={name!r} must be of one type in series and future. Received "
                f"{given.times.dtype}{' with a time zone' if given.zone else ''} and "
                f"{clock.times.dtype}{' with a time zone' if clock.zone else ''}."
            )
        kind = np.promote_types(clock.times.dtype, given.times.dtype)
        times, after = clock.times.astype(kind), following.times.astype(kind)
        rows = after.shape[1]
        ahead = Rows(np.repeat(np.arange(len(after)), rows), after.ravel())
        flat = ahead.locate(series, times)
        within = (times > after[series, 0]) & (times < after[series, -1])
        off = (flat < 0) & (series >= 0) & within
        if off.any():
            row = int(np.flatnonzero(off)[series[off].argmin()])
            number = int(series[row])
            raise ValueError(
                f"future has a row of {panel.series(number)} at {clock.written(row)}, which is "
                "none of the timestamps that follow the series, the first of which is "
                f"{self._shown(number, 0)}. Correct it."
            )
        inside: BoolArray = np.zeros(after.shape, bool)
        if len(times):
            # A series without a row in the plan may have ended long ago.
            followed = np.isin(np.arange(len(after)), series[flat >= 0])[:, None]
            inside = (after <= times.max()) & (followed | (after > given.times.max()))
        return np.where(flat < 0, -1, flat - series * rows), inside


def _numbers_of(table: Any, history: History, incomplete: str) -> tuple[list[Any], IntArray]:
    """Return the ids of a plan, and the number of each row's series, or -1 for an unknown id."""
    ids, codes = numbered_series(table, history.windows.id_columns)
    places = places_of(ids, history.panel.labels or ())
    if incomplete == "raise" and (places < 0).any():
        alone = [label for label, place in zip(ids, places, strict=True) if place < 0]
        raise ValueError(
            f"future has rows of {_checks.shown(alone)}, by id_column="
            f"{history.windows.id_column!r}, and series has none to forecast from. Leave them out "
            'of future, add their rows to series, or pass incomplete="nan". A model with '
            "min_inputs=0 forecasts them, too."
        )
    return ids, places[codes]


def _check_named(future: Any, history: History, incomplete: str) -> None:
    """Check a plan that has no column known ahead, and only names the series to forecast."""
    windows, table = history.windows, open_frame(future)
    static = [name for name in windows.per_series if name in table.columns]
    table = open_frame(selected(future, [*windows.id_columns, *static], windows, "future"))
    series = _numbers_of(table, history, incomplete)[1]
    if static:
        history.check_static(matrix(table, static, windows, "future"), static, series)


def _in_order(series: IntArray) -> IntArray:
    """Return each row's place among the rows of its series."""
    order = np.argsort(series, kind="stable")
    places = np.empty(len(series), np.int64)
    places[order] = np.arange(len(series)) - np.searchsorted(series[order], series[order])
    return places
