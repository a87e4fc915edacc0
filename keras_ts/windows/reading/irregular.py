"""Refuses timestamps that are not regular: says what was seen, and which line of code mends it.

Mostly the times jitter or repeat, rows are missing, or each row is an event.
"""

from typing import Any, NoReturn

import numpy as np

from keras_ts._checks import shown
from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.cycles import WEEKS, weekday
from keras_ts.windows.arithmetic.frequency import Frequency
from keras_ts.windows.arithmetic.inferring import disorder, inferred
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.spec import WindowSpec

# Seconds of a day, and of each unit with its names in pandas and polars.
_DAY = 86400
_UNITS = (_DAY, "D", "d"), (3600, "h", "h"), (60, "min", "m"), (1, "s", "s")
_JITTER = "The times jitter."
_MASK = 'Insert the missing rows, or pass missing="mask" for a model that masks them.'
_SECOND = np.timedelta64(1, "s")
_IN_POLARS = {"round": "round", "floor": "truncate"}
_POLARS_MEAN, _PANDAS_MEAN = "pl.selectors.numeric().mean()", ".mean(numeric_only=True)"


def refuse_disorder(panel: FlatSeries, spec: WindowSpec) -> None:
    """Refuse times that repeat or go back within a series."""
    clock: Any = panel.clock
    wrong = disorder(clock.times, panel.offsets)
    if wrong is None:
        return
    kind, position = wrong
    keys = [name for name in (spec.id_column, spec.time_column) if name is not None]
    names, polars = ", ".join(map(shown, keys)), clock.library == "polars"
    place = panel.place(position)
    number = int(np.searchsorted(panel.offsets, position, side="right")) - 1
    if kind == "backwards":
        begin = panel.offsets[number]
        earlier = np.flatnonzero(clock.times[begin:position] == clock.times[position])
        place += f", which has the time of position {earlier[0]}" if len(earlier) else ""
        verb, cure = (
            "goes back in",
            f"{'Keep one of them, and s' if len(earlier) else 'S'}ort the rows: frame = frame.",
        )
        cure += f"sort({names})" if polars else f"sort_values([{names}])"
    else:
        verb, cure = "repeats", "Aggregate the rows of one time: frame = frame."
        names = ", ".join(map(shown, [*_of_series(spec), spec.time_column]))
        # Texts, such as a holiday's name, have no mean: the first one stays.
        cure += (
            f"group_by({names}, maintain_order=True).agg({_POLARS_MEAN}, "
            "(~pl.selectors.numeric()).first())"
            if polars
            else f"groupby([{names}], as_index=False).agg({{name: 'mean' if "
            "frame[name].dtype.kind in 'biuf' else 'first' for name in frame.columns.drop("
            f"[{names}])}})"
        )
    if panel.single:
        cure += ", or name the column that tells series apart in id_column"
    elif _of_two_series(panel, number, position, kind):
        cure += ", or, if these are two series, make their ids unique"
    if _put_back(panel, number, position):
        # Both hours are real: their mean, or one of them alone, would be a wrong number.
        column, line = shown(spec.time_column), "dt.tz_localize('Europe/Paris', ambiguous='infer')"
        line = f"frame[{column}] = frame[{column}].{line}"
        if polars:
            of_series = "" if spec.id_column is None else f".over({shown(spec.id_column)})"
            line = (
                f"frame = frame.with_columns(pl.col({column}).dt.replace_time_zone('Europe/Paris', "
                f"ambiguous=pl.when(pl.col({column}).is_first_distinct(){of_series})"
                ".then(pl.lit('earliest')).otherwise(pl.lit('latest'))))"
            )
        cure = (
            f"If that is a change of the clock, both hours are real: name their zone, {line}. "
            f"Else {cure[0].lower()}{cure[1:]}"
        )
    raise ValueError(f"time_column={spec.time_column!r} {verb} time at {place}. {cure}.")


def _of_two_series(panel: FlatSeries, number: int, position: int, kind: str) -> bool:
    """Return True if the rows of a series may be those of two, one after the other or in turn."""
    # If one after the other, times recur in a later run of rows; if in turn, most times recur.
    clock, rows = _clock_and_rows(panel, number)
    if kind == "duplicate":
        return bool(np.median(np.unique(clock.times[rows], return_counts=True)[1]) > 1)
    run = clock.times[position : rows.stop]
    ends = np.flatnonzero(run[1:] <= run[:-1])[:1] + 1
    run = run[: ends[0]] if len(ends) else run
    return int(np.isin(run, clock.times[rows.start : position]).sum()) > 1


def _put_back(panel: FlatSeries, number: int, position: int) -> bool:
    """Return True if the repeated times of a day may be an hour that a clock showed twice."""
    clock, rows = _clock_and_rows(panel, number)
    if clock.zones or clock.times.dtype.kind != "M":
        return False
    before, hour = clock.times[position - 1 : position + 1].astype("M8[h]")
    times = clock.times[rows]
    day = times[times.astype("M8[D]") == hour.astype("M8[D]")]
    distinct, counts = np.unique(day, return_counts=True)
    again = distinct[counts > 1]
    once = len(distinct) - len(again)
    within = before == hour and bool((again.astype("M8[h]") == hour).all())
    return within and counts.max() == 2 and once > 1


def refuse_gaps(panel: FlatSeries, gaps: IntArray, spec: WindowSpec) -> None:
    """Refuse irregular steps, by an error that names the first one."""
    clock = panel.clock
    if clock is None or not len(gaps):
        return
    row = int(gaps[0])
    number = int(np.searchsorted(panel.offsets, row, side="right")) - 1
    where = "" if panel.single else f" in {panel.series(number)}"
    frequency, whole = clock.frequencies[number], False
    if frequency is None:
        seen = f"{where}: {_seen(panel, number)}"
    else:
        times = clock.shown if frequency.local else clock.times
        [steps], [whole] = frequency.apart(times[row - 1 : row + 1])
        seen = (
            f", the first from {clock.written(row - 1)} to {clock.written(row)}{where}: the "
            f"frequency is {str(frequency)!r}, and this step is "
            f"{f'{steps} times that' if whole else 'no whole multiple of it'}"
        )
    cure = cure_of(panel, number, spec, whole)
    if not cure.startswith(_JITTER):  # Where times jitter, a missing row would go unnoticed.
        cure += (
            ' Or pass missing="drop" to leave out the windows that cross a gap, or missing="keep" '
            "to count rows instead of time."
        )
    raise ValueError(
        f"time_column={spec.time_column!r} has {len(gaps)} irregular step"
        f"{'s' * (len(gaps) > 1)}{seen}. {cure}"
    )


def refuse_without(
    panel: FlatSeries, number: int, need: str, spec: WindowSpec | None, cure: str = ""
) -> NoReturn:
    """Refuse a series without a frequency; the error begins with ``need``, what needs one."""
    column = "timestamps" if spec is None else f"time_column={spec.time_column!r}"
    raise ValueError(
        f"{need} a series' own frequency, and {panel.series(number)} has none: by {column} it has "
        f"{_seen(panel, number)}. {cure}{cure_of(panel, number, spec)}"
    )


def advice(panel: FlatSeries, spec: WindowSpec) -> str | None:
    """Say which steps disagree in the first series without a frequency, and what mends it."""
    clock = panel.clock
    codes = np.empty(0) if clock is None else clock.frequencies.codes
    without = np.flatnonzero((codes < 0) & (panel.lengths >= 3))
    if not len(without):
        return None
    number = int(without[0])
    where = "" if panel.single else f"{panel.series(number)}: "
    return f"{where}{_seen(panel, number)}. {cure_of(panel, number, spec)}"


def _of_series(spec: WindowSpec) -> list[Any]:
    """Return the columns with one value per series, by which rows are grouped."""
    names = [spec.id_column, *spec.per_series]
    return [name for name in names if name is not None]


def _clock_and_rows(panel: FlatSeries, number: int) -> tuple[Any, slice]:
    return panel.clock, slice(int(panel.offsets[number]), int(panel.offsets[number + 1]))


def _seen(panel: FlatSeries, number: int) -> str:
    """Say which two steps of a series disagree."""
    clock, rows = _clock_and_rows(panel, number)
    times = clock.shown[rows]
    if len(times) < 2:
        return f"{len(times)} timestamp{'s' * (len(times) != 1)}"
    local = None if clock.local_times is None else clock.local_times[rows]
    uneven, _ = inferred(clock.times[rows], np.array([0, len(times)]), local)
    steps = [int(np.setdiff1d(np.arange(1, len(times)), uneven)[0]), *uneven[:1].tolist()]
    unit: Any = np.datetime_data(times.dtype)[0] if times.dtype.kind == "M" else ""
    lengths, places = np.diff(times).astype(np.int64), np.array(steps) - 1
    if len(set(lengths[places])) < 2:  # Equal on the local clock, which changed between.
        lengths = np.diff(clock.times[rows]).astype(np.int64)
    if unit:
        seconds = np.rint(lengths.astype(f"m8[{unit}]") / _SECOND).astype(np.int64)
        # Jittered times have nanoseconds, which nobody reads.
        if len(set(seconds[places])) == 2 and seconds[places].min() >= 10:
            lengths, unit = seconds, "s"
    steps_in_words = [
        f"{Frequency(int(lengths[row - 1]), unit=unit)} from "
        f"{clock.written(rows.start + row - 1)} to {clock.written(rows.start + row)}"
        for row in sorted(steps)
    ]
    return f"{', but '.join(steps_in_words)}, and no step is regular"


def cure_of(panel: FlatSeries, number: int, spec: WindowSpec | None, whole: bool = False) -> str:
    """Return what mends an irregular series; ``whole`` says that it only lacks rows."""
    clock, rows = _clock_and_rows(panel, number)
    times = clock.shown[rows]
    if len(times) < 3 or times.dtype.kind != "M":
        return _MASK if whole else "Insert the missing rows, or leave that series out."
    polars, column = clock.library == "polars", "" if spec is None else shown(spec.time_column)

    def line(of_pandas: str, of_polars: str) -> str:
        if spec is None:
            return f"timestamps = timestamps.dt.{of_polars if polars else of_pandas}."
        if polars:
            return f"frame = frame.with_columns(pl.col({column}).dt.{of_polars})."
        return f"frame[{column}] = frame[{column}].dt.{of_pandas}."

    alone, known = np.array([0, len(times)]), clock.frequencies[number] is not None
    for other, name, of_pandas, of_polars in (
        (times, "without their zone", "tz_localize(None)", "replace_time_zone(None)"),
        (clock.times[rows], "in UTC", "tz_convert('UTC')", "convert_time_zone('UTC')"),
    ):
        uneven, [frequency] = inferred(other, alone)
        if clock.zones and frequency is not None and not (known and len(uneven)):
            return f"They are regular {name}: {line(of_pandas, of_polars)}"
    if whole:
        return _MASK
    usual = np.median(np.diff(times))
    months = np.diff(times.astype("M8[M]").astype(np.int64))
    monthly = (months > 0).all() and usual > np.timedelta64(26, "D")
    starts = bool((times == times.astype("M8[M]")).all())
    if monthly and not starts:
        start = line("to_period('M').dt.to_timestamp()", "month_start()")
        return f"Give each row the start of its month: {start}"
    apart = np.diff(times) / usual
    # In a series with a frequency, rows that stray by more than a tenth of a step are mistakes;
    # others are rounded. A step of several days cannot be: rounding counts steps from 1970.
    stray = (np.abs(apart - np.rint(apart)) > 0.1).any() or usual > np.timedelta64(1, "D")
    if known and stray:
        return "Each row must lie on the steps of its series: correct the timestamp, or drop it."
    # The rows of other targets and sensors may lie between those of the target with most values.
    present = np.isfinite(panel.values.reshape(len(panel.values), -1)[rows, panel.columns.targets])
    of_target = times[present[:, present.sum(axis=0).argmax()]]
    step = ("MS", "1mo", "") if monthly else _step(of_target if len(of_target) > 2 else times)
    if step is not None and 2 < len(of_target) < 0.7 * present.any(axis=1).sum():
        return (
            f"Each target has rows of its own, about each {step[0]!r}. Put each on that grid by "
            "itself, and merge them: see 'Two clocks' on the documentation's page on sensors."
        )
    if step is not None and step[2]:
        calls = [f"{step[2]}({step[0]!r})", f"{_IN_POLARS[step[2]]}({step[1]!r})"]
        ahead = clock.shown[rows] - clock.times[rows]
        # A local clock shows one hour twice, which cannot be rounded.
        if step[0][-1] != "D" and ahead.any() and not (ahead % np.timedelta64(1, "h")).any():
            zone = str(clock.zones[min(number, len(clock.zones) - 1)].info)
            for place, there in enumerate(["tz_convert", "convert_time_zone"]):
                calls[place] = f"{there}('UTC').dt.{calls[place]}.dt.{there}({zone!r})"
        return f"{_JITTER} Round them: {line(*calls)}"
    if step is None or spec is None:
        return "Resample them to a regular step, or leave that series out."
    ids = ", ".join(map(shown, _of_series(spec)))
    ids = f"[{ids}]" if "," in ids else ids
    # The mean of a quarter of an hour gets the time of its end, at which it is known; that of a day
    # or month keeps the date.
    days = step[0][-1] in "DS"
    end = "" if days else ', label="right", closed="right"'
    # Days off get no row.
    open_days = "".join("01"[day in weekday(times)] for day in range(7))
    business = days and open_days in WEEKS.values()
    if polars:
        every = f"{column}, every={step[1]!r}" + (f", group_by={ids}" if ids else "")
        call = f"sort({column}).group_by_dynamic({every}{end}).agg({_POLARS_MEAN})"
        call += "" if business else f".upsample({every})"
    else:
        call = f"groupby({ids})." if ids else ""
        groups = ", include_groups=False" if ids else ""
        call += f"resample({step[0]!r}, on={column}{end}{groups}){_PANDAS_MEAN}"
        call += f".dropna(how={'all'!r}).reset_index()" if business else ".reset_index()"
    return (
        'Resample them to a regular step, and pass missing="mask" for steps without a row, or fill '
        f"those with 0 if nothing happened there: frame = frame.{call}."
    )


def _step(times: Array) -> tuple[str, str, str] | None:
    """Return the step as pandas and as polars write it, and the call that rounds to it, or ""."""
    seconds = (times - np.datetime64(0, "s")) / _SECOND
    steps = np.diff(seconds)
    even = not (steps % steps.min()).any()  # Rows are missing, and no time jitters.
    usual = float(steps.min() if even else np.median(steps))
    if usual < 7 * _DAY and not (steps % _DAY).any():
        even, usual = True, _DAY  # Rows on some days of the week.
    for size, pandas, polars in _UNITS:
        count = round(usual / size)
        grid = count * size
        # A step of many small units, such as 1439 minutes, is a jittered step of a larger unit.
        if count and abs(usual - grid) <= grid / 8:
            rounded, floored = np.rint(seconds / grid), seconds // grid
            near = np.quantile(np.abs(seconds / grid - rounded), 0.9) <= 0.25
            # Readings may stray to both sides of a step, by up to half of it. If the step is
            # a day, they do not: a reading of Friday evening would count for Saturday.
            if grid < _DAY and not (np.diff(floored) > 0).all():
                near |= bool((np.diff(rounded) > 0).all())
            place, name = (rounded, "round") if near else (floored, "floor")
            apart = np.diff(place)
            # Two rows rounded to one step are refused later, with the line that aggregates them.
            single = near or bool((apart > 0).all())
            jitters = not even and single and bool(2 * (apart == 1).sum() > len(apart))
            return f"{count}" * (count > 1) + pandas, f"{count}{polars}", name * jitters
    return None
