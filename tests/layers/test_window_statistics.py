"""A row of the table is right for every kind of window, or refused before it reads one."""

from functools import cached_property

import numpy as np
import pytest

from keras_ts import RecurrentPreset
from keras_ts.layers import NormalizeWindow, window_statistics
from keras_ts.layers.window_statistics import STATISTICS, Steps, has_running_form


class Asked:
    """Stands in for ``Steps``, and has public statistics alone."""

    def __getattr__(self, name):
        assert not name.startswith("_")
        assert isinstance(vars(Steps)[name], property | cached_property)
        return np.ones((1, 1, 1))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_rows_read_statistics_alone(statistic):
    assert len(STATISTICS[statistic](Asked())) == 2


def test_which_statistics_need_the_whole_window():
    assert {statistic for statistic in STATISTICS if not has_running_form(statistic)} == {
        "seasonal"
    }


def test_a_row_that_reads_the_whole_window_is_refused_where_steps_see_only_those_before(
    monkeypatch,
):
    row = lambda steps: (steps.mean + steps.level, steps.deviation)  # noqa: E731
    monkeypatch.setitem(window_statistics.STATISTICS, "between", row)
    normal, location, _ = NormalizeWindow("between")(np.array([[[1.0], [2.0], [6.0]]]))
    assert np.asarray(location).item() == 9.0
    assert normal.shape == (1, 3, 1)
    with pytest.raises(ValueError, match="causal=True is not supported with statistic='between'"):
        NormalizeWindow("between", causal=True)
    with pytest.raises(ValueError, match="window_norm='between' reads the whole window, and"):
        RecurrentPreset("sequence_to_sequence", window_norm="between")


@pytest.mark.parametrize("form", Steps.__subclasses__())
def test_no_form_inherits_a_statistic_from_another(form):
    """One that is new in whole windows would read masked steps where masks inherited it."""
    assert form.__bases__ == (Steps,)
    assert Steps.__abstractmethods__ <= set(vars(form))
