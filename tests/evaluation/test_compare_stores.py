"""On a table with promotions, a verdict does not flatter a model, and the regression knows them."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from keras_ts import WindowedSeries, compare, from_preset
from keras_ts.datasets import store_sales

BORDER = "2024-06-01"


def ridge_errors(train, held_out, scales):
    """Return the MASE of a ridge by scikit-learn on window, promotions, calendar and type."""
    (x, y), (later, actual) = train.to_numpy()[:2], held_out.to_numpy()[:2]
    rows = []
    for part in (x, later):
        level = np.nanmean(part["past"][..., 0], axis=1, keepdims=True)
        window = np.nan_to_num(part["past"][..., 0] / level, nan=1.0)
        inputs = np.c_[window, np.nan_to_num(part["past"][..., 1]), part["static"]]
        rows.append((inputs, np.nan_to_num(part["future"]), level))
    errors = []
    for step in range(actual.shape[1]):
        (inputs, ahead, level), (new, new_ahead, size) = rows
        seen = np.isfinite(y[:, step])
        ridge = Ridge(1.0).fit(np.c_[inputs, ahead[:, step]][seen], (y[:, [step]] / level)[seen, 0])
        forecast = ridge.predict(np.c_[new, new_ahead[:, step]]) * size[:, 0]
        errors.append(np.abs(forecast - actual[:, step]) / scales)
    return float(np.nanmean(errors))


@pytest.mark.slow
def test_verdicts_after_a_few_and_after_many_epochs_are_true():
    table = pd.DataFrame(store_sales()[0])
    preset = from_preset("seasonal_gru", period=7, minimum=0)
    windows = preset.windows_for(
        table, 14, at=BORDER, target_columns="units", future_columns="promotion",
        static_columns="type", calendar=["week", "year"], id_column="store", time_column="day",
        seed=0,
    )  # fmt: skip
    train, held_out = windows.split(table, at=BORDER)
    naive = compare(None, train, held_out, period=7, baselines=["naive"]).scores(by="series")
    scales = np.repeat(naive["mae"] / naive["mase"], held_out.num_windows // 6)
    ridge = ridge_errors(train, held_out, scales)
    errors = {}
    for epochs in (3, 30):
        keras.utils.set_random_seed(0)
        train.reset()
        model = preset.fit(train, epochs=epochs, verbose=0)
        report = compare(model, train, held_out, period=7)
        row = report.table["name"].tolist().index("linear regression")
        assert report.best == "linear regression"
        assert report.table["mase"][row] < 1.1 * ridge
        errors[epochs] = report.table["mase"][0]
        truth = {"beats": errors[epochs] < ridge, "loses to": errors[epochs] > ridge}
        assert truth.get(report.verdicts["model"], True)
    # Without the regression this model would beat the best baseline by more than half.
    assert errors[3] < 0.5 * report.table["mase"][-1]
    assert errors[3] > ridge
    assert errors[30] < errors[3]


def test_the_regression_is_told_of_promotions():
    """Each of the others errs more than twice as much."""
    windows = WindowedSeries(
        28, 14, target_columns="units", future_columns=["promotion"], static_columns=["type"],
        calendar=["week", "year"], id_column="store", time_column="day", missing="mask_targets",
    )  # fmt: skip
    table = pd.DataFrame(store_sales(6, seed=42)[0])
    report = compare(None, *windows.split(table, at=-200), period=7)
    assert report.best == "linear regression"
    errors = sorted(report.table["mae"])
    assert errors[1] > 2 * errors[0]
