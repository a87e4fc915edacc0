"""Tables and models whose truth is known, for the tests of importance."""

import keras
import numpy as np
import pandas as pd


def model_of(dataset, predict):
    """Return a model with the inputs of a dataset, whose outputs ``predict`` makes of them."""
    x, _ = dataset[0]
    parts = x if isinstance(x, dict) else {"past": x}
    inputs = {name: keras.Input(part.shape[1:], name=name) for name, part in parts.items()}
    # Keras 3.12 takes no model with an input that its output does not depend on.
    nothing = [keras.ops.sum(keras.ops.zeros_like(part)) for part in inputs.values()]
    outputs = predict(inputs) + sum(nothing)
    return keras.Model(inputs if isinstance(x, dict) else inputs["past"], outputs)


def sales(days=400, seed=0):
    """Return sales that an offer raises, and columns that say the same, nothing, or are off."""
    rng = np.random.default_rng(seed)
    offer = (rng.random(days) < 0.3).astype(float)
    return pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=days),
            "units": 20 + 10 * offer + rng.normal(size=days),
            "offer": offer,
            "copy": offer,
            "noise": rng.normal(size=days),
            "closed": np.where(np.arange(days) < 100, rng.random(days) < 0.5, 0.0),
        }
    )


def verdicts(report):
    return dict(zip(report.table["column"].tolist(), report.table["verdict"].tolist(), strict=True))


def increases(report):
    return dict(
        zip(report.table["column"].tolist(), report.table["increase"].tolist(), strict=True)
    )
