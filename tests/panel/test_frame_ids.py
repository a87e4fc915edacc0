"""Ids come back from ``align`` as they went in."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from forecasting_models import adding
from keras_ts import WindowedSeries, forecast


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return pd.Series(array)


DAY = datetime.date(2024, 1, 1)
FIRST, SECOND = pd.date_range("2024-01-01", periods=2, tz="America/New_York")
PLAIN = [
    pd.Series([7, 3]),
    pd.Series([7, 3], dtype="Int64"),
    pd.Series([7, 3], dtype="category"),
    pd.Series([7, 3], dtype="uint8"),
    pd.Series([0.5, 0.25]),
    pd.Series([True, False]),
    pd.Series(["b", "a"]),
    pd.Series(np.array(["b", "a"])),
    pd.Series(["b", "a"], dtype="category"),
    pl.Series(["b", "a"]),
    pl.Series(["b", "a"], dtype=pl.Categorical),
    pl.Series(["b", "a"], dtype=pl.Enum(["a", "b", "c"])),
    pl.Series([7, 3], dtype=pl.UInt8),
]
OBJECTS = [
    pd.Series([2**64 - 1, 3], dtype="uint64"),
    objects((1, "a"), (1, "b")),
    objects((1, "a"), (2,)),
    objects(((1, 2), "a"), ((1, 3), "a")),
    objects(1, "a"),
    objects("1", 1),
    objects(1, 2.5),
    objects(True, 2),
    objects(2**63, -1),
    objects(2**80, 1),
    objects("a\0", "a"),
    objects(frozenset([1]), frozenset([2])),
    objects(DAY, DAY + datetime.timedelta(1)),
    objects(decimal.Decimal("1.10"), decimal.Decimal("1.20")),
    pd.Series([FIRST, SECOND]),
    pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
    pl.Series([DAY, DAY + datetime.timedelta(1)]),
    pl.Series([decimal.Decimal("1.10"), decimal.Decimal("1.20")]),
    pl.Series([[1, 2], [1]]),
    pl.Series([(1, "a"), (1, "b")], dtype=pl.Object),
    pl.Series([b"a", b"b"]),
]


@pytest.mark.parametrize("ids", [*PLAIN, *OBJECTS], ids=lambda ids: str(ids.dtype))
def test_ids_keep_their_types(ids):
    frame = type(ids.to_frame()) if isinstance(ids, pd.Series) else pl.DataFrame
    pick = [0, 1, 1, 0, 0, 1, 1, 0]
    in_pandas = isinstance(ids, pd.Series)
    column = ids.iloc[pick].reset_index(drop=True) if in_pandas else ids.gather(pick)
    if ids.dtype == pl.Object:
        column = pl.Series([ids[i] for i in pick], dtype=pl.Object)
    table = frame({"id": column, "value": np.arange(8.0)})
    dataset = WindowedSeries(2, id_column="id", target_columns="value").build(table)
    aligned = dataset.align(dataset.to_numpy()[1])
    labels = aligned["series"]
    want = [ids.to_list()[0]] * 2 + [ids.to_list()[1]] * 2
    assert labels.shape == (4,)
    assert labels.tolist() == want
    assert [type(one) for one in labels.tolist()] == [type(one) for one in want]
    assert aligned["actual"].tolist() == [4, 7, 5, 6]
    assert (labels.dtype == object) == any(ids is other for other in OBJECTS)


@pytest.mark.parametrize(
    "ids",
    [
        pd.Series(["a", None, None]),
        pd.Series([1.0, np.nan, np.nan]),
        pd.Series([1, None, None], dtype="Int64"),
        objects("a", None, None),
        pl.Series(["a", None, None]),
        pl.Series([1.0, None, float("nan")]),
        pl.Series([1.0, float("nan"), float("nan")]),
    ],
    ids=lambda ids: str(ids.dtype),
)
def test_missing_ids_are_refused(ids):
    frame = pd.DataFrame if isinstance(ids, pd.Series) else pl.DataFrame
    with pytest.raises(ValueError, match="id_column='id' has 2 missing values, the first in row 1"):
        WindowedSeries(1, id_column="id").build(frame({"id": ids, "value": 1.0}))


def test_ids_that_cannot_be_told_apart_are_refused():
    frame = pd.DataFrame({"id": objects([1], [2]), "value": 1.0})
    with pytest.raises(TypeError, match=r"id_column='id' must hold ids .* unhashable type"):
        WindowedSeries(1, id_column="id").build(frame)


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("kind", ["m8", "M8"])
@pytest.mark.parametrize("library", ["pandas", "polars", "table", "arrow"])
def test_ids_are_moments_of_any_unit(library, kind, unit):
    """Two of a microsecond are two ids in nanoseconds, too."""
    ids = np.array([5, 7], f"{kind}[{unit}]")
    columns = {"id": np.tile(ids, 8), "y": np.arange(16.0), "p": 0.0}
    frame = pd.DataFrame(columns) if library == "pandas" else pl.DataFrame(columns)
    if library in ("table", "arrow"):
        pytest.importorskip("pyarrow")
        frame = frame.to_arrow()
    if library == "arrow":
        frame = frame.to_pandas(types_mapper=pd.ArrowDtype)
    windows = WindowedSeries(2, id_column="id", target_columns="y", future_columns="p")
    dataset = windows.build(frame)
    aligned = dataset.align(dataset.to_numpy()[1])
    labels = [getattr(label, "asm8", label) for label in aligned["series"]]
    assert np.array(labels, ids.dtype).tolist() == np.repeat(ids, 6).tolist()
    assert aligned["actual"].tolist() == [*range(4, 16, 2), *range(5, 16, 2)]
    future = frame.slice(0, 4) if library == "table" else frame[:4]
    ahead = forecast(adding(dataset), frame, steps=1, future=future)
    assert ahead.shape[0] == 2
    assert type(ahead) is type(frame)


@pytest.mark.parametrize(
    "kind", ["string", "int64", "null", "dictionary", "duration", "timestamp", "date", "bool"]
)
def test_a_table_of_arrow_without_rows_is_too_short(kind):
    pyarrow = pytest.importorskip("pyarrow")
    kinds = {
        "dictionary": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "duration": pyarrow.duration("ns"), "timestamp": pyarrow.timestamp("ns", "UTC"),
        "date": pyarrow.date32(), "bool": pyarrow.bool_(),
    }  # fmt: skip
    kinds = {name: getattr(pyarrow, name)() for name in ("string", "int64", "null")} | kinds
    table = pyarrow.table({"id": pyarrow.array([], kinds[kind]), "y": pyarrow.array([], "double")})
    windows = WindowedSeries(3, id_column="id")
    assert windows.count(table) == 0
    with pytest.raises(ValueError, match="series is too short"):
        windows.build(table)
    times = pyarrow.array([], pyarrow.timestamp("us", "Europe/Berlin"))
    assert WindowedSeries(3, id_column="id", time_column="t").count(
        table.append_column("t", times)
    ) == 0  # fmt: skip
