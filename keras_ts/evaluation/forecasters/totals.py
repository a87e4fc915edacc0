"""The quantiles of a horizon's total, from sample paths of a model that ``calibrate`` made joint.

They are those that ``aggregate(forecast(..., num_samples=500, seed=0), "step")`` gives, with one
difference: a step without an actual value is left out.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from keras_ts._typing import Array
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.forecasting.samples import Sampling, keys_of, paths_of
from keras_ts.interface import Interface
from keras_ts.windows.blocks import Block, totals

PATHS = 500
# The paths of so many windows are in memory at once.
_AT_ONCE = 1024


@dataclass(frozen=True)
class PathTotals:
    """Makes quantiles of totals of the windows that a model is judged on."""

    sampling: Sampling
    judged: JudgedWindows
    keys: Array

    @classmethod
    def of(cls, interface: Interface, judged: JudgedWindows) -> Self | None:
        """Return what makes the quantiles; None for a model that keeps no error paths."""
        if paths_of(interface) is None or interface.quantiles is None:
            return None
        sampling = Sampling.of(interface, PATHS, 0)
        assert sampling is not None
        return cls(sampling, judged, keys_of(judged.panel))

    def __call__(self, block: Block, quantiles: Array, steps: slice) -> Array:
        """Return the quantiles of totals, ``(windows, 1, targets, levels)``."""
        clock, first = self.judged.panel.clock, block.origins + self.judged.ahead[0]
        begins, keys = None if clock is None else clock.times[first], self.keys[block.series]
        there, made = np.isfinite(block.actual[:, steps]), []
        for begin in range(0, len(quantiles), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            samples = self.sampling.draw(
                quantiles[part], keys[part], None if begins is None else begins[part]
            )
            sums = totals(samples[:, steps], there[part])
            levels = np.quantile(sums, self.sampling.quantiles, axis=-1, method="hazen")
            made.append(np.moveaxis(levels, 0, -1))
        return np.concatenate(made)
