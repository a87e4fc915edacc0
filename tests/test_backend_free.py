"""Tests that CI runs on one backend alone read no other part of the package."""

import ast
from pathlib import Path

import pytest

from backend_free import BACKEND_FREE

TESTS = Path(__file__).parent
# What they may import of Keras and of the package: NumPy in, NumPy out.
ROOMS = ("keras_ts.windows.", "keras_ts.evaluation.arithmetic", "keras_ts.testing")
NAMES = {"WindowedSeries"}
HELPERS = {"arithmetic_oracle", "helpers", "regular_series", "verdict_worlds"}


def imported(code):
    """Return the modules, or names of the package itself, that a file imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "keras_ts":
            yield from (f"keras_ts:{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def others(code):
    """Return what a file imports that may have to do with a backend."""
    allowed = {f"keras_ts:{name}" for name in NAMES}
    local = {path.stem for path in TESTS.glob("*.py")} - HELPERS
    return [
        name
        for name in imported(code)
        if name in local
        or (name.partition(".")[0] in ("keras", "tensorflow", "jax", "torch"))
        or (name.startswith("keras_ts") and name not in allowed and not name.startswith(ROOMS))
    ]


FILES = [
    path for beginning in BACKEND_FREE for path in sorted(TESTS.glob(f"{beginning}test_*.py"))
    or [TESTS / beginning]
]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_they_import_nothing_of_a_backend(path):
    assert others(path.read_text()) == []


@pytest.mark.parametrize(
    "line", ["import keras", "from keras_ts import forecast", "from forecasting_models import x"]
)
def test_the_test_can_fail(line):
    assert len(others(f"from keras_ts import WindowedSeries\n{line}")) == 1


def test_they_are_marked(request):
    """As far as they are run now, beside others."""
    for item in request.session.items:
        if item.nodeid.startswith("tests/windows/arithmetic"):
            assert item.get_closest_marker("backend_free")
