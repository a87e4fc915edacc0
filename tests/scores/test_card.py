"""A model card shows what a scorecard holds, whatever its texts are."""

import copy
import json
import re
from dataclasses import replace

import pytest

from judged_models import changed, judged
from keras_ts import WindowedSeries, save_model, scorecard
from keras_ts.scores.card import Scorecard, is_marked, is_unchanged
from keras_ts.scores.metrics import METRICS
from keras_ts.scores.schema import _ENTRIES, checked
from keras_ts.windows.carried import Carried


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    model, report = judged((0.1, 0.5, 0.9))
    save_model(model, tmp_path_factory.mktemp("card") / "model.keras", report=report)
    return scorecard(model)


# A line of YAML: an item or not, a key, and a quoted text, a number or words.
LINE = re.compile(r' *(?:- )?(?:([a-z_-]+):(?: ("[^"\\]*(?:\\.[^"\\]*)*"|[\w. +-]+))?|([a-z_-]+))')


def parted(text):
    """Return the head as pairs of keys and values, checked line by line, and the body."""
    start, head, body = text.split("---\n", 2)
    assert start == ""
    pairs = []
    for line in head.splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        key, value, item = match.groups()
        quoted = value is not None and value[0] in '"-0123456789'
        pairs.append((key, json.loads(value) if quoted else value or item))
    return pairs, body


def metrics_in(pairs):
    """Return the values of the metrics by their types."""
    begin = pairs.index(("metrics", None)) + 1
    rows = [dict(pairs[place : place + 3]) for place in range(begin, len(pairs), 3)]
    return {row["type"]: row["value"] for row in rows}


def test_the_head_is_that_of_the_hub(card):
    """The schema is that of ``model-index``: task, dataset and metrics of each result."""
    head, _ = parted(card.to_markdown())
    values = card.to_dict()
    assert head[: head.index(("metrics", None))] == [
        ("library_name", "keras"),
        ("pipeline_tag", "time-series-forecasting"),
        ("tags", None),
        (None, "time-series-forecasting"),
        (None, "keras_ts"),
        ("model-index", None),
        ("name", "model"),
        ("results", None),
        ("task", None),
        ("type", "time-series-forecasting"),
        ("name", "Time Series Forecasting"),
        ("dataset", None),
        ("type", "held-out"),
        ("name", "0, 1000 to 1460"),
        ("args", None),
        ("windows", 459),
        ("horizon", 3),
        ("fingerprint", values["judged_on"]["fingerprint"]),
    ]
    names = ["mae", "rmse", "mase", "smape", "pinball", "coverage", "width", "skill"]
    assert metrics_in(head) == {name: values["table"][name][0] for name in names}


def test_the_body_says_it_all(card):
    _, body = parted(card.to_markdown())
    values = card.to_dict()
    for line in (
        "# model",
        f"**{values['sentence']}**",
        "| Horizon | 3 rows |",
        "| Quantiles | 0.1, 0.5, 0.9 |",
        "|  | MAE | RMSE | MASE | sMAPE | pinball | coverage | width | skill | 95 % interval |",
        "459 windows from 459 origins, whose targets lie from 1000 to 1460.",
        "ahead = keras_ts.forecast(model, series)",
        "- It was judged on one series, so nothing is known of others.",
    ):
        assert line in body.splitlines()
    assert f"| naive | {values['table']['mae'][1]:.4g} |" in body
    assert f"| 3 | {values['steps']['model'][2]:.4g} |" in body
    assert f"Its 80 % interval held {100 * values['coverage']['share']:.1f} % of" in body
    assert "errors.png" not in body
    assert "![Error at each step ahead](errors.png)" in card.to_markdown("errors.png")


def test_the_docstring_names_every_entry():
    assert [name for name in _ENTRIES if f"``{name}``" not in Scorecard.to_dict.__doc__] == []


def test_the_text_is_a_few_lines(card):
    lines = str(card).splitlines()
    assert lines[0] == card.to_dict()["sentence"]
    assert 4 <= len(lines) <= 7


def test_scores_of_other_weights_do_not_stand_in_the_head(tmp_path):
    model, report = judged()
    save_model(model, tmp_path / "model.keras", report=report)
    head, body = parted(scorecard(changed(model)).to_markdown())
    assert ("model-index", None) not in head
    assert "**The weights are no longer those that were judged" in body


def test_texts_stay_texts(card):
    """Neither a link, HTML or a cell of a table, nor a second entry of the head."""
    evil = 'x"]\nlicense: mit\n---\n# [a](http://b) <img src=c> | `d`'
    values = copy.deepcopy(card.values)
    values |= {"model": evil, "sentence": evil, "best": evil, "notes": [evil]}
    values["table"]["name"] = [evil, *values["table"]["name"][1:]]
    windows = WindowedSeries(20, 3, target_columns=evil, time_column="t")
    columns = {"past": [evil], "future": [], "static": [], "target": [evil]}
    carried = Carried.from_config({"windows": windows.get_config(), "columns": columns})
    text = replace(card, values=values, carried=carried).to_markdown()
    head, body = parted(text)
    assert head[6] == ("name", evil.replace("\n", " "))
    assert "\nlicense" not in text
    for part in (" [a]", " <img", "| `d`"):
        assert part not in body.split("## How to use it")[0]
    heading = next(line for line in body.splitlines() if line.startswith("# "))
    assert heading == r"# x" + r'"\] license: mit --- \# \[a\](http\://b) \<img src=c\> \| \`d\`'


@pytest.mark.parametrize("start", ["- ", "+ ", "===", "1. ", "2) ", "# ", "    ", "> "])
def test_no_text_of_a_file_is_markup(card, start):
    """Every text of an untrusted scorecard and of its columns, wherever the card shows it."""
    evil = f"{start}<img src=c> www.b.org https://b.org [a](b) ![a](b) *a* | a `b` <!-- a@b.org"
    values = with_texts(card.values, evil)
    windows = WindowedSeries(
        20, 3, target_columns=evil, future_columns=f"{evil} f", static_columns=f"{evil} s",
        id_column=f"{evil} i", time_column=f"{evil} t",
    )  # fmt: skip
    columns = {
        "past": [evil, f"{evil} f"],
        "future": [f"{evil} f"],
        "static": [f"{evil} s"],
        "target": [evil],
    }
    config = {"windows": windows.get_config(), "columns": columns, "frequency": evil}
    shown = replace(card, values=checked(values), carried=Carried.from_config(config))
    text = shown.to_markdown()
    _, body = parted(text)
    marker, before, code, after = re.split(r"\n```\w*\n|(?<=-->)\n", body)
    assert marker.startswith("<!-- keras_ts")
    assert code.count("\n") == 5
    plain = re.sub(r"\\[^\w\s]", "", before + after)
    for sign in ("<", "www.", "://", "[", "`", "@", "!"):
        assert sign not in plain
    for line in plain.splitlines():
        # Lines of the card's own begin so, but for the items under the last heading.
        assert re.match(r"$|\w|\*\*| img|\| |#+ |- \w", line), line
        assert not re.match(r"\d+[.)]", line), line
    assert is_unchanged(text)


def with_texts(value, text):
    """Return a scorecard's entries with another text in place of each that is free."""
    if isinstance(value, dict):
        fixed = ("by", "name")
        changed = {k: v if k in fixed else with_texts(v, text) for k, v in value.items()}
        if "name" in changed:
            changed["name"] = [text, *value["name"][1:]]
        return changed
    if isinstance(value, list):
        return [with_texts(item, text) for item in value]
    return text if isinstance(value, str) else value


def test_numbers_are_numbers_of_yaml(card):
    """YAML 1.1 takes 1e-07 for a text."""
    values = copy.deepcopy(card.values)
    values["table"]["mae"][0], values["table"]["rmse"][0] = 1e-07, 1.5e20
    text = replace(card, values=values).to_markdown()
    head, _ = parted(text)
    assert (metrics_in(head)["mae"], metrics_in(head)["rmse"]) == (1e-07, 1.5e20)
    assert "value: 1.0e-07" in text


def test_figures_that_are_none(card):
    values = copy.deepcopy(card.values)
    for column in ("mase", "skill", "skill_low"):
        values["table"][column] = [None] * len(values["table"]["name"])
    values["coverage"] = dict.fromkeys(values["coverage"])
    values["promised"]["errors"] = {n: [None] * 3 for n in ("mean", "low", "high")}
    values["steps"] = {n: [None] * 3 for n in ("model", "baseline", "coverage")}
    empty = replace(card, values=values)
    head, _ = parted(empty.to_markdown())
    assert set(metrics_in(head)) == {"mae", "rmse", "smape", "pinball", "coverage", "width"}
    assert "None" not in empty.to_markdown() + str(empty)


def with_skill(card, value, low, high, **entries):
    """Return the scorecard with another skill of the model."""
    values = copy.deepcopy(card.values) | entries
    for column, number in (("skill", value), ("skill_low", low), ("skill_high", high)):
        values["table"][column][0] = number
    return replace(card, values=values)


def test_a_negative_skill_is_said_in_times(card):
    best = card.values["best"]
    bad = with_skill(card, -2.9, -3.1, -2.5)
    said = f"Its MAE is 3.9 times that of {best}."
    assert said in str(bad).splitlines()
    assert said in bad.to_markdown().splitlines()
    slightly = with_skill(card, -0.25, -0.5, -0.1)
    assert "times that of" not in str(slightly)
    assert f"Its MAE is 1.25 times that of {best}." in slightly.to_markdown()
    for skill in (0.3, None):
        assert "times that of" not in with_skill(card, skill, None, None).to_markdown()


def test_an_interval_that_is_lacking(card):
    def cell(*ends, **entries):
        lines = with_skill(card, *ends, **entries).to_markdown().splitlines()
        return next(line for line in lines if line.startswith("| model ")).split(" | ")[-1]

    panel = {"judged_on": {**card.values["judged_on"], "series": 3}}
    assert cell(0.1, -0.1, 0.3) == "-10.0 % to 30.0 % |"
    assert cell(0.1, None, None) == "too few windows |"
    assert cell(0.1, None, None, **panel) == "too few windows or series |"
    assert cell(0.1, None, 0.3) == "below 30.0 % |"
    assert cell(None, None, None) == " |"


def test_the_card_says_what_its_measures_are(card):
    text = card.to_markdown()
    assert "The skill is one minus the MAE over that of the best baseline" in text
    said = "between values {} apart, in the training part of the same series."
    assert said.format("1 row") in text
    assert "MASE (period" not in str(card)
    weekly = replace(card, values={**card.values, "period": 7})
    assert said.format("7 rows") in weekly.to_markdown()
    assert "MASE (period 7)" in str(weekly)


@pytest.mark.parametrize("by", [name for name, metric in METRICS.items() if metric.scaled])
def test_widths_of_series_of_all_sizes_are_not_averaged(card, by):
    """By MASE a panel is judged where a store sells 20 units and another one 3000."""
    assert "wide on average" in card.to_markdown()
    table = {**card.values["table"], by: card.values["table"]["mase"]}
    panel = replace(card, values={**card.values, "by": by, "table": table})
    for text in (str(panel), panel.to_markdown()):
        assert "width" not in text
        assert "wide on average" not in text
        assert "% of the values." in text


def test_the_columns_are_those_of_the_table():
    """Without those that the calendar makes; words by the column that they are read from."""
    windows = WindowedSeries(
        20, 3, gap=2, sampling_rate=2, target_columns="units", future_columns="promotion",
        static_columns="kind", categories={"kind": ("a", "b")}, calendar=("week",),
        id_column="shop", time_column="day",
    )  # fmt: skip
    columns = {
        "past": ["units", "promotion", "week_sin", "week_cos"],
        "future": ["promotion", "week_sin", "week_cos"],
        "static": ["kind=a", "kind=b"],
        "target": ["units"],
    }
    carried = Carried.from_config({"windows": windows.get_config(), "columns": columns})
    values = judged()[1].scorecards()[0]
    lines = Scorecard(True, (), carried, None, values).to_markdown().splitlines()
    for line in (
        "| Reads the past of | units, promotion |",
        "| Known ahead | promotion |",
        "| Calendar | week |",
        "| Static | kind |",
        "| Window | 20 rows, every 2 rows |",
        "| Horizon | 3 rows, after 2 |",
        '# series: a data frame with the columns "shop", "day", "units", "promotion", "kind"',
        '# plan: the 3 rows that follow, after a gap of 2 rows, with the columns "shop", "day", '
        '"promotion"',
        "A Keras model that forecasts the next 3 rows of a series, after a gap of 2 rows.",
        "ahead = keras_ts.forecast(model, series, future=plan)",
        "- It gives a point, without an interval.",
    ):
        assert line in lines
    assert not any("Steps beyond are forecast" in line for line in lines)


def test_steps_beyond_only_where_forecast_gives_them():
    """A past column that no forecast fills makes ``forecast`` refuse steps beyond the horizon."""
    values = judged()[1].scorecards()[0]

    def said(past):
        windows = WindowedSeries(20, 3, target_columns="units")
        columns = {"past": past, "future": [], "static": [], "target": ["units"]}
        carried = Carried.from_config({"windows": windows.get_config(), "columns": columns})
        return (
            "Steps beyond are forecast" in Scorecard(True, (), carried, None, values).to_markdown()
        )

    assert said(["units"])
    assert not said(["units", "temperature"])


def test_a_long_horizon_is_shown_in_part(card):
    values = copy.deepcopy(card.values)
    values["steps"] = {name: [1.0] * 336 for name in values["steps"]}
    text = replace(card, values=values).to_markdown()
    rows = [line.split(" | ")[0][2:] for line in text.splitlines() if line.endswith("100.0 % |")]
    assert (len(rows), rows[0], rows[-1]) == (14, "1", "336")


def test_a_card_that_was_changed_is_known(card):
    text = card.to_markdown()
    marker = next(line for line in text.split("\n") if line.startswith("<!-- "))
    assert marker.startswith("<!-- keras_ts.save_model wrote this card (digest ")
    assert is_marked(text)
    assert is_unchanged(text)
    for other in (
        text.replace("tags:", "license: mit\ntags:"),
        text + "More.\n",
        text.replace("# model", ""),
        text.replace("(digest ", "(digest 0"),
        text.replace("\n# model", f"\n{marker}\n# model"),
        text.replace(marker, "<!-- keras_ts.save_model wrote this card. -->"),
    ):
        assert is_marked(other)
        assert not is_unchanged(other)
    for other in ("", "# Mine\n", "See <!-- keras_ts.save_model wrote this card -->\n"):
        assert not is_marked(other)
        assert not is_unchanged(other)


def test_it_is_a_report_as_its_maker_was(card, tmp_path):
    report = judged((0.1, 0.5, 0.9))[1]
    assert list(card.table) == list(report.table)
    assert card.to_frame()["name"].tolist() == report.table["name"].tolist()
    assert len(card.plot(filepath=tmp_path / "e.png").lines) == 2
    assert card._repr_html_().startswith(f"<p>{card.values['sentence'].split(',')[0]}")
