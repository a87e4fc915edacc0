"""A forecast that a float cannot hold is refused, and no other."""

import keras
import numpy as np
import pandas as pd
import pytest

from forecasting_models import adding
from keras_ts import RecurrentPreset, WindowedInput, WindowedSeries, forecast

pytestmark = pytest.mark.filterwarnings("ignore:the last window of .* far outside")
SERIES = np.sin(np.arange(40.0)) + 2
WINDOWS = WindowedSeries(8, 3)


@pytest.fixture(scope="module")
def model():
    return RecurrentPreset(units=(2,), window_norm="standard").build(WINDOWS.build(SERIES))


def test_values_whose_squares_overflow_are_refused(model):
    small = forecast(model, SERIES)
    np.testing.assert_allclose(forecast(model, SERIES * 1e15), small * 1e15, rtol=1e-5)
    says = r"forecast of the series is not finite\. Its inputs go up to 3e\+20: divide"
    with pytest.raises(ValueError, match=says):
        forecast(model, SERIES * 1e20)
    with pytest.raises(ValueError, match="forecast of series 1 is not finite"):
        forecast(model, [SERIES, SERIES * 1e25], incomplete="nan")


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_values_that_become_inf_are_refused(model):
    frame = pd.DataFrame({"id": np.repeat(["a", "b"], 40), "y": [*SERIES, *SERIES * 1e39]})
    windows = WindowedSeries(8, 3, id_column="id", target_columns="y")
    named = RecurrentPreset(units=(2,)).build(windows.build(frame[:40]))
    with pytest.raises(ValueError, match=r"'b' holds 2\S*e\+39 in the columns of 'past'.*float32"):
        forecast(named, frame)
    # Rows that are not read may hold anything, and integers fit.
    assert np.isfinite(forecast(model, np.r_[1e39, SERIES])).all()
    assert np.isfinite(forecast(model, np.arange(2**62, 2**62 + 20))).all()


def test_weights_that_diverged_are_told(model):
    broken = keras.models.clone_model(model)
    broken.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(ValueError, match=r"go up to 3: .*If they are no larger than in training"):
        forecast(broken, SERIES)


@pytest.mark.parametrize("missing", ["mask", "keep"])
def test_missing_values_are_no_fault_of_floats(model, missing):
    """Of windows that are kept, a model that masks nothing gives NaN; rows of NaN are asked for."""
    windows = WindowedSeries(8, 3, missing=missing)
    holes = SERIES.copy()
    holes[[-1, -4]] = np.nan
    bare = adding(windows.build(SERIES))
    if missing == "mask":
        with pytest.raises(ValueError, match="no layer masks them"):
            forecast(bare, holes)
    assert np.isnan(forecast(bare, holes, incomplete="nan")).all()
    masked = RecurrentPreset(units=(2,), window_norm="standard").build(windows.build(SERIES))
    assert np.isfinite(forecast(masked, holes)).all()
    with pytest.raises(ValueError, match="is not finite"):
        forecast(masked, holes * 1e30)
    gone = forecast(masked, [SERIES, np.full(20, np.nan)], incomplete="nan")
    assert np.isfinite(gone).all(axis=1).tolist() == [True, False]


def test_steps_that_nobody_asked_for_do_not_matter():
    past = keras.Input((8,), name="past")
    last = WindowedInput.of(WINDOWS.build(SERIES))(past)[:, -1:]
    grown = keras.Model(past, last * np.array([1.0, 1e30, 1e30]))
    assert forecast(grown, SERIES * 1e10, steps=1) == pytest.approx([SERIES[-1] * 1e10])
    with pytest.raises(ValueError, match="is not finite"):
        forecast(grown, SERIES * 1e10, steps=2)
