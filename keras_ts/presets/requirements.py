"""What a model is built for: a preset, the inputs that it must take, the outputs that it must give.

They are read from a dataset, or follow from arguments if a model is built without one. The files
that wire the model do not ask again which of the two it was. A setting that disagrees with the
dataset is refused: it would be ignored without a word, or end in an error of Keras about shapes.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from keras_ts._typing import Array
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.presets.settings import PresetSettings
from keras_ts.windows.arithmetic.cycles import dates_of
from keras_ts.windows.arithmetic.moments import merged, moments
from keras_ts.windows.arithmetic.scale import mean_absolute_steps
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import without_missing

# Standard deviations below this share of a column's mean are rounding: the column is constant.
_ROUNDING = 1e-6
# The standard deviation of a covariate that is constant in the training part, such as a category
# that it lacks: other values later meet weights that were never trained, so they count as nothing.
_IGNORED = 1e12


@dataclass(frozen=True)
class TrainingConstants:
    """Statistics of the rows that the windows of a dataset read, and of no later row.

    Attributes:
        past: Mean and standard deviation of each column of ``past``. Values that are not finite are
            left out.
        by_series: The same over the series, of each part that has one row per series.
        smallest_steps: For each column of ``past``, the smallest mean absolute step of a series,
            without those that are constant; 1 if all are.
        num_series: Number of series that the windows come from.
    """

    past: tuple[Array, Array]
    by_series: dict[str, tuple[Array, Array]]
    smallest_steps: Array
    num_series: int

    @classmethod
    def of(cls, dataset: WindowDataset) -> "TrainingConstants":
        """Compute the constants of a training part.

        Example:

        >>> from keras_ts import WindowedSeries
        >>> train, validation = WindowedSeries(window=2).split(np.arange(10.0), at=5)
        >>> constants = TrainingConstants.of(train)
        >>> [values.tolist() for values in constants.past], constants.smallest_steps.tolist()
        ([[2.0], [1.4142135623730951]], [1.0])
        """
        source = in_time_order(dataset)
        panel, ranges = source.panel, source.sampler.ranges
        begins, ends = ranges.rows(source.spec.geometry.span, panel.offsets)
        rows = merged(begins, ends)
        series, first = np.unique(ranges.series, return_index=True)
        by_series = {
            part: moments(values[series], [(0, len(series))])
            for part, values in panel.by_series.items()
        }
        ends, columns = np.maximum.reduceat(ends, first), np.arange(panel.num_columns)
        steps = mean_absolute_steps(panel.values, begins[first], ends, columns)
        smallest = np.where(steps > 0, steps, np.inf).min(axis=0)
        smallest = np.where(np.isfinite(smallest), smallest, 1.0)
        return cls(moments(panel.values, rows), by_series, smallest, len(series))


@dataclass(frozen=True)
class Constants:
    """A mean and a standard deviation for each of some columns, from the training part.

    Attributes:
        mean: Means in units of the columns; 0 for a calendar column.
        std: Standard deviations; 1 for a calendar column, and for a constant one. Very large for a
            constant column known ahead or static one.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __getitem__(self, columns: Sequence[int]) -> "Constants":
        return Constants(tuple(self.mean[i] for i in columns), tuple(self.std[i] for i in columns))

    @property
    def idle(self) -> bool:
        """True if standardizing would change nothing."""
        return set(self.mean) == {0.0} and set(self.std) == {1.0}


@dataclass(frozen=True)
class Requirements:
    """A preset, the inputs that its model must take, and the outputs that it must give.

    Attributes:
        settings: The preset.
        window: Steps in a window, or None for any number.
        features: Columns of ``past``; None for a plain series, whose windows have no such axis.
        steps: Steps to forecast.
        targets: For each target of a step, its index among the own columns. A single index is that
            of all outputs. None if unknown: each output is a column of its own if there are as many
            of both, and all outputs are the first column otherwise.
        shape: Shape of the outputs, after the axes of the batch and of a sequence's window.
        own: Columns of ``past`` that are not known ahead; None for all.
        ahead: Columns of ``past`` that ``future`` continues.
        calendar: Columns of a calendar, which stand last among those.
        seasons: For a single series, the places in ``future`` of those of cycles that are longer
            than the window: it does not show them whole.
        own_constants: Constants of the own columns; None without a dataset, as for the next two.
        target_constants: Constants of the targets of a step.
        ahead_constants: Constants of the columns known ahead.
        series_constants: Constants of each input that is one row per series, by name.
        own_step: The smallest mean absolute step of a series in one of the own columns; None
            without a dataset.
        units: For each target of a step, the unit of the effect of columns known ahead. None for
            the unit of each window, which suits a panel, whose series differ in size.
        events: The recurring events of a calendar to look for: "constant" if what they add is the
            same at all steps, "by_step" if it differs, None for none.
        gap: Steps between a window and its first target.
        masked: True if windows may lack values, so that steps without a target are masked.
        early: True if windows may begin before their series, where all columns lack values.
        ahead_masked: True if columns known ahead may lack values at steps to forecast, at which no
            target has one either.
        carrier: The layer that keeps the windows' settings in the model's file, or None.
    """

    settings: PresetSettings
    window: int | None
    features: int | None
    steps: int
    targets: tuple[int, ...] | None
    shape: tuple[int, ...]
    own: tuple[int, ...] | None = None
    ahead: tuple[int, ...] = ()
    calendar: int = 0
    seasons: tuple[int, ...] = ()
    own_constants: Constants | None = None
    target_constants: Constants | None = None
    ahead_constants: Constants | None = None
    series_constants: dict[str, Constants] = field(default_factory=dict)
    own_step: float | None = None
    units: tuple[float, ...] | None = None
    events: Literal["constant", "by_step"] | None = None
    gap: int = 0
    masked: bool = False
    early: bool = False
    ahead_masked: bool = False
    carrier: WindowedInput | None = None

    @property
    def targets_per_step(self) -> int:
        """Number of outputs at each step."""
        return math.prod(self.shape) // self.steps

    @property
    def outputs_per_step(self) -> int:
        """Number of outputs at each step, a quantile each."""
        return self.targets_per_step * len(self.settings.quantiles or (0.5,))


def required_alone(settings: PresetSettings, by_hand: dict[str, Any]) -> Requirements:
    """Return what a model must take and give if it is built without a dataset.

    Args:
        settings: The preset.
        by_hand: The arguments ``window``, ``outputs`` and ``target`` of ``build``.
    """
    features, target = settings.features or 1, by_hand["target"]
    outputs = by_hand["outputs"] or 1
    if target is not None and (settings.window_norm is None or target >= features):
        raise ValueError(
            "target is the index of a feature whose statistics bring outputs back, for a preset "
            f"with window_norm and features. Received: target={target}, "
            f"features={settings.features}, window_norm={settings.window_norm!r}."
        )
    by_own = settings.window_norm is not None and target is None and outputs == features
    return Requirements(
        settings, window=by_hand["window"], features=settings.features, shape=(outputs,),
        steps=1 if by_own else outputs, targets=None if target is None else (target,),
    )  # fmt: skip


def required_by(
    settings: PresetSettings, dataset: WindowDataset, by_hand: dict[str, Any]
) -> Requirements:
    """Return what the model for a dataset must take and give.

    Args:
        settings: The preset.
        dataset: The training part.
        by_hand: The arguments ``window``, ``outputs`` and ``target`` of ``build``, which must agree
            with the dataset.
    """
    # A season of one row is none.
    period = None if settings.period == 1 else settings.period
    carrier = WindowedInput.of(dataset, quantiles=settings.quantiles, period=period)
    windows, panel = dataset.windows, in_time_order(dataset).panel
    columns = panel.columns
    constants = TrainingConstants.of(dataset)
    # A calendar's sines and cosines stand last, and lie between -1 and 1 as they are.
    past = _constants(constants.past, calendar=columns.calendar)
    ahead = _constants(constants.past, calendar=columns.calendar, constant=_IGNORED)
    horizon = () if windows.horizon == 1 else (windows.horizon,)
    needs = Requirements(
        settings, window=windows.window, features=None if columns.plain else len(columns.past),
        steps=windows.horizon, targets=tuple(map(columns.own.index, columns.targets)),
        gap=windows.gap, shape=(*horizon, *columns.target_shape) or (1,),
        own=columns.own, ahead=columns.ahead, calendar=columns.calendar,
        seasons=(
            _seasons(panel, windows.window * windows.sampling_rate)
            if constants.num_series == 1 and columns.calendar else ()
        ),
        own_constants=past[columns.own], target_constants=past[columns.targets],
        ahead_constants=ahead[columns.ahead],
        series_constants={
            part: _constants(of_part, constant=_IGNORED)
            for part, of_part in constants.by_series.items()
        },
        own_step=float(constants.smallest_steps[list(columns.own)].min()),
        units=past[columns.targets].std if constants.num_series == 1 else None,
        events=_events(settings, windows, constants.num_series),
        masked=windows.handling.inputs, early=windows.min_inputs is not None,
        ahead_masked=windows.handling.partial, carrier=carrier,
    )  # fmt: skip
    _check_agreement(dataset, needs, by_hand)
    if windows.handling.complete == "none":
        _warn_of_missing(dataset)
    return needs


def _seasons(panel: FlatSeries, rows: int) -> tuple[int, ...]:
    """Return the places in ``future`` of calendar columns whose cycle takes more than some rows."""
    columns = panel.columns
    calendar = panel.values[:, -columns.calendar :]
    first, places = len(columns.planned), []
    for place in range(0, columns.calendar, 2):
        angles = np.arctan2(calendar[:, place], calendar[:, place + 1])
        # The angle jumps where dates are left out; the median does not see it.
        step = np.nanmedian(np.diff(angles) % (2 * np.pi))
        if step * rows < 2 * np.pi:
            places += [first + place, first + place + 1]
    return tuple(places)


def _constants(moments: tuple[Array, Array], calendar: int = 0, constant: float = 1.0) -> Constants:
    """Return constants, of which the last ones, those of a calendar, change nothing.

    Args:
        moments: Mean and standard deviation of each column.
        calendar: Number of columns of a calendar.
        constant: The standard deviation to give to a constant column.
    """
    means, stds = (values.tolist() for values in moments)
    counted = len(means) - calendar
    stds = [
        std if std > _ROUNDING * abs(mean) else constant
        for mean, std in zip(means, stds, strict=True)
    ]
    zeros, ones = (0.0,) * calendar, (1.0,) * calendar
    return Constants((*means[:counted], *zeros), (*stds[:counted], *ones))


def _events(
    settings: PresetSettings, windows: WindowSpec, num_series: int
) -> Literal["constant", "by_step"] | None:
    """Return the kind of events to look for, which several series share by their dates alone."""
    dated = any(dates_of(cycle) is not None for cycle in windows.cycles)
    if settings.smoothing is None or not (dated or (windows.cycles and num_series == 1)):
        return None
    return "by_step" if dated and windows.horizon > 1 else "constant"


def _check_agreement(dataset: WindowDataset, needs: Requirements, by_hand: dict[str, Any]) -> None:
    """Refuse a dataset that disagrees with a preset or with arguments of ``build``."""
    windows, settings = dataset.windows, needs.settings
    if settings.kind != f"sequence_to_{windows.targets}":
        raise ValueError(
            f"kind={settings.kind!r} does not forecast what the dataset's windows have as "
            f"targets={windows.targets!r}. Use kind='sequence_to_{windows.targets}', or windows "
            f"with targets={settings.kind.removeprefix('sequence_to_')!r}."
        )
    if settings.period is not None and windows.sampling_rate > 1:
        raise ValueError(
            "window_norm='seasonal' counts the steps of a period in a window, and the dataset's "
            f"windows leave some out: sampling_rate={windows.sampling_rate}. Use windows with "
            "sampling_rate=1, or another window_norm."
        )
    past, target = dataset.columns["past"], dataset.columns["target"]
    features, values = needs.features or 1, math.prod(needs.shape)
    places = [past.index(name) for name in target]
    place = places[0] if len(places) == 1 else places
    outputs = f"{needs.steps} steps of {needs.targets_per_step} targets"
    for name, of_dataset, clause in (
        ("window", windows.window, f"windows of {windows.window} steps"),
        ("features", features, f"{features} columns, {past}"),
        ("outputs", values, f"{values} values to forecast at once, {outputs}"),
        ("target", place, f"the target {target}, column {place}"),
    ):
        value = settings.features if name == "features" else by_hand[name]
        if value not in (None, of_dataset):
            raise ValueError(
                f"{name}={value} disagrees with the dataset, which has {clause}. Leave {name} out: "
                "build(dataset) reads it."
            )
    scales = len(settings.output_scale) if isinstance(settings.output_scale, tuple) else 1
    if scales not in (1, values, needs.targets_per_step):
        raise ValueError(
            f"output_scale has {scales} entries, and the dataset has {values} values to forecast "
            "at once. Give a number, or leave output_scale out."
        )


def _warn_of_missing(dataset: WindowDataset) -> None:
    """Warn of windows whose loss is NaN: no mask of inputs keeps a missing target out of it."""
    source = in_time_order(dataset)
    windows = source.sampler.ranges
    complete = without_missing(source.panel, source.spec, windows, inputs=False)
    if complete.total < windows.total:
        warnings.warn(
            f"{windows.total - complete.total} of {windows.total} windows have a missing value "
            "among their targets or future columns. The loss of a batch with one of them is NaN, "
            'and so may be all weights after it. To train, use windows with missing="mask", which '
            "leave these out, or fill the values.",
            stacklevel=4,
        )
