"""Checks models for several rooms, so that equal mistakes get equal messages."""

from typing import Any

import keras


def check_model(model: Any, built: bool = False) -> None:
    """Refuse anything but a model; with ``built``, also a model that is not built yet."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model. Received: {type(model).__name__}.")
    if built and not model.built:
        raise ValueError("model is not built yet: give it an Input, or call it once on data.")
