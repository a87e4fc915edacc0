"""CSV files become a table and a plan; what cannot be read is one error that says what to do."""

import pandas as pd
import pytest

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
