"""Prints the table of the course's recipes in docs/compare/benchmarks.md.

    KERAS_BACKEND=jax python benchmarks/recipes.py [--seeds N] [--only NAME ...]

Each recipe is trained as it stands on the course's series, split at day 1000 with windows of 20,
from several seeds, and judged one step ahead by ``compare``. The course gives three of its stacks
no training; those get AdamW at 1e-3, Huber's loss and 100 epochs in batches of 32. All of it takes
a quarter of an hour on two cores with JAX.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_ts import (
    ExponentialLRSweep,
    Recipe,
    WindowedSeries,
    compare,
    course_series,
    from_preset,
    preset_names,
)

AT, WINDOW = 1000, 20
FOR_THOSE_WITHOUT = Recipe("huber", "adamw", 1e-3, batch_size=32, epochs=100)


def trained(name, seed):
    """Return a preset's model as its recipe trains it, and the parts of the series."""
    keras.utils.set_random_seed(seed)
    preset = from_preset(name)
    recipe = preset.recipe or FOR_THOSE_WITHOUT
    sequence = preset.kind == "sequence_to_sequence"
    windows = WindowedSeries(
        WINDOW,
        targets="sequence" if sequence else "vector",
        batch_size=recipe.batch_size,
        shuffle=True,
        seed=seed,
    )
    # Of sequences, all targets of a window lie in its part: an earlier border, the same last steps.
    train, validation = windows.split(course_series(), at=AT)
    if sequence:
        validation = windows.split(course_series(), at=AT - WINDOW + 1)[1]
    model = preset.build()
    recipe.compile(model, len(train))
    callbacks = []
    if recipe.steps_per_decade:
        callbacks = [
            ExponentialLRSweep(
                recipe.learning_rate,
                steps_per_decade=recipe.steps_per_decade,
                every="epoch",
                stop_factor=None,
                restore=False,
            )
        ]
    model.fit(train, epochs=recipe.epochs, callbacks=callbacks, shuffle=False, verbose=0)
    return model, train, validation


def row(name, seeds):
    """Return a line of the table: the median error of the seeds, their range and their verdicts."""
    errors, skills, verdicts = [], [], []
    for seed in seeds:
        try:
            report = compare(*trained(name, seed))
        except ValueError as error:
            if "not finite" not in str(error):
                raise
            errors.append(np.inf)
            skills.append(-np.inf)
            verdicts.append("diverged")
            continue
        errors.append(report.table["mae"][0])
        skills.append(report.table["skill"][0])
        verdicts.append(report.verdicts["model"])
    counts = ", ".join(
        f"{verdict} ({verdicts.count(verdict)} of {len(seeds)})"
        for verdict in sorted(set(verdicts))
    )
    spread = f"{np.median(errors):.2f} ({min(errors):.2f} to {max(errors):.2f})"
    return f"| `{name}` | {spread} | {100 * np.median(skills):.0f} % | {counts} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=preset_names())
    arguments = parser.parse_args()
    seeds = range(51, 51 + arguments.seeds)
    report = compare(None, *WindowedSeries(WINDOW).split(course_series(), at=AT))
    best = f"the best baseline, {report.best}"
    print(f"{keras.backend.backend()}, Keras {keras.__version__}, seeds {[*seeds]}\n")
    print(f"| forecaster | MAE: median of {len(seeds)} seeds (range) | skill | {best} |")
    print("| --- | --- | --- | --- |", flush=True)
    for name in arguments.only:
        print(row(name, seeds), flush=True)
    for name, error, skill in zip(
        *(report.table[c] for c in ("name", "mae", "skill")), strict=True
    ):
        print(f"| {name} | {error:.2f} | {100 * skill:.0f} % | |")
