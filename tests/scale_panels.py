"""Panels to forecast in buckets, for tests of ``keras_ts.scale``."""

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from forecasting_models import PANEL, adding, after, sales, until
from keras_ts import save_model

SHOPS = tuple(f"s{number:02}" for number in range(12))
LIBRARIES = {
    "pandas": lambda table: table,
    "polars": pl.from_pandas,
    "pyarrow": lambda table: pl.from_pandas(table).to_arrow(),
}


def rows():
    """Return the rows of each shop, and those known ahead."""
    table = sales(28, SHOPS)
    return until(table, 25), after(table, 25)


def marked(past, plan):
    """Return both in one frame, in no order, with a column that marks those known ahead."""
    plan = plan.assign(planned=True, units=np.nan)
    return pd.concat([past.assign(planned=False), plan]).sample(frac=1, random_state=51)


def saved(folder):
    """Save a model of ``PANEL``; return its path."""
    past, _ = rows()
    save_model(adding(PANEL.build(past)), folder / "sales.keras")
    return folder / "sales.keras"


def as_pandas(ahead):
    """Return a forecast in pandas, with its index counted anew."""
    return nw.from_native(ahead).to_pandas().reset_index(drop=True)
