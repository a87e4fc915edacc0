"""CSV files become a table and a plan; what cannot be read is one error that says what to do."""

import warnings
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from keras_ts.command.run import parse_arguments
from keras_ts.command.table import UserError, read_table

DAYS = pd.date_range("2023-01-28", periods=8)
CALL = ["forecast", "shops.csv", "--target", "sold", "--horizon", "2"]
TABLE = pd.DataFrame({"day": DAYS, "shop": "007", "sold": range(8), "offer": 0, "type": "mall"})


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write tables into files, and read them as the command does."""
    monkeypatch.chdir(tmp_path)

    def read(options, table=TABLE, **others):
        for name, frame in {"shops": table, **others}.items():
            frame.to_csv(f"{name}.csv", index=False)
        return read_table(parse_arguments([*CALL, *options]))

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
        (["mixed"], "'mixed' cannot be read: it has no code. Write it in Python's codes"),
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
            "shops.csv has 4 rows after its last value, the first in line 8, which are a plan",
        ),
    ],
)  # fmt: skip
def test_a_plan_that_does_not_fit_is_refused(read, table, plan, message):
    with pytest.raises(UserError, match=message):
        read(BESIDE, table, plan=plan)


def test_a_plan_needs_columns_known_ahead(read):
    with pytest.raises(UserError, match=r"--plan plan.csv holds columns .* name them by --future"):
        read(["--plan", "plan.csv"])
    with pytest.raises(UserError, match=r"shops.csv has none after its last value: add"):
        read(OPTIONS)
    with pytest.raises(UserError, match=r"plan.csv: there is no such file"):
        read(BESIDE)


@pytest.mark.parametrize("options", [[], ["--id", "shop", "--time", "day"], BESIDE])
def test_a_comma_at_the_end_of_lines_moves_no_column(read, options):
    """Pandas would take the first column for an index, and sold would be the column offer."""
    wanted = read(options, PAST, plan=PLAN)
    for name, frame in {"shops": PAST, "plan": PLAN}.items():
        header, *rows = frame.to_csv(index=False).splitlines()
        Path(f"{name}.csv").write_text("\n".join([header, *(f"{row}," for row in rows)]))
    found = read_table(parse_arguments([*CALL, *options]))
    assert found[0]["sold"].tolist() == wanted[0]["sold"].tolist() == [0, 1, 2, 3, 4, 5] * 2
    for ours, theirs in zip(found, wanted, strict=True):
        if theirs is not None:
            assert_frame_equal(ours, theirs)


@pytest.mark.parametrize("first", [0, 1, 7])
def test_a_comma_at_the_end_moves_no_column_behind_a_number_of_the_row(read, first):
    """Of such numbers pandas makes an index like the one that it numbers rows by."""
    rows = "".join(f"{first + number},{10 * number},9,\n" for number in range(6))
    read([])
    Path("shops.csv").write_text("week,sold,offer\n" + rows)
    series, _ = read_table(parse_arguments(CALL))
    assert series["sold"].tolist() == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e999"])
def test_an_infinite_target_is_refused(read, text):
    """A missing one is an empty field."""
    with pytest.raises(UserError, match="--target sold has an infinite value in line 4"):
        read([], TABLE.assign(sold=["1", "", text, *"45678"]))
    with pytest.raises(UserError, match="--target sold holds a number too large"):
        read([], TABLE.assign(sold=["1", "9" * 400, *"345678"]))


@pytest.mark.parametrize("options", [[], ["--id", "shop", "--time", "day"], BESIDE])
def test_a_line_with_a_value_too_many_is_refused(read, options):
    read(options, PAST, plan=PLAN)
    for file, frame in {"plan": PLAN, "shops": PAST}.items():
        header, first, second, *rows = frame.to_csv(index=False).splitlines()
        lines = [header, f"{first},", f"{second},9", *(f"{row}," for row in rows)]
        Path(f"{file}.csv").write_text("\n".join(lines))
        if file == "shops" or "--plan" in options:
            with pytest.raises(UserError, match=f"{file}.csv has lines of more values than its"):
                read_table(parse_arguments([*CALL, *options]))


@pytest.mark.parametrize("file", ["shops", "plan"])
@pytest.mark.parametrize("column", ["shop", "day", "offer"])
def test_a_name_that_two_columns_have_is_refused(read, file, column):
    read(BESIDE, PAST, plan=PLAN)
    header, rows = Path(f"{file}.csv").read_text().split("\n", 1)
    Path(f"{file}.csv").write_text(f"{header},,,wind,wind\n{rows}")
    read_table(parse_arguments([*CALL, *BESIDE]))  # Nobody named the others.
    Path(f"{file}.csv").write_text(f"{header},{column}\n{rows}")
    with pytest.raises(UserError, match=f"^{file}.csv has two columns {column}: rename one"):
        read_table(parse_arguments([*CALL, *BESIDE]))


@pytest.mark.parametrize("options", [OPTIONS, BESIDE])
def test_true_and_false_beside_a_closed_day_are_1_and_0(read, options):
    """An empty field makes a column of objects of them."""
    past, plan = PAST.copy(), PLAN.copy()
    for frame in (past, plan):
        frame["offer"] = [number % 2 for number in range(len(frame))]
        frame.loc[frame.index[2], "offer"] = None
    past.loc[2, "sold"] = None
    numbers = [past, plan]
    words = [t.assign(offer=t["offer"].map({1: "True", 0: "False"})) for t in numbers]
    results = []
    for first, ahead in (numbers, words):
        if options is OPTIONS:
            results.append(read(options, pd.concat([first, ahead.assign(sold=None)])))
        else:
            results.append(read(options, first, plan=ahead))
    for ours, theirs in zip(*results, strict=True):
        assert_frame_equal(ours, theirs)


def test_offsets_of_summer_and_winter_are_told_apart(read, monkeypatch):
    """Mixed in a file; in a plan beside the file; and as pandas 2, which only warns, reads them."""
    summer = [t.assign(day=t["day"].astype(str) + "T00:00:00+02:00") for t in (PAST, PLAN)]
    winter = [t.assign(day=t["day"].astype(str) + "T00:00:00+01:00") for t in (PAST, PLAN)]
    mixed = "^--time day mixes offsets from UTC.* write local times without an offset"
    series, _ = read(BESIDE, winter[0], plan=winter[1])
    assert series["day"][0] == pd.Timestamp("2023-01-27T23:00:00Z")
    with pytest.raises(UserError, match=mixed):
        read(BESIDE, winter[0], plan=summer[1])
    with pytest.raises(UserError, match=mixed):
        read(["--time", "day"], pd.concat([winter[0][:6], summer[1][:2].assign(sold=1)]))

    def pandas_2(values, *arguments, utc=False, **settings):
        if not utc:
            warnings.warn("mixed time zones will raise an error", FutureWarning, stacklevel=2)
            return values.astype(object)
        return to_datetime(values, *arguments, utc=utc, **settings)

    to_datetime = pd.to_datetime
    monkeypatch.setattr(pd, "to_datetime", pandas_2)
    with pytest.raises(UserError, match=mixed):
        read(["--time", "day"], pd.concat([winter[0][:6], summer[1][:2].assign(sold=1)]))
