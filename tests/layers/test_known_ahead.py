"""``KnownAhead`` gives every step of a window the known values of the steps that follow it."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from keras_ts.layers import KnownAhead


# Few shapes, since JAX compiles for each.
@pytest.mark.parametrize(
    ("window", "horizon", "columns"),
    [(1, 1, 1), (1, 6, 2), (6, 1, 1), (6, 3, 2), (4, 4, 1), (2, 5, 3)],
)
def test_step_p_reads_what_stands_1_to_horizon_steps_behind_it(window, horizon, columns):
    timeline = np.random.default_rng(0).normal(size=(2, window + horizon, columns))
    timeline = timeline.astype("float32")
    ahead = numpy(KnownAhead()([timeline[:, :window], timeline[:, window:]]))
    for p in range(window):
        for step in range(horizon):
            np.testing.assert_array_equal(ahead[:, p, step], timeline[:, p + 1 + step])


def test_the_symbolic_shape_is_the_eager_one():
    outputs = KnownAhead()([keras.Input((5, 2)), keras.Input((3, 2))])
    assert outputs.shape == (None, 5, 3, 2)


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 5, 2), (2, 3, 1)],
        [(2, 5), (2, 3)],
        [(2, 5, 2)],
        [(2, 5, 2), (2, 3, 2), (2, 3, 2)],
    ],
)
def test_inputs_that_do_not_continue_each_other(shapes):
    with pytest.raises(ValueError, match=r"KnownAhead takes \[past, future\].*Received shapes"):
        KnownAhead()([np.zeros(shape) for shape in shapes])


def test_an_open_length_is_refused():
    with pytest.raises(ValueError, match="fixed lengths"):
        KnownAhead()([keras.Input((None, 2)), keras.Input((3, 2))])
