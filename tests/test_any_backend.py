"""Tests that CI runs on two backends are of files that compute with no tensor."""

import ast
import re
from pathlib import Path

import pytest

import keras_ts
from any_backend import BY_BACKEND, ELSEWHERE, ROOMS, is_listed

TESTS = Path(__file__).parent
PACKAGE = Path(keras_ts.__file__).parent
FILES = sorted(
    str(path.relative_to(PACKAGE))
    for room in ROOMS
    for path in (PACKAGE / room).rglob("*.py")
    if str(path.relative_to(PACKAGE)) not in ELSEWHERE
)
# What of these modules a file may name that asks models alone: values come as NumPy's, types and
# the backend's name are written down, and PyTorch's wrapper is undone.
MAY_NAME = {
    "keras.ops": {"convert_to_numpy", "is_tensor"},
    "keras.backend": {"backend", "floatx", "is_float_dtype", "standardize_dtype"},
    # Keras's own are told apart and read, none is made.
    "keras.callbacks": {
        "BackupAndRestore",
        "Callback",
        "CallbackList",
        "EarlyStopping",
        "ModelCheckpoint",
        "ReduceLROnPlateau",
    },
    "keras_ts._backends": {"unwrapped", "versions"},
    "tensorflow": set(),
    "jax": set(),
    "torch": set(),
}


def faults(source):
    """Return what a source names that a backend runs, or that asks which one it is."""
    nodes = list(ast.walk(ast.parse(source)))
    names, imported = {}, []
    for node in nodes:
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    # A module may not come under a name of its own.
    imported = [path for path in [*imported, *names.values()] if path in MAY_NAME]
    used = [full_name(node, names) for node in nodes if isinstance(node, ast.Attribute)]
    bases = [full_name(base, names) for node in nodes for base in getattr(node, "bases", [])]
    return [
        *imported,
        *(path for path in [*names.values(), *used] if is_refused(path)),
        *(path for path in bases if path.startswith("keras.")),
    ]


def full_name(node, names):
    """Return a dotted name, whose first part may have been imported from a module."""
    first, dot, rest = ast.unparse(node).partition(".")
    return names.get(first, first) + dot + rest


def is_refused(path):
    """Return True for what one of ``MAY_NAME``'s modules holds and a file may not name."""
    for module, allowed in MAY_NAME.items():
        if path.startswith(f"{module}."):
            return path.removeprefix(f"{module}.").partition(".")[0] not in allowed
    return False


@pytest.mark.parametrize("file", FILES)
def test_they_are_of_files_that_compute_with_no_tensor(file):
    assert faults((PACKAGE / file).read_text()) == []


@pytest.mark.parametrize(
    "file",
    [
        *ELSEWHERE,
        "checks/leakage.py",
        "exporting/formats.py",
        "layers/bounded.py",
        "losses.py",
        "sweep/session.py",
        "windows/workers.py",
    ],
)
def test_files_that_do_are_told(file):
    assert faults((PACKAGE / file).read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import keras\nkeras.ops.sum(1)",
        "from keras import ops\nops.sum(1)",
        "from keras import ops as o\no.sum(1)",
        "from keras.ops import sum",
        "from keras_ts import _backends\n_backends.runner(model)",
        "from keras_ts._backends import runner",
        "import keras\nclass Own(keras.layers.Layer): pass",
        "import keras\nkeras.callbacks.LambdaCallback()",
        "import torch",
        "from jax import numpy",
        "from tensorflow.data import Dataset",
    ],
)
def test_a_line_that_a_backend_runs_is_told(source):
    assert faults(source)


def test_their_own_files_do_not_ask_which_backend_runs():
    """They may tell it to a process that they start."""
    told = r"""(?<!"KERAS_BACKEND": )(?<!import )"""
    asks = re.compile(rf"{told}\bBACKEND\b|backend\.backend\(\)|^ *import (tens|jax|torch)", re.M)
    files = [path for room in ROOMS for path in (TESTS / room).rglob("test_*.py")]
    listed = [path for path in files if is_listed(f"tests/{path.relative_to(TESTS)}")]
    assert len(listed) > 80
    assert [path.name for path in listed if asks.search(path.read_text())] == []


def test_what_runs_elsewhere_is_there():
    assert all((PACKAGE / tested).exists() for tested in ELSEWHERE)
    for path in [*BY_BACKEND, *(file for files in ELSEWHERE.values() for file in files)]:
        assert (TESTS / path).exists()
        assert path.startswith(tuple(ROOMS))
        assert not is_listed(f"tests/{path}::test_any")


def test_they_are_marked(request):
    """As far as they are run now, beside others."""
    for item in request.session.items:
        assert is_listed(item.nodeid) == bool(item.get_closest_marker("any_backend"))
