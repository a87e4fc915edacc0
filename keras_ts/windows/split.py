"""Finds the windows of a panel, the parts of a split or fold, and categories of training parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.cycles import holidays_at
from keras_ts.panel.flat_series import FlatSeries, missing_rows
from keras_ts.panel.labels import collapsed, made_columns
from keras_ts.panel.rows import run_positions
from keras_ts.windows.geometry import (
    WindowRanges,
    fold_edges,
    only_where,
    windowed_any,
    windows_reading,
)
from keras_ts.windows.origins import windows_of
from keras_ts.windows.spec import FIRST_ROW, WindowSpec


def all_windows(panel: FlatSeries, spec: WindowSpec) -> WindowRanges:
    """Return all windows of the panel, except those that ``spec.missing`` leaves out."""
    ranges = windows_of(panel, spec)
    if not spec.handling.filters or panel.values.dtype.kind != "f" or panel.checked:
        return ranges
    return without_missing(panel, spec, ranges, inputs=not spec.handling.inputs)


def without_missing(
    panel: FlatSeries, spec: WindowSpec, ranges: WindowRanges, inputs: bool
) -> WindowRanges:
    """Keep the windows with finite targets, columns known ahead and, on request, ``inputs``."""
    # A model that masks inputs would start from 0 for a target without any input value. So with
    # masks each target needs an input value, except with ``min_inputs=0``. With
    # ``missing="mask_targets"``, one target is enough, and columns known ahead may be missing at
    # steps without a target.
    geometry, columns, partial = spec.geometry, panel.columns, spec.handling.partial
    # All positions are checked as starts of windows, and then the starts in ``ranges`` are picked.
    every = replace(geometry, stride=1)
    # Even with ``sequence``, covariates are read only after the origin.
    ahead = replace(every, sequence=False)

    def complete(first: IntArray, count: IntArray) -> Any:
        rows = ranges.step * (count - 1) + geometry.span
        values = panel.rows(first, first + rows)
        starts = len(values) - geometry.span + 1
        finite = np.isfinite(values.reshape(len(values), -1)[:, columns.targets])
        nothing = np.zeros(len(values), bool)
        wrong = missing_rows(values) if inputs else nothing
        lacking: Any = nothing if partial else ~finite.all(axis=1)
        fits = ~windows_reading(wrong, lacking, every, starts)
        some = np.full(starts, not partial)
        for column in finite.T if spec.handling.masked else ():
            has_target = windows_reading(nothing, column, every, starts)
            if spec.min_inputs != 0:
                has_input = windowed_any(column, geometry.window, geometry.sampling_rate)[:starts]
                fits &= ~has_target | has_input
            some |= has_target
        if columns.ahead:
            unknown = missing_rows(values, columns.ahead)
            unknown = unknown & finite.any(axis=1) if partial else unknown
            fits &= ~windows_reading(nothing, unknown, ahead, starts)
        return (fits & some)[run_positions(np.cumsum(rows) - rows, count, ranges.step)]

    return only_where(ranges, geometry.span, complete)


def check_nonempty(ranges: WindowRanges, panel: FlatSeries, spec: WindowSpec) -> None:
    """Raise an error if there is no window, with the numbers that explain it."""
    if ranges.total:
        return
    if all_windows(panel, replace(spec, origins=None, stride=1)).total:
        setting = "stride" if spec.origins in (None, FIRST_ROW) else "origins"
        raise ValueError(f"{setting}={getattr(spec, setting)!r} leaves no window.")
    longest, span = int(panel.lengths.max(initial=0)), spec.geometry.span
    needed = span + spec.geometry.first_start
    if longest >= needed:
        reason = (
            "no window has an input value of each target, followed by "
            f"{spec.horizon} steps with every target and column known ahead"
        )
        if not spec.handling.inputs:
            reason = f"every one of the {span} positions that a window spans must be finite"
            reason += ", without a gap in time" * bool(len(panel.gaps))
        elif spec.handling.partial:
            reason = (
                f"no window has a target with values both in its inputs and in its {spec.horizon} "
                "steps ahead, and with all columns known ahead where a target has a value"
            )
        raise ValueError(
            f'missing="{spec.missing}" leaves no window: {reason}. Fill the missing values, or '
            "make the window shorter."
        )
    raise ValueError(
        f"series is too short: window={spec.window}, sampling_rate={spec.sampling_rate}, "
        f"gap={spec.gap} and horizon={spec.horizon} span {span} positions"
        + ("" if needed == span else f" (min_inputs={spec.min_inputs} needs {needed} of them)")
        + f", and the longest of {len(panel.lengths)} series has {longest}."
    )


class Part(NamedTuple):
    """The flat positions ``begin <= position < end`` of each series."""

    begin: IntArray
    end: IntArray


def split_parts(panel: FlatSeries, at: Any) -> list[Part]:
    """Return the parts between the borders ``at``, or raise an error."""
    listed = list(at) if _is_list(at) else [at]
    if not listed:
        raise ValueError("at is empty; pass the position, fraction or timestamp of a border.")
    borders = [_border(panel, border) for border in listed]
    for earlier, later in pairwise(borders):
        if (later < earlier).any() or (later <= earlier).all():
            raise ValueError(f"at must increase. Received: at={at!r}.")
    edges = [np.zeros_like(panel.lengths), *borders, panel.lengths]
    return [
        Part(begin + panel.offsets[:-1], end + panel.offsets[:-1]) for begin, end in pairwise(edges)
    ]


@dataclass(frozen=True)
class FoldSizes:
    """The number of folds and the sizes of their parts, in positions or timestamps."""

    n_splits: int  # Number of folds.
    # The size of a test part, or None for the size of the data divided by ``n_splits + 1``.
    test_size: int | None = None
    max_train_size: int | None = None  # The largest size before a test part, or None for no limit.
    # The size of the part just before the test part that is held out of training, or None.
    validation_size: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).copy().items():
            if value is not None or name == "n_splits":
                object.__setattr__(self, name, _checks.integer(name, value, 1))


class FoldParts(NamedTuple):
    """The parts of a fold, which follow each other."""

    train: Part  # The part to train on.
    validation: Part | None  # The part held out of training, or None.
    test: Part  # The part to judge on.

    @property
    def whole(self) -> Part:
        """The training and the validation part together."""
        return Part(self.train.begin, self.test.begin)


def fold_parts(panel: FlatSeries, sizes: FoldSizes) -> list[FoldParts]:
    """Return the parts of each fold, cut at common timestamps or at each series' positions."""
    n_splits, test_size = sizes.n_splits, sizes.test_size
    if panel.clock is None:
        counts = panel.lengths
    else:
        moments = _distinct(panel.clock.times)
        counts = np.array([len(moments)])
    longest = int(counts.max())
    size = test_size or max(longest // (n_splits + 1), 1)
    if longest <= n_splits * size:
        unit = "positions" if panel.clock is None else "timestamps"
        raise ValueError(
            f"n_splits={n_splits} folds with test_size={size} need more than {n_splits * size} "
            f"{unit}, and there are {longest}. Use fewer folds or a smaller test_size."
        )

    def places(edges: IntArray) -> IntArray:
        """Return the flat position of an edge in each series."""
        if panel.clock is None:
            return edges + panel.offsets[:-1]
        return panel.clock.flat_places(moments[edges[0]] if edges[0] < len(moments) else None)

    folds = []
    for begin, border, end in fold_edges(counts, n_splits, test_size, sizes.max_train_size):
        held = np.maximum(border - (sizes.validation_size or 0), begin)
        train, test = Part(places(begin), places(held)), Part(places(border), places(end))
        validation = None if sizes.validation_size is None else Part(train.end, test.begin)
        folds.append(FoldParts(train, validation, test))
    return folds


def _distinct(times: Array, block: int = 1 << 22) -> Array:
    """Return the different timestamps, sorted; read in blocks, since they may be on disk."""
    parts = [np.unique(times[begin : begin + block]) for begin in range(0, len(times), block)]
    return np.unique(np.concatenate([times[:0], *parts]))


def refuse_unlearned(
    panel: FlatSeries, columns: Sequence[str], train: Part, later: Sequence[Part], cure: str
) -> None:
    """Refuse a category of a later part that the training part lacks."""
    for column in columns:
        learned, tested = _places(panel, column, [train]), _places(panel, column, later)
        for category, places in _by_category(panel, column):
            unlearned = places & tested
            if not unlearned.any() or (places & learned).any():
                continue
            first = int(unlearned.argmax())
            if not _varies(panel, column):
                first = min(int(p.begin[first]) for p in later if p.end[first] > p.begin[first])
            raise ValueError(
                f"column {column!r} has the category {_checks.shown(category)}, first at "
                f"{panel.place(first)}, and the training part has no row of this category, so a "
                f"model cannot learn it. {cure}, merge rare categories, or name all categories in "
                'WindowedSeries(..., categories={...}). A table also takes unseen="mean".'
            )


def learned_categories(
    panel: FlatSeries, columns: Sequence[str], trains: Sequence[Part]
) -> dict[str, tuple[str, ...]]:
    """Return the categories of columns of text that occur in each of the training parts."""
    learned = {}
    for column in columns:
        parts = [_places(panel, column, [train]) for train in trains]
        learned[column] = tuple(
            category
            for category, places in _by_category(panel, column)
            if all((places & part).any() for part in parts)
        )
    return learned


def learned_holidays(
    panel: FlatSeries, places: Sequence[str], trains: Sequence[Part]
) -> dict[str, Any]:
    """Return the holidays; at ``places``, only those with a row in each of the training parts."""
    learned = dict(panel.holidays or {})
    parts = [_rows(panel, [train]) for train in trains]
    for place in places:
        met = {}
        for holiday in holidays_at(place, panel.holidays):
            flags = panel.values[:, panel.columns.past.index(holiday.columns[0])] == 1
            if all((flags & part).any() for part in parts):
                met[holiday.name] = holiday.days
        if not met:
            raise ValueError(
                f"calendar={place!r}: none of its holidays falls on a row of the training part. "
                "Move the border, or leave the place out."
            )
        learned[place] = {**learned[place], "days": met}
    return learned


def _varies(panel: FlatSeries, column: str) -> bool:
    """Return True if a column of text is known ahead, and not static."""
    return column in collapsed(panel.columns.past, panel.categories)


def _by_category(panel: FlatSeries, column: str) -> Iterator[tuple[str, BoolArray]]:
    """Yield each category of a column of text, and flags of its rows, or if static, its series."""
    texts, varies = (panel.categories or {})[column], _varies(panel, column)
    for category, name in zip(texts, made_columns(column, texts), strict=True):
        place = panel.columns.past.index(name) if varies else 0
        yield category, (panel.values if varies else panel.per_series([name]))[:, place] == 1


def _places(panel: FlatSeries, column: str, parts: Sequence[Part]) -> BoolArray:
    """Return flags of the rows in any of the parts; for a static column, of series with any."""
    if _varies(panel, column):
        return _rows(panel, parts)
    return np.any([part.end > part.begin for part in parts], axis=0)


def _rows(panel: FlatSeries, parts: Sequence[Part]) -> BoolArray:
    """Return True for each flat position of some parts."""
    steps = np.zeros(len(panel.values) + 1, np.int64)
    for part in parts:
        np.add.at(steps, part.begin, 1)
        np.add.at(steps, part.end, -1)
    return steps[:-1].cumsum() > 0


def _is_list(at: Any) -> bool:
    """Return True for a list, an array, or a pandas index or column, False for a single value."""
    return hasattr(at, "__len__") and not isinstance(at, str | bytes) and np.shape(at) != ()


def _border(panel: FlatSeries, at: Any) -> IntArray:
    """Return the position of a border in each series."""
    lengths = panel.lengths
    if isinstance(at, np.ndarray) and at.ndim == 0:
        at = at[()]
    if isinstance(at, bool | np.bool_) or at is None or _is_list(at):
        raise TypeError(f"at must be a position, a fraction or a timestamp. Received: at={at!r}.")
    if isinstance(at, float | np.floating):
        if not 0 < at < 1:
            raise ValueError(
                f"at={at!r} is outside the series: a fraction lies between 0 and 1. "
                "For a position, pass an int."
            )
        return np.rint(lengths * at).astype(np.int64)
    if hasattr(at, "__index__"):
        position = int(at)
        longest = int(lengths.max(initial=0))
        if not 0 < abs(position) < longest:
            dated = panel.clock is not None and panel.clock.times.dtype.kind == "M"
            raise ValueError(
                f"at={position} is outside the series: the longest has {longest} positions, so a "
                f"border lies between 1 and {longest - 1}, or from the end, -1 and {1 - longest}."
                + (" An int is a position: write a date as '2024-05-31'." if dated else "")
            )
        return np.minimum(position, lengths) if position > 0 else np.maximum(lengths + position, 0)
    if panel.clock is None:
        raise TypeError(
            f"at={at!r} is not a position or a fraction; a timestamp needs a frame and time_column."
        )
    return panel.clock.border(at)
