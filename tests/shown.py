"""Compares what a page shows as the output of its code with what the code prints."""

from contextlib import redirect_stdout
from io import StringIO

from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from helpers import BACKEND
from same_output import WRITTEN_ON, difference, same


def _run(example):
    with redirect_stdout(StringIO()) as stream:
        _PYTHON(example)
    if stream.getvalue():
        example.namespace["_printed"] = stream.getvalue()


_PYTHON = PythonEvaluator()
# Runs the code of a page, and keeps what it printed for the output after it.
code_blocks = CodeBlockParser("python", _run)


def _compare(example):
    printed = example.namespace.pop("_printed", "")
    if same(example.parsed, printed, numbers=BACKEND == WRITTEN_ON):
        return None
    return difference(example.parsed, printed)


# Compares the outputs of a page with what its code printed.
output_blocks = CodeBlockParser("output", _compare)
