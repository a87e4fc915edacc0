"""Sources of all kinds become the windows of the sorted frame, or are refused."""

import dataclasses
import decimal
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forecasting_models import adding
from keras_ts import Panel, forecast
from keras_ts.scale import PanelStore, writing
from stored_panels import (
    WINDOWS,
    assert_same,
    frames,
    in_files,
    in_order_of,
    left_beside,
    outcome,
    panel,
    settings,
)


@given(data=st.data())
@hypothesis_settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
def test_windows_are_those_of_the_sorted_frame(data, tmp_path_factory):
    """Whatever the ids, times, gaps, missing values, texts, covariates and blocks of rows."""
    frame, folder = data.draw(frames()), tmp_path_factory.mktemp("store")
    written = data.draw(settings(frame))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BLOCK_BYTES", "BATCH_BYTES"):
            patch.setattr(writing, name, data.draw(st.sampled_from([100, 1000, 1 << 25])))
        store = outcome(lambda: PanelStore.write(frame, folder, written))
    if isinstance(store, Exception):
        ids = sorted(frame["id"].unique())
        assert isinstance(outcome(lambda: written.build(in_order_of(frame, ids))), Exception)
        return
    whole = in_order_of(frame, store.ids)
    windows = data.draw(st.sampled_from([written, data.draw(settings(frame))]))
    for make in (
        lambda series: (windows.build(series),),
        lambda series: windows.split(series, at=-2),
        lambda series: next(windows.folds(series, n_splits=2, test_size=2)),
    ):
        ours, theirs = (
            outcome(lambda make=make: make(store)),
            outcome(lambda make=make: make(whole)),
        )
        if isinstance(ours, Exception):
            assert "store" in str(ours) or str(ours) == str(theirs)
        else:
            for dataset, other in zip(ours, theirs, strict=True):
                assert_same(dataset, other)


@pytest.mark.parametrize(
    "make",
    [
        lambda frame, _: frame,
        lambda frame, _: frame.with_columns(pl.col("id").cast(pl.Categorical)),
        lambda frame, _: frame.to_pandas(),
        lambda frame, _: frame.to_arrow(),
        lambda frame, _: frame.lazy(),
        lambda frame, _: Panel(frame, id_column="id", time_column="t"),
        lambda frame, _: pa.dataset.dataset(frame.to_arrow()).filter(pa.dataset.field("y") < 9),
        lambda frame, folder: in_files(frame, folder / "source"),
        lambda frame, folder: str(in_files(frame, folder / "source", 1) / "0.parquet"),
    ],
)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_sources(tmp_path, make, zone):
    frame = panel().with_columns(pl.col("t").cast(pl.Datetime("ms")).dt.replace_time_zone(zone))
    store = PanelStore.write(make(frame, tmp_path), tmp_path / "new" / "store", WINDOWS)
    assert store.ids == [f"s{n}" for n in range(5)]
    assert repr(store) == "PanelStore of 5 series and 60 rows"
    assert_same(WINDOWS.build(store), WINDOWS.build(frame))
    assert not left_beside(tmp_path / "new" / "store")


def test_folders_within_folders_and_csv(tmp_path):
    """Files that begin with _ or . are other programs' own; hive's folders hold a column."""
    frame, source = panel(), tmp_path / "source"
    (source / "a" / "_log").mkdir(parents=True)
    for number, (name, rows) in enumerate(frame.group_by("id")):
        rows.sample(fraction=1, shuffle=True).write_csv(source / "a" / f"{number}{name[0]}.csv")
    (source / "a" / "_log" / "0.csv").write_text("nothing")
    (source / "_metadata.csv").write_text("nothing")
    store = PanelStore.write(source, tmp_path / "store", WINDOWS)
    assert_same(WINDOWS.build(store), WINDOWS.build(frame))
    hive = tmp_path / "hive"
    frame.write_parquet(pl.PartitionBy(hive, key="id", include_key=False), mkdir=True)
    source = pa.dataset.dataset(hive, partitioning="hive")
    store = PanelStore.write(source, tmp_path / "store", WINDOWS)
    assert_same(WINDOWS.build(store), WINDOWS.build(frame))


def test_types_of_files_are_widened(tmp_path):
    first = panel(3).with_columns(y=pl.int_range(36, dtype=pl.Int8))
    second = panel(5).filter(pl.col("id") > "s2").select("y", "id", "t")
    (tmp_path / "source").mkdir()
    for number, part in enumerate((first, second)):
        part.write_parquet(tmp_path / "source" / f"{number}.parquet")
    store = PanelStore.write(tmp_path / "source", tmp_path / "store", WINDOWS)
    whole = pl.concat([first, second.select(first.columns)], how="vertical_relaxed")
    assert_same(WINDOWS.build(store), WINDOWS.build(whole))


def test_without_times_rows_keep_the_order_of_the_source(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "BATCH_BYTES", 60)
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"id": rng.integers(0, 5, 100), "y": rng.normal(size=100)})
    windows = dataclasses.replace(WINDOWS, time_column=None)
    store = PanelStore.write(frame, tmp_path, windows)
    assert_same(windows.build(store), windows.build(in_order_of(frame, store.ids)))


def decimals(library, kind):
    """Return a frame whose target, plan and static column hold decimals, and its floats."""
    frame = panel(3).with_columns(
        y=pl.int_range(36) * 1.25, p=pl.int_range(36) * 0.5, k=pl.col("id").rank("dense") * 1.5
    )
    columns = {name: list(map(decimal.Decimal, map(str, frame[name]))) for name in "ypk"}
    columns["y"][7] = None
    floats = frame.with_columns(
        pl.Series("y", [None if value is None else float(value) for value in columns["y"]])
    )
    table = frame.select("id", "t").to_arrow()
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, kind))
    if library == "polars":
        return pl.from_arrow(table), floats
    if library == "pandas":
        return frame.select("id", "t").to_pandas().assign(**columns), floats
    return table, floats


@pytest.mark.parametrize(
    ("library", "kind"),
    [
        ("polars", pa.decimal128(20, 2)),
        ("pandas", pa.decimal128(20, 2)),
        ("pyarrow", pa.decimal128(20, 2)),
        ("pyarrow", pa.decimal256(50, 2)),
    ],
)
def test_decimals_are_numbers(tmp_path, library, kind):
    """As targets, plans and static columns: of a frame, a panel, a store and a forecast."""
    table, floats = decimals(library, kind)
    roles = {"target_columns": "y", "future_columns": "p", "static_columns": "k"}
    windows = dataclasses.replace(WINDOWS, **roles, missing="mask_targets")
    dataset = windows.build(floats)
    panel_of = Panel(table, **roles, id_column="id", time_column="t")
    store = PanelStore.write(table, tmp_path, windows)
    for series in (table, panel_of, store):
        assert_same(windows.build(series), dataset)
    model, last = adding(dataset), floats["t"].max()
    plan = floats.filter(pl.col("t") > last - pl.duration(days=2)).drop("y")
    plan = plan.with_columns(pl.col("t") + pl.duration(days=2))
    known = plan.to_arrow().cast(
        pa.schema([field.with_type(kind if field.name in "pk" else field.type)
                   for field in plan.to_arrow().schema])
    )  # fmt: skip
    given_plan = {
        "polars": pl.from_arrow,
        "pandas": lambda table: table.to_pandas(date_as_object=False),
        "pyarrow": lambda table: table,
    }[library]
    wanted = forecast(model, floats, future=plan)
    for series in (table, store):
        made = forecast(model, series, future=given_plan(known))
        made = pl.DataFrame(made.to_pandas() if library == "pyarrow" and series is table else made)
        assert np.array_equal(made["y"], wanted["y"])


def static(values):
    return panel().with_columns(k=values), dataclasses.replace(WINDOWS, static_columns="k")


SOME_IDS = pl.when(pl.col("id") != "s1").then("id")


@pytest.mark.parametrize(
    ("rows", "windows", "says"),
    [
        (panel(), dataclasses.replace(WINDOWS, id_column=None), "pass windows with id_column"),
        (panel(), dataclasses.replace(WINDOWS, calendar="holidays:DE"), "a store has no holidays"),
        (panel().clear().lazy(), WINDOWS, "source has no rows"),
        (3, WINDOWS, "Received: int"),
        (panel().drop("t"), WINDOWS, "time_column='t' is not in"),
        (panel(gap=True), WINDOWS, "has 1 steps that leave out"),
        (pl.concat([panel(), panel()]), WINDOWS, "repeats time at position 1"),
        (panel().with_columns(z=pl.lit("a")), WINDOWS, "column 'z' must hold numbers"),
        (panel().with_columns(SOME_IDS), WINDOWS, "rows without an id in 'id'"),
        (*static(pl.int_range(60)), "static_columns='k' changes within a series"),
        (*static(SOME_IDS), "static_columns='k' holds 12 missing texts"),
    ],
)
def test_sources_that_are_refused(tmp_path, rows, windows, says):
    with pytest.raises((TypeError, ValueError), match=f"(?i){says}"):
        PanelStore.write(rows, tmp_path / "store", windows)
    assert not list(tmp_path.iterdir())


def test_timestamps_that_do_not_fit_the_type_of_the_first_file_are_refused(tmp_path):
    (tmp_path / "source").mkdir()
    for number, unit in enumerate(("ms", "us")):
        late = pl.col("t").cast(pl.Datetime(unit)) + pl.duration(
            days=12 * number, microseconds=number
        )
        panel().with_columns(late).write_parquet(tmp_path / "source" / f"{number}.parquet")
    with pytest.raises(ValueError, match="timestamps that do not fit this type"):
        PanelStore.write(tmp_path / "source", tmp_path / "store", WINDOWS)


@pytest.mark.parametrize("module", ["polars", "pyarrow", "duckdb"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"pip install {module}"):
        PanelStore.write(tmp_path / "source", tmp_path / "store", WINDOWS)
