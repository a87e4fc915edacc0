"""Refuses forecasts that a float cannot hold: they would come back as NaN or inf without a word."""

import numpy as np

from keras_ts._typing import Array
from keras_ts.windows.reading.panel import Panel, missing_rows


def fed(inputs: dict[str, Array], dtype: str, panel: Panel, chosen: Array) -> dict[str, Array]:
    """Return a model's inputs in its precision, or refuse values that this cannot hold.

    Args:
        inputs: The inputs by parts, ``(chosen, ...)``.
        dtype: The precision.
        panel: All series, for an error.
        chosen: The numbers of the series that are forecast.
    """
    with np.errstate(over="ignore"):
        cast = {part: values.astype(dtype) for part, values in inputs.items()}
    for part, values in inputs.items():
        if values.dtype.kind == "f" and values.dtype.itemsize <= cast[part].dtype.itemsize:
            continue
        lost = ~np.isfinite(cast[part]) & np.isfinite(values)
        if lost.any():
            row = int(np.argwhere(lost)[0][0])
            raise ValueError(
                f"{panel.series(int(chosen[row]))} holds {values[lost][0]:.3g} in the columns of "
                f"{part!r}, more than {dtype} holds, with which the model works. Divide the column "
                "by a number, before training, too."
            )
    return cast


def check_finite(
    ahead: Array, inputs: dict[str, Array], masking: bool, panel: Panel, chosen: Array
) -> None:
    """Refuse a forecast that is not finite, unless its inputs are not and nothing masks them.

    Args:
        ahead: The forecast, ``(chosen, steps, ...)``.
        inputs: The inputs by parts, as ``fed`` returns them.
        masking: True if the model masks missing values.
        panel: All series, for an error.
        chosen: The numbers of the series that are forecast.
    """
    bad = missing_rows(ahead.reshape(len(ahead), -1))
    if bad.any() and not masking:
        for values in inputs.values():
            bad &= ~missing_rows(values.reshape(len(values), -1))
    if bad.any():
        row = int(bad.argmax())
        values = np.concatenate([part[row].ravel() for part in inputs.values()])
        largest, most = np.nanmax(np.abs(values)), np.sqrt(np.finfo(values.dtype).max)
        raise ValueError(
            f"The model's forecast of {panel.series(int(chosen[row]))} is not finite. Its inputs "
            f"go up to {largest:.3g}: models square values, and {values.dtype} holds no square of "
            f"more than {most:.3g}. Divide the series by a number, and multiply the forecast. If "
            "the inputs are no larger than in training, that has diverged, and the weights are "
            "not finite: train with a smaller learning rate."
        )
