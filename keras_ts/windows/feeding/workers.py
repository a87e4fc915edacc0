"""Divides batches among the workers of a run, and refuses datasets that they cannot share.

Under a ``keras.distribution`` Keras takes the rows that a process reads as its part of a batch, and
divides them among the devices of the process. It refuses most data that each process would read
whole, but not a ``DataAdapter``.
"""

import sys
from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_ts import _checks
from keras_ts.windows.arithmetic.sampler import BatchSampler


@dataclass(frozen=True)
class Workers:
    """The processes that share every batch of a run, and this one among them.

    Attributes:
        count: Number of processes that read different windows.
        index: Number of this process, from 0.
        devices: Number of devices that share the rows of a process.
    """

    count: int = 1
    index: int = 0
    devices: int = 1

    @classmethod
    def of_this_run(cls) -> "Workers":
        """Return the workers of the current ``keras.distribution``."""
        distribution = keras.distribution.distribution()
        if distribution is None or keras.backend.backend() != "jax":
            return cls()
        import jax

        mesh = distribution.device_mesh
        parts = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
        processes, index = jax.process_count(), jax.process_index()
        if parts >= processes:
            return cls(processes, index, parts // processes)
        # The model is sharded over several processes, which then read the same windows.
        return cls(parts, index * parts // processes)


def cut(whole: BatchSampler, count: int, index: int) -> BatchSampler:
    """Return the part of every batch that worker ``index`` of ``count`` reads.

    Raises:
        ValueError: There is no such worker, the number of workers times their devices does not
            divide ``batch_size``, or the sampler is a part already.
    """
    count, index = _checks.integer("count", count, 1), _checks.integer("index", index, 0)
    if index >= count:
        raise ValueError(f"index must be < count. Received: count={count}, index={index}.")
    devices = Workers.of_this_run().devices
    if whole.shards > 1:
        raise ValueError("This dataset is a shard already; call shard on the whole dataset.")
    if whole.batch_size % (count * devices):
        raise ValueError(
            f"batch_size must be a multiple of {count * devices}, since count={count} workers of "
            f"{devices} device{'s' * (devices > 1)} each share every batch. Received: "
            f"batch_size={whole.batch_size}."
        )
    return replace(whole, shards=count, shard=index, devices=devices)


def refuse_unshared(sampler: BatchSampler) -> None:
    """Refuse to feed a run whose workers would read the same windows, or cannot share a batch.

    Raises:
        ValueError: The dataset is not the part of this process, or the number of devices does not
            divide the rows of a batch.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        return
    workers, mine = Workers.of_this_run(), (sampler.shards, sampler.shard)
    # Keras's way to say that the data were divided already.
    by_hand = sampler.shards == 1 and not distribution.auto_shard_dataset
    if workers.count > 1 and not by_hand and mine != (workers.count, workers.index):
        received = "the whole" if sampler.shards == 1 else f"shard({mine[0]}, {mine[1]}) of it"
        raise ValueError(
            f"Each of the {workers.count} processes of this run must read its own part of a "
            f"dataset, and process {workers.index} received {received}. Pass "
            f"ds.shard({workers.count}, {workers.index}) in this process, and likewise in the "
            "others. Build ds with the same seed everywhere, and batch_size for all together."
        )
    for batch in {0, sampler.batches - 1}:
        begin, end = sampler.bounds(batch)
        if (end - begin) % workers.devices:
            raise ValueError(
                f"{workers.devices} devices cannot share batch {batch}, which has {end - begin} "
                f"windows. Pass ds.shard({workers.count}, {workers.index}) of a dataset whose "
                f"batch_size is a multiple of {workers.count * workers.devices}: shard fills up "
                "the last batch. Call it after keras.distribution.set_distribution."
            )


def refuse_unaveraged() -> None:
    """Refuse a fit in which Keras would train a separate model in each process.

    Raises:
        RuntimeError: PyTorch's processes form a group, and Keras does not average gradients.
    """
    if keras.backend.backend() != "torch" or _keras_averages():
        return
    distributed: Any = sys.modules["torch"].distributed
    if not distributed.is_available() or not distributed.is_initialized():
        return
    count, index = distributed.get_world_size(), distributed.get_rank()
    if count > 1:
        raise RuntimeError(
            f"Keras {keras.__version__} averages no gradients among the {count} processes of "
            "torch.distributed: fit would train a separate model in each. Write a custom training "
            f"loop: ds.shard({count}, {index}) gives this process its rows of every batch, and the "
            "mean of the processes' gradients is the gradient of the batch."
        )


def _keras_averages() -> bool:
    major, minor = keras.__version__.split(".")[:2]
    return (int(major), int(minor)) >= (3, 16)
