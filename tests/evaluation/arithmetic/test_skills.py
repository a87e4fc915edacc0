"""Skills over the best baseline leave out windows without an origin, and allow for luck."""

import numpy as np
import pytest

from keras_ts.evaluation.arithmetic.skills import skills_over
from keras_ts.evaluation.arithmetic.verdict import Origins, skill
from verdict_worlds import origins_of

ORIGINS = Origins.of(np.zeros(200, int), np.arange(200), 1)


@pytest.fixture
def errors():
    rng = np.random.default_rng(0)
    near = rng.gamma(4.0, size=200)
    return {
        "model": (near * 0.95 + rng.gamma(0.2, size=200))[None],
        "best": near[None],
        "close": (near + rng.normal(0.02, 0.5, 200))[None],
        "far": 2 * near[None],
    }


def test_each_is_compared_with_the_best_and_luck_lifts_models_alone(errors):
    found = skills_over("best", errors, ["model"], "mae", ORIGINS)
    assert (found.by, found.best, list(found.of)) == ("mae", "best", list(errors))
    best = errors["best"][0]
    for name in ("close", "far"):
        assert found.of[name] == skill(errors[name], best, ORIGINS)
    assert found.of["far"].verdict == "loses to"
    # "best" itself and "close" cannot be told from the best.
    assert found.of["model"] == skill(errors["model"], best, ORIGINS, 2)
    assert found.of["model"].high > skill(errors["model"], best, ORIGINS).high


def test_a_baseline_without_an_interval_counts_only_if_it_is_close():
    """Its difference from the best is mostly in shocks that series share, over four stretches."""
    draw = np.random.default_rng(0)
    near, shocks = draw.gamma(4.0, size=(8, 12)), np.exp(0.4 * draw.normal(size=12))
    origins, best = origins_of(near, 3), near.ravel()
    model = (near * np.exp(0.1 + 0.1 * draw.normal(size=(8, 1)))).ravel()
    for size, rivals in ((1.0, 2), (5.0, 1)):
        errors = {
            "model": model[None],
            "best": best[None],
            "rival": (size * near * shocks).reshape(1, -1),
        }
        found = skills_over("best", errors, ["model"], "mae", origins).of
        assert found["rival"].few
        assert found["model"] == skill(model, best, origins, rivals)
    assert found["model"].high < skill(model, best, origins, 2).high


def test_windows_without_an_origin_count_for_nobody(errors):
    holes = {name: np.insert(own, [0, 50, 200], np.nan, axis=1) for name, own in errors.items()}
    found, whole = (skills_over("best", of, ["model"], "mae", ORIGINS) for of in (holes, errors))
    assert found.of == whole.of


def test_skills_of_squares_are_rooted(errors):
    squares = {name: own**2 for name, own in errors.items()}
    found = skills_over("best", squares, ["model"], "rmse", ORIGINS).of["far"]
    assert found.value == pytest.approx(-1.0)
