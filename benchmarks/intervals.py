"""Coverage and width of 80 % bands on real series: quantiles as trained, and calibrated.

    python benchmarks/intervals.py

Each series is cut into a part to train on, one to calibrate on, and one to judge on. ``gru_32x2``
is trained with quantiles and, in a second model, without: for 15 epochs with a dropout of 0.1,
since 60 epochs without one make quantiles of the training part, whose band is too narrow later.
Printed are the share of targets of the last part within the band, over all steps, and the band's
mean width: of the quantiles as they come, of the same quantiles conformalized, and of a conformal
band about the second model's point. Targets: 75 to 85 %, and the width beside it, since a band can
cover by being wide.
"""

import argparse
import dataclasses
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_ts import WindowedSeries, calibrate, from_preset

LEVELS = (0.1, 0.5, 0.9)


def series():
    """Yield name, values, window, horizon and settings of real series that packages carry."""
    from pmdarima.datasets import load_sunspots, load_taylor
    from statsmodels.datasets import co2
    from vega_datasets import local_data

    yield "co2, weekly", co2.load_pandas().data["co2"].ffill().to_numpy(), 52, 12, {}
    yield "sunspots, monthly", np.asarray(load_sunspots(), float), 60, 12, {}
    heat = local_data.seattle_weather()["temp_max"].to_numpy()
    yield "Seattle, daily maximum", heat, 30, 14, {"calendar": [365.25]}
    yield "Taylor, half-hourly demand", np.asarray(load_taylor(), float), 48, 24, {}


def shares(model, dataset):
    """Return coverage and mean width of the outer pair of a model's quantiles."""
    x, y = dataset.to_numpy()
    bands = model.predict(x, verbose=0)
    low, high = bands[..., 0], bands[..., -1]
    return float(((low <= y) & (y <= high)).mean()), float((high - low).mean())


def trained(parts, quantiles, epochs, seed, **settings):
    keras.utils.set_random_seed(seed)
    preset = from_preset("gru_32x2", quantiles=quantiles, **settings)
    recipe = dataclasses.replace(preset.recipe, epochs=epochs)
    model = preset.build(parts[0])
    recipe.compile(model, steps_per_epoch=len(parts[0]))
    model.fit(parts[0], epochs=epochs, verbose=0)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{keras.backend.backend()}, Keras {keras.__version__}, {arguments.epochs} epochs")
    for name, values, window, horizon, settings in series():
        if settings:
            values = pd.DataFrame({"row": np.arange(len(values)), "value": values})
            settings |= {"time_column": "row", "target_columns": ["value"]}
        windows = WindowedSeries(window, horizon, shuffle=True, seed=0, **settings)
        parts = windows.split(values, at=[0.6, 0.8])
        for seed in range(arguments.seeds):
            options = {"epochs": arguments.epochs, "seed": seed, "dropout": arguments.dropout}
            quantiles = trained(parts, LEVELS, **options)
            point = trained(parts, None, **options)
            rows = {
                "quantiles": quantiles,
                "calibrated": calibrate(quantiles, parts[1], 0.8),
                "about the point": calibrate(point, parts[1], 0.8),
            }
            found = {row: shares(model, parts[2]) for row, model in rows.items()}
            print(
                f"{name:27s}"
                + "".join(f"  {row} {c:.1%} (width {w:.4g})" for row, (c, w) in found.items()),
                flush=True,
            )


if __name__ == "__main__":
    main()
