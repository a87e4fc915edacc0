"""Trains a copy of a model further, for ``fine_tune`` and ``calibrate``.

A calibrated model is not compiled, since no loss applies to the interval ends that it returns. But
its ``ConformalInterval`` keeps the compile settings of the net inside, as ``settings_of`` returns
them, so that the net can be trained further after a reload.
"""

import copy
import json
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_ts import _checks, _keras_private
from keras_ts._models import build_optimizer
from keras_ts._progress import ProgressBar, told
from keras_ts.evaluation.judged import JudgedWindows, spans_of
from keras_ts.interface import Interface, remember, remembered
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.presets.gate import blend, blended
from keras_ts.presets.regression.model import solved_again
from keras_ts.presets.training import CUT_SHORT, mean_of, members_of
from keras_ts.presets.training_windows import with_short_pasts
from keras_ts.saving.load import masks_passed_on, pass_masks_on, unwarned_of_masks
from keras_ts.windows.carried import Carried, joined
from keras_ts.windows.dataset import WindowDataset, of_source

EPOCHS = 5
# The learning rate is this share of the highest one that the model was compiled with, or ``_RATE``
# if that is unknown or 0. docs/compare/method.md compares other shares.
_SHARE = 0.1
_RATE = 1e-4
# Updates at which a schedule is asked for its rate, since the highest rate may follow a warm-up.
_UPDATES = (0, *(1 << power for power in range(24)))

CURE = "Build the datasets with the model's own windows: load_windows(filepath).build(table)."
NOT_COMPILED = (
    "model cannot be trained: it is not compiled, or what it was compiled with cannot be saved, "
    "such as a lambda for a loss. Compile it: recipe.compile(model, ...) or model.compile(...)."
)


def settings_of(model: keras.Model) -> dict[str, Any] | None:
    """Return compile settings as JSON values; None without any, or if they cannot be saved."""
    if not model.compiled:
        return None
    try:
        settings = model.get_compile_config()
        if isinstance(model.loss, keras.losses.Loss):  # Keras leaves out the delta of a Huber.
            settings["loss"] = _keras_private.serialized_loss(model.loss)
        text = json.dumps(settings, allow_nan=False)
    except Exception:
        return None
    return None if "__lambda__" in text else dict(json.loads(text))


def trained_further(
    model: keras.Model,
    train: WindowDataset,
    settings: dict[str, Any],
    *,
    name: str,
    epochs: int | None = None,
    learning_rate: float | None = None,
) -> keras.Model:
    """Return a copy of a model, trained further on a dataset and compiled by ``settings``."""
    judged = JudgedWindows(name, train)
    interface = Interface.of(model, train, cure=CURE)
    interface.check_columns(judged.panel.columns)
    if not model.trainable_weights:
        solved = solved_again(interface, train)
        if solved is None or (epochs, learning_rate) != (None, None):
            raise ValueError(
                "model has no weights to train: it is frozen, so train some of its layers; or it "
                "is solved in closed form, so leave out epochs and learning_rate."
            )
        for layer in _keras_private.layers_within(solved, WindowedInput):
            layer.carried = layer.carried.trained_further(train, joined(spans_of(judged)))
        solved.compile(**_objects(settings))
        return solved
    members, parts = members_of(model), blended(model)
    if members or parts:

        def again(part: keras.Model) -> keras.Model:
            return trained_further(
                part, train, settings, name=name, epochs=epochs, learning_rate=learning_rate
            )

        bounds = Interface(model, None).bounds
        if parts:
            net, line, share = again(parts[0]), *parts[1:]
            copied = _copied(line, train)
            copied.set_weights(line.get_weights())
            tuned = blend(net, copied, share, bounds)
        else:
            tuned = mean_of([again(member) for member in members], bounds)
        tuned.compile(**_objects(settings))
        return tuned
    # The copy is trained at ``learning_rate``, and then compiled with the rate in ``settings``, of
    # which further training takes its share again.
    epochs = EPOCHS if epochs is None else _checks.integer("epochs", epochs, 1)
    if learning_rate is None:
        learning_rate = _small_rate(settings["optimizer"])
    else:
        learning_rate = _checks.positive("learning_rate", learning_rate)
    changed = copy.deepcopy(settings)
    _rate_config(changed["optimizer"])["learning_rate"] = learning_rate
    # Made before the copy, since cloning also compiles, and would fail with a less clear error.
    arguments = _objects(changed)
    copied = _copied(model, train)
    # A symbolic call creates the weights of a subclass.
    inputs = keras.tree.map_structure(
        lambda part: keras.KerasTensor((None, *part.shape[1:]), keras.backend.floatx()), train[0][0]
    )
    outputs = copied(inputs)
    judged.in_steps("model", np.empty((1, *outputs.shape[1:])), interface.quantiles)
    copied.set_weights(model.get_weights())
    copied.compile(**arguments)
    build_optimizer(copied)
    source = train._source
    shuffled = of_source(train, replace(source, sampler=replace(source.sampler, shuffle=True)))
    batches = with_short_pasts(shuffled, CUT_SHORT)  # so that a preset still forecasts young series
    bar = ProgressBar(epochs * len(batches), "batch")
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.add(1))
    with told(f"Training further on {name}: {epochs} epochs of {len(batches)} batches ..."):
        copied.fit(
            batches,
            epochs=epochs,
            shuffle=False,
            callbacks=[keras.callbacks.TerminateOnNaN(), count],
            verbose=0,
        )
    losses = copied.history.history["loss"]
    finite = all(np.isfinite(keras.ops.convert_to_numpy(w)).all() for w in copied.trainable_weights)
    if not (finite and np.isfinite(losses).all()):
        raise ValueError(
            f"Training diverged at learning_rate={learning_rate:.3g}: the loss or weights are no "
            f"longer finite. Pass a smaller learning_rate, or look for values in {name} that are "
            "not finite or far too large."
        )
    copied.compile(**_objects(settings))
    return copied


def _copied(model: keras.Model, train: WindowDataset) -> keras.Model:
    """Return an untrained copy of a model with the same windows, but without a scorecard."""
    masks_pass = masks_passed_on(model)
    with unwarned_of_masks(masks_pass):
        copied = keras.models.clone_model(model)
    if masks_pass:
        pass_masks_on(copied)
    trained_on = joined(Interface(model, None).trained_on, spans_of(JudgedWindows("train", train)))
    layers = _keras_private.layers_within(copied, WindowedInput)
    for layer in layers:
        layer.carried = layer.carried.trained_further(train, trained_on)
    carried = remembered(model) or (None if layers else Carried.of(train))
    remember(copied, carried and carried.trained_further(train, trained_on))
    return copied


def _objects(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``compile`` from what ``settings_of`` returned."""
    # Keras changes the dict that it deserializes.
    return dict(keras.saving.deserialize_keras_object(copy.deepcopy(settings)))


def _rate_config(optimizer: dict[str, Any]) -> dict[str, Any]:
    """Return the config that holds an optimizer's learning rate."""
    config: dict[str, Any] = optimizer["config"]
    while "inner_optimizer" in config:  # A LossScaleOptimizer around another one.
        config = config["inner_optimizer"]["config"]
    return config


def _small_rate(optimizer: dict[str, Any]) -> float:
    """Return the default learning rate of further training: a share of the highest so far."""
    rate: Any = _rate_config(optimizer).get("learning_rate")
    if isinstance(rate, dict):
        try:
            schedule = keras.saving.deserialize_keras_object(copy.deepcopy(rate))
            rate = max(float(schedule(update)) for update in _UPDATES)
        except Exception:  # A schedule that is not registered, or takes other arguments.
            rate = None
    known = isinstance(rate, float | int) and 0 < rate < float("inf")
    return _SHARE * rate if known else _RATE
