"""``Requirements``: the inputs that a model must take and the outputs that it must give.

They are read off a dataset, or stand in for it where a preset is built without one. Nothing behind
this file asks again which of the two it was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_ts._typing import Array
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.training_constants import TrainingConstants

# Standard deviations below this share of a column's mean are rounding: the column is constant.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Constants:
    """A mean and a standard deviation for each of some columns, from the training part.

    Attributes:
        mean: Means in units of the columns; 0 for a calendar column.
        std: Standard deviations; 1 for a calendar column, and for a constant one.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __getitem__(self, columns: Sequence[int]) -> "Constants":
        return Constants(tuple(self.mean[i] for i in columns), tuple(self.std[i] for i in columns))

    @property
    def idle(self) -> bool:
        """True if standardizing would change nothing."""
        return set(self.mean) == {0.0} and set(self.std) == {1.0}


@dataclass(frozen=True)
class Requirements:
    """The inputs that a model must take, and the outputs that it must give.

    Attributes:
        window: Steps in a window, or None for any number.
        features: Columns of ``past``; None for a plain series, whose windows have no such axis.
        steps: Steps to forecast.
        targets: Of each output of a step, its index among the own columns; None if every output
            goes by the first column, or by its own if there are as many as columns.
        shape: Shape of the outputs, behind the axis of the batch and that of a sequence's window.
        own: Columns of ``past`` that are not known ahead; None for all.
        known: Columns of ``past`` that ``future`` continues.
        cycles: Cycles of a calendar, whose sines and cosines stand last among those columns.
        static: Number of static columns.
        past_constants: Of the columns of ``past``; None without a dataset.
        static_constants: Of the static columns; None without any.
        own_step: How far the own column and the series that move least go in a step; None without a
            dataset.
        units: Of each target of a step, the unit in which columns known ahead add to it; None to
            add in units of each window, as fits series of many sizes.
        gap: Steps between a window and its first target.
        bundled: True if the inputs are a dict.
        holes: True if windows may lack values.
    """

    window: int | None
    features: int | None
    steps: int
    targets: tuple[int, ...] | None
    shape: tuple[int, ...]
    own: tuple[int, ...] | None = None
    known: tuple[int, ...] = ()
    cycles: int = 0
    static: int = 0
    past_constants: Constants | None = None
    static_constants: Constants | None = None
    own_step: float | None = None
    units: tuple[float, ...] | None = None
    gap: int = 0
    bundled: bool = False
    holes: bool = False

    @property
    def targets_per_step(self) -> int:
        """Number of outputs at each step."""
        return math.prod(self.shape) // self.steps

    @property
    def own_constants(self) -> Constants | None:
        """Constants of the own columns, or None."""
        if self.past_constants is None or self.own is None:
            return None
        return self.past_constants[self.own]

    @property
    def target_constants(self) -> Constants | None:
        """Constants of the targets of a step, or None."""
        if self.own_constants is None or self.targets is None:
            return None
        return self.own_constants[self.targets]


def required_by(dataset: WindowDataset) -> Requirements:
    """Read off a dataset what its model must take and give."""
    batch = dataset[0]
    x, y = batch[0], batch[1]
    bundled = isinstance(x, dict)
    past: Array = x["past"] if bundled else x
    windows, columns = dataset.windows, dataset.columns
    names = columns["past"]
    known = tuple(names.index(name) for name in columns["future"])
    own = tuple(column for column in range(len(names)) if column not in known)
    targets = tuple(own.index(names.index(name)) for name in columns["target"])
    shape = y.shape[2:] if windows.targets == "sequence" else y.shape[1:]
    read = TrainingConstants.of(dataset)
    # A calendar's sines and cosines stand last, and lie between -1 and 1 as they are.
    constants = _constants(read.past, as_they_are=len(windows.calendar_columns))
    return Requirements(
        window=windows.window,
        features=past.shape[2] if past.ndim == 3 else None,
        steps=windows.horizon,
        targets=targets,
        shape=tuple(shape) or (1,),
        own=own,
        known=known,
        cycles=len(windows.cycles),
        static=len(columns["static"]),
        past_constants=constants,
        static_constants=None if read.static is None else _constants(read.static),
        own_step=min((float(read.smallest_steps[column]) for column in own), default=None),
        units=constants[own][targets].std if read.num_series == 1 else None,
        gap=windows.gap,
        bundled=bundled,
        holes=windows.handling.inputs,
    )


def _constants(moments: tuple[Array, Array], as_they_are: int = 0) -> Constants:
    mean, std = (values.tolist() for values in moments)
    counted = len(mean) - as_they_are
    return Constants(
        tuple(mean[:counted]) + (0.0,) * as_they_are,
        tuple(
            spread if spread > _ROUNDING * abs(middle) else 1.0
            for middle, spread in zip(mean[:counted], std[:counted], strict=True)
        )
        + (1.0,) * as_they_are,
    )
