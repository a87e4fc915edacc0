"""Should one of these fail, Keras has changed what ``keras_ts/_keras_private.py`` reads."""

import ast
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_ts
from keras_ts import _keras_private

FILES = sorted(Path(keras_ts.__file__).parent.rglob("*.py"))
PRIVATE = Path(_keras_private.__file__)


def test_the_seeds_of_draws_without_a_seed():
    # Keras 3.12 keeps a generator that an earlier test drew from.
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    assert _keras_private.global_seed_generator() is None
    keras.random.normal((1,))
    generator = _keras_private.global_seed_generator()
    assert isinstance(generator, keras.random.SeedGenerator)
    _keras_private.set_global_seed_generator(None)
    assert _keras_private.global_seed_generator() is None
    _keras_private.set_global_seed_generator(generator)
    assert _keras_private.global_seed_generator() is generator


def test_the_schedule_of_an_optimizer():
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    assert _keras_private.schedule_of(keras.optimizers.SGD(schedule)) is schedule
    assert _keras_private.schedule_of(keras.optimizers.SGD(0.5)) is None


def test_the_mask_of_an_output():
    masked = keras.layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    mask = _keras_private.mask_of(masked)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(mask), [[True, False]])
    plain = keras.ops.ones((1, 2, 1))
    assert _keras_private.mask_of(plain) is None


def test_what_made_an_output():
    shared, inputs = keras.layers.Dense(1), [keras.Input((2,)), keras.Input((2,))]
    outputs = [shared(part) for part in inputs]
    for output, given in zip(outputs, inputs, strict=True):
        layer, made_of = _keras_private.made_by(output)
        assert layer is shared
        assert made_of[0] is given


def test_the_delta_of_huber():
    assert _keras_private.serialized_loss(keras.losses.Huber(delta=2.0))["config"]["delta"] == 2


def test_all_layers_within_a_model():
    inner = keras.Sequential([keras.Input((3, 1)), keras.layers.Bidirectional(keras.layers.GRU(2))])
    model = keras.Sequential([keras.Input((3, 1)), inner, keras.layers.Dense(1)])
    kinds = [type(layer).__name__ for layer in _keras_private.layers_within(model)]
    assert {"Sequential", "Bidirectional", "GRU", "GRUCell", "Dense"} <= set(kinds)


def reads(tree):
    """Return the names of private attributes that a file reads of objects that are not its own."""
    own = {"self", "cls", "mcs"}
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not re.match(r"_[a-z]", node.attr):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in own):
            found.add(node.attr)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PRIVATE.parent)))
def test_no_file_reads_keras_or_its_stack_but_one(path):
    text = path.read_text()
    assert not re.search(r"_getframe|f_locals|_current_frames|currentframe", text)
    if path == PRIVATE:
        assert len(text.splitlines()) <= 100
        expected = {"_learning_rate", "_keras_history", "_inbound_nodes", "_flatten_layers"}
        assert reads(ast.parse(text)) == expected
        return
    assert "keras.src" not in text
    # What a file reads of an object is ours: a name that some class or module of ours defines.
    for name in reads(ast.parse(text)):
        assert any(re.search(rf"\b(self|cls|part)\.{name}\b|def {name}\b|^\s*{name}\b", other)
                   for other in SOURCES), name  # fmt: skip


SOURCES = [path.read_text() for path in FILES]
