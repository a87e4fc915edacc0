"""Drop-in replacements, under the same names, of a function of Keras and one of a course.

Both take the arguments of the originals and return the same batches, with two exceptions: the
shuffle is a new permutation of all windows in each pass, and calls that would silently give wrong
batches, or none, are refused.
"""

import importlib.util
import itertools
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.windows import pipelines
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.gather import StridedWindows
from keras_ts.windows.geometry import WindowRanges
from keras_ts.windows.sampler import BatchSampler
from keras_ts.windows.windowed_series import WindowedSeries

if TYPE_CHECKING:
    import tensorflow as tf

# A pipeline of single windows reads so many at once.
_SINGLES = 32


def windowed_dataset(
    series: Any, window_size: int, batch_size: int = 32, shuffle_buffer: int = 1000
) -> "tf.data.Dataset | WindowDataset":
    """Cut a series into pairs of a window and the value after it, as the course's helper does.

    The pairs are those of ``window(window_size + 1, shift=1, drop_remainder=True)``, mapped
    to ``(window[:-1], window[-1])``. Where TensorFlow is not installed, the same windows come as a
    ``WindowDataset``, which Keras's ``fit`` takes, too.

    Example:

    >>> import numpy as np
    >>> dataset = windowed_dataset(np.arange(6.0), 3, shuffle_buffer=1)  # doctest: +SKIP
    >>> [(x.tolist(), y.tolist()) for x, y in dataset.as_numpy_iterator()]  # doctest: +SKIP
    [([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], [3.0, 4.0, 5.0])]

    Args:
        series: Anything that ``WindowedSeries.build`` takes. TensorFlow reads lists of numbers in
            32 bits, NumPy in 64.
        window_size: Number of inputs in a window.
        batch_size: Windows in a batch; the last may be smaller. Defaults to 32.
        shuffle_buffer: 1 keeps time order, as TensorFlow's ``shuffle(1)`` does. Any larger
            number shuffles all windows, in a new order each full pass. Defaults to 1000.

    Returns:
        A ``tf.data.Dataset`` of ``(batch, window_size, ...)`` and ``(batch, ...)``; without
        TensorFlow a ``WindowDataset``.

    Raises:
        ValueError: The series is too short for one window, or a value is missing.
    """
    window = _checks.integer("window_size", window_size, 1)
    shuffle = _checks.integer("shuffle_buffer", shuffle_buffer, 1) > 1
    windows = WindowedSeries(window, shuffle=shuffle, batch_size=batch_size)
    installed = importlib.util.find_spec("tensorflow") is not None
    if isinstance(series, list | tuple) and not any(hasattr(item, "shape") for item in series):
        series = _read(series, "tf" if installed else "numpy")
    try:
        dataset = windows.build(series)
    except ValueError as error:
        text, advises, _ = str(error).partition("Fill them, or pass missing=")
        if not advises:
            raise
        cure = f"WindowedSeries({window}, missing=...).build(series), whose docstring has the ways"
        raise ValueError(f"{text}Fill them, or use {cure}.") from None
    return dataset.to_tf() if installed else dataset


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",  # noqa: A002 - Keras's name
) -> Any:
    """Cut an array into windows, as ``keras.utils.timeseries_dataset_from_array`` does.

    ``targets[i]`` belongs to the window that **starts** at ``i``, as in Keras. To forecast
    the value after each window, pass all of ``data`` and ``targets=data[sequence_length:]``.
    (``data[:-sequence_length]``, as Keras's docstring has it, loses the last windows; and
    ``targets=data`` makes the first value of each window its target.)

    Example:

    >>> import numpy as np
    >>> data = np.arange(6.0)
    >>> dataset = timeseries_dataset_from_array(
    ...     data, data[3:], sequence_length=3, format="grain")  # doctest: +SKIP
    >>> [(np.asarray(x).tolist(), np.asarray(y).tolist()) for x, y in dataset]  # doctest: +SKIP
    [([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], [3.0, 4.0, 5.0])]

    Args:
        data: Array, memory map, tensor or list ``(time, ...)``. It may hold missing values.
        targets: ``(time, ...)``, or None. Windows without a target are left out.
        sequence_length: Number of values in a window.
        sequence_stride: Positions between the starts of neighbouring windows. Defaults to 1.
        sampling_rate: Positions between neighbouring values of a window. Defaults to 1.
        batch_size: Windows in a batch. None for single windows. Defaults to 128.
        shuffle: True for a new uniform permutation of all windows in each pass, which depends only
            on the seed and the number of the pass. Defaults to False, time order.
        seed: Integer that fixes the shuffle. Defaults to None: drawn from ``random``.
        start_index: First position used. Defaults to None: 0.
        end_index: Position after the last one used. Defaults to None: ``len(data)``.
        format: ``"tf"`` or ``"grain"``, which needs no TensorFlow. Defaults to ``"tf"``.

    Returns:
        A ``tf.data.Dataset`` or ``grain.IterDataset`` of ``(x, y)``, or of ``x`` without targets.

    Raises:
        ValueError: An argument is out of range, or there is no window.
    """
    # Keras's own tests match the words of this error and the backticks of the next ones.
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be "tf" or "grain". Received: format={format!r}.')
    length = _checks.integer("`sequence_length`", sequence_length, 1)
    stride = _checks.integer("`sequence_stride`", sequence_stride, 1)
    rate = _checks.integer("`sampling_rate`", sampling_rate, 1)
    batch = None if batch_size is None else _checks.integer("`batch_size`", batch_size, 1)
    seed = random.getrandbits(32) if seed is None else _checks.integer("`seed`", seed, 0)
    shuffle = _checks.boolean("shuffle", shuffle)
    values = _read(data, format)
    start, end = _bounds(len(values), start_index, end_index)
    inputs = StridedWindows(values[start:end], 0, length, rate)
    if not len(inputs):
        raise ValueError(
            f"data[{start}:{end}] has {end - start} positions. A window of sequence_length="
            f"{length} with sampling_rate={rate} spans {rate * (length - 1) + 1}."
        )
    arrays: list[Any] = [inputs]
    if targets is not None:
        arrays.append(_read(targets, format)[start:end])
        if not len(arrays[1]):
            raise ValueError(f"targets[{start}:{end}] is empty, so no window has a target.")
    count = -(-min(map(len, arrays)) // stride)
    ranges = WindowRanges(np.array([0]), np.array([count]), np.array([0]), step=stride)
    sampler = BatchSampler(ranges, batch or 1, "keep", shuffle=shuffle, seed=seed)
    if format == "grain":
        return pipelines.to_iter_dataset(_ArraySource(arrays, sampler), single=batch is None)
    import tensorflow as tf

    # A pass counts as soon as it begins: with Keras's function, too, each iterator has a new order.
    passes = itertools.count()
    in_calls = sampler if batch else replace(sampler, batch_size=_SINGLES)
    dataset = pipelines.batches(_ArraySource(arrays, in_calls), lambda: next(passes))
    dataset = dataset if batch else dataset.unbatch()
    counted = tf.data.experimental.assert_cardinality(sampler.batches)
    return dataset.prefetch(2).apply(counted)


def _read(values: Any, kind: str) -> Array:
    """Return an array of the dtype that the originals use: TensorFlow reads lists in 32 bits."""
    if kind == "tf" and not hasattr(values, "__array__"):
        import tensorflow as tf

        values = tf.convert_to_tensor(values)
    if np.ndim(values) == 0:
        raise TypeError(f"data and targets must be (time, ...). Received: {values!r}.")
    return np.asarray(values)


def _bounds(length: int, start_index: int | None, end_index: int | None) -> tuple[int, int]:
    start = 0 if start_index is None else _checks.integer("`start_index`", start_index, 0)
    end = length if end_index is None else _checks.integer("`end_index`", end_index, 1)
    if start < end <= length:
        return start, end
    rule = "`end_index` must be <= len(data)" if end > length else "`start_index` must be lower"
    raise ValueError(f"{rule}. Received: {start_index=}, {end_index=}, len(data)={length}.")


@dataclass
class _ArraySource:
    """Windows and their targets: row ``s`` of each array belongs to the window at ``s``."""

    arrays: list[Any]
    sampler: BatchSampler

    def read(self, epoch: int, begin: int, end: int) -> Any:
        """Return the windows at positions ``begin .. end - 1`` of an epoch."""
        starts = self.sampler.windows(epoch, begin, end)[1]
        batch = tuple(array[starts] for array in self.arrays)
        return batch if len(batch) > 1 else batch[0]
