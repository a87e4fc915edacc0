"""Divides batches among the processes of a run, and refuses batches that they cannot share."""

from dataclasses import dataclass, replace

import keras

from keras_ts import _backends, _checks
from keras_ts.windows.sampler import BatchSampler


@dataclass(frozen=True)
class Workers:
    """The processes that share every batch of a run, and the place of this process among them."""

    count: int = 1  # Number of groups of processes, mostly of one, that read different windows.
    index: int = 0  # Number of the group of this process, from 0.
    devices: int = 1  # Number of devices that share the rows of a process.

    @classmethod
    def of_this_run(cls) -> "Workers":
        """Return the workers of this run: one on TensorFlow, which divides batches itself."""
        processes, process = _backends.processes()
        distribution = _backends.distribution()
        if distribution is None:
            return cls(processes, process)
        mesh = distribution.device_mesh
        copies = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
        if max(copies, processes) % min(copies, processes):
            raise ValueError(
                f"The batches of this distribution cannot be divided among {processes} processes: "
                f"the axis of the batch, {distribution.batch_dim_name!r}, has {copies} parts. Make "
                "one of the two numbers a multiple of the other."
            )
        # With fewer copies of the model than processes, those that share a copy read the same rows.
        count = min(copies, processes)
        return cls(count, process * count // processes, max(copies // processes, 1))


def cut(sampler: BatchSampler, count: int, index: int, drawn: bool) -> BatchSampler:
    """Return the part of every batch that worker ``index`` of ``count`` reads."""
    count, index = _checks.integer("count", count, 1), _checks.integer("index", index, 0)
    if index >= count:
        raise ValueError(f"index must be < count. Received: count={count}, index={index}.")
    if sampler.shards > 1:
        raise ValueError("This dataset is a shard already; call shard on the whole dataset.")
    workers = Workers.of_this_run()
    if drawn and sampler.shuffle and workers.count > 1:
        raise ValueError(
            "Each process of this run has drawn a seed of its own, so that the shards of a batch "
            "would overlap. Pass a seed to WindowedSeries, the same in every process. Received: "
            "seed=None."
        )
    if sampler.batch_size % (count * workers.devices):
        sharing = f"count={count} workers"
        if workers.devices > 1:
            sharing += f" of {workers.devices} devices each"
        raise ValueError(
            f"batch_size must be a multiple of {count * workers.devices}, since {sharing} share "
            f"every batch. Received: batch_size={sampler.batch_size}."
        )
    return replace(sampler, shards=count, shard=index, devices=workers.devices)


def check_share(sampler: BatchSampler) -> None:
    """Refuse batches on which Keras would train wrongly, or not at all, in this process."""
    workers = Workers.of_this_run()
    averages = _backends.averages_gradients()
    if averages is not None:  # On PyTorch.
        if workers.count > 1 and not averages:
            raise RuntimeError(
                f"Keras {keras.__version__} averages no gradients among the {workers.count} "
                "processes of torch.distributed: fit would train a separate model in each. Write a "
                f"custom training loop: ds.shard({workers.count}, {workers.index}) gives this "
                "process its rows of every batch, and the mean of the processes' gradients is the "
                "gradient of the batch. forecast and compare work in each process."
            )
        return
    if workers.count > 1 and (sampler.shards, sampler.shard) != (workers.count, workers.index):
        share = f"shard({sampler.shards}, {sampler.shard})"
        raise ValueError(
            f"This is process {workers.index} of the {workers.count} that share the batches of "
            f"this run, and must read only its own rows: pass ds.shard({workers.count}, "
            f"{workers.index}) to fit and as validation_data (in general "
            "ds.shard(jax.process_count(), jax.process_index())), under "
            "keras.distribution.DataParallel(auto_shard_dataset=False). Received: "
            f"{share if sampler.shards > 1 else 'a whole dataset'}."
        )
    for batch in (0, sampler.batches - 1):
        begin, end = sampler.bounds(batch)
        if (end - begin) % workers.devices:
            raise ValueError(
                f"{workers.devices} devices cannot share a batch of {end - begin} windows. Make "
                'batch_size a multiple of their number, and pass remainder="pad", which fills up '
                f"the last batch. Received: batch_size={sampler.batch_size}, "
                f"remainder={sampler.remainder!r}."
            )
