"""Sums of products give the coefficients that all rows together give."""

import numpy as np
import pytest

from keras_ts.presets.regression.ridge import RidgeSums, StepSums, leverages, shrunken


def forecast_by(window, ahead, y, weights=None, parts=1):
    sums = StepSums(window.shape[1], y.shape[1], ahead.shape[2])
    for some in np.array_split(np.arange(len(y)), parts):
        own = None if weights is None else weights[some]
        sums.add(window[some], ahead[some], y[some], own)
    return sums.line().at(window, ahead)


@pytest.mark.parametrize("lacking", [False, True])
def test_a_weight_counts_as_so_many_rows(lacking):
    rng = np.random.default_rng(0)
    window, ahead = rng.normal(size=(60, 3)), rng.normal(size=(60, 2, 1))
    y = window[:, :2] - 2 * ahead[..., 0] + rng.normal(size=(60, 2))
    if lacking:
        y[::7, 1] = np.nan
    weights = rng.integers(0, 4, 60)
    rows = np.repeat(np.arange(60), weights)
    expected = forecast_by(window[rows], ahead[rows], y[rows])
    made = forecast_by(window, ahead, y, weights.astype(float), parts=3)
    np.testing.assert_allclose(made[rows], expected, rtol=1e-9)
    assert not np.allclose(made, forecast_by(window, ahead, y), rtol=1e-3)


def by_rows(window, ahead, y):
    """The ridge regression of each step by its rows, of inputs with a variance of 1."""
    made = np.empty(y.shape)
    for step in range(y.shape[1]):
        inputs, there = np.concatenate([window, ahead[:, step]], axis=1), ~np.isnan(y[:, step])
        spread = inputs[there].std(axis=0)
        inputs = (inputs - inputs[there].mean(axis=0)) / np.where(spread > 0, spread, np.inf)
        seen, mean = inputs[there], y[there, step].mean()
        gram = seen.T @ seen / len(seen) + 1e-3 * np.eye(inputs.shape[1])
        cross = seen.T @ (y[there, step] - mean) / len(seen)
        made[:, step] = mean + inputs @ np.linalg.solve(gram, cross)
    return made


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("columns", [0, 1, 2])
@pytest.mark.parametrize(("level", "size"), [(0, 1), (1e4, 1), (-5, 1e200), (0, 1e-3)])
def test_coefficients_are_those_of_all_rows(level, size, columns, parts):
    rng = np.random.default_rng(1)
    window = rng.normal(size=(50, 4)) * [1, 3, 0, 0.1]
    ahead = rng.normal(size=(50, 3, columns)) + window[:, None, :1]
    y = window[:, :3] + ahead.sum(axis=2) * [1, -2, 3] + rng.normal(size=(50, 3))
    y[::9, 1] = np.nan
    window, ahead, y = ((level + values) * size for values in (window, ahead, y))
    made = forecast_by(window, ahead, y, parts=parts)
    np.testing.assert_allclose(
        made / size, by_rows(window / size, ahead / size, y / size), rtol=1e-6
    )


def test_steps_without_a_target_have_no_line():
    assert StepSums(2, 1, 0).line().at(np.ones((3, 2)), np.ones((3, 1, 0))).tolist() == [[0.0]] * 3


PENALTIES = np.logspace(-5, 2, 29)


def by_definition(inputs, output, weights):
    """Coefficients and penalty with the least criterion, row by row."""
    root = np.sqrt(weights)
    inputs, output = inputs * root[:, None], output * root
    rows = weights.sum() ** 2 / np.square(weights).sum()
    gram = inputs.T @ inputs
    unit = np.trace(gram) / len(gram)
    scores, found = [np.log(output @ output) + 2 / (rows - 2)], [np.zeros(inputs.shape[1])]
    for penalty in PENALTIES:
        inverse = np.linalg.inv(gram + penalty * unit * np.eye(len(gram)))
        found.append(inverse @ inputs.T @ output)
        hat = inputs @ inverse @ inputs.T
        errors, used = output - hat @ output, np.trace(hat)
        allowed = rows - used - 2 > 0
        score = np.log(errors @ errors) + 2 * (used + 1) / (rows - used - 2) if allowed else np.inf
        scores.append(score)
    best = int(np.argmin(scores))
    return found[best], best


def drawn(seed, rows, noise):
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(rows, 6)) * [1, 2, 3, 1, 5, 1]
    truth = generator.normal(size=6)
    return inputs, inputs @ truth + noise * generator.normal(size=rows)


def solved(inputs, outputs, weights=None, blocks=3):
    weights = np.ones(len(inputs)) if weights is None else weights
    sums = RidgeSums(inputs.shape[1], outputs.shape[1])
    parts = (np.array_split(values, blocks) for values in (inputs, outputs, weights))
    for x, y, w in zip(*parts, strict=True):
        sums.add(x, y, w)
    return sums.coefficients()


@pytest.mark.parametrize("weighted", [False, True])
def test_each_output_has_the_coefficients_and_the_penalty_of_the_definition(weighted):
    cases = [drawn(seed, rows, noise) for seed, rows, noise in
             [(0, 60, 0.01), (1, 60, 3.0), (2, 60, 30.0), (3, 60, 300.0)]]  # fmt: skip
    inputs = cases[0][0]
    outputs = np.stack([output for _, output in cases], axis=1)
    weights = np.random.default_rng(9).random(60) if weighted else np.ones(60)
    expected, chosen = zip(
        *(by_definition(inputs, output, weights) for output in outputs.T), strict=True
    )
    assert len(set(chosen)) > 2  # The noise decides how much is shrunk.
    np.testing.assert_allclose(
        solved(inputs, outputs, weights), np.stack(expected, axis=1), rtol=1e-8
    )


@pytest.mark.parametrize("weight", [1e-9, 1.0, 4.0, 1e9])
def test_the_unit_of_weights_does_not_matter_and_rows_of_weight_0_are_none(weight):
    """Rows of weight 0 would pass for evidence if they were counted."""
    inputs, output = drawn(8, 20, 5.0)
    expected = solved(inputs, output[:, None])
    idle = np.random.default_rng(1).normal(size=(500, 7))
    got = solved(
        np.concatenate([inputs, idle[:, :6]]),
        np.concatenate([output, idle[:, 6]])[:, None],
        np.repeat([weight, 0.0], [20, 500]),
    )
    np.testing.assert_allclose(got, expected, rtol=1e-7)


@pytest.mark.parametrize("rows", [5, 7, 9, 14])
def test_so_few_rows_that_each_counts(rows):
    """Of forty draws a number of rows off by one would choose another penalty somewhere."""
    chosen = set()
    for seed in range(40):
        inputs, output = drawn(seed, rows, 5.0)
        expected, best = by_definition(inputs, output, np.ones(rows))
        chosen.add(best)
        np.testing.assert_allclose(
            solved(inputs, output[:, None])[:, 0], expected, rtol=1e-5, atol=1e-9
        )
    assert len(chosen) > 3


def test_blocks_do_not_matter():
    inputs, output = drawn(4, 50, 1.0)
    whole = solved(inputs, output[:, None], blocks=1)
    np.testing.assert_allclose(solved(inputs, output[:, None], blocks=50), whole, rtol=1e-9)


def test_units_do_not_matter():
    inputs, output = drawn(5, 50, 1.0)
    whole = solved(inputs, output[:, None])
    for unit in (1e-9, 1e9):
        scaled = solved(inputs * unit, output[:, None] * unit)
        np.testing.assert_allclose(scaled, whole, rtol=1e-7)


@pytest.mark.parametrize("rows", [4, 40])
def test_columns_that_say_nothing_get_no_weight(rows):
    """A column of zeros, a column twice, and fewer rows than columns."""
    inputs, output = drawn(6, rows, 1.0)
    inputs[:, 1] = 0.0
    inputs[:, 2] = inputs[:, 0]
    coefficients = solved(inputs, output[:, None])[:, 0]
    assert np.isfinite(coefficients).all()
    assert coefficients[1] == pytest.approx(0, abs=1e-9)
    assert coefficients[2] == pytest.approx(coefficients[0], rel=1e-6)


@pytest.mark.parametrize("rows", [1, 2])
def test_two_rows_give_no_map(rows):
    inputs, output = drawn(3, rows, 0.0)
    assert not solved(inputs, output[:, None]).any()


def test_pure_noise_gets_no_map():
    """Of two hundred draws of few rows, few get a map, and none a large one."""
    generator = np.random.default_rng(0)
    inputs, outputs = generator.normal(size=(30, 20)), generator.normal(size=(30, 200))
    sizes = np.abs(solved(inputs, outputs)).sum(axis=0)
    assert np.mean(sizes < 0.5) > 0.8
    free = np.abs(np.linalg.lstsq(inputs, outputs, rcond=None)[0]).sum(axis=0)
    assert sizes.max() < 0.9 * np.median(free)


def test_nothing_to_learn_from_gives_zeros():
    assert not RidgeSums(4, 2).coefficients().any()
    assert not solved(np.zeros((5, 4)), np.ones((5, 2))).any()


def test_noise_is_shrunk_to_nearly_nothing_and_a_law_is_kept():
    generator = np.random.default_rng(7)
    inputs = generator.normal(size=(80, 40))
    law = inputs[:, :1] * 2.0
    outputs = np.concatenate([law, generator.normal(size=(80, 1))], axis=1)
    coefficients = solved(inputs, outputs)
    assert coefficients[0, 0] == pytest.approx(2.0, rel=0.01)
    free = np.linalg.lstsq(inputs, outputs[:, 1], rcond=None)[0]
    assert np.linalg.norm(coefficients[:, 1]) < 0.3 * np.linalg.norm(free)


def test_products_of_integers_do_not_overflow_as_floats():
    inputs = np.array([[2**15, 0], [0, 2**15]] * 10, "int32")
    outputs = np.array([[2**16], [2**15]] * 10, "int32")
    np.testing.assert_allclose(solved(inputs, outputs)[:, 0], [2.0, 1.0], rtol=1e-3)


def test_an_output_is_fitted_to_the_rows_that_have_it():
    inputs, first = drawn(0, 60, 0.5)
    _, second = drawn(1, 60, 0.5)
    outputs, weights = np.stack([first, second, first + second], axis=1), np.linspace(0.5, 2, 60)
    outputs[::7, 0] = np.nan
    outputs[1::5, 1] = np.inf
    got = solved(inputs, outputs, weights)
    for output in range(3):
        rows = np.isfinite(outputs[:, output])
        alone = solved(inputs[rows], outputs[rows, output, None], weights[rows])
        np.testing.assert_allclose(got[:, output], alone[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weight", [0.0, 1e-12])
def test_an_output_whose_rows_weigh_next_to_nothing_has_no_map(weight):
    """What is left of the sums would be mostly rounding."""
    inputs, output = drawn(0, 60, 0.5)
    outputs, weights = np.stack([output, output], axis=1), np.ones(60)
    outputs[10:, 1], weights[:10] = np.nan, weight
    outputs[:5] = np.nan
    coefficients = solved(inputs, outputs, weights)
    np.testing.assert_allclose(
        coefficients[:, :1], solved(inputs[5:], outputs[5:, :1], weights[5:]), rtol=1e-9
    )
    assert not coefficients[:, 1].any()


def test_an_output_without_a_value_has_no_map():
    inputs, output = drawn(0, 60, 0.5)
    coefficients = solved(inputs, np.stack([output, np.full(60, np.nan)], axis=1))
    assert coefficients[:, 0].any()
    assert not coefficients[:, 1].any()


def test_inputs_of_another_kind_are_fitted_alike_in_any_unit():
    """Columns a thousand times as large get coefficients a thousandth of the size."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(80, 6))
    outputs = inputs @ generator.normal(size=(6, 2)) + generator.normal(size=(80, 2))
    units, fitted = np.array([1, 1, 1, 1, 1e3, 1e-3]), []
    for of_inputs in (inputs, inputs * units):
        sums = RidgeSums(6, 2, others=2)
        sums.add(of_inputs, outputs, np.ones(80))
        fitted.append(sums.coefficients())
    np.testing.assert_allclose(fitted[1] * units[:, None], fitted[0], rtol=1e-6)


def test_the_penalty_has_the_least_error_of_rows_left_out_in_closed_form():
    rng = np.random.default_rng(0)
    kinds = np.eye(3)[rng.permutation(np.arange(24) % 3)]
    for noise in (0.01, 1.0, 30.0):
        y = kinds @ np.array([[0.0], [2.0], [5.0]]) + noise * rng.normal(size=(24, 1))
        center, kernel, penalty = shrunken(kinds, y)
        errors = y[:, 0] - y.mean() - ((kinds - center) @ kernel)[:, 0]
        left_out = []
        for row in range(24):
            others = np.arange(24) != row
            x = kinds[others] - kinds[others].mean(axis=0)
            fit = np.linalg.solve(
                x.T @ x + penalty * np.eye(3), x.T @ (y[others] - y[others].mean())
            )
            at = y[others].mean() + (kinds[row] - kinds[others].mean(axis=0)) @ fit
            left_out.append(float((y[row] - at)[0]))
        np.testing.assert_allclose(errors / (1 - leverages(kinds, penalty)), left_out, atol=1e-9)
        assert penalty == {0.01: 0.1, 30.0: 1e12}.get(noise, penalty)
    assert not shrunken(kinds[:1], y[:1])[1].any()
