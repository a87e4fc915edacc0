"""Reading a .keras file without trusting it, and rewriting it whole or not at all."""

import json
import stat
import zipfile

import keras
import numpy as np
import pytest

from keras_ts.saving import archive


@pytest.fixture
def saved(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def read_all(path):
    with archive.opened(path) as opened:
        archive.read_json(opened, archive.CONFIG)
        for name in opened.namelist():
            archive.read(opened, name)


def refused(path, reason):
    with pytest.raises(ValueError, match=reason) as error:
        read_all(path)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) <= 5


def test_reads_what_keras_wrote(saved):
    with archive.opened(saved) as opened:
        for name in opened.namelist():
            archive.read(opened, name)
        assert archive.read_json(opened, archive.CONFIG)["class_name"] == "Sequential"
        assert archive.read_json(opened, archive.METADATA)["keras_version"] == keras.__version__


@pytest.mark.parametrize("in_place", [True, False])
def test_a_replaced_member_leaves_the_others(saved, in_place):
    want = keras.saving.load_model(saved).get_weights()
    if in_place:
        archive.update_json(saved, archive.METADATA, {"keras_version": "9.9"})
    else:
        content = json.dumps({"keras_version": "9.9"}).encode()
        archive.rewrite(saved, saved, {archive.METADATA: content})
    with archive.opened(saved) as opened:
        for name in opened.namelist():
            archive.read(opened, name)
        assert archive.read_json(opened, archive.METADATA)["keras_version"] == "9.9"
        assert len(opened.namelist()) == 3
    for got, expected in zip(keras.saving.load_model(saved).get_weights(), want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_failed_rewrite_leaves_the_target(saved, tmp_path):
    damaged = tmp_path / "damaged.keras"
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    before = saved.read_bytes()
    with pytest.raises(ValueError, match="damaged"):
        archive.rewrite(damaged, saved, {archive.METADATA: b"{}"})
    assert saved.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "damaged.keras"}


def test_not_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"), archive.opened(tmp_path / "a"):
        pass
    refused(tmp_path, "is not a file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"text", "zip archive"),
        (b"\x89HDF\r\n\x1a\n more", "rename it to end in .h5"),
        (b"PK\x03\x04 more", "cut off or damaged"),
    ],
)
def test_not_an_archive(tmp_path, content, reason):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    refused(path, reason)


def test_cut_off(saved):
    content = saved.read_bytes()
    for length in range(4, len(content), len(content) // 40):
        saved.write_bytes(content[:length])
        refused(saved, "cut off or damaged")


@pytest.mark.parametrize(
    "name", ["../config.json", "/config.json", "a/../../b", "a\\b", "C:config.json"]
)
def test_names_outside_the_archive(tmp_path, name):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr(name, "{}")
    refused(path, "outside the archive")


def test_links(tmp_path):
    path = tmp_path / "model.keras"
    info = zipfile.ZipInfo("config.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as new:
        new.writestr(info, "/etc/passwd")
    refused(path, "is a link")


def test_bombs(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("config.json", b"0" * (64 << 20))
    refused(path, "claims to unpack")


def test_two_members_of_one_name(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("config.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            new.writestr("config.json", "{}")
    refused(path, "twice")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1]", "must hold a JSON object"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"a": 1' + "0" * 10_000 + "}", "not valid JSON"),
        ("\xff", "not valid JSON"),
        (" " * (9 << 20), "more than any sensible"),
    ],
)
def test_bad_json(tmp_path, text, reason):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("config.json", text.encode("latin-1"))
    refused(path, reason)


def test_missing_member(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("other.json", "{}")
    refused(path, "config.json is missing")
