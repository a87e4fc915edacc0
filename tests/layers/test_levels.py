"""The levels of a model are those of the layer that it ends in, however deep that stands."""

import keras

from keras_ts import ConformalInterval, SortedQuantiles
from keras_ts.layers.levels import last_layer, levels_of


def test_levels_of_the_last_layer():
    inputs = keras.Input((3,))
    point = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    assert levels_of(point) is None
    quantiles = keras.Sequential([keras.Input((3,)), point, SortedQuantiles([0.1, 0.5, 0.9])])
    assert levels_of(quantiles) == (0.1, 0.5, 0.9)
    wrapped = keras.Sequential([keras.Input((3,)), quantiles])
    assert levels_of(wrapped) == (0.1, 0.5, 0.9)
    assert isinstance(last_layer(wrapped), SortedQuantiles)
    banded = keras.Model(inputs, ConformalInterval(0.5)([point(inputs), inputs]))
    assert levels_of(banded) == (0.25, 0.5, 0.75)
    middle = keras.Model(inputs, keras.layers.Dense(1)(quantiles(inputs)))
    assert levels_of(middle) is None
