"""Warns of series that end early, are short or late."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_ts._checks import FEW, few, shown
from keras_ts._typing import Array
from keras_ts.forecasting.history import History
from keras_ts.forecasting.plan import Plan


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
