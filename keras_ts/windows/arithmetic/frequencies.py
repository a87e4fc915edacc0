"""``Frequencies``: the frequency of every series of a panel, of which thousands share a few."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.windows.arithmetic.steps import Frequency


@dataclass(frozen=True, eq=False)
class Frequencies:
    """The frequency of each series, None for a series without one.

    A list would take a Python object for each series, and a loop wherever it is read.

    Attributes:
        kinds: The different frequencies, in the order of the first series that has each.
        codes: ``(series,)``, the place of each series' frequency among the kinds; -1 for none.
    """

    kinds: tuple[Frequency, ...]
    codes: IntArray

    @classmethod
    def of(cls, kinds: Sequence[Frequency], codes: IntArray) -> Self:
        """Return the frequencies of series, from kinds that may be equal or not in use.

        Args:
            kinds: Frequencies, in any order.
            codes: The place of each series' frequency among them, or -1.
        """
        first = np.full(len(kinds) + 1, len(codes))
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        order = np.argsort(first[:-1], kind="stable")
        places: dict[Frequency, int] = {}
        moved = np.full(len(kinds) + 1, -1)
        for number in order[first[order] < len(codes)].tolist():
            moved[number] = places.setdefault(kinds[number], len(places))
        return cls(tuple(places), moved[codes])

    def per_series(self, of: Callable[[Frequency], Any], none: Any) -> Array:
        """Return what a function makes of each series' frequency, and ``none`` without one."""
        return np.array([*map(of, self.kinds), none])[self.codes]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, series: int) -> Frequency | None:
        return (*self.kinds, None)[self.codes[series]]

    def __iter__(self) -> Iterator[Frequency | None]:
        return map((*self.kinds, None).__getitem__, self.codes.tolist())


def usual(own: Frequencies, lengths: IntArray) -> Frequency:
    """Return the frequency of the longest series; those that are unusual go first.

    Args:
        own: The frequency of each series; at least one has one.
        lengths: The length of each series.
    """
    unusual = own.per_series(lambda frequency: frequency.unusual, False)
    rank = np.where(own.codes < 0, -1, lengths + unusual * (lengths.max() + 1))
    return own.kinds[own.codes[int(rank.argmax())]]
