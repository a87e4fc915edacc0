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
    says = r"forecast of the series is not finite\. Its inputs go up to 3e\+20.*Divide the series"
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
    with pytest.raises(ValueError, match=r"go up to 3: .*If the inputs are no larger than in tra"):
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


@pytest.mark.parametrize("window_norm", ["last", "standard", "seasonal"])
def test_values_whose_squares_vanish_are_refused(window_norm):
    """A series in other units has the same forecast in them, down to what float32 can square."""
    period = 4 if window_norm == "seasonal" else None
    settings = {"cell": "gru", "units": (4,), "window_norm": window_norm, "period": period}

    def ahead(unit):
        keras.utils.set_random_seed(0)
        net = RecurrentPreset(**settings).build(WINDOWS.build(SERIES * unit))
        return forecast(net, SERIES * unit) / unit

    wanted = ahead(1.0)
    for unit in (1e-12, 1e-15, 1e-16):
        np.testing.assert_allclose(ahead(unit), wanted, rtol=1e-4)
    for unit in (3e-17, 1e-18, 1e-30, 1e-44):
        says = r"^the series has no value above .* in its last window of 0: .*Multiply the series"
        with pytest.raises(ValueError, match=says):
            ahead(unit)


def test_the_tiny_series_of_a_panel_is_named(model):
    panel = [SERIES, SERIES * 1e-18, np.zeros(20)]
    with pytest.raises(ValueError, match=r"series 1 has no value above 3e-18"):
        forecast(model, panel)
    # Zeros are exact, and a model that squares nothing takes any value.
    assert np.isfinite(forecast(model, panel[::2])).all()
    persistent = adding(WINDOWS.build(SERIES))
    assert forecast(persistent, SERIES * 1e-30)[0] == pytest.approx(SERIES[-1] * 1e-30)
