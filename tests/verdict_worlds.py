"""Simulates errors of two forecasters, equally good but for a factor, and counts verdicts."""

import numpy as np

from keras_ts.evaluation.arithmetic.skills import skills_over
from keras_ts.evaluation.arithmetic.verdict import Origins, skill

VERDICTS = ("beats", "loses to", "cannot be told from")


def noise(rng, shape, correlation):
    """Return normal numbers of variance 1 whose neighbours on the last axis are correlated."""
    values = rng.normal(size=shape)
    for place in range(1, shape[-1]):
        fresh = np.sqrt(1 - correlation**2) * values[..., place]
        values[..., place] = correlation * values[..., place - 1] + fresh
    return values


def over_horizons(errors, horizon):
    """Return the means over horizons that overlap."""
    return np.lib.stride_tricks.sliding_window_view(errors, horizon, axis=-1).mean(axis=-1)


def series_errors(rng, kind, origins, horizon=1, correlation=0.0):
    """Return ``(2, origins)`` errors.

    Args:
        rng: The generator.
        kind: "errors" if each forecaster's own are correlated, and "differences" if those of their
            absolute errors are, which last longer.
        origins: Their number.
        horizon: Steps of each.
        correlation: From one position to the next.
    """
    both = noise(rng, (3, origins + horizon - 1), correlation)
    if kind == "errors":
        errors = np.abs(both[:1] + both[1:])
    else:
        errors = 5 + 0.5 * both[:1] * np.array([[1], [-1]]) + 0.3 * np.abs(rng.normal(size=1))
    return over_horizons(errors, horizon)


def panel_errors(
    rng, series, origins, shared=0.0, correlation=0.0, suited=0.0, horizon=1, forecasters=2
):
    """Return ``(forecasters, series, origins)`` errors.

    Args:
        rng: The generator.
        series: Their number.
        origins: Their number in each series.
        shared: The share of the noise that all series have in common at a time.
        correlation: From one position to the next.
        suited: The spread, between series, of the logarithm of the errors of one forecaster.
        horizon: Steps of each.
        forecasters: Their number.
    """
    steps = origins + horizon - 1
    common, own = (
        noise(rng, (forecasters, 1, steps), correlation),
        noise(rng, (forecasters, series, steps), correlation),
    )
    errors = np.abs(np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
    errors *= np.exp(suited * rng.normal(size=(forecasters, series, 1)))
    return over_horizons(errors, horizon)


def many_series(rng, sizes, origins=20):
    """Return ``(2, 3000, origins)`` errors of series whose sizes spread by ``sizes``."""
    errors = panel_errors(rng, 3000, origins)
    return errors * np.exp(sizes * rng.normal(size=(3000, 1)))


def in_measure(rng, errors, measure, correlation, steps=100):
    """Return ``(forecasters, series, origins)`` errors of series with levels from 1 to 1000.

    Args:
        rng: The generator.
        errors: ``(forecasters, series, origins)``, of series of level 1.
        measure: "mae", or "mase" for errors over the mean step of a training part.
        correlation: Of the training part, from one position to the next.
        steps: Length of the training part.
    """
    levels = 10 ** rng.uniform(0, 3, size=(errors.shape[1], 1))
    training = levels * noise(rng, (len(levels), steps), correlation)
    scales = np.abs(np.diff(training)).mean(axis=1, keepdims=True) if measure == "mase" else 1.0
    return levels * errors / scales


def origins_of(errors, horizon=1):
    """Return the origins of ``(..., origins)`` errors, series by series."""
    series, times = np.indices(errors.reshape(-1, errors.shape[-1]).shape).reshape(2, -1)
    return Origins.of(series, times, horizon)


def verdicts(draw, runs, ratio=1.0, horizon=1):
    """Return the share of each verdict, of no interval, and of intervals that hold the true skill.

    Args:
        draw: A function of a generator that returns ``(2, ...)`` errors.
        runs: How often to draw.
        ratio: The error of the first forecaster over that of the second.
        horizon: Steps of each error.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(runs):
        ours, theirs = draw(rng)
        found.append(skill(ratio * ours.ravel(), theirs.ravel(), origins_of(ours, horizon)))
    shares = {verdict: sum(s.verdict == verdict for s in found) / runs for verdict in VERDICTS}
    shares["no interval"] = sum(bool(s.few) for s in found) / runs
    outside = sum(s.low > 1 - ratio or s.high < 1 - ratio for s in found)
    return {**shares, "covered": 1 - outside / runs}


def beside_the_luckiest(errors, origins):
    """Return if the first forecaster is told from the luckiest of the others, without and with."""
    best = 1 + errors[1:].mean(axis=1).argmin()
    named = {str(number): own[None] for number, own in enumerate(errors)}
    allowed = skills_over(str(best), named, ["0"], "mae", origins).of["0"]
    both = skill(errors[0], errors[best], origins), allowed
    return [of.verdict in ("beats", "loses to") for of in both]


def plain_interval(rng, errors, others, length, draws=400):
    """Return the percentiles of the skill over blocks of neighbours on a circle."""
    count = len(errors)
    starts = rng.integers(count, size=(draws, -(-count // length), 1))
    drawn = ((starts + np.arange(length)) % count).reshape(draws, -1)[:, :count]
    skills = 1 - errors[drawn].mean(axis=1) / others[drawn].mean(axis=1)
    return np.quantile(skills, [0.025, 0.975])
