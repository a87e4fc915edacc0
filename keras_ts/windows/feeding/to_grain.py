"""Returns batches as Grain datasets; Grain is imported only when one is asked for."""

import itertools
import operator
from typing import Any

from keras_ts import _checks


def to_grain(source: Any) -> Any:
    """Return a ``grain.MapDataset`` of the batches, whose repetitions are the next epochs."""
    grain = _checks.needed("grain", "to_grain")

    class Batches(grain.MapDataset):  # type: ignore[name-defined]
        def __len__(self) -> int:
            return source.sampler.batches

        def __getitem__(self, index: Any) -> Any:
            if isinstance(index, slice):
                return self.slice(index)
            index = operator.index(index)
            if not -len(self) <= index:
                raise IndexError(f"batch {index} is out of range; an epoch has {len(self)}.")
            # A negative number counts from the end of the first epoch.
            epoch, batch = divmod(index if index >= 0 else index + len(self), len(self))
            return source.read(epoch, *source.sampler.bounds(batch))

    return Batches()


def to_iter_dataset(source: Any, single: bool) -> Any:
    """Return a ``grain.IterDataset`` of tensors, of which each new pass reads the next epoch."""
    import grain
    from keras import device, ops, tree

    class Pass(grain.DatasetIterator):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number, self.index = number, 0

        def __next__(self) -> Any:
            if self.index == source.sampler.batches:
                raise StopIteration
            batch = source.read(self.number, *source.sampler.bounds(self.index))
            self.index += 1
            if single:
                return tree.map_structure(lambda array: array[0], batch)
            with device("cpu"):
                return tree.map_structure(ops.convert_to_tensor, batch)

        def get_state(self) -> dict[str, int]:
            return {"pass": self.number, "index": self.index}

        def set_state(self, state: dict[str, int]) -> None:
            self.number, self.index = state["pass"], state["index"]

    class Passes(grain.IterDataset):
        passes = itertools.count()

        def __iter__(self) -> Pass:
            return Pass(next(self.passes))

    return Passes()
