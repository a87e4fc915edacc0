"""Fits the level of windows without a value: ridge regression over the series on static columns.

A series counts once, by the mean and the standard deviation of its rows. Locations are compressed
by the inverse hyperbolic sine of their share in the usual scale: where series differ in size by
orders of magnitude, the largest then does not decide, and where they hardly differ it is linear.
"""

import numpy as np

from keras_ts.layers.plumbing import LevelByStatic
from keras_ts.presets.requirements import Requirements, read_rows
from keras_ts.windows.arithmetic.ridge import shrunken
from keras_ts.windows.arithmetic.scale import moments_by_series
from keras_ts.windows.dataset import WindowDataset, in_time_order


def fit_level(layer: LevelByStatic, needs: Requirements, dataset: WindowDataset) -> None:
    """Set the weights of the layer by the series of a training part."""
    assert needs.own is not None
    panel, own = in_time_order(dataset).panel, list(needs.own)
    series, begins, ends = read_rows(in_time_order(dataset))
    chosen, means, stds = moments_by_series(panel.values, begins, ends)
    known = np.isfinite(means[:, own]).all(axis=1)
    chosen, means, stds = chosen[known], means[known][:, own], stds[known][:, own]
    unit = np.median(stds, axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    if needs.settings.window_norm == "mean":
        stds = np.ones_like(stds)
    # A constant series has no scale: it gets a thousandth of the usual one.
    levels = np.concatenate([np.arcsinh(means / unit), np.log(np.maximum(stds, 1e-3 * unit))], 1)
    bias = np.median(levels, axis=0)
    if panel.by_series:
        static = np.concatenate([*panel.by_series.values()], axis=1)[series[chosen]]
        center, kernel, penalty = shrunken(static, levels)
        layer.kernel.assign(kernel)
        layer.penalty.assign(penalty)
        bias = levels.mean(axis=0) - center @ kernel
    layer.bias.assign(bias)
    layer.ends.assign(np.stack([levels.min(axis=0), levels.max(axis=0)]))
    layer.unit.assign(unit)
