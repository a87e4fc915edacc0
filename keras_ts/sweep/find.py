"""``find_learning_rate``: runs a sweep of a model in one call."""

from typing import Any

import keras

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
        y: Targets, unless ``x`` holds them. Defaults to None.
        start_lr: The first rate. Defaults to 1e-7.
        end_lr: The last rate, unless the loss diverges before. Defaults to 10.
        steps: Number of rates, each for one batch; the data is repeated as needed. Defaults to 100.
        smoothing: Weight of the past in the smoothed loss. Defaults to 0.9.
        stop_factor: See ``ExponentialLRSweep``. Defaults to 4.0.
        **fit_arguments: Arguments of ``fit`` but ``epochs``, such as ``batch_size``.

    Returns:
        The ``ExponentialLRSweep`` that ran.

    Raises:
        ValueError: The model is not built, or an argument is out of range.
    """
    sweep = ExponentialLRSweep(
        start_lr, end_lr, steps=steps, smoothing=smoothing, stop_factor=stop_factor, restore=False
    )
    # On JAX and PyTorch, fit would build the model silently, so this check comes before it.
    check_sweepable(model)
    callbacks = [sweep, *keras.tree.flatten(fit_arguments.pop("callbacks", None) or [])]
    if fit_arguments.pop("verbose", "auto") != 0:
        callbacks.append(_Progress(sweep, steps))
    # Enough epochs even if each has one batch; the sweep stops the fit earlier.
    epochs = (steps + 1) * accumulation(model.optimizer) + fit_arguments.get("initial_epoch", 0)
    # A WindowDataset shuffles its windows by its epoch, which is put back for later fits.
    position = x.state() if isinstance(x, WindowDataset) else None
    if position is not None:
        fit_arguments.setdefault("shuffle", False)
    # Other callbacks may change the model at the end of a fit, so it is put back afterwards.
    try:
        model.fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks, **fit_arguments)
    finally:
        sweep.restore()
        sweep.restores = True
        if position is not None:
            x.restore(position)
    return sweep


class _Progress(keras.callbacks.Callback):
    """Shows one progress bar for the sweep, instead of one for each epoch of ``fit``."""

    def __init__(self, sweep: ExponentialLRSweep, steps: int) -> None:
        super().__init__()
        self._sweep = sweep
        self._bar = progress_bar(steps, "step", stateful_metrics=["lr", "loss"])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        sweep = self._sweep
        if sweep.lrs:
            values = [("lr", sweep.lrs[-1]), ("loss", sweep.losses[-1])]
            self._bar.update(len(sweep.lrs), values, finalize=sweep.stopped != "interrupted")
