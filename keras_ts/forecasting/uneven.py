"""Warns of series that end early, are short or late, and of totals over unlike times or steps."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_ts._checks import FEW, few, shown
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.forecasting.history import History
from keras_ts.forecasting.plan import Plan
from keras_ts.windows.arithmetic.labels import distinct_rows
from keras_ts.windows.reading.clock import as_written


def ended_series(plan: Plan) -> Iterator[str]:
    """Yield a warning if series are forecast only for times that other series have reached."""
    following, panel, chosen = plan.following, plan.history.given, plan.history.chosen
    clock = panel.clock
    if following is None or clock is None or len(chosen) < 2:
        return
    last = panel.offsets[1:][chosen] - 1
    latest = last[clock.times[last].argmax()]
    ended = np.flatnonzero(following.times[chosen, plan.steps - 1] <= clock.times[latest])
    # If most series end before the last one, as in a competition, that is usual.
    if len(ended) and 2 * len(ended) <= len(chosen):
        ends = [
            f"{panel.series(number)} ends at {clock.written(last[place])}"
            for place, number in zip(ended[:FEW], chosen[ended[:FEW]].tolist(), strict=True)
        ]
        yield (
            f"{few(ends, len(ended))}. Nothing is forecast of such series after "
            f"{clock.written(latest)}, where others end. Add their missing rows, or leave out "
            "series that ended."
        )


def silent_at_the_end(past: Array, columns: Sequence[int]) -> list[tuple[int, int]]:
    """Return each window and column that end in a gap more than twice as long as earlier ones."""
    rows = past.reshape(*past.shape[:2], -1)[..., list(columns)]
    known: Any = np.isfinite(rows)
    windows, places = np.nonzero(~known[:, -1])
    known, steps = known[windows, :, places], np.arange(known.shape[1])
    latest = np.maximum.accumulate(np.where(known, steps, -1), axis=1)
    gaps = np.where(latest < 0, 0, steps - latest)  # A gap before the first value is none.
    others = np.where(steps <= latest[:, -1:], gaps, 0).max(axis=1)
    silent = gaps[:, -1] > 2 * np.maximum(others, 1)
    found = np.array(columns)[places[silent]]
    return list(zip(windows[silent].tolist(), found.tolist(), strict=True))


def shorter_series(history: History) -> Iterator[str]:
    """Yield a warning if masked series are shorter than the windows of training."""
    windows, lengths = history.windows, history.panel.lengths
    short = history.chosen[lengths[history.chosen] < windows.geometry.reach]
    if windows.handling.masked and windows.min_inputs is None and len(short):
        first, reach = int(short[0]), windows.geometry.reach
        begin = f"The series has {lengths[first]} rows,"
        if not history.panel.single:
            named = history.panel.series(first)
            begin = f"{len(short)} of {len(lengths)} series, the first {named}, have"
        yield (
            f"{begin} fewer than the {reach} rows of a window. The model was trained on windows "
            "within a series, and intervals do not allow for shorter ones. Train with "
            "min_inputs=, or pass more of the past."
        )


def late_columns(late: dict[int, list[int]], history: History) -> str:
    """Return the warning of late values; ``late`` holds the numbers of the series by column."""
    panel, total = history.panel, len(history.panel.lengths)
    names, targets = panel.columns.past, panel.columns.targets
    named = [
        f"of {'target' if place in targets else 'column'} {shown(names[place])}"
        + f" in {len(late[place])} of {total} series, the first {panel.series(late[place][0])}"
        * (not panel.single)
        for place in sorted(late)
    ]
    more = [f"of {len(named) - FEW} more columns"] if len(named) > FEW else []
    return (
        "Values are missing at the end, for more than twice as long as elsewhere in the last "
        f"window: {'; '.join(named[:FEW] + more)}. The forecast goes on from the last value, and "
        "intervals do not allow for that. If the values are late, leave out these rows, and "
        "forecast more steps; a model of quantiles needs a horizon that long."
    )


def warn_of_times_left_out(
    heads: Any, keys: list[str], names: list[Any], members: tuple[IntArray, IntArray, list[Any]],
    sharing: IntArray, counted: BoolArray,
) -> None:  # fmt: skip
    """Warn of times that not all series of a total have; refuse totals without a common time."""
    # ``members``: the number of each row's group, the number of its id, and the ids.
    groups, numbers, ids = members
    lost = ~np.isin(groups, groups[counted])
    wrong = lost if lost.any() else ~counted
    values = [_by_local_clock(heads[key])[wrong] for key in keys]
    times = [" ".join(map(as_written, row)) for row in sorted(set(zip(*values, strict=True)))]
    details = f"by {' and '.join(map(repr, keys))}: {few(times)}"
    # All series of a group have the times that are summed. The others tell which series differ.
    first, pairs = distinct_rows([groups, numbers])
    shared, group_of_pair = np.bincount(pairs, np.where(counted, 0, sharing)), groups[first]
    fewest = np.full(group_of_pair.max() + 1, np.inf)
    np.minimum.at(fewest, group_of_pair, shared)
    odd = first[np.isin(group_of_pair, groups[wrong]) & (shared == fewest[group_of_pair])]
    suffixes = ["" if names[n] is None else f" of {shown(names[n])}" for n in groups[odd]]
    which = [f"{shown(ids[n])}{end}" for n, end in zip(numbers[odd], suffixes, strict=True)]
    details += f". Series that share the fewest times: {few(which)}."
    if lost.any():
        raise ValueError(
            f"The series of a total have no time in common, {details} Leave out series that "
            "ended, or pass groups of series that share times."
        )
    warnings.warn(
        f"aggregate leaves out {len(times)} time{'s' * (len(times) > 1)} that not all series of a "
        f"total have, {details} Before you forecast, give each series that ends earlier a row at "
        "the last time, without a target.",
        stacklevel=5,
    )


def warn_of_uneven_steps(
    heads: Any, keys: tuple[str | None, str | None],
    totals: tuple[list[Any], IntArray, IntArray, IntArray], counted: BoolArray,
) -> None:  # fmt: skip
    """Warn if totals over steps begin at different times, or sum different numbers of steps."""
    # ``keys``: the columns of times and of origins. ``totals``: the ids or groups, and for each row
    # the number of its id or group, of its total, and of its origin.
    (times, origin), (names, series, owners, origins) = keys, totals
    moments = np.unique(heads[times or "step"].to_numpy(), return_inverse=True)[1]
    rows = np.flatnonzero(counted)
    rows = rows[np.lexsort([moments[rows], owners[rows]])]
    rows = rows[distinct_rows([owners[rows], moments[rows]])[0]]
    begins, counts = np.unique(owners[rows], return_index=True, return_counts=True)[1:]
    begins = rows[begins]

    def named(total: int) -> str:
        row = int(begins[total])
        name = names[series[row]]
        words = [] if name is None else [shown(name)]
        if origin is not None:
            words.append(f"origin {as_written(_by_local_clock(heads[origin])[row])}")
        return " of ".join(words)

    # In the order of origin and first time, the first and last total of each origin are compared.
    order = np.lexsort([moments[begins], origins[begins]])
    starts = np.unique(origins[begins[order]], return_index=True)[1]
    ends = np.stack([order[starts], order[[*starts[1:] - 1, -1]]])
    uneven = np.flatnonzero(moments[begins[ends[0]]] != moments[begins[ends[1]]])
    if times is not None and len(uneven):
        clock = _by_local_clock(heads[times])
        totals_named = [
            f"{named(n)} at {as_written(clock[begins[n]])}" for n in ends[:, uneven[0]].tolist()
        ]
        warnings.warn(
            f"aggregate sums steps of series that begin at different times in column {times!r}: "
            f"{', '.join(totals_named)}. Each is forecast from its own last row: before you "
            "forecast, add rows so that all end at the same time, or leave out series that ended.",
            stacklevel=4,
        )
    fewer = np.flatnonzero(counts < counts.max())
    if len(fewer):
        longest = int(counts.argmax())
        texts = [f"{named(n)} has {counts[n]}" for n in fewer.tolist()]
        warnings.warn(
            f"aggregate sums fewer steps in some totals than the {counts[longest]} of "
            f"{named(longest)}: {few(texts)}. Such totals are too small beside the others: before "
            "you forecast, give each series that ends earlier a row at the last time, without a "
            "target, or sum the times that all have. A closed day counts 0 if samples hold it.",
            stacklevel=4,
        )


def _by_local_clock(column: Any) -> Array:
    """Return a column as an array, timestamps without their zone."""
    zoned = getattr(column.dtype, "time_zone", None) is not None
    return (column.dt.replace_time_zone(None) if zoned else column).to_numpy()
