"""Labels of any type are found among others, whatever their order."""

import numpy as np

from keras_ts.windows.arithmetic.labels import places_of


def test_labels_are_found_where_they_stand():
    labels = ["b", 3, "a", None]
    places = places_of(["a", "b", "x", 3, "a"], labels)
    assert places.tolist() == [2, 0, -1, 1, 2]
    assert places.dtype == np.int64
    assert places_of([], labels).tolist() == []
    assert places_of(["a"], []).tolist() == [-1]
