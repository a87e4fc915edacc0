"""Totals of sample paths are sums of whole paths, and totals of totals are those of all."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import aggregate

LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
REGIONS = {"a": "north", "b": "south", "c": "north", "d": "south"}
BOTH = ["step", "series"]
KEYS = ["shop", "day", "step", "sample"]


def drawn(names="abcd", steps=3, count=7, begin="2024-05-01", seed=0, dtype=np.float64):
    """Sample paths as ``forecast`` returns them."""
    generator = np.random.default_rng(seed)
    days = pd.date_range(begin, periods=steps)
    table = pd.MultiIndex.from_product(
        [list(names), days, range(count)], names=["shop", "day", "sample"]
    ).to_frame(index=False)
    table.insert(2, "step", np.tile(np.repeat(np.arange(1, steps + 1), count), len(names)))
    return table.assign(
        units=generator.gamma(2.0, 30.0, len(table)).astype(dtype),
        visits=generator.normal(size=len(table)),
    )


def as_pandas(table):
    return table if isinstance(table, pd.DataFrame) else table.to_pandas()


def by_hand(table, keys):
    return table.groupby([*keys, "sample"], sort=False)[["units", "visits"]].sum().reset_index()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("over", "groups", "keys"),
    [
        ("step", None, ["shop"]),
        ("series", None, ["day", "step"]),
        (["series", "step"], None, []),
        ("series", REGIONS, ["group", "day", "step"]),
        (BOTH, REGIONS, ["group"]),
    ],
)
def test_totals_are_sums_of_whole_paths(library, over, groups, keys):
    table = drawn().assign(group=lambda frame: frame["shop"].map(REGIONS))
    samples = LIBRARIES[library](table.drop(columns="group").to_dict("list"))
    totals = aggregate(samples, over, groups=groups, quantiles=None)
    assert type(totals) is type(samples)
    wanted = by_hand(table, keys)
    assert list(totals.columns) == list(wanted.columns)
    for name in wanted.columns:
        own = as_pandas(totals)[name]
        if name in ("units", "visits"):
            np.testing.assert_allclose(own, wanted[name], rtol=1e-12, atol=1e-12)
        else:
            assert own.tolist() == wanted[name].tolist()
    levels = aggregate(samples, over, groups=groups, quantiles=[0.25, 0.5])
    assert list(levels.columns) == [*keys, "units_0.25", "units", "visits_0.25", "visits"]
    paths = wanted["units"].to_numpy().reshape(-1, 7)
    np.testing.assert_allclose(
        as_pandas(levels)["units_0.25"], np.quantile(paths, 0.25, axis=1, method="hazen")
    )
    alone = samples[[name for name in samples.columns if name != "visits"]]
    risk = aggregate(alone, over, groups=groups, above=float(np.median(paths)))
    shares = (paths > np.median(paths)).mean(axis=1)
    np.testing.assert_allclose(as_pandas(risk)["above"], shares)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_totals_of_totals_are_those_of_all_at_once(library, dtype):
    samples = LIBRARIES[library](drawn(names="abcdefgh", dtype=dtype).to_dict("list"))
    groups = {name: "xyz"[number % 3] for number, name in enumerate("abcdefgh")}
    regions = aggregate(samples, "series", groups=groups, quantiles=None)
    weeks = aggregate(samples, "step", quantiles=None)
    whole = aggregate(samples, BOTH, quantiles=None)
    for parts, over in ((regions, BOTH), (weeks, "series")):
        totals = aggregate(parts, over, quantiles=None)
        np.testing.assert_allclose(totals["units"], whole["units"], rtol=1e-12)
    again = aggregate(aggregate(regions, "series", quantiles=None), "step", quantiles=None)
    np.testing.assert_allclose(again["units"], whole["units"], rtol=1e-12)
    # A panel in parts, whose totals stand below each other.
    table = as_pandas(samples)
    parts = [
        aggregate(table[table["shop"].isin(list(names))], "series", groups=groups, quantiles=None)
        for names in ("abcd", "efgh")
    ]
    parts = pd.concat([part.assign(group=part["group"] + str(n)) for n, part in enumerate(parts)])
    by_part = aggregate(parts, BOTH, groups={f"{g}{n}": g for g in "xyz" for n in (0, 1)})
    at_once = aggregate(table, BOTH, groups=groups)
    pd.testing.assert_frame_equal(by_part, at_once, rtol=1e-12)


def test_rows_may_stand_in_any_order_and_groups_in_a_frame():
    samples = drawn()
    shuffled = samples.sample(frac=1, random_state=0)
    regions = pd.DataFrame({"shop": list(REGIONS), "region": list(REGIONS.values())})
    own = aggregate(samples, "series", groups=regions)
    assert list(own.columns)[:3] == ["region", "day", "step"]
    other = aggregate(shuffled, "series", groups=regions)
    keys = ["region", "day"]
    pd.testing.assert_frame_equal(
        other.sort_values(keys, ignore_index=True), own.sort_values(keys, ignore_index=True)
    )
    by_sample = samples.sort_values(["sample", "shop", "day"])
    pd.testing.assert_frame_equal(aggregate(by_sample, "step"), aggregate(samples, "step"))
    names = ["day", "shop", *samples.columns[2:]]
    pd.testing.assert_frame_equal(aggregate(samples[names], "step"), aggregate(samples, "step"))


def test_a_closed_day_counts_nothing_and_a_series_without_a_forecast_is_named():
    samples = drawn()
    closed = (samples["shop"] == "b") & (samples["step"] == 2)
    some = samples.assign(units=samples["units"].mask(closed))
    wanted = by_hand(samples.assign(units=samples["units"].mask(closed, 0.0)), ["day", "step"])
    totals = aggregate(some, "series", quantiles=None)
    np.testing.assert_allclose(totals["units"], wanted["units"], rtol=1e-12)
    none = samples.assign(units=samples["units"].mask(samples["shop"] == "b"))
    with pytest.warns(UserWarning, match=r"the series \['b'\], which are NaN throughout"):
        totals = aggregate(none, "series", groups=REGIONS)
    assert totals["units"].isna().tolist() == [False] * 3 + [True] * 3
    assert totals["visits"].notna().all()
    with pytest.warns(UserWarning, match=r"the series \['b'\]"):
        risk = aggregate(none.drop(columns="visits"), "step", above=1.0)
    assert risk["above"].isna().tolist() == [False, True, False, False]
    with pytest.warns(UserWarning, match=r"the series \['b'\]"):
        regions = aggregate(none, "series", groups=REGIONS, quantiles=None)
    with pytest.warns(UserWarning, match=r"the series \['south'\]"):
        assert aggregate(regions, BOTH)["units"].isna().all()


def test_totals_over_series_take_the_times_that_all_have():
    late = drawn(names="cd", begin="2024-05-02", seed=1)
    samples = pd.concat([drawn(names="ab"), late])
    with pytest.warns(UserWarning, match=r"leaves out times that not all"):
        totals = aggregate(samples, "series", quantiles=None)
    assert totals["day"].drop_duplicates().dt.day.tolist() == [2, 3]
    assert totals["step"].drop_duplicates().tolist() == [2, 3]  # Those of the first series.
    both = samples[samples["day"].dt.day.isin([2, 3])]
    np.testing.assert_allclose(totals["units"], by_hand(both, ["day"])["units"], rtol=1e-12)
    pairs = {"a": 1, "b": 1, "c": 2, "d": 2}
    assert len(aggregate(samples, "series", groups=pairs)) == 6
    apart = pd.concat([drawn(names="ab"), drawn(names="c", begin="2025-05-01")])
    with pytest.raises(ValueError, match="no time in common"):
        aggregate(apart, "series")


def test_the_problems_of_a_batch_are_no_target():
    samples = drawn()
    with_problem = samples.assign(problem=None)
    pd.testing.assert_frame_equal(aggregate(with_problem, "step"), aggregate(samples, "step"))


def of_origins(begins, names="abcd"):
    """Sample paths of several origins below each other, with the column that tells them apart."""
    parts = [drawn(names, begin=begin, seed=seed) for seed, begin in enumerate(begins)]
    days = [pd.Timestamp(begin) - pd.Timedelta("1D") for begin in begins]
    return [part.assign(origin=day) for part, day in zip(parts, days, strict=True)]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("begins", [["2024-05-01", "2024-05-02"], ["2024-06-01", "2024-05-01"]])
@pytest.mark.parametrize(
    ("over", "groups", "keys"),
    [
        ("step", None, ["shop", "origin"]),
        ("series", REGIONS, ["group", "origin", "day", "step"]),
        (BOTH, REGIONS, ["group", "origin"]),
        (BOTH, None, ["origin"]),
    ],
)
def test_each_origin_has_totals_of_its_own(library, begins, over, groups, keys):
    """Equal to those of each origin alone, in any order of rows, and when they add up again."""
    parts = of_origins(begins)
    # A closed day counts 0 in the origin that has others of that series, and in no other origin.
    parts[1].loc[(parts[1]["shop"] == "b") & (parts[1]["step"] == 2), ["units", "visits"]] = np.nan
    table = LIBRARIES[library](pd.concat(parts).to_dict("list"))
    totals = as_pandas(aggregate(table, over, groups=groups, quantiles=None))
    assert list(totals.columns) == [*keys, "sample", "units", "visits"]
    alone = [aggregate(part.drop(columns="origin"), over, groups=groups, quantiles=None)
             for part in parts]  # fmt: skip
    days = [part["origin"].iloc[0] for part in parts]
    for day, wanted in zip(days, alone, strict=True):
        own = totals[totals["origin"] == day].drop(columns="origin").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, wanted, rtol=1e-12, check_dtype=False)
    shuffled = pd.concat(parts).sample(frac=1, random_state=0)
    shuffled = aggregate(shuffled, over, groups=groups, quantiles=None)
    order = [*keys, "sample"]
    pd.testing.assert_frame_equal(
        shuffled.sort_values(order, ignore_index=True),
        totals.sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    limit = {"shop": 180.0, "group": 150.0, "origin": 400.0}[keys[0]]
    risk = as_pandas(aggregate(table[[*KEYS, "origin", "units"]], over, groups=groups, above=limit))
    each = [aggregate(part[[*KEYS, "units"]], over, groups=groups, above=limit) for part in parts]
    assert risk["above"].tolist() == pd.concat(each)["above"].tolist()
    assert risk["above"].nunique() > 1
    if over == "series":  # Totals of totals.
        again = aggregate(aggregate(table, over, groups=groups, quantiles=None), BOTH)
        at_once = aggregate(table, BOTH)
        np.testing.assert_allclose(again["units"], at_once["units"], rtol=1e-12)
        assert as_pandas(again)["origin"].tolist() == days


@pytest.mark.parametrize("library", LIBRARIES)
def test_totals_over_series_take_the_origins_that_all_have(library):
    first, second = of_origins(["2024-05-01", "2024-05-03"])
    table = LIBRARIES[library](pd.concat([first, second[second["shop"] != "c"]]).to_dict("list"))
    with pytest.warns(UserWarning, match="leaves out times that not all"):
        totals = as_pandas(aggregate(table, "series", groups=REGIONS))
    found = totals.groupby("group", sort=False)["origin"].unique()
    assert [days.tolist() for days in found.map(list).map(pd.Series)] == [
        [pd.Timestamp("2024-04-30")], [pd.Timestamp("2024-04-30"), pd.Timestamp("2024-05-02")]
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no time in common"):
        aggregate(pd.concat([first[first["shop"] == "a"], second[second["shop"] == "b"]]), "series")


@pytest.mark.parametrize("over", ["step", "series", BOTH])
@pytest.mark.parametrize("begins", [["2024-05-01", "2024-05-02"], ["2024-05-01", "2024-06-01"]])
@pytest.mark.parametrize("kept", [["shop", "day"], ["shop"], ["day"], ["number"]])
def test_several_forecasts_of_a_series_need_a_column_origin(over, begins, kept):
    """With times or without them, of a panel or of one series, whether or not they overlap."""
    table = pd.concat(of_origins(begins, "ab" if "shop" in kept else "a"))
    table["number"] = table["day"].dt.day_of_year  # Times may be numbers.
    wanted = aggregate(table[[*kept, "step", "sample", "units", "origin"]], "step")
    assert len(wanted) == (4 if "shop" in kept else 2)
    with pytest.raises(ValueError, match="several origins need a column 'origin'"):
        aggregate(table[[*kept, "step", "sample", "units"]], over)


def test_a_single_series_has_totals_over_steps():
    samples = drawn(names="a").drop(columns="shop")
    for frame in (samples, samples.drop(columns="day")):
        total = aggregate(frame, "step", quantiles=None)
        assert list(total.columns) == ["sample", "units", "visits"]
        np.testing.assert_allclose(total["units"], by_hand(samples, [])["units"], rtol=1e-12)
    with pytest.raises(ValueError, match=r"over must be among \['step'\]"):
        aggregate(samples, "series")
    one = samples[samples["step"] == 1]
    with pytest.raises(ValueError, match=r"over must be among \['step'\]"):
        aggregate(one, "series")
    numbered = drawn(steps=1)
    assert aggregate(numbered.drop(columns="day"), "series").shape == (1, 7)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"over": "shop"}, ValueError, "over must be among"),
        ({"over": []}, ValueError, "over must be among"),
        ({"samples": aggregate(drawn(), "step", quantiles=None)}, ValueError, "over must be among"),
        ({"quantiles": [0.5, 0.1]}, ValueError, r"quantiles must increase, lie between 0 and 1\."),
        ({"above": 3.0}, ValueError, "above needs quantiles and a single target"),
        ({"groups": REGIONS}, ValueError, "groups are summed over series"),
        ({"over": "series", "groups": {"a": 1}}, ValueError, r"lacks the ids \['b', 'c', 'd'\]"),
        ({"over": "series", "groups": {**REGIONS, "a": None}}, ValueError, r"the ids \['a'\]"),
        ({"over": "series", "groups": dict.fromkeys("abcd", 1), "samples": drawn().rename(
            columns={"units": "group"})}, ValueError, "two columns 'group'"),
        ({"samples": drawn().rename(columns={"visits": "units_0.9"}), "quantiles": [0.5, 0.9]},
         ValueError, "two columns 'units_0.9'"),
        ({"samples": drawn().drop(columns="sample")}, ValueError, "num_samples"),
        ({"samples": drawn().head(0)}, ValueError, "0 rows"),
        ({"samples": drawn().tail(-1)}, ValueError, "each sample from 0 to 6 once"),
        ({"samples": pd.concat([drawn(), drawn()])}, ValueError, "each sample from 0 to 6 once"),
        ({"samples": pd.concat([drawn(), drawn("ef", count=6)])}, ValueError, "each sample"),
    ],
)  # fmt: skip
def test_what_has_no_total_is_refused(arguments, kind, message):
    arguments = {"samples": drawn(), "over": "step", **arguments}
    with pytest.raises(kind, match=message):
        aggregate(**arguments)


def paths(keys, **columns):
    """Sample paths of one step for each of some ids, each path one above the one before."""
    table = pd.DataFrame(keys).assign(**columns)
    rows = [table.assign(step=1, sample=n, units=np.arange(len(table)) * 10.0 + n) for n in (0, 1)]
    return pd.concat(rows).sort_index(kind="stable", ignore_index=True)


PAIRS = {"shop": ["x", "x", "y"], "product": ["p", "q", "p"]}
COHORTS = {"cohort": pd.to_datetime(["2020-01-01", "2021-01-01"])}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("table", "named"),
    [
        (paths(PAIRS), []),
        (paths({"shop": [1, 1, 2], "product": [1, 2, 1]}), []),
        (paths(PAIRS, week=5), ["week"]),
        (paths(PAIRS, day=pd.Timestamp("2024-01-01")), ["day"]),
        (paths(COHORTS, week=5), ["week"]),
        (paths(COHORTS, shop="a", day=pd.Timestamp("2024-01-01")), ["day"]),
        (paths(COHORTS, day=pd.Timestamp("2024-01-01"), shop=["a", "b"]), ["day"]),
    ],
    ids=lambda case: "-".join(case)[:40],
)
def test_ids_of_any_type_are_told_from_times(library, table, named):
    """A single step of several series, with times or without them."""
    totals = as_pandas(aggregate(LIBRARIES[library](table), "series", quantiles=None))
    assert list(totals.columns) == [*named, "step", "sample", "units"]
    np.testing.assert_array_equal(totals["units"], table.groupby("sample")["units"].sum())
    ids = [name for name in table.columns if name not in (*named, "step", "sample", "units")]
    steps = as_pandas(aggregate(LIBRARIES[library](table), "step", quantiles=None))
    assert list(steps.columns) == [*ids, "sample", "units"]


def test_series_of_several_ids_that_end_apart_have_no_total():
    """Their one step is another week."""
    with pytest.raises(ValueError, match="no time in common"):
        aggregate(paths(PAIRS, week=[5, 5, 6]), "series")


def test_groups_go_by_one_of_several_ids():
    table = paths(PAIRS, week=5)
    regions = pd.DataFrame({"shop": ["x", "y"], "region": ["north", "south"]})
    totals = aggregate(table, "series", groups=regions, quantiles=None)
    assert totals["region"].tolist() == ["north", "north", "south", "south"]
    assert totals["units"].tolist() == [10, 12, 20, 21]
    pairs = pd.DataFrame(PAIRS)
    by_pair = aggregate(table, "series", groups=pairs.assign(g=[1, 1, 2]), quantiles=None)
    assert by_pair["units"].tolist() == [10, 12, 20, 21]
    for groups, message in (
        (pairs, "and one more column"),
        (pairs.assign(region="n", country="c"), "and one more column"),
        (pd.DataFrame({"shop": ["x", "y", "x"], "g": [1, 2, 3]}), "has two groups of 'x'"),
        (pd.DataFrame({"shop": ["x"], "g": [1]}), "lacks the ids"),
    ):
        with pytest.raises(ValueError, match=message):
            aggregate(table, "series", groups=groups)


def test_groups_may_be_one_of_several_ids():
    totals = aggregate(paths(PAIRS, week=5), "series", groups="shop", quantiles=None)
    assert totals["shop"].tolist() == ["x", "x", "y", "y"]
    assert totals["units"].tolist() == [10, 12, 20, 21]


def test_a_series_that_ends_apart_is_named():
    """The others have the times that it lacks."""
    table = pd.concat([paths(PAIRS, week=5), paths(PAIRS, week=6).assign(step=2)])
    short = table[~((table["week"] == 6) & (table["product"] == "q"))]
    with pytest.warns(UserWarning, match=r"such as 6, which \[\(shop='x', product='q'\)\] lack"):
        totals = aggregate(short, "series", quantiles=None)
    assert totals["week"].tolist() == [5, 5]
