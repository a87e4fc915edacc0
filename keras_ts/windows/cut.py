"""Cuts a series into datasets: those of the parts of a split, or those of folds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

from keras_ts.panel.panel import Panel
from keras_ts.panel.stored import StoredPanel
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.geometry import part_of
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import (
    FoldParts,
    FoldSizes,
    Part,
    all_windows,
    check_nonempty,
    fold_parts,
    learned_categories,
    learned_holidays,
    refuse_unlearned,
)
from keras_ts.windows.weights import WindowWeights, read_weights


class Cut:
    """A series and all its windows, to be divided into datasets."""

    def __init__(self, spec: WindowSpec, series: Any, sample_weight: Any) -> None:
        # Kept, since ``learned`` may read columns of text again, by fewer categories.
        self._series = series = Panel.of(series, spec)
        self._sample_weight, spec = sample_weight, series.settle(spec)
        self.panel = series.read(spec)
        self._given = {**(spec.categories or {}), **(spec.holidays or {})}
        holidays = self.panel.holidays or spec.holidays
        self.spec = spec = replace(spec, categories=self.panel.categories, holidays=holidays)
        self.ranges = all_windows(self.panel, spec)
        check_nonempty(self.ranges, self.panel, spec)
        self.weights = read_weights(self.panel, self.ranges, spec, sample_weight)

    def learned(self, trains: Sequence[Part], later: Sequence[Sequence[Part]], cure: str) -> Self:
        """Return the cut with the categories and holidays that occur in all training parts."""
        categories = self.panel.categories or {}
        read = [column for column in categories if column not in self._given]
        if self.spec.unseen == "raise" or isinstance(self._series.given, StoredPanel):
            for train, parts in zip(trains, later, strict=True):
                refuse_unlearned(self.panel, read, train, parts, cure)
            learned = categories
        else:
            learned = {**categories, **learned_categories(self.panel, read, trains)}
        places = [place for place in self.spec.holidays or {} if place not in self._given]
        holidays = learned_holidays(self.panel, places, trains) if places else self.spec.holidays
        spec = replace(self.spec, categories=learned or None, holidays=holidays)
        return self if spec == self.spec else type(self)(spec, self._series, self._sample_weight)

    def dataset(
        self,
        part: Part,
        before: Part | None,
        weights: WindowWeights | None,
        shuffle: bool,
        context: bool = True,
        name: str = "",
        cure: str = "Move the border",
    ) -> WindowDataset:
        """Return the windows of a part; ``name`` begins the error if it has none."""
        spec, offsets = self.spec, self.panel.offsets[:-1]
        ranges = part_of(self.ranges, part.begin, part.end, offsets, spec.geometry, context)
        if not ranges.total:
            # A part with room for the targets is enough if inputs may lie before it.
            reaches_back = context and spec.targets == "vector" and part is not before
            shorter = "horizon" if reaches_back else "window"
            early = ' Or let windows begin before the series: min_inputs=, missing="mask_targets".'
            raise ValueError(
                f"{name} without a window: window={spec.window}, gap={spec.gap}, "
                f"horizon={spec.horizon} span {spec.geometry.span} positions, and all targets of "
                f"a window must lie in its part. {cure}, or make the {shorter} shorter."
                f"{early if part is before and spec.min_inputs is None else ''}"
            )
        weights = None if weights is None else weights.part(ranges)
        return WindowDataset(
            spec, self.panel, ranges, shuffle=shuffle, weights=weights, before=before
        )


class Fold(NamedTuple):
    """The datasets of a fold."""

    train: WindowDataset  # The part to train on, shuffled if the settings say so.
    validation: WindowDataset | None  # The part held out of training, or None.
    test: WindowDataset  # The part to judge on.
    whole: WindowDataset  # Training and validation parts together.


def folds_of(spec: WindowSpec, series: Any, sizes: FoldSizes, sample_weight: Any) -> Iterator[Fold]:
    """Cut a series into folds, in time order; inputs may lie before validation and test parts."""
    _check_room(spec, sizes)
    cut = Cut(spec, series, sample_weight)
    folds = fold_parts(cut.panel, sizes)
    cure = "Use fewer folds"
    cure += ", a larger max_train_size" if sizes.max_train_size else ""
    cure += ", another validation_size" if sizes.validation_size else ""
    later = [[part for part in (parts.test, parts.validation) if part] for parts in folds]
    cut = cut.learned([parts.train for parts in folds], later, cure)

    def fold(number: int, parts: FoldParts) -> Fold:
        weights = cut.weights(parts.train)
        name = f"n_splits={sizes.n_splits} leaves the {{}} part of fold {number}"
        test_name = "validation" if parts.validation is None else "test"

        def dataset(part: Part, which: str, shuffle: bool, context: bool = True) -> WindowDataset:
            named = name.format(which)
            return cut.dataset(part, parts.whole, weights, shuffle, context, named, cure)

        train = dataset(parts.train, "training", spec.shuffle, context=False)
        test = dataset(parts.test, test_name, shuffle=False)
        if parts.validation is None:
            return Fold(train, None, test, train)
        validation = dataset(parts.validation, "validation", shuffle=False)
        whole = dataset(parts.whole, "training", shuffle=False, context=False)
        return Fold(train, validation, test, whole)

    return (fold(number, parts) for number, parts in enumerate(folds))


def _check_room(spec: WindowSpec, sizes: FoldSizes) -> None:
    """Refuse test and validation parts that are too short for the targets of one window."""
    needed = spec.geometry.span - spec.geometry.first_target
    for name in ("test_size", "validation_size"):
        size = getattr(sizes, name)
        if size is not None and size < needed:
            targets = f"horizon={spec.horizon}"
            if spec.geometry.sequence:
                targets = f"the {needed} positions that the targets of a window span"
            raise ValueError(
                f"{name}={size} is shorter than {targets}, and all targets of a window must lie in "
                f"its part. Pass {name}={needed} or more, or make the windows shorter."
            )
