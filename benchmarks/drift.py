"""How often ``score(..., filepath=)`` calls a change, where there is one and where there is none.

    python benchmarks/drift.py --draws 20

Twenty made-up items with a level, a week and a year of their own are forecast by the ``linear``
preset, trained once for each draw and judged on sixty days. A look is at the last seven mornings.
"""

import argparse
import os
import tempfile
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

import keras_ts as kt

ITEMS, TRAIN, HELD_OUT, AFTER, MORNINGS, LATER = 20, 400, 60, 304, 7, 42
FIRST = TRAIN + HELD_OUT
KEYS = {"target_columns": "units", "id_column": "item", "time_column": "day"}


def sales(rng: np.random.Generator, shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what is expected of items, ``(items, days)``, and the noise as a share of it."""
    days = np.arange(TRAIN + HELD_OUT + AFTER)
    level = np.geomspace(20, 2000, ITEMS)[:, None]
    week = np.exp(rng.normal(0, 0.3, (ITEMS, 7)))[:, days % 7]
    year = 1 + (0.15 if shared else 0.0) * np.sin(2 * np.pi * (days / 365 + rng.uniform()))
    shocks = rng.normal(0, shared, len(days))
    for day in days[1:]:  # What all items share lasts for some days.
        shocks[day] += 0.5 * shocks[day - 1]
    return level * week * year, shocks + rng.normal(0, 0.2, (ITEMS, len(days)))


def changed(what: str, at: int, expected: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the sales that change from a day on."""
    after = np.arange(expected.shape[1]) >= at
    if what == "week":
        expected = np.where(after, np.roll(expected, 1, axis=1), expected)
    factor = {"half": 0.5, "more": 1.6}.get(what, 1.0)
    noise = noise * np.where(after & (what == "noise"), 2, 1)
    return np.maximum(expected * (1 + noise) * np.where(after, factor, 1), 0)


def table_of(values: np.ndarray) -> pd.DataFrame:
    days = pd.date_range("2022-01-01", periods=values.shape[1])
    items = np.repeat([f"item {number}" for number in range(len(values))], len(days))
    return pd.DataFrame({"item": items, "day": np.tile(days, len(values)), "units": values.ravel()})


def looks(model, path: str, values: np.ndarray, ends: list[int]) -> list[bool]:
    """Return whether a change is called, looking back from the ends of some days."""
    first, days = min(ends) - 90, pd.date_range("2022-01-01", periods=values.shape[1])
    table, train = table_of(values), table_of(values[:, :TRAIN])
    windows = replace(kt.load_windows(path), shuffle=False, remainder="keep")
    recent = windows.build(table[table["day"] >= days[first]])
    made = pd.DataFrame(recent.align(model.predict(recent, verbose=0), quantiles=(0.1, 0.5, 0.9)))
    calls = []
    for end in ends:  # The rows of the day before ``end`` have come.
        mornings = (made["origin"] >= days[end - MORNINGS - 1]) & (made["origin"] < days[end - 1])
        came = table[table["day"] < days[end]]
        report = kt.score(made[mornings], came, train=train, filepath=path)
        calls.append(report.promised not in (None, "as promised"))
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first draw")
    parser.add_argument("--horizon", type=int, default=1)
    parser.add_argument("--shared", type=float, default=0.05, help="0: no shared shocks, no year")
    arguments = parser.parse_args()
    calls: dict[str, list[bool]] = {}
    for draw in range(arguments.seed, arguments.seed + arguments.draws):
        rng = np.random.default_rng(draw)
        expected, noise = sales(rng, arguments.shared)
        values = changed("nothing", 0, expected, noise)
        table = table_of(values[:, :FIRST])
        days = pd.date_range("2022-01-01", periods=FIRST)
        borders = [days[TRAIN - 60], days[TRAIN]]
        preset = kt.from_preset("linear", period=7)
        train, band, held_out = preset.split(table, arguments.horizon, at=borders, **KEYS)
        model = kt.calibrate(preset.fit(train, verbose=0), band, coverage=0.8)
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/model.keras"
            kt.save_model(model, path, report=kt.compare(model, train, held_out, period=7))
            ends = list(range(FIRST + MORNINGS, FIRST + AFTER, 3))
            calls.setdefault("no change", []).extend(looks(model, path, values, ends))
            at = FIRST + int(rng.integers(0, AFTER - 2 * LATER))
            for what in ("half", "more", "noise", "week"):
                ends = [at + MORNINGS, at + MORNINGS + LATER]
                sold = changed(what, at, expected, noise)
                found = looks(model, path, sold, ends)
                for when, call in zip(("at once", "six weeks later"), found, strict=True):
                    calls.setdefault(f"{what}, {when}", []).append(call)
        line = "  ".join(f"{name} {sum(found)}/{len(found)}" for name, found in calls.items())
        print(draw, line, flush=True)


if __name__ == "__main__":
    main()
