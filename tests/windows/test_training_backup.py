"""A fit that was killed goes on from its last whole epoch, and ends bit for bit as if not."""

import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from helpers import BACKEND, arrays, compiled, distinct
from keras_ts import TrainingBackup, WindowedSeries, backtest, from_preset

WINDOWS = WindowedSeries(4, batch_size=8, shuffle=True, seed=1)


def built(windows=WINDOWS, series=None):
    return windows.build(np.sin(distinct(52)) if series is None else series)


def model_with_dropout():
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(4, "tanh"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "mse")
    return model


class Interrupt(keras.callbacks.Callback):
    """Ends a fit in the middle of its third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 3):
            raise KeyboardInterrupt


def fit(model, dataset, folder, *callbacks, **arguments):
    backup = TrainingBackup(dataset, folder, delete_checkpoint=False)
    arguments = {"epochs": 5, "shuffle": False, "verbose": 0, **arguments}
    begin = {"initial_epoch": backup.epoch, **arguments}
    return model.fit(dataset, callbacks=[*callbacks, backup], **begin)


def interrupted(folder):
    with pytest.raises(KeyboardInterrupt):
        fit(model_with_dropout(), built(), folder, Interrupt())


def test_a_fit_goes_on_bit_for_bit(tmp_path):
    whole = model_with_dropout()
    losses = whole.fit(built(), epochs=5, shuffle=False, verbose=0).history["loss"]
    interrupted(tmp_path / "backup")
    keras.utils.set_random_seed(7)  # A new process has other random numbers.
    dataset, resumed = built(), model_with_dropout()
    assert TrainingBackup(dataset, tmp_path / "backup").epoch == 2
    history = fit(resumed, dataset, tmp_path / "backup")
    assert history.history["loss"] == losses[2:]
    assert dataset.epoch == 5
    for got, wanted in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    again = model_with_dropout()
    assert fit(again, built(), tmp_path / "backup").history == {}  # Nothing is left to train.
    np.testing.assert_array_equal(again.get_weights()[0], whole.get_weights()[0])


def test_a_preset_goes_on_by_itself_also_in_epochs_of_some_batches(tmp_path):
    preset = from_preset("gru_32x2", units=(3,), dropout=0.2)
    series = np.sin(np.arange(90.0))
    windows = preset.windows_for(series, horizon=2, window=5, batch_size=8, seed=1)
    arguments = {"epochs": 4, "steps_per_epoch": 7, "verbose": 0}

    def trained(*callbacks):
        keras.utils.set_random_seed(1)
        train = windows.build(series)
        backup = TrainingBackup(train, tmp_path / "backup")
        return preset.fit(train, callbacks=[*callbacks, backup], **arguments)

    whole = trained()
    assert not (tmp_path / "backup").exists()
    with pytest.raises(KeyboardInterrupt):
        trained(Interrupt())
    assert (tmp_path / "backup").exists()
    for got, wanted in zip(trained().get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    with pytest.raises(ValueError, match="was made for another dataset"):
        preset.fit(windows.build(series), callbacks=[TrainingBackup(built(), tmp_path)])


def test_an_epoch_that_was_cut_short_is_not_kept(tmp_path):
    class Stop(Interrupt):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training |= (self.epoch, batch) == (2, 3)

    fit(model_with_dropout(), built(), tmp_path, Stop())
    assert TrainingBackup(built(), tmp_path).epoch == 2


def test_the_backup_goes_when_the_fit_has_ended(tmp_path):
    folder = tmp_path / "backup"
    model, dataset = model_with_dropout(), built()
    model.fit(dataset, verbose=0, shuffle=False, callbacks=[TrainingBackup(dataset, folder)])
    assert not folder.exists()
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    model.fit(dataset, verbose=0, shuffle=False, callbacks=[TrainingBackup(dataset, folder)])
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def with_other_values(dataset_of=np.cos):
    return built(series=dataset_of(distinct(52)))


def with_other_weights():
    return WINDOWS.build(np.sin(distinct(52)), sample_weight=np.arange(1.0, 53.0))


@pytest.mark.parametrize(
    ("model", "dataset", "arguments", "words"),
    [
        (model_with_dropout, built, {"initial_epoch": 0}, "goes on with epoch 2.*initial_epoch"),
        (lambda: compiled(4), built, {}, "is of another model or optimizer"),
        (model_with_dropout, with_other_values, {}, "is of a fit on other windows.*other values"),
        (model_with_dropout, lambda: WINDOWS.build(distinct(60)), {}, "other windows.*56"),
        (model_with_dropout, lambda: with_other_weights(), {}, "other windows.*other values"),
        (lambda: unbuilt_model(), built, {}, "needs a model that is built"),
    ],
)
def test_what_does_not_fit_a_backup_is_refused(model, dataset, arguments, words, tmp_path):
    interrupted(tmp_path)
    before = (tmp_path / "training.npz").read_bytes()
    with pytest.raises(ValueError, match=words):
        fit(model(), dataset(), tmp_path, **arguments)
    assert (tmp_path / "training.npz").read_bytes() == before


def _another_archive(path):
    np.savez(path, weights=np.zeros(3))


def _of_no_version(path):
    """Of a version of the archive's format that there is not, in its directory."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 6] = 0x94
    path.write_bytes(content)


def _with_another_text(path):
    np.savez(path, about=np.frombuffer(b"[1]", np.uint8))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no archive"),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"total", b"totel")),
        _of_no_version,
        _another_archive,
        _with_another_text,
    ],
)
def test_a_backup_that_is_not_whole_is_refused(spoil, tmp_path):
    """Cut, of another program, or with a changed byte, which the archive's checksum tells."""
    fit(model_with_dropout(), built(), tmp_path, epochs=1)
    spoil(tmp_path / "training.npz")
    with pytest.raises(ValueError, match=r"training\.npz' cannot be read.*Remove it to begin anew"):
        TrainingBackup(built(), tmp_path).epoch  # noqa: B018


def unbuilt_model():
    """On JAX and PyTorch Keras builds it before it calls callbacks, so it is refused by shape."""
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    if BACKEND != "tensorflow":
        pytest.skip("Keras builds the model before the fit begins")
    return model


def test_other_arguments_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"dataset must be a WindowDataset\. Received: dataset="):
        TrainingBackup(np.zeros(3), tmp_path)
    with pytest.raises(ValueError, match="TrainingBackup belongs to one dataset"):
        backtest(
            from_preset("gru_32x2"), np.sin(np.arange(200.0)), 2, 2,
            callbacks=[TrainingBackup(built(), tmp_path)],
        )  # fmt: skip


RUN = """
import sys, pathlib, keras, numpy as np
from keras_ts import TrainingBackup, WindowedSeries
folder, rate, resumes = pathlib.Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "resume"
keras.utils.set_random_seed(1)
series = np.sin(np.arange(150.0)).astype("float32")
data = WindowedSeries(6, batch_size=8, shuffle=True, seed=11).build(series)
hidden = [keras.layers.Dropout(rate)] if rate else []
layers = [keras.Input((6, )), keras.layers.Dense(4, "tanh"), *hidden, keras.layers.Dense(1)]
model = keras.Sequential(layers)
model.compile("adam", "mse")
backup = TrainingBackup(data, folder / "backup")
print(backup.epoch, flush=True)
model.fit(data, epochs=60, initial_epoch=backup.epoch, shuffle=False, verbose=0, callbacks=[backup])
np.savez(folder / "weights.npz", *model.get_weights())
"""


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0, 0.3])
def test_a_killed_process_goes_on_bit_for_bit(rate, tmp_path):
    """By SIGKILL at random moments, several times in one fit."""
    draw = np.random.default_rng(0)

    def run(folder, seconds=None):
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-c", RUN, str(folder), str(rate), "resume"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        begun = int(process.stdout.readline())
        if seconds is not None:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        process.wait(300)
        process.stdout.close()
        return begun

    run(tmp_path / "whole")
    begins = [run(tmp_path / "killed", draw.uniform(0.2, 3.0)) for _ in range(5)]
    begins.append(run(tmp_path / "killed"))
    assert begins == sorted(begins)
    whole, resumed = (arrays(tmp_path / name / "weights.npz") for name in ("whole", "killed"))
    for name in whole:
        np.testing.assert_array_equal(resumed[name], whole[name])
