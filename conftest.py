"""Executes the examples in docs and docstrings, as part of the tests."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import SkipParser
from sybil.parsers.rest import DocTestParser

import page
import shown


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays: a quarter of the time went into it.

    Frameworks and tests are a million objects. Tests that mind memory collect by themselves.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


def _close_figures(_: Any = None) -> None:
    """Close what was drawn: of the 21st figure left open in a process, pyplot warns."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(autouse=True)
def _no_figure_left() -> Iterator[None]:
    # The examples of pages and docstrings take no fixture, so their documents close theirs.
    yield
    _close_figures()


def _enter_folder(namespace: dict[str, Any]) -> None:
    """Run a page in a folder of its own, since pages save files as a reader would."""
    # Packages that the tests do not have, and that nox -s clients installs.
    namespace["lacks"] = page.lacks
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    namespace["_left"] = Path.cwd(), folder
    os.chdir(folder.name)


def _leave_folder(namespace: dict[str, Any]) -> None:
    before, folder = namespace["_left"]
    os.chdir(before)
    folder.cleanup()
    _close_figures()
    # A page may say how many digits pandas prints; the next page prints as usual.
    if pandas := sys.modules.get("pandas"):
        pandas.reset_option("display.precision")


_pages = Sybil(
    parsers=[shown.code_blocks, shown.output_blocks, SkipParser()],
    patterns=["docs/*.md", "docs/*/*.md"],
    setup=_enter_folder,
    teardown=_leave_folder,
)
_docstrings = Sybil(
    parsers=[DocTestParser()],
    # Until Python 3.13, "**" stands for one folder.
    patterns=["keras_ts/*.py", "keras_ts/*/*.py", "keras_ts/*/*/*.py"],
    document_types={".py": PythonDocStringDocument},
    teardown=_close_figures,
)

pytest_collect_file = (_pages + _docstrings).pytest()
