"""Divides batches among the workers of a run, and refuses datasets that they cannot share.

Under a ``keras.distribution`` Keras takes the rows that a process reads as its part of a batch, and
divides them among the devices of the process. Keras divides data among processes in its own
adapters alone. A ``WindowDataset`` is an adapter, so that Keras takes its rows as they come, and
they are divided here.
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
        index: Number of this process among them, from 0.
        devices: Number of devices that share the rows of a process.
        processes: Number of all processes: more than ``count`` if some share a copy of the model,
            and read the same windows.
        process: Number of this process among all, from 0.
        apart: True if each process has data of its own, so that nothing is divided among them.
    """

    count: int = 1
    index: int = 0
    devices: int = 1
    processes: int = 1
    process: int = 0
    apart: bool = False

    @classmethod
    def of_this_run(cls, model: keras.Model | None = None) -> "Workers":
        """Return the workers of the current ``keras.distribution``.

        TensorFlow has none. There the devices are those of the ``tf.distribute`` strategy in whose
        scope ``model`` was made.

        Raises:
            ValueError: The copies of the model cannot be divided among the processes.
        """
        if keras.backend.backend() == "tensorflow":
            strategy = getattr(model, "distribute_strategy", None)
            return cls(devices=1 if strategy is None else strategy.num_replicas_in_sync)
        distribution = keras.distribution.distribution()
        if distribution is None:
            return cls()
        mesh = distribution.device_mesh
        copies = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
        apart = not distribution.auto_shard_dataset
        processes, process = _processes()
        if processes == 1:
            return cls(devices=copies, apart=apart)
        replicas = getattr(distribution, "num_model_replicas", copies)
        if replicas != copies or max(copies, processes) % min(copies, processes):
            raise ValueError(
                f"The batches of this distribution cannot be divided among {processes} processes: "
                f"its mesh has shape {tuple(mesh.shape)}, and the axis of the batch is "
                f"{distribution.batch_dim_name!r}. For DataParallel pass a mesh of one axis with "
                "all devices; for ModelParallel, an axis of the batch that is a multiple or a "
                "divisor of the number of processes."
            )
        count = min(copies, processes)
        index = getattr(distribution, "data_shard_id", process * count // processes)
        return cls(count, index, max(copies // processes, 1), processes, process, apart)


def _processes() -> tuple[int, int]:
    """Return the number of processes of the run, and the number of this one."""
    if keras.backend.backend() == "torch":
        distributed: Any = sys.modules["torch"].distributed
        if not distributed.is_available() or not distributed.is_initialized():
            return 1, 0
        return distributed.get_world_size(), distributed.get_rank()
    import jax

    return jax.process_count(), jax.process_index()


def cut(whole: BatchSampler, count: int, index: int) -> BatchSampler:
    """Return the part of every batch that worker ``index`` of ``count`` reads.

    Raises:
        ValueError: There is no such worker, the number of workers times their devices does not
            divide ``batch_size``, or the sampler is a part already.
    """
    count, index = _checks.integer("count", count, 1), _checks.integer("index", index, 0)
    if index >= count:
        raise ValueError(f"index must be < count. Received: count={count}, index={index}.")
    if whole.shards > 1:
        raise ValueError("This dataset is a shard already; call shard on the whole dataset.")
    return _part(whole, count, index, Workers.of_this_run().devices)


def share(sampler: BatchSampler, workers: Workers) -> BatchSampler:
    """Return the rows of every batch that this process feeds to Keras.

    These are its part of a whole dataset, and all rows of a part or of data of its own. A last
    batch that is not full is filled up for the devices.

    Raises:
        ValueError: The sampler is the part of another process, or the number of workers times their
            devices does not divide ``batch_size``.
    """
    part = sampler.shards, sampler.shard
    if part == (1, 0):
        if not workers.apart:
            part = workers.count, workers.index
    elif workers.count > 1 and part != (workers.count, workers.index):
        raise ValueError(
            f"Process {workers.index} of the {workers.count} processes of this run received "
            f"shard({part[0]}, {part[1]}) of a dataset. Pass the whole dataset in every process: "
            f"each then reads its own rows. By hand, that is ds.shard({workers.count}, "
            f"{workers.index}) in this one."
        )
    if part == (sampler.shards, sampler.shard) and workers.devices == sampler.devices:
        return sampler
    return _part(sampler, *part, workers.devices)


def _part(sampler: BatchSampler, count: int, index: int, devices: int) -> BatchSampler:
    if sampler.batch_size % (count * devices):
        sharing = f"{devices} devices"
        if count > 1:
            sharing = f"count={count} workers of {devices} device{'s' * (devices > 1)} each"
        raise ValueError(
            f"batch_size must be a multiple of {count * devices}, since {sharing} share every "
            f"batch. Received: batch_size={sampler.batch_size}."
        )
    return replace(sampler, shards=count, shard=index, devices=devices)


def refuse_scattered(workers: Workers) -> None:
    """Refuse a prediction by Keras whose rows would end up in several processes.

    Raises:
        RuntimeError: The run has several processes.
    """
    if workers.processes > 1:
        raise RuntimeError(
            f"predict of Keras cannot gather what the {workers.processes} processes of this run "
            "predict. forecast, compare, calibrate and backtest predict in each process alone, and "
            "work here. For predictions of a dataset, save the model and load it in one process."
        )


def refuse_unaveraged() -> None:
    """Refuse a fit in which Keras would train a separate model in each process.

    Raises:
        RuntimeError: The run has several processes, and Keras does not average their gradients.
    """
    if keras.backend.backend() == "tensorflow":
        return
    count, index = _processes()
    if count == 1:
        return
    if keras.backend.backend() == "torch" and not _keras_averages():
        raise RuntimeError(
            f"Keras {keras.__version__} averages no gradients among the {count} processes of "
            "torch.distributed: fit would train a separate model in each. Write a custom training "
            f"loop: ds.shard({count}, {index}) gives this process its rows of every batch, and the "
            "mean of the processes' gradients is the gradient of the batch."
        )
    if keras.distribution.distribution() is None:
        raise RuntimeError(
            f"This run has {count} processes and no keras.distribution: each would train a model "
            "of its own. Before the model is made, call "
            "keras.distribution.set_distribution(keras.distribution.DataParallel())."
        )


def _keras_averages() -> bool:
    major, minor = keras.__version__.split(".")[:2]
    return (int(major), int(minor)) >= (3, 16)
