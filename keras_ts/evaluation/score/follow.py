"""``follow``: a calibrated model whose intervals follow what has come since."""

import warnings
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._models import check_model
from keras_ts._quantiles import output_names, pair_of
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.calibrate import with_followed
from keras_ts.evaluation.score.matched import Matched
from keras_ts.interface import Interface
from keras_ts.layers.conformal_interval import ConformalInterval
from keras_ts.windows.arithmetic.following import (
    MOST_ORIGINS,
    Followed,
    gaps_of,
    moved,
    shares_missed,
)


def follow(model: keras.Model, forecasts: Any, actual: Any) -> keras.Model:
    """Return a copy of a calibrated model whose intervals follow what has come since.

    An interval that contained 80 % of values in spring contains fewer once sales vary more. Each
    morning, ``follow`` compares earlier forecasts with the rows that came. If values missed the
    intervals more often than asked for, the intervals widen; if less often, they narrow. Nothing is
    trained, and only the bounds of a forecast change.

    ``calibrate`` sets each margin so that a share of ``1 - coverage`` of the held-out errors
    exceeds it. This share is the level of the margin. For each coverage, step and target, an origin
    adds ``0.05 * (1 - coverage - missed)`` to the level, where ``missed`` is the share of series
    whose values missed the interval. The new margin is the quantile ``1 - level`` of the held-out
    errors. Forecasts ``k`` steps ahead overlap if their origins are closer than ``k`` steps. An
    origin ``n`` steps after the one before then adds only ``n / k`` of that number: a daily
    forecast adds a seventh at step 7.

    The guarantee, as published for one step ahead, needs no assumption on the series: over ``T``
    origins, the share of misses is the one asked for to within ``(1 + 0.05) / (0.05 * T)``, as long
    as no error exceeds all held-out ones. Further ahead, a miss is known only when its row has
    come, so the guarantee is delayed by as many steps.

    An origin counts once, when the rows of all its steps have come. A row has come if its series
    has a value of each target at its time or later, so a closed day delays nothing. A warning names
    the series that delay origins because ``actual`` has no value of them. Origins that the model
    has followed are ignored, so the same files may be passed each morning. Pass each morning's
    forecast until the rows of all its steps have come: before, its origin does not count. All new
    origins of one call are taken to be forecasts of ``model`` with its present levels, so call
    ``follow`` each morning, and forecast with the result.

    The moved levels are saved with the model. A scorecard still holds, and says since when the
    intervals follow. ``calibrate`` and ``fine_tune`` begin with unmoved levels.

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
            of several below each other. Leave out forecasts of a model that this one replaced.
        actual: The rows that came, a frame or a ``Panel`` with the same columns of ids and times
            and the targets. It may hold earlier rows and further columns.

    Returns:
        The copy, not compiled; it equals ``model`` if nothing new has come.

    Raises:
        TypeError: ``model`` is not a Keras model, or a table not a frame.
        ValueError: The model is not calibrated, or was calibrated by keras_ts 0.2, which kept no
            errors; ``forecasts`` lacks the bounds, a target or the column ``step``, has irregular
            times, or goes past the horizon; or the tables cannot be matched, as for ``score``.

    Source:
        Gibbs and Candes, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 2021.
    """
    model = check_model(model, built=True)
    interface = Interface.of(model)
    layer = interface.last_layer
    if not isinstance(layer, ConformalInterval):
        raise ValueError(
            "model has no intervals that could follow: calibrate it first, by calibrate(model, "
            "validation)."
        )
    if layer.scores is None:
        raise ValueError(
            "model must be calibrated again: its file is of keras_ts 0.2, which kept no errors to "
            "read new margins from. Pass the net that was calibrated to calibrate again, or use "
            "fine_tune(model, train, calibration=...)."
        )
    matched = Matched.of(forecasts, actual, interface.carried)
    return with_followed(model, _followed(layer, matched, interface))


def _followed(layer: ConformalInterval, matched: Matched, interface: Interface) -> Followed | None:
    """Return the levels and origins of a layer after it has followed the new origins."""
    keys, steps, values, before = matched.keys, matched.steps, matched.values, layer.followed
    scores: Any = layer.scores
    horizon, targets = scores.quantiles.shape[2:4]
    if matched.fields.step is None:
        raise ValueError(
            "forecasts lacks the column 'step', which says how far ahead each row was forecast: "
            "pass the whole frame that forecast(model, ...) returned."
        )
    if len(matched.names.targets) != targets:
        raise ValueError(
            f"model forecasts {targets} targets, and forecasts and actual share the columns of "
            f"{_checks.shown(list(matched.names.targets))} alone: pass all of them."
        )
    low, high = _bounds(layer, matched)
    zone = (matched.rows.zone or keys.zone) if before is None else before.zone
    moments, regular = keys.moments(matched.rows, interface.frequency, zone)
    if not regular:
        raise ValueError(
            "The times of forecasts are not regular, so their origins cannot be numbered. "
            f"The first forecast is of {keys.example()}."
        )
    if steps.max() > horizon:
        raise ValueError(
            f"forecasts goes {steps.max()} steps ahead, and model {horizon}: they are from another "
            "model."
        )
    origins, codes = np.unique(moments - steps, return_inverse=True)
    # A row of ``actual`` without values is a plan, and has not come. Targets may come one by one.
    outstanding, series_known = np.zeros(codes.shape, bool), np.zeros(codes.shape, bool)
    for counted, bound in zip(matched.counted.T, np.moveaxis(low, 1, 0), strict=True):
        known, later = keys.later_than(matched.rows, counted)
        outstanding |= later & np.isfinite(bound).any(axis=1)
        series_known |= known
    waiting = np.bincount(codes, outstanding) > 0
    lacking = ~series_known & np.isfinite(low).any(axis=(1, 2))
    if series_known.any():
        _warn_of_series(matched, lacking & ~waiting[codes])
    waiting |= np.bincount(codes, lacking) > 0
    earlier = () if before is None else before.origins
    new = ~waiting & ~np.isin(origins, earlier)
    if len(earlier) == MOST_ORIGINS:
        new &= origins > earlier[0]
    shares = shares_missed(values, low, high, codes, steps, horizon)
    new &= ~np.isnan(shares).all(axis=(1, 2, 3))
    chosen = np.flatnonzero(new)
    if not len(chosen):
        return before
    levels = moved(
        scores.unmoved(layer.coverage) if before is None else before.levels,
        shares[chosen],
        layer.coverage,
        gaps_of(origins[chosen], earlier),
        scores.count,
        0 if interface.carried is None else interface.carried.windows.gap,
    )
    first = np.flatnonzero(codes == chosen[0])
    first_row = int(first[steps[first].argmin()])
    since = keys.time(first_row) if before is None else before.since
    remembered_origins = sorted({*earlier, *origins[chosen].tolist()})[-MOST_ORIGINS:]
    return Followed(levels, tuple(remembered_origins), since, zone)


def _warn_of_series(matched: Matched, held_up: BoolArray) -> None:
    """Warn of the series of ``held_up`` forecasts: ``actual`` lacks them, or has other ids."""
    keys, rows = matched.keys, matched.rows
    if held_up.any():
        ids = [keys.labels[number] for number in np.unique(keys.series[held_up])]
        warnings.warn(
            f"follow waits for values of the series {_checks.shown(ids)}, of which actual has "
            f"none: it has ids such as {_checks.shown(rows.labels[0])}. Until one has come, no "
            "origin of theirs counts: use the same ids in both tables, and leave out the "
            "forecasts of series that have ended.",
            stacklevel=4,
        )


def _bounds(layer: ConformalInterval, matched: Matched) -> tuple[Array, Array]:
    """Return the bounds in a table of forecasts, each ``(rows, targets, coverages)``."""
    levels, targets = matched.fields.levels, matched.names.targets
    try:
        pairs = [pair_of(share, levels or ()) for share in layer.coverage]
    except ValueError:
        wanted = output_names(targets[0], layer.quantiles)
        raise ValueError(
            f"forecasts lacks the bounds of model's intervals: it has {_checks.shown(levels)} as "
            f"levels, and the columns that forecast(model, ...) gives are {wanted}."
        ) from None
    low, high = zip(*pairs, strict=True)
    return matched.forecasts[..., list(low)], matched.forecasts[..., list(high)]
