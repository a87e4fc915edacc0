"""``JudgedWindows``: the windows that are judged, with targets, origins, scales and predictions.

Several datasets are judged on the windows that they have in common: ``common_windows``.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._dtypes import with_exact_integers
from keras_ts._models import predict
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.arithmetic.verdict import Origins
from keras_ts.panel.flat_series import FlatSeries
from keras_ts.panel.labels import Rows, collapsed, places_of
from keras_ts.panel.roles import CALENDAR, ROLES, TARGET
from keras_ts.saving.config import short
from keras_ts.scores.schema import task_of
from keras_ts.windows.blocks import Block, WindowBlocks
from keras_ts.windows.carried import Spans
from keras_ts.windows.dataset import WindowDataset, in_time_order, of_source
from keras_ts.windows.gather import classes_of
from keras_ts.windows.source import shapes_of
from keras_ts.windows.split import Part
from keras_ts.windows.weights import mean_steps

# Without timestamps, ``spans_of`` recognizes a series by this many of its first rows.
_FIRST_ROWS = 8
_LIKE_TRAINED = "Judge it on windows like those it was trained on."


class NoVerdictError(ValueError):
    """No verdict can be reached: forecasts are not finite, or there is nothing to judge."""


class JudgedWindows(WindowBlocks):
    """All windows of a dataset, in time order."""

    def __init__(self, name: str, dataset: Any) -> None:
        if not isinstance(dataset, WindowDataset):
            raise TypeError(
                f"{name} must be a WindowDataset, as WindowedSeries.split and folds return. "
                f"Received: {type(dataset).__name__}."
            )
        super().__init__(in_time_order(dataset))
        self._given = dataset

    @property
    def dataset(self) -> WindowDataset:
        """The windows as a dataset in time order."""
        return of_source(self._given, self._source)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the targets: windows, steps, targets."""
        return self.count, self.geometry.horizon, len(self.columns)

    @property
    def ahead(self) -> IntArray:
        """How many rows each step's target lies after the origin."""
        return self.geometry.gap + np.arange(1, self.geometry.horizon + 1)

    @property
    def labels(self) -> Sequence[Any]:
        """The id of every series of the panel; its number if series have no ids."""
        return self.panel.labels or range(len(self.panel.lengths))

    def classes(self, period: int | None) -> tuple[int, ...]:
        """Return the least number of inputs of a window in each class."""
        spec = self._source.spec
        if not self.geometry.before or spec.min_inputs is None:
            return (spec.window,)
        return classes_of(spec.min_inputs, spec.window, period)

    def beyond_targets(self) -> list[str]:
        """Return the inputs other than the past of the targets, in words for a report."""
        columns, spec = self.panel.columns, self._source.spec
        read = {
            role.shown: collapsed(columns.of_role(role), self.panel.categories)
            for role in ROLES
            if role is not TARGET
        }
        read[CALENDAR.shown] = list(spec.calendar_entries)
        return [f"{shown} ({', '.join(map(str, names))})" for shown, names in read.items() if names]

    def origins(self) -> IntArray:
        """Return the flat position of every window's last input."""
        return self.ranges.starts(np.arange(self.count)) + self.geometry.reach - 1

    def predictions(
        self, name: str, model: keras.Model, levels: tuple[float, ...] | None, block: Block
    ) -> Array:
        """Return a model's float64 predictions, ``(windows, steps, targets[, levels])``."""
        batch, count = self._source.spec.batch_size, len(block.series)
        # The last batch is filled up: for another shape, JAX compiles anew, which takes seconds.
        places = np.minimum(np.arange(-(-count // batch) * batch), count - 1)
        inputs = keras.tree.map_structure(lambda part: part[places], block.inputs)
        try:
            outputs = predict(model, with_exact_integers(inputs), batch)
        except ValueError as error:  # A model without inputs of fixed shapes may refuse these.
            shapes = keras.tree.map_structure(lambda part: part.shape[1:], inputs)
            raise ValueError(
                f"{name} fails on windows of shape {shapes}: {short(error).rstrip('.')}. "
                f"{_LIKE_TRAINED}"
            ) from error
        outputs = _checks.numeric(outputs, f"the output of {name}")[:count]
        return self.in_steps(name, outputs, levels)

    def in_steps(self, name: str, outputs: Array, levels: tuple[float, ...] | None) -> Array:
        """Return outputs ``(windows, steps, targets[, levels])``, of a sequence only the last."""
        shape = self._target_shape(len(outputs) if outputs.ndim else 0)
        tail = () if levels is None else (len(levels),)
        allowed = shapes_of(shape, self.geometry)
        if outputs.shape not in [(*axes, *tail) for axes in allowed]:
            cure = " Quantiles come from a SortedQuantiles layer at the end of the model."
            raise ValueError(
                f"{name} must give one value per target{' and quantile' if tail else ''}, "
                f"{(*shape, *tail)}. Received shape {outputs.shape}. {_LIKE_TRAINED}"
                f"{cure if outputs.shape[:-1] in allowed else ''}"
            )
        last = outputs.reshape(*shape, *tail)
        if self.geometry.sequence:
            last = last[:, -1]
        steps = (len(last), self.geometry.horizon, len(self.columns), *tail)
        return last.reshape(steps).astype(np.float64)

    def in_last_step(self, name: str, forecasts: Array) -> Array:
        """Return forecasts as ``in_steps`` does; for sequences, also of the last input only."""
        shape = self._target_shape(len(forecasts))
        of_step = shape[:1] + shape[2:]
        if self.geometry.sequence and forecasts.shape in {of_step, (*of_step, 1)} - {shape}:
            steps = (len(forecasts), self.geometry.horizon, len(self.columns))
            return forecasts.reshape(steps).astype(np.float64)
        return self.in_steps(name, forecasts, None)

    def as_targets(self, forecasts: Array) -> Array:
        """Return forecasts with the axes of targets; for sequences, without the axis of inputs."""
        shape = self._target_shape(len(forecasts))
        return forecasts.reshape(shape[:1] + shape[2:] if self.geometry.sequence else shape)

    def origins_of(self, windows: IntArray) -> Origins:
        """Return the origins of windows, as ``origins_at`` does."""
        return self.origins_at(self.ranges.series_of(windows), self.origins()[windows])

    def origins_at(self, series: IntArray, flat: IntArray) -> Origins:
        """Return origins at flat positions; without timestamps, a series' first is at 0."""
        if self.panel.clock is None:
            first = np.full(len(self.panel.lengths), np.iinfo(np.int64).max)
            np.minimum.at(first, series, flat)
            times = flat - first[series]
        else:
            times = self.panel.times_at(flat, series)
        stride = max(int(rows_apart(series, flat, 1)), self.geometry.stride)
        return Origins.of(series, times, -(-self.geometry.horizon // stride))

    def rows_of_origins(self) -> IntArray:
        """Return the row of every window's origin in time order, the first being 0."""
        series, flat = self.ranges.series_of(np.arange(self.count)), self.origins()
        apart = max(int(rows_apart(series, flat, 1)), self.geometry.stride)
        return self.origins_at(series, flat).times * apart

    def mark(self) -> str:
        """Return a hex digest that identifies the targets."""
        targets = np.ascontiguousarray(self._source.targets(), dtype=np.float64)
        return hashlib.blake2b(targets.tobytes(), digest_size=16).hexdigest()

    def table(self, predictions: Array) -> dict[str, Array]:
        """Return actual values and predictions of all windows, in the columns of ``align``."""
        placement = self._source.placement
        last = replace(placement, geometry=replace(self.geometry, sequence=False))
        return last.table(self.targets(), predictions)

    def ends(self) -> tuple[Array, Array]:
        """Return the times, or positions, of each series' first and last target."""
        # A series without a window has NaT, or a first target after its last, so it overlaps none.
        ranges, clock, limit = self.ranges, self.panel.clock, np.iinfo(np.int64)
        order = np.argsort(ranges.series, kind="stable")
        series, begin = np.unique(ranges.series[order], return_index=True)
        last = ranges.first + ranges.step * (ranges.count - 1)
        reach = self.geometry.reach - 1 + self.ahead
        ends = []
        for flat, none in (
            (np.minimum.reduceat(ranges.first[order], begin) + reach[0], limit.max),
            (np.maximum.reduceat(last[order], begin) + reach[-1], limit.min),
        ):
            times = flat - self.panel.offsets[series] if clock is None else clock.times[flat]
            fill, kind = ("NaT", times.dtype) if times.dtype.kind == "M" else (none, np.int64)
            moments = np.full(len(self.panel.lengths), fill, kind)
            moments[series] = times
            ends.append(moments)
        return ends[0], ends[1]

    def targets(self) -> Array:
        """Return the targets of all windows, ``(windows, steps, targets)``."""
        return self.last_step(self._source.targets()).astype(np.float64)

    def seasonal(self, block: Block, period: int) -> tuple[Array, BoolArray]:
        """Return seasonal naive forecasts, and True if no gap follows the first value they read."""
        # Rows from the value that a step repeats to the origin.
        back = -(-self.ahead // period) * period - self.ahead
        begin = block.origins - back.max()
        starts = self.panel.offsets[block.series]
        early = begin < starts
        if early.any() and not self.masks:
            first = int(early.argmax())
            raise ValueError(
                f"period={period} needs a value {back.max()} positions before each origin, and "
                f"{int(early.sum())} windows have none, the first of them in "
                f"{self.panel.series(int(block.series[first]))}. Use a shorter period, or leave it "
                "out."
            )
        places: IntArray = block.origins[:, None] - back
        table = self.panel.values.reshape(-1, self.panel.num_columns)
        values = table[np.maximum(places, starts[:, None])][..., self.columns]
        if self.masks:
            # A missing value becomes that of one, two, ... periods earlier, or the last known one.
            missing = ~np.isfinite(values) | (places < starts[:, None])[..., None]
            values, left = np.where(missing, block.past[:, -1:], values), np.argwhere(missing)
            places = places[left[:, 0], left[:, 1]]
            while len(left):
                places = places - period
                there = places >= starts[left[:, 0]]
                left, places = left[there], places[there]
                found = table[places, self.columns[left[:, 2]]]
                known = np.isfinite(found)
                values[tuple(left[known].T)] = found[known]
                left, places = left[~known], places[~known]
        gaps = self.panel.gaps
        gapless: BoolArray = np.searchsorted(gaps, begin, side="right") == np.searchsorted(
            gaps, block.origins, side="right"
        )
        return values.astype(np.float64), gapless

    def scales(self, period: int) -> Array:
        """Return ``scales_of`` the rows before the first border."""
        return scales_of(self.panel, period, self._source.before)

    def scales_for(self, other: "JudgedWindows", period: int) -> Array:
        """Return ``scales`` of the series of ``other``, NaN for a series that this panel lacks."""
        scales = self.scales(period)
        if self.panel is other.panel:
            return scales
        places = places_of(other.labels, self.labels)
        return np.where((places >= 0)[:, None, None], scales[places], np.nan)

    def _target_shape(self, windows: int) -> tuple[int, ...]:
        """Return the shape of the targets as the dataset gives them."""
        shape: tuple[int, ...] = (windows,)
        if self.geometry.sequence:
            shape += (self.geometry.window,)
        if self.geometry.horizon > 1:
            shape += (self.geometry.horizon,)
        return shape + self.panel.columns.target_shape


def scales_of(panel: FlatSeries, period: int, part: Part | None = None) -> Array:
    """Return the scales of MASE and RMSSE, ``(series, targets, 2)``, NaN where nothing changes."""
    rows = part or Part(panel.offsets[:-1], panel.offsets[1:])
    scales = mean_steps(panel, rows, period, squares=True)
    return np.where(scales > 0, scales, np.nan)


def rows_of(panel: FlatSeries, part: Part, series: IntArray) -> tuple[IntArray, Array, Array]:
    """Return the rows of some series: each one's place in ``series``, its time, and targets."""
    begin, end = np.transpose(np.transpose(part)[series])
    numbers = np.repeat(np.arange(len(series)), end - begin)
    within = np.arange(len(numbers)) - (np.cumsum(end - begin) - (end - begin))[numbers]
    flat = begin[numbers] + within
    values = panel.values[flat].reshape(len(flat), -1)[:, list(panel.columns.targets)]
    return numbers, within if panel.clock is None else panel.clock.times[flat], values


def rows_apart(series: IntArray, flat: IntArray, default: int) -> float:
    """Return the median distance between neighbouring origins; ``default`` if no series has two."""
    distances = np.diff(flat)[np.diff(series) == 0]
    return float(np.median(distances)) if len(distances) else float(default)


def spans_of(judged: JudgedWindows) -> Spans:
    """Return where each judged series' first and last target lie, by a digest of its id."""
    panel, ends = judged.panel, np.stack(judged.ends(), axis=1)
    kind = ends.dtype.kind
    if kind == "M":
        ends = ends.astype("datetime64[us]")
    spans = {}
    for number in np.unique(judged.ranges.series).tolist():
        name = f"{kind} {judged.labels[number]}".encode()
        if panel.clock is None:
            begin, end = panel.offsets[number : number + 2].tolist()
            rows = panel.values[begin : min(begin + _FIRST_ROWS, end)]
            rows = rows.reshape(len(rows), -1)[:, judged.columns].astype(np.float64)
            name += rows.tobytes()
        key = hashlib.blake2b(name, digest_size=8).hexdigest()
        spans[key] = ends[number].astype(np.int64).tolist()
    return spans


def described(
    judged: JudgedWindows, series: IntArray, flat: IntArray, origins: Origins, fingerprint: str
) -> dict[str, Any]:
    """Return what was judged as plain values: ``judged_on`` of a report."""
    firsts, lasts, clock = flat + judged.ahead[0], flat + judged.ahead[-1], judged.panel.clock
    if clock is None:
        starts = judged.panel.offsets[series]
        first, last = str((firsts - starts).min()), str((lasts - starts).max())
    else:
        first = clock.written(int(firsts[clock.times[firsts].argmin()]))
        last = clock.written(int(lasts[clock.times[lasts].argmax()]))
    return {
        "windows": len(flat),
        "series": origins.num_series,
        "origins": origins.num_times,
        "first": first,
        "last": last,
        "fingerprint": fingerprint,
        **task_of(judged.dataset.windows, judged.panel.columns),
    }


def common_windows(names: Sequence[str], judged: Sequence[JudgedWindows]) -> list[JudgedWindows]:
    """Return each dataset's windows at the series and origins that all have, in one order."""
    # Windows of 14 rows have more origins than windows of 56, and a gap leaves out fewer of them.
    first = judged[0]
    for name, other in zip(names[1:], judged[1:], strict=True):
        _check_alike(names[0], first, name, other)
    if all(other is first for other in judged):
        return list(judged)
    series, moments = _places(first)
    found = [
        Rows(*_places(part)).locate(places_of(first.labels, part.labels)[series], moments)
        for part in judged
    ]
    shared = np.logical_and.reduce([windows >= 0 for windows in found])
    if not shared.any():
        raise ValueError(
            f"{_listed(names)} have no window in common: no series and origin is in all of them. "
            "Split the same table at the same border for each."
        )
    return [part.only(windows[shared]) for part, windows in zip(judged, found, strict=True)]


def common_steps(names: Sequence[str], judged: Sequence[JudgedWindows]) -> list[slice]:
    """Return, for each dataset, its steps whose targets all datasets forecast from one origin."""
    ends = [(int(part.ahead[0]), int(part.ahead[-1]) + 1) for part in judged]
    begin, end = max(first for first, _ in ends), min(last for _, last in ends)
    if begin >= end:
        ahead = [f"{first} to {last - 1}" for first, last in ends]
        raise ValueError(
            f"{_listed(names)} forecast no step in common: they forecast {_listed(ahead)} rows "
            "after the origin. Use horizons that overlap."
        )
    return [slice(begin - first, end - first) for first, _ in ends]


def _places(judged: JudgedWindows) -> tuple[IntArray, Array]:
    """Return each window's series, and its origin's timestamp or position in the series."""
    flat, series = judged.origins(), judged.ranges.series_of(np.arange(judged.count))
    if judged.panel.clock is not None:
        return series, judged.panel.times_at(flat, series)
    return series, flat - judged.panel.offsets[series]


def _check_alike(name: str, first: JudgedWindows, other_name: str, other: JudgedWindows) -> None:
    """Refuse windows with other target columns, or another kind of time, than the first ones."""
    columns = [part.panel.columns.by_part()["target"] for part in (first, other)]
    if columns[0] != columns[1]:
        raise ValueError(
            f"{name} and {other_name} forecast different columns: {_checks.shown(columns[0])} and "
            f"{_checks.shown(columns[1])}. Compare forecasts of the same target_columns."
        )
    clocks = [part.panel.clock for part in (first, other)]
    kinds = [
        "no times" if clock is None else "dates" if clock.times.dtype.kind == "M" else "numbers"
        for clock in clocks
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"{name} and {other_name} have windows with different kinds of time: {kinds[0]} and "
            f"{kinds[1]}. Name the same time_column for both."
        )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
