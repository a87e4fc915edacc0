"""``Scorecard``: the scores of a model, and their forms as text and as a model card.

The card is Markdown with a head in YAML, as the Hugging Face hub shows and indexes it. Texts come
from a report or from a file that anybody may have made, so they are quoted: none becomes a link,
a heading, HTML or a second entry of the head.
"""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from keras_ts.saving.marker import marked
from keras_ts.saving.schema import printable
from keras_ts.windows.carried import Carried

HEADINGS = {"mae": "MAE", "rmse": "RMSE", "mase": "MASE", "smape": "sMAPE"}
_QUANTILE = ("pinball", "coverage", "width")
# A longer table is hard to read.
_MOST_STEPS = 14


@dataclass(frozen=True)
class Scorecard:
    """The scores of a model, its verdict, and the data that it was judged on.

    Returned by ``scorecard``. ``str`` gives a few lines of text.

    Attributes:
        ok: True if the model has the weights that were judged, or that were saved with a backtest's
            report; False if they were trained further, or set anew, since.
        remarks: Sentences that say how the model differs from the one that was judged; empty if it
            does not.
        carried: The windows, columns, frequency and quantiles of the model.
        quantiles: The quantiles or calibrated bounds on the last axis of its forecasts, or None.
        values: The entries of ``to_dict`` but for ``ok``.
    """

    ok: bool
    remarks: tuple[str, ...]
    carried: Carried
    quantiles: tuple[float, ...] | None
    values: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the scorecard as plain values, which JSON takes.

        Returns:
            ``ok``; ``model``, its name in the report; ``sentence`` and ``verdict``; ``by``, the
            metric of the verdict, and ``period``; ``best``, the best baseline; ``table``, as in the
            report; ``steps``, the error of ``model`` and ``baseline`` at each step; ``coverage``:
            the share of values that the outer interval was ``asked`` to hold, the ``share`` that it
            held and its ``width``; ``promised``: the ``mean`` over origins of the error over the
            first 1, 2, ... steps and its quantiles 0.025 (``low``) and 0.975 (``high``), of
            the coverage too; ``judged_on``; ``versions``; ``notes``; digests of ``weights`` and
            ``intervals``; ``folds`` of a backtest, else None.
        """
        return {"ok": self.ok, **copy.deepcopy(self.values)}

    def to_markdown(self) -> str:
        """Return a model card for the Hugging Face hub: Markdown with a head in YAML.

        Where the weights are not those that were judged, the head holds no scores.
        """
        return with_picture(self, None)

    def __str__(self) -> str:
        return "\n".join(_summary(self))


def with_picture(card: Scorecard, picture: str | None) -> str:
    """Return the model card with a picture, a file beside it, or without one."""
    return marked([*_head(card)], ["", *_body(card, picture)])


def _summary(card: Scorecard) -> Iterator[str]:
    values = card.values
    yield values["sentence"]
    yield from _times_the_error(values, below=-1.0)
    yield from card.remarks
    yield f"Judged on {_judged_on(values)}."
    row = values["table"]["name"].index(values["model"])
    headings = dict(HEADINGS)
    if values["period"] is not None:
        headings["mase"] += f" by steps {values['period']} apart"
    scores = {h: values["table"][m][row] for m, h in headings.items() if m in values["table"]}
    yield ", ".join(f"{heading} {_number(score)}" for heading, score in scores.items())
    yield from _coverage(values)
    yield _promise(values)


def _head(card: Scorecard) -> Iterator[str]:
    """Yield the YAML head. JSON is YAML, so texts are quoted as in JSON."""
    values, judged = card.values, card.values["judged_on"]
    tag = "time-series-forecasting"
    yield from ("---", "library_name: keras", f"pipeline_tag: {tag}", "tags:", f"- {tag}")
    yield "- keras_ts"
    if card.ok:  # Scores of other weights must not stand in the hub's tables.
        row = values["table"]["name"].index(values["model"])
        targets = ", ".join(map(str, card.carried.table_columns()["target"])) or "values"
        span = f"{targets}, {judged['first']} to {judged['last']}"
        yield from ("model-index:", f"- name: {_quoted(values['model'])}", "  results:")
        yield from ("  - task:", f"      type: {tag}", "      name: Time Series Forecasting")
        yield from ("    dataset:", "      type: held-out", f"      name: {_quoted(span)}")
        yield from ("      args:", f"        windows: {judged['windows']}")
        yield f"        horizon: {card.carried.windows.horizon}"
        yield f"        fingerprint: {_quoted(judged['fingerprint'])}"
        yield "    metrics:"
        for metric in (*_metrics(values), "skill"):
            score = values["table"][metric][row]
            if score is not None:
                name = HEADINGS.get(metric, metric)
                if metric == "skill":
                    name = f"skill over {values['best']}"
                yield from (f"    - type: {metric}", f"      value: {_yaml(score)}")
                yield f"      name: {_quoted(name)}"
    yield "---"


def _body(card: Scorecard, picture: str | None) -> Iterator[str]:
    values, windows = card.values, card.carried.windows
    yield from (f"# {_escaped(values['model'])}", "")
    yield from (f"A Keras model that forecasts the next {_rows(windows.horizon)} of a series.", "")
    for remark in card.remarks:
        yield from (f"> **{_escaped(remark)}**", "")
    yield from (f"**{_escaped(values['sentence'])}**", "")
    for sentence in _times_the_error(values, below=0.0):
        yield from (_escaped(sentence), "")
    yield from ("## What it forecasts", "")
    yield from (*_table(_settings(card), ":---"), "", "## How good it is", "")
    yield from (*_table(_scores(values)), "")
    yield from (*map(_escaped, _meanings(values)), "")
    for note in values["notes"]:
        yield from (_escaped(note), "")
    yield from (*_coverage(values), "", _promise(values), "")
    if len(values["steps"]["model"]) > 1:
        yield from (*_table(_steps(values)), "")
    if picture is not None:
        yield from (f"![Error at each step ahead]({picture})", "")
    yield from ("## What it was judged on", "", f"{_escaped(_judged_on(values))}.", "")
    versions = [f"{name} {version}" for name, version in values["versions"].items()]
    yield (
        f"Fingerprint of the targets: {_escaped(values['judged_on']['fingerprint'])}. "
        f"Made with {_escaped(', '.join(versions))}."
    )
    yield from ("", "## How to use it", "", *_code(card), "", "## Limits", "")
    yield from (f"- {_escaped(limit)}" for limit in _limits(card))
    yield ""


def _settings(card: Scorecard) -> Iterator[list[str]]:
    windows, columns = card.carried.windows, card.carried.table_columns()
    parts: dict[str, Sequence[Any]] = {
        "Forecasts": columns["target"],
        "Reads the past of": columns["past"],
        "Known ahead": columns["future"],
        "Calendar": windows.cycles,
        "Static": columns["static"],
    }
    for part, names in parts.items():
        if names:
            yield [part, _names(names)]
    yield ["Window", _rows(windows.window) + _every(windows.sampling_rate)]
    yield ["Horizon", _rows(windows.horizon) + (f", after {windows.gap}" if windows.gap else "")]
    if card.carried.frequency is not None:
        yield ["Frequency", _escaped(card.carried.frequency)]
    if card.quantiles is not None:
        yield ["Quantiles", ", ".join(f"{level:.4g}" for level in card.quantiles)]


def _scores(values: dict[str, Any]) -> Iterator[list[str]]:
    table = values["table"]
    metrics = _metrics(values)
    yield ["", *[HEADINGS.get(metric, metric) for metric in metrics], "skill", "95 % interval"]
    for row, name in enumerate(table["name"]):
        skill, low, high = (table[c][row] for c in ("skill", "skill_low", "skill_high"))
        interval = _range(low, high)
        if name == values["best"] or skill is None:
            interval = ""
        elif high is None:
            interval = "too few windows" + " or series" * (values["judged_on"]["series"] > 1)
        yield [
            _escaped(name),
            *[_number(table[metric][row]) for metric in metrics],
            _percent(skill),
            interval,
        ]


def _steps(values: dict[str, Any]) -> Iterator[list[str]]:
    steps = values["steps"]
    covered = steps["coverage"]
    heading = [f"{_metric(values)} of {values[name]}" for name in ("model", "best")]
    yield ["step", *map(_escaped, heading), *["coverage"] * (covered is not None)]
    last = len(steps["model"]) - 1
    count = min(last + 1, _MOST_STEPS)
    for step in sorted({round(last * place / max(count - 1, 1)) for place in range(count)}):
        row = [_number(steps[role][step]) for role in ("model", "baseline")]
        yield [str(step + 1), *row, *([] if covered is None else [_percent(covered[step])])]


def _coverage(values: dict[str, Any]) -> Iterator[str]:
    coverage = values["coverage"]
    if coverage is not None:
        width = ""
        if "width" in _metrics(values):
            width = f", and was {_number(coverage['width'])} wide on average"
        yield (
            f"Its {100 * (coverage['asked'] or 0):.4g} % interval held "
            f"{_percent(coverage['share'])} of the values{width}."
        )


def _promise(values: dict[str, Any]) -> str:
    errors, origins = values["promised"]["errors"], values["promised"]["origins"]
    return (
        f"The {_metric(values)} of one forecast over all {_steps_of(len(errors['mean']))} was "
        f"{_number(errors['mean'][-1])} on average, and {_number(errors['low'][-1])} to "
        f"{_number(errors['high'][-1])} for 95 % of {origins} origins."
    )


def _meanings(values: dict[str, Any]) -> Iterator[str]:
    """Yield what the skill and MASE are."""
    yield (
        f"The skill is one minus the {_metric(values)} over that of the best baseline, "
        f"{values['best']}: 25 % is an error lower by a quarter. Its 95 % interval is by a block "
        "bootstrap."
    )
    if "mase" in values["table"]:
        period = values["period"]
        steps = "from one row to the next" if period is None else f"{period} apart"
        yield (
            "MASE is the mean absolute error in units of the mean absolute step of the same series "
            f"in the training part, by steps {steps}."
        )


def _times_the_error(values: dict[str, Any], below: float) -> Iterator[str]:
    """Yield a sentence on a skill below a bound, since a negative skill is hard to read."""
    table = values["table"]
    skill = table["skill"][table["name"].index(values["model"])]
    if skill is not None and skill < below:
        yield f"Its {_metric(values)} is {_number(1 - skill)} times that of {values['best']}."


def _metrics(values: dict[str, Any]) -> list[str]:
    """Return the metrics to show, without a width that averages series of all sizes."""
    hidden = "width" if values["by"] == "mase" else None
    return [
        metric
        for metric in (*HEADINGS, *_QUANTILE)
        if metric in values["table"] and metric != hidden
    ]


def _metric(values: dict[str, Any]) -> str:
    return HEADINGS[values["by"]]


def _judged_on(values: dict[str, Any]) -> str:
    judged = values["judged_on"]
    series = f" of {judged['series']} series" if judged["series"] > 1 else ""
    return (
        f"{judged['windows']} windows{series} from {judged['origins']} origins, whose targets lie "
        f"from {judged['first']} to {judged['last']}"
    )


def _code(card: Scorecard) -> Iterator[str]:
    windows, planned = card.carried.windows, card.carried.planned
    keys = [name for name in (windows.id_column, windows.time_column) if name is not None]
    read = [*keys, *card.carried.read]
    named = any(isinstance(name, str) for name in read)
    yield from ("```python", "import keras_ts", "", 'model = keras_ts.load_model("model.keras")')
    if named:
        names = ", ".join(map(_quoted, dict.fromkeys(map(str, read))))
        yield f"# series: a data frame with the columns {names}"
    else:
        yield "# series: an array with one row for each step" + (
            f" and {len(read)} columns" if len(read) > 1 else ""
        )
    arguments = ""
    if planned:
        arguments = ", future=plan"
        names = ", ".join(map(_quoted, dict.fromkeys(map(str, [*keys, *planned]))))
        yield f"# plan: the {_rows(windows.horizon)} that follow, with the columns {names}"
    yield from (f"ahead = keras_ts.forecast(model, series{arguments})", "```")


def _limits(card: Scorecard) -> Iterator[str]:
    values = card.values
    judged = values["judged_on"]
    yield (
        f"The scores hold for the time from {judged['first']} to {judged['last']}. If the series "
        "changes, so do the errors: compare later forecasts with what came."
    )
    if judged["series"] == 1:
        yield "It was judged on one series, so nothing is known of others."
    if card.quantiles is None:
        yield (
            f"Errors were measured up to {_rows(card.carried.windows.horizon)} ahead. A forecast "
            "that goes further reads its own values, and was not judged."
        )
        yield "It gives a point, without an interval."


def _table(rows: Iterator[list[str]], side: str = "---:") -> Iterator[str]:
    """Yield a table whose first row is its head; ``side`` aligns all columns but the first."""
    for number, cells in enumerate(rows):
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"| :--- |{f' {side} |' * (len(cells) - 1)}"


def _names(names: Sequence[Any]) -> str:
    return _escaped(", ".join(map(str, names)))


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, at the beginning of a line, too."""
    text = re.sub(r"([\\`*_{}\[\]<>#|~&!$@])", r"\\\1", printable(text).strip())
    # Addresses become links without any sign around them.
    text = re.sub(r":(?=//)|(?<=www)\.", r"\\\g<0>", text, flags=re.IGNORECASE)
    # An item of a list, numbered or not, or the line under a heading.
    return re.sub(r"^(\d+)(?=[.)])|^(?=[-+=])", r"\1\\", text)


def _quoted(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False)


def _yaml(number: float) -> str:
    """Return a number as YAML has it, where ``1e-07`` would be a text."""
    text = repr(number)
    return text if "." in text else text.replace("e", ".0e")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _range(low: float | None, high: float | None) -> str:
    """Return an interval, whose lower end is None if it is infinite."""
    return f"below {_percent(high)}" if low is None else f"{_percent(low)} to {_percent(high)}"


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _steps_of(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _every(rate: int) -> str:
    return f", every {rate} rows" if rate > 1 else ""
