"""Says how good the model is on each series: a table, and a line on the worst ones."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_ts.evaluation.report import ComparisonReport
from keras_ts.evaluation.reports.text import percent

# Series that the line names.
_NAMED = 3


def scores_by_series(report: ComparisonReport, id_column: str) -> Any:
    """Return a frame with one row for each series, the one with the lowest skill first.

    Its columns are the id, the verdict, the skill and its 95 % interval, the best baseline, the MAE
    and MASE of the model and of that baseline, and the share of values that the interval held.
    """
    import pandas as pd

    scores = report.scores(by="series")
    (model,) = report.verdicts
    own, best = scores["name"] == model, scores["name"] == report.best
    table = pd.DataFrame({name: scores[name][own] for name in ("verdict", "skill")})
    table["skill_low"], table["skill_high"] = scores["skill_low"][own], scores["skill_high"][own]
    table["baseline"] = report.best
    for metric in ("mae", "mase"):
        table[metric], table[f"baseline_{metric}"] = scores[metric][own], scores[metric][best]
    if "coverage" in scores:
        table["coverage"] = scores["coverage"][own]
    # The id may have the name of a score.
    table.insert(0, id_column, scores["series"][own], allow_duplicates=True)
    order = np.argsort(scores["skill"][own], kind="stable")  # NaN stands at the end.
    return table.iloc[order].reset_index(drop=True)


def worst_series(table: Any, path: Path) -> str:
    """Return a line that names the series with the lowest skill; empty if none has a skill."""
    judged = table[table.iloc[:, 2].notna()].head(_NAMED)
    if judged.empty:
        return ""
    # By place, since the id may have the name of a score.
    ids, verdicts, skills = (judged.iloc[:, place] for place in range(3))
    # Of no error there is no share.
    perfect = "without a share, since the baseline has no error"
    named = [
        f"{label} {percent(skill) if np.isfinite(skill) else perfect} "
        f"({verdict}{'' if verdict == 'too few windows' else ' it'})"
        for label, verdict, skill in zip(ids, verdicts, skills, strict=True)
    ]
    return (
        f"Worst series, by skill over {judged.iloc[0, 5]}: {', '.join(named)}. "
        f"All {len(table):,} are in {path}."
    )
