"""The scores of each series are a table with the worst one first, and a line that names it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries, compare
from keras_ts.command.run import scores_by_series, worst_series


@pytest.fixture(scope="module")
def report():
    """Judge a table of forecasts that is bad for store b alone."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=120)
    tables = [
        pd.DataFrame({"store": name, "day": days, "units": rng.normal(50, 5, 120)})
        for name in "abcd"
    ]
    windows = WindowedSeries(
        5, 2, id_column="store", time_column="day", target_columns="units",
    )  # fmt: skip
    train, held_out = windows.split(pd.concat(tables), at="2024-03-01")
    rows = []
    for table in tables:
        for place in range(60, 118):
            for step in (1, 2):
                ahead = table.iloc[place + step]
                wrong = 40 if ahead["store"] == "b" else 1
                rows.append((*ahead[["store", "day"]], step, ahead["units"] + wrong))
    forecasts = pd.DataFrame(rows, columns=["store", "day", "step", "units"])
    return compare({"model": forecasts}, train, held_out)


@pytest.mark.parametrize("name", ["store", "mase", "skill"])
def test_the_worst_series_stands_first(report, name):
    """The id may have the name of a score."""
    table = scores_by_series(report, name)
    assert table.iloc[0, 0] == "b"
    assert table.columns.tolist() == [
        name, "verdict", "skill", "skill_low", "skill_high", "baseline", "mae", "baseline_mae",
        "mase", "baseline_mase",
    ]  # fmt: skip
    assert table.iloc[:, 6].tolist() == pytest.approx([40, 1, 1, 1])
    assert table.iloc[:, 2].tolist() == pytest.approx(1 - table.iloc[:, 6] / table.iloc[:, 7])
    line = worst_series(table, Path("scores.csv"))
    assert line.startswith(f"Worst series, by skill over {report.best}: b -")
    assert "% (loses to it), " in line
    assert line.count("it)") == 3
    assert line.endswith("All 4 are in scores.csv.")


def test_no_line_without_a_skill(report):
    table = scores_by_series(report, "store")
    assert worst_series(table.assign(skill=np.nan), Path("scores.csv")) == ""
    line = worst_series(table.assign(skill=-np.inf), Path("scores.csv"))
    assert "b without a percentage, since the baseline has no error (loses to it)" in line
