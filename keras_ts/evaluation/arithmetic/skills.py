"""The skills of forecasters over the best baseline, on all targets or on each target."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_ts._typing import Array
from keras_ts.evaluation.arithmetic.tally import Tally
from keras_ts.evaluation.arithmetic.verdict import Origins, Skill, skill
from keras_ts.scores.metrics import is_rooted


class Skills(NamedTuple):
    """The skill of each forecaster by a measure, over the best baseline on the same origins."""

    by: str
    best: str
    of: dict[str, Skill]
    origins: Origins


def skills_over(
    best: str, errors: Mapping[str, Array], models: Sequence[str], by: str, origins: Origins
) -> Skills:
    """Return the skills over the best baseline, from ``(seeds, windows)`` errors."""
    # Windows that are not judged, or have no error, are NaN; ``origins`` lacks them.
    judged = np.isfinite(errors[best][0])
    errors = {name: by_seed[:, judged] for name, by_seed in errors.items()}
    other, baselines = errors[best][0], [name for name in errors if name not in models]
    skills = {name: skill(errors[name], other, origins) for name in baselines}
    # The best baseline may be just the luckiest of several equally good ones.
    as_good = sum(rival.verdict not in ("beats", "loses to") for rival in skills.values())
    for name in models:
        skills[name] = skill(errors[name], other, origins, as_good)
    rooted = is_rooted(by)
    skills = {name: skills[name].rooted() if rooted else skills[name] for name in errors}
    return Skills(by, best, skills, origins)


def skills_on_targets(
    tallies: Mapping[str, Tally], models: Sequence[str], joint: Skills
) -> list[Skills]:
    """Return the skills on each target, over the baseline that is the best there."""
    rival = tallies[joint.best]
    if rival.columns == 1:
        return [joint]
    judged, found = np.isfinite(rival.errors), []
    for target in range(rival.columns):
        present = {by: np.isfinite(own[target, 0, judged]) for by, own in rival.by_target.items()}
        by = next((by for by, of in present.items() if of.any()), None)
        if by is None:
            none = Skill(np.nan, np.nan, np.nan, "windows")
            found.append(joint._replace(best="", of=dict.fromkeys(tallies, none)))
            continue
        errors = {name: own.by_target[by][target][:, judged] for name, own in tallies.items()}
        means = {
            n: own.metric(by, "target")[target] for n, own in tallies.items() if n not in models
        }
        origins = joint.origins.at(present[by])
        found.append(skills_over(min(means, key=means.__getitem__), errors, models, by, origins))
    return found
