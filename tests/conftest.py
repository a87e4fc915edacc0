"""Hypothesis profiles, a clean random state for every test, and iterators that go at once."""

import os

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import types

import keras
import pytest
from hypothesis import HealthCheck, settings

import forks
from keras_ts.checks import reload

_SLOW_START = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("ci", max_examples=50, deadline=None, suppress_health_check=_SLOW_START)
settings.register_profile(
    "slow", max_examples=500, deadline=None, suppress_health_check=_SLOW_START
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def _iterate_untuned() -> None:
    """Turn off the autotuning of tf.data, whose thread keeps an iterator from being freed.

    The thread tunes after 10 ms, 20 ms, 40 ms and so on, up to a minute. TensorFlow wakes it
    before it marks it as cancelled, so the thread may sleep on until its next turn, and whoever
    frees the iterator waits for it: a garbage collection of old ones took one to three minutes.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    iterate = tf.data.Dataset.__iter__
    tf.data.Dataset.__iter__ = lambda dataset: iterate(dataset.with_options(options))


if keras.backend.backend() == "tensorflow":
    _iterate_untuned()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(51)


@pytest.fixture
def forked_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``check_reload`` fork a process that has imported Keras, and start no interpreter."""

    def run(command, *, env, cwd, **_):  # type: ignore[no-untyped-def]
        return forks.run(command[2], command[3:], env, cwd)

    monkeypatch.setattr(reload, "subprocess", types.SimpleNamespace(run=run))
