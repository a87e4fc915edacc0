"""``BatchForecaster``: forecasts whole series, batch by batch, in the workers of an engine."""

import hashlib
import inspect
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._files import path_text
from keras_ts._typing import IntArray
from keras_ts.forecasting.forecast import Prepared
from keras_ts.forecasting.frames import rows_of_a_series
from keras_ts.forecasting.samples import Sampling
from keras_ts.interface import Interface
from keras_ts.saving.load import load_model, load_windows, located, look_through
from keras_ts.scale.batch import PROBLEM, Batch, failing
from keras_ts.windows.windowed_series import WindowedSeries

_NO_FREQUENCY = (
    "the forecast has no timestamps: the series has no regular step, and no other series in the "
    "batch has a step that fits"
)


class BatchForecaster:
    """A function from a batch of whole series to a frame of their forecasts, made for engines.

    Ray Data's ``map_groups`` and Spark's ``applyInPandas`` and ``applyInArrow`` call it in their
    workers. Workers receive only the path of the model. Each worker process loads the model at its
    first batch, and keeps it.

    A batch must hold whole series, in any order of rows. So group the rows by a column ``bucket``
    that is computed from the id: ``pmod(xxhash64(id), buckets)`` in Spark,
    ``pandas.util.hash_array(ids) % buckets`` in Ray. Python's own hash of a text differs between
    processes. Buckets of 2,000 to 10,000 series are fast; one bucket for each series is slow, since
    each call costs some milliseconds. Take ``buckets = series // 4000``, but at least a few times
    as many as workers.

    The forecasts are those of ``forecast``. A series that cannot be forecast gets rows of NaN, with
    the reason in the column ``problem``, and the others are forecast.

    Example:

    >>> import tempfile
    >>> import numpy as np, pandas as pd
    >>> from keras_ts import RecurrentPreset, WindowedSeries, save_model
    >>> from keras_ts.scale import BatchForecaster
    >>> days = pd.date_range("2024-01-01", periods=20)
    >>> sales = pd.concat(
    ...     pd.DataFrame({"shop": shop, "day": days, "units": np.arange(20.0)}) for shop in "ab"
    ... )
    >>> windows = WindowedSeries(
    ...     7, 2, target_columns="units", id_column="shop", time_column="day"
    ... )
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
            on each worker, with the same contents: a worker refuses a file that was replaced, since
            one run would mix the forecasts of two models. An address with ``://`` is
            opened at the first call.
        windows: As in ``forecast``. Defaults to None: those that the model carries. They must name
            an ``id_column`` and a ``time_column``, by which rows are sorted.
        steps: As in ``forecast``. Defaults to None: the horizon.
        future: The name of a column of the batch that is False in the past rows of each series, and
            True in the rows known ahead that follow. Needed if the windows have ``future_columns``.
            With ``missing="mask_targets"``, each series needs a row at the last step, with missing
            values if that day is closed. A series with only rows known ahead is not forecast;
            ``forecast`` can do that, with ``min_inputs=0``.
        incomplete: "nan" gives a series that cannot be forecast rows of NaN, whatever the reason;
            "raise" raises an error, which ends the job. Defaults to "nan".
        num_samples: As in ``forecast``. Defaults to None: no sample paths.
        seed: As in ``forecast``. Needed with ``num_samples``, so that series in different batches
            share their draws. Defaults to None.

    Call arguments:
        batch: A frame of pandas or polars, or a pyarrow Table.

    Output:
        A frame of the same library with the columns of ``forecast`` and ``problem``, one row for
        each series, step and sample path, sorted by them. ``problem`` is null for a series that was
        forecast. The timestamps of a series are null if reading it raised an error, or if it has no
        regular step.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: An argument has the wrong type; when called, a column does.
        ValueError: An argument is wrong, or the file holds no model with windows; when called, a
            column is missing, another argument does not fit the model, or 32 series of a larger
            batch were tried alone, and none can be forecast.
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
        _checks.instance("windows", windows, WindowedSeries | None)
        _checks.instance("future", future, str | None)
        if (num_samples is None) != (seed is None):
            raise ValueError(
                "num_samples and seed go together: with one seed, series in different batches "
                f"share their draws. Received: num_samples={num_samples!r}, seed={seed!r}."
            )
        self._num_samples, self._seed = num_samples, seed
        self._windows = windows
        self._steps = None if steps is None else _checks.integer("steps", steps, 1)
        self._future = future
        self._incomplete = _checks.choice("incomplete", incomplete, ("raise", "nan"))
        self._file = ModelFile.of(filepath)
        carried = windows or self._file.windows()
        if carried is not None:
            self._check(carried)
        # Ray reads the name of a function. Spark counts its parameters, and would count ``self``.
        self.__name__ = type(self).__name__
        batch = inspect.Parameter("batch", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.__signature__ = inspect.Signature([batch])

    def __repr__(self) -> str:
        return f"BatchForecaster({self._file.path!r})"

    def __call__(self, batch: Any) -> Any:
        """Return the forecasts of all series of a batch."""
        interface = self._interface()
        sorted_batch = Batch.of(batch, interface.windows, self._future)
        # Without any series, only errors that concern the whole batch are raised.
        self._prepared(interface, sorted_batch, np.empty(0, np.int64))
        every, lengths = np.arange(len(sorted_batch.lengths)), sorted_batch.lengths
        problems: dict[int, str] = {}

        def prepare(numbers: IntArray) -> None:
            for _ in self._prepared(interface, sorted_batch, numbers).parts():
                pass

        def run(numbers: IntArray) -> None:
            self._prepared(interface, sorted_batch, numbers).forecast()

        # The first search only prepares the windows, which raises most errors; the second runs the
        # model.
        searches: list[Any] = []
        if self._incomplete == "nan":
            problems, searches = sorted_batch.without_past(), [run, prepare]
        while True:
            good = np.setdiff1d(every, list(problems))
            try:
                prepared = self._prepared(interface, sorted_batch, good)
                ahead = prepared.forecast()
                break
            except (TypeError, ValueError):
                if not searches:
                    raise
                problems |= failing(good, lengths[good], searches.pop())
        prepared.warn()
        for place, problem in prepared.history.problems().items():
            problems[int(good[place])] = problem
        for place in prepared.without_times():
            problems.setdefault(int(good[place]), _NO_FREQUENCY)
        each = rows_of_a_series(prepared.plan.steps, self._num_samples)
        return sorted_batch.forecast_of_all(ahead, good, each, problems)

    def schema(self, frame: Any) -> str:
        """Return the columns of the forecasts as Spark's ``applyInPandas`` takes them.

        This loads the model, so that missing columns and arguments that do not fit the model are
        refused before the job begins.

        Example:

        >>> forecasts = frame.groupBy("bucket").applyInPandas(  # doctest: +SKIP
        ...     forecaster, forecaster.schema(frame)
        ... )

        Args:
            frame: The Spark DataFrame that is grouped. No row of it is computed.

        Returns:
            Names and types, such as "`shop` string, `day` date, `step` bigint, `units` float,
            `problem` string". Ids and times have the types that they have in ``frame``.
        """
        ahead, windows = self(frame.limit(0).toPandas()), self._interface().windows
        kinds = {"step": "bigint", "sample": "bigint", PROBLEM: "string"}
        for name in ahead.columns:
            if name in (windows.id_column, windows.time_column):
                kinds[name] = dict(frame.dtypes)[name]
            elif name not in kinds:
                kinds[name] = "float" if ahead[name].dtype == np.float32 else "double"
        return ", ".join(f"`{name}` {kinds[name]}" for name in ahead.columns)

    def _interface(self) -> Interface:
        interface = Interface.of(self._file.model(), self._windows, built=True)
        self._check(interface.windows)
        return interface

    def _check(self, windows: WindowedSeries) -> None:
        """Refuse windows without ids and times, and ``future`` that does not fit their columns."""
        for argument in ("id_column", "time_column"):
            if getattr(windows, argument) is None:
                raise ValueError(
                    f"The windows have no {argument}. Engines keep rows in no order, so a "
                    "BatchForecaster sorts them by id and time. Train on windows with id_column "
                    "and time_column."
                )
        names = windows.planned
        if names and self._future is None:
            raise ValueError(
                f"The windows have future_columns={_checks.shown(names)}: append the rows "
                "known ahead to each series in the frame, add a column that is True in these rows, "
                "and name it in future=."
            )
        if self._future is not None and not names:
            raise ValueError(
                "The windows have no future_columns, so leave future out. Received: "
                f"future={self._future!r}."
            )

    def _prepared(self, interface: Interface, sorted_batch: Batch, numbers: IntArray) -> Prepared:
        series, plan = sorted_batch.parted(numbers)
        sampling = Sampling.of(interface, self._num_samples, self._seed)
        return Prepared.of(interface, series, self._steps, plan, None, self._incomplete, sampling)


# The most models that a worker process keeps in memory; a worker may live through many jobs.
_MOST = 2
_LOADING = threading.Lock()  # Otherwise threads that start together would each load the model.


@dataclass(frozen=True)
class ModelFile:
    """The path or address of a model."""

    path: str  # The absolute path, or an address with ``://``.
    digest: str | None  # SHA-256 of the contents; None for an address.

    @classmethod
    def of(cls, filepath: str | os.PathLike[str]) -> Self:
        """Return a local file, checked to exist and to be complete, or any address."""
        path = path_text("filepath", filepath)
        if "://" in path:
            return cls(path, None)
        place = Path(located(os.path.abspath(path)))  # noqa: PTH100 - links stay links
        if not place.exists():
            raise FileNotFoundError(
                f"{path!r}: there is no such file. Name a file that this process and all workers "
                "can read under one path, or an address with :// that Keras loads from."
            )
        if place.is_file():
            look_through(str(place))
        return cls(str(place), _digest(place))

    def windows(self) -> WindowedSeries | None:
        """Return the windows in the file; None for an address, or a folder only Keras reads."""
        if self.digest is None or Path(self.path).is_dir():
            return None
        return load_windows(self.path)

    def model(self) -> keras.Model:
        """Return the model, which the first call in a process loads."""
        with _LOADING:
            return _loaded(self)


@lru_cache(_MOST)
def _loaded(file: ModelFile) -> keras.Model:
    """Load the model of a file, or refuse one that is not there or was replaced."""
    machine = os.uname().nodename if hasattr(os, "uname") else "this machine"
    if file.digest is not None and not Path(file.path).exists():
        raise FileNotFoundError(
            f"{file.path!r}: there is no such file on {machine}. Put it where all workers can read "
            "it under this path, such as a shared disk."
        )
    if file.digest is not None and _digest(Path(file.path)) != file.digest:
        raise ValueError(
            f"{file.path!r} on {machine} has other contents than when the BatchForecaster was "
            "made, so one run would mix forecasts of two models. Make a new BatchForecaster, and "
            "save each model under a name of its own."
        )
    return load_model(file.path)


def _digest(path: Path) -> str:
    """Return a SHA-256 hex digest of a file, or of all files in a folder."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(str(file.relative_to(path)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
