"""A row of the table is right for every kind of window, or refused before it reads one."""

import numpy as np
import pytest
from keras import ops

from keras_ts import RecurrentPreset
from keras_ts.layers import NormalizeWindow, window_statistics
from keras_ts.layers.window_statistics import (
    OF_WHOLE_WINDOWS,
    STATISTICS,
    of_present,
    of_steps_so_far,
    of_windows,
)

WINDOWS = ops.convert_to_tensor([[[1.0], [2.0], [6.0]]], "float32")


def test_a_new_row_is_a_statistic(monkeypatch):
    row = lambda steps: (steps.mean + steps.last, steps.deviation)  # noqa: E731
    monkeypatch.setitem(window_statistics.STATISTICS, "between", row)
    normal, location, _ = NormalizeWindow("between")(WINDOWS)
    assert np.asarray(location).item() == 9.0
    assert normal.shape == (1, 3, 1)


@pytest.mark.parametrize("statistic", OF_WHOLE_WINDOWS)
def test_a_statistic_of_whole_windows_is_refused_where_steps_see_only_those_before(statistic):
    with pytest.raises(ValueError, match=f"not supported with statistic='{statistic}'"):
        NormalizeWindow(statistic, period=2, causal=True)
    with pytest.raises(ValueError, match=f"window_norm='{statistic}' reads the whole window, and"):
        RecurrentPreset("sequence_to_sequence", window_norm=statistic, period=2)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_forms_agree_where_they_read_the_same_steps(statistic):
    """All steps are present, and the last step has seen all of them; its ``last`` is another."""
    present = ops.ones((1, 3, 1), "bool")
    at_last = ops.convert_to_tensor([[[False], [False], [True]]])
    counts = ops.full((1, 1, 1), 3)
    whole = STATISTICS[statistic](of_windows(WINDOWS, 1e-6))
    some = STATISTICS[statistic](of_present(WINDOWS, 1e-6, present, at_last, counts))
    so_far = of_steps_so_far(WINDOWS, 1e-6)._replace(last=WINDOWS)
    for ours, masked, running in zip(whole, some, STATISTICS[statistic](so_far), strict=True):
        ours, masked, running = map(ops.convert_to_numpy, (ours, masked, running))
        np.testing.assert_allclose(masked, ours, rtol=1e-6)
        np.testing.assert_allclose(running[:, -1:], ours, rtol=1e-6)
