"""The sweep beside no callback, and its suggestions beside those of two peers.

    KERAS_BACKEND=jax python benchmarks/sweep.py

Cost: the same fits with and without the sweep in turn, medians; a batch takes about 5 ms.
Suggestions: pytorch-lightning's and ignite's own code is given the very curve that our sweep
recorded, each loss with the rate that it ran at. Then the model is trained at every suggestion
and at eleven rates of a grid. Peers that are not installed are left out.
"""

import itertools
import math
import os
import statistics
import sys
import time
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_ts import (
    ExpandSeries,
    ExponentialLRSweep,
    WindowedSeries,
    course_series,
    find_learning_rate,
)

GRID = np.logspace(-5, 0, 11)
WINDOW, BATCH, EPOCHS = 20, 32, 15
BATCHES, REPEATS = 100, 7


def cost():
    """Milliseconds a batch, without and with the sweep."""
    x = np.random.default_rng(0).normal(size=(BATCHES * 256, 64)).astype("float32")
    y = x.sum(axis=1)

    def seconds(width, callbacks=()):
        begin = time.perf_counter()
        models[width].fit(x, y, batch_size=256, verbose=0, shuffle=False, callbacks=[*callbacks])
        return time.perf_counter() - begin

    models = {}
    for width in (64, 128, 256, 512, 1024):
        layers = [keras.layers.Dense(width, "relu") for _ in range(3)]
        models[width] = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(1)])
        models[width].compile(keras.optimizers.SGD(1e-6), "mse")
        seconds(width)
        if seconds(width) >= 4e-3 * BATCHES:
            break
    plain, swept = [], []
    for _ in range(REPEATS):
        plain.append(seconds(width))
        sweep = ExponentialLRSweep(1e-9, 1e-7)
        swept.append(seconds(width, [sweep]))
        assert len(sweep.lrs) == BATCHES
    return [1e3 * statistics.median(each) / BATCHES for each in (plain, swept)]


def lightning(rates, losses):
    """What pytorch-lightning's finder suggests, with its own smoothing and stop."""
    from lightning.pytorch.tuner.lr_finder import _LRCallback, _LRFinder

    callback, finder = _LRCallback(len(rates)), _LRFinder("exponential", *rates[[0, -1]], 100)
    scheduler = SimpleNamespace(lr=[0.0])
    trainer = SimpleNamespace(
        fit_loop=SimpleNamespace(batch_idx=0),
        accumulate_grad_batches=1,
        should_stop=False,
        strategy=SimpleNamespace(broadcast=lambda stop: stop),
        lr_scheduler_configs=[SimpleNamespace(scheduler=scheduler)],
    )
    import torch

    for step, (rate, loss) in enumerate(zip(rates, losses, strict=True)):
        # Lightning has counted the step by the time it calls on_train_batch_end.
        scheduler.lr[0], trainer.global_step = rate, step + 1
        callback.on_train_batch_start(trainer, None, None, step)
        callback.on_train_batch_end(trainer, None, torch.tensor(loss), None, step)
        if trainer.should_stop:
            break
    finder.results = {"lr": callback.lrs, "loss": callback.losses}
    return finder.suggestion() or math.nan


def ignite(rates, losses):
    """What ignite's finder suggests, with its own smoothing and stop."""
    from ignite.handlers.lr_finder import FastaiLRFinder

    finder = FastaiLRFinder()
    finder._history, finder._best_loss = {"lr": [], "loss": []}, None
    stopped = []
    for step, (rate, loss) in enumerate(zip(rates, losses, strict=True)):
        finder._lr_schedule = SimpleNamespace(get_param=lambda rate=rate: float(rate))
        state = SimpleNamespace(output=float(loss), iteration=step + 1)
        engine = SimpleNamespace(state=state, terminate=lambda: stopped.append(True))
        finder._log_lr_and_loss(engine, lambda output: output, 0.05, 5.0)
        if stopped:
            break
    try:
        return finder.lr_suggestion()
    except RuntimeError:
        return math.nan


def ours(sweep):
    try:
        return sweep.suggest()
    except ValueError:
        return math.nan


def waves():
    t, noise = np.arange(1200), np.random.default_rng(4).normal(size=1200)
    return np.sin(2 * np.pi * t / 17) + 0.5 * np.sin(2 * np.pi * t / 5.3) + 0.5 * noise


SERIES = {"course": lambda: course_series()[:1000], "waves": waves}
BODIES = {
    "dense": lambda: [keras.layers.Dense(32, "relu"), keras.layers.Dense(16, "relu")],
    "gru": lambda: [ExpandSeries(), keras.layers.GRU(16)],
}
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(0.1),
}


def suggestions(peers, series, body, optimizer):
    """The grid's final losses, and for each finder its rate and final loss."""
    keras.utils.set_random_seed(0)
    values = np.asarray(SERIES[series](), "float32")
    values = (values - values.mean()) / values.std()
    x, y = (np.array(part) for part in WindowedSeries(WINDOW).build(values).to_numpy())
    layers = [*BODIES[body](), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((WINDOW,)), *layers])
    model.compile(OPTIMIZERS[optimizer](), "mse")
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    fresh = [keras.ops.convert_to_numpy(v) for v in variables]

    def final_loss(rate):
        if not rate > 0:
            return math.nan
        for variable, value in zip(variables, fresh, strict=True):
            variable.assign(value)
        model.optimizer.learning_rate = rate
        keras.utils.set_random_seed(1)
        fit = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
        return float(np.mean(fit.history["loss"][-3:]))

    sweep = find_learning_rate(model, x, y, batch_size=BATCH, verbose=0)
    curve = np.array(sweep.lrs), np.array(sweep.losses)
    found = {"ours": ours(sweep)} | {name: peer(*curve) for name, peer in peers.items()}
    grid = np.array([final_loss(rate) for rate in GRID])
    return grid, {name: (rate, final_loss(rate)) for name, rate in found.items()}


def draw(results, path):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 4, figsize=(14, 6), layout="constrained", sharex=True)
    looks = {"ours": "o", "pytorch-lightning": "s", "ignite": "^"}
    for ax, (setting, (grid, found)) in zip(axes.flat, results.items(), strict=True):
        best = np.nanmin(grid)
        ax.plot(GRID, grid / best, color="#9aa5b1", label="grid", zorder=1)
        for (name, (rate, loss)), color in zip(
            found.items(), ("#d1495b", "#00798c", "#edae49"), strict=False
        ):
            # A training that failed lies at the upper edge.
            height = min(loss / best, 3.9) if loss == loss else 3.9
            ax.scatter(rate, height, marker=looks[name], color=color, label=name, s=45)
        ax.set_xscale("log")
        ax.set_xlim(1e-7, 10)
        ax.set_ylim(0.8, 4)
        ax.set_title(", ".join(setting), fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("final loss / best of the grid")
    axes[1, 0].set_ylabel("final loss / best of the grid")
    for ax in axes[1]:
        ax.set_xlabel("learning rate")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path, dpi=110)
    print(f"drawn: {path}")


def main():
    plain, swept = cost()
    print(f"{keras.backend.backend()}: {plain:.2f} ms a batch without the sweep, {swept:.2f} with:")
    print(f"{swept - plain:+.2f} ms, {100 * (swept / plain - 1):+.1f} %")
    peers = {}
    for name, module, peer in (
        ("pytorch-lightning", "lightning", lightning),
        ("ignite", "ignite", ignite),
    ):
        try:
            __import__(module)
            peers[name] = peer
        except ImportError:
            print(f"{name} is not installed, and left out")
    results = {}
    for setting in itertools.product(SERIES, BODIES, OPTIMIZERS):
        grid, found = results[setting] = suggestions(peers, *setting)
        best = np.nanmin(grid)
        print(f"\n{', '.join(setting)}: best of the grid at {GRID[np.nanargmin(grid)]:.1e}")
        for name, (rate, loss) in found.items():
            print(f"  {name:18} {rate:8.1e}  final loss {loss / best:8.3f} times the best")
    draw(results, sys.argv[1] if len(sys.argv) > 1 else "sweep.png")


if __name__ == "__main__":
    main()
