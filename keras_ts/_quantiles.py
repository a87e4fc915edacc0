"""Quantiles: the names of their columns, the point forecast, and the bounds of an interval."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray

# Levels that differ by less are the same, since a column's name holds six digits of a level.
NEAR = 1e-6
# An interval of statsforecast: "AutoETS-lo-80".
_BOUND = re.compile(r"(.+)-(lo|hi)-(\d+(?:\.\d+)?)$")


def output_names(target: str, quantiles: Sequence[float] | None) -> list[str]:
    """Return the names of a target's columns; a point forecast and the median have its own name."""
    if quantiles is None:
        return [target]
    return [target if level == 0.5 else f"{target}_{level:g}" for level in quantiles]


def level_columns(target: str, columns: Iterable[str], targets: Sequence[str]) -> dict[float, str]:
    """Return a target's quantile columns by level, except columns that are ``targets``."""
    levels: dict[float, str] = {}
    for name in columns:
        owner, level = bound_of(name) or (target, _level(name.removeprefix(f"{target}_")))
        if owner == target and 0 < level < 1 and name not in targets:
            levels[level] = name
    return levels


def bound_of(column: str) -> tuple[str, float] | None:
    """Return the target and level of a column that statsforecast names, or None."""
    bound = _BOUND.match(column)
    if bound is None:
        return None
    side = 0.5 if bound[2] == "hi" else -0.5
    return bound[1], round(0.5 + side * float(bound[3]) / 100, 6)


def _level(text: str) -> float:
    """Return the number that a text holds, or -1, which is no level."""
    try:
        return float(text)
    except ValueError:
        return -1.0


def points_of(values: Array, levels: Sequence[float] | None) -> Array:
    """Return point forecasts: the values or, with ``levels`` on the last axis, their medians."""
    return values if levels is None else values[..., list(levels).index(0.5)]


def crossing(values: Array) -> BoolArray:
    """Return True for each forecast with a quantile below that of a lower level."""
    # A difference that single precision may have rounded is no crossing.
    below = np.diff(values, axis=-1) < -1e-6 * np.abs(values[..., 1:])
    return np.logical_or.reduce(below, axis=-1)


def outer_levels(share: float) -> tuple[float, float]:
    """Return the levels of the bounds of a coverage: 0.1 and 0.9 for 0.8."""
    low = round((1 - share) / 2, 12)
    return low, round(1 - low, 12)


def outer_coverage(levels: Sequence[float]) -> float:
    """Return the share of values that should lie within the outer levels: 0.8 for 0.1 and 0.9."""
    return round(levels[-1] - levels[0], 12)


def pairs_of(levels: Sequence[float]) -> dict[float, tuple[int, int]]:
    """Return the indices of each symmetric pair of levels, by coverage, the narrowest first."""
    pairs = {}
    for low, level in enumerate(levels):
        distances = [abs(level + other - 1) for other in levels]
        high = distances.index(min(distances))
        if level < 0.5 < levels[high] and distances[high] < NEAR:
            pairs[outer_coverage((level, levels[high]))] = (low, high)
    return dict(sorted(pairs.items()))


def pair_of(share: float, levels: Sequence[float]) -> tuple[int, int]:
    """Return the indices in ``levels`` of a coverage's two quantiles, or raise an error."""
    pairs = pairs_of(levels)
    for coverage, places in pairs.items():
        if abs(coverage - share) < NEAR:
            return places
    can = f"Its levels allow coverage={list(pairs)}." if pairs else "It has no symmetric pair."
    raise ValueError(
        f"coverage={_checks.shown(share)} needs the levels {list(outer_levels(share))}, and the "
        f"model gives {list(levels)}. {can}"
    )
