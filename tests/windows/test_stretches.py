"""Epochs of some batches are one long row of the batches of all passes, cut into pieces."""

import numpy as np
import pytest

from helpers import compiled, distinct
from keras_ts import WindowedSeries
from keras_ts.windows.dataset import in_stretches

WINDOWS = WindowedSeries(4, batch_size=8, shuffle=True, seed=1)


@pytest.mark.parametrize("steps", [1, 2, 4, 6, 8])
def test_each_epoch_goes_on_where_the_last_one_ends(steps):
    dataset, again = (WINDOWS.build(np.sin(distinct(52))) for _ in range(2))
    row = []
    for _ in range(6):
        row += [again[batch][0][0, 0] for batch in range(len(again))]
        again.next_epoch()
    stretches = in_stretches(dataset, steps)
    assert len(stretches) == steps
    for epoch in range(3):
        begins = [stretches[batch][0][0, 0] for batch in range(steps)]
        assert begins == row[epoch * steps : (epoch + 1) * steps]
        assert stretches.state() == {**dataset.state(), "epoch": epoch, "steps": steps}
        stretches.on_epoch_end()
    compiled(4).fit(stretches, epochs=2, shuffle=False, verbose=0)
    # Where an epoch is one batch, that which built the model counts, too.
    assert stretches.epoch == 5 or (steps == 1 and stretches.epoch == 6)
    assert dataset.epoch == 0
