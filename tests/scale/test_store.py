"""One whole store always stands, and forecasts as its frame does."""

import dataclasses

import keras
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from forecasting_models import adding
from helpers import run_fresh, untraced
from keras_ts import Recipe, RecurrentPreset, WindowedSeries, compare, forecast
from keras_ts._files import locked_folder
from keras_ts.forecasting import history
from keras_ts.scale import PanelStore, writing
from stored_panels import WINDOWS, assert_same, in_files, in_order_of, left_beside, panel

KILLED = """
import os, shutil, sys
from pathlib import Path
from keras_ts import WindowedSeries
from keras_ts.scale import PanelStore, store, writing

left = int(sys.argv[3])

def dying_after(owner, name):
    original = getattr(owner, name)

    def step(*arguments, **named):
        global left
        made = original(*arguments, **named)
        left -= 1
        if left == 0:
            os._exit(9)
        return made

    setattr(owner, name, step)

dying_after(writing, "_write_rows")
dying_after(Path, "rename")
dying_after(shutil, "rmtree")
windows = WindowedSeries(3, 2, target_columns="y", id_column="id", time_column="t")
PanelStore.write(sys.argv[1], sys.argv[2], windows)
"""
# Rows are written, the files that DuckDB wrote are removed, what an earlier write left is, the old
# store and the new one are renamed, and the old one is removed.
STEPS = 6


@pytest.mark.parametrize("step", range(1, STEPS + 2))
def test_a_killed_write_leaves_one_whole_store(tmp_path, step):
    old, new, folder = panel(5), panel(6), tmp_path / "store"
    PanelStore.write(old, folder, WINDOWS)
    source = in_files(new, tmp_path / "source", 1)
    run_fresh(KILLED, str(source), str(folder), str(step), status=9 if step <= STEPS else 0)
    store = PanelStore(folder)
    assert len(store.ids) == (5 if step < 5 else 6)
    assert_same(WINDOWS.build(store), WINDOWS.build(panel(len(store.ids))))
    store = PanelStore.write(panel(7), folder, WINDOWS)
    assert_same(WINDOWS.build(store), WINDOWS.build(panel(7)))
    assert not left_beside(folder)


def test_a_write_finds_the_store_that_a_killed_one_renamed(tmp_path):
    """It is refused, and the store that was there is back."""
    folder = tmp_path / "store"
    PanelStore.write(panel(), folder, WINDOWS)
    source = in_files(panel(6), tmp_path / "source", 1)
    run_fresh(KILLED, str(source), str(folder), "4", status=9)
    assert not folder.exists()
    with pytest.raises(ValueError, match="leave out"):
        PanelStore.write(panel(gap=True), folder, WINDOWS)
    assert folder.exists()
    assert len(PanelStore(folder).ids) == 5


def test_a_refused_write_leaves_the_old_store(tmp_path, monkeypatch):
    """Also where the new one cannot be renamed."""
    folder = tmp_path / "store"
    store = PanelStore.write(panel(), folder, WINDOWS)
    with pytest.raises(ValueError, match="leave out"):
        PanelStore.write(panel(gap=True), folder, WINDOWS)
    rename = type(folder).rename

    def fail(path, target):
        if path.name.endswith("new"):
            raise OSError("no space left")
        return rename(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(type(folder), "rename", fail)
        with pytest.raises(OSError, match="no space"):
            PanelStore.write(panel(6), folder, WINDOWS)
    assert not left_beside(folder)
    assert WINDOWS.build(store).num_windows == 40  # The store that was opened before.


def test_another_store_in_the_place_of_an_open_one_is_refused(tmp_path):
    store = PanelStore.write(panel(), tmp_path / "store", WINDOWS)
    PanelStore.write(panel(6), tmp_path / "store", WINDOWS)
    with pytest.raises(ValueError, match="no longer holds the store that was opened"):
        WINDOWS.build(store)


def test_another_process_is_kept_out(tmp_path, monkeypatch):
    """A lock belongs to an open file, so that a second one shows what another process sees."""
    folder, original = tmp_path / "store", writing._write_rows

    def twice(*arguments):
        with pytest.raises(RuntimeError, match="Another process is writing"):
            PanelStore.write(panel(), folder, WINDOWS)
        return original(*arguments)

    monkeypatch.setattr(writing, "_write_rows", twice)
    assert len(PanelStore.write(panel(), folder, WINDOWS).ids) == 5
    with locked_folder(tmp_path, wait=False) as free:
        assert free


def untouched(folder):
    """Return all files of a folder, and their contents."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("source", "mine", "holds other files"),
        ("source", "source", "holds the source or lies in it"),
        ("source", ".", "holds the source or lies in it"),
        ("source", "source/store", "holds the source or lies in it"),
        ("source/0.parquet", "source", "holds the source or lies in it"),
        ("dataset", ".", "holds the source or lies in it"),
    ],
)
def test_folders_of_others_are_refused_before_a_row_is_read(
    tmp_path, monkeypatch, source, target, says
):
    in_files(panel(), tmp_path / "source")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "store.json").write_text("{}")
    (tmp_path / "mine" / "mine.txt").write_text("mine")
    monkeypatch.setattr(writing, "_opened", None)
    before = untouched(tmp_path)
    source = pa.dataset.dataset(tmp_path / "source") if source == "dataset" else tmp_path / source
    with pytest.raises(FileExistsError, match=says):
        PanelStore.write(source, tmp_path / target, WINDOWS)
    assert untouched(tmp_path) == before


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
    store = PanelStore.write(frame, tmp_path, written)
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
