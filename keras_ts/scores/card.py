"""``Scorecard``: the scores of a model, as text, as a dict and as a model card in Markdown."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_ts._typing import Array
from keras_ts.scores.metrics import POINT, heading
from keras_ts.scores.report import Page, Report, number, percent, printed, whole_percent
from keras_ts.scores.schema import printable
from keras_ts.windows.carried import Carried

# ``save_model`` replaces a README.md only if this line is in it.
MARKER = "<!-- Written by keras_ts.save_model, which replaces this file if this line is in it. -->"
_CARD = """---
library_name: keras
pipeline_tag: time-series-forecasting
tags: [time-series-forecasting, keras_ts]
---
{marker}

# {model}

{text}

{scores}

The skill is one minus the error over that of {best}, the best baseline. If the series change, so
do the errors: compare later forecasts with what came.

{settings}

```python
import keras_ts

model = keras_ts.load_model("model.keras")
ahead = keras_ts.forecast(model, series{plan})
```
"""


@dataclass(frozen=True, repr=False, eq=False)
class Scorecard(Report):
    """The scores of a model, its verdict, and the data that it was judged on.

    Returned by ``scorecard``. ``str`` gives a few lines of text.

    Attributes:
        table: The scores of the model and the baselines, as in the report that judged it.
        ok: True if the model has the weights that were judged or, with a backtest's report, those
            that were saved with it; False if they have changed since.
        remarks: Sentences that say how the model differs from the one that was judged.
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
        entries = self.values["table"].items()
        table = {name: np.array(x, None if name == "name" else float) for name, x in entries}
        object.__setattr__(self, "table", table)
        super().__post_init__()

    def to_dict(self) -> dict[str, Any]:
        """Return the scorecard as plain values, which JSON takes.

        Returns:
            A dict of ``ok`` and of what the report said: ``model``, ``verdict``, ``sentence``,
            ``targets``, ``by``, ``period``, ``best``, ``folds``, ``notes``, ``judged_on``; the
            rows of the model and the baselines in ``table``; their errors, the model's coverage
            and bias at each step in ``steps``; the ``coverage`` of the outer interval; and in
            ``promised``, over the origins, the mean and the quantiles 0.025 and 0.975 of the errors
            of the first 1, 2, ... steps, and in ``runs`` the spreads of means by which ``score``
            tells a change; and ``format``, ``versions``, digests of ``weights`` and ``intervals``.
        """
        return {"ok": self.ok, **copy.deepcopy(self.values)}

    def to_markdown(self) -> str:
        """Return a model card for the Hugging Face hub: Markdown with a head in YAML."""
        windows, values, (page,) = self.carried.windows, self.values, self.pages()
        shown = printed(self.table, [values["by"]])
        columns: Any = {heading(name): self.table[name] for name in shown}
        settings = {
            **self.carried.table_columns(),
            "calendar": windows.calendar_entries,
            "quantiles": self.quantiles,
            **{name: [getattr(windows, name)] for name in ("window", "horizon", "gap")},
            "frequency": [self.carried.frequency or ""],
            "made with": [f"{name} {version}" for name, version in values["versions"].items()],
            "fingerprint": [values["judged_on"]["fingerprint"]],
        }
        rows = [[name, ", ".join(map(str, entries or ()))] for name, entries in settings.items()]
        return _CARD.format(
            marker=MARKER,
            model=_escaped(values["model"]),
            text="\n\n".join(map(_escaped, [*page.sentences, *values["notes"]])),
            scores=_table(Page(columns, ()).cells),
            best=_escaped(values["best"]),
            settings=_table([["setting", "value"], *rows]),
            plan=", future=plan" * bool(self.carried.planned),
        )

    def pages(self) -> Iterator[Page]:
        """Yield a few lines, without a table."""
        values, judged, coverage = self.values, self.values["judged_on"], self.values["coverage"]
        table, promised = values["table"], values["promised"]
        series = f" of {judged['series']} series" if judged["series"] > 1 else ""
        place, names = table["name"].index(values["model"]), filter(table.get, printed(POINT))
        scores = ", ".join(f"{heading(name)} {number(table[name][place])}" for name in names)
        targets = len(self.carried.table_columns()["target"])
        lines = [
            *(values["sentence"], *(values["targets"] or ()), *self.remarks),
            f"Judged on {judged['windows']} windows{series} from {judged['origins']} origins, "
            f"whose targets lie from {judged['first']} to {judged['last']}.",
            scores + f": means over {targets} targets, whatever their units" * (targets > 1),
        ]
        if coverage is not None:
            asked, share = whole_percent(coverage["asked"] or 0), percent(coverage["share"])
            lines.append(f"Its {asked} interval held {share} of the values.")
        steps = len(promised["errors"]["mean"])
        mean, low, high = (number(promised["errors"][name][-1]) for name in ("mean", "low", "high"))
        lines.append(
            f"The {heading(values['by'])} of one forecast over "
            f"{f'all {steps} steps' if steps > 1 else '1 step'} was {mean} on average, and {low} "
            f"to {high} for 95 % of {promised['origins']} origins."
        )
        yield Page({}, lines)


def _table(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(map(_escaped, cells))} |" for cells in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is: no link, heading, item of a list or HTML."""
    text = re.sub(r"([\\`*_{}\[\]<>#|~&!$@])", r"\\\1", printable(text).strip())
    text = re.sub(r":(?=//)|(?<=www)\.", r"\\\g<0>", text, flags=re.IGNORECASE)
    return re.sub(r"^(\d+)(?=[.)](?:\s|$))|^(?=[-+](?:\s|$)|--|=)", r"\1\\", text)
