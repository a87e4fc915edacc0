"""The state of a run is read back for the windows that it was taken of, and for no others."""

import pytest

from helpers import distinct
from keras_ts import WindowedSeries


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (None, ValueError, "state must be a dict from state\\(\\). Received: state=None"),
        ({"seed": ...}, ValueError, "must be a dict from state"),
        ({"total": 5}, ValueError, "total=5, and this dataset has total=48"),
        ({"batch": 6}, ValueError, "must be < 6, the batches in an epoch. Received: 6"),
        ({"epoch": 1, "batch": -1}, ValueError, "must be >= 0"),
        ({"epoch": 1.5}, TypeError, "must be an integer"),
    ],
)
def test_a_state_that_cannot_be_gone_on_from_changes_nothing(change, error, says):
    dataset = WindowedSeries(3, batch_size=8, shuffle=True, seed=1).build(distinct(51))
    before = dataset.state()
    state = change and {k: v for k, v in {**before, **change}.items() if v is not ...}
    with pytest.raises(error, match=says):
        dataset.restore(state)
    assert dataset.state() == before


def test_restore_refuses_the_state_of_other_windows():
    state = WindowedSeries(3).build(distinct(50)).state()
    with pytest.raises(ValueError, match="total=47, and this dataset has total=57"):
        WindowedSeries(3).build(distinct(60)).restore(state)
