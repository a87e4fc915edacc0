"""The skill of each forecaster over the best baseline, on all targets or on each one."""

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
    """Return the skills over ``best`` from ``(seeds, windows)`` errors; it may be a model."""
    # Windows without an error are NaN; ``origins`` lacks them.
    present = np.isfinite(errors[best][0])
    errors = {name: by_seed[:, present] for name, by_seed in errors.items()}
    of_best, baselines = errors[best].mean(axis=0), [name for name in errors if name not in models]
    rivals = {name: skill(errors[name], of_best, origins) for name in baselines or models}
    skills = dict(rivals)
    for name in models:
        # The best may be just the luckiest of several equally good rivals, which are counted.
        others = [rival for key, rival in rivals.items() if key not in (name, best)]
        close = 1 + sum(rival.verdict == "cannot be told from" for rival in others)
        value, low, *_ = skills[name] = skill(errors[name], of_best, origins, close)
        # A rival without an interval counts if its error is within twice the reach of the model's
        # interval, on the scale of logarithms.
        reach = (1 - low) * (1 - low)
        few = sum(
            bool(o.few) and (1 - o.value) * (1 - value) * (1 - value) <= reach for o in others
        )
        if few:
            skills[name] = skill(errors[name], of_best, origins, close + few)
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
        present = {by: np.isfinite(of[target, 0, judged]) for by, of in rival.by_target.items()}
        by = next((by for by, of in present.items() if of.any()), None)
        if by is None:
            none = Skill(np.nan, np.nan, np.nan)
            found.append(joint._replace(best="", of=dict.fromkeys(tallies, none)))
            continue
        errors = {name: tally.by_target[by][target][:, judged] for name, tally in tallies.items()}
        means = {n: t.metric(by, "target")[target] for n, t in tallies.items() if n not in models}
        origins = joint.origins.at(present[by])
        found.append(skills_over(min(means, key=means.__getitem__), errors, models, by, origins))
    return found
