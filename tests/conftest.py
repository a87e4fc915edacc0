"""Hypothesis profiles, a clean random state for every test, and less waiting for backends."""

import os

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import types
from collections.abc import Callable, Iterator

import keras
import pytest
from hypothesis import HealthCheck, settings

import any_backend
import backend_free
import backends
import forks
import quick
from keras_ts.checks import reload

_SLOW_START = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("ci", max_examples=50, deadline=None, suppress_health_check=_SLOW_START)
settings.register_profile(
    "slow", max_examples=500, deadline=None, suppress_health_check=_SLOW_START
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

backends.compute_in_one_thread()
backends.emit_plainly()
backends.iterate_untuned()
backends.build_untraced()
backends.trace_once()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the lists in which they stand, before pytest selects by marks."""
    beginnings, without_backend = quick.beginnings(), backend_free.beginnings()
    for item in items:
        if item.nodeid.startswith(beginnings) and not item.get_closest_marker("slow"):
            item.add_marker("quick")
        if item.nodeid.startswith(without_backend):
            item.add_marker("backend_free")
        if any_backend.is_listed(item.nodeid):
            item.add_marker("any_backend")


@pytest.fixture(autouse=True, scope="session")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    backends.keep_compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture(autouse=True, scope="module")
def _unoptimized() -> Iterator[None]:
    with backends.unoptimized():
        yield


@pytest.fixture(autouse=True)
def _within_memory() -> Iterator[None]:
    # After each test: one file may compile two gigabytes.
    yield
    backends.forget_compiled()


@pytest.fixture(scope="module")
def untraced_models() -> Iterator[None]:
    """Let TensorFlow trace no model in a file."""
    with backends.untraced():
        yield


@pytest.fixture(autouse=True)
def _without_backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold the tests of ``backend_free`` to what they promise."""
    if not request.node.get_closest_marker("backend_free"):
        yield
        return
    with backend_free.no_backend():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef) -> None:
    """Seed what a whole file shares, which is made before ``_seeded`` runs for its first test."""
    if fixturedef.scope != "function":
        keras.utils.set_random_seed(51)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(51)


@pytest.fixture
def next_keras(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function from which on layers that are made pass no mask on."""

    def begin() -> None:
        for kind in (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed):
            monkeypatch.setattr(kind, "__init__", unmasking(kind.__init__))

    def unmasking(init: Callable[..., None]) -> Callable[..., None]:
        def wrapped(self, *arguments, **settings):  # type: ignore[no-untyped-def]
            init(self, *arguments, **settings)
            self.supports_masking = False

        return wrapped

    return begin


@pytest.fixture
def forked_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``check_reload`` fork a process that has imported Keras, and start no interpreter."""

    def run(command, *, env, cwd, **_):  # type: ignore[no-untyped-def]
        return forks.run(command[2], command[3:], env, cwd)

    monkeypatch.setattr(reload, "subprocess", types.SimpleNamespace(run=run))
