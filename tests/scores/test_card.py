"""A model card shows what a scorecard holds, whatever its texts are."""

import copy
import re
from dataclasses import replace

import pytest

from judged_models import changed, judged
from keras_ts import WindowedSeries, save_model, scorecard
from keras_ts.scores.card import MARKER, Scorecard
from keras_ts.scores.schema import _ENTRIES, checked
from keras_ts.windows.carried import Carried


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    model, report = judged((0.1, 0.5, 0.9))
    save_model(model, tmp_path_factory.mktemp("card") / "model.keras", report=report)
    return scorecard(model)


def parted(text):
    """Return the head and the body."""
    start, head, body = text.split("---\n", 2)
    assert start == ""
    return head, body


def test_head_and_body(card):
    head, body = parted(card.to_markdown())
    assert head == (
        "library_name: keras\n"
        "pipeline_tag: time-series-forecasting\n"
        "tags: [time-series-forecasting, keras_ts]\n"
    )
    values = card.to_dict()
    assert body.startswith(f"{MARKER}\n\n# model\n")
    for line in (
        values["sentence"],
        "| target | 0 |",
        "| horizon | 3 |",
        "| quantiles | 0.1, 0.5, 0.9 |",
        "Judged on 459 windows from 459 origins, whose targets lie from 1000 to 1460.",
        "ahead = keras_ts.forecast(model, series)",
    ):
        assert line in body.splitlines()
    assert "| name | MAE | RMSE | MASE | sMAPE |" in body
    assert f"| naive | {values['table']['mae'][1]:.4g} |" in body
    assert f"Its 80 % interval held {100 * values['coverage']['share']:.1f} % of" in body


def test_the_docstring_names_every_entry():
    assert [name for name in _ENTRIES if f"``{name}``" not in Scorecard.to_dict.__doc__] == []


def test_the_text_is_a_few_lines(card):
    lines = str(card).splitlines()
    assert lines[0] == card.to_dict()["sentence"]
    assert 4 <= len(lines) <= 7


def test_other_weights_are_remarked(tmp_path):
    model, report = judged()
    save_model(model, tmp_path / "model.keras", report=report)
    text = scorecard(changed(model)).to_markdown()
    assert "\nThe weights are no longer those that were judged" in text


@pytest.mark.parametrize("start", ["- ", "+ ", "===", "1. ", "2) ", "# ", "    ", "> ", "x\n---\n"])
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
    head, body = parted(shown.to_markdown())
    assert head == parted(card.to_markdown())[0]
    marker, before, code, after = re.split(r"\n```\w*\n|(?<=-->)\n", body)
    assert marker == MARKER
    assert code.count("\n") == 3
    plain = re.sub(r"\\[^\w\s]", "", before + after)
    for sign in ("<", "www.", "://", "[", "`", "@", "!"):
        assert sign not in plain
    for line in plain.splitlines():
        assert re.match(r"$|\w| img|==img|\| |\|( --- \|)+$|# ", line), line
        assert not re.match(r"\d+[.)]( |$)", line), line


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


def test_figures_that_are_none(card):
    values = copy.deepcopy(card.values)
    for column in ("mase", "skill", "skill_low"):
        values["table"][column] = [None] * len(values["table"]["name"])
    values["coverage"] = dict.fromkeys(values["coverage"])
    values["promised"]["errors"] = {n: [None] * 3 for n in ("mean", "low", "high")}
    empty = replace(card, values=values)
    assert "None" not in empty.to_markdown() + str(empty)


def test_the_columns_are_those_of_the_table():
    """Without those that the calendar makes; words by the column that they are read from."""
    windows = WindowedSeries(
        20, 3, gap=2, target_columns="units", future_columns="promotion",
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
        "| past | units, promotion |",
        "| future | promotion |",
        "| calendar | week |",
        "| static | kind |",
        "| gap | 2 |",
        "ahead = keras_ts.forecast(model, series, future=plan)",
    ):
        assert line in lines


def test_it_is_a_report_as_its_maker_was(card):
    report = judged((0.1, 0.5, 0.9))[1]
    assert list(card.table) == list(report.table)
    assert card.to_frame()["name"].tolist() == report.table["name"].tolist()
    assert card._repr_html_().startswith(f"<p>{card.values['sentence'].split(',')[0]}")
