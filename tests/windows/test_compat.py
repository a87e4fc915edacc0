"""The drop-ins give what they replace: the course's own pipeline, and Keras's own function."""

import doctest
import inspect
import itertools
import unittest
from collections import Counter

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import keras_ts
from helpers import BACKEND
from helpers import course_dataset as course
from keras_ts import timeseries_dataset_from_array, windowed_dataset

tf = pytest.importorskip("tensorflow")


def needs_grain(into):
    if into == "grain":
        pytest.importorskip("grain")


def keras_function(*arguments, format="tf", **settings):
    """Keras's own function; up to 3.13 or so it makes tf.data only, and takes no format."""
    function = keras.utils.timeseries_dataset_from_array
    if "format" in inspect.signature(function).parameters:
        return function(*arguments, format=format, **settings)
    if format != "tf":
        pytest.skip("this Keras makes tf.data only")
    return function(*arguments, **settings)


def listed(dataset):
    return [tuple(map(np.asarray, e if isinstance(e, tuple) else (e,))) for e in dataset]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert len(our) == len(their)
        for a, b in zip(our, their, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_array_equal(a, b)


def pairs(batches):
    return Counter(
        (x.tobytes(), y.tobytes()) for batch in batches for x, y in zip(*batch, strict=True)
    )


def order(dataset):
    """First value of every window, in the order of one pass."""
    return [int(v) for (x, *_) in listed(dataset) for v in np.atleast_2d(x)[:, 0]]


# ------------------------------------------------------------------ windowed_dataset


@settings(max_examples=15)
@given(st.data())
def test_windowed_dataset_is_the_course_pipeline(data):
    window, batch = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 9))
    shape = (data.draw(st.integers(window + 1, 40)), *data.draw(st.sampled_from([(), (1,), (2,)])))
    dtype = data.draw(st.sampled_from(["float32", "float64", "int64"]))
    series = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    if data.draw(st.booleans()):
        series = series.tolist()
    ours = windowed_dataset(series, window, batch, shuffle_buffer=1)
    theirs = course(series, window, batch, shuffle_buffer=1)
    assert_same(listed(ours), listed(theirs))
    assert int(ours.cardinality()) == len(listed(theirs))
    shuffled = listed(windowed_dataset(series, window, batch))
    assert pairs(shuffled) == pairs(listed(course(series, window, batch)))


def test_windowed_dataset_shuffles_everything_afresh_each_pass():
    dataset = windowed_dataset(np.arange(5000.0), 3, shuffle_buffer=2)
    first, second = order(dataset), order(dataset)
    assert sorted(first) == sorted(second) == list(range(4997))
    assert np.median(np.abs(np.argsort(first) - np.argsort(second))) > 1000
    assert np.median(np.abs(np.argsort(first) - np.arange(4997))) > 1000


def test_windowed_dataset_trains():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    dataset = windowed_dataset(np.linspace(0, 1, 50, dtype="float32"), 5)
    model.fit(dataset, epochs=2, verbose=0, shuffle=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.arange(3.0), 3), "series"),
        ((np.arange(9.0), 0), "window_size"),
        ((np.arange(9.0), 3, 0), "batch_size"),
        ((np.arange(9.0), 3, 32, 0), "shuffle_buffer"),
        (
            ([1.0, np.nan, 2.0, 3.0], 1),
            r"position 1\. Fill them, or use WindowedSeries\(1, missing",
        ),
    ],
)
def test_windowed_dataset_misuse(arguments, words):
    with pytest.raises(ValueError, match=words):
        windowed_dataset(*arguments)


# ------------------------------------------------------------------ Keras's function


@st.composite
def calls(draw):
    """Arguments for which Keras's function is right, or gives nothing."""
    length = draw(st.integers(2, 40))
    start = draw(st.none() | st.integers(0, length - 1))
    end = draw(st.none() | st.integers((start or 0) + 1, length))
    assume(end != length)  # Keras refuses it; see test_whole_length_is_an_end
    arguments = {
        "sequence_length": draw(st.integers(1, 8)),
        "sequence_stride": draw(st.integers(1, min(5, length - 1))),
        "sampling_rate": draw(st.integers(1, min(4, length - 1))),
        "batch_size": draw(st.none() | st.integers(1, 9)),
        "start_index": start,
        "end_index": end,
    }

    def values(size, tail):
        dtype = draw(st.sampled_from(["float32", "float64", "int32", "int64", "uint8", "bool"]))
        array = np.arange(size * int(np.prod(tail))).reshape(size, *tail).astype(dtype)
        make = draw(st.sampled_from([np.asarray, np.ndarray.tolist, tf.constant]))
        return make(array)

    arguments["data"] = values(length, draw(st.sampled_from([(), (1,), (2, 3)])))
    arguments["targets"] = None
    if draw(st.booleans()):
        size = draw(st.integers(1, length + 2))
        arguments["targets"] = values(size, draw(st.sampled_from([(), (2,)])))
        reach = (arguments["sequence_length"] - 1) * arguments["sampling_rate"]
        windows = (length if end is None else end) - (start or 0) - reach
        # Keras reads past the end of targets that are short by less than start_index.
        assume(size - (start or 0) >= min(windows, size))
    return arguments


@pytest.mark.parametrize("into", ["tf", "grain"])
@settings(max_examples=30)
@given(call=calls())
def test_same_as_keras(into, call):
    needs_grain(into)
    keras_dataset = keras_function(**call, format=into)
    theirs = listed(keras_dataset)
    if not theirs:
        with pytest.raises(ValueError, match=r"positions|targets"):
            timeseries_dataset_from_array(**call, format=into)
        return
    ours = timeseries_dataset_from_array(**call, format=into)
    raw = next(iter(ours))
    if into == "grain" and call["batch_size"] and BACKEND != "jax":
        # TensorFlow stacks integers into int32 or int64, as they fit; Keras for PyTorch
        # narrows float64 targets. Ours keep their dtype.
        given = [np.asarray(call[name]).dtype for name in ("data", "targets")]
        theirs = [tuple(map(np.ndarray.astype, batch, given)) for batch in theirs]
    assert_same(listed(ours), theirs)
    assert type(raw) is type(next(iter(keras_dataset)))
    if into == "tf":
        assert int(ours.cardinality()) == len(theirs)
        for our, their in zip(
            tf.nest.flatten(ours.element_spec),
            tf.nest.flatten(keras_dataset.element_spec),
            strict=True,
        ):
            assert our.dtype == their.dtype
            assert our.is_compatible_with(their)


@pytest.mark.parametrize("into", ["tf", "grain"])
@settings(max_examples=15)
@given(call=calls(), seed=st.integers(0, 99))
def test_shuffle_is_a_permutation_of_what_keras_gives(into, call, seed):
    needs_grain(into)
    call["data"] = np.arange(len(call["data"]))
    call["targets"] = None if call["targets"] is None else np.arange(len(call["targets"]))
    theirs = order(keras_function(**call, format=into))
    assume(theirs)
    dataset = timeseries_dataset_from_array(**call, format=into, shuffle=True, seed=seed)
    again = timeseries_dataset_from_array(**call, format="tf", shuffle=True, seed=seed)
    again = again.unbatch() if call["batch_size"] else again
    for _ in range(2):
        one = order(dataset)
        assert sorted(one) == theirs
        assert order(again) == one
    for element in listed(dataset):
        if len(element) == 2:
            first = np.atleast_2d(element[0])[:, 0] - (call["start_index"] or 0)
            target = np.atleast_1d(element[1]) - (call["start_index"] or 0)
            np.testing.assert_array_equal(first, target)


@pytest.mark.parametrize("into", ["tf", "grain"])
def test_every_pass_is_a_fresh_uniform_permutation(into):
    needs_grain(into)
    data = np.arange(5000)
    dataset = timeseries_dataset_from_array(
        data, None, 5, batch_size=64, shuffle=True, seed=3, format=into
    )
    ranks = [np.argsort(order(dataset)) for _ in range(3)]
    ranks.append(np.arange(4996))
    for one, other in itertools.combinations(ranks, 2):
        assert np.median(np.abs(one - other)) > 1000  # 1,463 expected


@pytest.mark.parametrize("into", ["tf", "grain"])
def test_a_pass_left_early_is_not_gone_through_again(into):
    needs_grain(into)
    dataset = timeseries_dataset_from_array(
        np.arange(100), None, 5, batch_size=20, shuffle=True, seed=3, format=into
    )
    first = np.asarray(next(iter(dataset)))
    second = np.asarray(next(iter(dataset)))
    assert not np.array_equal(first, second)


def test_seed_comes_from_keras():
    def one():
        keras.utils.set_random_seed(7)
        return order(timeseries_dataset_from_array(np.arange(50), None, 5, shuffle=True))

    assert one() == one()


def test_grain_goes_on_in_the_middle_of_a_pass():
    needs_grain("grain")

    def make():
        return timeseries_dataset_from_array(
            np.arange(50), None, 5, batch_size=4, shuffle=True, seed=1, format="grain"
        )

    dataset = make()
    list(dataset)
    iterator = iter(dataset)
    next(iterator)
    state, rest = iterator.get_state(), listed(iterator)
    fresh = iter(make())
    fresh.set_state(state)
    assert_same(listed(fresh), rest)


def test_one_gather_makes_many_batches():
    """Chunks larger than one call, a last batch that is short, and text."""
    data = np.arange(60_000.0)
    batches = listed(timeseries_dataset_from_array(data, data[30:], 30, batch_size=1000))
    assert [len(x) for x, _ in batches] == [1000] * 59 + [970]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    np.testing.assert_array_equal(x, np.lib.stride_tricks.sliding_window_view(data, 30)[:-1])
    np.testing.assert_array_equal(y, data[30:])
    text = np.array(list("abcde"))
    ours = listed(timeseries_dataset_from_array(text, text, 2))
    assert_same(ours, listed(keras_function(text, text, 2)))


# ------------------------------------------------------------------ where Keras goes wrong


@pytest.mark.parametrize("into", ["tf", "grain"])
def test_whole_length_is_an_end(into):
    needs_grain(into)
    data = np.arange(10)
    assert order(timeseries_dataset_from_array(data, None, 3, end_index=10, format=into)) == [
        *range(8)
    ]
    with pytest.raises(ValueError, match="end_index"):
        keras_function(data, None, 3, end_index=10, format=into)


@pytest.mark.parametrize("into", ["tf", "grain"])
def test_short_targets_end_the_windows(into):
    needs_grain(into)
    data = np.arange(20)
    dataset = timeseries_dataset_from_array(
        data, data[3:], 3, start_index=5, batch_size=None, format=into
    )
    assert [(int(x[0]), int(y)) for x, y in listed(dataset)] == [(i, i + 3) for i in range(5, 17)]


def test_recipe_of_the_docstring_loses_no_window():
    data = np.arange(100)
    assert len(order(timeseries_dataset_from_array(data, data[10:], 10))) == 90
    assert len(order(keras_function(data[:-10], data[10:], 10))) == 81


def test_stride_and_rate_as_long_as_the_data():
    dataset = timeseries_dataset_from_array(np.arange(5), None, 1, 5, 5)
    assert order(dataset) == [0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sequence_length": 11}, "has 10 positions.*sequence_length=11.*spans 11"),
        ({"sequence_length": 6, "sampling_rate": 2}, "spans 11"),
        ({"start_index": 8}, r"data\[8:10\] has 2 positions"),
        ({"end_index": 0}, "`end_index` must be"),
        ({"end_index": -1}, "`end_index` must be"),
        ({"end_index": 11}, "`end_index` must be.*end_index=11.*=10"),
        ({"start_index": -1}, "`start_index` must be"),
        ({"start_index": 5, "end_index": 5}, "`start_index` must be"),
        ({"sequence_length": 0}, "sequence_length"),
        ({"sequence_stride": 0}, "sequence_stride"),
        ({"sampling_rate": 0}, "sampling_rate"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1, "shuffle": True}, "seed"),
        ({"format": "torch"}, '"tf" or "grain"'),
        ({"targets": np.arange(4), "start_index": 4}, "targets.* is empty"),
    ],
)
def test_misuse(arguments, words):
    with pytest.raises(ValueError, match=words):
        timeseries_dataset_from_array(
            **{"data": np.arange(10), "targets": None, "sequence_length": 3, **arguments}
        )


@pytest.mark.parametrize(
    "arguments",
    [{"data": 3.0}, {"sequence_length": 3.0}, {"shuffle": "no"}, {"batch_size": True}],
)
def test_misuse_of_types(arguments):
    with pytest.raises(TypeError):
        timeseries_dataset_from_array(
            **{"data": np.arange(10), "targets": None, "sequence_length": 3, **arguments}
        )


@pytest.mark.parametrize(
    ("data", "targets"),
    [
        (tf.cast(tf.range(9), tf.bfloat16), None),
        (np.arange(9).astype("complex64"), np.arange(9)),
        (np.arange(9), tf.cast(tf.range(9), tf.bfloat16)),
    ],
)
def test_types_of_every_kind(data, targets):
    ours = timeseries_dataset_from_array(data, targets, 3, batch_size=4)
    assert_same(listed(ours), listed(keras_function(data, targets, 3, batch_size=4)))


@pytest.mark.parametrize("batch_size", [None, 4])
def test_text(batch_size):
    words = [str(number) for number in range(9)]
    for data, targets in ((words, words), (np.array(words), words), (np.arange(9), words)):
        ours = timeseries_dataset_from_array(data, targets, 3, batch_size=batch_size)
        theirs = keras_function(data, targets, 3, batch_size=batch_size)
        assert_same(listed(ours), listed(theirs))


# ------------------------------------------------------------------ others' tests, and ours


def test_keras_own_tests_pass(monkeypatch):
    name = "keras.src.utils.timeseries_dataset_utils_test"
    theirs = pytest.importorskip(name)
    module = theirs.timeseries_dataset_utils
    monkeypatch.setattr(module, "timeseries_dataset_from_array", timeseries_dataset_from_array)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(theirs.TimeseriesDatasetTest)
    result = unittest.TestResult()
    suite.run(result)
    # Keras's tests turn it off for the whole process.
    keras.config.enable_traceback_filtering()
    assert result.testsRun >= 9
    assert not result.errors + result.failures


@pytest.mark.parametrize("name", ["windowed_dataset", "timeseries_dataset_from_array"])
def test_examples_in_docstrings(name):
    """They need TensorFlow or Grain, so the run over all docstrings skips them."""
    needs_grain("grain" if name.startswith("time") else "tf")
    text = getattr(keras_ts, name).__doc__.replace("# doctest: +SKIP", "")
    test = doctest.DocTestParser().get_doctest(text, vars(keras_ts).copy(), name, None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0
