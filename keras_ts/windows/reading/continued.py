"""Timestamps beyond the ends of each series of a panel, at its own frequency."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.steps import Frequency
from keras_ts.windows.reading.panel import Panel


def own_frequencies(panel: Panel) -> list[Frequency | None]:
    """Return the frequency of each series; None for one that has none, or for all without a clock.

    A series of a single row has that of most others.
    """
    lengths = panel.lengths.tolist()
    if panel.clock is None:
        return [None] * len(lengths)
    known = panel.clock.frequencies
    counted = Counter(frequency for frequency in known if frequency is not None)
    usual = counted.most_common(1)[0][0] if counted else None
    return [
        usual if frequency is None and length == 1 else frequency
        for frequency, length in zip(known, lengths, strict=True)
    ]


def refuse_unreached(panel: Panel, number: int, rows: int) -> None:
    """Raise an error that timestamps go on past those that their type or time zone has."""
    clock: Any = panel.clock
    zone = ", and a time zone the years 1 to 9999" if clock.zones else ""
    raise ValueError(
        f"time_column holds {clock.times.dtype}{zone}, which does not reach {abs(rows)} steps "
        f"{'back from the start' if rows < 0 else 'on from the end'} of {panel.series(number)}. "
        "Give it a coarser unit, or ask for fewer."
    )


def continued(
    panel: Panel, frequencies: list[Frequency | None], rows: int
) -> Iterator[tuple[list[int], Array, Array]]:
    """Continue the series that have rows and a frequency; those that go on alike, once.

    Args:
        panel: The series, with a clock.
        frequencies: The frequency of each series, or None.
        rows: Number of timestamps after the last one of each series; if negative, before its first.

    Yields:
        The numbers of some series, and their timestamps as ``Clock.following`` returns them: past
        the ends of their type they begin anew.
    """
    clock: Any = panel.clock
    alike: dict[Any, list[int]] = {}
    for number, frequency in enumerate(frequencies):
        if frequency is not None and panel.offsets[number] < panel.offsets[number + 1]:
            border = clock.times[clock.border_row(number, rows)].item()
            zone = min(number, len(clock.zones) - 1)
            alike.setdefault((frequency, border, zone), []).append(number)
    own = [frequency for frequency, *_ in alike]
    first = [numbers[0] for numbers in alike.values()]
    yield from zip(alike.values(), *clock.following(first, own, rows), strict=True)
