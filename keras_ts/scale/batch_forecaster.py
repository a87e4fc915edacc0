"""``BatchForecaster``: forecasts whole series, batch by batch, in the workers of an engine."""

import hashlib
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._files import path_text
from keras_ts._typing import Array, IntArray
from keras_ts.forecasting.forecast import Prepared
from keras_ts.forecasting.frames import rows_of_a_series
from keras_ts.forecasting.samples import Sampling
from keras_ts.interface import Interface
from keras_ts.panel.frames import numbered_series, open_frame
from keras_ts.saving.load import load_model, located
from keras_ts.windows.windowed_series import WindowedSeries


class BatchForecaster:
    """A function from a batch of whole series to a frame of their forecasts, made for engines.

    Ray Data's ``map_groups`` and Spark's ``applyInPandas`` and ``applyInArrow`` call it in their
    workers. Each worker process loads the model at its first batch, and keeps it.

    A batch must hold whole series, in any order of rows. So group the rows by a column ``bucket``
    that is computed from the id: ``pmod(xxhash64(id), buckets)`` in Spark,
    ``pandas.util.hash_array(ids) % buckets`` in Ray. Buckets of 2,000 to 10,000 series are fast.

    The forecasts are those of ``forecast``. A series that cannot be forecast gets rows of NaN, with
    the reason in the column ``problem``, and the others are forecast.

    Example:

    >>> import tempfile, numpy as np, pandas as pd
    >>> from keras_ts import RecurrentPreset, WindowedSeries, save_model
    >>> from keras_ts.scale import BatchForecaster
    >>> days = pd.date_range("2024-01-01", periods=20)
    >>> sales = pd.concat(
    ...     pd.DataFrame({"shop": shop, "day": days, "units": np.arange(20.0)}) for shop in "ab"
    ... )
    >>> windows = WindowedSeries(7, 2, target_columns="units", id_column="shop", time_column="day")
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = folder.name + "/sales.keras"
    >>> save_model(RecurrentPreset(units=(4,)).build(windows.build(sales)), path)
    >>> forecaster = BatchForecaster(path)
    >>> ahead = forecaster(sales[(sales["shop"] == "a") | (sales["day"] > "2024-01-15")])
    >>> ahead[["shop", "step"]].values.tolist()[:3]
    [['a', 1], ['a', 2], ['b', 1]]
    >>> ahead["problem"].iloc[2].partition(":")[0]
    "series 'b' is too short"
    >>> folder.cleanup()

    Args:
        filepath: What ``load_model`` takes. A local path is made absolute, and must exist here and
            on each worker, with the same contents: a worker refuses a file that was replaced.
        windows: As in ``forecast``. Defaults to None: those that the model carries. They must name
            an ``id_column`` and a ``time_column``.
        steps: As in ``forecast``. Defaults to None: the horizon.
        future: The name of a column of the batch that is False in the past rows of each series, and
            True in the rows known ahead that follow. Needed if the windows have ``future_columns``.
        incomplete: "nan" gives a series that cannot be forecast rows of NaN; "raise" raises an
            error, which ends the job. Defaults to "nan".
        num_samples: As in ``forecast``. Defaults to None: no sample paths.
        seed: As in ``forecast``: with one, all batches share their draws. Defaults to None.

    Call arguments:
        batch: A frame of pandas or polars, or a pyarrow Table.

    Output:
        A frame of the same library with the columns of ``forecast``, and ``problem``, which is null
        for a series that was forecast. Rows are sorted by id, step and sample path.

    Raises:
        ValueError: When called: the file was replaced, a column is missing, or 32 series of a
            larger batch were tried alone and none can be forecast.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        windows: WindowedSeries | None = None,
        steps: int | None = None,
        *,
        future: str | None = None,
        incomplete: Literal["raise", "nan"] = "nan",
        num_samples: int | None = None,
        seed: int | None = None,
    ) -> None:
        self._path, self._digest = path_text("filepath", filepath), ""
        if "://" not in self._path:
            self._path = located(os.path.abspath(self._path))  # noqa: PTH100 - links stay links
            self._digest = _digest(Path(self._path))
        self._windows, self._steps, self._future = windows, steps, future
        self._incomplete = _checks.choice("incomplete", incomplete, ("raise", "nan"))
        self._num_samples, self._seed = num_samples, seed
        # Ray reads the name of a function. Spark counts its parameters, and would count ``self``.
        self.__name__ = type(self).__name__
        batch = inspect.Parameter("batch", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.__signature__ = inspect.Signature([batch])

    def __repr__(self) -> str:
        return f"BatchForecaster({self._path!r})"

    def __call__(self, batch: Any) -> Any:
        """Return the forecasts of all series of a batch."""
        model = _loaded(self._path, self._digest)
        interface = Interface.of(model, self._windows, built=True)
        series = _Batch.of(batch, interface.windows, self._future)

        def prepared(numbers: IntArray) -> Prepared:
            sampling = Sampling.of(interface, self._num_samples, self._seed)
            past, plan = series.parted(numbers)
            return Prepared.of(interface, past, self._steps, plan, self._incomplete, sampling)

        good = np.arange(len(series.offsets) - 1)
        prepared(good[:0])  # Raises errors that concern the whole batch.
        problems = series.without_past() if self._incomplete == "nan" else {}
        for attempt in range(2):
            good = np.setdiff1d(good, list(problems))
            try:
                made = prepared(good)
                ahead = made.forecast()
                break
            except (TypeError, ValueError):
                if attempt or self._incomplete == "raise":
                    raise
                lengths = np.diff(series.offsets)[good]
                problems |= failing(good, lengths, lambda numbers: prepared(numbers).forecast())
        made.warn()
        problems |= {int(good[at]): text for at, text in made.history.problems().items()}
        for place in made.without_times():
            problems.setdefault(int(good[place]), "no timestamps: no series has two rows")
        each = rows_of_a_series(made.plan.steps, self._num_samples)
        return series.forecast_of_all(ahead, good, each, problems)


@dataclass(frozen=True)
class _Batch:
    """Whole series in one frame, sorted by id and time."""

    table: Any  # The rows, a narwhals frame.
    windows: WindowedSeries  # Its settings name the columns of ids and times.
    plan_column: str | None  # The column that is True in the rows known ahead, or None.
    dated: bool  # True if the times were Python's dates in a column of pandas, as Spark has them.
    offsets: IntArray  # The first row of each series, and the end of the last.

    @classmethod
    def of(cls, batch: Any, windows: WindowedSeries, plan_column: str | None) -> Self:
        """Read a batch, with rows in any order."""
        import narwhals as nw

        table, keys = open_frame(batch), [*(windows.id_columns or (None,)), windows.time_column]
        lacking = [name for name in (*keys, plan_column or keys[0]) if name not in table.columns]
        if lacking:
            raise ValueError(
                f"A BatchForecaster sorts rows by id_column and time_column, {keys}. The batch "
                f"lacks the columns {lacking}."
            )
        if plan_column is not None and table[plan_column].null_count():
            raise ValueError(f"future={plan_column!r} must be True or False in each row.")
        times, dated = table[windows.time_column], False
        if times.implementation.is_pandas_like() and times.to_native().dtype == object:
            first = times.drop_nulls().head(1).to_list()  # An empty column counts as dates.
            dated = all(hasattr(day, "isoformat") and not hasattr(day, "hour") for day in first)
        if dated:
            native = times.to_native().astype("datetime64[us]")
            table = table.with_columns(nw.from_native(native, series_only=True))
        table = table.sort(*keys)
        numbers = numbered_series(table, windows.id_columns)[1]
        begins = np.flatnonzero(np.diff(numbers, prepend=-1))
        return cls(table, windows, plan_column, dated, np.append(begins, len(table)))

    def parted(self, numbers: IntArray) -> tuple[Any, Any]:
        """Return the past rows of some series; and those known ahead, None without plan column."""
        taken = np.isin(np.arange(len(self.offsets) - 1), numbers)
        table = self.table[np.flatnonzero(np.repeat(taken, np.diff(self.offsets)))]
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
        problem = f"the series has only rows known ahead, by {self.plan_column!r}"
        return dict.fromkeys(np.flatnonzero(rows == 0).tolist(), problem)

    def forecast_of_all(
        self, ahead: Any, numbers: IntArray, each: dict[str, Array], problems: dict[int, str]
    ) -> Any:
        """Return ``ahead``, the forecasts of the series ``numbers``, with NaN for the others."""
        import narwhals as nw

        every = np.arange(len(self.offsets) - 1)
        others, count = np.setdiff1d(every, numbers), len(each["step"])
        table = open_frame(ahead)
        if "problem" in table.columns:
            raise ValueError("The forecast has a column 'problem' already. Rename that target.")
        # Ids come from the whole batch: pandas leaves a concatenated column of texts in chunks,
        # which Spark refuses.
        rows = np.repeat(self.offsets[:-1], count)
        ids = nw.maybe_reset_index(self.table[rows].select(self.windows.id_columns))
        backend, table = table.implementation, table.drop(self.windows.id_columns)
        if len(others):
            tiled = {name: np.tile(column, len(others)) for name, column in each.items()}
            empty = nw.from_dict(tiled, backend=backend)
            order = np.argsort(np.repeat(np.concatenate([numbers, others]), count), kind="stable")
            table = nw.maybe_reset_index(nw.concat([table, empty], how="diagonal")[order])
            floats = [name for name, dtype in table.schema.items() if dtype.is_float()]
            table = table.with_columns(nw.col(floats).fill_null(float("nan")))
        texts = [problems.get(number) for number in every.tolist() for _ in range(count)]
        column = nw.new_series("problem", texts, nw.String, backend=backend)
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
    # A part that fails is halved. Each is tried together with one series that succeeds alone, since
    # a series of one row takes its frequency from another.

    def error_of(part: IntArray) -> str:
        try:
            attempt(np.sort(part))
        except (TypeError, ValueError) as error:
            return str(error)
        return ""

    order = numbers[np.argsort(-sizes, kind="stable")]
    tried = order[np.linspace(0, len(order) - 1, min(len(order), _TRIED)).astype(np.int64)]
    good = next((number[None] for number in tried if not error_of(number[None])), order[:0])
    if not len(good) and len(numbers) > _TRIED:
        raise ValueError(
            f"Each of {_TRIED} series of the batch, tried alone, cannot be forecast: "
            f"{error_of(tried[:1])}"
        )
    failed, parts = dict[int, str](), [np.setdiff1d(numbers, good)]
    while parts:
        part = parts.pop()
        error = error_of(np.concatenate([good, part])) if len(part) else ""
        if error and len(part) == 1:
            # Alone, so that an error which names rows counts those of the series.
            failed[int(part[0])] = error_of(part) or error
        elif error:
            parts += np.array_split(part, 2)
    return failed


@lru_cache(2)  # A worker may live through many jobs.
def _loaded(path: str, digest: str) -> keras.Model:
    """Load a model, or refuse a file that was replaced."""
    if digest and _digest(Path(path)) != digest:
        raise ValueError(
            f"{path!r} has other contents than when the BatchForecaster was made, so one run would "
            "mix forecasts of two models. Make a new BatchForecaster."
        )
    return load_model(path)


def _digest(path: Path) -> str:
    """Return a SHA-256 hex digest of a file; "" for a folder."""
    return "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
