"""Missing values parted from the others, by NumPy or by ``keras.ops`` alike."""

from typing import Any

import numpy as np


def parted(values: Any, ops: Any = np) -> tuple[Any, Any]:
    """Return the values with 0 for each that is NaN or infinite, and True for each of these.

    Args:
        values: Numbers of floating point.
        ops: ``numpy``, or ``keras.ops`` for tensors.
    """
    # NaN and infinite numbers times 0 are NaN. tf2onnx turns ``where`` into a sum of products, in
    # which the value that is not chosen counts NaN * 0, unless its condition is an ``isnan``.
    with np.errstate(invalid="ignore"):
        missing = ops.isnan(0.0 * values)
    return ops.where(missing, ops.zeros_like(values), values), missing
