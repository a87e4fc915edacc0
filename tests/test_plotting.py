"""Plots draw what they are given, on the axes they are given, into files that are whole."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_ts import plot_forecast, plot_history, plot_series
from keras_ts.plotting import plot_sweep


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_series(tmp_path):
    axes = plt.figure().subplots()
    values = np.array([1.0, np.nan, 3.0])
    assert plot_series(values, ax=axes, path=tmp_path / "s.png", label="x") is axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["s.png"]
    with pytest.raises(ValueError, match="one entry per position, 3"):
        plot_series(values, times=[1, 2])
    with pytest.raises(ValueError, match="not empty"):
        plot_series([])


def test_forecast_continues_the_series_or_lies_over_it():
    axes = plot_forecast(np.arange(30.0), [30.0, 31.0], last=5)
    series, ahead = axes.lines[:2]
    assert series.get_xdata().tolist() == [25, 26, 27, 28, 29]
    assert ahead.get_xdata().tolist() == [29, 30, 31]
    assert ahead.get_ydata().tolist() == [29, 30, 31]
    over = plot_forecast(np.arange(30.0), np.zeros(10), start=20).lines[1]
    assert over.get_xdata().tolist() == list(range(20, 30))
    with pytest.raises(ValueError, match=r"start must lie in the series or at its end, 0\.\.30"):
        plot_forecast(np.arange(30.0), [1.0], start=31)
    with pytest.raises(ValueError, match="one series and one forecast"):
        plot_forecast(np.zeros((30, 2)), [1.0])


def test_history():
    curves = {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.0]}
    axes = plot_history(curves, last=2)
    assert [line.get_xdata().tolist() for line in axes.lines] == [[2, 3], [2, 3]]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[2, 1], [3, 2]]
    with pytest.raises(ValueError, match=r"metric='mae' is not in the history: \['loss'"):
        plot_history(curves, metric="mae")


def test_sweep_draws_arrays(tmp_path):
    rates = np.logspace(-6, 0, 20)
    losses = np.linspace(2.0, 1.0, 20)
    axes = plot_sweep(
        rates, losses, smoothed=losses[:15], repeats=[losses, losses], suggested=1e-3,
        interval=(5e-4, 2e-3), path=tmp_path / "sweep.png",
    )  # fmt: skip
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    marked = "suggested: 1.00e-03 (5.00e-04 to 2.00e-03)"
    assert labels == ["2 repeats", "loss, mean", "smoothed", marked]
    assert [len(line.get_xdata()) for line in axes.lines[:2]] == [20, 15]
    assert axes.get_xscale() == "log"
    bare = plot_sweep([1e-3, 1e-2], [1.0, np.nan])
    assert [t.get_text() for t in bare.get_legend().get_texts()] == ["loss", "no rate suggested"]
