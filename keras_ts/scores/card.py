"""``Scorecard``: the scores of a model, and their forms as text and as a model card.

The card is Markdown with a head in YAML, as the Hugging Face hub shows and indexes it. Texts come
from a report or from a file that anybody may have made, so they are quoted: none becomes a link,
a heading, HTML or a second entry of the head.
"""

import copy
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.plotting.errors import plot_errors
from keras_ts.scores.metrics import METRICS, POINT, heading
from keras_ts.scores.report import Page, Report, interval, number, percent, printed, whole_percent
from keras_ts.scores.schema import printable
from keras_ts.windows.carried import Carried

# The most rows in the table of errors by step; a longer one is hard to read.
_MOST_STEPS = 14
# ``save_model`` replaces a card only if the digest in this line is that of all other lines.
_MARKER = (
    "<!-- keras_ts.save_model wrote this card (digest {}), and replaces it only while nothing in "
    "it is changed. -->"
)
# Also matches a marker without a digest.
_MARKED = re.compile(r"^<!-- keras_ts\.save_model wrote this card.*-->\n", re.MULTILINE)


@dataclass(frozen=True, repr=False, eq=False)
class Scorecard(Report):
    """The scores of a model, its verdict, and the data that it was judged on.

    Returned by ``scorecard``. ``str`` gives a few lines of text.

    Attributes:
        table: The scores of the model and the baselines, as in the report that judged it.
        ok: True if the model has the weights that were judged or, with a backtest's report, those
            that were saved with it; False if they have changed since.
        remarks: Sentences that say how the model differs from the one that was judged; empty if it
            does not.
        carried: The windows, columns, frequency and quantiles of the model.
        quantiles: The levels of the quantiles or bounds on the last axis of its forecasts, or None.
        values: The entries of ``to_dict`` but for ``ok``.
    """

    table: dict[str, Array] = field(init=False)
    ok: bool
    remarks: tuple[str, ...]
    carried: Carried
    quantiles: tuple[float, ...] | None
    values: dict[str, Any]

    def __post_init__(self) -> None:
        columns = self.values["table"].items()
        table = {
            name: np.array(cells, None if name == "name" else float) for name, cells in columns
        }
        object.__setattr__(self, "table", table)
        super().__post_init__()

    def to_dict(self) -> dict[str, Any]:
        """Return the scorecard as plain values, which JSON takes.

        Returns:
            A dict of ``ok``; ``model``, its name in the report; ``verdict`` and ``sentence``;
            ``targets``, sentences on the targets whose best baseline the model does not beat;
            ``by``, the metric of the verdict; ``period``; ``best``, the best baseline; ``table``,
            the rows of the model and the baselines; ``steps``, the error of ``model`` and best
            ``baseline``, and the model's ``coverage``, at each step; ``coverage``, the share of
            values that the outer interval was ``asked`` to hold, the ``share`` that it held, and
            its mean ``width``; ``promised``, the number of ``origins`` and, over these origins, the
            ``mean`` and the quantiles 0.025 (``low``) and 0.975 (``high``) of the ``errors`` and
            the ``coverage`` of the first 1, 2, ... steps; ``judged_on``; ``versions``;
            ``format``, a number; ``notes``; the digests of ``weights`` and ``intervals``; and
            ``folds``, the number in a backtest, else None.
        """
        return {"ok": self.ok, **copy.deepcopy(self.values)}

    def to_markdown(self, picture: str | None = None) -> str:
        """Return a model card for the Hugging Face hub: Markdown with a head in YAML.

        If ``ok`` is False, the head holds no scores.

        Args:
            picture: A file beside the card to show in it, such as ``plot`` draws. Defaults to None.
        """
        head, body = "\n".join(_head(self)), f"\n{_body(self, picture)}\n"
        marker = _MARKER.format(_digest(f"{head}\n{body}"))
        return f"{head}\n{marker}\n{body}"

    def plot(self, ax: Any = None, filepath: str | os.PathLike[str] | None = None) -> Any:
        """Draw the errors at each step of the model and of the best baseline."""
        names, steps = (self.values["model"], self.values["best"]), self.values["steps"]
        errors = dict(zip(names, (steps["model"], steps["baseline"]), strict=True))
        return plot_errors(errors, heading(self.values["by"]), ax=ax, filepath=filepath)

    def pages(self) -> Iterator[Page]:
        """Yield a few lines, without a table."""
        values, row = self.values, self._row()
        period = "" if values["period"] is None else f" (period {values['period']})"
        scores = [
            f"{heading(metric)}{period * POINT[metric].scaled} {number(row[metric])}"
            for metric in printed(POINT)
            if metric in row
        ]
        targets = len(self.carried.table_columns()["target"])
        over = f": means over {targets} targets, whatever their units"
        lines = [
            values["sentence"],
            *(values["targets"] or ()),  # Older files have none.
            *self._times_the_error(below=-1.0),
            *self.remarks,
            f"Judged on {self._judged_on()}.",
            ", ".join(scores) + (over if targets > 1 else ""),
            *self._coverage(),
            self._promise(),
        ]
        yield Page({}, lines)

    def _row(self) -> dict[str, Any]:
        """Return the model's row of the table."""
        place = self.values["table"]["name"].index(self.values["model"])
        return {column: cells[place] for column, cells in self.values["table"].items()}

    def _metrics(self) -> list[str]:
        """Return the metrics to show, without the width if the verdict is by a scaled metric."""
        by = self.values["by"]
        hidden = "width" if by in METRICS and METRICS[by].scaled else None
        names = [name for name in METRICS if name in self.table and name != hidden]
        return printed(names if by in METRICS else [by, *names], [by])

    def _times_the_error(self, below: float) -> Iterator[str]:
        """Yield the ratio of errors, which is easier to read, if the skill is under ``below``."""
        skill = self._row()["skill"]
        if skill is not None and skill < below:
            metric, best = heading(self.values["by"]), self.values["best"]
            yield f"Its {metric} is {number(1 - skill)} times that of {best}."

    def _judged_on(self) -> str:
        judged = self.values["judged_on"]
        series = f" of {judged['series']} series" if judged["series"] > 1 else ""
        return (
            f"{judged['windows']} windows{series} from {judged['origins']} origins, whose targets "
            f"lie from {judged['first']} to {judged['last']}"
        )

    def _coverage(self) -> Iterator[str]:
        coverage = self.values["coverage"]
        if coverage is not None:
            wide = f", and was {number(coverage['width'])} wide on average"
            yield (
                f"Its {whole_percent(coverage['asked'] or 0)} interval held "
                f"{percent(coverage['share'])} of the values"
                f"{wide if 'width' in self._metrics() else ''}."
            )

    def _promise(self) -> str:
        errors, origins = (self.values["promised"][name] for name in ("errors", "origins"))
        steps = len(errors["mean"])
        mean, low, high = (number(errors[name][-1]) for name in ("mean", "low", "high"))
        return (
            f"The {heading(self.values['by'])} of one forecast over "
            f"{'all ' * (steps > 1)}{_several(steps, 'step')} was {mean} on average, and {low} to "
            f"{high} for 95 % of {origins} origins."
        )


def is_marked(text: str) -> bool:
    """Return True if ``save_model`` wrote the card, even if it was changed since."""
    return _MARKED.search(text) is not None


def is_unchanged(text: str) -> bool:
    """Return True if ``save_model`` wrote the card, and every line is still as it was."""
    marker = _MARKED.search(text)
    if marker is None:
        return False
    rest = text[: marker.start()] + text[marker.end() :]
    return marker.group() == _MARKER.format(_digest(rest)) + "\n"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _head(card: Scorecard) -> Iterator[str]:
    """Yield the YAML head. JSON is YAML, so texts are quoted as in JSON."""
    values, judged = card.values, card.values["judged_on"]
    tag = "time-series-forecasting"
    yield from ("---", "library_name: keras", f"pipeline_tag: {tag}", "tags:", f"- {tag}")
    yield "- keras_ts"
    if card.ok:  # Scores of other weights must not stand in the hub's tables.
        targets = ", ".join(map(str, card.carried.table_columns()["target"])) or "values"
        span = f"{targets}, {judged['first']} to {judged['last']}"
        yield from ("model-index:", f"- name: {_quoted(values['model'])}", "  results:")
        yield from ("  - task:", f"      type: {tag}", "      name: Time Series Forecasting")
        yield from ("    dataset:", "      type: held-out", f"      name: {_quoted(span)}")
        yield from ("      args:", f"        windows: {judged['windows']}")
        yield f"        horizon: {card.carried.windows.horizon}"
        yield f"        fingerprint: {_quoted(judged['fingerprint'])}"
        yield "    metrics:"
        names = {metric: heading(metric) for metric in card._metrics()}
        for metric, name in {**names, "skill": f"skill over {values['best']}"}.items():
            score = card._row()[metric]
            if score is not None:
                value = repr(score)
                if "." not in value:  # YAML takes ``1e-07`` for a text.
                    value = value.replace("e", ".0e")
                yield from (f"    - type: {metric}", f"      value: {value}")
                yield f"      name: {_quoted(name)}"
    yield "---"


def _body(card: Scorecard, picture: str | None) -> str:
    """Return the paragraphs below the head."""
    values, windows = card.values, card.carried.windows
    metric, judged = heading(values["by"]), values["judged_on"]
    rows = _several(windows.horizon, "row")
    apart = _several(values["period"] or 1, "row")
    versions = ", ".join(f"{name} {version}" for name, version in values["versions"].items())
    paragraphs = [
        f"# {_escaped(values['model'])}",
        f"A Keras model that forecasts the next {rows} of a series{_after(card)}.",
        *(f"> **{_escaped(remark)}**" for remark in card.remarks),
        f"**{_escaped(values['sentence'])}**",
        *map(_escaped, values["targets"] or ()),
        *map(_escaped, card._times_the_error(below=0.0)),
        "## What it forecasts",
        _table(_settings(card), ":---"),
        "## How good it is",
        _table(_scores(card)),
        _escaped(
            f"The skill is one minus the {metric} over that of the best baseline, "
            f"{values['best']}: 25 % is an error lower by a quarter. Its 95 % interval is by a "
            "block bootstrap."
        ),
        "MASE is the mean absolute error in units of the mean absolute difference between values "
        f"{apart} apart, in the training part of the same series." * ("mase" in card.table),
        *map(_escaped, values["notes"]),
        *card._coverage(),
        card._promise(),
        _table(_by_step(values)) if len(values["steps"]["model"]) > 1 else "",
        "" if picture is None else f"![Error at each step ahead]({picture})",
        "## What it was judged on",
        f"{_escaped(card._judged_on())}.",
        f"Fingerprint of the targets and the period: {_escaped(judged['fingerprint'])}. "
        f"Made with {_escaped(versions)}.",
        "## How to use it",
        "\n".join(_code(card, rows)),
        "## Limits",
        "\n".join(f"- {_escaped(limit)}" for limit in _limits(card, rows)),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _settings(card: Scorecard) -> Iterator[list[str]]:
    windows, columns = card.carried.windows, card.carried.table_columns()
    parts: dict[str, Sequence[Any]] = {
        "Forecasts": columns["target"],
        "Reads the past of": columns["past"],
        "Known ahead": columns["future"],
        "Calendar": windows.calendar_entries,
        "Static": columns["static"],
    }
    for part, names in parts.items():
        if names:
            yield [part, _escaped(", ".join(map(str, names)))]
    every = f", every {windows.sampling_rate} rows" if windows.sampling_rate > 1 else ""
    yield ["Window", _several(windows.window, "row") + every]
    after = f", after {windows.gap}" if windows.gap else ""
    yield ["Horizon", _several(windows.horizon, "row") + after]
    if card.carried.frequency is not None:
        yield ["Frequency", _escaped(card.carried.frequency)]
    if card.quantiles is not None:
        yield ["Quantiles", ", ".join(f"{level:.4g}" for level in card.quantiles)]


def _scores(card: Scorecard) -> list[list[str]]:
    values, table = card.values, card.table
    few = "too few windows" + " or series" * (values["judged_on"]["series"] > 1)
    rows = zip(table["name"], table["skill"], table["skill_low"], table["skill_high"], strict=True)
    columns: dict[str, Any] = {
        "": [_escaped(name) for name in table["name"].tolist()],
        **{heading(metric): table[metric] for metric in card._metrics()},
        "skill": [percent(share) for share in table["skill"]],
        "95 % interval": [
            "" if name == values["best"] or np.isnan(skill) else interval(low, high, few)
            for name, skill, low, high in rows
        ],
    }
    return Page(columns, ()).cells


def _by_step(values: dict[str, Any]) -> list[list[str]]:
    steps, count = values["steps"], len(values["steps"]["model"])
    shown = np.unique(np.linspace(0, count - 1, min(count, _MOST_STEPS)).round().astype(int))
    columns: dict[str, Sequence[Any]] = {"step": [str(step + 1) for step in shown]}
    for role, name in (("model", "model"), ("baseline", "best")):
        title = _escaped(f"{heading(values['by'])} of {values[name]}")
        columns[title] = [steps[role][step] for step in shown]
    if steps["coverage"] is not None:
        columns["coverage"] = [percent(steps["coverage"][step]) for step in shown]
    return Page(columns, ()).cells


def _code(card: Scorecard, rows: str) -> Iterator[str]:
    windows, planned = card.carried.windows, card.carried.planned
    keys = [name for name in (windows.id_column, windows.time_column) if name is not None]
    read = [*keys, *card.carried.read]

    def listed(names: Sequence[Any]) -> str:
        return ", ".join(map(_quoted, dict.fromkeys(map(str, names))))

    yield from ("```python", "import keras_ts", "", 'model = keras_ts.load_model("model.keras")')
    if any(isinstance(name, str) for name in read):
        yield f"# series: a data frame with the columns {listed(read)}"
    else:
        columns = f" and {len(read)} columns" if len(read) > 1 else ""
        yield f"# series: an array with one row for each step{columns}"
    if planned:
        columns = f"with the columns {listed([*keys, *planned])}"
        yield f"# plan: the {rows} that follow{_after(card)}, {columns}"
    yield f"ahead = keras_ts.forecast(model, series{', future=plan' * bool(planned)})"
    yield "```"


def _limits(card: Scorecard, rows: str) -> Iterator[str]:
    judged = card.values["judged_on"]
    yield (
        f"The scores hold for the time from {judged['first']} to {judged['last']}. If the series "
        "changes, so do the errors: compare later forecasts with what came."
    )
    if judged["series"] == 1:
        yield "It was judged on one series, so nothing is known of others."
    if card.quantiles is None:
        columns = card.carried.columns
        # Otherwise forecast refuses steps beyond.
        if not card.carried.windows.gap and columns is not None and columns.sources is not None:
            yield (
                f"Errors were measured up to {rows} ahead. Steps beyond are forecast from the "
                "model's own forecasts, and were not judged."
            )
        yield "It gives a point, without an interval."


def _after(card: Scorecard) -> str:
    """Return the gap before the forecast in words, or an empty text."""
    gap = card.carried.windows.gap
    return f", after a gap of {_several(gap, 'row')}" if gap else ""


def _table(rows: Iterable[list[str]], side: str = "---:") -> str:
    """Return a Markdown table, its head first; ``side`` aligns all columns but the first."""
    head, *body = rows
    sides = [":---", *[side] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, sides, *body))


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, even at the beginning of a line."""
    text = re.sub(r"([\\`*_{}\[\]<>#|~&!$@])", r"\\\1", printable(text).strip())
    # Markdown makes links of bare addresses.
    text = re.sub(r":(?=//)|(?<=www)\.", r"\\\g<0>", text, flags=re.IGNORECASE)
    # At the beginning of a line: an item of a list, numbered or not, or the line under a heading.
    return re.sub(r"^(\d+)(?=[.)])|^(?=[-+=])", r"\1\\", text)


def _quoted(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False)


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
