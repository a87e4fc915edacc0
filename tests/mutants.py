"""Breaks the arithmetic of windows in one place at a time, to see if the tests notice.

``python tests/mutants.py geometry`` puts one wrong operator, number, comparison or decorator
after another into ``keras_ts/windows/geometry.py`` and runs ``test_geometry.py`` on
each, and on its survivors the other tests that use the module. They need no framework, and run in
a fork and in memory: no file changes. Every survivor is printed; below 90 % killed the exit code is
1. Cosmic Ray makes the mutants; its own runner starts Python anew for each, which takes most of the
time, and counts those that a filter skips as killed.
"""

import ast
import contextlib
import functools
import gc
import importlib.machinery
import os
import random
import re
import resource
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import hypothesis
import numpy  # noqa: F401 - Imported before the forks: a fifth of a second saved in each.
import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# The arithmetic that has tests without a framework.
MODULES = {
    path.stem: path
    for path in map(
        Path,
        [
            "keras_ts/layers/error_paths.py",
            "keras_ts/layers/error_tails.py",
            "keras_ts/layers/following.py",
            "keras_ts/panel/cycles.py",
            "keras_ts/panel/frequency.py",
            "keras_ts/panel/inferring.py",
            "keras_ts/panel/labels.py",
            "keras_ts/presets/event_days.py",
            "keras_ts/presets/regression/ridge.py",
            "keras_ts/presets/season.py",
            "keras_ts/presets/share.py",
            "keras_ts/windows/gather.py",
            "keras_ts/windows/geometry.py",
            "keras_ts/windows/sampler.py",
            "keras_ts/windows/scale.py",
        ],
    )
}
# Their tests, by room, and others that read them alone.
TESTS = [
    *(Path("tests", *path.parts[1:-1], f"test_{name}.py") for name, path in MODULES.items()),
    *(
        Path(f"tests/windows/test_{name}.py")
        for name in ("early", "moments", "rows", "short", "shuffle")
    ),
]
# The tests left out take longest, and kill no mutant that frozen orders in other tests miss.
LEFT_OUT = "not uniform and not every_small_size"
OPTIONS = ["-o", "addopts=", "--import-mode=importlib", "--noconftest", "-p", "no:cacheprovider"]
OPTIONS += ["--assert=plain", "-x", "-k", LEFT_OUT]
# Arithmetic for arithmetic and bits for bits: the other exchanges (a + b for a << b) fail at
# once wherever they are run, and would flatter the figure.
LIKE = re.compile(
    r"core/ReplaceBinaryOperator_((Add|Sub|Mul|FloorDiv|Mod)_(Add|Sub|Mul|FloorDiv|Mod)"
    r"|(Bit\w+)_(Bit\w+)|([LR]Shift)_([LR]Shift))"
)
SECONDS, WAIT, MEMORY = 15, 300, 4 << 30


class Killers:
    """Runs the tests that noticed most mutants so far before the others: a plugin of pytest."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort the tests in the child, which knows the counts of the parent at the fork."""
        items.sort(key=lambda item: -self.counts[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell the parent which test failed; the first failure ends the child."""
        if report.failed:
            os.write(self.writer, report.nodeid.encode())

    def count(self) -> None:
        """Count the test that failed in the last child, if it was a test that ended it."""
        try:
            self.counts[os.read(self.reader, 4096).decode()] += 1
        except BlockingIOError:
            return


KILLERS = Killers()


def mutants(code: str) -> Iterator[tuple[str, str]]:
    """Yield every mutant of some code, with the name of the operator that made it.

    A changed annotation makes no mutant: most fail when the module is imported, others nowhere.
    """
    statements = without_annotations(code)
    for name in operator_names():
        unlike = "BinaryOperator" in name and not LIKE.fullmatch(name)
        if unlike or get_operator(name).arguments():
            continue
        occurrence = 0
        while (mutant := mutate_code(code, get_operator(name)(), occurrence)) is not None:
            occurrence += 1
            # The * of a signature is exchanged like an operator, which no Python reads.
            with contextlib.suppress(SyntaxError):
                if without_annotations(mutant) != statements:
                    yield name, mutant


def without_annotations(code: str) -> str:
    """Return the syntax tree of some code without its annotations, as text."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        for field in {"annotation", "returns"} & set(node._fields):
            setattr(node, field, None)
    return ast.dump(tree)


def noticed(path: Path, code: str) -> bool:
    """Return True if a test fails with ``code`` in place of a module."""
    own = TESTS[list(MODULES).index(path.stem)]
    others = [test for test in TESTS if test != own and path.stem in modules_behind(test)]
    # Few examples kill most.
    ways = [([own], 6), ([own], 50), (others, 50)]
    return any(run(path, code, tests, examples) != 0 for tests, examples in ways if tests)


@functools.cache
def modules_behind(test: Path) -> set[str]:
    """Return the modules of the folder that a test imports, and those that they import."""
    found: set[str] = set()
    files = [test]
    while files:
        imported = re.findall(r"keras_ts\.[a-z.]+\.(\w+)", files.pop().read_text())
        named = set(imported) & set(MODULES) - found
        found |= named
        files += [MODULES[name] for name in named]
    return found


def run(path: Path, code: str, tests: list[Path], examples: int) -> int:
    """Run tests with ``code`` in place of a module; return the exit status."""
    gc.freeze()  # The garbage collections of the child then pass over what the parent made.
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = _run_here(path, code, tests, examples)
        finally:
            os._exit(status)
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            KILLERS.count()
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


def _run_here(path: Path, code: str, tests: list[Path], examples: int) -> int:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    # A mutant may loop for ever or ask for any amount of memory.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # An empty package in place of keras_ts/__init__: the arithmetic needs no Keras.
    package = types.ModuleType("keras_ts")
    package.__path__ = [str(Path("keras_ts").resolve())]
    sys.modules["keras_ts"] = package
    name = ".".join(path.with_suffix("").parts)
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    sys.modules[name] = module
    exec(compile(code, path, "exec"), module.__dict__)
    # A failure is enough, so no phase shrinks it.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile(
        "mutants",
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=phases,
    )
    hypothesis.settings.load_profile("mutants")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # Pytest warns of Hypothesis, which is imported once, before the forks.
    options = [*OPTIONS, "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*options, *map(str, tests)], plugins=[KILLERS]))


def main(modules: list[str]) -> bool:
    """Print the survivors and the share killed; return True if it is enough in every module."""
    enough = True
    for name in modules:
        path = MODULES[name]
        code = path.read_text()
        if noticed(path, code):
            raise SystemExit(f"The tests fail on {path} as it is.")
        broken, killed = list(mutants(code)), 0
        # In any order, so that a run that is cut short has seen a fair sample.
        random.Random(1).shuffle(broken)
        for number, (operator, mutant) in enumerate(broken, 1):
            dead = noticed(path, mutant)
            killed += dead
            if not dead:
                print(f"\n{operator}")
                print(*list(unified_diff(code.split("\n"), mutant.split("\n"), n=0))[2:], sep="\n")
            print(f"\r{name}: {killed} of {number} killed", end="", flush=True)
        print(f", of {len(broken)}: {killed / len(broken):.1%}")
        enough &= killed >= 0.9 * len(broken)
    return enough


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:] or sorted(MODULES)))
