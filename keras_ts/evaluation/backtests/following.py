"""Intervals that follow from fold to fold what earlier folds showed, as ``follow`` moves them."""

from typing import NamedTuple

import keras
import numpy as np

from keras_ts._quantiles import NEAR, pairs_of
from keras_ts._typing import Array
from keras_ts.evaluation.backtests.fold_store import Fold
from keras_ts.evaluation.calibrate import with_followed
from keras_ts.evaluation.judged.reading import JudgedWindows, rows_apart
from keras_ts.interface import Interface
from keras_ts.windows.arithmetic.following import Followed, moved, shares_missed, unmoved


class Levels(NamedTuple):
    """The levels that a fold left behind, which the next fold's intervals begin with."""

    coverage: tuple[float, ...]
    values: Array  # (coverages, steps, targets)

    @classmethod
    def after(
        cls, before: "Levels | None", done: Fold, judged: JudgedWindows, count: int
    ) -> "Levels":
        """Return the levels once a fold's origins have come; ``count`` windows calibrated it."""
        # A pure function of what a folder keeps, so that a resumed backtest has the same ones.
        pairs = pairs_of(done.levels or ())
        coverage, (low, high) = tuple(pairs), zip(*pairs.values(), strict=True)
        windows, horizon, targets = judged.shape
        origins = judged.origins_of(np.arange(judged.count))
        bounds = done.predictions.reshape(windows * horizon, targets, -1)
        missed = shares_missed(
            judged.targets().reshape(-1, targets),
            bounds[..., list(low)],
            bounds[..., list(high)],
            np.repeat(origins.times, horizon),
            np.tile(np.arange(1, horizon + 1), windows),
            horizon,
        )
        # Where a fold has one origin of each series, the last fold's is a horizon away at least.
        gaps = [rows_apart(origins.series, judged.origins(), horizon)] * len(missed)
        values = unmoved(coverage, horizon, targets) if before is None else before.values
        return cls(coverage, moved(values, missed, coverage, gaps, count, judged.geometry.gap))

    def put_into(self, model: keras.Model) -> keras.Model:
        """Return a calibrated model whose intervals have these levels."""
        layer = Interface(model, None).last_layer
        values = np.array(layer.scores.unmoved(layer.coverage))
        for place, share in enumerate(layer.coverage):
            near = np.abs(np.subtract(self.coverage, share)) < NEAR
            if near.any():
                values[place] = self.values[near.argmax()]
        return with_followed(model, Followed(values, (), ""))
