"""By what forecasters are judged: the measure of a verdict, and metrics of one's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray
from keras_ts.evaluation.forecasters.forecaster import Forecaster, common_levels
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.scores.metrics import METRICS, QUANTILE, heading

# A function of actual values, forecasts and scales that returns one loss for each target.
Metric = Callable[[Array, Array, Array], Array]
# By what a verdict may compare, beside one's own metrics.
_MEASURES = [name for name, metric in METRICS.items() if metric.measure]
# The columns of scores and what they are called, which no metric of one's own may be.
_TAKEN = {
    *METRICS,
    *map(heading, METRICS),
    "skill",
    "skill_low",
    "skill_high",
    "name",
    "step",
    "series",
    "target",
    "verdict",
}


def checked_measure(by: Any, metrics: Mapping[str, Metric]) -> str | None:
    """Return the measure of a verdict, or raise an error."""
    return by if by is None else _checks.choice("by", by, (*_MEASURES, *metrics))


def measure_of(by: str | None, judged: JudgedWindows) -> str:
    """Return the measure that is asked for; by default all series and all targets count alike."""
    return by or ("mase" if len(judged.labels) * len(judged.columns) > 1 else "mae")


def refuse_points(by: str, forecasters: Sequence[Forecaster]) -> None:
    """Refuse to judge distributions of forecasters that have none."""
    points = [own.name for own in forecasters if own.levels is None]
    if by in QUANTILE and (points or len(common_levels(own.levels for own in forecasters)) < 2):
        lacking = f"{' and '.join(points)} forecast points" if points else "they share only one"
        raise ValueError(
            f'by="{by}" judges quantiles of levels that all forecasters have, and {lacking}. Give '
            "models quantiles, or calibrate them, for totals with joint=True; or pass another "
            'measure, such as by="mase".'
        )


def check_errors(name: str, losses: Array, present: BoolArray) -> None:
    """Refuse to judge by a metric that is no error of each value."""
    values = losses[present]
    wrong = values[~(np.isfinite(values) & (values >= 0))]
    if len(wrong):
        raise ValueError(
            f"by={name!r} needs a finite error of 0 or more for each value. Received: "
            f"{wrong[0]:g} from {name}, and {len(wrong)} of {len(values)} such values."
        )


def own_losses(
    metrics: Mapping[str, Metric], actual: Array, point: Array, scale: Array
) -> dict[str, Array]:
    """Return the losses of people's own metrics, of the point or the median."""
    # A metric that writes to its arguments would change what all others are judged on.
    arguments = [np.array(values) for values in (actual, point, scale)]
    for values in arguments:
        values.setflags(write=False)
    losses = {}
    for name, metric in metrics.items():
        loss = _checks.numeric(np.asarray(metric(*arguments)), f"what {name} returns")
        if loss.shape != actual.shape:
            raise ValueError(
                f"The metric {name} must return one loss for each target, {actual.shape}, whose "
                f"means are then taken over all targets, a step or a series. Received shape "
                f"{loss.shape}."
            )
        losses[name] = loss.astype(np.float64)
    return losses


def metrics_of(metrics: Any) -> dict[str, Metric]:
    """Return people's own metrics by name, or raise an error."""
    if metrics is None:
        return {}
    if not isinstance(metrics, list | tuple):
        raise TypeError(f"metrics must be a list of functions. Received: {_checks.shown(metrics)}.")
    named: dict[str, Metric] = {}
    for metric in metrics:
        name = getattr(metric, "__name__", None)
        if not callable(metric) or not isinstance(name, str):
            raise TypeError(
                "metrics must hold functions of (actual, prediction, scale). Received: "
                f"{_checks.shown(metric)}."
            )
        if name == "<lambda>" or name in (*named, *_TAKEN):
            raise ValueError(
                f"A metric must have a name of its own, which its column gets. Received: {name!r}. "
                "Define it as a function of another name."
            )
        named[name] = metric
    return named
