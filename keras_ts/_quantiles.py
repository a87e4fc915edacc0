"""Quantiles: what their columns are called, and which two of them bound an interval."""

from collections.abc import Iterable, Sequence

from keras_ts import _checks

# Levels nearer than this are the same: the name of a column holds six digits of one.
_NEAR = 1e-6


def output_names(target: str, quantiles: Sequence[float] | None) -> list[str]:
    """Return the names of a target's columns; a point or the median has the target's own."""
    if quantiles is None:
        return [target]
    return [target if level == 0.5 else f"{target}_{level:g}" for level in quantiles]


def level_columns(target: str, columns: Iterable[str], targets: Sequence[str]) -> dict[float, str]:
    """Return the columns of a target's quantiles by level; none of them is another target."""
    levels: dict[float, str] = {}
    for name in columns:
        if name.startswith(f"{target}_") and name not in targets:
            try:
                level = float(name.removeprefix(f"{target}_"))
            except ValueError:
                continue
            if 0 < level < 1:
                levels[level] = name
    return levels


def outer_levels(share: float) -> tuple[float, float]:
    """Return the levels of the bounds of a coverage: 0.1 and 0.9 for 0.8."""
    low = round((1 - share) / 2, 12)
    return low, round(1 - low, 12)


def pairs_of(levels: Sequence[float]) -> dict[float, tuple[int, int]]:
    """Return the places of each symmetric pair of levels by its coverage, the narrowest first."""
    pairs = {}
    for low, level in enumerate(levels):
        distances = [abs(level + other - 1) for other in levels]
        high = distances.index(min(distances))
        if level < 0.5 < levels[high] and distances[high] < _NEAR:
            pairs[round(levels[high] - level, 12)] = (low, high)
    return dict(sorted(pairs.items()))


def pair_of(share: float, levels: Sequence[float]) -> tuple[int, int]:
    """Return the places of a coverage's two quantiles among ``levels``, or raise an error."""
    pairs = pairs_of(levels)
    for having, places in pairs.items():
        if abs(having - share) < _NEAR:
            return places
    can = f"It has those of coverage={list(pairs)}." if pairs else "It has those of no coverage."
    raise ValueError(
        f"coverage={_checks.shown(share)} needs the levels {list(outer_levels(share))}, and the "
        f"model gives {list(levels)}. {can}"
    )
