"""Several columns that name a series together do what one column of pasted ids does."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_models import adding
from keras_ts import (
    Panel,
    WindowedSeries,
    aggregate,
    backtest,
    calibrate,
    compare,
    forecast,
    load_model,
    plot_forecast,
    save_model,
    score,
)
from keras_ts.scale import BatchForecaster, PanelStore

KEYS = ["shop", "product"]
LIBRARIES = {"pandas": lambda table: table, "polars": pl.from_pandas}
SETTINGS = {"target_columns": "units", "future_columns": "promo", "time_column": "day"}


def pasted(table):
    """Put one column of ids in place of several."""
    if "shop" not in table.columns:
        return table
    one = [f"{shop}|{product}" for shop, product in zip(table.shop, table["product"], strict=True)]
    return table.drop(columns=KEYS).assign(both=one)


def in_pandas(table):
    return table.to_pandas() if isinstance(table, pl.DataFrame) else pd.DataFrame(table)


def assert_as_pasted(table, expected):
    """A table says of pairs what the other says of pasted ids."""
    pd.testing.assert_frame_equal(
        pasted(in_pandas(table)),
        in_pandas(expected).rename(columns={"series": "both"}),
        check_dtype=False,
        check_like=True,
    )


@st.composite
def panels(draw):
    """Rows of random pairs, mixed, each pair's days in order."""
    shops = draw(st.sampled_from([[3, 4, 5], ["a", "b", "c"]]))
    pairs = [(shop, product) for shop in shops for product in ("oats", "rye", "a, b=1")]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=6, unique=True))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for shop, product in chosen:
        day = pd.date_range("2024-01-01", periods=draw(st.integers(3, 12)))
        parts.append(pd.DataFrame({"shop": shop, "product": product, "day": day}))
    table = pd.concat(parts).sample(frac=1, random_state=random.integers(2**31))
    table = table.sort_values("day", kind="stable")  # Pairs follow each other in any order.
    draws = {"units": random.normal(size=len(table)), "promo": random.normal(size=len(table))}
    return table.reset_index(drop=True).assign(**draws)


@settings(max_examples=60, deadline=None)
@given(panels(), st.sampled_from(sorted(LIBRARIES)))
def test_windows_are_those_of_a_loop_over_pairs(table, library):
    past, future = [], []
    for _, rows in table.groupby(KEYS, sort=False):
        values = rows.sort_values("day").units.to_numpy()
        past += [values[start : start + 2] for start in range(len(values) - 2)]
        future += [values[start + 2] for start in range(len(values) - 2)]
    windows = WindowedSeries(2, 1, target_columns="units", id_column=KEYS, time_column="day")
    columns = LIBRARIES[library](table[["units", "day", *KEYS]])
    x, y = windows.build(columns).to_numpy()
    found = np.c_[x.reshape(len(x), 2), y.reshape(-1)]
    expected = np.c_[past, future]
    assert sorted(found.tolist()) == sorted(expected.tolist())


def rows(count=40):
    """Rows of four pairs; two pairs share their shop, two their product."""
    random = np.random.default_rng(5)
    parts = []
    for shop, product in [(3, "oats"), (3, "rye"), (4, "oats"), (5, "rye")]:
        day = pd.date_range("2024-01-01", periods=count)
        keys = {"shop": shop, "product": product, "day": day, "promo": np.arange(count) % 4.0}
        parts.append(pd.DataFrame(keys).assign(units=random.normal(100.0, 10.0, count)))
    return pd.concat(parts).sort_values("day", kind="stable").reset_index(drop=True)


@pytest.fixture(params=sorted(LIBRARIES))
def library(request):
    return LIBRARIES[request.param]


def both(library, table, **settings):
    """Datasets of pairs and of pasted ids."""
    pair = WindowedSeries(6, 3, id_column=KEYS, **SETTINGS, **settings)
    one = WindowedSeries(6, 3, id_column="both", **SETTINGS, **settings)
    return pair.build(library(table)), one.build(library(pasted(table)))


def test_forecasts_of_tables_and_panels_carry_the_columns(library):
    table = rows()
    past, plan = table[table.day < "2024-02-06"], table[table.day >= "2024-02-06"]
    plan = plan.drop(columns="units")
    pairs, one = both(library, past)
    expected = forecast(adding(one), library(pasted(past)), future=library(pasted(plan)))
    model = adding(pairs)
    assert_as_pasted(forecast(model, library(past), future=library(plan)), expected)
    roles = {"id_column": KEYS, **SETTINGS}
    panel = Panel(library(past), **roles)
    assert_as_pasted(forecast(model, panel, future=library(plan)), expected)
    plot_forecast(library(past), forecast(model, library(past), future=library(plan)))


def test_new_pairs_are_forecast(library):
    table = rows()
    windows = {"missing": "mask", "min_inputs": 0}
    pairs, one = both(library, table, **windows)
    ahead = rows(43)
    plan = ahead[ahead.day >= "2024-02-10"].drop(columns="units")
    plan = pd.concat([plan, plan[plan.shop == 5].assign(shop=9, product="oats")])
    given = [forecast(adding(one), library(pasted(table)), future=library(pasted(plan)))]
    given.append(forecast(adding(pairs), library(table), future=library(plan)))
    assert_as_pasted(given[1], given[0])
    assert in_pandas(given[1]).query("shop == 9")["product"].tolist() == ["oats"] * 3


def test_reports_carry_the_columns(library):
    pairs, one = both(library, rows())
    split = [(pairs, rows()), (one, pasted(rows()))]
    models = {"model": adding(pairs)}, {"model": adding(one)}
    parts = [data.windows.split(library(t), "2024-01-25") for data, t in split]
    reports = [compare(m, *p) for m, p in zip(models, parts, strict=True)]
    assert_as_pasted(*(pd.DataFrame(report.scores(by="series")) for report in reports))
    aligned = [data.align(adding(data).predict(data, verbose=0)) for data in (pairs, one)]
    assert_as_pasted(pd.DataFrame(aligned[0]), pd.DataFrame(aligned[1]))
    ahead = rows()[["shop", "product", "day"]].assign(step=1, units=rows().units + 1.0)
    pair = pasted(ahead)[["both", "day", "step", "units"]]
    tables = [(ahead, rows()), (pair, pasted(rows()))]
    scored = [score(library(ahead), library(came)) for ahead, came in tables]
    assert_as_pasted(*(pd.DataFrame(report.scores(by="series")) for report in scored))


def test_calibrated_paths_and_saved_models_carry_the_columns(library, tmp_path):
    table = rows()
    plan = table[table.day >= "2024-02-06"].drop(columns="units")
    past = table[table.day < "2024-02-06"]
    made = []
    for data, change in zip(both(library, past), (lambda t: t, pasted), strict=True):
        save_model(calibrate(adding(data, (0.1, 0.5, 0.9)), data, joint=True), tmp_path / "m.keras")
        model, series = load_model(tmp_path / "m.keras"), library(change(past))
        ahead = library(change(plan))
        made.append(forecast(model, series, future=ahead, num_samples=3, seed=2))
    assert_as_pasted(*made)
    sums = [aggregate(draws, "step") for draws in made]
    assert_as_pasted(*sums)
    of = in_pandas(made[0])[KEYS].drop_duplicates()
    groups = of.assign(group=of["product"]), pasted(of.assign(group=of["product"]))
    sums = [
        aggregate(draws, "series", groups=library(group))
        for draws, group in zip(made, groups, strict=True)
    ]
    assert_as_pasted(*sums)


def test_stores_and_buckets_carry_the_columns(library, tmp_path):
    table = rows()
    past, plan = table[table.day < "2024-02-06"], table[table.day >= "2024-02-06"]
    pairs, _ = both(library, past)
    past.to_parquet(tmp_path / "rows.parquet")
    store = PanelStore.write(tmp_path / "rows.parquet", tmp_path / "store", pairs.windows)
    assert sorted(map(tuple, store.ids)) == sorted(
        set(zip(past.shop, past["product"], strict=True))
    )
    of_store, of_frame = pairs.windows.build(store).to_numpy()[1], pairs.to_numpy()[1]
    assert sorted(of_store.tolist()) == sorted(of_frame.tolist())
    save_model(adding(pairs), tmp_path / "m.keras")
    marked = pd.concat([past.assign(plan=False), plan.assign(plan=True, units=np.nan)])
    made = in_pandas(BatchForecaster(tmp_path / "m.keras", future="plan")(library(marked)))
    assert made["problem"].isna().all()
    model = load_model(tmp_path / "m.keras")
    whole = in_pandas(forecast(model, library(past), future=library(plan.drop(columns="units"))))
    order = [*KEYS, "day"]
    pd.testing.assert_frame_equal(
        made.drop(columns="problem").sort_values(order, ignore_index=True),
        whole.sort_values(order, ignore_index=True),
        check_dtype=False,
    )


def test_names_of_series_are_read_and_kept():
    panel = Panel(rows(), id_column=KEYS, **SETTINGS)
    label = panel.ids[1]
    assert label == (3, "rye")
    assert str(label) == "shop=3, product=rye"
    assert str(pickle.loads(pickle.dumps(label))) == str(label)
    assert "(shop=3, product=oats), (shop=3, product=rye)" in repr(panel)
    twice = pd.concat([rows(), rows()[:1]])
    with pytest.raises(ValueError, match=r"shop=3, product=oats"):
        Panel(twice, id_column=KEYS, **SETTINGS)


def named(ids, days=60):
    """Three pairs, whose second id stands in a column of that name."""
    random, parts = np.random.default_rng(0), []
    for shop, other in (("a", "young"), ("a", "old"), ("b", "old")):
        day = pd.date_range("2024-01-01", periods=days)
        units = random.normal(9, 1, days)
        parts.append(pd.DataFrame({"shop": shop, ids: other, "day": day, "units": units}))
    return pd.concat(parts, ignore_index=True)


def cut_by(ids):
    return WindowedSeries(6, 1, id_column=["shop", ids], target_columns="units", time_column="day")


@pytest.mark.parametrize("ids", ["target", "origin", "step", "actual", "prediction"])
def test_an_id_never_gives_way_to_a_column_of_the_table(ids):
    """Nor does it take one's place."""
    dataset = cut_by(ids).build(named(ids))
    with pytest.raises(ValueError, match=f"id_column names '{ids}'"):
        dataset.align(np.zeros(dataset.num_windows))


@pytest.mark.parametrize("ids", ["name", "mae", "skill", "verdict"])
def test_an_id_is_no_metric(ids):
    train, held_out = cut_by(ids).split(named(ids), "2024-02-15")
    with pytest.raises(ValueError, match=f"id_column names '{ids}'"):
        compare(None, train, held_out).scores(by="series")


def test_a_backtest_refuses_such_ids_before_it_trains():
    def build(train):
        raise AssertionError("nothing may be trained")

    with pytest.raises(ValueError, match="id_column names 'fold'"):
        backtest(build, named("fold"), cut_by("fold"), n_splits=2)


def test_an_error_tells_texts_from_numbers():
    """The text "3" is no shop 3."""
    table = named("product").replace({"shop": {"a": 3, "b": 4}}).infer_objects()
    train, held_out = cut_by("product").split(table, "2024-02-15")
    aligned = pd.DataFrame(held_out.align(np.zeros(held_out.num_windows)))
    says = r"\(shop='3', product='young'\), and the series such as \(shop=3, "
    with pytest.raises(ValueError, match=says):
        compare({"table": aligned.assign(shop=aligned["shop"].astype(str))}, train, held_out)


def test_every_id_has_a_name():
    with pytest.raises(TypeError, match="id_column must be a str"):
        WindowedSeries(2, id_column=["shop", None])
