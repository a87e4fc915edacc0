"""``TrainingConstants``: the statistics of a training part that presets normalize by."""

from dataclasses import dataclass

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.arithmetic.moments import merged, moments
from keras_ts.windows.arithmetic.scale import mean_absolute_steps
from keras_ts.windows.dataset import WindowDataset, in_time_order


@dataclass(frozen=True)
class TrainingConstants:
    """Statistics of the rows that the windows of a dataset read, and of no later row.

    Attributes:
        past: Mean and standard deviation of each column of ``past``. Values that are not finite are
            left out.
        by_series: The same over the series, of each part that has one row per series.
        smallest_steps: For each column of ``past``, the smallest mean absolute step of a series,
            without those that are constant; 1 if all are.
        num_series: Number of series that the windows come from.
    """

    past: tuple[Array, Array]
    by_series: dict[str, tuple[Array, Array]]
    smallest_steps: Array
    num_series: int

    @classmethod
    def of(cls, dataset: WindowDataset) -> "TrainingConstants":
        """Compute the constants of a training part.

        Example:

        >>> from keras_ts import WindowedSeries
        >>> train, validation = WindowedSeries(window=2).split(np.arange(10.0), at=5)
        >>> constants = TrainingConstants.of(train)
        >>> [values.tolist() for values in constants.past], constants.smallest_steps.tolist()
        ([[2.0], [1.4142135623730951]], [1.0])
        """
        source = in_time_order(dataset)
        panel, ranges = source.panel, source.sampler.ranges
        begins, ends = ranges.rows(source.spec.geometry.span, panel.offsets)
        rows = merged(begins, ends)
        series, first = np.unique(ranges.series, return_index=True)
        by_series = {
            part: moments(values[series], [(0, len(series))])
            for part, values in panel.by_series.items()
        }
        ends, columns = np.maximum.reduceat(ends, first), np.arange(panel.num_columns)
        steps = mean_absolute_steps(panel.values, begins[first], ends, columns)
        smallest = np.where(steps > 0, steps, np.inf).min(axis=0)
        smallest = np.where(np.isfinite(smallest), smallest, 1.0)
        return cls(moments(panel.values, rows), by_series, smallest, len(series))
