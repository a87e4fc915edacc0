"""A store is opened as memory maps, and refuses settings that it was not written with."""

import dataclasses
import pickle
import shutil

import numpy as np
import polars as pl
import pytest

from keras_ts import WindowedSeries
from keras_ts.panel.frequency import Frequency
from keras_ts.panel.panel import Panel
from keras_ts.scale import PanelStore

WINDOWS = WindowedSeries(
    2,
    target_columns="y",
    future_columns="event",
    static_columns=("kind", "size"),
    id_column="id",
    time_column="t",
    calendar="week",
    missing="drop",
)


def panel(gap=False):
    days = np.arange("2024-01-01", "2024-01-11", dtype="M8[D]")
    frame = pl.concat(
        pl.DataFrame({"id": n, "t": days, "y": np.arange(10.0), "kind": "ab"[n], "size": n})
        for n in range(2)
    ).with_columns(event=pl.Series(["none", "sale"] * 10))
    return frame.filter(np.arange(20) != 4) if gap else frame


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return PanelStore.write(panel(), tmp_path_factory.mktemp("store"), WINDOWS)


def test_values_stay_on_disk(store):
    read = Panel.of(store, WINDOWS).read()
    assert read.on_disk
    assert read.checked
    assert isinstance(read.clock.times, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        read.values[0] = 1


def test_a_calendar_may_be_left_out(store):
    read = Panel.of(store, dataclasses.replace(WINDOWS, calendar=None)).read()
    assert read.columns.past == ("y", "event=none", "event=sale")
    assert read.on_disk


def test_roles_and_the_order_of_static_columns_may_differ(store):
    windows = dataclasses.replace(
        WINDOWS, static_columns=("size", "kind"), target_columns=None, missing="mask"
    )
    read = Panel.of(store, windows).read()
    assert read.columns.static == ("size", "kind=a", "kind=b")
    assert read.static.tolist() == [[n, n == 0, n == 1] for n in store.ids]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"id_column": None}, "written with id_column='id', and the windows have None"),
        ({"time_column": None, "calendar": None}, "written with time_column='t'"),
        ({"static_columns": "kind"}, r"static_columns=\('kind', 'size'\)"),
        ({"calendar": "day"}, r"calendar=\('week',\).*Pass the same or none"),
        ({"future_columns": None}, "'event' of the store holds text, so it must be in future"),
        ({"categories": {"kind": ["a"]}}, r"categories of 'kind'=\('a', 'b'\)"),
        ({"categories": {"size": ["a"]}}, "name columns that are not text"),
    ],
)
def test_other_settings_are_refused(store, settings, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(WINDOWS, **settings).build(store)


@pytest.mark.parametrize(("written", "read"), [("drop", "mask"), ("mask", "drop")])
def test_gaps_are_filled_as_the_store_is_written(tmp_path, written, read):
    store = PanelStore.write(panel(True), tmp_path, dataclasses.replace(WINDOWS, missing=written))
    with pytest.raises(
        ValueError, match=f'Write another store with windows that have missing="{read}"'
    ):
        dataclasses.replace(WINDOWS, missing=read).build(store)
    if written == "drop":
        with pytest.raises(ValueError, match="has 1 steps that leave out"):
            dataclasses.replace(WINDOWS, missing="raise").build(store)
        assert not len(Panel.of(store, dataclasses.replace(WINDOWS, missing="keep")).read().gaps)


def test_missing_values_are_refused_at_once(tmp_path):
    frame = panel().with_columns(y=pl.when(pl.col("y") != 3).then("y"))
    store = PanelStore.write(frame, tmp_path, WINDOWS)
    with pytest.raises(ValueError, match=r"series has 2 positions .* at position 3 \(2024-01-04\)"):
        dataclasses.replace(WINDOWS, missing="raise").build(store)


def test_it_is_pickled_as_its_folder(store):
    again = pickle.loads(pickle.dumps(store))
    assert (again.folder, type(again)) == (store.folder, PanelStore)
    assert len(pickle.dumps(store)) < 1000


def test_broken_folders_are_refused(store, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        PanelStore(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no whole store"):
        PanelStore(tmp_path)
    (tmp_path / "store.json").write_text('{"format": 0}')
    with pytest.raises(ValueError, match="Another version of keras_ts wrote this store"):
        PanelStore(tmp_path)


def test_settings_survive_json(store):
    for frequency in (Frequency(1, "day of month", mark=3), None):
        settings = dataclasses.replace(store.settings, frequency=frequency)
        assert type(settings).from_json(settings.as_json()) == settings


def copied(store, folder):
    """Return the folder of a copy of a store, and the names of its files of data."""
    shutil.copytree(store.folder, folder)
    return folder, sorted(path.name for path in folder.iterdir() if path.name != "store.json")


@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda _: b"", None])
def test_a_file_that_is_cut_or_gone_is_refused_as_a_store_is_opened(store, tmp_path, change):
    folder, names = copied(store, tmp_path / "copy")
    for name in names:
        content = (folder / name).read_bytes()
        (folder / name).unlink() if change is None else (folder / name).write_bytes(change(content))
        with pytest.raises(ValueError, match=rf"{name}' has [\d,]+ bytes, and"):
            PanelStore(folder)
        (folder / name).write_bytes(content)
    assert WINDOWS.build(PanelStore(folder)).num_windows == WINDOWS.build(store).num_windows
