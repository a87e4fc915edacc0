"""Counts windows one position at a time, for the tests of the arithmetic to compare with.

``helpers.naive_windows`` is an oracle for whole series, and imports Keras. This oracle knows
positions alone, so that ``mutants.py`` can run those tests in an interpreter without any framework.
"""

from dataclasses import replace

from hypothesis import strategies as st

from keras_ts.windows.geometry import Geometry

geometries = st.builds(
    Geometry,
    window=st.integers(1, 4),
    horizon=st.integers(1, 3),
    gap=st.integers(0, 2),
    stride=st.integers(1, 3),
    sampling_rate=st.integers(1, 3),
    sequence=st.booleans(),
)
# Windows that may begin before their series, if it has some of their inputs.
early_geometries = st.builds(
    lambda shape, share: replace(
        shape, before=shape.sampling_rate * int(share * (shape.window - 1) + 0.5)
    ),
    geometries,
    st.floats(0, 1),
)


def inputs_of(start, shape):
    """Return the positions of a window's inputs."""
    return [start + shape.sampling_rate * k for k in range(shape.window)]


def targets_of(start, shape):
    """Return the positions of a window's targets: a row for each input that has some."""
    origins = inputs_of(start, shape) if shape.sequence else inputs_of(start, shape)[-1:]
    return [[p + shape.gap + 1 + h for h in range(shape.horizon)] for p in origins]
