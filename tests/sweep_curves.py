"""Curves of losses over rates that the tests of the sweep's arithmetic share."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from keras_ts.sweep.suggestion import divergence

RATES = np.logspace(-6, 0, 120)


def u_shape(noise=0.0, seed=0):
    """Return a loss that falls from 1 around 1e-3 and explodes beyond 0.05."""
    log_rate = np.log10(RATES)
    clean = 1 - 0.8 / (1 + np.exp(-4 * (log_rate + 3))) + np.exp(5 * (log_rate + 1.1))
    return clean * (1 + noise * np.random.default_rng(seed).normal(size=len(RATES)))


def first_stop(losses):
    """Return the place at which a sweep through these losses stops, or None."""
    for end in range(1, len(losses) + 1):
        if divergence(losses[:end], 0.9, 4.0) is not None:
            return end - 1
    return None


@st.composite
def outlying(draw):
    """Draw places and sizes of up to six outliers in 120 losses, no three of them within seven."""
    places = sorted(draw(st.lists(st.integers(0, 119), min_size=1, max_size=6, unique=True)))
    assume(all(c - a > 6 for a, c in zip(places, places[2:], strict=False)))
    sizes = st.floats(5, 1e6) | st.floats(-1e6, -5)
    return places, [draw(sizes) for _ in places]
