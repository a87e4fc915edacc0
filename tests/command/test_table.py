"""CSV files become a table and a plan; what cannot be read is one error that says what to do."""

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from keras_ts.command.arguments import parse_arguments
from keras_ts.command.errors import UserError
from keras_ts.command.table import read_table

DAYS = pd.date_range("2023-01-28", periods=8)
TABLE = pd.DataFrame({"day": DAYS, "shop": "007", "sold": range(8), "offer": 0, "type": "mall"})


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write tables into files, and read them as the command does."""
    monkeypatch.chdir(tmp_path)

    def read(options, table=TABLE, **others):
        for name, frame in {"shops": table, **others}.items():
            frame.to_csv(f"{name}.csv", index=False)
        words = ["forecast", "shops.csv", "--target", "sold", "--horizon", "2"]
        return read_table(parse_arguments([*words, *options]))

    return read


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d/%m/%Y %H:%M"])
def test_dates_are_read_as_their_format_says(read, form):
    """Day and month are never swapped, though 01/02/2023 could be either."""
    written = TABLE.assign(day=DAYS.strftime(form))
    series, _ = read(["--time", "day", "--date-format", form], written)
    assert series["day"].tolist() == DAYS.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "line 2 of shops.csv has '28/01/2023'. Say .* --date-format \"%d/%m/%Y\""),
        (["%m/%d/%Y"], "as --date-format \"%m/%d/%Y\" says: line 2 of shops.csv has '28/01/2023'"),
        (["%d/%m"], "has '28/01/2023'"),
        (["mixed"], "'mixed' cannot be read: it has no code. It is written in Python's codes"),
        (["%Q/%d"], "cannot be read: 'Q' is a bad directive"),
        (["%d/%d"], "cannot be read: redefinition of group name"),
    ],
)
def test_dates_of_another_format_are_refused(read, options, message):
    options = ["--date-format", *options] if options else []
    with pytest.raises(UserError, match=message):
        read(["--time", "day", *options], TABLE.assign(day=DAYS.strftime("%d/%m/%Y")))


def test_a_format_is_of_the_time_column(read):
    with pytest.raises(UserError, match="--date-format says how --time is written"):
        read(["--date-format", "%d/%m/%Y"])


def test_a_row_without_a_date_is_refused_and_not_left_out(read):
    with pytest.raises(UserError, match="--time day has no value in line 5"):
        read(["--time", "day"], TABLE.assign(day=TABLE["day"].where(TABLE.index != 3)))


SHOPS = pd.concat([TABLE, TABLE.assign(shop="A", offer=1)], ignore_index=True)
PLAN = SHOPS[SHOPS["day"] > DAYS[5]].drop(columns="sold")
PAST = SHOPS[SHOPS["day"] <= DAYS[5]]
OPTIONS = ["--time", "day", "--id", "shop", "--static", "type", "--future", "offer"]
BESIDE = [*OPTIONS, "--plan", "plan.csv"]


@pytest.mark.parametrize("offers", [[0, 1], ["1", "A"], [True, False], [0.5, 1.5]])
def test_a_plan_of_its_own_is_the_plan_in_the_file(read, capsys, offers):
    """A column of the words 1 and A, of which the plan holds 1 alone, is words in both."""
    past, plan = [t.assign(offer=t["offer"].map(dict(enumerate(offers)))) for t in (PAST, PLAN)]
    plan["offer"] = offers[0]
    inside = read(OPTIONS, pd.concat([past, plan.assign(sold=None)]))
    beside = read(BESIDE, past, plan=plan)
    assert "4 rows of plan.csv: the plan that the forecast follows." in capsys.readouterr().out
    assert_frame_equal(beside[0], inside[0])
    wanted = inside[1][["shop", "day", "offer"]]
    assert_frame_equal(beside[1].reset_index(drop=True), wanted)


def test_a_plan_is_written_as_the_file_is(read):
    """Its dates have the format of the file's; other columns, and an empty target, may be there."""
    past, plan = [t.assign(day=t["day"].dt.strftime("%d/%m/%Y")) for t in (PAST, PLAN)]
    plan = plan.assign(sold=None, wind="north")
    _, ahead = read([*BESIDE, "--date-format", "%d/%m/%Y"], past, plan=plan)
    assert ahead["day"].tolist() == PLAN["day"].tolist()


def test_a_series_without_any_value_needs_no_plan(read):
    new = PAST[PAST["shop"] == "A"].assign(shop="B", sold=None)
    _, ahead = read(BESIDE, pd.concat([PAST, new]), plan=PLAN)
    assert len(ahead) == 4
    _, ahead = read(BESIDE, pd.concat([PAST, new]), plan=pd.concat([PLAN, PLAN.assign(shop="B")]))
    assert len(ahead) == 8


@pytest.mark.parametrize(
    ("table", "plan", "message"),
    [
        (PAST, PLAN.drop(columns=["offer", "day"]), "plan.csv lacks day, offer; it has: shop, ty"),
        (PAST, PLAN[["shop"]], "it has: shop. Separate its columns by commas"),
        (PAST, PLAN.assign(shop="C"), "--id shop: plan.csv has C, which shops.csv lacks"),
        (PAST, PLAN[:2], "--id shop: shops.csv has A, which plan.csv lacks"),
        (PAST, PLAN.assign(sold=[None, 3, 4, 5]), "has a value of sold in line 3"),
        (PAST, PLAN.assign(offer=[0, 1, "no", 1]), "offer holds numbers in shops.csv, and 'no' in"),
        (PAST, PLAN.assign(day="1 May"), "line 2 of plan.csv has '1 May'"),
        (PAST, PLAN.assign(shop=[None, "A", "A", "A"]), "--id shop has no value in line 2 of plan"),
        (PAST, PLAN[:0], "plan.csv has no row below its header"),
        (
            SHOPS.assign(sold=SHOPS["sold"].where(SHOPS["day"] <= DAYS[5])), PLAN,
            "shops.csv has 4 rows behind its last value, the first in line 8. Take them out",
        ),
    ],
)  # fmt: skip
def test_a_plan_that_does_not_fit_is_refused(read, table, plan, message):
    with pytest.raises(UserError, match=message):
        read(BESIDE, table, plan=plan)


def test_a_plan_needs_columns_known_ahead(read):
    with pytest.raises(
        UserError, match=r"--plan plan.csv holds columns .* name them, --future NAME"
    ):
        read(["--plan", "plan.csv"])
    with pytest.raises(UserError, match=r"in a file of their own, --plan FILE. shops.csv has none"):
        read(OPTIONS)
    with pytest.raises(UserError, match=r"plan.csv: there is no such file"):
        read(BESIDE)
