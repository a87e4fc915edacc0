"""``Carried``: what a model keeps beside its weights, to forecast from raw data.

A layer, a file's metadata and ``forecast`` use this one class, and so apply the same checks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, cast

import numpy as np

from keras_ts import _checks
from keras_ts.panel.columns import Columns, named_columns
from keras_ts.panel.frequency import same_steps
from keras_ts.panel.labels import collapsed, expanded
from keras_ts.panel.roles import PARTS
from keras_ts.panel.settings import Column
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.windowed_series import WindowedSeries

# The settings in which windows that a user passes may differ from the model's.
_TRAINING = {
    "stride", "missing", "weighting", "batch_size", "shuffle", "seed", "remainder", "unseen",
    "origins",
}  # fmt: skip
# Limits: a file that exceeds them is broken or malicious.
_MOST_COLUMNS, _LONGEST_NAME, _LONGEST_KEY = 1 << 16, 1000, 64
# Where the targets of training or calibration lie: the first and the last moment of each series, by
# a digest of its id.
Spans = dict[str, list[int]]
# The most spans that are kept: those with the smallest digests, a random sample of the series. Two
# datasets that share a twentieth of their series almost surely share a key.
MOST_SPANS = 100


@dataclass(frozen=True)
class Carried:
    """What a forecast needs of the data that a model was trained on."""

    windows: WindowedSeries  # The windows that the model was trained on.
    columns: Columns | None = None  # The roles of the columns; None if unknown.
    # The step from one timestamp to the next, such as "1 day"; None without timestamps.
    frequency: str | None = None
    # The quantiles on the last axis of the output; None for a point forecast.
    quantiles: tuple[float, ...] | None = None
    # The other fields are not compared, since no forecast depends on them.
    scorecard: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    # Where the targets of ``fine_tune`` or ``calibrate`` lie, or None.
    trained_on: Spans | None = field(default=None, compare=False, repr=False)
    # The period that the model was built with and is judged by, or None.
    period: int | None = field(default=None, compare=False, repr=False)
    # The lowest and the highest training value of each column of numbers, by its name; or None.
    ranges: dict[str, list[float]] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _checks.instance("windows", self.windows, WindowedSeries)
        _checks.instance("frequency", self.frequency, str | None)
        if len(self.frequency or "") > _LONGEST_NAME:
            raise ValueError('frequency must be a short string, such as "1 day".')
        checked: dict[str, Any] = {
            "frequency": self.frequency and str(self.frequency),
            "trained_on": checked_spans("trained_on", self.trained_on),
            "ranges": checked_spans("ranges", self.ranges, float, _MOST_COLUMNS, _LONGEST_NAME),
        }
        if self.period is not None:
            checked["period"] = _checks.integer("period", self.period, 2)
        if self.quantiles is not None:
            checked["quantiles"] = _checks.levels("quantiles", self.quantiles)
        if self.scorecard is not None:
            # A copy, whose entries are checked only when they are read.
            checked["scorecard"] = json.loads(_checks.json_text("scorecard", self.scorecard))
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, dataset: WindowDataset, quantiles: Any = None, period: int | None = None) -> Self:
        """Return what a model for a dataset carries."""
        _checks.instance("dataset", dataset, WindowDataset)
        windows = cast(WindowedSeries, dataset.windows)
        columns = columns_of(windows, dataset.columns)
        ranges = _ranges(dataset)
        return cls(windows, columns, dataset.frequency, quantiles, period=period, ranges=ranges)

    def disagreement(self, other: "Carried") -> str | None:
        """Return both values of the first setting that differs, in words; None if none does."""
        # Columns, frequency or quantiles that one of the two lacks are not compared.
        for name in self.windows.get_config():
            ours, theirs = getattr(self.windows, name), getattr(other.windows, name)
            if name in ("categories", "holidays"):
                # A column or a place that only one of the two knows does not differ.
                shared = set(ours or ()) & set(theirs or ())
                ours, theirs = ({c: texts[c] for c in shared} for texts in (ours, theirs))
            if name == "holidays":
                # Only names are compared, since later data has the dates of other years.
                ours, theirs = (
                    {
                        place: [*of["days"], *of.keys() - {"years", "days"}]
                        for place, of in known.items()
                    }
                    for known in (ours, theirs)
                )
            # If timestamps have gaps, windows that ignore them count rows, and others count time.
            ignoring = {of.windows.handling.gaps == "ignore" for of in (self, other)}
            counts = name == "missing" and len(ignoring) > 1 and self.windows.time_column
            if ours != theirs and (name not in _TRAINING or counts):
                return f"{name}={_checks.shown(ours)} against {name}={_checks.shown(theirs)}"
        for name in ("columns", "frequency", "quantiles"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if None in (ours, theirs) or ours == theirs:
                continue
            if name == "columns":
                ours, theirs = ours.by_part(), theirs.by_part()
            if name != "frequency" or not same_steps(ours, theirs):
                return f"{name}={_checks.shown(ours)} against {name}={_checks.shown(theirs)}"
        return None

    def of_windows(self, windows: WindowedSeries) -> Self:
        """Return the same with other windows, and the categories and holidays that they lack."""
        categories, holidays = (
            {**(getattr(self.windows, name) or {}), **(getattr(windows, name) or {})} or None
            for name in ("categories", "holidays")
        )
        return replace(self, windows=replace(windows, categories=categories, holidays=holidays))

    def trained_further(self, dataset: WindowDataset, trained_on: Spans | None) -> Self:
        """Return what the model carries after further training on a dataset."""
        # Old scores are left out. A range covers both trainings, or is left out if one lacks it.
        ours, theirs = self.ranges or {}, (_ranges(dataset) or {}) if self.ranges else {}
        ends = {name: sorted(ours[name] + theirs[name]) for name in ours if name in theirs}
        ranges = {name: [of[0], of[-1]] for name, of in ends.items()} or None
        return replace(self, scorecard=None, trained_on=trained_on, ranges=ranges)

    def with_quantiles(self, quantiles: Any) -> Self:
        """Return the same, without scores, for a model with the same net and other quantiles."""
        return replace(self, quantiles=quantiles, scorecard=None)

    def table_columns(self) -> dict[str, list[Any]]:
        """Return the table's columns by part, without a calendar's; empty parts if unknown."""
        if self.columns is None:
            return {part: [] for part in PARTS}
        table, categories = self.columns.table, self.windows.categories
        return {
            part: collapsed([name for name in names if name in table], categories)
            for part, names in self.columns.by_part().items()
        }

    @property
    def read(self) -> list[Any]:
        """The columns of the table that the model reads."""
        return collapsed(self.columns.table if self.columns else (), self.windows.categories)

    @property
    def planned(self) -> list[Any]:
        """The columns of the table that are known ahead, and so stand in a plan."""
        return self.table_columns()["future"]

    def get_config(self) -> dict[str, Any]:
        """Return the settings as plain Python values that JSON takes."""
        return {setting.name: getattr(self, setting.name) for setting in fields(self)} | {
            "windows": self.windows.get_config(),
            "columns": self.columns and self.columns.by_part(),
            "quantiles": self.quantiles and list(self.quantiles),
        }

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Return the object that a config describes; the config may come from an untrusted file."""
        _checks.instance("config", config, Mapping)
        rest = dict(config)
        windows = windows_of(rest.pop("windows", None))
        return cls(windows, columns_of(windows, rest.pop("columns", None)), **rest)


def windows_of(windows: Any) -> WindowedSeries:
    """Return a ``WindowedSeries``, from one or from its config."""
    if isinstance(windows, WindowedSeries):
        return windows
    _checks.instance("windows", windows, WindowedSeries | Mapping)
    return WindowedSeries.from_config(dict(windows))


def columns_of(windows: WindowedSeries, columns: Any) -> Columns | None:
    """Return the ``Columns`` of a dict of names by role, or raise an error that names the role."""
    if columns is None:
        return None
    # An older file may lack a part, which is then empty.
    if not isinstance(columns, Mapping) or not set(columns) <= set(PARTS):
        raise ValueError(
            f"columns must be a dict with the keys {', '.join(PARTS)}. "
            f"Received: columns={_checks.shown(columns)}."
        )
    return named_columns(
        windows, {part: _names(f"columns[{part!r}]", columns.get(part, ())) for part in PARTS}
    )


def _names(part: str, columns: Any) -> list[Column]:
    columns = _checks.listed(columns)
    if not isinstance(columns, list | tuple) or len(columns) > _MOST_COLUMNS:
        raise TypeError(
            f"{part} must be a list of at most {_MOST_COLUMNS:,} names or numbers of columns. "
            f"Received: {_checks.shown(columns)}."
        )
    names = [
        str(name) if isinstance(name, str) else _checks.integer(f"a column of {part}", name, 0)
        for name in columns
    ]
    if len(set(names)) < len(names):
        raise ValueError(f"{part} names a column twice. Received: {_checks.shown(names)}.")
    return names


def _ranges(dataset: WindowDataset) -> dict[str, list[float]] | None:
    """Return the ranges of the columns of numbers; None for a memory map or without any."""
    source, ranges = in_time_order(dataset), {}
    panel, columns = source.panel, source.panel.columns
    if panel.on_disk:
        return None
    begin_and_end = source.sampler.ranges.rows(source.spec.geometry.span, panel.offsets)
    ends = np.stack(begin_and_end, axis=1).ravel()
    texts = expanded(tuple(panel.categories or ()), panel.categories)
    rows = panel.values.reshape(len(panel.values), -1)
    for place, name in enumerate(columns.read):
        known = np.append(rows[:, place], np.nan)  # ``reduceat`` takes no index past the end.
        low, high = (float(of.reduce(of.reduceat(known, ends)[::2])) for of in (np.fmin, np.fmax))
        if np.isfinite(high - low) and name not in texts:
            ranges[str(name)] = [low, high]
    for name in set(columns.static) - set(texts):
        read = panel.per_series([name])[source.sampler.ranges.series]
        ranges[str(name)] = [float(read.min()), float(read.max())]
    return ranges or None


def joined(*parts: Spans | None) -> Spans | None:
    """Return for each series the span that covers those of all parts; None if there is none."""
    spans: Spans = {}
    for key, (first, last) in (item for part in parts for item in (part or {}).items()):
        earlier, later = spans.get(key, (first, last))
        spans[key] = [min(first, earlier), max(last, later)]
    return dict(sorted(spans.items())[:MOST_SPANS]) or None


def overlap(some: Spans | None, others: Spans) -> bool:
    """Return True if a series has overlapping spans in both."""
    return any(
        first <= others[key][1] and others[key][0] <= last
        for key, (first, last) in (some or {}).items()
        if key in others
    )


def checked_spans(
    name: str, spans: Any, kind: Any = int, most: int = MOST_SPANS, longest: int = _LONGEST_KEY
) -> Any:
    """Return spans or ranges from a config, which may be untrusted, or raise an error."""
    if spans is None:
        return None
    valid = isinstance(spans, dict) and len(spans) <= most
    for key, span in spans.items() if valid else ():
        moments = list(span) if isinstance(span, list | tuple) else []
        valid &= isinstance(key, str) and len(key) <= longest
        valid &= len(moments) == 2 and all(type(m) is kind and abs(m) < np.inf for m in moments)
        valid &= not valid or moments[0] <= moments[1]
    if not valid:
        raise TypeError(
            f"{name} must be what {'calibrate or fine_tune' if kind is int else 'WindowedInput.of'}"
            f" made, or None. Received: {name}={_checks.shown(spans)}."
        )
    return {key: list(span) for key, span in spans.items()}
