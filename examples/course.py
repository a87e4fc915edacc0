"""Any of the course's recipes on the course's series, beside the naive forecast.

python examples/course.py simple_rnn_40x2
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_ts


def main() -> None:
    """Train one recipe, judge it, save it and load it again."""
    names = keras_ts.preset_names()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=51)
    arguments = parser.parse_args()
    if arguments.name not in names:
        print(f"error: NAME must be one of {', '.join(names)}.", file=sys.stderr)
        sys.exit(2)
    if arguments.epochs is not None and arguments.epochs < 1:
        print("error: --epochs must be >= 1.", file=sys.stderr)
        sys.exit(2)
    run(arguments.name, arguments.epochs, arguments.seed)


def run(name: str, epochs: int | None, seed: int) -> None:
    """Train the recipe ``name`` as it is taught: split at 1000, windows of 20."""
    keras.utils.set_random_seed(seed)
    preset = keras_ts.from_preset(name)
    # Three of the course's models come without a fit of their own; they get that of the fourth.
    recipe = preset.recipe or keras_ts.from_preset("simple_rnn_40x2").recipe
    epochs = epochs or recipe.epochs
    windows = keras_ts.WindowedSeries(
        20,
        targets="sequence" if preset.kind == "sequence_to_sequence" else "vector",
        batch_size=recipe.batch_size,
        shuffle=True,
        seed=seed,
    )
    train, validation = windows.split(keras_ts.course_series(), at=1000)
    # In a sequence the targets of a window begin before its origin; judge one step ahead.
    inputs, targets = (
        keras_ts.WindowedSeries(20).split(keras_ts.course_series(), at=1000)[1].to_numpy()
    )

    model = preset.build(window=20)
    recipe.compile(model, steps_per_epoch=len(train))
    if recipe.steps_per_decade is not None:
        model = sweep_and_set(model, recipe, train, epochs)
    history = model.fit(
        train, validation_data=validation, epochs=epochs, verbose=0, callbacks=[Progress(epochs)]
    )

    def last_step(model: keras.Model) -> np.ndarray:
        x = inputs[..., None] if len(model.input_shape) == 3 else inputs
        return model.predict(x, verbose=0).reshape(len(x), -1)[:, -1]

    predictions = last_step(model)
    naive = np.abs(inputs[:, -1] - targets).mean()
    error = np.abs(predictions - targets).mean()
    print(f"{name}: loss {history.history['loss'][0]:.3f} -> {history.history['loss'][-1]:.3f}")
    print(
        f"validation MAE {error:.3f}, naive {naive:.3f}"
        + ("" if error < naive else ": it loses to the naive forecast.")
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.keras"
        model.save(path)
        again = last_step(keras.saving.load_model(path))
    print(f"saved and reloaded: largest difference {np.abs(again - predictions).max():.1e}")


def sweep_and_set(
    model: keras.Model, recipe: object, train: keras_ts.WindowDataset, epochs: int
) -> keras.Model:
    """The course's sweep, an epoch a rate; then train at the rate it suggests."""
    sweep = keras_ts.ExponentialLRSweep(
        recipe.learning_rate, steps_per_decade=recipe.steps_per_decade, every="epoch"
    )
    model.fit(train, epochs=epochs, shuffle=False, verbose=0, callbacks=[sweep, Progress(epochs)])
    try:
        model.optimizer.learning_rate = sweep.suggest()
        print(f"the sweep {sweep.stopped}; training at {sweep.suggest():.2e}")
    except ValueError as error:
        print(f"the sweep suggests nothing: {error}")
    return model


class Progress(keras.callbacks.Callback):
    """One bar over all epochs."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._bar = keras.utils.Progbar(epochs, unit_name="epoch")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Move the bar."""
        self._bar.update(epoch + 1, [("loss", (logs or {})["loss"])])


if __name__ == "__main__":
    main()
