"""The bytecode of every Python is recognised for exactly three sources, and never run."""

import base64
import json
from pathlib import Path

import pytest

from keras_ts.conversion import lambda_bytecode

LAMBDAS = Path(__file__).parents[1] / "saved_models" / "lambdas"
GOOD = {
    "x * 100.0": (100.0, None),
    "100 * x": (100, None),
    "x * -2.5": (-2.5, None),
    "expand_dims(x, -1)": (None, -1),
    "x[..., None]": (None, -1),
    "tf.expand_dims(x, -1)": (None, -1),
    "tf.expand_dims(x, axis=-1)": (None, -1),
    "keras.ops.expand_dims(x, axis=2)": (None, 2),
    "tf.keras.backend.expand_dims(x, -1)": (None, -1),
}
CODE = json.loads((LAMBDAS / "code.json").read_text())
CASES = [(version, source) for version, blobs in CODE.items() for source in blobs]


@pytest.mark.parametrize(("version", "source"), CASES, ids=map(" ".join, CASES))
def test_bytecode_of_every_python_is_recognised_or_left_alone(version, source):
    code = lambda_bytecode.read(CODE[version][source])
    assert code is not None
    assert (code.factor(), code.axis()) == GOOD.get(source, (None, None))


def test_every_python_has_been_tried():
    assert {f"3.{minor}" for minor in range(6, 14)} <= set(CODE)
    assert all(set(GOOD) < set(blobs) for blobs in CODE.values())


@pytest.mark.parametrize("text", [None, 7, "", "!", "AAAA", "4w==", "4wEA" * 3000])
def test_what_is_no_code_is_not_read(text):
    assert lambda_bytecode.read(text) is None


def test_damaged_code_is_not_taken_for_something_else():
    """A flipped bit may change the number, and nothing else."""
    blob = bytearray(base64.b64decode(CODE["3.11"]["x * 100.0"]))
    for position in range(len(blob) * 8):
        blob[position // 8] ^= 1 << position % 8
        code = lambda_bytecode.read(base64.b64encode(bytes(blob)).decode())
        assert code is None or code.axis() is None
        blob[position // 8] ^= 1 << position % 8
