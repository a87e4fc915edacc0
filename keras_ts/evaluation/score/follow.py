"""``follow``: a calibrated model whose intervals follow what has come since."""

import warnings
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._models import check_model
from keras_ts._quantiles import pair_of
from keras_ts.evaluation.calibrate import with_followed
from keras_ts.evaluation.score.matched import Matched
from keras_ts.interface import Interface
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.layers.following import Followed, moved, shares_missed, unmoved


def follow(model: keras.Model, forecasts: Any, actual: Any) -> keras.Model:
    """Return a copy of a calibrated model whose intervals follow what has come since.

    Each morning, ``follow`` compares earlier forecasts with the rows that came. If values missed
    the intervals more often than asked for, the intervals widen; if less often, they narrow.
    Nothing is trained, and only the bounds of a forecast change.

    The level of a margin is the share of held-out errors that exceed it, at first ``1 - coverage``.
    For each coverage, step and target, an origin adds ``0.05 * (1 - coverage - missed)`` to the
    level, where ``missed`` is the share of series whose values missed the interval. An origin ``n``
    steps after the one before adds only ``n / k`` of that at step ``k``, since both share steps.

    An origin counts once, when the rows of all its steps have come: each series has a value of each
    target at that time or later. Origins up to the last one that counted are ignored, so the same
    files may be passed each morning. All new origins of one call are taken to be forecasts of
    ``model`` with its present levels, so call ``follow`` each morning, and forecast with the
    result. The levels are saved with the model; its scorecard says since when they follow.

    Example:

    >>> import pandas as pd
    >>> from keras_ts import WindowedSeries, calibrate, course_series, follow, forecast, from_preset
    >>> days = pd.date_range("2020-01-01", periods=1461)
    >>> table = pd.DataFrame({"day": days, "units": course_series()})
    >>> windows = WindowedSeries(20, target_columns="units", time_column="day")
    >>> train, held_out = windows.split(table[:1200], at="2023-01-01")
    >>> model = calibrate(from_preset("linear").fit(train), held_out, coverage=0.8)
    >>> ahead = forecast(model, table[:1200])
    >>> table.loc[1200, "units"] = 500.0  # A value outside the interval of that day.
    >>> moved = follow(model, ahead, table[:1201])
    >>> after = forecast(moved, table[:1200])
    >>> bool((after["units_0.9"] > ahead["units_0.9"]).all())
    True

    Args:
        model: A calibrated model: it ends in a ``ConformalInterval``. It is not changed, and the
            copy shares its weights.
        forecasts: Frames as ``forecast`` returned them, with the bounds: those of one morning, or
            of several below each other.
        actual: The rows that came, a frame or a ``Panel`` with the same columns of ids and times
            and the targets. It may hold earlier rows and further columns.

    Returns:
        The copy, not compiled; it equals ``model`` if nothing new has come.

    Raises:
        ValueError: The model is not calibrated, ``forecasts`` is not from it, or the tables cannot
            be matched, as for ``score``.

    Source:
        Gibbs and Candes, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 2021.
    """
    model = check_model(model, built=True)
    interface = Interface.of(model)
    layer = interface.last_layer
    if not isinstance(layer, ConformalInterval) or layer.scores is None:
        raise ValueError("model has no intervals that could follow. Calibrate it first.")
    matched = Matched.of(forecasts, actual, interface.carried)
    horizon, targets = layer.scores.quantiles.shape[2:4]
    keys, rows, steps, before = matched.keys, matched.rows, matched.steps, layer.followed
    moments, regular = keys.moments(rows, interface.frequency)
    fits = matched.fields.step is not None and len(matched.names.targets) == targets
    if not (fits and regular and steps.max() <= horizon):
        raise ValueError(
            f"forecasts must be whole frames that forecast(model, ...) returned, of {targets} "
            f"targets, with the column 'step' from 1 to {horizon} and regular times."
        )
    levels = matched.fields.levels or ()
    pairs = np.array([pair_of(share, levels) for share in layer.coverage])
    low, high = (matched.forecasts[..., places] for places in pairs.T)
    origins, codes = np.unique(moments - steps, return_inverse=True)
    # A row of ``actual`` without values is a plan, and has not come. Targets may come one by one.
    waits, lacks = np.zeros(codes.shape, bool), np.isfinite(low).any(axis=(1, 2))
    for counted, bound in zip(matched.counted.T, np.moveaxis(low, 1, 0), strict=True):
        known, later = keys.later_than(rows, counted)
        waits, lacks = waits | (later & np.isfinite(bound).any(axis=1)), lacks & ~known
    if lacks.any() and not lacks.all():
        ids = [keys.labels[number] for number in np.unique(keys.series[lacks])]
        warnings.warn(
            f"follow waits for values of the series {_checks.shown(ids)}, of which actual has "
            "none. Leave out the forecasts of series that have ended.",
            stacklevel=2,
        )
    missed = shares_missed(matched.values, low, high, codes, steps, horizon)
    new = (np.bincount(codes, waits | lacks) == 0) & ~np.isnan(missed).all(axis=(1, 2, 3))
    if before is not None:
        new &= origins > before.origins[-1]
    if not new.any():
        return with_followed(model, before)
    chosen, gap = origins[new].tolist(), interface.carried.windows.gap if interface.carried else 0
    if before is None:
        first = np.flatnonzero(codes == new.argmax())
        since = keys.time(int(first[steps[first].argmin()]))
        before = Followed(unmoved(layer.coverage), (chosen[0] - 1,), since)
        begun = chosen[0]
    else:
        begun = before.origins[0]
    gaps = np.diff([before.origins[-1], *chosen]).tolist()
    reached = moved(before.levels, missed[new], layer.coverage, gaps, layer.scores.count, gap)
    ends = tuple(sorted({begun, chosen[-1]}))
    return with_followed(model, Followed(reached, ends, before.since))
