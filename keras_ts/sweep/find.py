"""``find_learning_rate``: a sweep in one call."""

from typing import Any

import keras

from keras_ts.sweep.callback import ExponentialLRSweep, check_sweepable
from keras_ts.sweep.rate import accumulation
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

    Args:
        model: A built and compiled model.
        x: Training data, anything that ``fit`` takes.
        y: Targets, where ``x`` does not hold them.
        start_lr: The first rate. Defaults to 1e-7.
        end_lr: The last rate, unless the loss diverges before. Defaults to 10.
        steps: Number of rates, one a batch; epochs are repeated as needed. Defaults to 100.
        smoothing: Weight of the past in the smoothed loss. Defaults to 0.9.
        stop_factor: See ``ExponentialLRSweep``. Defaults to 4.0.
        **fit_arguments: Arguments of ``fit``, such as ``batch_size`` and ``verbose``.

    Returns:
        The finished ``ExponentialLRSweep``.

    Raises:
        TypeError: ``fit_arguments`` holds ``epochs``, which the steps decide.
        ValueError: The model is not built, or an argument is out of range.
    """
    if "epochs" in fit_arguments:
        raise TypeError("epochs is decided by steps; leave it out of find_learning_rate.")
    sweep = ExponentialLRSweep(
        start_lr, end_lr, steps=steps, smoothing=smoothing, stop_factor=stop_factor
    )
    # Before fit, which on JAX and PyTorch would build the model on the quiet.
    check_sweepable(model)
    callbacks = [sweep, *keras.tree.flatten(fit_arguments.pop("callbacks", None) or [])]
    verbose = fit_arguments.pop("verbose", "auto")
    if verbose != 0:
        callbacks.append(_Progress(steps))
    # The dataset's epochs are part of what a later fit depends on.
    position = x.state() if isinstance(x, WindowDataset) else None
    try:
        # An epoch has at least one batch, so this many are enough; the sweep ends the fit.
        epochs = (steps + 1) * accumulation(model.optimizer)
        model.fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks, **fit_arguments)
    finally:
        sweep.restore()
        if position is not None:
            x.restore(position)
    return sweep


class _Progress(keras.callbacks.Callback):
    """One bar over the whole sweep, where ``fit`` would show one an epoch."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._bar = keras.utils.Progbar(steps, stateful_metrics=["lr", "loss"])
        self._done = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._done += 1
        rate = float(self.model.optimizer.learning_rate)
        self._bar.update(self._done, [("lr", rate), ("loss", float((logs or {})["loss"]))])

    def on_train_end(self, logs: Any = None) -> None:
        self._bar.update(self._done, finalize=True)
