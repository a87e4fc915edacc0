"""Sixty spare parts, 82 % zeros: no praise for what is worse than a forecast of 0 every day."""

import numpy as np
import pytest

from keras_ts import WindowedSeries, compare

LEVELS = np.array([0.1, 0.5, 0.9])
WEEK = np.tile([1.2, 1.1, 1.0, 1.0, 1.1, 0.5, 0.2], 60)[:400]


@pytest.fixture(scope="module")
def parts():
    """Return both parts, and the chance of a sale and its size by part and day."""
    draw = np.random.default_rng(42)
    chance = np.clip(draw.uniform(0.08, 0.34, (60, 1)) * WEEK, 0, 1)
    size = draw.uniform(1.5, 9, 60)
    sold = (draw.random((60, 400)) < chance) * (
        1 + draw.negative_binomial(2, 2 / (1 + size[:, None]), (60, 400))
    )
    windows = WindowedSeries(28, 7)
    return windows.split(list(sold.astype(float)), at=200), chance, size, sold


def days_of(held):
    """Return the part and the days of each target of the windows."""
    rows = held.align(held.to_numpy()[1])
    return rows["series"], rows["target"]


def test_no_praise_for_worse_than_zero_every_day(parts):
    (train, held), chance, size, _ = parts
    rows = held.align(np.zeros(held.to_numpy()[1].shape))
    part, day = days_of(held)
    mean = chance[part, day] * (size[part] + 1)
    worse = {
        "a mean": {**rows, "prediction": mean},
        "half a mean": {**rows, "prediction": mean / 2},
        "a little": {**rows, "prediction": mean / 5},
        "hardly more": {**rows, "prediction": mean / 50},
    }
    report = compare(worse, train, held, period=7)
    errors = np.abs(rows["actual"]).mean()
    assert "beats" not in report.verdicts.values()
    for place in range(4):
        assert report.table["mae"][place] > errors
    assert report.best == "median"
    share = (held.to_numpy()[1] == 0).mean()
    assert f"{100 * share:.1f} % of the targets are zero." in str(report)
    assert 0.79 < share < 0.85
    alone = compare(worse, train, held, period=7, baselines=["moving average"])
    assert alone.verdicts["half a mean"] == alone.verdicts["a little"] == "beats"


def test_sql_says_who_has_the_better_distribution(parts):
    """The true quantiles beat empirical ones of all baselines, and twice these lose."""
    (train, held), chance, size, sold = parts
    part, day = days_of(held)
    draw = np.random.default_rng(1)
    drawn = (draw.random((400, len(part))) < chance[part, day]) * (
        1.0 + draw.negative_binomial(2, 2 / (1 + size[part]), (400, len(part)))
    )
    true = np.quantile(drawn, LEVELS, axis=0).T
    rows = held.align(true[:, 1].reshape(held.to_numpy()[1].shape))

    def table(quantiles):
        names = ("prediction_0.1", "prediction", "prediction_0.9")
        return {**rows, **dict(zip(names, quantiles.T, strict=True))}

    wide = true * [1, 1, 3] + [0, 0, 4]
    report = compare({"true": table(true), "wide": table(wide)}, train, held, period=7, by="sql")
    assert report.verdicts == {"true": "beats", "wide": "loses to"}
    steps = np.abs(np.diff(sold[:, :200], axis=1)).mean(axis=1)
    seasonal = np.abs(sold[:, 7:200] - sold[:, :193]).mean(axis=1)
    assert not np.allclose(steps, seasonal)
    for place, quantiles in enumerate((true, wide)):
        errors = rows["actual"][:, None] - quantiles
        loss = np.maximum(LEVELS * errors, (LEVELS - 1) * errors).mean(axis=1)
        assert report.table["sql"][place] == pytest.approx((loss / seasonal[part]).mean())
