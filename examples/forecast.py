"""From a table to a judged forecast with a prediction interval, in one Keras file.

    python examples/forecast.py

The table is the weekly carbon dioxide record of Mauna Loa that statsmodels ships. 59 of its weeks
have no value, and stay as they are. For a CSV file of your own: python -m keras_ts forecast --help.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from statsmodels.datasets import co2

from keras_ts import (
    calibrate,
    compare,
    forecast,
    from_preset,
    plot_forecast,
    plot_history,
    save_model,
)

OUT = Path("out")
HORIZON = 26  # half a year of weeks


def main() -> None:
    """Train, judge, save, forecast and draw."""
    OUT.mkdir(exist_ok=True)
    keras.utils.set_random_seed(51)
    table = co2.load_pandas().data.rename_axis("week").reset_index()
    print(f"Carbon dioxide in parts per million: {len(table)} weeks.")

    # The preset for one long series reads the window off the rows before 1988, and the columns off
    # the names. The time of year is known ahead.
    borders = ["1988-01-01", "1994-01-01"]
    preset = from_preset("smooth_gru", quantiles=(0.1, 0.5, 0.9))
    train, calibration, held_out = preset.split(
        table, HORIZON, at=borders, target_columns="co2", time_column="week", calendar="year"
    )
    model = preset.fit(train, validation_data=calibration)
    plot_history(model.history, metric="mae", filepath=OUT / "history.png")

    # An 80 % interval about the median, as wide as the errors from 1988 to 1993 were.
    model = calibrate(model, calibration, coverage=0.8)
    print(f"\nErrors over {HORIZON} weeks from 1994 on, which the model has not seen:")
    report = compare(model, train, held_out, period=52)
    print(report)

    # One file holds all that a forecast needs, and the verdict.
    save_model(model, OUT / "model.keras", report=report)
    ahead = forecast(keras.saving.load_model(OUT / "model.keras"), table)
    ahead.to_csv(OUT / "forecast.csv", index=False)
    plot_forecast(table, ahead, last=6 * HORIZON, filepath=OUT / "forecast.png")
    print(f"\nThe next {HORIZON} weeks:")
    print(ahead.head(5).to_string(index=False))
    print(f"\nWritten: {', '.join(sorted(str(path) for path in OUT.iterdir()))}")


if __name__ == "__main__":
    main()
