"""A store gives the windows of the sorted frame, refuses what it cannot, and survives a kill."""

import dataclasses
import errno
import shutil
import sys

import keras
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forecasting_models import adding
from helpers import run_fresh, untraced
from keras_ts import Recipe, RecurrentPreset, WindowedSeries, compare, forecast
from keras_ts.forecasting import history
from keras_ts.scale import PanelStore
from keras_ts.scale import store as store_module
from keras_ts.scale.writing import engine, finishing, sources
from stored_panels import assert_same, frames, in_order_of, in_pieces, outcome, settings

WINDOWS = WindowedSeries(3, 2, target_columns="y", id_column="id", time_column="t")


def panel(series=5, rows=12, gap=False):
    """Return a long frame of days, sorted; with a gap, one row is left out."""
    days = np.arange("2024-01-01", "2025-01-01", dtype="M8[D]")[:rows]
    frame = pl.concat(
        pl.DataFrame({"id": f"s{n}", "t": days, "y": np.sin(np.arange(rows) * n + n)})
        for n in range(series)
    )
    return frame.filter(np.arange(len(frame)) != 5) if gap else frame


@given(data=st.data())
@hypothesis_settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
def test_windows_are_those_of_the_sorted_frame(data, tmp_path_factory):
    """Whatever the ids, times, gaps, missing values, texts, covariates and pieces."""
    frame, folder = data.draw(frames()), tmp_path_factory.mktemp("store")
    written = data.draw(settings(frame))
    pieces = in_pieces(frame, data.draw(st.integers(1, 4)))
    store = outcome(lambda: PanelStore.write(pieces, folder, written))
    if isinstance(store, Exception):
        ids = frame["id"].unique().to_list()
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


def test_series_stand_in_the_order_of_ids(tmp_path):
    store = PanelStore.write(panel(9).reverse(), tmp_path, WINDOWS)
    assert store.ids == [f"s{n}" for n in range(9)]
    assert repr(store) == "PanelStore of 9 series and 108 rows"
    assert PanelStore(tmp_path).ids == store.ids


class Killed(BaseException):
    """Ends a write as a signal would, but for what is done on the way out."""


def in_files(frame, folder, count=4):
    """Write the rows of a frame, in random order, into Parquet files."""
    folder.mkdir()
    for number, piece in enumerate(
        in_pieces(frame.sample(fraction=1, shuffle=True, seed=1), count)
    ):
        piece.write_parquet(folder / f"{number}.parquet")
    return folder


def killing(monkeypatch, module, name, calls):
    """Let a function of a module end the process at a call; return the list of its calls."""
    original, done = getattr(module, name), []

    def function(*arguments, **named):
        done.append(name)
        if len(done) == calls:
            raise Killed
        return original(*arguments, **named)

    monkeypatch.setattr(module, name, function)
    return done


@pytest.mark.parametrize(
    ("module", "name", "calls"),
    [
        (sources.Rows, "frames", 6),
        (store_module, "write_series", 2),
        (finishing, "part_of_panel", 2),
        (finishing, "StoredSettings", 1),
        (store_module.shutil, "rmtree", 1),
    ],
)
def test_a_killed_write_begins_again(tmp_path, monkeypatch, module, name, calls):
    """Nothing opens the folder in between; other rows and settings may follow."""
    windows = dataclasses.replace(WINDOWS, calendar=7)
    frame, folder = panel(40), tmp_path / "store"
    source = in_files(frame, tmp_path / "source")
    for one in (engine, finishing):
        monkeypatch.setattr(one, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(engine, "BATCH_BYTES", 2000)
    with monkeypatch.context() as patch:
        killing(patch, module, name, calls)
        with pytest.raises(Killed):
            PanelStore.write(source, folder, windows)
    if name != "rmtree":
        with pytest.raises(ValueError, match="no whole store"):
            PanelStore(folder)
        frame = panel(30)
        PanelStore.write(in_files(frame, tmp_path / "other"), folder, windows)
    store = PanelStore(folder)
    store.verify()
    assert_same(windows.build(store), windows.build(in_order_of(frame, store.ids)))


KILLED = """
import os, signal, sys
from keras_ts import WindowedSeries
from keras_ts.scale import PanelStore
from keras_ts.scale.writing import finishing

def write_rows(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

finishing.write_rows = write_rows
windows = WindowedSeries(3, 2, target_columns="y", id_column="id", time_column="t")
PanelStore.write(sys.argv[1], sys.argv[2], windows)
"""


def test_a_process_that_is_killed_leaves_no_store(tmp_path):
    frame, folder = panel(), tmp_path / "store"
    source = in_files(frame, tmp_path / "source", 1)
    run_fresh(KILLED, str(source), str(folder), status=-9)
    with pytest.raises(ValueError, match="no whole store"):
        PanelStore(folder)
    store = PanelStore.write(source, folder, WINDOWS)
    assert_same(WINDOWS.build(store), WINDOWS.build(in_order_of(frame, store.ids)))


def test_gaps_that_were_refused_are_filled_by_the_next_call(tmp_path):
    frame, masked = panel(gap=True), dataclasses.replace(WINDOWS, missing="mask")
    with pytest.raises(
        ValueError, match=r"to 2024-01-07 in series 's0': the frequency.*Insert the missing"
    ):
        PanelStore.write(frame, tmp_path, WINDOWS)
    store = PanelStore.write(frame, tmp_path, masked)
    assert_same(masked.build(store), masked.build(in_order_of(frame, store.ids)))


def test_another_store_in_the_place_of_an_open_one_is_refused(tmp_path):
    store = PanelStore.write(panel(), tmp_path / "store", WINDOWS)
    shutil.rmtree(tmp_path / "store")
    for _ in range(2):
        with pytest.raises(ValueError, match="no longer holds the store that was opened"):
            WINDOWS.build(store)
        if not (tmp_path / "store").exists():
            PanelStore.write(panel(6), tmp_path / "store", WINDOWS)


def test_a_full_disk_is_one_error_and_the_write_begins_again(tmp_path, monkeypatch):
    """Where DuckDB meets its end, and where an array does."""

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    for module, name in ((sources.Rows, "frames"), (store_module, "write_series")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            with pytest.raises(OSError, match=r"No space left.*Make room, and call"):
                PanelStore.write(panel(), tmp_path, WINDOWS)
    assert len(PanelStore.write(panel(), tmp_path, WINDOWS).ids) == 5


def test_a_broken_file_is_named(tmp_path):
    source, folder = in_files(panel(40), tmp_path / "source"), tmp_path / "store"
    whole = (source / "2.parquet").read_bytes()
    broken = bytearray(whole)
    broken[10:200] = bytes(190)
    (source / "2.parquet").write_bytes(broken)
    with pytest.raises(ValueError, match=r"2.parquet' cannot be read.*write again"):
        PanelStore.write(source, folder, WINDOWS)
    (source / "2.parquet").write_bytes(whole)
    assert len(PanelStore.write(source, folder, WINDOWS).ids) == 40


def test_a_finished_store_is_not_overwritten(tmp_path):
    PanelStore.write(panel(), tmp_path, WINDOWS)
    with pytest.raises(FileExistsError, match="holds a store already"):
        PanelStore.write(panel(), tmp_path, WINDOWS)


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds other files"):
        PanelStore.write(panel(), tmp_path, WINDOWS)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("rows", "windows", "says"),
    [
        (panel, dataclasses.replace(WINDOWS, id_column=None), "pass windows with id_column"),
        (panel, "windows", "must be a WindowedSeries"),
        (lambda: panel().clear(), WINDOWS, "source has no row"),
        (lambda: 3, WINDOWS, "source must be a folder"),
        (lambda: panel().drop("t"), WINDOWS, "time_column='t' is not in"),
        (lambda: panel(gap=True), WINDOWS, "has 1 irregular step"),
        (lambda: pl.concat([panel(), panel()]), WINDOWS, "repeats time at position 1"),
        (lambda: panel().with_columns(y=None), WINDOWS, "column 'y' must hold numbers"),
        (lambda: panel().with_columns(z=pl.lit("a")), WINDOWS, "column 'z' must hold numbers"),
        (
            lambda: panel().with_columns(pl.when(pl.col("id") != "s1").then("id")),
            WINDOWS,
            "id_column='id' has 12 missing values in frame 0",
        ),
        (
            lambda: panel().with_columns(k=pl.int_range(60)),
            dataclasses.replace(WINDOWS, static_columns="k"),
            "static_columns='k' changes within series",
        ),
        (
            lambda: panel().with_columns(k=pl.when(pl.col("id") != "s1").then("id")),
            dataclasses.replace(WINDOWS, static_columns="k"),
            "static_columns='k' holds missing texts",
        ),
        (
            lambda: [panel(), panel(6).with_columns(y=pl.lit("a"))],
            WINDOWS,
            "column 'y' must have one type in all rows",
        ),
        (lambda: [panel(), panel(6).drop("y")], WINDOWS, "All rows of a source must have the same"),
    ],
)
def test_sources_that_are_refused(tmp_path, rows, windows, says):
    with pytest.raises((TypeError, ValueError), match=says):
        PanelStore.write(rows(), tmp_path / "store", windows)


@pytest.mark.parametrize("module", ["polars", "pyarrow", "duckdb"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"pip install {module}"):
        PanelStore.write(tmp_path, tmp_path / "store", WINDOWS)


def test_forecasts_are_those_of_the_frame(tmp_path, monkeypatch):
    """A preset goes all the way on a store, and forecasts as from a frame, part by part."""
    monkeypatch.setattr(history, "_MOST_VALUES", 1)
    monkeypatch.setattr(history, "_WHOLE_BATCHES", 2)
    frame = panel(7, 20).with_columns(
        t=pl.col("t").cast(pl.Datetime("ms")).dt.replace_time_zone("Europe/Berlin"),
        p=pl.int_range(140) % 5,
        k=pl.col("id").cast(pl.String),
    )
    columns = {"target_columns": "y", "future_columns": "p", "static_columns": "k",
               "id_column": "id", "time_column": "t"}  # fmt: skip
    written = WindowedSeries(1, **columns, missing="mask_targets", calendar="week")
    store = PanelStore.write(in_pieces(frame, 2), tmp_path, written)
    whole = in_order_of(frame, store.ids)
    preset = RecurrentPreset(units=(2,), recipe=Recipe("mae", "adamw", 0.01, 8, 1))
    windows = preset.windows_for(store, 3, window=4, calendar="week", **columns)
    assert windows == preset.windows_for(whole, 3, window=4, calendar="week", **columns)
    train, held_out = windows.split(store, at=-3)
    keras.utils.set_random_seed(0)
    model = untraced(preset.fit(train, verbose=0))
    report = compare(model, train, held_out)
    again = compare(model, *windows.split(whole, at=-3))
    assert str(report) == str(again)
    ahead = panel(7, 23).filter(pl.int_range(161) % 23 >= 20).with_columns(
        t=pl.col("t").cast(pl.Datetime("ms")).dt.replace_time_zone("Europe/Berlin"), p=pl.lit(1)
    ).drop("y")  # fmt: skip
    ours = forecast(model, store, future=ahead)
    assert ours.schema["t"] == frame.schema["t"]
    assert ours.equals(forecast(model, whole, future=ahead))


def test_incomplete_series_are_nan(tmp_path):
    frame = panel(3, 6).filter((pl.col("id") != "s1") | (pl.col("t").dt.day() > 5))
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    store = PanelStore.write(frame, tmp_path, WINDOWS)
    with pytest.raises(ValueError, match="series 's1' is too short"):
        forecast(model, store, WINDOWS)
    ours = forecast(model, store, WINDOWS, incomplete="nan")
    theirs = forecast(model, in_order_of(frame, store.ids), WINDOWS, incomplete="nan")
    assert ours.equals(theirs)
    assert ours["y"].is_nan().sum() == 2


def test_a_model_of_other_columns_is_refused(tmp_path):
    """A frame's columns are found by name; those of a store stay where they are."""
    frame = panel().with_columns(z=pl.lit(1.0))
    store = PanelStore.write(frame, tmp_path, WINDOWS)
    for columns in (["z", "y"], ["y"]):
        dataset = WINDOWS.build(frame.select("id", "t", *columns))
        model = RecurrentPreset(units=(2,)).build(dataset)
        assert len(forecast(model, frame)) == 10
        with pytest.raises(ValueError, match=r"store has the columns \['y', 'z'\], and"):
            forecast(model, store)


@pytest.mark.parametrize("missing", ["mask", "mask_targets", "keep"])
def test_an_infinite_value_is_refused_where_a_missing_one_is_allowed(tmp_path, missing):
    """As the store is written; or as it is read by other windows than it was written with."""
    wrong = panel(3).with_columns(
        y=pl.when((pl.col("id") == "s1") & (pl.col("t") == pl.date(2024, 1, 4)))
        .then(np.inf).otherwise("y")
    )  # fmt: skip
    windows, dropping = (dataclasses.replace(WINDOWS, missing=value) for value in (missing, "drop"))
    says = r"an infinite value, the first at position 3 \(2024-01-04\) of series 's1' in column 'y'"
    with pytest.raises(ValueError, match=says):
        PanelStore.write(wrong, tmp_path / "refused", windows)
    store = PanelStore.write(wrong, tmp_path / "written", dropping)
    # Of the 8 windows of 5 rows, those that start at rows 0 to 3 read row 3.
    assert dropping.count(store) == 8 + 4 + 8
    for cut in (windows.build, windows.count):
        with pytest.raises(ValueError, match=says):
            cut(store)
    # A forecast reads the last rows alone.
    model = adding(windows.build(panel(3)))
    assert forecast(model, store)["y"].is_finite().all()
