"""Holes come where a model says that it masks them, and nowhere else."""

import keras
import numpy as np
import pytest

from keras_ts import WindowedInput, WindowedSeries
from keras_ts.checks.holes import with_holes
from keras_ts.layers import MaskMissing

X = np.random.default_rng(0).normal(size=(3, 8, 2)).astype("float32")
PLAN = np.ones((3, 4, 1), "float32")


def masking(*names):
    """A model that masks the first of its inputs."""
    shapes = ((8, 2), (4, 1))
    inputs = [keras.Input(shape, name=name) for shape, name in zip(shapes, names, strict=False)]
    pooled = [keras.layers.GlobalAveragePooling1D()(MaskMissing()(inputs[0]))]
    pooled += map(keras.layers.Flatten(), inputs[1:])
    return keras.Model(inputs, pooled)


def test_values_are_missing_in_every_window_at_different_places():
    runs = [arrays[0] for arrays in with_holes(masking("past"), [X])]
    missing = [np.isnan(run) for run in runs]
    for mask, run in zip(missing, runs, strict=True):
        assert (mask == mask[0]).all()
        assert mask.any()
        assert not mask.all(axis=2).all()
        np.testing.assert_array_equal(run[~mask], X[~mask])
    steps = {tuple(mask[0].all(axis=1)) for mask in missing}
    assert len(steps) == 5
    # In front, within, at the end, and in one column alone.
    assert any(s[0] and s[1] and not s[4] for s in steps)
    assert any(s[4] and not s[0] and not s[7] for s in steps)
    assert any(s[7] and not any(s[:7]) for s in steps)
    assert any(mask.any() and not mask.all(axis=2).any() for mask in missing)
    assert not np.isnan(X).any()


def test_past_alone_or_one_input_after_the_other():
    named = list(with_holes(masking("past", "future"), [X, PLAN]))
    assert len(named) == 5
    assert all(future is PLAN for _, future in named)
    runs = list(with_holes(masking("sales", "plan"), [X, PLAN]))
    assert [sum(np.isnan(part).any() for part in run) for run in runs] == [1] * len(runs)
    assert {np.isnan(run[1]).any() for run in runs} == {False, True}


@pytest.mark.parametrize(
    ("missing", "count"), [("mask", 5), ("keep", 5), ("drop", 0), ("raise", 0)]
)
def test_a_model_without_the_layer_says_so_in_its_windows(missing, count):
    past = keras.Input((8, 1), name="past")
    model = keras.Model(past, WindowedInput(WindowedSeries(8, missing=missing))(past))
    assert len(list(with_holes(model, [X[..., :1]]))) == count


def test_short_windows_and_integers():
    model = keras.Sequential([keras.Input((None, 1)), MaskMissing()])
    assert [np.isnan(run[0]).sum() for run in with_holes(model, [X[:, :2, :1]])] == [3] * 5
    assert list(with_holes(model, [X[:, :1, :1]])) == []
    assert list(with_holes(model, [np.ones((3, 8, 1), int)])) == []
