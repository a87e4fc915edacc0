"""Makes example data: the series of a TensorFlow course, bit for bit, and a table of stores."""

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array

__all__ = ["course_series", "store_sales"]


def course_series(length: int = 1461, *, seed: int = 42) -> Array:
    """Return the daily series of a TensorFlow course: a trend, a yearly pattern, and noise.

    Day ``t`` is ``10 + 0.05 t + 40 p((t mod 365) / 365) + 5 z_t`` with ``p(s) = cos(2 pi s)`` for
    ``s < 0.4`` and ``exp(-3 s)`` for larger ``s``; ``z`` is standard normal, from NumPy's
    ``RandomState(seed)``. The course splits it at day 1000, and cuts windows of 20 inputs.

    Example:

    >>> from keras_ts import course_series
    >>> series = course_series()
    >>> series.shape, series.dtype, [round(float(v), 3) for v in series[:3]]
    ((1461,), dtype('float32'), [52.484, 49.353, 53.315])

    Args:
        length: Number of days. Defaults to 1461, four years.
        seed: Seed of the noise. Defaults to 42.

    Output shape:
        ``(length,)``, float32.
    """
    length = _checks.integer("length", length, 1)
    time = np.arange(length, dtype=np.float32)
    season = (time % 365) / 365
    pattern = np.where(season < 0.4, np.cos(season * 2 * np.pi), 1 / np.exp(3 * season))
    series = 10 + time * 0.05 + 40 * pattern
    series += np.random.RandomState(seed).randn(length) * 5
    return series


# Relative sales by day of the week, from Monday, for each type of store.
_WEEKS = {
    "city": [1.10, 1.10, 1.10, 1.15, 1.25, 0.85, 0.45],
    "mall": [0.80, 0.80, 0.85, 0.90, 1.15, 1.45, 1.05],
    "outlet": [0.65, 0.65, 0.70, 0.75, 1.15, 1.70, 1.40],
}
# The last day of the table, such that a plan of two weeks has two closed days.
_LAST_DAY = np.datetime64("2024-12-20", "D")
_UPLIFT, _NOISE = 0.6, 0.08


def store_sales(
    stores: int = 6, days: int = 1096, *, horizon: int = 14, seed: int = 42
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return daily sales of some stores, and the plan of the days that follow.

    The sales of a store are the product of its level, a weekly pattern that all stores of its type
    share, a yearly wave, a slow trend and noise. They are whole numbers, and never negative. A
    promotion adds 60 %. It lasts three to seven days, on different days in different stores. Levels
    go from 20 to 4000 a day, and types take turns: ``"city"``, ``"mall"``, ``"outlet"``.

    On December 25 and January 1 all stores are closed, and there is no row for these days. The
    table ends with 2024-12-20, so that both lie in a plan of two weeks: it has 12 rows for each
    store.

    Example:

    >>> import pandas as pd
    >>> from keras_ts.datasets import store_sales
    >>> table, plan = store_sales()
    >>> pd.DataFrame(table).groupby("type")["store"].nunique().to_dict()
    {'city': 2, 'mall': 2, 'outlet': 2}
    >>> plan["day"][:5].astype(str).tolist()
    ['2024-12-21', '2024-12-22', '2024-12-23', '2024-12-24', '2024-12-26']

    Args:
        stores: Number of stores. Defaults to 6.
        days: Number of days of the table, counting closed days. Defaults to 1096, three years.
        horizon: Number of days of the plan, counting closed days. Defaults to 14.
        seed: Seed of the trends, promotions and noise. Defaults to 42.

    Returns:
        Two dicts of NumPy columns, from which ``pandas.DataFrame`` and ``polars.DataFrame`` make
        frames. The table has one row for each store and open day, with the columns ``store``,
        ``day`` (``datetime64[D]``), ``units``, ``promotion`` (0 or 1) and ``type``. The plan has
        the same columns without ``units``.
    """
    stores = _checks.integer("stores", stores, 1)
    days = _checks.integer("days", days, 1)
    horizon = _checks.integer("horizon", horizon, 1)
    generator = np.random.default_rng(seed)
    dates = _LAST_DAY + np.arange(1 - days, 1 + horizon) * np.timedelta64(1, "D")
    closed = np.isin([str(date)[5:] for date in dates], ["12-25", "01-01"])
    in_year = (dates - dates.astype("datetime64[Y]")).astype(int)
    weekday = (dates.astype(int) + 3) % 7  # 1970-01-01 was a Thursday.
    types = [list(_WEEKS)[number % len(_WEEKS)] for number in range(stores)]
    promotions, units = [], []
    for kind, level in zip(types, np.geomspace(20, 4000, stores), strict=True):
        week = np.array(_WEEKS[kind])[weekday]
        year = 1 + 0.15 * np.cos(2 * np.pi * (in_year - 340) / 365.25)
        trend = 1 + generator.uniform(-0.05, 0.1) * np.arange(1 - days, 1 + horizon) / 365.25
        promotion = _runs(len(dates), generator)
        noise = 1 + _NOISE * generator.standard_normal(len(dates))
        sales = level * week * year * trend * (1 + _UPLIFT * promotion) * noise
        promotions.append(promotion)
        units.append(np.rint(np.maximum(sales, 0)).astype(np.int64))
    rows = {
        "store": np.repeat([f"store {number + 1}" for number in range(stores)], len(dates)),
        "day": np.tile(dates, stores),
        "units": np.concatenate(units),
        "promotion": np.concatenate(promotions),
        "type": np.repeat(types, len(dates)),
    }
    past = np.tile(~closed & (dates <= _LAST_DAY), stores)
    ahead = np.tile(~closed & (dates > _LAST_DAY), stores)
    table = {name: column[past] for name, column in rows.items()}
    return table, {name: column[ahead] for name, column in rows.items() if name != "units"}


def _runs(days: int, generator: np.random.Generator) -> Array:
    """Return 1 on the days of promotions, three to seven in a row, and 0 on other days."""
    promotion = np.zeros(days, np.int64)
    begin = int(generator.integers(0, 14))
    while begin < days:
        end = begin + int(generator.integers(3, 8))
        promotion[begin:end] = 1
        begin = end + int(generator.integers(8, 22))
    return promotion
