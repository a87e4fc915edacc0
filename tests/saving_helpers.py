"""Rewrites saved configs, and checks how a file that does not load is refused."""

import json

import pytest

from keras_ts import load_model
from keras_ts.saving import archive


def refused(path, *words, **arguments):
    with pytest.raises(ValueError, match="model") as error:
        load_model(path, **arguments)
    text = str(error.value)
    for word in (str(path), *words):
        assert word in text
    assert len(text.splitlines()) <= 5
    assert max(map(len, text.splitlines())) < 600


def edited(path, edit, metadata=None):
    """Rewrite the config of the layers in a saved model."""
    with archive.opened(path) as opened:
        config = archive.read_json(opened, archive.CONFIG)
        meta = archive.read_json(opened, archive.METADATA) | (metadata or {})
    for layer in config["config"]["layers"]:
        edit(layer)
    members = {archive.CONFIG: config, archive.METADATA: meta}
    archive.rewrite(path, path, {n: json.dumps(v).encode() for n, v in members.items()})


def only(class_name, /, **changes):
    def edit(layer):
        if layer["class_name"] == class_name:
            layer.update(changes)

    return edit


def setting(class_name, **settings):
    def edit(layer):
        if layer["class_name"] == class_name:
            layer["config"].update(settings)

    return edit
