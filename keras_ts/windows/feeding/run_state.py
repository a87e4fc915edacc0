"""The state of a run as plain values: which batch of which epoch comes next, and of what order."""

from typing import Any

from keras_ts import _checks
from keras_ts.windows.arithmetic.sampler import BatchSampler

# A state fits a dataset only if these are equal, since they determine the windows and their order.
_SAME_RUN = ("total", "batch_size", "remainder", "shuffle")


def taken(sampler: BatchSampler, epoch: int, batch: int) -> dict[str, Any]:
    """Return the state of a run that continues at a batch of an epoch."""
    order = {name: getattr(sampler, name) for name in _SAME_RUN}
    return {"epoch": epoch, "batch": batch, **order, "seed": sampler.seed}


def checked(state: Any, sampler: BatchSampler, batches: int) -> tuple[int, int, int]:
    """Return the epoch, the batch and the seed of a state, or refuse it."""
    if not isinstance(state, dict) or not {"epoch", "batch", "seed"} <= state.keys():
        raise ValueError(f"state must be a dict from state(). Received: state={state!r}.")
    for name in _SAME_RUN:
        if state.get(name) != getattr(sampler, name):
            raise ValueError(
                f"state was taken with {name}={state.get(name)!r}, and this dataset has "
                f"{name}={getattr(sampler, name)!r}. Build it from the same series and settings."
            )
    epoch, batch, seed = (
        _checks.integer(f"state['{name}']", state[name], 0) for name in ("epoch", "batch", "seed")
    )
    if batch >= batches:
        raise ValueError(
            f"state['batch'] must be < {batches}, the batches in an epoch. Received: {batch}."
        )
    return epoch, batch, seed
