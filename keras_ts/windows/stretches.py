"""Shortens epochs, so that training on very many windows takes no longer than the recipe says.

With Keras's ``steps_per_epoch`` a pass over the windows would span several epochs, and nobody could
tell a pass that goes on from one that begins. Here the batches of all passes are numbered through,
and each epoch takes the next ones: where it begins follows from its number.
"""

from typing import Any

from keras_ts.windows.dataset import WindowDataset, of_source


class _Stretches(WindowDataset):
    """The batches of another dataset, ``_steps`` in an epoch; the next epoch goes on after them."""

    _steps: int

    def __len__(self) -> int:
        return self._steps

    def _batch(self, epoch: int, number: int) -> Any:
        passes, batch = divmod(epoch * self._steps + number, self._source.sampler.batches)
        return super()._batch(passes, batch)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "steps": self._steps}


def in_stretches(dataset: WindowDataset, steps: int) -> WindowDataset:
    """Return a dataset that goes through the batches of another one, ``steps`` in an epoch."""
    part = of_source(dataset, dataset._source)
    part.__class__ = _Stretches
    part._steps = steps
    return part
