"""Keeps the tests from waiting for a backend, and changes nothing that it computes."""

import contextlib
import ctypes
import functools
import gc
import importlib.util
import mmap
import os
from pathlib import Path

import keras


def iterate_untuned():
    """Turn off the autotuning of tf.data, whose thread keeps an iterator from being freed.

    The thread tunes after 10 ms, 20 ms, 40 ms and so on, up to a minute. TensorFlow wakes it
    before it marks it as cancelled, so the thread may sleep on until its next turn, and whoever
    frees the iterator waits for it: a garbage collection of old ones took one to three minutes.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    iterate = tf.data.Dataset.__iter__
    tf.data.Dataset.__iter__ = lambda dataset: iterate(dataset.with_options(options))


def build_untraced():
    """Let TensorFlow read the windows of a preset that is built op by op, and at once.

    They are a few batches, and tracing a function for them costs more. The tests of batches set
    their size.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    from keras_ts.presets import training
    from keras_ts.presets.initial_fit import parts

    parts._CHUNK = 2**14

    def untraced(read):
        def wrapped(*arguments):
            tf.config.run_functions_eagerly(True)
            try:
                return read(*arguments)
            finally:
                tf.config.run_functions_eagerly(False)

        return wrapped

    for name in ("fit_linear", "fit_events"):
        setattr(training, name, untraced(getattr(training, name)))


def trace_once():
    """Let TensorFlow trace a step of training once.

    A trace that makes variables, as the first step makes those of the optimizer, is done anew
    without: half of the time that a small fit took.
    """
    if keras.backend.backend() != "tensorflow":
        return
    from keras_ts._models import build_optimizer

    def with_variables(train):
        def wrapped(model, *arguments, **settings):
            if model.built and model.compiled and model.optimizer is not None:
                build_optimizer(model)
            return train(model, *arguments, **settings)

        return functools.wraps(train)(wrapped)

    for name in ("fit", "train_on_batch"):
        setattr(keras.Model, name, with_variables(getattr(keras.Model, name)))


def keep_compiled(folder):
    """Let JAX keep what it compiles in a folder, here and in processes that are started later.

    The tests build the same small models over and over, and JAX would compile each anew. Workers
    must not share a folder, since one may read a file that another has half written.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


def forget_compiled(above=9 * 2**28):
    """Let JAX forget what it compiled, if this process has grown above some bytes.

    It keeps all that it ever compiled, a hundred megabytes for another length of windows. What is
    needed again comes from the folder of ``keep_compiled``.
    """
    if keras.backend.backend() != "jax" or _resident() < above:
        return
    import jax

    # Models that are not collected yet hold functions of their own.
    gc.collect()
    jax.clear_caches()
    # The C library would keep what was freed.
    ctypes.CDLL(None).malloc_trim(0)


def _resident():
    """Return the bytes of memory of this process; 0 where Linux does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except FileNotFoundError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def compute_in_one_thread():
    """Let PyTorch compute in one thread, here and in processes that are started.

    The tests compute with small arrays, and threads wait for one another: a fifth of the time.
    """
    if keras.backend.backend() != "torch":
        return
    import torch

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def emit_plainly(flag="xla_cpu_use_fusion_emitters"):
    """Let XLA compile for the CPU by its older emitters, here and in processes that are started.

    On the CPU most of the time of tests on JAX is compiling: an operation by itself is a kernel
    for each new shape. The newer emitters, of jaxlib 0.10, take half as long again. A process that
    meets a flag it does not know ends, so a jaxlib that names it no more goes without. It counts
    only before JAX compiles for the first time.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if keras.backend.backend() == "jax" and flag not in flags and _xla_names(flag):
        os.environ["XLA_FLAGS"] = f"{flags} --{flag}=false".strip()


def _xla_names(flag):
    """Return True if jaxlib's own library holds this name."""
    folders = importlib.util.find_spec("jaxlib").submodule_search_locations
    for library in (path for folder in folders for path in Path(folder).glob("libjax_common.*")):
        with (
            library.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held,
        ):
            if held.find(flag.encode()) >= 0:
                return True
    return False


@contextlib.contextmanager
def unoptimized():
    """Let JAX generate plain machine code meanwhile, here and in processes that are started.

    The tests compile much and compute little: code that is not optimized takes two thirds of the
    time to compile, and three times as long to run. Pages, which train whole models, go without.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    name = "jax_disable_most_optimizations"
    jax.config.update(name, True)
    os.environ[name.upper()] = "1"
    try:
        yield
    finally:
        jax.config.update(name, False)
        del os.environ[name.upper()]


@contextlib.contextmanager
def untraced():
    """Let TensorFlow run models op by op meanwhile, in training and in predictions.

    Tracing a small recurrent preset takes as long as training it op by op on 20 batches. Files
    whose models see fewer, and which are not about what Keras compiles, ask for it.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    keras.Model.run_eagerly = property(lambda model: True, lambda model, value: None)
    try:
        yield
    finally:
        # Keras's own property is that of a class above.
        del keras.Model.run_eagerly
