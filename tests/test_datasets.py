"""The course's series, bit for bit."""

import numpy as np

from keras_ts import (
    course_series,
)


def test_course_series():
    series = course_series()
    assert series.dtype == np.float32
    assert [str(v) for v in series[:3]] == ["52.48357", "49.35275", "53.314735"]
    validation = series[1000:]
    assert abs(np.abs(np.diff(series)[999:]).mean() - 5.938) < 5e-4
    assert len(validation) == 461
