"""Checks models for the whole package, so that equal mistakes get equal messages."""

from typing import Any

import keras


def check_model(model: Any, built: bool = False) -> None:
    """Raise an error unless ``model`` is a Keras model and, with ``built``, a built one."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model. Received: {type(model).__name__}.")
    if built and not model.built:
        raise ValueError("model is not built yet: give it an Input, or call it once on data.")
