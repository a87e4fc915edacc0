"""A table becomes a frame of the library asked for, or the package that is missing is named."""

import sys

import numpy as np
import pytest

from keras_ts.evaluation.reports.frames import as_frame


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library, monkeypatch):
    frame = as_frame({"a": np.arange(3), "b": np.ones(3)}, library)
    assert type(frame).__module__.startswith(library)
    assert frame["a"].to_list() == [0, 1, 2]
    assert list(frame.columns) == ["a", "b"]
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"needs {library}: pip install {library}\."):
        as_frame({}, library)


def test_other_libraries_are_refused():
    with pytest.raises(ValueError, match="library must be one of 'pandas', 'polars'"):
        as_frame({}, "R")
