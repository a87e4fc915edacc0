"""A folder in work is one process's own, and remembers what it was begun with."""

import numpy as np
import pytest

from keras_ts.scale.writing.unfinished import Unfinished, write_array


def test_another_process_is_kept_out(tmp_path):
    """A lock belongs to an open file, so that a second one shows what another process sees."""
    with (
        Unfinished(tmp_path).writing(),
        pytest.raises(RuntimeError, match="Another process is writing"),
        Unfinished(tmp_path).writing(),
    ):
        pytest.fail("two at once")
    with Unfinished(tmp_path).writing():
        pass


def test_a_plan_is_kept_and_compared(tmp_path):
    work = Unfinished(tmp_path)
    work.path.mkdir()
    assert work.agree({"a": (1, 2), "free": 3})["free"] == 3
    assert work.agree({"a": [1, 2], "free": 4})["free"] == 3
    with pytest.raises(ValueError, match=r"begun with a=\[1, 2\], and not 5.*delete the folder"):
        work.agree({"a": 5, "free": 3})


def test_arrays_are_written_from_a_row_on(tmp_path):
    path = tmp_path / "rows"
    write_array(path, 2, np.array([[5, 6]], np.int16))
    write_array(path, 0, np.array([[1, 2], [3, 4]], np.int16))
    write_array(path, 3, np.zeros((0, 2), np.int16))
    assert np.fromfile(path, np.int16).tolist() == [1, 2, 3, 4, 5, 6]
