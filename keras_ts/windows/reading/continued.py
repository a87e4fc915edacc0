"""Continues the timestamps of a panel past the ends of each series, at its own frequency."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.steps import Frequency
from keras_ts.windows.reading.panel import Panel


def own_frequencies(panel: Panel) -> list[Frequency | None]:
    """Return the frequency of each series; None for one without, and for all without a clock.

    A series of a single row gets the most common frequency of the others.
    """
    lengths = panel.lengths.tolist()
    if panel.clock is None:
        return [None] * len(lengths)
    own = panel.clock.frequencies
    counted = Counter(frequency for frequency in own if frequency is not None)
    usual = counted.most_common(1)[0][0] if counted else None
    return [
        usual if frequency is None and length == 1 else frequency
        for frequency, length in zip(own, lengths, strict=True)
    ]


def refuse_irregular(panel: Panel, number: int, need: str, column: str, cure: str = "") -> None:
    """Raise an error that begins with what needs a frequency, for a series that has none."""
    count = int(panel.lengths[number])
    raise ValueError(
        f"{need} a series' own frequency, and {panel.series(number)} has none: {column} has "
        f"{count} timestamp{'s' * (count > 1)} there, and no step makes up more than half of the "
        f"steps. {cure}Insert the missing rows, or leave that series out."
    )


def refuse_unreached(panel: Panel, number: int, rows: int) -> None:
    """Raise an error: timestamps would leave the range of their dtype or time zone."""
    clock: Any = panel.clock
    zone = " with a time zone, which covers the years 1 to 9999" if clock.zones else ""
    raise ValueError(
        f"time_column holds {clock.times.dtype}{zone}. That does not reach {rows} steps on from "
        f"the end of {panel.series(number)}. Convert it to a coarser unit, or ask for fewer steps."
    )


def continued(
    panel: Panel, frequencies: list[Frequency | None], rows: int
) -> Iterator[tuple[list[int], Array, Array]]:
    """Continue all series that have rows and a frequency; those that continue equally, once.

    Args:
        panel: The series, with a clock.
        frequencies: The frequency of each series, or None.
        rows: Number of timestamps after the last row of each series.

    Yields:
        The numbers of some series, and their timestamps as ``Clock.following`` returns them. Past
        the range of their dtype they wrap around.
    """
    clock: Any = panel.clock
    alike: dict[Any, list[int]] = {}
    for number, frequency in enumerate(frequencies):
        if frequency is not None and panel.offsets[number] < panel.offsets[number + 1]:
            last = clock.times[panel.offsets[number + 1] - 1].item()
            zone = min(number, len(clock.zones) - 1)
            alike.setdefault((frequency, last, zone), []).append(number)
    own = [frequency for frequency, *_ in alike]
    first = [numbers[0] for numbers in alike.values()]
    yield from zip(alike.values(), *clock.following(first, own, rows), strict=True)
