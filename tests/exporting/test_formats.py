"""A SavedModel answers a request that the model cannot take with an error, and no number."""

import keras
import numpy as np
import pytest

from described_inputs import arrays
from export_helpers import SERIES, TABLE, covariates, needs, plain
from keras_ts import Rollout, WindowedInput, WindowedSeries, export_model, forecast
from keras_ts.exporting.description import describe
from keras_ts.layers import MaskMissing
from keras_ts.layers.plumbing import Unmask

# Warnings of runtimes are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")

NAN = np.nan


def test_a_saved_model_refuses_what_the_model_cannot_take(tmp_path):
    """From the runtime that TensorFlow Serving calls, too."""
    needs("tf_saved_model")
    import tensorflow as tf

    export_model(plain(), tmp_path / "model", "tf_saved_model")
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "model"))
        signature = graph.signature_def["serving_default"]
        tensors = [
            session.graph.get_tensor_by_name(entries[name].name)._as_tf_output()
            for entries, name in ((signature.inputs, "past"), (signature.outputs, "forecast"))
        ]
        session._extend_graph()

        def ask(past):
            # Below Python's own comparison of shapes, which TensorFlow Serving does not have.
            feed = {tensors[0]: np.asarray(past, "float32")}
            return session._call_tf_sessionrun(None, feed, [tensors[1]], [], None)[0]

        assert ask([SERIES[-6:]] * 3).shape == (3, 2)
        for past, says in (
            ([SERIES[-5:]], "not compatible with expected shape"),
            ([np.full(6, np.nan)], "past holds an infinite value, or a missing one"),
            ([np.full(6, np.inf)], "past holds an infinite value, or a missing one"),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=says):
                ask(past)


def test_a_saved_model_of_a_model_that_masks(tmp_path):
    """Values may be missing where the model masks them, and as long as one is left."""
    needs("tf_saved_model")
    import tensorflow as tf

    model, table = covariates("mask")
    export_model(model, tmp_path / "model", "tf_saved_model")
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    table[-3, 0] = table[-6, 1] = np.nan
    about = describe(Rollout(model))
    rows = [dict(enumerate(row)) for row in table.tolist()]
    x = arrays(about, rows, rows[:3])
    x = {name: tf.constant(values) for name, values in x.items()}
    wanted = forecast(model, table, future=table[:3, 1:2])
    np.testing.assert_allclose(serve(**x)["forecast"][0], wanted, rtol=1e-4, atol=1e-5)
    empty = tf.constant(np.full_like(x["past"], np.nan))
    infinite = np.array(x["past"])
    infinite[0, 1, 0] = np.inf
    for name, values, says in (
        ("past", empty, "past must have a value of each of .0. to forecast from"),
        ("past", infinite, "past holds an infinite value"),
        ("future", x["future"] * np.nan, "future holds an infinite value, or a missing one"),
        ("static", x["static"] * np.inf, "static holds an infinite value"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=says):
            serve(**{**x, name: values})


@pytest.mark.parametrize(
    ("masked", "missing", "fits", "lacks", "least"),
    [
        ("any", "mask", [[1, 2], [NAN, NAN], [NAN, NAN]], [[1, NAN], [3, 4], [NAN, 2]], "a row"),
        ("all", "mask_targets", [[1, NAN], [NAN] * 2, [NAN, 2]], [[1, NAN], [3, 4], [3, NAN]], ""),
    ],
)
def test_values_that_a_forecast_starts_from(masked, missing, fits, lacks, least, tmp_path):
    """Of the rows 0 and 2, which the model reads, and of every window in a batch."""
    needs("tf_saved_model")
    import tensorflow as tf

    windows = WindowedSeries(2, sampling_rate=2, target_columns=[0, 1], missing=missing)
    past = keras.Input((2, 2))
    x = Unmask()(MaskMissing(masked)(WindowedInput.of(windows.build(TABLE))(past)))
    model = keras.Model(past, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    export_model(model, tmp_path / "model", "tf_saved_model")
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    whole = np.ones((3, 2))
    assert serve(past=tf.constant([whole, fits], "float32"))["forecast"].shape == (2, 1, 2)
    for window in (lacks, [[NAN, NAN], [1, 2], [NAN, NAN]]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"past must have {least}.*value"):
            serve(past=tf.constant([whole, window], "float32"))
