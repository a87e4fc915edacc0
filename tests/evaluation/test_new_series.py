"""Series without a row: their band, their weight, and the judgement beside the usual level."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import RecurrentPreset, WindowedSeries, calibrate, compare
from keras_ts.evaluation.interval_errors import left_out
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.presets.training_windows import with_short_pasts

DAYS = pd.date_range("2024-01-01", periods=43)


def frame_of(levels):
    """Return four series of 40 days, and new ones that begin on the 41st."""
    noise = np.random.default_rng(0).normal(size=(len(levels), 43))
    parts = [
        pd.DataFrame({"id": str(number), "day": days, "y": level + of[: len(days)]})
        for number, (level, of) in enumerate(zip(levels, noise, strict=True))
        for days in [DAYS[:40] if number < 4 else DAYS[40:]]
    ]
    return pd.concat(parts)


def test_baselines_read_the_usual_level():
    windows = WindowedSeries(
        8, 3, missing="mask_targets", min_inputs=0, id_column="id", time_column="day",
        target_columns="y",
    )  # fmt: skip
    train, held_out = windows.split(frame_of([10.0, 20.0, 30.0, 400.0, 25.0, 45.0]), "2024-02-10")
    assert held_out.num_windows == 2
    report = compare(None, train, held_out, period=2)
    assert report.by == "mae"
    assert report.windows == 2
    np.testing.assert_allclose(report.table["mae"], 10.0, atol=1.0)
    assert "MASE does not exist, and MAE is judged" in str(report)
    with pytest.raises(ValueError, match='by="mase" needs a series that changes'):
        compare(None, train, held_out, by="mase")
    # Where others have a scale, they decide.
    both = windows.split(frame_of([10.0, 20.0, 30.0, 400.0, 25.0, 45.0]), "2024-02-07")[1]
    assert compare(None, train, both).by == "mase"


def test_tables_find_windows_whose_origins_lie_before_their_series():
    """Only steps place them; a table that aligned forecasts fill in has both."""
    windows = WindowedSeries(
        8, 3, missing="mask_targets", min_inputs=0, id_column="id", time_column="day",
        target_columns="y",
    )  # fmt: skip
    levels = [10.0, 20.0, 30.0, 400.0, 25.0, 45.0]
    train, held_out = windows.split(frame_of(levels), "2024-02-10")
    table = held_out.align(held_out.to_numpy()[1] + 1.0)
    assert held_out.num_windows == 2
    assert (np.asarray(table["origin"]) < np.datetime64("2024-02-10")).all()
    report = compare({"off by one": table}, train, held_out)
    assert report.windows == 2
    assert report.table["mae"][0] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="off by one forecasts none of the targets"):
        compare({"off by one": {**table, "step": table["step"] + 3}}, train, held_out)


def test_the_band_without_an_input_holds_what_other_series_sell():
    """Sizes of a hundred series differ by a factor of e, and each is left out of the fit."""
    rng = np.random.default_rng(0)

    def panel_of(count):
        sizes = np.exp(rng.normal(4.0, 1.0, (count, 1)))
        kinds = np.repeat(np.arange(count) % 2.0, 60).reshape(count, 60)
        return list(np.stack([sizes * (1 + 0.1 * rng.normal(size=(count, 60))), kinds], axis=2))

    windows = WindowedSeries(
        8, 2, missing="mask_targets", min_inputs=0, target_columns=0, static_columns=1,
        batch_size=512,
    )  # fmt: skip
    train, held_out = windows.split(panel_of(100), at=40)
    net = RecurrentPreset(units=(2,), window_norm="last", smoothing="mixed").build(train)
    model = calibrate(net, held_out, coverage=0.8)
    assert model.layers[-1].inputs[:2] == (0, 1)
    x, y, *_ = windows.build(panel_of(300)).to_numpy()
    empty = np.isnan(x["past"]).all(axis=(1, 2))
    assert empty.sum() == 300
    low, _, high = model.predict(
        {name: part[empty] for name, part in x.items()}, verbose=0
    ).transpose(2, 0, 1)
    assert 0.7 < ((low <= y[empty]) & (y[empty] <= high)).mean() < 0.9
    shares = left_out(net, JudgedWindows("validation", held_out))
    np.testing.assert_allclose(shares, shares[0])
    assert 0.97 < shares[0] < 0.99  # One over a hundred, and what its kind adds.


def test_windows_hidden_whole_weigh_as_the_median_series():
    panel = [np.arange(40.0) % 5, 10 * (np.arange(40.0) % 5), 100 * (np.arange(40.0) % 5)]
    windows = WindowedSeries(
        6, 2, missing="mask_targets", min_inputs=0, weighting="inverse_scale", shuffle=True, seed=1
    )
    weights = {True: set(), False: set()}
    for x, _, weight in with_short_pasts(windows.build(panel), 0.5):
        for hidden, value in zip(np.isnan(x).all(axis=1).tolist(), weight, strict=True):
            weights[hidden].add(float(np.round(10 * value, 4)))
    assert weights[True] == {sorted(weights[False])[1]}
    assert len(weights[False]) == 3
