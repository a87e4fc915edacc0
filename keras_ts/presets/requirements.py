"""``Requirements``: the inputs that a preset's model must take, and the outputs that it must give.

They are read from a dataset, or follow from arguments if a model is built without one. A setting
that disagrees with the dataset is refused: otherwise it would be ignored silently, or end in an
error of Keras about shapes.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from keras_ts._typing import Array, IntArray
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.panel.cycles import Holiday
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.presets.settings import PresetSettings
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.scale import mean_absolute_steps, merged, moments
from keras_ts.windows.source import WindowSource
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import without_missing

# Standard deviations below this share of a column's mean are rounding: the column is constant.
_ROUNDING = 1e-6
# Stands for the standard deviation of a covariate that is constant in the training part, such as a
# category that does not occur there. Its weights are untrained, so later values become nearly 0.
IGNORED = 1e12


@dataclass(frozen=True)
class TrainingConstants:
    """Statistics of the rows that the windows of a dataset read, and of no later row."""

    past: tuple[Array, Array]  # means and standard deviations by column, of finite values
    # means and standard deviations over series, by part with one row for each
    by_series: dict[str, tuple[Array, Array]]
    # by column: the least mean absolute step of a series that is not constant; 1 without any
    smallest_steps: Array
    num_series: int

    @classmethod
    def of(cls, dataset: WindowDataset) -> "TrainingConstants":
        """Compute the constants of a training part."""
        source = in_time_order(dataset)
        panel, ranges = source.panel, source.sampler.ranges
        rows = merged(*ranges.rows(source.spec.geometry.span, panel.offsets))
        series, begins, ends = read_rows(source)
        by_series = {
            part: moments(values[series], [(0, len(series))])
            for part, values in panel.by_series.items()
        }
        columns = np.arange(panel.num_columns)
        steps = mean_absolute_steps(panel.values, begins, ends, columns)
        smallest = np.where(steps > 0, steps, np.inf).min(axis=0)
        smallest = np.where(np.isfinite(smallest), smallest, 1.0)
        return cls(moments(panel.values, rows), by_series, smallest, len(series))


def read_rows(source: WindowSource) -> tuple[IntArray, IntArray, IntArray]:
    """Return the series that windows read, and where the rows that are read begin and end."""
    ranges = source.sampler.ranges
    begins, ends = ranges.rows(source.spec.geometry.span, source.panel.offsets)
    series, first = np.unique(ranges.series, return_index=True)
    return series, begins[first], np.maximum.reduceat(ends, first)


@dataclass(frozen=True)
class Constants:
    """The means and standard deviations of columns in the training part."""

    mean: tuple[float, ...]  # 0 for a column that is not standardized
    # 1 for such a column or a constant one; ``IGNORED`` for a constant covariate
    std: tuple[float, ...]

    def __getitem__(self, columns: Sequence[int]) -> "Constants":
        return Constants(tuple(self.mean[i] for i in columns), tuple(self.std[i] for i in columns))

    @property
    def idle(self) -> bool:
        """True if standardizing would change nothing."""
        return set(self.mean) == {0.0} and set(self.std) == {1.0}


@dataclass(frozen=True)
class Requirements:
    """A preset, the inputs that its model must take, and the outputs that it must give."""

    settings: PresetSettings
    window: int | None  # steps; None for any number
    features: int | None  # columns of ``past``; None for a plain series without that axis
    steps: int  # to forecast
    # The index of each target in ``own``; a single index holds for all outputs. None if unknown:
    # output i is then column i if there are as many outputs as columns, else column 0.
    targets: tuple[int, ...] | None
    shape: tuple[int, ...]  # of the outputs, after the axes of batch and window
    own: tuple[int, ...] | None = None  # columns of ``past`` not known ahead; None for all
    ahead: tuple[int, ...] = ()  # columns of ``past`` that ``future`` continues
    calendar: int = 0  # number of calendar columns, the last of ``ahead``
    # For a single series, places in ``future`` of cycles longer than the window, and of holidays
    # if there is one step
    seasons: tuple[int, ...] = ()
    own_constants: Constants | None = None  # None without a dataset, as for the next two
    target_constants: Constants | None = None
    ahead_constants: Constants | None = None
    # by input with one row for each series
    series_constants: dict[str, Constants] = field(default_factory=dict)
    own_step: float | None = None  # smallest mean absolute step of a series; None without a dataset
    # Units of the effects of ``ahead``, by target; None for a panel, where windows have scales
    units: tuple[float, ...] | None = None
    # "constant" if an event adds the same at all steps of the forecast; None to look for no events
    events: Literal["constant", "by_step"] | None = None
    moving: tuple[int, int] | None = None  # numbers of the cycles week and year, for moving dates
    gap: int = 0  # rows between window and first target
    sampling_rate: int = 1  # rows from a step of the window to the next
    masked: bool = False  # Windows may lack values: steps where no target has one are masked.
    early: bool = False  # Windows may begin before their series, where all columns lack values.
    unseen: bool = False  # Windows may have no value at all.
    ahead_masked: bool = False  # Columns known ahead may lack values where all targets do.
    carrier: WindowedInput | None = None  # keeps the windows' settings in the model's file

    @property
    def targets_per_step(self) -> int:
        """Number of targets at each step."""
        return math.prod(self.shape) // self.steps

    @property
    def outputs_per_step(self) -> int:
        """Number of outputs at each step: one for each quantile of each target."""
        return self.targets_per_step * len(self.settings.quantiles or (0.5,))


def required_alone(settings: PresetSettings, by_hand: dict[str, Any]) -> Requirements:
    """Return what a model must take and give if it is built without a dataset."""
    features, target = settings.features or 1, by_hand["target"]
    outputs = by_hand["outputs"] or 1
    if target is not None and (settings.window_norm is None or target >= features):
        raise ValueError(
            "target must be the index of one of the features of a preset with window_norm. "
            f"Received: target={target}, "
            f"features={settings.features}, window_norm={settings.window_norm!r}."
        )
    by_own = settings.window_norm is not None and target is None and outputs == features
    return Requirements(
        settings, window=by_hand["window"], features=settings.features, shape=(outputs,),
        steps=1 if by_own else outputs, targets=None if target is None else (target,),
    )  # fmt: skip


def required_by(
    settings: PresetSettings, dataset: WindowDataset, by_hand: Mapping[str, Any] = {}
) -> Requirements:
    """Return what the model for a dataset must take and give."""
    period = None if settings.period == 1 else settings.period  # A period of 1 is no season.
    carrier = WindowedInput.of(dataset, quantiles=settings.quantiles, period=period)
    windows, panel = dataset.windows, in_time_order(dataset).panel
    columns = panel.columns
    constants = TrainingConstants.of(dataset)
    past = _constants(constants.past, columns.raw)
    ahead = _constants(constants.past, columns.raw, constant=IGNORED)
    horizon = () if windows.horizon == 1 else (windows.horizon,)
    needs = Requirements(
        settings, window=windows.window, features=None if columns.plain else len(columns.past),
        steps=windows.horizon, targets=tuple(map(columns.own.index, columns.targets)),
        gap=windows.gap, sampling_rate=windows.sampling_rate,
        shape=(*horizon, *columns.target_shape) or (1,),
        own=columns.own, ahead=columns.ahead, calendar=columns.calendar,
        seasons=(
            _seasons(panel, windows) if constants.num_series == 1 and columns.calendar else ()
        ),
        own_constants=past[columns.own], target_constants=past[columns.targets],
        ahead_constants=ahead[columns.ahead],
        series_constants={
            part: _constants(of_part, constant=IGNORED)
            for part, of_part in constants.by_series.items()
        },
        own_step=float(constants.smallest_steps[list(columns.own)].min()),
        units=past[columns.targets].std if constants.num_series == 1 else None,
        events=_events(settings, windows, constants.num_series), moving=_moving(panel, windows),
        masked=windows.handling.inputs, early=windows.min_inputs is not None,
        unseen=windows.min_inputs == 0,
        ahead_masked=windows.handling.partial, carrier=carrier,
    )  # fmt: skip
    _check_agreement(dataset, needs, by_hand)
    if windows.handling.complete == "none":
        _warn_of_missing(dataset)
    return needs


def _seasons(panel: FlatSeries, windows: WindowSpec) -> tuple[int, ...]:
    """Return ``Requirements.seasons``."""
    columns = panel.columns
    calendar = panel.values[:, -columns.calendar :]
    first, places = len(columns.planned), []
    for place, cycle in zip(range(0, columns.calendar, 2), windows.cycles, strict=True):
        angles = np.arctan2(calendar[:, place], calendar[:, place + 1])
        # The angle jumps where dates are left out; the median ignores these jumps.
        step = np.nanmedian(np.diff(angles) % (2 * np.pi))
        # A holiday has no angle, and one at the last step says nothing of the steps before it.
        long = step * windows.window * windows.sampling_rate < 2 * np.pi
        if long and (windows.horizon == 1 or not isinstance(cycle, Holiday)):
            places += [first + place, first + place + 1]
    return tuple(places)


def _constants(
    moments: tuple[Array, Array], raw: Sequence[int] = (), constant: float = 1.0
) -> Constants:
    """Return the constants of columns, with ``constant`` for the deviations of constant ones."""
    # The ``raw`` columns, such as the sines and cosines of a calendar, stay as they are.
    means, stds = (np.array(values) for values in moments)
    stds = np.where(stds > _ROUNDING * np.abs(means), stds, constant)
    means[list(raw)], stds[list(raw)] = 0.0, 1.0
    return Constants(tuple(means.tolist()), tuple(stds.tolist()))


def _events(
    settings: PresetSettings, windows: WindowSpec, num_series: int
) -> Literal["constant", "by_step"] | None:
    """Return ``Requirements.events``; those of a panel are dates, for the cycle ``"year"``."""
    dated = "year" in windows.cycles
    if settings.smoothing is None or not (dated or (windows.cycles and num_series == 1)):
        return None
    return "by_step" if dated and windows.horizon > 1 else "constant"


def _moving(panel: FlatSeries, windows: WindowSpec) -> tuple[int, int] | None:
    """Return ``Requirements.moving``, if all rows are at the same time of day."""
    if not {"week", "year"} <= set(windows.cycles) or panel.clock is None:
        return None
    times = panel.clock.shown - panel.clock.shown.astype("datetime64[D]")
    if (times != times[0]).any():
        return None
    return windows.cycles.index("week"), windows.cycles.index("year")


def _check_agreement(
    dataset: WindowDataset, needs: Requirements, by_hand: Mapping[str, Any]
) -> None:
    """Refuse a dataset that disagrees with a preset or with arguments of ``build``."""
    windows, settings = dataset.windows, needs.settings
    if settings.kind != f"sequence_to_{windows.targets}":
        raise ValueError(
            f"kind={settings.kind!r} does not match the dataset's windows, which have "
            f"targets={windows.targets!r}. Use kind='sequence_to_{windows.targets}', or windows "
            f"with targets={settings.kind.removeprefix('sequence_to_')!r}."
        )
    if settings.window_norm and settings.period and windows.sampling_rate > 1:
        raise ValueError(
            f"window_norm={settings.window_norm!r} counts the steps of a period in a window, and "
            "the dataset's windows leave some out: sampling_rate="
            f"{windows.sampling_rate}. Use windows with sampling_rate=1, or another window_norm."
        )
    if settings.cell == "linear" and windows.min_inputs == 0:
        raise ValueError(
            "cell='linear' is a map of the window, and a window of min_inputs=0 may have no value. "
            "Use min_inputs=1, or another preset."
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
        value = settings.features if name == "features" else by_hand.get(name)
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
    """Warn of windows that lack a target or future value, which makes the loss NaN."""
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
