"""A forecast is drawn behind its series, or over it, from arrays and from frames."""

import matplotlib.pyplot as plt
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import plot_forecast


def test_a_legend_of_many_names_lies_above_the_axes_within_the_figure():
    levels = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    bands = np.arange(7.0) + np.zeros((4, 7))
    ax = plot_forecast(np.sin(np.arange(60.0)), bands, quantiles=levels)
    ax.figure.canvas.draw()
    legend = ax.get_legend()
    assert len(legend.get_texts()) == 5
    box, figure = legend.get_window_extent(), ax.figure.bbox
    assert figure.x0 < box.x0 < box.x1 < figure.x1
    assert ax.bbox.y1 <= box.y0 < box.y1 < figure.y1


def test_forecast_continues_the_series():
    axes = plot_forecast(np.arange(30.0), [30.0, 31.0], last=5)
    series, ahead = axes.lines[0], axes.lines[2]
    assert series.get_xdata().tolist() == [25, 26, 27, 28, 29]
    assert ahead.get_xdata().tolist() == [29, 30, 31]
    assert ahead.get_ydata().tolist() == [29, 30, 31]


def test_a_flat_series_and_one_without_values_have_a_picture():
    for value in (3.0, np.nan):
        assert plot_forecast(np.full(9, value), [value]).get_legend() is not None


def frames(library, panel=True, zone=None):
    """Return a frame of two shops (or one) and a forecast of it, as `forecast` gives them."""
    days = pd.date_range("2024-01-01", periods=30, tz=zone)
    ahead = pd.date_range(days[-1] + days.freq, periods=3)
    parts, forecasts = [], []
    for number, shop in enumerate(["north", "south"] if panel else ["north"]):
        units = np.arange(30.0) + 100 * number
        parts.append(pd.DataFrame({"shop": shop, "day": days, "units": units, "other": 0.0}))
        middle = units[-1] + np.arange(1.0, 4.0)
        values = {"units": middle, "units_0.1": middle - 2, "units_0.5": middle,
                  "units_0.9": middle + 2}  # fmt: skip
        forecasts.append(pd.DataFrame({"shop": shop, "day": ahead, "step": [1, 2, 3], **values}))
    out = [pd.concat(parts, ignore_index=True), pd.concat(forecasts, ignore_index=True)]
    if not panel:
        out = [frame.drop(columns="shop") for frame in out]
    return [pl.from_pandas(frame) if library == "polars" else frame for frame in out]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("zone", [None, "Europe/Helsinki"])
def test_frame_of_one_series(library, zone):
    series, ahead = frames(library, panel=False, zone=zone)
    axes = plot_forecast(series, ahead, last=5)
    past, _, line = axes.lines
    days = np.datetime64("2024-01-26") + np.arange(8)
    np.testing.assert_array_equal(np.asarray(past.get_xdata(), "datetime64[D]"), days[:5])
    np.testing.assert_array_equal(np.asarray(line.get_xdata(), "datetime64[D]"), days[4:])
    assert past.get_ydata().tolist() == [25, 26, 27, 28, 29]
    assert line.get_ydata().tolist() == [29, 30, 31, 32]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["series", "forecast", "80% band"]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (28, 34)
    assert axes.get_ylabel() == "units"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frame_of_a_panel(library):
    series, ahead = frames(library)
    with pytest.raises(ValueError, match=r"ax is for one series.* Received: 2 series"):
        plot_forecast(series, ahead, ax=plt.figure().subplots())
    own = plt.figure().subplots()
    assert plot_forecast(series, ahead, ids=["south"], ax=own) is own
    one = plot_forecast(series, ahead, ids="south")
    assert one.lines[0].get_ydata()[0] == 100
    with pytest.raises(ValueError, match=r"ids must be ids in predictions.*'west'"):
        plot_forecast(series, ahead, ids=["west"])
    with pytest.raises(ValueError, match="and column a target in both"):
        plot_forecast(series, ahead, column="other")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_each_series_of_a_panel_has_axes_of_its_own(library, tmp_path):
    series, ahead = frames(library)
    axes = plot_forecast(series, ahead, last=5, filepath=tmp_path / "panel.png")
    assert [ax.get_title(loc="left") for ax in axes] == ["north", "south"]
    assert [ax.lines[0].get_ydata().tolist()[0] for ax in axes] == [25, 125]
    assert axes[1].lines[2].get_ydata().tolist() == [129, 130, 131, 132]
    band = axes[1].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (128, 134)
    upper, lower = (ax.get_ylim() for ax in axes)
    assert upper[1] < 100 < lower[0]
    assert axes[0].get_xlim() == axes[1].get_xlim()
    (figure,) = {ax.figure for ax in axes}
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["series", "forecast", "80% band"]
    assert (tmp_path / "panel.png").stat().st_size > 1000


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("dated", [True, False])
def test_the_forecast_of_a_series_without_a_row_stands_alone(library, dated):
    series, ahead = frames(library)
    if not dated:
        series, ahead = (nw.from_native(own).drop("day").to_native() for own in (series, ahead))
    begun = nw.from_native(series).filter(nw.col("shop") == "north").to_native()
    both = plot_forecast(begun, ahead)
    for ax in (both[1], plot_forecast(begun, ahead, ids="south", last=5)):
        assert ax.lines[0].get_xdata().tolist() == []
        assert ax.lines[1].get_ydata().tolist() == [130, 131, 132]
        assert len(ax.collections) == 1
    if dated:
        assert both[1].lines[1].get_xdata().tolist() == both[0].lines[2].get_xdata().tolist()[1:]


def test_a_style_gives_the_color_of_the_data_and_the_size():
    """In the dark the line of the series is not dark, nor a figure as wide as our own."""
    series, ahead = frames("pandas", panel=False)
    plain = plot_forecast(series, ahead)
    with plt.rc_context({"text.color": "#eeeeee", "figure.figsize": (5, 3)}):
        styled = plot_forecast(series, ahead)
    assert styled.lines[0].get_color() == "#eeeeee" != plain.lines[0].get_color()
    assert styled.lines[2].get_color() == plain.lines[2].get_color()
    assert styled.figure.get_size_inches().tolist() == [5, 3]
    assert plain.figure.get_size_inches().tolist() == [8, 4]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_in_any_order_make_the_same_lines(library):
    series, ahead = frames(library)
    shuffled = plot_forecast(series[::-1], ahead[::-1])
    for one, other in zip(shuffled[::-1], plot_forecast(series, ahead), strict=True):
        np.testing.assert_array_equal(one.lines[0].get_ydata(), other.lines[0].get_ydata())
        np.testing.assert_array_equal(one.lines[2].get_ydata(), other.lines[2].get_ydata())


@pytest.mark.parametrize("library", [lambda table: table, pl.from_pandas])
def test_rows_stand_in_time_order_where_an_hour_comes_twice(library):
    times = pd.date_range("2023-10-28 23:30", periods=8, freq="30min", tz="UTC")
    table = pd.DataFrame({"t": times.tz_convert("Europe/Berlin"), "y": np.arange(8.0)})
    past, ahead = table[:6], table[6:].assign(step=[1, 2])[["t", "step", "y"]]
    axes = plot_forecast(library(past[::-1]), library(ahead[::-1]))
    assert [line.get_ydata().tolist() for line in axes.lines[::2]] == [
        [0, 1, 2, 3, 4, 5],
        [5, 6, 7],
    ]
    minutes = axes.lines[0].get_xdata().astype("datetime64[m]").astype(str)
    assert [text[-5:] for text in minutes] == ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    axes = plot_forecast(library(past[["y"]]), library(ahead[::-1][["step", "y"]]))
    assert axes.lines[2].get_xdata().tolist() == [5, 6, 7]


def test_the_first_six_of_many_series_are_drawn():
    ids = [f"s{number}" for number in range(9)]
    series = pd.DataFrame({"id": np.repeat(ids, 3), "x": np.arange(27.0)})
    ahead = pd.DataFrame({"id": ids, "step": 1, "x": 1.0})
    axes = plot_forecast(series, ahead)
    assert [ax.get_title(loc="left") for ax in axes] == ids[:6]
    assert axes[0].lines[2].get_xdata().tolist() == [2, 3]


def test_columns_of_times_and_of_ids_are_told_apart():
    whole = pd.DataFrame({"t": [1, 2, 3], "x": [1.0, 2.0, 3.0]})
    axes = plot_forecast(whole, pd.DataFrame({"t": [4, 5], "step": [1, 2], "x": [4.0, 5.0]}))
    assert axes.lines[2].get_xdata().tolist() == [3, 4, 5]
    axes = plot_forecast(whole, pd.DataFrame({"t": [4], "step": [1], "x": [4.0]}))
    assert axes.lines[2].get_xdata().tolist() == [3, 4]
    same = pd.DataFrame({"id": [7, 7, 7], "x": [1.0, 2.0, 3.0]})
    axes = plot_forecast(same, pd.DataFrame({"id": [7], "step": [1], "x": [4.0]}))
    assert axes.lines[2].get_xdata().tolist() == [2, 3]
    assert axes.get_legend().get_texts()[0].get_text() == "7"
    bare = plot_forecast(whole[["x"]], pd.DataFrame({"step": [1, 2], "x": [4.0, 5.0]}))
    assert bare.lines[2].get_xdata().tolist() == [2, 3, 4]


def test_array_of_quantiles():
    values = np.arange(10.0)[:, None] + [-3.0, -1.0, 0.0, 1.0, 3.0]
    axes = plot_forecast(np.arange(5.0), values[5:], quantiles=[0.0125, 0.25, 0.5, 0.75, 0.9875])
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["series", "forecast", "97.5% band", "50% band"]
    assert axes.lines[2].get_ydata().tolist() == [4, 5, 6, 7, 8, 9]
    with pytest.raises(ValueError, match="quantiles must increase, lie between 0 and 1"):
        plot_forecast(np.arange(5.0), values, quantiles=[-3, 0, 0.5, 1, 17])


def test_frames_that_do_not_fit_are_refused():
    series, ahead = frames("pandas")
    for one, other in [(series, series), (series.drop(columns="shop"), ahead)]:
        with pytest.raises(ValueError, match="the frame that forecast returns for series"):
            plot_forecast(one, other)


def test_ids_in_a_column():
    series, ahead = frames("pandas")
    for ids in (pd.Series(["south"]), pl.Series(["south"]), np.array(["south"])):
        axes = plot_forecast(series, ahead, ids=ids)
        assert [text.get_text() for text in axes.get_legend().get_texts()][:1] == ["south"]


def drawn_bands(axes):
    """Return the least and the greatest value of each band by its label."""
    return {
        band.get_label(): (lambda y: (y.min(), y.max()))(band.get_paths()[0].vertices[:, 1])
        for band in axes.collections
    }


def test_the_pair_that_exists_has_a_band_beside_a_level_without_a_partner():
    values = np.array([[4.0, 5.0, 7.0, 8.0], [3.0, 5.0, 8.0, 9.0]])
    levels = [0.1, 0.5, 0.9, 0.95]
    from_arrays = plot_forecast(np.arange(5.0), values, quantiles=levels)
    assert drawn_bands(from_arrays) == {"80% band": (3, 8)}
    ahead = pd.DataFrame(values, columns=["load_0.1", "load", "load_0.9", "load_0.95"])
    ahead.insert(0, "step", [1, 2])
    axes = plot_forecast(pd.DataFrame({"load": np.arange(5.0)}), ahead)
    assert drawn_bands(axes) == {"80% band": (3, 8)}


@pytest.mark.parametrize("other", ["load_2", "load_0.95", "load_of_day"])
def test_a_target_that_begins_like_another_is_no_quantile_of_it(other):
    series = pd.DataFrame({"load": np.arange(5.0), other: np.arange(5.0) + 100})
    ahead = pd.DataFrame({
        "step": [1, 2],
        "load_0.1": [4.0, 3.0], "load": 5.0, "load_0.9": [7.0, 8.0],
        f"{other}_0.1": [104.0, 103.0], other: 105.0, f"{other}_0.9": [107.0, 108.0],
    })  # fmt: skip
    assert drawn_bands(plot_forecast(series, ahead)) == {"80% band": (3, 8)}
    second = plot_forecast(series, ahead, column=other)
    assert drawn_bands(second) == {"80% band": (103, 108)}


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_sample_paths_are_a_fan_and_some_lines(library):
    days = pd.date_range("2024-01-01", periods=33)
    past = pd.DataFrame({"shop": ["a"] * 30 + ["b"] * 30, "day": [*days[:30]] * 2, "units": 1.0})
    samples = pd.MultiIndex.from_product(
        [["a", "b"], [1, 2, 3], range(40)], names=["shop", "step", "sample"]
    ).to_frame(index=False)
    samples.insert(1, "day", days[29] + pd.to_timedelta(samples["step"], unit="D"))
    samples["units"] = np.random.default_rng(0).normal(size=len(samples))
    shuffled = samples.sample(frac=1, random_state=0)
    axes = plot_forecast(library(past.to_dict("list")), library(shuffled.to_dict("list")))
    own = samples["units"].to_numpy().reshape(2, 3, 40)
    for ax, paths in zip(axes, own, strict=True):
        median = ax.lines[2].get_ydata()
        np.testing.assert_allclose(median[1:], np.median(paths, axis=1))
        assert [band.get_label() for band in ax.collections] == ["90% band", "50% band"]
        outer = ax.collections[0].get_paths()[0].vertices[:, 1]
        assert outer.max() == pytest.approx(max(1.0, np.quantile(paths, 0.95, axis=1).max()))
    one = samples[samples["shop"] == "a"].drop(columns="shop")
    ax = plot_forecast(past[past["shop"] == "a"], one)
    assert [band.get_label() for band in ax.collections] == ["90% band", "50% band"]
    total = plot_forecast(past.drop(columns="day"), samples.drop(columns="day"), ids="b")
    assert len(total.collections) == 2
