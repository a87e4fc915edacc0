"""``find_learning_rate``: runs one sweep of a model, or several, in one call."""

import random
from typing import Any

import keras
import numpy as np

from keras_ts import _checks, _keras_private
from keras_ts._backends import seed_generators
from keras_ts._progress import progress_bar
from keras_ts.sweep.callback import ExponentialLRSweep
from keras_ts.sweep.session import accumulation, check_sweepable
from keras_ts.windows.dataset import WindowDataset


def find_learning_rate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    stop_factor: float | None = 4.0,
    repeats: int = 1,
    **fit_arguments: Any,
) -> ExponentialLRSweep:
    """Sweep the learning rate of a compiled model and leave the model as it was.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import find_learning_rate
    >>> keras.utils.set_random_seed(0)
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(256, 3))
    >>> sweep = find_learning_rate(model, x, x.sum(axis=1), verbose=0)
    >>> 1e-4 < sweep.suggest() < 1.0
    True

    A single sweep is noisy. The mean of several is less so, and their spread shows how far the
    suggestion can be trusted:

    >>> sweep = find_learning_rate(model, x, x.sum(axis=1), repeats=5, verbose=0)
    >>> low, high = sweep.suggest_interval()
    >>> low <= sweep.suggest() <= high
    True

    Args:
        model: A built and compiled model.
        x: Training data, anything that ``fit`` takes.
        y: Targets, unless ``x`` holds them. Defaults to None.
        start_lr: The first rate. Defaults to 1e-7.
        end_lr: The last rate, unless the loss diverges before. Defaults to 10.
        steps: Number of rates, each for one batch; the data is repeated as needed. Defaults to 100.
        smoothing: Weight of the past in the smoothed loss. Defaults to 0.9.
        stop_factor: See ``ExponentialLRSweep``. Defaults to 4.0.
        repeats: Number of sweeps. Each starts from the model's weights, with another order of
            shuffled data and other dropout. (After ``keras.utils.set_random_seed``, TensorFlow
            shuffles arrays alike in all sweeps; a ``WindowDataset`` is not affected.) ``losses`` is
            the mean of all sweeps, cut to the shortest. Defaults to 1.
        **fit_arguments: Arguments of ``fit``, such as ``batch_size`` and ``verbose``.

    Returns:
        The ``ExponentialLRSweep`` that ran, or the mean of several.

    Raises:
        TypeError: ``model`` is not a Keras model, or ``fit_arguments`` holds ``epochs``, which
            ``steps`` decides.
        ValueError: The model is not built, or an argument is out of range.
    """
    if "epochs" in fit_arguments:
        raise TypeError("epochs must be left out of find_learning_rate: steps sets the length.")
    if x is None:
        raise TypeError("x must be training data, anything that fit takes. Received: x=None.")

    def new_sweep() -> ExponentialLRSweep:
        return ExponentialLRSweep(
            start_lr, end_lr, steps=steps, smoothing=smoothing, stop_factor=stop_factor
        )

    steps = _checks.integer("steps", steps, 2)
    runs = [new_sweep() for _ in range(_checks.integer("repeats", repeats, 1))]
    # On JAX and PyTorch, fit would build the model silently, so this check comes before it.
    check_sweepable(model)
    others = keras.tree.flatten(fit_arguments.pop("callbacks", None) or [])
    if fit_arguments.pop("verbose", "auto") != 0:
        others.append(_Progress(runs, steps))
    # Enough epochs even if each has one batch; the sweep stops the fit earlier.
    epochs = (steps + 1) * accumulation(model.optimizer) + fit_arguments.get("initial_epoch", 0)
    # A WindowDataset shuffles its windows by its epoch, which is put back for later fits.
    position = x.state() if isinstance(x, WindowDataset) else None
    if position is not None:
        fit_arguments.setdefault("shuffle", False)
    for repeat, sweep in enumerate(runs):
        callbacks = [sweep, _OtherSeeds(repeat), *others] if repeat else [sweep, *others]
        if position is not None:
            x.restore({**position, "epoch": position["epoch"] + repeat})
        # Other callbacks may change the model at the end of a fit, so it is put back afterwards.
        sweep.restores = False
        try:
            model.fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks, **fit_arguments)
        finally:
            sweep.restore()
            sweep.restores = True
            if position is not None:
                x.restore(position)
    if repeats == 1:
        return runs[0]
    mean = new_sweep()
    mean._take_mean(runs)
    return mean


class _OtherSeeds(keras.callbacks.Callback):
    """Sets the seeds of a repeat, after the sweep has copied the random state."""

    def __init__(self, repeat: int) -> None:
        super().__init__()
        self._repeat = repeat

    def on_train_begin(self, logs: Any = None) -> None:
        # All repeats start from the same random state, so their numbers must make seeds differ.
        draw = np.random.default_rng([random.getrandbits(32), self._repeat])
        seed = int(draw.integers(2**31))
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - Keras and its users draw from it
        seed_generators(seed)
        _keras_private.set_global_seed_generator(None)
        for variable in self.model.non_trainable_variables:
            if variable.name == "seed_generator_state":
                variable.assign(draw.integers(2**31, size=variable.shape))


class _Progress(keras.callbacks.Callback):
    """Shows one progress bar for all sweeps, instead of one for each epoch of ``fit``."""

    def __init__(self, runs: list[ExponentialLRSweep], steps: int) -> None:
        super().__init__()
        self._runs, self._steps, self._run = runs, steps, 0
        self._bar = progress_bar(steps * len(runs), "step", stateful_metrics=["lr", "loss"])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._show(finalize=False)

    def on_train_end(self, logs: Any = None) -> None:
        self._show(finalize=self._run == len(self._runs) - 1)
        self._run += 1

    def _show(self, finalize: bool) -> None:
        sweep = self._runs[self._run]
        if sweep.lrs:
            values = [("lr", sweep.lrs[-1]), ("loss", sweep.losses[-1])]
            self._bar.update(self._run * self._steps + len(sweep.lrs), values, finalize=finalize)
