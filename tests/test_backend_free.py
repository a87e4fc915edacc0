"""Tests that CI runs on one backend alone call no function of a backend, nor ask which it is."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest

from backend_free import BACKEND_FREE

TESTS = Path(__file__).parent
LISTED = {TESTS / beginning.partition("::")[0] for beginning in BACKEND_FREE}
FILES = sorted(
    file for path in LISTED for file in (path.rglob("test_*.py") if path.is_dir() else [path])
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_they_import_no_backend(path):
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module.partition(".")[0])
    assert not modules & {"tensorflow", "jax", "torch"}


CALLS = {
    "an operation": lambda: keras.ops.ones(2) + 1,
    "a layer": lambda: keras.layers.Dense(1)(np.ones((1, 1))),
    "a loss": lambda: keras.losses.MeanSquaredError()(np.ones(2), np.ones(2)),
    "a metric": lambda: keras.metrics.Mean(),
}


@pytest.mark.backend_free
@pytest.mark.parametrize("call", CALLS)
def test_one_that_calls_the_backend_fails(call):
    with pytest.raises(pytest.fail.Exception, match="of the backend"):
        CALLS[call]()


@pytest.mark.backend_free
def test_one_that_asks_which_backend_it_is_fails():
    with pytest.raises(pytest.fail.Exception, match="calls backend of the backend"):
        keras.backend.backend()


@pytest.mark.parametrize("call", CALLS)
def test_others_may(call):
    CALLS[call]()


def test_they_are_marked(request):
    """As far as they are run now, beside others."""
    for item in request.session.items:
        if item.nodeid.startswith("tests/windows/test_geometry"):
            assert item.get_closest_marker("backend_free")
