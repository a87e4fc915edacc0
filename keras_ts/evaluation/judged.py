"""The windows of a dataset that are judged: their targets, origins, scales and predictions.

Several datasets are judged on the windows that they have in common.
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
from keras_ts.saving.config import short
from keras_ts.scores.schema import task_of
from keras_ts.windows.arithmetic.labels import Rows, collapsed, places_of
from keras_ts.windows.arithmetic.short import classes_of
from keras_ts.windows.blocks import Block, WindowBlocks
from keras_ts.windows.carried import Spans
from keras_ts.windows.dataset import WindowDataset, in_time_order, of_source
from keras_ts.windows.feeding.source import shapes_of
from keras_ts.windows.reading.flat_series import FlatSeries
from keras_ts.windows.reading.regular import mean_steps
from keras_ts.windows.split import Part

# Without timestamps, a series is recognized by this many of its first rows.
_FIRST_ROWS = 8
_LIKE_TRAINED = "Judge it on windows like those it was trained on."


class NoVerdictError(ValueError):
    """There is no verdict, since forecasts are not finite or nothing can be judged."""


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
        """The windows as a dataset in time order, without padding and weights."""
        return of_source(self._given, self._source)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the targets: windows, steps, targets."""
        return self.count, self.geometry.horizon, len(self.columns)

    @property
    def ahead(self) -> IntArray:
        """Distance of each step's target from the origin."""
        return self.geometry.gap + np.arange(1, self.geometry.horizon + 1)

    @property
    def labels(self) -> Sequence[Any]:
        """The id of every series of the panel, or its number."""
        return self.panel.labels or range(len(self.panel.lengths))

    def classes(self, period: int | None) -> tuple[int, ...]:
        """Return the least number of inputs in each class of windows; one class if all are full."""
        spec = self._source.spec
        if not self.geometry.before or spec.min_inputs is None:
            return (spec.window,)
        return classes_of(spec.min_inputs, spec.window, period)

    def beyond_targets(self) -> list[str]:
        """Name the inputs other than the past of the targets, in words for a report."""
        columns, spec = self.panel.columns, self._source.spec
        others = [columns.past[place] for place in columns.own if place not in columns.targets]
        parts = {
            "known ahead": [columns.past[place] for place in columns.planned],
            "the calendar": spec.calendar_entries,
            "static": columns.static,
            "the past of other columns": others,
        }
        read = {part: collapsed(names, self.panel.categories) for part, names in parts.items()}
        return [f"{part} ({', '.join(map(str, names))})" for part, names in read.items() if names]

    def origins(self) -> IntArray:
        """Return the flat position of every window's last input."""
        return self.ranges.starts(np.arange(self.count)) + self.geometry.reach - 1

    def predictions(
        self, name: str, model: keras.Model, levels: tuple[float, ...] | None, block: Block
    ) -> Array:
        """Return a model's float64 predictions, ``(windows, steps, targets[, levels])``."""
        batch, count = self._source.spec.batch_size, len(block.series)
        # Only whole batches: JAX compiles anew for another shape, which takes seconds.
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
        """Return forecasts ``(windows, steps, targets[, levels])``; sequences give the last one."""
        shape = self._target_shape(len(outputs) if outputs.ndim else 0)
        tail = () if levels is None else (len(levels),)
        if outputs.shape not in [(*axes, *tail) for axes in shapes_of(shape, self.geometry)]:
            quantile = " and quantile" if tail else ""
            of_quantiles = " Quantiles come from a SortedQuantiles layer at the end of the model."
            raise ValueError(
                f"{name} must give one value per target{quantile}, {(*shape, *tail)}. Received "
                f"shape {outputs.shape}. {_LIKE_TRAINED}"
                + of_quantiles
                * (outputs.shape[:-1] in shapes_of(shape, self.geometry))
            )
        last = outputs.reshape(*shape, *tail)
        if self.geometry.sequence:
            last = last[:, -1]
        steps = (len(last), self.geometry.horizon, len(self.columns), *tail)
        return last.reshape(steps).astype(np.float64)

    def in_last_step(self, name: str, forecasts: Array) -> Array:
        """Do what ``in_steps`` does, and also take forecasts of only a sequence's last step."""
        shape = (len(forecasts), self.geometry.horizon, len(self.columns))
        given = self._target_shape(len(forecasts))
        if self.geometry.sequence and forecasts.shape != given:
            of_step = given[:1] + given[2:]
            if forecasts.shape in (of_step, (*of_step, 1)):
                return forecasts.reshape(shape).astype(np.float64)
        return self.in_steps(name, forecasts, None)

    def as_targets(self, forecasts: Array) -> Array:
        """Return forecasts with the axes of the dataset's targets, or of a sequence's last step."""
        shape = self._target_shape(len(forecasts))
        return forecasts.reshape(shape[:1] + shape[2:] if self.geometry.sequence else shape)

    def origins_of(self, windows: IntArray) -> Origins:
        """Return the origins of windows, as ``origins_at`` does."""
        return self.origins_at(self.ranges.series_of(windows), self.origins()[windows])

    def origins_at(self, series: IntArray, flat: IntArray) -> Origins:
        """Return origins at flat positions, by their timestamps or distances from the first."""
        if self.panel.clock is None:
            first = np.full(len(self.panel.lengths), np.iinfo(np.int64).max)
            np.minimum.at(first, series, flat)
            times = flat - first[series]
        else:
            times = self.panel.times_at(flat, series)
        stride = max(int(rows_apart(series, flat, 1)), self.geometry.stride)
        return Origins.of(series, times, -(-self.geometry.horizon // stride))

    def mark(self) -> str:
        """Return a hex digest that identifies the targets."""
        targets = np.ascontiguousarray(self._source.targets(), dtype=np.float64)
        return hashlib.blake2b(targets.tobytes(), digest_size=16).hexdigest()

    def table(self, predictions: Array) -> dict[str, Array]:
        """Return actual values and predictions of all windows, in the columns of ``align``."""
        placement = self._source.placement
        last = replace(placement, geometry=replace(self.geometry, sequence=False))
        return last.table(self.targets(), predictions)

    def first_targets(self) -> Array:
        """Return the time or position of each series' first target; int64's maximum for none."""
        return self._moments_of(np.minimum.reduceat, 0, self.ahead[0])

    def last_targets(self) -> Array:
        """Return the time or position of each series' last target; int64's minimum for none."""
        return self._moments_of(np.maximum.reduceat, 1, self.ahead[-1])

    def _moments_of(self, reduced: Any, last: int, ahead: int) -> Array:
        ranges = self.ranges
        starts = ranges.first + last * ranges.step * (ranges.count - 1)
        order = np.argsort(ranges.series, kind="stable")
        series, begin = np.unique(ranges.series[order], return_index=True)
        flat = reduced(starts[order], begin) + self.geometry.reach - 1 + ahead
        clock = self.panel.clock
        times = flat - self.panel.offsets[series] if clock is None else clock.times[flat]
        limit = np.iinfo(np.int64)
        moments = np.full(len(self.panel.lengths), limit.min + 1 if last else limit.max)
        moments[series] = times.astype(np.int64)
        return moments if times.dtype.kind != "M" else moments.view(times.dtype)

    def targets(self) -> Array:
        """Return the targets of all windows, ``(windows, steps, targets)``."""
        return self.last_step(self._source.targets()).astype(np.float64)

    def seasonal(self, block: Block, period: int) -> tuple[Array, BoolArray]:
        """Return seasonal naive forecasts, and if a window has no gap from their values on."""
        # How far before the origin each step's forecast lies.
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
            # A missing value gives way to the one before it in the season.
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
        """Return ``scales`` for the series of another panel, NaN for those that this one lacks."""
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
    """Return the scales of MASE and RMSSE, ``(series, targets, 2)``; NaN without a change."""
    rows = part or Part(panel.offsets[:-1], panel.offsets[1:])
    scales = mean_steps(panel, rows, period, squares=True)
    return np.where(scales > 0, scales, np.nan)


def rows_apart(series: IntArray, flat: IntArray, default: int) -> float:
    """Return the median distance between origins of a series; ``default`` if none has two."""
    distances = np.diff(flat)[np.diff(series) == 0]
    return float(np.median(distances)) if len(distances) else float(default)


def spans_of(judged: JudgedWindows) -> Spans:
    """Return the first and the last target of each series, by a digest of its id."""
    panel, first, last = judged.panel, judged.first_targets(), judged.last_targets()
    if first.dtype.kind == "M":
        first, last = first.astype("datetime64[us]"), last.astype("datetime64[us]")
    ends = np.stack([first.astype(np.int64), last.astype(np.int64)], axis=1).tolist()
    spans = {}
    for number in np.unique(judged.ranges.series).tolist():
        name = f"{first.dtype.kind} {judged.labels[number]}".encode()
        if panel.clock is None:
            begin, end = panel.offsets[number : number + 2].tolist()
            rows = panel.values[begin : min(begin + _FIRST_ROWS, end)]
            rows = rows.reshape(len(rows), -1)[:, judged.columns].astype(np.float64)
            name += rows.tobytes()
        spans[hashlib.blake2b(name, digest_size=8).hexdigest()] = ends[number]
    return spans


def described(
    judged: JudgedWindows, series: IntArray, flat: IntArray, origins: Origins, fingerprint: str
) -> dict[str, Any]:
    """Return counts, ends, fingerprint and task of the judged data as plain values."""
    targets = [flat + judged.ahead[0], flat + judged.ahead[-1]]
    clock = judged.panel.clock
    if clock is None:
        starts = judged.panel.offsets[series]
        first, last = str((targets[0] - starts).min()), str((targets[1] - starts).max())
    else:
        ends = clock.times[targets[0]].argmin(), clock.times[targets[1]].argmax()
        first, last = (clock.written(int(t[e])) for t, e in zip(targets, ends, strict=True))
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
    # Windows of 14 rows have other origins than windows of 56, and lose other ones to a gap.
    first = judged[0]
    for name, other in zip(names[1:], judged[1:], strict=True):
        _check_alike(names[0], first, name, other)
    if all(other is first for other in judged):
        return list(judged)
    series, moments = _places(first)
    found = [
        Rows(*_places(one)).locate(places_of(first.labels, one.labels)[series], moments)
        for one in judged
    ]
    shared = np.logical_and.reduce([windows >= 0 for windows in found])
    if not shared.any():
        raise ValueError(
            f"{_listed(names)} have no window in common: no series and origin is in all of them. "
            "Split the same table at the same border for each."
        )
    return [one.only(windows[shared]) for one, windows in zip(judged, found, strict=True)]


def common_steps(names: Sequence[str], judged: Sequence[JudgedWindows]) -> list[slice]:
    """Return for each dataset the steps at distances from the origin that all datasets have."""
    begin = max(int(one.ahead[0]) for one in judged)
    end = min(int(one.ahead[-1]) for one in judged) + 1
    if begin >= end:
        ahead = [f"{one.ahead[0]} to {one.ahead[-1]}" for one in judged]
        raise ValueError(
            f"{_listed(names)} forecast no step in common: they forecast {_listed(ahead)} rows "
            "after the origin. Use horizons that overlap."
        )
    return [slice(begin - int(one.ahead[0]), end - int(one.ahead[0])) for one in judged]


def _places(judged: JudgedWindows) -> tuple[IntArray, Array]:
    """Return the series and origin of every window: its timestamp, or its position."""
    flat, series = judged.origins(), judged.ranges.series_of(np.arange(judged.count))
    if judged.panel.clock is not None:
        return series, judged.panel.times_at(flat, series)
    return series, flat - judged.panel.offsets[series]


def _check_alike(name: str, first: JudgedWindows, other_name: str, other: JudgedWindows) -> None:
    columns = [one.panel.columns.by_part()["target"] for one in (first, other)]
    if columns[0] != columns[1]:
        raise ValueError(
            f"{name} and {other_name} forecast different columns: {_checks.shown(columns[0])} and "
            f"{_checks.shown(columns[1])}. Compare forecasts of the same target_columns."
        )
    clocks = [one.panel.clock for one in (first, other)]
    kinds = ["none" if clock is None else clock.times.dtype.kind for clock in clocks]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"{name} and {other_name} have windows with different kinds of time: one counts rows, "
            "or numbers, and the other has dates. Name the same time_column for both."
        )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
