"""Models whose forecasts can be told by hand, and frames to forecast, for tests of forecasting."""

import keras
import numpy as np
import pandas as pd

from keras_ts import WindowedInput, WindowedSeries


def adding(dataset, levels=None):
    """A model that adds to the last value of the first column ten times what is known ahead.

    With quantiles it gives that value less one, the value, and the value plus one.
    """
    x, _ = dataset[0][:2]
    parts = x if isinstance(x, dict) else {"past": x}
    inputs = {name: keras.Input(part.shape[1:], name=name) for name, part in parts.items()}
    past = WindowedInput.of(dataset, levels)(inputs["past"])
    last = past[:, -1:] if len(past.shape) == 2 else past[:, -1:, 0]
    out = keras.ops.tile(last, (1, dataset.windows.horizon))
    if "future" in inputs:
        out = out + 10.0 * inputs["future"][:, :, 0]
    if "static" in inputs:
        out = out + 100.0 * inputs["static"][:, :1]
    if levels is not None:
        out = keras.ops.stack([out - 1.0, out, out + 1.0], axis=-1)
    return keras.Model(inputs if len(inputs) > 1 else inputs["past"], out)


def sales(rows=30, shops=("north", "east"), freq="D", **columns):
    """A long frame of shops, the units of one 1000 above those of the one before."""
    parts = []
    for number, shop in enumerate(shops):
        units = np.arange(rows) + 1000.0 * number
        day = pd.date_range("2024-01-01", periods=rows, freq=freq)
        promo = np.arange(rows) % 4.0
        parts.append(
            pd.DataFrame(
                {"shop": shop, "day": day, "units": units, "promo": promo, "size": number + 1.0}
            )
        )
    return pd.concat(parts, ignore_index=True).assign(**columns)


def until(frame, rows):
    """The first rows of each shop."""
    return frame.groupby("shop", sort=False).head(rows)


def after(frame, rows):
    """The rows of each shop behind the first."""
    return frame[frame.groupby("shop", sort=False).cumcount() >= rows]


PANEL = WindowedSeries(
    5, 3, target_columns="units", future_columns="promo", static_columns="size",
    id_column="shop", time_column="day",
)  # fmt: skip
