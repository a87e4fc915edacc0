"""A fork has imported Keras and nothing of ours, whatever ran before it."""

import os
import signal

import pytest

import forks
from helpers import BACKEND

pytestmark = pytest.mark.skipif(not forks.POSSIBLE, reason="new interpreters stand in for forks")
NAMES = "import sys\nprint(*sys.modules, *dir())"


def run(code, *arguments, **settings):
    return forks.run(code, arguments, {**os.environ, "KERAS_BACKEND": BACKEND}, **settings)


def test_a_fork_knows_of_no_test_and_of_no_fork_before_it():
    before = run(NAMES).stdout.split()
    assert "keras" in before
    assert not {"keras_ts", "pytest", "helpers", "Path"} & set(before)
    later = run("import keras_ts, sys\nPath = 1\n" + NAMES).stdout.split()
    assert {"keras_ts", "Path"} <= set(later)
    assert run(NAMES).stdout.split() == before


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("", 0, ""),
        ("raise ValueError('wrong')", 1, "ValueError: wrong"),
        ("raise SystemExit('wrong')", 1, "wrong"),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
    ],
)
def test_a_fork_ends_as_an_interpreter_does(code, status, says):
    result = run("print('begun', flush=True)\n" + code)
    assert (result.returncode, result.stdout) == (status, "begun\n")
    assert result.stderr.strip().endswith(says)
    assert bool(result.stderr) == bool(says)


def test_a_fork_has_arguments_a_folder_and_an_environment(tmp_path):
    (tmp_path / "helpers.py").write_text("print('imported')")
    code = "import helpers, os, sys\nprint(sys.argv, os.environ['WORD'], os.getcwd())"
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "WORD": "told", "PYTHONPATH": "."}
    result = forks.run(code, [1, "two"], environment, tmp_path)
    assert result.stdout.split("\n")[:2] == [
        "imported", f"['-c', '1', 'two'] told {tmp_path.resolve()}",
    ]  # fmt: skip
