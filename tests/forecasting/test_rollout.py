"""A ``Rollout`` is the forecast as a model: it saves, reloads and exports, and gives its steps."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from export_helpers import needs, path_for
from helpers import BACKEND, called, run_fresh, timed
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedInput,
    WindowedSeries,
    check_reload,
    export_model,
    forecast,
    load_model,
    save_model,
)
from keras_ts.exporting.formats import FORMATS
from keras_ts.interface import Interface, remember
from keras_ts.windows.carried import Carried

pytestmark = pytest.mark.usefixtures("untraced_models")

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=60).astype("float32")
TABLE = RNG.normal(size=(60, 3)).astype("float32")


def with_covariates():
    """A model of two columns, with a future one."""
    windows = WindowedSeries(6, 2, target_columns=[1, 0], future_columns=[2])
    return RecurrentPreset(cell="gru", units=(3,)).build(windows.build(TABLE))


def inputs(steps, batch):
    return {
        "past": RNG.normal(size=(batch, 6, 3)).astype("float32"),
        "future": RNG.normal(size=(batch, steps, 1)).astype("float32"),
    }


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gives_what_forecast_gives(steps):
    windows = WindowedSeries(6, 2, sampling_rate=2)
    model = RecurrentPreset(units=(3,)).build(window=6, outputs=2)
    rollout = Rollout(model, windows, steps)
    assert rollout.input_shape == (None, 11)
    assert rollout.output_shape == (None, steps)
    out = rollout.predict(SERIES[None, -11:], verbose=0)
    np.testing.assert_allclose(out[0], forecast(model, SERIES, windows, steps), rtol=1e-5)


def test_columns_known_ahead_are_inputs():
    model = with_covariates()
    rollout = Rollout(model, steps=5)
    ahead = RNG.normal(size=(5, 1)).astype("float32")
    x = {"past": TABLE[None, -6:], "future": ahead[None]}
    out = rollout.predict(x, verbose=0)
    assert out.shape == (1, 5, 2)
    np.testing.assert_allclose(out[0], forecast(model, TABLE, steps=5, future=ahead), rtol=1e-5)


@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
@pytest.mark.parametrize("targets", [0, [0]])
def test_a_single_column_beside_a_calendar_has_the_axes_of_its_targets(targets, quantiles):
    table, settings = timed(SERIES, calendar=[7], target_columns=targets)
    dataset = WindowedSeries(6, 2, **settings).build(table)
    model = RecurrentPreset(units=(3,), quantiles=quantiles).build(dataset)
    shape = (*dataset[0][1].shape[1:], *[3][: len(quantiles or ())])
    assert Rollout(model).output_shape == (None, *shape)


@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
@pytest.mark.parametrize("horizon", [1, 2])
def test_a_single_column_beside_a_calendar_and_a_static_one(horizon, quantiles, tmp_path):
    columns = np.stack([SERIES, np.full(len(SERIES), 3.0)], axis=1)
    table, settings = timed(columns, calendar=[7], static_columns=1)
    dataset = WindowedSeries(6, horizon, **settings).build(table)
    model = RecurrentPreset(units=(3,), quantiles=quantiles).build(dataset)
    rollout = Rollout(model)
    rollout.save(tmp_path / "rollout.keras")
    x = {part: values[-1:] for part, values in dataset.to_numpy()[0].items()}
    wanted = forecast(model, table[:-horizon]).drop(columns=["row", "step"]).to_numpy()
    for loaded in (rollout, load_model(tmp_path / "rollout.keras")):
        out = loaded.predict(x, verbose=0)[0]
        np.testing.assert_allclose(np.ravel(out), np.ravel(wanted), rtol=1e-5)


def test_shows_a_changed_weight_and_shares_it():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    rollout = Rollout(model, WindowedSeries(3), 2)
    assert [weight.path for weight in rollout.weights] == [weight.path for weight in model.weights]
    model.set_weights([np.zeros((3, 1)), np.array([4.0])])
    assert rollout.predict(np.ones((1, 3)), verbose=0).tolist() == [[4.0, 4.0]]


def test_reloads_as_it_is(forked_reload):
    model = with_covariates()
    assert check_reload(Rollout(model, steps=5), inputs(5, 2)).ok


def test_all_that_the_model_carries_goes_along_but_its_scores():
    """Where the model was trained on and its season are known of a reloaded one, too."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    carried = Carried.of(WindowedSeries(3).build(SERIES), period=7)
    carried = replace(carried, trained_on={"series": [3, 40]}, scorecard={"model": "model"})
    remember(model, carried)
    for rollout in (Rollout(model, steps=2), Rollout(model)):
        own = Interface.of(Rollout.from_config(rollout.get_config()))
        assert own.carried.get_config() == {**carried.get_config(), "scorecard": None}
        assert own.trained_on == carried.trained_on


def test_windows_of_the_metadata_go_along(tmp_path):
    """The model that it holds has no ``WindowedInput``."""
    model = RecurrentPreset(units=(3,), features=3).build(window=6, outputs=3)
    dataset = WindowedSeries(6).build(TABLE)
    save_model(model, tmp_path / "model.keras", windows=dataset)
    rollout = Rollout(load_model(tmp_path / "model.keras"), steps=3)
    rollout.save(tmp_path / "rollout.keras")
    np.save(tmp_path / "in.npy", TABLE[None, -6:])
    run_fresh(
        "import sys, numpy as np, keras_ts\n"
        "rollout = keras_ts.load_model(sys.argv[1])\n"
        "np.save(sys.argv[2], rollout.predict(np.load(sys.argv[3]), verbose=0))\n",
        *[tmp_path / name for name in ("rollout.keras", "out.npy", "in.npy")],
    )
    out = np.load(tmp_path / "out.npy")[0]
    np.testing.assert_allclose(out, forecast(model, TABLE, WindowedSeries(6), 3), rtol=1e-5)


@pytest.mark.parametrize("format", ["tf_saved_model", "onnx"])
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch's loops are refused")
def test_the_exported_file_gives_all_steps(format, tmp_path):
    """For any number of series, not only as many as the model was called with last."""
    needs(format)
    rollout, path = Rollout(with_covariates(), steps=5), path_for(tmp_path, format)
    export_model(rollout, path, format, check=inputs(5, 1))
    x = inputs(5, 4)
    np.testing.assert_allclose(
        FORMATS[format].run(path, x), called(rollout, x), rtol=1e-4, atol=1e-5
    )


@pytest.mark.skipif(BACKEND != "torch", reason="others export loops")
@pytest.mark.parametrize("format", ["tf_saved_model", "onnx"])
def test_loops_of_pytorch_are_refused(format, tmp_path):
    rollout = Rollout(RecurrentPreset(units=(3,)).build(window=6), WindowedSeries(6), 3)
    with pytest.raises(ValueError, match="exporters record its loop for one batch size"):
        rollout.export(tmp_path / "file", format=format)


class Shapeless(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs[:, -1])


def test_a_subclass_needs_columns():
    model = Shapeless()
    model(np.ones((1, 6, 1)))
    with pytest.raises(ValueError, match="does not say how many columns it takes"):
        Rollout(model, WindowedSeries(6), 3)


def test_quantiles_stand_on_the_last_axis():
    windows = WindowedSeries(6, 3)
    model = RecurrentPreset(units=(3,), quantiles=[0.1, 0.5, 0.9]).build(windows.build(SERIES))
    assert Rollout(model).output_shape == (None, 3, 3)
    with pytest.raises(ValueError, match="median fed back"):
        Rollout(model, steps=4)


def test_carried_columns_tell_what_a_subclass_takes():
    class Carrying(Shapeless):
        def __init__(self):
            super().__init__()
            self.carrier = WindowedInput.of(WindowedSeries(6).build(SERIES[:, None]))

        def call(self, inputs):
            return super().call(self.carrier(inputs))

    model = Carrying()
    model(np.ones((1, 6, 1)))
    rollout = Rollout(model, steps=3)
    assert rollout.output_shape == (None, 3, 1)
    out = rollout.predict(SERIES[None, -6:, None], verbose=0)[0]
    np.testing.assert_allclose(out, forecast(model, SERIES[:, None], steps=3), rtol=1e-5)
