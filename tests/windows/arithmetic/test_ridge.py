"""Ridge regression from sums is that of the rows, and its penalty the one of its definition."""

import numpy as np
import pytest

from keras_ts.windows.arithmetic.ridge import RidgeSums

PENALTIES = np.logspace(-5, 2, 29)


def by_definition(inputs, output):
    """Coefficients and penalty with the least generalized cross-validation, row by row."""
    gram = inputs.T @ inputs
    unit = np.trace(gram) / len(gram)
    scores, found = [], []
    for penalty in PENALTIES:
        inverse = np.linalg.inv(gram + penalty * unit * np.eye(len(gram)))
        found.append(inverse @ inputs.T @ output)
        hat = inputs @ inverse @ inputs.T
        errors = output - hat @ output
        scores.append(np.mean(errors**2) / (1 - np.trace(hat) / len(output)) ** 2)
    best = int(np.argmin(scores))
    return found[best], best


def drawn(seed, rows, noise):
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(rows, 6)) * [1, 2, 3, 1, 5, 1]
    truth = generator.normal(size=6)
    return inputs, inputs @ truth + noise * generator.normal(size=rows)


def solved(inputs, outputs, blocks=3):
    sums = RidgeSums(inputs.shape[1], outputs.shape[1])
    for x, y in zip(np.array_split(inputs, blocks), np.array_split(outputs, blocks), strict=True):
        sums.add(x, y)
    return sums.coefficients()


def test_each_output_has_the_coefficients_and_the_penalty_of_the_definition():
    cases = [drawn(seed, rows, noise) for seed, rows, noise in
             [(0, 60, 0.01), (1, 60, 3.0), (2, 60, 30.0), (3, 60, 300.0)]]  # fmt: skip
    inputs = cases[0][0]
    outputs = np.stack([output for _, output in cases], axis=1)
    expected, chosen = zip(*(by_definition(inputs, output) for output in outputs.T), strict=True)
    assert len(set(chosen)) > 2  # The noise decides how much is shrunk.
    np.testing.assert_allclose(solved(inputs, outputs), np.stack(expected, axis=1), rtol=1e-8)


@pytest.mark.parametrize("rows", [5, 7, 9])
def test_so_few_rows_that_each_counts(rows):
    """Of forty draws a number of rows off by one would choose another penalty somewhere."""
    chosen = set()
    for seed in range(40):
        inputs, output = drawn(seed, rows, 5.0)
        expected, best = by_definition(inputs, output)
        chosen.add(best)
        np.testing.assert_allclose(solved(inputs, output[:, None])[:, 0], expected, rtol=1e-5)
    assert len(chosen) > 5


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


@pytest.mark.parametrize("rows", [3, 40])
def test_columns_that_say_nothing_get_no_weight(rows):
    """A column of zeros, a column twice, and fewer rows than columns."""
    inputs, output = drawn(6, rows, 1.0)
    inputs[:, 1] = 0.0
    inputs[:, 2] = inputs[:, 0]
    coefficients = solved(inputs, output[:, None])[:, 0]
    assert np.isfinite(coefficients).all()
    assert coefficients[1] == pytest.approx(0, abs=1e-9)
    assert coefficients[2] == pytest.approx(coefficients[0], rel=1e-6)


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
    inputs = np.array([[2**15, 0], [0, 2**15]] * 2, "int32")
    outputs = np.array([[2**16], [2**15]] * 2, "int32")
    np.testing.assert_allclose(solved(inputs, outputs)[:, 0], [2.0, 1.0], rtol=1e-3)
