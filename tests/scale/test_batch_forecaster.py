"""Forecasts of buckets are those of the whole, and a series that fails costs no other one."""

import datetime
import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

from forecasting_models import adding, sales
from helpers import run_fresh
from keras_ts import RecurrentPreset, WindowedSeries, calibrate, forecast, load_model, save_model
from keras_ts.scale import BatchForecaster
from scale_panels import LIBRARIES, SHOPS, as_pandas, marked, rows, saved


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def whole(path):
    """``forecast`` of all series, sorted."""
    past, plan = rows()
    ahead = forecast(load_model(path), past, future=plan)
    return ahead.sort_values(["shop", "step"], ignore_index=True)


@pytest.mark.parametrize("library", LIBRARIES)
def test_buckets_are_forecast_as_the_whole(path, whole, library):
    """Rows are in no order, and buckets are of any size."""
    forecaster = pickle.loads(pickle.dumps(BatchForecaster(path, future="planned")))
    table = marked(*rows()).assign(bucket=3)
    parts = []
    for shops in (SHOPS[:1], SHOPS[1:4], SHOPS[4:]):
        batch = LIBRARIES[library](table[table["shop"].isin(shops)])
        made = forecaster(batch)
        assert type(made) is type(batch)
        parts.append(as_pandas(made))
    made = pd.concat(parts, ignore_index=True)
    assert made["problem"].isna().all()
    pd.testing.assert_frame_equal(
        made.drop(columns="problem"), whole, rtol=1e-6, check_dtype=library == "pandas"
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_buckets_share_the_draws_of_sample_paths(tmp_path, library):
    table = sales(60, SHOPS[:4]).assign(units=lambda frame: np.sin(frame.index**1.5) * 9)
    windows = WindowedSeries(5, 3, target_columns="units", id_column="shop", time_column="day")
    dataset = windows.build(table)
    made = calibrate(adding(dataset, (0.1, 0.5, 0.9)), dataset, joint=True)
    save_model(made, tmp_path / "m.keras")
    forecaster = BatchForecaster(tmp_path / "m.keras", num_samples=40, seed=2)
    short = table["shop"].eq(SHOPS[2]) & (table["day"] > "2024-01-03")
    rows = table[~short]
    parts = [
        as_pandas(forecaster(LIBRARIES[library](rows[rows["shop"].isin(shops)])))
        for shops in (SHOPS[:1], SHOPS[1:4])
    ]
    drawn = pd.concat(parts, ignore_index=True)
    failed = drawn["shop"] == SHOPS[2]
    assert drawn["units"].isna().equals(failed)
    assert drawn["sample"].tolist() == list(range(40)) * 12
    assert drawn["step"].tolist() == np.repeat([1, 2, 3] * 4, 40).tolist()
    whole = forecast(made, table, num_samples=40, seed=2)
    np.testing.assert_allclose(
        drawn["units"][~failed], whole["units"][whole["shop"] != SHOPS[2]], rtol=1e-5
    )


def spoiled(table):
    """Spoil series, each in another way; return the table and a text of each problem."""
    day, own = table["day"], ~table["planned"]

    def of(number):
        return (table["shop"] == SHOPS[number]) & own

    table = table.copy()
    table.loc[of(3) & (day == "2024-01-22"), "units"] = np.nan
    table.loc[of(4) & (day == "2024-01-22"), "units"] = np.inf
    table.loc[of(5) & (day == "2024-01-20"), "day"] = pd.NaT
    table.loc[of(6) & (day == "2024-01-02"), "size"] = 99
    table.loc[of(7), "day"] = day[of(7)] + pd.to_timedelta(day[of(7)].dt.day ** 2, "h")
    table.loc[of(10) & (day == "2024-01-25"), "units"] = 1e30
    table = table[
        ~(of(0) & (day > "2024-01-03"))
        & ~(of(2) & (day == "2024-01-23"))
        & ~((table["shop"] == SHOPS[8]) & table["planned"])
        & ~of(9)
    ]
    again = table[(table["shop"] == SHOPS[1]) & ~table["planned"]].head(1)
    return pd.concat([table, again]), {
        0: "is too short: .* it has 3$",
        1: "repeats time at position",
        2: "a gap before .*2024-01-24",
        3: "a missing value at .*2024-01-22",
        4: "an infinite value at .*2024-01-22",
        5: "has 1 missing or infinite timestamp",
        6: "'size' changes within a series",
        7: "the series has|irregular|gap|frequency|regular step",
        8: "future has no row of series 's08'",
        9: "only rows known ahead",
    }


def test_a_batch_warns_once_however_often_it_searches(tmp_path):
    """A series that the net refuses is found by forecasts of parts, each with the silent one."""
    windows = WindowedSeries(
        6, 2, target_columns="units", id_column="shop", time_column="day", missing="mask"
    )
    table = sales(20, shops=("a", "b", "c", "d"))
    net = RecurrentPreset(units=(2,), window_norm="standard").build(windows.build(table))
    save_model(net, tmp_path / "model.keras")
    table["units"] = table["units"].mask(table["shop"] == "d", 1e30)
    table.loc[[17, 18, 19], "units"] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = BatchForecaster(tmp_path / "model.keras", incomplete="nan")(table)
    assert made["problem"].notna().tolist() == [False] * 6 + [True] * 2
    (said,) = [str(each.message) for each in caught if each.category is UserWarning]
    assert "of target 'units' in 1 of 3 series, the first series 'a'" in said


@pytest.mark.filterwarnings("ignore:the last window of .* far outside")
@pytest.mark.parametrize("library", LIBRARIES)
def test_series_that_fail_cost_their_own_rows(path, whole, library):
    table, problems = spoiled(marked(*rows()))
    made = as_pandas(BatchForecaster(path, future="planned")(LIBRARIES[library](table)))
    assert made["shop"].tolist() == whole["shop"].tolist()
    assert made["step"].tolist() == whole["step"].tolist()
    first = made[made["step"] == 1].set_index("shop")["problem"].dropna()
    assert first.index.tolist() == [SHOPS[number] for number in problems]
    for number, says in problems.items():
        pd.testing.assert_series_equal(
            first[[SHOPS[number]]].str.contains(says), pd.Series([True]), check_index=False,
            check_names=False, check_dtype=False,
        )  # fmt: skip
    good = made["problem"].isna()
    assert made["units"].isna().tolist() == (~good).tolist()
    pd.testing.assert_frame_equal(
        made[good & (made["shop"] != SHOPS[10])].drop(columns="problem"),
        whole[good & (made["shop"] != SHOPS[10])],
        rtol=1e-6,
        check_dtype=False,
    )


def test_texts_without_a_category_and_values_out_of_range(tmp_path):
    """The latter are noticed by the model's output alone."""
    windows = WindowedSeries(
        5, 3, target_columns="units", static_columns="kind", id_column="shop", time_column="day"
    )
    table = sales(10, SHOPS).drop(columns=["promo", "size"]).assign(kind="a")
    preset = RecurrentPreset(units=(2,), window_norm="standard")
    save_model(preset.build(windows.build(table)), tmp_path / "texts.keras")
    table.loc[table["shop"] == SHOPS[2], "kind"] = "new"
    table.loc[table["shop"] == SHOPS[5], "units"] *= 1e30
    made = BatchForecaster(tmp_path / "texts.keras")(table.sample(frac=1, random_state=0))
    first = made[made["step"] == 1].set_index("shop")["problem"].dropna()
    assert first.index.tolist() == [SHOPS[2], SHOPS[5]]
    assert "has the category 'new'" in first[SHOPS[2]]
    assert "is not finite" in first[SHOPS[5]]


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_wrong_with_all_rows_is_an_error(path, library):
    forecaster, table = BatchForecaster(path, future="planned"), marked(*rows())
    for wrong, says in (
        (table.rename(columns={"units": "sold"}), "lacks"),
        (table.assign(units="many"), "must hold numbers"),
        (table.assign(day="2024-01-01"), "must hold dates"),
    ):
        with pytest.raises((TypeError, ValueError), match=says):
            forecaster(LIBRARIES[library](wrong))


def test_a_frequency_wrong_everywhere_is_an_error(path):
    shops = [f"{number:02}" for number in range(40)]
    table = sales(28, shops, freq="h")
    planned = table.groupby("shop").cumcount() >= 25
    forecaster = BatchForecaster(path, future="planned")
    with pytest.raises(ValueError, match=r"Each of 32 series .*trained on steps of"):
        forecaster(table.assign(planned=planned))


def test_errors_can_be_raised(path):
    table, _ = spoiled(marked(*rows()))
    with pytest.raises(ValueError, match=r"infinite timestamp|repeats time"):
        BatchForecaster(path, future="planned", incomplete="raise")(table)


def test_series_of_one_row_go_on_at_the_frequency_of_the_others(tmp_path):
    windows = WindowedSeries(
        5, 3, target_columns="units", id_column="shop", time_column="day", missing="mask",
        min_inputs=1,
    )  # fmt: skip
    table = sales(10, SHOPS).drop(columns=["promo", "size"])
    save_model(adding(windows.build(table)), tmp_path / "short.keras")
    table = table[(table["shop"] > SHOPS[1]) | (table["day"] == "2024-01-10")]
    table = pd.concat([table, table[table["shop"] == SHOPS[5]].head(1)])
    made = BatchForecaster(tmp_path / "short.keras")(table)
    assert set(made["shop"][made["problem"].notna()]) == {SHOPS[5]}
    assert made["day"][made["problem"].isna()].notna().all()


def test_an_empty_batch_has_the_columns(path, whole):
    made = BatchForecaster(path, future="planned")(marked(*rows()).head(0))
    assert made.columns.tolist() == [*whole.columns, "problem"]
    assert len(made) == 0


def test_engines_see_a_function_of_one_parameter(path):
    forecaster = pickle.loads(pickle.dumps(BatchForecaster(path, future="planned")))
    assert inspect.getfullargspec(forecaster).args == ["batch"]
    assert forecaster.__name__ == "BatchForecaster"
    assert len(pickle.dumps(forecaster)) < 1000
    assert next(iter(inspect.signature(BatchForecaster).parameters)) == "filepath"


@pytest.mark.parametrize("lacking", ["id_column", "time_column"])
def test_windows_without_ids_or_times_are_refused(tmp_path, lacking):
    table = sales(10, SHOPS[:1])[["shop", "day", "units"]]
    named = {"id_column": "shop", "time_column": "day"}
    windows = WindowedSeries(5, 3, target_columns="units", **{**named, lacking: None})
    one = table.drop(columns=named[lacking])
    save_model(adding(windows.build(one)), tmp_path / "one.keras")
    with pytest.raises(ValueError, match="sorts rows by id_column and time_column"):
        BatchForecaster(tmp_path / "one.keras")(table)


def test_the_plan_is_marked_in_each_row(path):
    table = marked(*rows()).astype({"planned": "boolean"})
    table.iloc[0, table.columns.get_loc("planned")] = pd.NA
    with pytest.raises(ValueError, match="must be True or False"):
        BatchForecaster(path, future="planned")(table)
    with pytest.raises(ValueError, match="future"):
        BatchForecaster(path)(table)


def test_dates_of_python_come_back_as_they_were(tmp_path):
    """Spark has its dates in a column of objects."""
    windows = WindowedSeries(5, 3, target_columns="units", id_column="shop", time_column="day")
    table = sales(10, SHOPS).drop(columns=["promo", "size"])
    save_model(adding(windows.build(table)), tmp_path / "dates.keras")
    made = BatchForecaster(tmp_path / "dates.keras")(table.assign(day=table["day"].dt.date))
    assert type(made["day"][0]) is datetime.date


def test_a_target_of_the_name_problem_is_refused(tmp_path):
    windows = WindowedSeries(5, 3, target_columns="problem", id_column="shop", time_column="day")
    table = sales(10, SHOPS)[["shop", "day", "units"]].rename(columns={"units": "problem"})
    save_model(adding(windows.build(table)), tmp_path / "named.keras")
    with pytest.raises(ValueError, match="a column 'problem' already"):
        BatchForecaster(tmp_path / "named.keras")(table)


FRESH = """
import pickle, sys
forecaster = pickle.loads(bytes.fromhex(sys.argv[1]))
import pandas as pd
made = forecaster(pd.read_pickle(sys.argv[2]))
assert not {"ray", "pyspark"} & set(sys.modules)
print(float(made["units"].sum()), flush=True)
"""


def test_a_fresh_process_needs_its_pickle_alone(path, whole, tmp_path):
    marked(*rows()).to_pickle(tmp_path / "rows.pkl")
    pickled = pickle.dumps(BatchForecaster(path, future="planned")).hex()
    out = run_fresh(FRESH, pickled, tmp_path / "rows.pkl")
    assert float(out.split()[-1]) == pytest.approx(whole["units"].sum(), rel=1e-6)


@pytest.mark.parametrize("calendar", [None, "week"])
def test_a_forecast_without_timestamps_says_why(calendar, tmp_path):
    """A series of one row has the step of the others of its batch, and alone has none."""
    days = pd.date_range("2024-01-01", periods=20)
    table = pd.DataFrame({"shop": ["a"] * 20 + ["b"], "day": [*days, days[-1]], "units": 1.0})
    windows = WindowedSeries(
        3, 2, target_columns="units", id_column="shop", time_column="day", missing="mask",
        min_inputs=1, calendar=calendar,
    )  # fmt: skip
    preset = RecurrentPreset(units=(2,), window_norm="last")
    save_model(preset.build(windows.build(table)), tmp_path / "a.keras")
    forecaster = BatchForecaster(tmp_path / "a.keras")
    together, alone = forecaster(table), forecaster(table[20:])
    assert together["problem"].isna().all()
    assert together["day"].notna().all()
    assert alone["day"].isna().all()
    says = "no timestamps" if calendar is None else "no series has two rows"
    assert alone["problem"].str.contains(says).all()
