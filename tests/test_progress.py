"""What takes long says so in a line on stderr, and what does not is quiet."""

import time

import keras
import numpy as np
import pytest

from helpers import BACKEND
from keras_ts import WindowedInput, WindowedSeries, _progress, export_model, fine_tune


@pytest.fixture(scope="module")
def trained():
    windows = WindowedSeries(6)
    dataset = windows.build(np.arange(40.0))
    past = keras.Input((6,))
    model = keras.Model(past, keras.layers.Dense(1)(WindowedInput.of(dataset)(past)))
    model.compile("sgd", "mae")
    return model, dataset


@pytest.mark.filterwarnings("ignore")  # Of the converters.
@pytest.mark.parametrize("patience", [0.0, 600.0])
def test_fine_tune_and_export_model_say_what_they_do(
    trained, tmp_path, monkeypatch, capsys, patience
):
    """At once, if nobody is patient; of the seconds that these take, nothing else."""
    model, dataset = trained
    monkeypatch.setattr(_progress, "PATIENCE_SECONDS", patience)
    monkeypatch.setattr(keras.config, "is_interactive_logging_enabled", lambda: True)
    fine_tune(model, dataset, epochs=2, learning_rate=1e-4)
    told = capsys.readouterr()
    line = f"Training further on train: 2 epochs of {len(dataset)} batches ...\n"
    assert (line in told.err, line in told.out) == (not patience, False)
    if BACKEND == "tensorflow":  # The others need TensorFlow or a converter beside them.
        export_model(model, tmp_path / "model", "tf_saved_model")
        line = f"traces the model and converts it to tf_saved_model, for {tmp_path}/model"
        assert (line in capsys.readouterr().err) == (not patience)


def test_nothing_is_said_where_keras_is_quiet(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(keras.config, "is_interactive_logging_enabled", lambda: False)
    with _progress.told("Working ..."):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""
