"""Windows are normalized by statistics of their own, which no masked and no later step enters."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from keras.ops import convert_to_numpy as numpy

from helpers import called, masks_pass, untraced, warned_of_masks
from keras_ts import RecurrentPreset
from keras_ts.layers import NormalizeWindow, RestoreWindow
from keras_ts.layers.normalize_window import (
    OF_PERIODS,
    OF_WHOLE_WINDOWS,
    STATISTICS,
    of_present,
    of_steps_so_far,
    of_windows,
)

# The season has tests of its own, in test_season.py.
UNSEASONAL = [statistic for statistic in STATISTICS if statistic not in OF_PERIODS]
CAUSAL = [statistic for statistic in UNSEASONAL if statistic not in OF_WHOLE_WINDOWS]
FORMS = [
    *((statistic, False) for statistic in UNSEASONAL),
    *((statistic, True) for statistic in CAUSAL),
]
KINDS = [
    (statistic, "sequence_to_sequence" if causal else "sequence_to_vector")
    for statistic, causal in FORMS
]
# Handed to a model from outside, a mask makes Keras say that the model as a layer ends it.
pytestmark = pytest.mark.filterwarnings("ignore:Layer 'functional:UserWarning")

WINDOW = np.array([[10.0, 11.0, 13.0], [400.0, 380.0, 395.0]], "float32")
# The places of a window's three steps among six: padded right, left, on both sides, and within.
PLACES = ([0, 1, 2], [3, 4, 5], [1, 2, 3], [0, 3, 5], [1, 2, 5])
CASES = [(places, value) for places in PLACES for value in (0.0, 1e6, np.nan, np.inf)]


def padded(window, places, value, length=6):
    """The window spread over ``length`` steps, and its mask."""
    values = np.full((window.shape[0], length, *window.shape[2:]), value, "float32")
    values[:, places] = window
    mask = np.zeros((window.shape[0], length), bool)
    mask[:, places] = True
    return values, mask


def all_padded(window):
    """The window padded in each way, as one batch; its masks; and who reads the results."""
    values, masks = zip(*(padded(window, *case) for case in CASES), strict=True)

    def by_case(results):
        return zip(CASES, np.split(numpy(results), len(CASES)), strict=True)

    return np.concatenate(values), ops.convert_to_tensor(np.concatenate(masks)), by_case


@pytest.mark.parametrize(("statistic", "causal"), FORMS)
def test_masked_steps_enter_no_statistic(statistic, causal):
    layer = NormalizeWindow(statistic, causal=causal)
    window = np.stack([WINDOW, -3 * WINDOW], axis=-1)
    values, mask, by_case = all_padded(window)
    expected, *statistics = map(numpy, layer(window))
    normal, *found = layer(values, mask=mask)
    for (places, _), got in by_case(normal):
        np.testing.assert_allclose(got[:, places], expected, rtol=1e-5)
        assert not np.delete(got, places, axis=1).any()
    for want, results, unknown in zip(statistics, found, (0.0, 1.0), strict=True):
        for (places, _), got in by_case(results):
            for step in range(6) if causal else [-1]:
                # Up to a step they are those of its last step that is not masked.
                count = sum(place <= step % 6 for place in places)
                value = want[:, min(count, want.shape[1]) - 1] if count else unknown
                np.testing.assert_allclose(got[:, step], value, rtol=1e-5)


def test_each_window_has_a_mask_of_its_own():
    mask = ops.convert_to_tensor(np.array([[True, False, True], [False, True, True]]))
    for statistic, causal in FORMS:
        layer = NormalizeWindow(statistic, causal=causal)
        both = numpy(layer(WINDOW[..., None], mask=mask)[0])
        for row, steps in enumerate(([0, 2], [1, 2])):
            one = numpy(layer(WINDOW[row : row + 1, steps, None])[0])
            np.testing.assert_allclose(both[row : row + 1, steps], one, rtol=1e-5)


@pytest.mark.parametrize(("statistic", "causal"), FORMS)
def test_a_window_that_is_masked_whole_stays_finite(statistic, causal):
    values = np.full((2, 4, 1), np.nan, "float32")
    values[1] = [[1.0], [2.0], [4.0], [3.0]]
    mask = np.array([[False] * 4, [True] * 4])
    layer = NormalizeWindow(statistic, causal=causal)
    normal, location, scale = map(numpy, layer(values, mask=ops.convert_to_tensor(mask)))
    assert (normal[0] == 0).all()
    assert (location[0] == 0).all()
    assert (scale[0] == 1).all()
    np.testing.assert_allclose(normal[1:], numpy(layer(values[1:])[0]), rtol=1e-5)


@pytest.mark.parametrize("statistic", CAUSAL)
@pytest.mark.parametrize("mask", [None, [1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1], [0, 0, 0, 0, 1, 1]])
def test_a_later_step_changes_no_earlier_output_bit_for_bit(statistic, mask):
    x = np.random.default_rng(2).normal(50, 30, (3, 6, 2)).astype("float32")
    given = {} if mask is None else {"mask": ops.convert_to_tensor(np.array([mask] * 3, bool))}
    layer = NormalizeWindow(statistic, causal=True)
    want = [numpy(before) for before in layer(x, **given)]
    for step in range(1, 6):
        for change in (1e-3, 1e6, np.nan):
            changed = x.copy()
            changed[:, step:] += change
            for before, after in zip(want, layer(changed, **given), strict=True):
                np.testing.assert_array_equal(numpy(after)[:, :step], before[:, :step])


@pytest.mark.parametrize("statistic", CAUSAL)
def test_a_later_step_changes_no_earlier_forecast_of_a_compiled_model(statistic):
    model = RecurrentPreset("sequence_to_sequence", units=(4,), window_norm=statistic).build()
    x = np.random.default_rng(2).normal(50, 30, (3, 20)).astype("float32")
    changed = x.copy()
    changed[:, 12:] *= 100
    before, after = (model.predict(values, verbose=0) for values in (x, changed))
    np.testing.assert_array_equal(after[:, :12], before[:, :12])
    assert (after[:, 12:] != before[:, 12:]).all()


@masks_pass
@pytest.mark.parametrize(("statistic", "kind"), KINDS)
@pytest.mark.parametrize("settings", [{}, {"bidirectional": True, "cell": "gru"}, {"features": 2}])
def test_a_preset_gives_for_a_padded_window_what_it_gives_for_the_short_one(
    statistic, kind, settings
):
    model = RecurrentPreset(kind, units=(4, 3), window_norm=statistic, **settings).build()
    window = np.stack([WINDOW, 7 - WINDOW], axis=-1) if "features" in settings else WINDOW
    values, mask, by_case = all_padded(window)
    want = numpy(model(window))
    results = model(values, mask=mask)
    assert np.isfinite(numpy(results)).all()
    for (places, _), got in by_case(results):
        got = got[:, places] if kind == "sequence_to_sequence" else got
        np.testing.assert_allclose(got, want, rtol=1e-5)


def masking_model(statistic, kind):
    """The layers of a preset behind one that masks, in one model: a mask reaches the loss, too."""
    inputs, masking = keras.Input((None, 1)), keras.layers.Masking(-1.0)
    x = masking(inputs)
    causal = kind == "sequence_to_sequence"
    x, location, scale = NormalizeWindow(statistic, causal=causal)(x)
    x = keras.layers.GRU(4, return_sequences=causal)(x)
    mask = masking.compute_mask(inputs) if causal else None
    x = RestoreWindow()([keras.layers.Dense(1)(x), location, scale], mask=mask)
    return keras.Model(inputs, x)


@warned_of_masks
@pytest.mark.parametrize(("statistic", "kind"), KINDS)
def test_training_on_padded_windows_is_training_on_short_ones(statistic, kind):
    model = masking_model(statistic, kind)
    start = model.get_weights()
    values, _ = padded(WINDOW, [1, 2, 4], -1.0)
    trained = []
    for x, steps in ((WINDOW, [0, 1, 2]), (values, [1, 2, 4])):
        model.set_weights(start)
        y = np.full((*x.shape, 1) if kind == "sequence_to_sequence" else (2, 1), 50.0, "float32")
        model.compile(keras.optimizers.SGD(1e-4), "mae")
        losses = untraced(model).fit(x[..., None], y, epochs=2, verbose=0).history["loss"]
        after = called(model, x[..., None])
        after = after[:, steps] if kind == "sequence_to_sequence" else after
        trained.append([np.array(losses), after, *model.get_weights()])
    for short, long in zip(*trained, strict=True):
        np.testing.assert_allclose(long, short, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        *({"statistic": statistic, "causal": causal} for statistic, causal in FORMS),
        {"statistic": "seasonal", "period": 3},
    ],
)
def test_a_missing_value_enters_no_statistic_of_its_feature(settings):
    """Each feature is normalized as if its missing values were masked steps of its own."""
    generator = np.random.default_rng(4)
    x = generator.normal(50, 9, (20, 12, 3)).astype("float32")
    mask = generator.random((20, 12)) < 0.8
    holes = generator.random(x.shape) < generator.choice([0.1, 0.6, 1.0], (20, 1, 3))
    layer = NormalizeWindow(masked=True, **settings)
    got = layer(np.where(holes, np.nan, x), mask=ops.convert_to_tensor(mask))
    for feature in range(3):
        alone = ops.convert_to_tensor(mask & ~holes[..., feature])
        want = layer(x[..., feature : feature + 1], mask=alone)
        for ours, theirs in zip(got, want, strict=True):
            np.testing.assert_allclose(
                numpy(ours)[..., feature], numpy(theirs)[..., 0], rtol=1e-4, atol=1e-4
            )
    # Without a mask, NaN alone tells.
    alone = layer(np.where(holes, np.nan, x))
    every = layer(np.where(holes, np.nan, x), mask=ops.convert_to_tensor(np.ones_like(mask)))
    for ours, theirs in zip(alone, every, strict=True):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))


@pytest.mark.parametrize("policy", ["mixed_float16", "float16"])
def test_masked_windows_keep_their_level_in_half_precision(policy):
    layer = NormalizeWindow("mean", dtype=policy)
    values, mask = padded(np.array([[[70_000.0], [70_002.0]]], "float32"), [1, 3], np.inf, 4)
    normal, location, _ = map(numpy, layer(values, mask=ops.convert_to_tensor(mask)))
    assert normal.ravel().tolist() == [0.0, -1.0, 0.0, 1.0]
    assert location.item() == 70_001.0


@given(
    hnp.arrays(np.float64, (3, 8, 2), elements=st.floats(-5, 5, width=32)),
    st.sampled_from(FORMS),
)
def test_window_norm_restores_and_looks_only_back(x, form):
    statistic, causal = form
    x = x.astype("float32")
    normal, location, scale = map(numpy, NormalizeWindow(statistic, causal=causal)(x))
    if not (causal and statistic == "last"):
        restored = numpy(RestoreWindow([0, 1])([normal, location, scale]))
        np.testing.assert_allclose(restored, x, atol=1e-4)
    if causal:
        changed = x.copy()
        changed[:, 5:] += 100
        for before, after in zip(
            (normal, location, scale),
            map(numpy, NormalizeWindow(statistic, causal=True)(changed)),
            strict=True,
        ):
            np.testing.assert_allclose(after[:, :5], before[:, :5], atol=1e-6)
        # The running statistics are those of the window so far.
        if statistic in ("mean", "standard"):
            np.testing.assert_allclose(location[:, 4], x[:, :5].mean(axis=1), atol=1e-4)


@given(st.floats(-1000, 1000), st.sampled_from(FORMS))
def test_window_norm_moves_with_the_level(level, form):
    statistic, causal = form
    x = np.random.default_rng(3).normal(size=(2, 9, 1)).astype("float32")
    normal, location, _ = map(numpy, NormalizeWindow(statistic, causal=causal)(x))
    moved, moved_location, _ = map(
        numpy, NormalizeWindow(statistic, causal=causal)((x + np.float32(level)).astype("float32"))
    )
    np.testing.assert_allclose(moved, normal, atol=5e-3)
    np.testing.assert_allclose(moved_location, location + level, atol=5e-3)


def test_constant_windows_stay_finite():
    for statistic, causal in FORMS:
        normal, _, _ = NormalizeWindow(statistic, causal=causal)(np.full((1, 5, 1), 7.0))
        assert np.abs(numpy(normal)).max() < 1e-3


def test_a_config_from_before_period_was_reserved():
    config = NormalizeWindow("last", causal=True, epsilon=1e-3).get_config()
    assert config.pop("period") is None
    again = NormalizeWindow.from_config(config)
    assert (again.statistic, again.causal, again.epsilon) == ("last", True, 1e-3)


@pytest.mark.parametrize("shape", [(4,), (1, 4), (2, 3), (3, 4), (2, 4, 1)])
@pytest.mark.parametrize("causal", [False, True])
def test_masks_of_another_shape_are_not_broadcast(shape, causal):
    with pytest.raises(ValueError, match=r"\(batch, time\), the first axes of inputs \(2, 4, 1\)"):
        NormalizeWindow("mean", causal=causal)(np.ones((2, 4, 1)), mask=np.ones(shape, bool))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("settings", [
    *({"statistic": statistic, "causal": causal} for statistic, causal in FORMS),
    *({"statistic": "seasonal", "period": period} for period in (1, 3)),
    {"statistic": "seasonal", "period": 3, "multiplicative": True},
])  # fmt: skip
def test_a_model_is_built_of_the_shapes_that_the_layer_gives(settings, masked):
    """Nothing is traced for them."""
    layer = NormalizeWindow(**settings, masked=masked)
    given = layer(np.ones((2, 6, 3), "float32"))
    for symbol, result in zip(layer(keras.Input((6, 3))), given, strict=True):
        assert symbol.shape[1:] == tuple(result.shape)[1:]
        assert symbol.dtype == keras.backend.standardize_dtype(result.dtype)


WINDOWS = ops.convert_to_tensor([[[1.0], [2.0], [6.0]]], "float32")


def test_a_new_row_is_a_statistic(monkeypatch):
    row = lambda steps: (steps.mean + steps.last, steps.deviation)  # noqa: E731
    monkeypatch.setitem(STATISTICS, "between", row)
    normal, location, _ = NormalizeWindow("between")(WINDOWS)
    assert np.asarray(location).item() == 9.0
    assert normal.shape == (1, 3, 1)


@pytest.mark.parametrize("statistic", OF_WHOLE_WINDOWS)
def test_a_statistic_of_whole_windows_is_refused_where_steps_see_only_those_before(statistic):
    with pytest.raises(ValueError, match=f"not supported with statistic='{statistic}'"):
        NormalizeWindow(statistic, period=2, causal=True)
    with pytest.raises(ValueError, match=f"window_norm='{statistic}' reads the whole window, and"):
        RecurrentPreset("sequence_to_sequence", window_norm=statistic, period=2)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_forms_agree_where_they_read_the_same_steps(statistic):
    """All steps are present, and the last step has seen all of them; its ``last`` is another."""
    present = ops.ones((1, 3, 1), "bool")
    at_last = ops.convert_to_tensor([[[False], [False], [True]]])
    counts = ops.full((1, 1, 1), 3)
    whole = STATISTICS[statistic](of_windows(WINDOWS, 1e-6))
    some = STATISTICS[statistic](of_present(WINDOWS, 1e-6, present, at_last, counts))
    so_far = of_steps_so_far(WINDOWS, 1e-6)._replace(last=WINDOWS)
    for ours, masked, running in zip(whole, some, STATISTICS[statistic](so_far), strict=True):
        ours, masked, running = map(ops.convert_to_numpy, (ours, masked, running))
        np.testing.assert_allclose(masked, ours, rtol=1e-6)
        np.testing.assert_allclose(running[:, -1:], ours, rtol=1e-6)
