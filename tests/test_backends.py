"""What one backend does is asked in one file, and PyTorch's generators come back on all devices."""

import os
import re
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import backends
from helpers import BACKEND
from keras_ts import _backends, find_learning_rate
from pages import ROOT


def test_this_run_has_one_process():
    assert _backends.is_backend(BACKEND)
    assert _backends.processes() == (1, 0)
    assert _backends.distribution() is None


class Generators:
    """PyTorch's generators on a machine with devices, each with a state of one number."""

    def __init__(self, started, devices=2):
        self.states = [np.array([place]) for place in range(1 + devices)]
        self.cuda = SimpleNamespace(
            is_initialized=lambda: started,
            device_count=lambda: devices,
            get_rng_state_all=lambda: [self._state(1 + place) for place in range(devices)],
            set_rng_state=lambda state, device: self._put(1 + device, state),
        )

    def _state(self, place):
        return SimpleNamespace(numpy=lambda: self.states[place].copy())

    def _put(self, place, state):
        self.states[place] = state

    def get_rng_state(self):
        return self._state(0)

    def set_rng_state(self, state):
        self._put(0, state)

    def from_numpy(self, state):
        return state

    def manual_seed(self, seed):
        self.states = [np.array([seed]) for _ in self.states]


@pytest.mark.parametrize(("started", "count"), [(True, 3), (False, 1)])
def test_the_generators_of_devices_come_back_where_they_were_started(started, count, monkeypatch):
    torch = Generators(started)
    monkeypatch.setitem(sys.modules, "torch", torch)
    states = _backends.generator_states()
    assert len(states) == count
    torch.manual_seed(9)
    _backends.set_generator_states(states)
    assert [state.item() for state in torch.states] == [0, *([1, 2] if started else [9, 9])]
    fewer = Generators(started, devices=1)
    monkeypatch.setitem(sys.modules, "torch", fewer)
    _backends.set_generator_states(states)
    assert len(fewer.states) == 2


def test_without_pytorch_there_is_nothing_to_keep(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert _backends.generator_states() == []
    _backends.set_generator_states([np.zeros(1)])
    assert "torch" not in sys.modules


@pytest.mark.skipif(BACKEND == "torch", reason="there the model itself needs PyTorch")
def test_a_sweep_puts_back_the_generators_of_devices(monkeypatch):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    torch = Generators(started=True)
    monkeypatch.setitem(sys.modules, "torch", torch)
    x = np.random.default_rng(0).normal(size=(64, 3))
    find_learning_rate(model, x, x[:, :1], steps=4, verbose=0)
    assert [state.item() for state in torch.states] == [0, 1, 2]


def test_no_other_file_asks_which_backend_runs():
    """Messages name it, exports have a table by format, and of loops ``Rollout.export`` asks."""
    asks = re.compile(
        r"\b(backend|config)\.backend\(\)( [!=]=| (not )?in |\.)|sys\.modules\[|"
        r"^ *(import|from) (jax|torch)\b",
        re.MULTILINE,
    )
    for line in (
        'keras.config.backend() == "jax"', 'keras.backend.backend() in ("jax",)',
        'keras.backend.backend().startswith("j")', "    from jax import numpy", "import torch",
    ):  # fmt: skip
        assert asks.search(line)
    files = {path.name: path.read_text() for path in (ROOT / "keras_ts").rglob("*.py")}
    assert [name for name in files if asks.search(files[name])] == ["_backends.py"]
    asked = {name for name in files if "is_backend(" in files[name]}
    assert asked == {"_backends.py", "rollout.py"}


@pytest.mark.skipif(BACKEND != "jax", reason="XLA's flags are for JAX")
def test_the_tests_give_xla_flags_that_it_knows_alone(monkeypatch):
    """One that it does not know would end the process."""
    assert "--xla_cpu_use_fusion_emitters=false" in os.environ["XLA_FLAGS"].split()
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=here")
    backends.emit_plainly("xla_cpu_" + "no_such_flag")
    assert os.environ["XLA_FLAGS"] == "--xla_dump_to=here"
    backends.emit_plainly("xla_cpu_enable_fast_math")
    assert os.environ["XLA_FLAGS"] == "--xla_dump_to=here --xla_cpu_enable_fast_math=false"


@pytest.mark.skipif(BACKEND != "torch", reason="it is PyTorch whose threads wait")
def test_pytorch_computes_in_as_many_threads_here_as_in_processes_started():
    import torch

    assert torch.get_num_threads() == int(os.environ["OMP_NUM_THREADS"])
