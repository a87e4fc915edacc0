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


def continued(
    panel: Panel, frequencies: list[Frequency | None], rows: int
) -> Iterator[tuple[list[int], Array, Array]]:
    """Continue the series that have rows and a frequency; those that go on alike, once.

    Args:
        panel: The series, with a clock.
        frequencies: The frequency of each series, or None.
        rows: Number of timestamps after the last one of each series; if negative, before its first.

    Yields:
        The numbers of some series, and their timestamps as ``Clock.following`` returns them.
    """
    clock: Any = panel.clock
    alike: dict[Any, list[int]] = {}
    for number, frequency in enumerate(frequencies):
        if frequency is not None and panel.offsets[number] < panel.offsets[number + 1]:
            border = clock.times[clock.border_row(number, rows)].item()
            zone = min(number, len(clock.zones) - 1)
            alike.setdefault((frequency, border, zone), []).append(number)
    for (frequency, _, _), numbers in alike.items():
        yield numbers, *clock.following(numbers[0], frequency, rows)
