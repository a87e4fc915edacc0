"""The one place that touches what Keras does not promise to keep.

``fit(dataset)`` shuffles the batches of a ``PyDataset`` with Python's global ``random``
unless told ``shuffle=False``, so the order of training would depend on whatever else drew
from it. Keras (3.12.4 to 3.15.1) asks an object that is itself a ``DataAdapter`` for its
batches and leaves their order alone. ``tests/test_package.py`` notices when that
changes; then datasets fall back to being plain PyDatasets, right in all but that order.
"""

try:
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter
except ImportError:  # pragma: no cover - a future Keras

    class DataAdapter:  # type: ignore[no-redef]
        """Stands in where Keras has moved its own."""


__all__ = ["DataAdapter"]
