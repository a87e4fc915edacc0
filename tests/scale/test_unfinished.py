"""A folder in work is one process's own, and remembers what it was begun with."""

import numpy as np
import pytest

from keras_ts.scale.store import unfinished
from keras_ts.scale.writing.finishing import write_array


def test_another_process_is_kept_out(tmp_path):
    """A lock belongs to an open file, so that a second one shows what another process sees."""
    with (
        unfinished(tmp_path),
        pytest.raises(RuntimeError, match="Another process is writing"),
        unfinished(tmp_path),
    ):
        pytest.fail("two at once")
    with unfinished(tmp_path):
        pass


def test_what_a_cut_off_write_left_is_removed(tmp_path):
    """Other files in the folder stay."""
    with unfinished(tmp_path):
        for name in ("sorted.values", "regular.given", "gaps.npy", "keys.arrow", "mine.txt"):
            (tmp_path / name).write_text("left")
        (tmp_path / "unfinished" / "sorting").mkdir()
        (tmp_path / "unfinished" / "source.parquet").write_text("left")
    with unfinished(tmp_path):
        assert sorted(path.name for path in tmp_path.rglob("*")) == [
            "lock",
            "mine.txt",
            "unfinished",
        ]


def test_arrays_are_appended(tmp_path):
    path = tmp_path / "rows"
    write_array(path, np.array([[1, 2], [3, 4]], np.int16))
    write_array(path, np.zeros((0, 2), np.int16))
    write_array(path, np.array([[5, 6]], np.int16)[:, ::-1])
    assert np.fromfile(path, np.int16).tolist() == [1, 2, 3, 4, 6, 5]
