"""Lets the processes of a run agree on what they train on, before they train.

Processes that share batches read different rows of the same windows, or the batches of a run are
not those of one process. Nothing else would notice: JAX adds up whatever each process feeds, and
processes with another number of batches wait for each other without end.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ts.windows.feeding.source import WindowSource
from keras_ts.windows.feeding.workers import Workers

# Room for a message of a process, and the most characters of an error in it.
# JSON writes a character in up to 12 bytes.
_BYTES, _CHARACTERS = 1 << 14, 1000
# Values that a digest reads whole, and the windows that stand for all if there are more.
_VALUES, _WINDOWS = 1 << 23, 256

_CURE = (
    "Build the dataset from the same series and settings in every process, each of which reads its "
    "own rows of every batch. If each process has data of its own, say so by "
    "keras.distribution.DataParallel(auto_shard_dataset=False)."
)

BACKUPS = (
    "BackupAndRestore restores a run of several processes from one folder, which all of them can "
    "read and process 0 writes: pass the same callback in every process. After a run that wrote "
    "elsewhere, copy the folder of process 0 to the others, or remove all."
)


def agree(workers: Workers, check: Callable[[], dict[str, Any]], cure: str = _CURE) -> list[Any]:
    """Return the facts of all processes, in their order; raise an error in all, or in none.

    A process that raised an error alone would leave the others waiting for it.

    Args:
        workers: The processes.
        check: Function that returns facts as plain values, by their names in an error. Those whose
            names begin with "_" may differ. It may raise an error.
        cure: Last sentence of an error about facts that differ.

    Raises:
        RuntimeError: ``check`` raised an error in another process.
        ValueError: The facts differ.
        Exception: What ``check`` raises in this process.
    """
    if workers.processes == 1:
        return [check()]
    raised: Exception | None = None
    try:
        message = {"facts": check()}
    except Exception as error:
        raised, message = error, {"error": {"text": str(error)[:_CHARACTERS]}}
    messages = _gathered(message)
    if raised is not None:
        raise raised
    for process, other in enumerate(messages):
        if "error" in other:
            raise RuntimeError(f"Process {process} of this run raised: {other['error']['text']}")
    facts = [other["facts"] for other in messages]
    for name, value in facts[0].items():
        for process, other in enumerate(facts):
            if not name.startswith("_") and other.get(name) != value:
                raise ValueError(
                    f"The {workers.processes} processes of this run differ in {name}: {value!r} in "
                    f"process 0, and {other.get(name)!r} in process {process}. {cure}"
                )
    return facts


def facts_of(source: WindowSource, place: tuple[int, int]) -> dict[str, Any]:
    """Return the facts in which processes that share batches must agree.

    Args:
        source: The whole batches, or a part of them.
        place: The epoch and the batch at which the run goes on.
    """
    sampler = source.sampler
    epoch, batch = place
    return {
        "the number of windows": sampler.total,
        "batch_size": sampler.batch_size,
        "remainder": sampler.remainder,
        "shuffle": sampler.shuffle,
        "the epoch": epoch,
        "the batch within the epoch": batch,
        "the data (by a digest)": _digest(source),
    }


def seed_of(source: WindowSource, placed: bool) -> dict[str, Any]:
    """Return the seed of the order as a fact, and as one that may differ if it was drawn.

    Args:
        source: The batches.
        placed: True if ``restore`` has set the place and the seed.
    """
    seed, drawn = source.sampler.seed, source.spec.seed is None and not placed
    return {"the seed": "drawn by the dataset" if drawn else seed, "_seed": seed}


def facts_apart(source: WindowSource, place: tuple[int, int]) -> dict[str, Any]:
    """Return the facts in which processes with data of their own must agree: their batches."""
    sampler = source.sampler
    begin, end = sampler.bounds(sampler.batches - 1)
    return {
        "the number of batches": sampler.batches,
        "batch_size": sampler.batch_size,
        "the number of windows in the last batch": end - begin,
        "the batch within the epoch": place[1],
    }


def digest_of_files(paths: Iterable[str]) -> list[str]:
    """Return a digest of each file, empty for one that does not exist."""
    files = map(Path, paths)
    return [_hashed([file.read_bytes()]) if file.is_file() else "" for file in files]


def digest_of_variables(variables: Iterable[Any]) -> str:
    """Return a digest of the values of those variables of which this process has a whole copy."""
    if keras.backend.backend() == "jax":
        values = (variable.value for variable in variables)
        whole = (value for value in values if value.is_fully_replicated)
        return _hashed(np.asarray(value.addressable_data(0)) for value in whole)
    return _hashed(keras.ops.convert_to_numpy(variable) for variable in variables)


def _digest(source: WindowSource) -> str:
    """Return a digest of the values, or of some windows; and of all series' and windows' places."""
    sampler, in_order = source.sampler, source.in_time_order()
    values, whole = source.panel.values, []
    if values.size <= _VALUES and not source.panel.on_disk:
        whole = [values]
    chosen = np.unique(np.linspace(0, sampler.total - 1, _WINDOWS).astype(np.int64))
    windows = [in_order.read(0, int(number), int(number) + 1) for number in chosen]
    ranges = sampler.ranges
    places = [source.panel.offsets, ranges.first, ranges.series]
    return _hashed([*whole, *keras.tree.flatten(windows), *places])


def _hashed(arrays: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array if isinstance(array, bytes) else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _gathered(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what every process passes here at the same point of the run, in their order."""
    if keras.backend.backend() == "torch":
        from torch import distributed

        messages: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(messages, message)
        return messages
    from jax.experimental import multihost_utils

    text = json.dumps(message).encode()
    padded = np.zeros(_BYTES, np.uint8)
    padded[: len(text)] = np.frombuffer(text, np.uint8)
    rows = multihost_utils.process_allgather(padded)
    return [json.loads(np.asarray(row).tobytes().rstrip(b"\0")) for row in rows]
