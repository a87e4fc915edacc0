"""``importance``: by how much a model's error grows when a column is shuffled among windows.

This is the permutation importance of Breiman, *Random forests*, Machine Learning 45 (2001). The
errors with and without shuffling are compared as ``compare`` compares two forecasters.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._progress import progress_bar
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic.verdict import Skill, skill
from keras_ts.evaluation.importance.report import (
    NEVER_CHANGES,
    UNUSED,
    UNUSED_BY_MEDIAN,
    ImportanceReport,
    Row,
    ShuffledColumns,
    donors,
    report_of,
    shuffled_columns,
)
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.evaluation.judgement import measure_of, where_present
from keras_ts.evaluation.judging import single_time_note
from keras_ts.interface import Interface
from keras_ts.windows.blocks import Block, finite
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.roles import parts_of

# Of this many columns of noise, at least one seems to matter with a chance of over a fifth.
_MANY = 10


def importance(
    model: keras.Model,
    validation: WindowDataset,
    *,
    columns: Sequence[Any] | None = None,
    by: Literal["mae", "mase"] | None = None,
    repeats: int = 5,
    seed: int = 0,
    verbose: int = 1,
) -> ImportanceReport:
    """Measure by how much a model's error grows when one column is shuffled among windows.

    Each window gets the column's values from another window, drawn at random, while all its other
    inputs and its targets stay. The increase is the mean absolute error with the shuffled column
    over the error without shuffling, minus one: 0.1 for a tenth more error. It says what this model
    reads, not what causes the target.

    What is shuffled depends on the column's part:

    - A column known ahead: its values in ``past`` and ``future``, both from the same other window.
    - The calendar: the columns of all cycles together, from a window at another time.
    - A past column, and each target's own past: its values in ``past``.
    - A static column: its value, from another series.
    - A column of text: the columns of all its categories together.

    In a panel, all but static columns get values from another window of the same series. A window
    of another series would also bring its level, and so destroy more than the column's course.
    Missing values move with their column. But at a step known ahead for which the other window has
    no value, a window keeps its own.

    The mean of several permutations is compared with the errors of the original windows, in the
    way in which ``compare`` compares two forecasters: a block bootstrap over origins, or over the
    series of a panel of six or more, gives a 95 % interval. So of 40 columns of noise, one seems to
    matter by chance. The verdict is:

    - ``"matters"``: the interval lies above 0.
    - ``"cannot be told from noise"``: the interval holds 0.
    - ``"misleads"``: the interval lies below 0: the model errs less without the column.
    - ``"the model does not use it"``: every prediction of a target with a value stays the same, bit
      for bit.
    - ``"the median does not use it"``: only other quantiles change (a quantile model is judged by
      its median).
    - ``"never changes in validation"``: no value changes, since the column is constant in each
      series (a static column: the same in all), or no other window has values to give. Nothing can
      be said about such a column.
    - ``"too few windows for an interval"``: fewer than six stretches of time.

    Columns with the same information share their importance. A model that reads one of two copies
    loses nothing without the other, and a model that reads both may lose little without either.
    Pass such columns as one list, ``columns=[["price", "price_in_euro"]]``, to shuffle them
    together.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_ts import WindowedSeries, importance
    >>> generator = np.random.default_rng(0)
    >>> offer = generator.integers(0, 2, 400).astype("float32")
    >>> sales = 10 * offer + generator.normal(size=400)
    >>> table = np.stack([sales, offer, generator.normal(size=400)], axis=1)
    >>> windows = WindowedSeries(7, target_columns=0, future_columns=(1, 2))
    >>> train, validation = windows.split(table, at=200)
    >>> past, future = keras.Input((7, 3), name="past"), keras.Input((1, 2), name="future")
    >>> output = 10 * future[:, 0, :1] + 0 * past[:, -1, :1]
    >>> model = keras.Model({"past": past, "future": future}, output)
    >>> report = importance(model, validation, verbose=0)
    >>> for name, verdict in zip(report.table["column"], report.table["verdict"]):
    ...     print(name, verdict)
    1 matters
    0 the model does not use it
    2 the model does not use it

    Args:
        model: The model.
        validation: A part that the model was not trained on. Every window counts, whatever the
            order and the weights of the dataset. With ``targets="sequence"`` only the targets of
            the last input are judged. As in ``compare``, windows are left out that lack targets, or
            past values of targets that baselines need.
        columns: The columns to shuffle: names as in ``validation.columns``, or lists of names to
            shuffle together. ``"calendar"`` names the calendar, and a column of text has its name
            in the table. Defaults to None: every column by itself.
        by: ``"mae"``, or ``"mase"`` to divide each error by the scale of its series and target, so
            that the largest series does not decide. The scale is the mean absolute difference
            between rows one period of the model apart (neighbours if it has no period). Rows before
            the first border count, or all rows without a split. Defaults to None: ``"mase"`` for a
            panel or several targets, else ``"mae"``.
        repeats: Number of permutations of each column. Defaults to 5.
        seed: Seed of the permutations. Defaults to 0. The global random state is left alone.
        verbose: 1 to show progress, 0 to show nothing. Defaults to 1.

    Returns:
        An ``ImportanceReport``.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``validation`` is not a ``WindowDataset``.
        ValueError: The model does not fit the windows, its predictions are not finite, a column is
            unknown, or no window can be judged.
    """
    judged = JudgedWindows("validation", validation)
    cure = "Build validation with the model's own windows."
    interface = Interface.of(model, validation, "model", built=True, cure=cure)
    shuffled = shuffled_columns(judged.panel, columns)
    repeats = _checks.integer("repeats", repeats, 1)
    generator = np.random.default_rng(_checks.integer("seed", seed, 0))
    measure = _checks.choice("by", measure_of(by, judged), ("mae", "mase"))
    measured = _Measured(interface, judged, measure, shuffled)
    measured.measure(repeats, generator, verbose)
    windows, series = measured.num_windows, measured.num_series
    return report_of(measured.rows(), measure, measured.mean, windows, series, measured.notes())


class _Measured:
    """The errors of a model with and without shuffled columns, on windows that can be judged."""

    def __init__(
        self, interface: Interface, judged: JudgedWindows, by: str, shuffled: list[ShuffledColumns]
    ) -> None:
        self._model, self._quantiles = interface.model, interface.quantiles
        self._shuffled = shuffled
        self._scales = np.ones((len(judged.labels), judged.shape[2]))
        if by == "mase":
            self._scales = judged.scales(interface.period or 1)[..., 0]
        usable = np.concatenate([self._judgeable(judged, block) for block in judged.blocks()])
        if not usable.any():
            raise ValueError(
                f"validation must have {judged.judgeable}"
                + (", in a series that is not constant" if by == "mase" else "")
                + ". It has none."
            )
        self._judged, self._left_out = judged.only(np.flatnonzero(usable)), int((~usable).sum())
        self.num_windows = self._judged.count
        self._series = self._judged.ranges.series
        windows = np.bincount(self._series, minlength=len(judged.labels))
        self.num_series = int((windows > 0).sum())
        self._alone = windows[self._series] == 1
        self._errors = np.zeros(self.num_windows)
        self._counted = 0
        self._increases = np.zeros((len(shuffled), self.num_windows))
        # What changed, by ``ShuffledColumns``: 0 nothing, 1 an input, 2 a quantile, 3 a point.
        self._changed = np.zeros(len(shuffled), np.int64)

    @property
    def mean(self) -> float:
        """The mean error without shuffling."""
        return float(self._errors.sum() * np.prod(self._judged.shape[1:]) / self._counted)

    def measure(self, repeats: int, generator: np.random.Generator, verbose: int) -> None:
        """Measure the errors, and by how much shuffling changes them."""
        # All columns share a repeat's permutation, so that its donors are read once per block.
        windows = [donors(self._series, generator) for _ in range(repeats)]
        series = [_other_series(self._series, generator) for _ in range(repeats)]
        of_series = self._judged.panel.by_series
        total = self.num_windows * len(self._shuffled) * repeats
        bar = progress_bar(total, "window", bool(verbose))
        for block in self._judged.blocks():
            rows = slice(block.begin, block.begin + len(block.series))
            present = self._present(block)
            original = self._predictions("model", block, present)
            errors = self._errors[rows] = self._absolute(block, original, present)
            self._counted += int(present.sum())
            for others, other_series in zip(windows, series, strict=True):
                sources = parts_of(next(self._judged.only(others[rows]).blocks()).inputs)
                chosen = other_series[block.series]
                sources |= {part: values[chosen] for part, values in of_series.items()}
                for place, columns in enumerate(self._shuffled):
                    inputs, changed = columns.put(block.inputs, sources)
                    if changed.any():
                        name = f"model, with {columns.label} shuffled,"
                        moved = self._predictions(name, replace(block, inputs=inputs), present)
                        increases = self._absolute(block, moved, present) - errors
                        self._increases[place, rows] += increases / repeats
                        before, after = (points_of(p, self._quantiles) for p in (original, moved))
                        change = 3 if (after != before).any() else 1 + (moved != original).any()
                        self._changed[place] = max(self._changed[place], change)
                    bar.add(len(block.series))

    def rows(self) -> list[Row]:
        """Return the increase of the error with an interval and a verdict, column by column."""
        rows = []
        for place, columns in enumerate(self._shuffled):
            if (changed := self._changed[place]) < 3:
                verdict = (NEVER_CHANGES, UNUSED, UNUSED_BY_MEDIAN)[changed]
                increase = 0.0 if changed else np.nan
                rows.append(Row(columns, Skill(increase, increase, increase), verdict))
                continue
            # Windows without another window of their series were not shuffled, and do not count.
            shuffled = np.flatnonzero(~(self._alone & columns.varies))
            errors, origins = self._errors[shuffled], self._judged.origins_of(shuffled)
            increased = errors + self._increases[place, shuffled]
            rows.append(Row(columns, skill(increased, errors, origins)))
        return rows

    def notes(self) -> list[str]:
        """Return sentences on what is left out, on columns of noise, and on intervals."""
        notes = []
        if self._left_out:
            notes.append(
                f"{self._left_out} windows are left out: they lack a value, or their series is "
                "missing or constant before the first border."
            )
        if self._judged.partial:
            total = int(np.prod(self._judged.shape))
            if self._counted < total:
                notes.append(f"{total - self._counted} of {total} targets are missing.")
        single = int(self._alone.sum())
        if single and self.num_series > 1 and any(c.varies for c in self._shuffled):
            notes.append(
                f"{single} series have a single window each, and so no other window to take values "
                "from: they count for static columns alone."
            )
        tested = int((self._changed == 3).sum())
        if tested >= _MANY:
            notes.append(
                f"{tested} columns are compared with noise. Of 40 columns of noise, one seems to "
                "matter by chance."
            )
        origins = self._judged.origins_of(np.arange(self.num_windows))
        return notes + single_time_note(origins)

    def _present(self, block: Block) -> BoolArray:
        """Return True for each target of a block that has a value and a scale."""
        present: BoolArray = np.isfinite(block.actual)
        return present & np.isfinite(self._scales[block.series])[:, None]

    def _judgeable(self, judged: JudgedWindows, block: Block) -> BoolArray:
        """Return True for each window of a block that can be judged."""
        targets = self._present(block).any(axis=(1, 2)) & finite(block.past)
        return targets if judged.partial else targets & finite(block.actual)

    def _predictions(self, name: str, block: Block, present: BoolArray) -> Array:
        """Return the model's predictions, 0 where no target is present."""
        predicted = self._judged.predictions(name, self._model, self._quantiles, block)
        return where_present(name, predicted, present)

    def _absolute(self, block: Block, predicted: Array, present: BoolArray) -> Array:
        """Return each window's mean absolute error; missing targets add 0, as in ``Tally``."""
        errors = np.abs(block.actual - points_of(predicted, self._quantiles))
        errors = errors / self._scales[block.series][:, None]
        return np.where(present, errors, 0.0).mean(axis=(1, 2))


def _other_series(series: IntArray, generator: np.random.Generator) -> IntArray:
    """Map each series to another one by number; a series without windows maps to itself."""
    with_windows = np.unique(series)
    others = np.arange(int(with_windows.max()) + 1)
    others[with_windows] = with_windows[donors(np.zeros_like(with_windows), generator)]
    return others
