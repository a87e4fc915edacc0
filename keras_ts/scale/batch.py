"""``Batch``: the series that an engine hands to a worker; ``failing``: those that raise errors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.windows.reading.frames import open_frame
from keras_ts.windows.windowed_series import WindowedSeries

# The column of a forecast that says why a series has none.
PROBLEM = "problem"


@dataclass(frozen=True)
class Batch:
    """Whole series in one frame, sorted by id and time."""

    table: Any  # The rows, a narwhals frame.
    windows: WindowedSeries  # Its settings name the columns of ids and times.
    plan_column: str | None  # The column that is True in the rows known ahead, or None.
    # True if the times were Python's dates in an object column of pandas, as Spark passes them.
    dated: bool

    @classmethod
    def of(cls, batch: Any, windows: WindowedSeries, plan_column: str | None) -> Self:
        """Read a batch, with rows in any order."""
        import narwhals as nw

        if isinstance(batch, dict):
            raise TypeError(
                "A BatchForecaster takes frames. Received: a dict of arrays, as Ray Data passes by "
                'default. Pass batch_format="pyarrow" or "pandas" to map_groups.'
            )
        table, keys = open_frame(batch), [windows.id_column, windows.time_column]
        lacking = [name for name in (*keys, plan_column) if name and name not in table.columns]
        if lacking:
            raise ValueError(
                f"The batch lacks the columns {lacking}. It has "
                f"{_checks.shown(list(table.columns))}."
            )
        if plan_column is not None:
            marks = table[plan_column]
            if marks.dtype != nw.Boolean or marks.null_count():
                raise TypeError(
                    f"future={plan_column!r} must name a column that is True in the rows known "
                    f"ahead and False in the others, never null. Received: {marks.dtype} with "
                    f"{marks.null_count()} missing values."
                )
        times, dated = table[windows.time_column], False
        if times.implementation.is_pandas_like() and times.to_native().dtype == object:
            first = times.drop_nulls().head(1).to_list()  # An empty column counts as dates.
            dated = all(hasattr(day, "isoformat") and not hasattr(day, "hour") for day in first)
        if dated:
            native = times.to_native().astype("datetime64[us]")
            table = table.with_columns(nw.from_native(native, series_only=True))
        return cls(table.sort(*keys), windows, plan_column, dated)

    @cached_property
    def offsets(self) -> IntArray:
        """The first row of each series, and the end of the last."""
        column = self.table[self.windows.id_column]
        ids, missing = column.to_numpy(), column.is_null().to_numpy()
        if missing.any() and ids.dtype == object:
            ids = np.where(missing, None, ids)  # pandas.NA equals nothing.
        same = (ids[1:] == ids[:-1]) | (missing[1:] & missing[:-1])
        first = np.flatnonzero(np.concatenate([[True], ~np.asarray(same, bool)]))
        return np.append(first[: len(ids)], len(ids))

    @property
    def lengths(self) -> IntArray:
        """The number of rows of each series."""
        return np.diff(self.offsets)

    def parted(self, numbers: IntArray) -> tuple[Any, Any]:
        """Return the past rows of some series; and those known ahead, None without plan column."""
        table = self.table
        if len(numbers) < len(self.lengths):
            flags: BoolArray = np.zeros(len(self.lengths), bool)
            flags[numbers] = True
            table = table[np.flatnonzero(np.repeat(flags, self.lengths))]
        if self.plan_column is None:
            return table.to_native(), None
        marks = table[self.plan_column]
        return table.filter(~marks).to_native(), table.filter(marks).to_native()

    def without_past(self) -> dict[int, str]:
        """Return, by number, why series that have only rows known ahead cannot be forecast."""
        if self.plan_column is None:
            return {}
        past = ~self.table[self.plan_column].to_numpy()
        rows = np.add.reduceat(past, self.offsets[:-1], dtype=np.int64)
        return {
            int(number): f"the series has only rows known ahead, by {self.plan_column!r}, and a "
            "BatchForecaster needs a row before them"
            for number in np.flatnonzero(rows == 0)
        }

    def forecast_of_all(
        self, ahead: Any, numbers: IntArray, each: dict[str, Array], problems: dict[int, str]
    ) -> Any:
        """Return ``ahead``, the forecasts of the series ``numbers``, with NaN for the others."""
        # ``each`` holds the steps and samples of one series; ``problems`` the reasons for NaN.
        import narwhals as nw

        every = np.arange(len(self.lengths))
        others = np.setdiff1d(every, numbers)
        # Ids come from the whole batch: pandas leaves a concatenated column of texts in chunks,
        # which Spark refuses.
        count = len(each["step"])
        rows, table = np.repeat(self.offsets[:-1], count), open_frame(ahead)
        if PROBLEM in table.columns:
            raise ValueError(
                f"The forecast has a column {PROBLEM!r} already. Rename that column of the series, "
                "and train with the new name."
            )
        ids = nw.maybe_reset_index(self.table[rows].select(self.windows.id_column))
        backend, table = table.implementation, table.drop(self.windows.id_column)
        # If integer times are missing, ``forecast`` returns floats, since NumPy has no missing
        # integers. An engine needs one type in all batches, so all but pandas get integers again.
        name = self.windows.time_column
        kind, floats = self.table[name].dtype, table[name].dtype.is_float()
        if kind.is_integer() and floats and not table.implementation.is_pandas_like():
            times = nw.when(~nw.col(name).is_nan()).then(nw.col(name)).otherwise(None)
            table = table.with_columns(times.cast(kind).alias(name))
        if len(others):
            tiled = {name: np.tile(column, len(others)) for name, column in each.items()}
            empty = nw.from_dict(tiled, backend=backend)
            order = np.argsort(np.repeat(np.concatenate([numbers, others]), count), kind="stable")
            table = nw.maybe_reset_index(nw.concat([table, empty], how="diagonal")[order])
            floats = [name for name, dtype in table.schema.items() if dtype.is_float()]
            table = table.with_columns(nw.col(floats).fill_null(float("nan")))
        texts = [problems.get(number) for number in every.tolist() for _ in range(count)]
        column = nw.new_series(PROBLEM, texts, nw.String, backend=backend)
        native = nw.concat([ids, table.with_columns(column)], how="horizontal").to_native()
        if self.dated:
            native[self.windows.time_column] = native[self.windows.time_column].dt.date
        return native


# Series tried alone before the search. If each of them fails, the whole batch is refused.
_TRIED = 32


def failing(
    numbers: IntArray, sizes: IntArray, attempt: Callable[[IntArray], object]
) -> dict[int, str]:
    """Return the error of each series for which ``attempt`` fails, by the number of the series."""
    # A part that fails is halved, down to single series: k failing ones of n take about ``2 * k *
    # log2(n)`` attempts. Each part is tried together with one series that succeeds alone, since a
    # series of one row, for instance, takes its frequency from another.
    order = numbers[np.argsort(-sizes, kind="stable")]
    tried = order[np.linspace(0, len(order) - 1, min(len(order), _TRIED)).astype(np.int64)]
    errors: list[Exception] = []
    good = np.empty(0, np.int64)
    for number in tried:
        error = _error(attempt, number[None])
        if error is None:
            good = number[None]
            break
        errors.append(error)
    if not len(good) and len(order) > _TRIED:
        raise type(errors[0])(
            f"Each of {_TRIED} series of the batch, tried alone, cannot be forecast: {errors[0]}"
        )
    failed: dict[int, str] = {}
    parts = [np.setdiff1d(numbers, good)]
    while parts:
        part = parts.pop()
        error = _error(attempt, np.sort(np.concatenate([good, part]))) if len(part) else None
        if error is not None and len(part) == 1:
            # The series is tried alone, so that an error which names rows counts those of the
            # series.
            failed[int(part[0])] = str(_error(attempt, part) or error)
        elif error is not None:
            parts += np.array_split(part, 2)
    return failed


def _error(attempt: Callable[[IntArray], object], numbers: IntArray) -> Exception | None:
    try:
        attempt(numbers)
    except (TypeError, ValueError) as error:
        return error
    return None
