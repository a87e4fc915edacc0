"""Totals of yesterday's forecast are scored once all of their steps are past."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import aggregate, score


def test_totals_are_those_of_forecasts_whose_last_row_came():
    """Of paths with the quantiles that aggregate gives; a missing step counts 0."""
    draw = np.random.default_rng(3)
    days = pd.date_range("2024-05-01", periods=3)
    keys = [(shop, day, step) for shop in "ab" for step, day in enumerate(days, 1)]
    paths = pd.DataFrame(
        [(*key, sample, 10 * draw.random()) for key in keys for sample in range(40)],
        columns=["shop", "day", "step", "sample", "units"],
    )
    came = pd.DataFrame([(shop, day) for shop, day, _ in keys], columns=["shop", "day"])
    came["units"] = 10 * draw.random(6)
    came.loc[1, "units"] = np.nan
    report = score(paths.sample(frac=1, random_state=0), came, total=True, by="series")
    known = paths.assign(units=paths["units"].where((paths["shop"] != "a") | (paths["step"] != 2)))
    bands = aggregate(known, "step").set_index("shop")
    for place, shop in enumerate(report.table["series"]):
        total = came.loc[came["shop"] == shop, "units"].sum()
        errors = total - bands.loc[shop, ["units_0.1", "units", "units_0.9"]].to_numpy(float)
        levels = np.array([0.1, 0.5, 0.9])
        assert report.table["mae"][place] == pytest.approx(abs(errors[1]))
        loss = np.maximum(levels * errors, (levels - 1) * errors).mean()
        assert report.table["pinball"][place] == pytest.approx(loss)
    assert "1 steps lack a value or a forecast, and are left out." in str(report)
    with pytest.raises(ValueError, match="holds sample paths: pass total=True"):
        score(paths, came)
    with pytest.raises(
        ValueError, match=r'pass aggregate\(paths, "series"\) without quantiles=None'
    ):
        score(aggregate(paths, "series", quantiles=None), came)
    endless = paths.assign(units=paths["units"].where(paths.index != 7, np.inf))
    with pytest.raises(ValueError, match="forecasts has 1 infinite forecasts"):
        score(endless, came, total=True)
    early = score(paths, came[came["day"] < days[2]], total=True)
    assert np.isnan(early.table["mae"]).all()
    assert "None of the 6 forecasts" in str(early)
    quantiles = paths.groupby(["shop", "day", "step"])["units"].quantile([0.1, 0.5, 0.9]).unstack()
    quantiles.columns = ["units_0.1", "units", "units_0.9"]
    single = score(quantiles.reset_index(), came, total=True)
    assert "pinball" not in single.table
    assert "do not sum to quantiles of their total" in str(single)
    with pytest.raises(ValueError, match="by must be one of 'series'"):
        single.scores("step")
    with pytest.raises(ValueError, match="are of totals, which have no steps to draw"):
        single.plot()


def test_a_total_whose_last_day_was_closed_ends_as_later_rows_come():
    days = pd.date_range("2024-01-01", periods=7)
    ahead = pd.DataFrame({"day": days, "step": range(1, 8), "units": 10.0})
    came = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=9), "units": 12.0})
    came = came[came["day"].dt.day_of_week < 6]  # Closed on Sunday, the 7th.
    report = score(ahead, came, total=True)
    assert report.table["mae"].tolist() == [12.0]
    assert "1 steps lack a value or a forecast, and are left out." in str(report)
    early = score(ahead, came[came["day"] < "2024-01-08"], total=True)
    assert "None of the 7 forecasts of units is of a total that has ended." in str(early)


@pytest.mark.parametrize("days", [1, 5])
def test_paths_of_several_origins_are_scored_by_their_column(days):
    """The scores are the means of those of each origin alone, of a panel and of its totals."""
    draw = np.random.default_rng(0)
    begins = pd.date_range("2024-05-01", periods=4, freq=f"{days}D")
    keys = [(o, shop, o + pd.Timedelta(step, "D"), step) for o in begins for shop in "ab"
            for step in (1, 2, 3)]  # fmt: skip
    names = ["origin", "shop", "day", "step"]
    paths = pd.DataFrame(keys, columns=names).merge(pd.DataFrame({"sample": range(20)}), "cross")
    paths["units"] = draw.gamma(2.0, 30.0, len(paths))
    all_days = pd.date_range("2024-05-02", "2024-05-20")
    came = pd.MultiIndex.from_product([list("ab"), all_days], names=["shop", "day"])
    came = came.to_frame(index=False).assign(units=draw.gamma(2.0, 30.0, 2 * len(all_days)))
    sums = came.groupby("day", as_index=False)["units"].sum()
    last = [*names[1:], "sample", "units", "origin"]
    of_all = aggregate(paths, "series", quantiles=None)
    for table, actual in ((paths, came), (paths[last], came), (of_all, sums)):
        report = score(table, actual, total=True)
        assert f"Over {8 if actual is came else 4} totals of units" in str(report)
        each = [score(own.drop(columns="origin"), actual, total=True)
                for _, own in table.groupby("origin")]  # fmt: skip
        for name in ("mae", "pinball", "coverage"):
            mean = np.mean([own.table[name][0] for own in each])
            assert report.table[name][0] == pytest.approx(mean)
    with pytest.raises(ValueError, match="several origins need a column 'origin'"):
        score(paths.drop(columns="origin"), came, total=True)
