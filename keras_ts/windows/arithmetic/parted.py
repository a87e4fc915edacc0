"""Separates missing values from the others, in NumPy arrays or Keras tensors."""

from typing import Any

import numpy as np


def parted(values: Any, ops: Any = np) -> tuple[Any, Any]:
    """Return the values with 0 in place of NaN and infinity, and a mask that is True there."""
    # NaN and infinity times 0 are NaN. The condition has to be an ``isnan``: any other ``where``
    # becomes a sum of products in tf2onnx, to which the NaN that is not chosen adds NaN * 0.
    with np.errstate(invalid="ignore"):
        missing = ops.isnan(0.0 * values)
    return ops.where(missing, ops.zeros_like(values), values), missing
