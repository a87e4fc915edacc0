"""``aggregate``: totals of sample paths over steps, over series or over both."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._quantiles import output_names
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.forecasting.uneven import warn_of_times_left_out, warn_of_uneven_steps
from keras_ts.windows.arithmetic.labels import distinct_rows
from keras_ts.windows.reading.frames import numbered_ids, open_frame

_ORIGIN = "origin"  # The column that tells apart several forecasts of one series.


def aggregate(
    samples: Any,
    over: str | Sequence[str],
    *,
    groups: Any = None,
    quantiles: Sequence[float] | None = (0.1, 0.5, 0.9),
    above: float | Mapping[Any, float] | None = None,
) -> Any:
    """Return quantiles of totals of sample paths, such as the total of a week or of a region.

    The 90 % quantile of a week's sales is not the sum of seven days' 90 % quantiles, as not all
    days are high at once. So each sample path is summed, and the quantiles are those of the sums.

    With ``quantiles=None`` the totals are sample paths again. Totals of these totals equal those of
    all samples at once: a hierarchy adds up, and a panel too large for memory can be summed in
    parts.

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
            ``quantiles=None``. Several such frames may be concatenated, with rows in any order.
            Forecasts from several origins need a column ``origin`` that tells them apart, such as
            the last known day; the result keeps it and has separate totals for each origin. A step
            that is NaN, a closed day, counts as 0 if another step of its series is not NaN. A
            series that is NaN throughout makes its totals NaN, and a warning names it.
        over: What is summed: "step", "series", or a list of both. Totals over series use the times
            that all series of a total have; a warning names the other times. Totals over steps
            have no column of times; a warning names totals that begin at different times, or that
            sum fewer steps than others.
        groups: The group of each series; the result has totals of each group. A dict from id to
            group gives a column ``group``; a frame of the ids and one more column gives a column
            of that name. Ids that ``samples`` lacks are ignored, so that a panel may be summed in
            parts. Defaults to None: all series are one group.
        quantiles: Levels of the quantiles to return, increasing, between 0 and 1. They are NumPy's
            with ``method="hazen"``: halfway between two totals if level times samples is whole,
            unlike in ``DataFrame.quantile``. None returns the totals of each sample. Defaults to
            (0.1, 0.5, 0.9).
        above: A threshold in the units of the target; a column ``above`` has the probability that
            the total exceeds it. A dict, or a Series of pandas, gives a threshold for each id or
            group. Defaults to None: no such column.

    Returns:
        A frame of the same library: a row for each total, in the order of ``samples``, with the
        columns that tell totals apart (id or group, ``origin``, time, ``step``), and the targets:
        the median by the target's own name, other quantiles like ``units_0.9``. With
        ``quantiles=None`` a row for each total and ``sample``.

    Raises:
        TypeError: ``samples`` is not a frame of pandas or polars, or an argument has the wrong
            type.
        ValueError: ``samples`` has no column ``sample``, lacks samples of some step, or has some of
            them twice, such as of several origins without a column ``origin``; it has no steps or
            no series to sum over; a series has no group; or an argument is out of range.
    """
    sides: set[Any] = set(over) if isinstance(over, list | tuple) else {over}
    if not sides or not sides <= {"step", "series"}:
        raise ValueError(
            'over must be "step", "series" or a list of both. '
            f"Received: over={_checks.shown(over)}."
        )
    levels = None if quantiles is None else _checks.levels("quantiles", quantiles, median=False)
    read = Samples.of(samples)
    if above is not None:
        above = dict(above.items()) if hasattr(above, "items") else _checks.real("above", above)
        if levels is None or len(read.values) > 1:
            raise ValueError(
                "above needs quantiles and a single target: do not pass quantiles=None, and keep "
                f"one column of {_checks.shown(list(read.values))}."
            )
    names, column = [None] * len(read.labels), ""
    if groups is not None:
        if "series" not in sides:
            raise ValueError('groups are summed over series: pass over="series", or both.')
        names, column = _group_names(groups, read)
    owner, counted = read.owners(sides, names)
    moments = np.zeros_like(read.moments) if "step" in sides else read.moments
    rows = np.flatnonzero(counted)
    _, numbers = distinct_rows([owner[rows], moments[rows]])
    order = rows[np.argsort(numbers, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(numbers))[:-1]])
    return read.frame(sides, order, starts, (names, column), levels, above)


@dataclass(frozen=True)
class Samples:
    """Sample paths: a row for each series and step. Forecasts from two origins are two series."""

    heads: Any  # A narwhals frame of ids, times, steps and origins, as far as there are any.
    values: dict[str, Array]  # By target, ``(rows, samples)``.
    ids: str | None  # The name of the column of ids.
    times: str | None  # The name of the column of times.
    labels: list[Any]  # The id of each series.
    series: IntArray  # The number of each row's series.
    origins: IntArray  # The number of each row's origin.
    moments: IntArray  # The number of each row's time or, without times, step.

    @classmethod
    def of(cls, samples: Any) -> Self:
        """Read sample paths, with rows in any order."""
        table = _opened("samples", samples)
        names = list(table.columns)
        place = names.index("sample") if "sample" in names else -1
        others = [name for name in names[:place] if name not in ("step", _ORIGIN)]
        keys = [name for name in names if name == _ORIGIN or name in names[:place]]
        # A BatchForecaster adds a column of texts after the targets.
        rest = [name for name in names[place + 1 :] if name != _ORIGIN]
        targets = [name for name in rest if table[name].dtype.is_numeric()]
        if place < 0 or not len(table) or not targets or len(others) > 2:
            raise ValueError(
                "samples must be what forecast(..., num_samples=...) returned for a frame: ids, "
                "times, 'step', 'sample' and targets, with a row at least. Received the columns "
                f"{_checks.shown(names)} and {len(table)} rows."
            )
        count = int(table["sample"].max()) + 1
        if not _regular(table, keys, count):
            codes = [numbered_ids(table[name])[1] for name in reversed(keys)]
            table = table[np.lexsort([table["sample"].to_numpy(), *codes])]
            if not _regular(table, keys, count):
                raise ValueError(
                    f"samples must hold each sample from 0 to {count - 1} once at every step of "
                    "every series."
                )
        heads = table.select(keys).gather_every(count)
        ids, times = _roles(heads, others)
        labels, series = [None], np.zeros(len(heads), np.int64)
        if ids is not None:
            labels, series = numbered_ids(heads[ids])
        origins, steps, moments = (
            numbered_ids(heads[name])[1] if name in keys else np.zeros_like(series)
            for name in (_ORIGIN, "step", times or "step")
        )
        first, numbers = distinct_rows([series, origins])
        labels = [labels[number] for number in series[first]]
        for key in (moments, steps):
            if len(distinct_rows([numbers, key])[0]) < len(heads):
                raise ValueError(
                    "samples has several rows for one series, step and sample. Forecasts of a "
                    f"series from several origins need a column {_ORIGIN!r} that tells them apart, "
                    "such as each one's last known day."
                )
        values = {name: table[name].to_numpy().reshape(-1, count) for name in targets}
        return cls(heads, values, ids, times, labels, numbers, origins, moments)

    def of_targets(self, names: Sequence[Sequence[str]]) -> Array:
        """Return samples ``(rows, targets, samples)``; ``names`` lists the columns of a target."""
        return np.stack([self.values[first] for first, *_ in names], axis=1)

    def medians(self) -> Any:
        """Return the medians as a frame of forecasts, in the library of the samples."""
        import narwhals as nw

        backend = self.heads.implementation
        medians = {name: np.median(drawn, axis=1) for name, drawn in self.values.items()}
        columns = [nw.new_series(name, values, backend=backend) for name, values in medians.items()]
        return nw.maybe_reset_index(self.heads).with_columns(*columns).to_native()

    def owners(self, sides: set[str], names: list[Any]) -> tuple[IntArray, BoolArray]:
        """Return the number of each row's series or group, and True for each row to sum."""
        has = {"step": "step" in self.heads.columns, "series": self.ids is not None}
        for side in sorted(sides):
            if not has[side]:
                raise ValueError(
                    f"samples has no {side} to sum over, or was summed over it before: it has the "
                    f"keys {_checks.shown(list(self.heads.columns))}."
                )
        if "series" in sides:
            owner, counted = self._shared(names)
        else:
            owner, counted, names = self.series, np.ones(len(self.series), bool), self.labels
        if "step" in sides:
            keys = self.times, _ORIGIN if _ORIGIN in self.heads.columns else None
            totals = names, self.series, owner, self.origins
            warn_of_uneven_steps(self.heads, keys, totals, counted)
        return owner, counted

    def _shared(self, names: list[Any]) -> tuple[IntArray, BoolArray]:
        """Number each row's group and origin; True if all series of the group have its time."""
        distinct = {name: number for number, name in enumerate(dict.fromkeys(names))}
        ids = {label: number for number, label in enumerate(dict.fromkeys(self.labels))}
        groups = np.array([distinct[name] for name in names])[self.series]
        numbers = np.array([ids[label] for label in self.labels])[self.series]
        sizes = np.bincount(groups[distinct_rows([groups, numbers])[0]])
        owner = distinct_rows([groups, self.origins])[1]
        cells = distinct_rows([owner, self.moments])[1]
        sharing = np.bincount(cells)[cells]
        counted: BoolArray = sharing == sizes[groups]
        if not counted.all():
            keys = [name for name in (_ORIGIN, self.times or "step") if name in self.heads.columns]
            members = groups, numbers, list(ids)
            warn_of_times_left_out(self.heads, keys, list(distinct), members, sharing, counted)
        return owner, counted

    def _totals(self, target: str, order: IntArray, starts: IntArray) -> Array:
        """Return sums of the rows in ``order``: each total begins at one of ``starts``."""
        values = self.values[target]
        missing = np.isnan(values).any(axis=1)
        if missing.any():
            present = np.bincount(self.series[~missing], minlength=len(self.labels)) > 0
            if not present.all():
                absent = list(dict.fromkeys(self.labels[n] for n in np.flatnonzero(~present)))
                which = f" of {_checks.shown(absent)}" if self.ids is not None else ""
                warnings.warn(
                    f"aggregate sums samples{which} that are NaN throughout, so their totals are "
                    "NaN. Leave such series out for the totals of the others.",
                    stacklevel=4,
                )
            values = np.where((missing & present[self.series])[:, None], 0.0, values)
        if len(order) < len(values) or (np.diff(order) != 1).any():
            values = values[order]
        return np.add.reduceat(values, starts, axis=0, dtype=np.float64)

    def frame(
        self,
        sides: set[str],
        order: IntArray,
        starts: IntArray,
        groups: tuple[list[Any], str],
        levels: tuple[float, ...] | None,
        above: float | dict[Any, float] | None,
    ) -> Any:
        """Return a frame of totals, in the library of the samples."""
        import narwhals as nw

        count = 1 if levels is not None else next(iter(self.values.values())).shape[1]
        rows, backend, made = order[starts], self.heads.implementation, []
        each = np.repeat(rows, count)
        if "series" not in sides and self.ids is not None:
            made.append(nw.maybe_reset_index(self.heads[self.ids][each]))
        elif groups[1]:
            names = [groups[0][number] for number in self.series[each]]
            made.append(nw.new_series(groups[1], names, backend=backend))
        if isinstance(above, dict):
            above = _of_each(above, made[0].to_list() if made else ["all"] * len(rows))
        if _ORIGIN in self.heads.columns:
            made.append(nw.maybe_reset_index(self.heads[_ORIGIN][each]))
        columns: list[tuple[str, Array]] = []
        if "step" not in sides and "step" in self.heads.columns:
            if self.times is not None:
                made.append(nw.maybe_reset_index(self.heads[self.times][each]))
            # Series that begin at different times have different steps at one time.
            steps = np.minimum.reduceat(self.heads["step"].to_numpy()[order], starts)
            columns.append(("step", np.repeat(steps, count)))
        if levels is None:
            columns.append(("sample", np.tile(np.arange(count), len(rows))))
        for target in self.values:
            sums = self._totals(target, order, starts)
            if levels is None:
                columns.append((target, sums.ravel()))
                continue
            # By Hazen, the quantiles at (0.5, 1.5, ...) / count are the samples themselves.
            found = np.quantile(sums, levels, axis=1, method="hazen")
            columns += zip(output_names(target, levels), found, strict=True)
            if above is not None:
                exceeding = np.where(np.isnan(sums[:, 0]), np.nan, (sums > above).mean(axis=1))
                columns.append(("above", exceeding))
        made += [nw.new_series(name, values, backend=backend) for name, values in columns]
        names = [column.name for column in made]
        if len(set(names)) < len(names):
            raise ValueError(
                f"The totals would have several columns of one name: {_checks.shown(names)}. "
                "Rename the group or the target."
            )
        return nw.from_dict({column.name: column for column in made}).to_native()


def _opened(name: str, frame: Any) -> Any:
    """Return a frame as a narwhals frame; an error names the argument."""
    try:
        return open_frame(frame)
    except TypeError as error:
        what = "what forecast(..., num_samples=...) returned" if name == "samples" else "a dict"
        raise TypeError(
            f"{name} must be {what}, or one frame of pandas or polars: concatenate several, and "
            f"collect a lazy one. Received: {type(frame).__name__}."
        ) from error


def _of_each(above: dict[Any, float], labels: list[Any]) -> Any:
    """Return ``above`` for each total, ``(totals, 1)``, by its id or group."""
    if lacking := [label for label in dict.fromkeys(labels) if label not in above]:
        raise ValueError(
            f"above lacks a number for {_checks.shown(lacking)}: it needs one for each id or group "
            "of the totals. Add them, or pass a single number."
        )
    return np.array([[_checks.real(f"above[{label!r}]", above[label])] for label in labels])


def _regular(table: Any, keys: list[str], count: int) -> bool:
    """Return True if the samples of each series and step stand in order, one row after another."""
    numbers = table["sample"].to_numpy()
    if len(numbers) % count or (numbers.reshape(-1, count) != np.arange(count)).any():
        return False
    first, last = (table.select(keys).gather_every(count, offset) for offset in (0, count - 1))
    return all((first[name] == last[name]).all() for name in keys)


def _roles(heads: Any, others: list[str]) -> tuple[str | None, str | None]:
    """Return the column of ids and that of times, or None where there is none."""
    if "step" not in heads.columns or len(others) != 1:
        # The column of times is the second, unless only the first has a type of times.
        others = sorted(others, key=lambda name: heads[name].dtype.is_temporal())
        return (*others, None, None)[:2]  # type: ignore[return-value]
    (name,) = others
    # The rows of the first step have all ids, but not all times.
    begun = heads.filter(heads["step"] == heads["step"].min())[name]
    fewer = begun.n_unique() < heads[name].n_unique()
    return (None, name) if fewer or heads[name].dtype.is_temporal() else (name, None)


def _group_names(groups: Any, read: Samples) -> tuple[list[Any], str]:
    """Return the group of each series, and the name of the groups' column."""
    column, mapping = "group", groups
    if not isinstance(groups, Mapping):
        table = _opened("groups", groups)
        names = [name for name in table.columns if name != read.ids]
        if read.ids not in table.columns or len(names) != 1:
            raise ValueError(
                f"groups must be a dict from id to group, or a frame of the ids, {read.ids!r}, and "
                f"one column. Received the columns {_checks.shown(list(table.columns))}."
            )
        (column,) = names
        mapping = dict(zip(table[read.ids].to_list(), table[column].to_list(), strict=True))
        if len(mapping) < len(table):
            raise ValueError(f"groups must have one row for each id in {read.ids!r}.")
    found = [mapping.get(label) for label in read.labels]
    lost = [n for n, name in enumerate(found) if name is None or name != name]
    if lacking := list(dict.fromkeys(read.labels[n] for n in lost)):
        raise ValueError(
            f"groups lacks the ids {_checks.shown(lacking)} of samples. Add them, or leave their "
            "rows out of samples."
        )
    return found, column
