"""What differs by Keras's backend: integers, processes, random generators, how models run.

Exporting alone has branches of its own, since each backend has other exporters.
"""

import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ts._typing import Array
from keras_ts._version import __version__

# Runs a model on a batch of inputs, in any number of threads at once.
Run = Callable[[Any], Any]


def is_backend(name: str) -> bool:
    """Return True if Keras runs on this backend."""
    return bool(keras.backend.backend() == name)


def versions() -> dict[str, str]:
    """Return the versions of keras_ts and Keras, and the backend, for a file to keep."""
    return {"keras_ts": __version__, "keras": keras.__version__, "backend": keras.backend.backend()}


def widest_integer(kind: np.dtype[Any]) -> Any:
    """Return the integer dtype to use on the backend in place of ``kind``, or None to keep it."""
    # JAX silently cuts integers of eight bytes to four; on PyTorch, Keras takes no uint64.
    if kind.kind not in "iu" or kind.itemsize < 8:
        return None
    if is_backend("torch"):
        return np.int64 if kind.kind == "u" else None
    if is_backend("jax"):
        import jax

        return None if jax.config.jax_enable_x64 else np.dtype(f"{kind.kind}4")
    return None


def unwrapped(model: Any) -> Any:
    """Return the Keras model within PyTorch's ``DistributedDataParallel``, or ``model`` itself."""
    if not is_backend("torch"):
        return model
    parallel: Any = sys.modules["torch"].nn.parallel
    return model.module if isinstance(model, parallel.DistributedDataParallel) else model


def processes() -> tuple[int, int]:
    """Return the count of processes, and the index of this one; TensorFlow always gives 1 and 0."""
    if is_backend("torch"):
        distributed: Any = sys.modules["torch"].distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_world_size(), distributed.get_rank()
    if is_backend("jax"):
        import jax

        return jax.process_count(), jax.process_index()
    return 1, 0


def distribution() -> Any:
    """Return the current ``keras.distribution``, or None; only JAX has one."""
    return keras.distribution.distribution() if is_backend("jax") else None


def averages_gradients() -> bool | None:
    """Return True if Keras averages gradients over PyTorch's processes; None on other backends."""
    version = tuple(map(int, keras.__version__.split(".")[:2]))
    return version >= (3, 16) if is_backend("torch") else None


def generator_states() -> list[Array]:
    """Return the states of PyTorch's generators; on any backend, if PyTorch is imported."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return []
    # Reading the states of devices that nothing has used yet would start the devices.
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [state.numpy() for state in (torch.get_rng_state(), *devices)]


def set_generator_states(states: list[Array]) -> None:
    """Put back what ``generator_states`` returned, on as many devices as there are."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not states:
        return
    torch.set_rng_state(torch.from_numpy(states[0]))
    for device, state in enumerate(states[1 : 1 + torch.cuda.device_count()]):
        torch.cuda.set_rng_state(torch.from_numpy(state), device)


def runner(model: keras.Model) -> Run:
    """Return a function that runs a model in any thread, on one device of this process."""
    if not is_backend("jax"):
        # Otherwise, threads that run the model first would each compile a function.
        model.make_predict_function()
        run: Run = model.predict_on_batch
        return run
    # ``predict_on_batch`` donates the arrays of variables to the compiled function, which deletes
    # them, and then assigns new ones. Meanwhile, other threads could read deleted arrays.
    import jax

    def step(trainable: list[Any], non_trainable: list[Any], inputs: Any) -> tuple[Any, list[Any]]:
        output, after = model.stateless_call(trainable, non_trainable, inputs, training=False)
        changed = [
            None if value is old else value for value, old in zip(after, non_trainable, strict=True)
        ]
        return output, changed

    compiled = jax.jit(step) if model.jit_compile and not model.run_eagerly else step

    def run_by_jax(inputs: Any) -> Any:
        variables = model.non_trainable_variables
        trainable = [_here(variable) for variable in model.trainable_variables]
        output, changed = compiled(trainable, [_here(variable) for variable in variables], inputs)
        for variable, value in zip(variables, changed, strict=True):
            # Only random number generators change their state.
            if value is not None:
                variable.assign(value)
        return output

    return run_by_jax


def is_distributed(model: keras.Model) -> bool:
    """Return True if a ``keras.distribution`` is set, or once was for this model."""
    if not is_backend("jax"):
        return False
    values = (variable.value for variable in model.variables)
    return distribution() is not None or any(map(_is_spread, values))


def _here(variable: Any) -> Any:
    """Return the value of a variable as an array on one device of this process."""
    value = variable.value
    if not _is_spread(value):
        return value
    if value.is_fully_replicated:
        return value.addressable_data(0)
    if not value.is_fully_addressable:
        raise ValueError(
            f"The variable {variable.path} is divided among several processes, each of which holds "
            "a part of it, so that none can predict alone. Gather the values in all processes by "
            "jax.experimental.multihost_utils.process_allgather(variable.value, tiled=True), and "
            "assign them to a model that was made without keras.distribution."
        )
    return np.asarray(value)


def _is_spread(value: Any) -> bool:
    return len(value.sharding.device_set) > 1
