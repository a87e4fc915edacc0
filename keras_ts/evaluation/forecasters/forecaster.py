"""``Forecaster``: the one form in which models, baselines and tables are judged.

Models and the baselines of keras_ts forecast a block at a time, so that memory stays bounded.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import points_of
from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic.coverage import ranked
from keras_ts.evaluation.forecasters.baselines import Baseline, Climatology, default_baselines
from keras_ts.evaluation.forecasters.table import refuse_infinite
from keras_ts.evaluation.forecasters.table_windows import on_windows
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.forecasting.samples import Sampling, keys_of, paths_of
from keras_ts.interface import Interface
from keras_ts.windows.blocks import Block, totals
from keras_ts.windows.scale import window_scales

# The names of the baselines of keras_ts, which no model may have.
NAMES = [baseline.name for baseline in default_baselines(2, total=True)]
# The levels of sample paths if no model or table has levels, and of baselines without a model.
USUAL_LEVELS = (0.1, 0.5, 0.9)
# Errors for quantiles of baselines come from at most this many training windows.
_MOST_WINDOWS = 10_000
# A window's mean absolute step counts as at least this share of the mean step of its series.
_FLOOR = 0.1
# How many sample paths a total has, and for how many windows they are in memory at once.
PATHS, _AT_ONCE = 500, 1024


class Forecaster(NamedTuple):
    """A forecaster with the windows that it reads, in the same order for all forecasters."""

    name: str
    judged: JudgedWindows
    forecast: Callable[[Block], Array]  # to (windows, steps, targets[, levels])
    levels: tuple[float, ...] | None = None
    # What a NaN forecast leaves out of the scores; with "nothing", it is refused.
    lacks: Literal["nothing", "windows", "targets"] = "nothing"
    # Makes quantiles from a block and its points, for a baseline that forecasts points.
    around: Callable[[Block, Array], Array] | None = None
    # Makes the total of some steps, (windows, 1, targets[, levels]), from a block and its
    # forecasts, for models with error paths, tables of paths or totals, and the climatology.
    totals: Callable[[Block, Array, slice], Array] | None = None

    def on(self, steps: slice, total: bool) -> "Forecaster":
        """Return the forecaster of some steps, or of their total."""
        # Without ``totals``, a total is the sum of the points. It leaves out steps that lack
        # an actual value.
        if not total:
            return self._replace(forecast=lambda block: self.forecast(block)[:, steps])

        def forecast(block: Block) -> Array:
            forecasts = self.forecast(block)
            if self.totals is not None:
                return self.totals(block, forecasts, steps)
            points = forecasts if self.around else points_of(forecasts, self.levels)
            return totals(points[:, steps], np.isfinite(block.actual[:, steps]))

        has_levels = self.around is not None or self.totals is not None
        return self._replace(forecast=forecast, levels=self.levels if has_levels else None)


class SignedErrors:
    """Makes quantiles for baselines that read the same windows."""

    # A baseline is fitted to the first two thirds of each series' training windows, and forecasts
    # the last third. Its errors there, each divided by its window's scale, are pooled over series.
    # The quantile of level ``p`` is the point plus the judged window's scale times the error of
    # rank ``p (n + 1)``, rounded up and at most ``n``, among the ``n`` errors of that step and
    # target. A window's scale is its mean absolute step, or a tenth of its series' mean step if
    # that is more: a window without a sale says little about the next step.

    def __init__(
        self,
        train: JudgedWindows,
        judged: JudgedWindows,
        levels: Sequence[float],
        steps: slice = slice(None),
        total: bool = False,
    ) -> None:
        self._steps, self._total = steps, total
        self._earlier, late = train.thirds()
        self._late, self.levels = late.spread(_MOST_WINDOWS), tuple(levels)
        self._floors = _floors(train.scales(1)[..., 0])
        self._floors_judged = _floors(train.scales_for(judged, 1)[..., 0])
        self._judged = judged
        self.points: list[str] = []  # the names of baselines that lack errors for quantiles

    def around(self, baseline: Baseline) -> Callable[[Block, Array], Array] | None:
        """Return ``Forecaster.around`` for a baseline; None if a judged target lacks errors."""
        fitted = copy.deepcopy(baseline)
        fitted.learn(self._earlier)
        errors = [np.empty((0, *self._late.shape[1:]))[:, self._steps]]
        for block in self._late.blocks():
            error = block.actual - fitted.forecast(self._late, block)
            errors.append((error / _scales(block, self._floors)[:, None])[:, self._steps])
        of_levels = ranked(self._summed(np.concatenate(errors)), self.levels)
        lacking = np.isnan(of_levels[..., 0])
        if lacking.any() and any(
            (np.isfinite(self._summed(block.actual[:, self._steps])) & lacking).any()
            for block in self._judged.blocks()
        ):
            self.points.append(baseline.name)
            return None

        def quantiles(block: Block, point: Array) -> Array:
            scales = _scales(block, self._floors_judged)[:, None, :, None]
            return point[..., None] + scales * of_levels

        return quantiles

    def _summed(self, values: Array) -> Array:
        """Return the total of values over steps if totals are judged, else the values."""
        present = np.isfinite(values)
        return totals(values, present) if self._total else np.where(present, values, np.nan)


def _scales(block: Block, floors: Array) -> Array:
    """Return the larger of each window's mean absolute step and its series' floor."""
    return np.maximum(window_scales(block.past_as_read), floors[block.series])


def _floors(scales: Array) -> Array:
    """Return the least scale of each series, ``(series, targets)``, from its mean absolute step."""
    known = np.isfinite(scales)
    count = np.maximum(known.sum(axis=0), 1)
    # A series without a scale gets the mean scale of the others.
    mean = np.where(known, scales, 0.0).sum(axis=0) / count
    return _FLOOR * np.where(known, scales, np.where(mean > 0, mean, 1.0))


def path_totals(
    interface: Interface, judged: JudgedWindows
) -> Callable[[Block, Array, slice], Array] | None:
    """Return ``Forecaster.totals`` of a model; None if it has no error paths."""
    # The quantiles equal those of ``aggregate(forecast(..., num_samples=500, seed=0), "step")``,
    # except that steps without an actual value are left out.
    if paths_of(interface) is None or interface.quantiles is None:
        return None
    sampling, all_keys = Sampling.of(interface, PATHS, 0), keys_of(judged.panel)
    assert sampling is not None

    def quantiles(block: Block, forecasts: Array, steps: slice) -> Array:
        clock, first = judged.panel.clock, block.origins + judged.ahead[0]
        begins, keys = None if clock is None else clock.times[first], all_keys[block.series]
        present, parts = np.isfinite(block.actual[:, steps]), []
        for begin in range(0, len(forecasts), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            moments = None if begins is None else begins[part]
            samples = sampling.draw(forecasts[part], keys[part], moments)
            parts.append(_levels_of(totals(samples[:, steps], present[part]), sampling.quantiles))
        return np.concatenate(parts)

    return quantiles


def _levels_of(samples: Array, levels: tuple[float, ...]) -> Array:
    """Return quantiles on the last axis, where the samples were."""
    return np.moveaxis(np.quantile(samples, levels, axis=-1, method="hazen"), 0, -1)


def of_model(name: str, interface: Interface, judged: JudgedWindows) -> Forecaster:
    """Return a model as a forecaster."""
    model, levels = interface.model, interface.quantiles
    return Forecaster(
        name,
        judged,
        lambda block: judged.predictions(name, model, levels, block),
        levels,
        totals=path_totals(interface, judged),
    )


def of_array(
    name: str,
    forecasts: Array,
    levels: tuple[float, ...] | None,
    judged: JudgedWindows,
    totals_of: Array | None = None,
    usual: tuple[float, ...] = USUAL_LEVELS,
) -> Forecaster:
    """Return forecasts of all windows, ``(windows, steps, targets[, levels])``, as a forecaster."""
    # Without levels, a fourth axis holds sample paths, judged by their quantiles at ``usual``.

    def in_block(block: Block, values: Array) -> Array:
        return values[block.begin : block.begin + len(block.series)]

    def summed(block: Block, _: Array, steps: slice) -> Array:
        present = np.isfinite(block.actual[:, steps])
        return _levels_of(totals(in_block(block, forecasts)[:, steps], present), usual)

    if levels is None and forecasts.ndim == 4:
        quantiles = _levels_of(forecasts, usual)
        return of_array(name, quantiles, usual, judged)._replace(totals=summed)
    return Forecaster(
        name,
        judged,
        lambda block: in_block(block, forecasts),
        levels,
        lacks="targets",
        totals=None if totals_of is None else lambda block, _, steps: in_block(block, totals_of),
    )


def of_baseline(
    baseline: Any, train: JudgedWindows, judged: JudgedWindows, errors: SignedErrors | None
) -> Forecaster:
    """Fit a baseline (of keras_ts, a function or another object) and return it as a forecaster."""
    # Baselines of keras_ts that forecast points get quantiles from ``errors``.
    name = name_of(baseline)
    if isinstance(baseline, Climatology):
        baseline.learn(train)
        return _of_climatology(baseline, judged, () if errors is None else errors.levels)
    if isinstance(baseline, Baseline):
        around = None if errors is None else errors.around(baseline)
        baseline.learn(train)
        return Forecaster(
            name,
            judged,
            lambda block: baseline.forecast(judged, block),
            None if errors is None or around is None else errors.levels,
            "windows",
            around,
        )
    if hasattr(baseline, "predict"):
        baseline.fit(train.dataset)
        forecasts = baseline.predict(judged.dataset)
    else:
        forecasts = baseline(train.dataset, judged.dataset)
    if isinstance(forecasts, Mapping) or hasattr(forecasts, "columns"):
        return of_array(name, *on_windows(f"what {name} returns", forecasts, judged)[:2], judged)
    values = _checks.numeric(keras.ops.convert_to_numpy(forecasts), f"what {name} returns")
    if values.shape[:1] != (judged.count,):
        raise ValueError(
            f"{name} must return a forecast of each of {judged.count} windows, in time order. "
            f"Received shape {values.shape}."
        )
    refuse_infinite(f"what {name} returns", values, "window")
    return of_array(name, judged.in_last_step(name, values), None, judged)


def _of_climatology(
    baseline: Climatology, judged: JudgedWindows, levels: tuple[float, ...]
) -> Forecaster:
    """Return the climatology as a forecaster with quantiles, also of totals."""

    def of(block: Block, steps: int) -> Array:
        quantiles = baseline.quantiles(judged, block, steps, levels or (0.5,))
        return quantiles if levels else quantiles[..., 0]

    def totals_of(block: Block, _: Array, steps: slice) -> Array:
        present = np.isfinite(block.actual[:, steps])
        count = present.shape[1]
        return totals(np.repeat(of(block, count), count, axis=1), present)

    return Forecaster(
        baseline.name,
        judged,
        lambda block: np.repeat(of(block, 1), len(judged.ahead), axis=1),
        levels or None,
        "windows",
        totals=totals_of,
    )


def common_levels(levels: Iterable[tuple[float, ...] | None]) -> tuple[float, ...]:
    """Return the levels that all forecasters with levels have in common."""
    first, *others = [known for known in levels if known is not None] or [()]
    return tuple(level for level in first if all(level in other for other in others))


def baselines_of(
    baselines: Any, period: int | None, sequence: bool, total: bool = False
) -> tuple[list[Any], list[str]]:
    """Return the baselines of the argument, and a sentence on each usual one left out."""
    usual = default_baselines(period, total or baselines is not None)
    if baselines is None:
        left = [baseline for baseline in usual if sequence and not baseline.sequences]
        notes = [f"{baseline.name} is left out: it forecasts no sequences." for baseline in left]
        return [baseline for baseline in usual if baseline not in left], notes
    if not baselines:
        raise ValueError(
            "baselines is empty, and a verdict needs one. Leave it out for the usual ones."
        )
    by_name = {baseline.name: baseline for baseline in usual}
    chosen = [_baseline(item, by_name) for item in baselines]
    names = [name_of(item) for item in chosen]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"baselines must have different names. Received {name!r} twice.")
    return chosen, []


def _baseline(baseline: Any, by_name: dict[str, Baseline]) -> Any:
    if isinstance(baseline, str):
        if baseline not in by_name:
            end = ". It needs period=." if baseline in NAMES else "."
            raise ValueError(f"baselines has no {baseline!r}; there are {', '.join(by_name)}{end}")
        return by_name[baseline]
    if isinstance(baseline, keras.Model):
        raise TypeError(f"baselines holds a model, which it would train: {baseline.name!r}.")
    return baseline


def name_of(baseline: Any) -> str:
    """Return the name of a baseline: its attribute, or that of its function or class."""
    name = getattr(baseline, "name", None) or getattr(baseline, "__name__", None)
    return name or type(baseline).__name__
