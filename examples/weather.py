"""Two weeks of Seattle's daily maximum temperature, from all of the past weather and the calendar.

    python examples/weather.py

A table with several columns is forecast for one of them. Rain, wind and the minimum are known in
the past only; the time of year is known ahead, and nobody has to supply it: the calendar is a
setting of the windows, which the model's file carries.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from vega_datasets import local_data

import keras_ts

LEVELS = (0.1, 0.5, 0.9)
WINDOW, HORIZON = 14, 14


def main() -> None:
    """Train, judge on the last half year, and forecast what follows it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=51)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what it writes")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(arguments.seed)

    # Columns of text, such as "rain" and "sun", are no inputs.
    weather = local_data.seattle_weather().drop(columns="weather")
    weather["date"] = pd.to_datetime(weather["date"])
    windows = keras_ts.WindowedSeries(
        WINDOW,
        HORIZON,
        target_columns="temp_max",
        time_column="date",
        calendar=["year"],
        shuffle=True,
        seed=arguments.seed,
    )
    train, validation = windows.split(weather, at="2015-07-01")
    print(f"{train.num_windows:,} windows to train on, {validation.num_windows:,} held out")
    for part, columns in train.columns.items():
        print(f"  {part}: {', '.join(columns) or '-'}")

    # The level tells something, so there is no window_norm: after 35 degrees it gets cooler.
    preset = keras_ts.RecurrentPreset(cell="gru", units=(32,), quantiles=LEVELS, dropout=0.2)
    model = preset.build(train)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, arguments.epochs * len(train))
    model.compile(keras.optimizers.AdamW(rate), keras_ts.losses.QuantileLoss(LEVELS))
    model.fit(train, epochs=arguments.epochs, shuffle=False, verbose=2)

    report = keras_ts.compare(model, train, validation)
    print(f"\nErrors over all {HORIZON} days, in degrees Celsius, on the second half of 2015")
    print(report)
    last_year = same_days_last_year(weather, validation)
    print(f"The same days of the year before: {last_year:.3f}")

    path = arguments.out / "weather.keras"
    model.save(path)
    ahead = keras_ts.forecast(keras.saving.load_model(path), weather)
    print(f"\nFrom {path} alone:\n{ahead.head(5).to_string(index=False)}")
    picture = arguments.out / "weather.png"
    keras_ts.plot_forecast(weather, ahead, last=90, filepath=picture)
    print(f"Picture: {picture}")


def same_days_last_year(weather: pd.DataFrame, validation: keras_ts.WindowDataset) -> float:
    """Return the mean absolute error of the value a year before, on the same targets."""
    targets = validation.to_numpy()[1]
    known = weather.set_index("date")["temp_max"]
    days = validation.origins[:, None] + np.arange(1, HORIZON + 1) * np.timedelta64(1, "D")
    before = known.loc[(days - np.timedelta64(365, "D")).ravel()].to_numpy()
    return float(np.abs(before.reshape(targets.shape) - targets).mean())


if __name__ == "__main__":
    main()
