"""CSV files become a table and a plan."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from keras_ts.command.run import parse_arguments, read_table

DAYS = pd.date_range("2023-01-28", periods=8)
CALL = ["forecast", "shops.csv", "--target", "sold", "--horizon", "2"]
TABLE = pd.DataFrame({"day": DAYS, "shop": "007", "sold": range(8), "offer": 0, "type": "mall"})
SHOPS = pd.concat([TABLE, TABLE.assign(shop="NA", offer=1)], ignore_index=True)
PLAN = SHOPS[SHOPS["day"] > DAYS[5]].drop(columns="sold")
PAST = SHOPS[SHOPS["day"] <= DAYS[5]]
OPTIONS = ["--time", "day", "--id", "shop", "--static", "type", "--future", "offer"]
BESIDE = [*OPTIONS, "--plan", "plan.csv"]


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write tables into files, and read them as the command does."""
    monkeypatch.chdir(tmp_path)

    def read(options, table=TABLE, form=None, **others):
        for name, frame in {"shops": table, **others}.items():
            frame.to_csv(f"{name}.csv", index=False, **(form or {}))
        return read_table(parse_arguments([*CALL, *options]))

    return read


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d/%m/%Y %H:%M"])
def test_dates_are_read_as_their_format_says(read, form):
    """Day and month are never swapped, though 01/02/2023 could be either."""
    written = TABLE.assign(day=DAYS.strftime(form))
    series, _ = read(["--time", "day", "--date-format", form], written)
    assert series["day"].tolist() == DAYS.tolist()


def test_semicolons_and_decimal_commas(read):
    past, plan = PAST.assign(sold=PAST["sold"] + 0.5), PLAN.assign(offer=0.25)
    plain = read(BESIDE, past, plan=plan)
    form = {"sep": ";", "decimal": ","}
    other = read([*BESIDE, "--sep", ";", "--decimal", ","], past, form=form, plan=plan)
    assert "0,5" in Path("shops.csv").read_text()
    for ours, theirs in zip(other, plain, strict=True):
        assert_frame_equal(ours, theirs)


@pytest.mark.parametrize("offers", [[0, 1], [True, False], [0.5, 1.5], ["big", "small"]])
def test_a_plan_of_its_own_is_the_plan_in_the_file(read, capsys, offers):
    past, plan = [t.assign(offer=t["offer"].map(dict(enumerate(offers)))) for t in (PAST, PLAN)]
    plan["offer"] = offers[0]
    inside = read(OPTIONS, pd.concat([past, plan.assign(sold=None)]))
    beside = read(BESIDE, past, plan=plan)
    says = "12 rows in 2 series; 4 rows at the end have no value yet: the plan that the forecast"
    assert capsys.readouterr().out.count(says) == 2
    assert_frame_equal(beside[0], inside[0])
    for _, ahead in (inside, beside):
        wanted = plan[["shop", "day", "offer"]].reset_index(drop=True)
        assert_frame_equal(ahead.reset_index(drop=True), wanted, check_dtype=False)


def test_rows_before_the_first_value_and_series_without_one_are_left_out(read):
    late = PAST.assign(sold=PAST["sold"].where(PAST.index != 0))
    new = PAST[PAST["shop"] == "NA"].assign(shop="B", sold=np.nan)
    series, plan = read(BESIDE, pd.concat([late, new]), plan=PLAN)
    assert series.groupby("shop").size().to_dict() == {"007": 5, "NA": 6}
    assert len(plan) == 4


def test_several_columns_name_a_series(read, capsys):
    """Ids stay text, so that ``007`` is no 7."""
    kinds = SHOPS.assign(kind="NA")
    series, _ = read(["--time", "day", "--id", "shop", "kind"], kinds)
    assert "in 2 series" in capsys.readouterr().out
    assert set(zip(series["shop"], series["kind"], strict=True)) == {("007", "NA"), ("NA", "NA")}


def test_without_dates_each_series_has_a_plan_of_its_own(read):
    sold = [1, 2, None, 3, 4, 5, None, None]
    series, plan = read(["--future", "offer"], TABLE.assign(sold=sold))
    assert len(series) == 6
    assert plan["offer"].tolist() == [0, 0]
    _, plan = read([], TABLE.assign(sold=sold))
    assert plan is None


@pytest.mark.parametrize("options", [[], ["--id", "shop", "--time", "day"], BESIDE])
def test_a_comma_at_the_end_of_lines_moves_no_column(read, options):
    """Pandas would take the first column for an index, and sold would be the column offer."""
    wanted = read(options, PAST, plan=PLAN)
    for name, frame in {"shops": PAST, "plan": PLAN}.items():
        header, *rows = frame.to_csv(index=False).splitlines()
        Path(f"{name}.csv").write_text("\n".join([header, *(f"{row}," for row in rows)]))
    found = read_table(parse_arguments([*CALL, *options]))
    for ours, theirs in zip(found, wanted, strict=True):
        if theirs is not None:
            assert_frame_equal(ours, theirs)
