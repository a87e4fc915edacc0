"""Events are added in the units of the targets: constants, or in a panel those of each window."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import called
from keras_ts import RecurrentPreset, WindowedSeries
from keras_ts.layers import CalendarEvents

DAYS = pd.date_range("2023-01-01", "2023-03-31")


@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
@pytest.mark.parametrize("targets", [("sold",), ("sold", "sent")])
def test_an_event_of_a_panel_adds_its_share_of_each_window(targets, quantiles):
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({
            "id": name, "day": DAYS, "price": rng.random(90),
            "sold": size + rng.random(90), "sent": 3 * size + rng.random(90),
        })
        for name, size in (("a", 1.0), ("b", 1000.0))
    ]  # fmt: skip
    spec = WindowedSeries(
        8, 3, target_columns=list(targets), id_column="id", time_column="day",
        future_columns="price", calendar=["week", "year"],
    )  # fmt: skip
    dataset = spec.build(pd.concat(parts))
    model = RecurrentPreset(
        cell="gru", units=(2,), window_norm="seasonal", period=2, smoothing="mixed",
        quantiles=quantiles,
    ).build(dataset)  # fmt: skip
    [layer] = [layer for layer in model.layers if isinstance(layer, CalendarEvents)]
    x = dataset.to_numpy()[0]
    before = called(model, x)
    # The first step of the first window of each series, by its point of the year.
    point = x["future"][:1, 0, -2:]
    effects = np.zeros((1, 3, layer.outputs))
    effects[:, 0] = np.tile(np.arange(1.0, len(targets) + 1), layer.outputs // len(targets))
    layer.set_events(1, point, effects)
    added = called(model, x) - before
    added = added.reshape(len(added), 3, len(targets), -1)
    here = np.flatnonzero(added.any(axis=(1, 2, 3)))
    assert here.tolist() == [0, len(x["past"]) // 2]
    columns = [dataset.columns["past"].index(target) for target in targets]
    for window in here:
        sizes = np.sqrt(np.square(x["past"][window][:, columns]).mean(axis=0))
        expected = sizes * np.arange(1.0, len(targets) + 1)
        np.testing.assert_allclose(added[window, 0], expected[:, None] + 0 * added[0, 0], rtol=1e-3)
    assert not added[:, 1:].any()
    assert keras.ops.convert_to_numpy(layer.effects).shape[2:] == (3, layer.outputs)
