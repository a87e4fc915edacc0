"""``aggregate``: totals of sample paths over steps, over series or over both."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.panel.frames import numbered_ids, numbered_series, open_frame, series_ids
from keras_ts.panel.labels import distinct_rows

_ORIGIN = "origin"  # The column that tells apart several forecasts of one series.


def aggregate(
    samples: Any,
    over: str | Sequence[str],
    *,
    groups: Any = None,
    quantiles: Sequence[float] | None = (0.1, 0.5, 0.9),
    above: float | None = None,
) -> Any:
    """Return quantiles of totals of sample paths, such as the total of a week or of a region.

    The 90 % quantile of a week's sales is not the sum of seven days' 90 % quantiles, as not all
    days are high at once. So each sample path is summed, and the quantiles are those of the sums.

    With ``quantiles=None`` the totals are sample paths again. Totals of these totals equal those of
    all samples at once, so a hierarchy adds up, and a large panel can be summed in parts.

    Example:

    >>> import numpy as np, pandas as pd
    >>> from keras_ts import aggregate
    >>> shops, steps, numbers = np.meshgrid(["a", "b"], [1, 2], [0, 1, 2], indexing="ij")
    >>> samples = pd.DataFrame({"shop": shops.ravel(), "step": steps.ravel()})
    >>> samples["sample"], samples["units"] = numbers.ravel(), [2, 4, 6, 1, 3, 5, 7, 7, 7, 9, 8, 7]
    >>> aggregate(samples, "step", quantiles=[0.5], above=10)  # (3, 7, 11) and (16, 15, 14)
      shop  units     above
    0    a    7.0  0.333333
    1    b   15.0  1.000000
    >>> aggregate(samples, ["step", "series"], quantiles=[0.5])  # (19, 22, 25)
       units
    0   22.0

    Args:
        samples: The frame that ``forecast(..., num_samples=...)`` returned, or ``aggregate`` with
            ``quantiles=None``, or several of them concatenated; forecasts from several origins need
            a column ``origin``. A step that is NaN, a closed day, counts as 0 if another step of
            its series is not NaN; a series that is NaN throughout makes its totals NaN.
        over: "step", "series", or a list of both. Totals over series use the times that all series
            of a total have; a warning names the others.
        groups: The group of each series: one of several id columns, such as ``"shop"``; a dict
            from id (of several columns, a tuple) to group; or a frame of the ids, or of some of
            their columns, and one more column. Defaults to None: all series are one group.
        quantiles: Levels of the quantiles to return, by NumPy with ``method="hazen"``. None returns
            the totals of each sample. Defaults to (0.1, 0.5, 0.9).
        above: A threshold in the units of the target; a column ``above`` has the probability that
            the total exceeds it. Defaults to None: no such column.

    Returns:
        A frame of the same library: a row for each total, with the columns that tell totals apart
        (id or group, ``origin``, time, ``step``), and the targets, named as ``forecast`` does.

    Raises:
        ValueError: ``samples`` are no sample paths, or there is nothing to sum over; the series of
            a total have no time in common; or a series has no group.
    """
    import narwhals as nw

    sides = {over} if isinstance(over, str) else set(over)
    levels = None if quantiles is None else _checks.levels("quantiles", quantiles, median=False)
    read = Samples.of(samples)
    heads, values, ids = read.heads, read.values, list(read.ids)
    able = {"step"} & {*heads.columns} | {"series" for _ in ids}
    if not sides or not sides <= able:
        raise ValueError(
            f"over must be among {sorted(able)} for these samples. Received: {over!r}."
        )
    if above is not None and (levels is None or len(values) > 1):
        raise ValueError("above needs quantiles and a single target.")
    if groups is not None and "series" not in sides:
        raise ValueError('groups are summed over series: pass over="series", or both.')
    column, names = (None, [0] * len(read.labels)) if groups is None else _groups(groups, read)
    owner, counted = read.series, np.ones(len(heads), bool)
    if "series" in sides:
        owner, counted = read.shared(names)
    rows = np.flatnonzero(counted)
    moments = np.zeros_like(owner) if "step" in sides else read.moments
    numbers = distinct_rows([owner[rows], moments[rows]])[1]
    order, sizes = rows[np.argsort(numbers, kind="stable")], np.bincount(numbers)
    starts = np.cumsum(sizes) - sizes
    if "series" not in sides and len(set(sizes)) > 1:
        short = [read.labels[n] for n in read.series[order[starts[sizes < sizes.max()]]]]
        what = f"fewer than {sizes.max()} steps of the series {_checks.shown(short)}"
        warnings.warn(f"aggregate sums {what}.", stacklevel=2)
    each = np.repeat(order[starts], 1 if levels else next(iter(values.values())).shape[1])
    made: dict[str, Any] = {}

    def put(name: str, entries: Any) -> None:
        if name in made:
            raise ValueError(f"The totals would have two columns {name!r}. Rename one.")
        made[name] = nw.new_series(name, entries, backend=heads.implementation)

    if column is not None:
        put(column, [names[number] for number in read.series[each]])
    rest = [
        *(() if "series" in sides else ids),
        _ORIGIN,
        *[read.times, "step"] * ("step" not in sides),
    ]
    for name in rest:
        if name in heads.columns:
            made[str(name)] = nw.maybe_reset_index(heads[name][each])
    if levels is None:
        put("sample", np.tile(np.arange(len(each) // len(starts)), len(starts)))
    for target, drawn in values.items():
        sums = np.add.reduceat(read.closed(drawn)[order], starts, axis=0, dtype=np.float64)
        if levels is None:
            put(target, sums.ravel())
            continue
        # By Hazen, the quantiles at (0.5, 1.5, ...) / count are the samples themselves.
        found = np.quantile(sums, levels, axis=1, method="hazen")
        for name, entries in zip(output_names(target, levels), found, strict=True):
            put(name, entries)
        if above is not None:
            share = (sums > _checks.real("above", above)).mean(axis=1)
            put("above", np.where(np.isnan(sums[:, 0]), np.nan, share))
    return nw.from_dict(made).to_native()


@dataclass(frozen=True)
class Samples:
    """Sample paths: a row for each series and step. Forecasts from two origins are two series."""

    heads: Any  # A narwhals frame of ids, times, steps and origins, as far as there are any.
    values: dict[str, Array]  # By target, ``(rows, samples)``.
    ids: tuple[str, ...]  # The names of the columns of ids.
    times: str | None  # The name of the column of times.
    labels: list[Any]  # The id of each series.
    series: IntArray  # The number of each row's series.
    origins: IntArray  # The number of each row's origin.
    moments: IntArray  # The number of each row's time or, without times, step.

    @classmethod
    def of(cls, samples: Any) -> Self:
        """Read sample paths, with rows in any order."""
        table = open_frame(samples)
        names = list(table.columns)
        place = names.index("sample") if "sample" in names else -1
        others = [name for name in names[:place] if name not in ("step", _ORIGIN)]
        keys = [name for name in names if name == _ORIGIN or name in names[:place]]
        rest = [name for name in names[place + 1 :] if name != _ORIGIN]
        # A BatchForecaster adds a column of texts after the targets.
        targets = [name for name in rest if table[name].dtype.is_numeric()]
        if place < 0 or not len(table) or not targets:
            raise ValueError(
                "samples must be what forecast(..., num_samples=...) returned for a frame. "
                f"Received the columns {_checks.shown(names)} and {len(table)} rows."
            )
        count = int(table["sample"].max()) + 1
        if not _regular(table, keys, count):
            codes = [numbered_ids(table[name])[1] for name in reversed(keys)]
            table = table[np.lexsort([table["sample"].to_numpy(), *codes])]
        heads = table.select(keys).gather_every(count)
        ids, times = _roles(heads, others)
        labels, series = [None], np.zeros(len(heads), np.int64)
        if ids:
            labels, series = numbered_series(heads, ids)
        origins, steps, moments = (
            numbered_ids(heads[name])[1] if name in keys else np.zeros_like(series)
            for name in (_ORIGIN, "step", times or "step")
        )
        first, numbers = distinct_rows([series, origins])
        labels = [labels[number] for number in series[first]]
        distinct = (len(distinct_rows([numbers, key])[0]) for key in (moments, steps))
        if not _regular(table, keys, count) or min(distinct) < len(heads):
            raise ValueError(
                f"samples must hold each sample from 0 to {count - 1} once for every series and "
                f"step; several origins need a column {_ORIGIN!r} that tells them apart."
            )
        values = {name: table[name].to_numpy().reshape(-1, count) for name in targets}
        return cls(heads, values, ids, times, labels, numbers, origins, moments)

    def of_targets(self, names: Sequence[Sequence[str]]) -> Array:
        """Return samples ``(rows, targets, samples)``; ``names`` lists the columns of a target."""
        return np.stack([self.values[first] for first, *_ in names], axis=1)

    def medians(self) -> Any:
        """Return the medians as a frame of forecasts, in the library of the samples."""
        import narwhals as nw

        frame = nw.maybe_reset_index(self.heads)
        for name, drawn in self.values.items():
            medians = np.median(drawn, axis=1)
            frame = frame.with_columns(nw.new_series(name, medians, backend=frame.implementation))
        return frame.to_native()

    def shared(self, names: list[Any]) -> tuple[IntArray, BoolArray]:
        """Number each row's group and origin; True if all series of the group have its time."""
        groups, ids = (_numbered(of)[self.series] for of in (names, self.labels))
        sizes = np.bincount(groups[distinct_rows([groups, ids])[0]])
        owner = distinct_rows([groups, self.origins])[1]
        cells = distinct_rows([owner, self.moments])[1]
        counted: BoolArray = np.bincount(cells)[cells] == sizes[groups]
        if not np.isin(groups, groups[counted]).all():
            raise ValueError("The series of a total have no time in common. Pass groups that do.")
        if not counted.all():
            row = int(np.argmin(counted))
            there = self.series[cells == cells[row]]
            of_total = np.unique(self.series[owner == owner[row]])
            lacking = [self.labels[number] for number in np.setdiff1d(of_total, there)]
            moment = str(self.heads[self.times or "step"][row]).removesuffix(" 00:00:00")
            warnings.warn(
                f"aggregate leaves out times that not all series of a total have, such as {moment},"
                f" which {_checks.shown(lacking)} lack.",
                stacklevel=3,
            )
        return owner, counted

    def closed(self, values: Array) -> Array:
        """Return samples with 0 on the closed days of series that have other days."""
        missing = np.isnan(values).any(axis=1)
        present = np.bincount(self.series[~missing], minlength=len(self.labels)) > 0
        if not present.all():
            absent = [self.labels[number] for number in np.flatnonzero(~present)]
            what = f"the series {_checks.shown(absent)}, which are NaN throughout"
            warnings.warn(f"Totals are NaN for {what}.", stacklevel=3)
        return np.where((missing & present[self.series])[:, None], 0.0, values)


def _numbered(names: list[Any]) -> IntArray:
    places = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([places[name] for name in names])


def _regular(table: Any, keys: list[str], count: int) -> bool:
    """Return True if the samples of each series and step stand in order, one row after another."""
    numbers = table["sample"].to_numpy()
    if len(numbers) % count or (numbers.reshape(-1, count) != np.arange(count)).any():
        return False
    first, last = (table.select(keys).gather_every(count, offset) for offset in (0, count - 1))
    return all((first[name] == last[name]).all() for name in keys)


def _roles(heads: Any, others: list[str]) -> tuple[tuple[str, ...], str | None]:
    """Return the columns of ids and that of times, or None if there is none."""
    # Times are dates or numbers. In the rows of the first step are all ids, but not all times. If
    # all rows are of one step, each series has one time, which forecasts write behind the ids.
    if "step" not in heads.columns:
        return tuple(others), None
    codes = {name: numbered_ids(heads[name])[1] for name in heads.columns}
    begun = (heads["step"] == heads["step"].min()).to_numpy()
    kinds = {name: heads[name].dtype for name in others}
    able = [name for name, kind in kinds.items() if kind.is_temporal() or kind.is_numeric()]
    fits = {}
    for name in able:
        ids = [codes[of] for of in (*others, _ORIGIN) if of in codes and of != name]
        first, series = distinct_rows([np.zeros(len(heads), np.int64), *ids])
        rows = min(len(distinct_rows([series, codes[of]])[0]) for of in ("step", name))
        fits[name] = rows == len(heads), -len(first)
    moving = [name for name in able if not np.isin(codes[name], codes[name][begun]).all()]
    last = [name for name in others[-1:] if begun.all() and kinds[name].is_temporal()]
    several = len(others) > 1
    single = [name for name in able if fits[name][0] and (several or kinds[name].is_temporal())]
    # If there are several, the fewest series have times; of equally few, those of the last column.
    times = max(reversed(moving or last or single), key=fits.__getitem__, default=None)
    return tuple(name for name in others if name != times), times


def _groups(groups: Any, read: Samples) -> tuple[str, list[Any]]:
    """Return the name of the groups' column, and the group of each series."""
    column = "group"
    if isinstance(groups, str) and groups in read.ids:
        place = read.ids.index(groups)
        by_label = len(read.ids) > 1
        return groups, [label[place] if by_label else label for label in read.labels]
    if not isinstance(groups, Mapping):
        table = open_frame(groups)
        ids = [name for name in read.ids if name in table.columns]
        rest = [name for name in table.columns if name not in ids]
        if not ids or len(rest) != 1:
            raise ValueError(
                f"groups must be a frame of ids, {_checks.shown(list(read.ids))}, and one more "
                f"column. Received the columns {_checks.shown(list(table.columns))}."
            )
        (column,), named = rest, series_ids(table, ids)
        rows, groups = list(zip(named, table[column].to_list(), strict=True)), {}
        for label, group in rows:
            if groups.setdefault(label, group) != group:
                raise ValueError(f"groups has two groups of {_checks.shown(label)}.")
        if len(ids) < len(read.ids):
            places = [read.ids.index(name) for name in ids]
            parts = {label: tuple(label[place] for place in places) for label in read.labels}
            groups = {
                label: groups.get(part if len(ids) > 1 else part[0])
                for label, part in parts.items()
            }
    if lacking := [label for label in read.labels if groups.get(label) is None]:
        raise ValueError(f"groups lacks the ids {_checks.shown(lacking)} of samples.")
    return column, [groups[label] for label in read.labels]
