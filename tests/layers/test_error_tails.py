"""Samples exceed the outermost quantiles by as much as errors did, each series in its own units."""

import numpy as np
import pytest

from keras_ts.layers.error_tails import Tails


def tails_of(errors):
    """Exceedances of bands from -1.3 to 1.3 of a single series."""
    series = np.zeros(len(errors), int)
    return Tails.of(-1.3 - errors, errors - 1.3, np.ones(errors.shape), series)


def normal_errors():
    return np.random.default_rng(0).normal(size=(1600, 3, 1))


def quantile_by_hand(level, levels, values, tails, half):
    """Return a quantile: between two levels linear, past them by the sizes of exceedances."""
    knots = np.linspace(0, 1, tails.exceedances.shape[1])
    if level < levels[0]:
        share = (levels[0] - level) / levels[0]
        return values[0] - half * np.interp(share, knots, tails.exceedances[0])
    if level > levels[-1]:
        share = (level - levels[-1]) / (1 - levels[-1])
        return values[-1] + half * np.interp(share, knots, tails.exceedances[1])
    return np.interp(level, levels, values)


def test_samples_are_equally_spaced_quantiles():
    tails = tails_of(normal_errors())
    levels, values = [0.05, 0.3, 0.5, 0.9], np.array([-7.0, -1.0, 2.0, 9.0])
    wanted = [quantile_by_hand((n + 0.5) / 60, levels, values, tails, 8) for n in range(60)]
    samples = [*values, 8, 8] @ tails.weights(levels, 60)
    np.testing.assert_allclose(samples, wanted, atol=1e-12)
    assert (np.diff(samples) >= 0).all()
    assert samples[0] < -7 - 0.5
    assert samples[-1] > 9 + 0.5


def test_exceedances_are_those_of_the_errors():
    errors = normal_errors()
    tails = tails_of(errors)
    for side, past in enumerate((-1.3 - errors, errors - 1.3)):
        size = tails.exceedances[side]
        own = np.sort((past / tails.units[0, 0, side])[past > 0])
        np.testing.assert_allclose(size[16], np.median(own), rtol=0.01)
        assert np.quantile(own, 0.9) < size[-1] < own.max()
        # Their mean, less what the smallest 64th adds to it: samples begin at the quantile itself.
        smallest = np.interp(len(own) / 64, range(len(own) + 1), np.cumsum([0, *own])) / len(own)
        np.testing.assert_allclose(np.trapezoid(size, dx=1 / 32), own.mean() - smallest)


def test_outermost_quantiles_of_samples_are_those_given_where_each_value_exceeds_by_far():
    errors = np.where(np.arange(400) % 20, 0.0, 3.0).reshape(400, 1, 1)
    tails = tails_of(errors)
    samples = np.array([0.0, 0.0, 1.0, 0.5, 0.5]) @ tails.weights((0.05, 0.5, 0.95), 2000)
    assert np.quantile(samples, 0.95, method="hazen") == pytest.approx(1, abs=0.07)
    assert samples[-1] == pytest.approx(1 + 1.7 / 2)


@pytest.mark.parametrize("proportional", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
def test_samples_exceed_wide_and_narrow_intervals_as_errors_did(proportional, scale):
    """Days that are mostly zero have hardly any width, and exceed by as much as others."""
    generator = np.random.default_rng(0)
    shape, sizes = (4000, 1, 1), np.array([1.0, 100.0])  # Of two series.
    series = np.arange(4000) % 2
    wide = generator.random(shape) < 0.5
    widths = np.where(wide, 4.0, 0.01) * sizes[series][:, None, None]
    units = widths if proportional else 2.0 * sizes[series][:, None, None]
    beyond = np.where(generator.random(shape) < 0.1, generator.exponential(1, shape), -1.0) * units
    widths, beyond = widths * scale, beyond * scale
    tails = Tails.of(-beyond, beyond, widths, series)
    values = np.concatenate([-widths, 0 * widths, widths], axis=-1)[:, :, None]
    units = tails.with_units(values, series, np.ones(4000, bool))
    samples = (units @ tails.weights((0.05, 0.5, 0.95), 1000))[..., 950:] - widths[:, :, None]
    for own, narrow in np.ndindex(2, 2):
        chosen = (series == own) & (wide.ravel() != narrow)
        past = beyond[chosen][beyond[chosen] > 0]
        if narrow and proportional:  # A line of least squares is off by little of the mean.
            assert (
                samples[chosen].mean()
                < 0.03 * beyond[(series == own)[:, None, None] & (beyond > 0)].mean()
            )
        else:
            np.testing.assert_allclose(samples[chosen].mean(), past.mean(), rtol=0.2)
        assert samples[chosen].max() < 2 * beyond[series == own].max()


def test_a_series_that_hardly_varies_is_no_measure_for_others():
    """Fifty series of zeros, of which one in a hundred exceeds by 1, beside ten that sell 1000."""
    generator = np.random.default_rng(1)
    series = np.tile(np.arange(60), 60)
    shape, large = (3600, 7, 1), (series < 10)[:, None, None]
    widths = np.where(large, 130.0, 1e-6)
    errors = np.where(large, 100 * generator.normal(size=shape), generator.random(shape) < 0.01)
    tails = Tails.of(-widths - errors, errors - widths, widths + 0 * errors, series)
    values = np.stack([-130.0, 0, 130.0])[None, None, None]
    large, kept = np.zeros(1, int), np.ones(1, bool)
    values = tails.with_units(np.repeat(values, 7, axis=1), large, kept)[0, 0, 0]
    samples = values @ tails.weights((0.1, 0.5, 0.9), 1000)
    assert abs(samples).max() < 130 + 4 * 100
    assert abs(samples).max() > 130 + 50
