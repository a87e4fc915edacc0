"""A baseline's quantiles are its forecast and the errors that it made in training."""

import numpy as np
import pytest

from keras_ts import WindowedSeries
from keras_ts.baselines import Median
from keras_ts.evaluation.arithmetic.coverage import ranked
from keras_ts.evaluation.forecasters.baselines import default_baselines
from keras_ts.evaluation.forecasters.forecaster import SignedErrors
from keras_ts.evaluation.judged import JudgedWindows

pytestmark = pytest.mark.backend_free
LEVELS = (0.1, 0.5, 0.9)
NAMES = [baseline.name for baseline in default_baselines(period=7)]


def quantiles(baseline, parts, levels=LEVELS):
    """Return a baseline's points and quantiles of all windows of the second part."""
    train, judged = (JudgedWindows("part", part) for part in parts)
    around = SignedErrors(train, judged, levels).around(baseline)
    baseline.learn(train)
    block = next(judged.blocks())
    point = baseline.forecast(judged, block)
    return point, around(block, point), block.actual


def test_ranks_by_hand():
    """Of nine errors the levels 0.1, 0.5, 0.9 take the first, the fifth, the ninth."""
    errors = np.random.default_rng(0).permutation(np.arange(9.0)).reshape(9, 1, 1)
    assert ranked(errors, LEVELS)[0, 0].tolist() == [0.0, 4.0, 8.0]
    # 0.95 * 10 is 9.5, so the tenth, and there are nine.
    assert ranked(errors, (0.05, 0.95))[0, 0].tolist() == [0.0, 8.0]
    few = np.concatenate([errors, np.full((5, 1, 1), np.nan)])
    assert ranked(few, LEVELS)[0, 0].tolist() == [0.0, 4.0, 8.0]
    assert np.isnan(ranked(errors[:0], LEVELS)).all()


@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_what_they_say_on_stationary_panels(name):
    """Of sizes from 1 to 1000, all of a level and a week."""
    draw = np.random.default_rng(1)
    week = np.array([0.0, 1, 2, 1, 0, -2, -2])[np.arange(280) % 7]
    series = [
        size * (10 + week + draw.normal(size=280)) for size in 10 ** draw.uniform(0, 3, size=40)
    ]
    parts = WindowedSeries(21, 7, batch_size=64).split(series, at=-70)
    baseline = default_baselines(period=7)[NAMES.index(name)]
    _, made, actual = quantiles(baseline, parts)
    assert (np.diff(made, axis=-1) >= 0).all()
    held = np.mean((made[..., 0] <= actual) & (actual <= made[..., 2]))
    assert 0.76 < held < 0.84


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_scale_with_a_series_and_see_no_held_out_value(name):
    draw = np.random.default_rng(2)
    series = [draw.normal(size=120).cumsum() + 50 for _ in range(3)]
    made = []
    for factor, later in ((1.0, 0.0), (100.0, 0.0), (1.0, 1e6)):
        given = [factor * one + later * (np.arange(120) >= 100) for one in series]
        parts = WindowedSeries(14, 3).split(given, at=100)
        baseline = default_baselines(period=7)[NAMES.index(name)]
        _, levels, _ = quantiles(baseline, parts)
        made.append(levels)
    np.testing.assert_allclose(made[1], 100 * made[0], rtol=1e-6)
    first = [0, 18, 36]  # The windows whose origin lies before the border.
    np.testing.assert_allclose(made[2][first], made[0][first], rtol=1e-6)


def test_a_window_without_a_sale_gets_the_floor_of_its_series():
    draw = np.random.default_rng(3)
    sold = draw.poisson(2, 300) * (draw.random(300) < 0.1).astype(float)
    point, made, _ = quantiles(Median(), WindowedSeries(14, 2).split(sold, at=200))
    assert (point == 0).all()
    assert ((made[..., 2] - made[..., 0]) >= 0).all()
    assert np.isfinite(made).all()
    assert (made[..., 0] == 0).all(), "nothing is sold less than never"
