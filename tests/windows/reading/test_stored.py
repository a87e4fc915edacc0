"""A store is opened as memory maps, and refuses settings that it was not written with."""

import dataclasses
import json
import pickle
import shutil

import numpy as np
import polars as pl
import pytest

from keras_ts import WindowedSeries
from keras_ts.scale import PanelStore
from keras_ts.windows.arithmetic.frequency import Frequency
from keras_ts.windows.reading.panel import read_panel
from keras_ts.windows.reading.stored import part_of_panel

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
    read = read_panel(store, WINDOWS)
    assert read.on_disk
    assert read.checked
    assert isinstance(read.clock.times, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        read.values[0] = 1


def test_a_calendar_may_be_left_out(store):
    read = read_panel(store, dataclasses.replace(WINDOWS, calendar=None))
    assert read.columns.past == ("y", "event=none", "event=sale")
    assert read.on_disk


def test_roles_and_the_order_of_static_columns_may_differ(store):
    windows = dataclasses.replace(
        WINDOWS, static_columns=("size", "kind"), target_columns=None, missing="mask"
    )
    read = read_panel(store, windows)
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
        with pytest.raises(ValueError, match="has 1 irregular step"):
            dataclasses.replace(WINDOWS, missing="raise").build(store)
        assert not len(read_panel(store, dataclasses.replace(WINDOWS, missing="keep")).gaps)


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
    with pytest.raises(ValueError, match=r"cannot be read.*another version"):
        PanelStore(tmp_path)
    settings = dataclasses.asdict(store.settings)
    (tmp_path / "store.json").write_text(json.dumps({"format": 1, **settings}))
    for name in ("keys.arrow", "offsets.npy", "gaps.npy", "static.npy", "frequencies.npy"):
        (tmp_path / name).write_bytes((type(tmp_path)(store.folder) / name).read_bytes())
    (tmp_path / "regular.values").write_bytes(b"short")
    with pytest.raises(ValueError, match="is broken"):
        WINDOWS.build(PanelStore(tmp_path))


def test_settings_survive_json(store):
    kinds = (Frequency(1, "day of month", mark=3), Frequency(5))
    settings = dataclasses.replace(store.settings, kinds=kinds)
    assert type(settings).from_json(settings.as_json()) == settings


def test_a_part_of_a_panel_is_that_of_its_series():
    spec = dataclasses.replace(WINDOWS, calendar=None)
    part = part_of_panel(read_panel(panel(True), spec, check=False), slice(0, 1))
    alone = read_panel(panel(True).filter(pl.col("id") == 0), dataclasses.replace(
        spec, categories={"kind": ["a", "b"], "event": ["none", "sale"]}
    ))  # fmt: skip
    assert np.array_equal(part.values, alone.values)
    assert part.gaps.tolist() == alone.gaps.tolist() == [4]
    assert part.labels == alone.labels
    assert np.array_equal(part.clock.times, alone.clock.times)


def copied(store, folder):
    """Return the folder of a copy of a store, and the names of its files of data."""
    shutil.copytree(store.folder, folder)
    return folder, sorted(path.name for path in folder.iterdir() if path.name != "store.json")


FILES = {"gaps.npy", "offsets.npy", "static.npy", "frequencies.npy", "keys.arrow"}


def test_a_bit_flipped_in_any_file_is_found(store, tmp_path):
    folder, names = copied(store, tmp_path / "copy")
    assert {*names} == {*FILES, "regular.values", "regular.times"}
    PanelStore(folder).verify()
    for name in names:
        content = (folder / name).read_bytes()
        flipped = bytearray(content)
        flipped[-1] ^= 4  # The last byte, whose file opens; keys.arrow ends in a mark of its own.
        opened = PanelStore(folder)
        (folder / name).write_bytes(flipped)
        with pytest.raises(ValueError, match=rf"{name}' is broken: its bytes are no longer those"):
            opened.verify()
        (folder / name).write_bytes(content)
    PanelStore(folder).verify()


def test_a_bit_flipped_in_a_header_is_one_error(store, tmp_path):
    """NumPy reads a header by Python's tokenizer, whose errors are of their own kind."""
    folder, _ = copied(store, tmp_path / "copy")
    content = (folder / "gaps.npy").read_bytes()
    for place in range(content.index(b"\n") + 1):
        flipped = bytearray(content)
        flipped[place] ^= 4
        (folder / "gaps.npy").write_bytes(flipped)
        with pytest.raises(ValueError, match=r"gaps\.npy' is broken"):
            PanelStore(folder).verify()


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda _: b"", None])
def test_a_file_that_is_cut_or_gone_is_refused_as_a_store_is_opened(store, tmp_path, change, old):
    folder, names = copied(store, tmp_path / "copy")
    if old:  # Of keras_ts 0.2, which left no sizes.
        without = dataclasses.asdict(store.settings)
        del without["checksums"]
        (folder / "store.json").write_text(json.dumps({"format": 1, **without}))
        assert PanelStore(folder).labels == store.labels
        with pytest.raises(ValueError, match=r"cannot be verified: an older .* Write the store"):
            PanelStore(folder).verify()
    for name in names:
        content = (folder / name).read_bytes()
        (folder / name).unlink() if change is None else (folder / name).write_bytes(change(content))
        with pytest.raises(ValueError, match=rf"{name}' is broken.* Write the store again"):
            WINDOWS.build(PanelStore(folder))
        if not old:
            with pytest.raises(ValueError, match=rf"{name}' is broken: it has [\d,]+ bytes, and"):
                PanelStore(folder)
        (folder / name).write_bytes(content)
    assert WINDOWS.build(PanelStore(folder)).num_windows == WINDOWS.build(store).num_windows
