"""Checks windowing functions, ours and your own, against an oracle.

This package needs Hypothesis, so ``import keras_ts`` leaves it out.
"""

from keras_ts.testing.check import check_windowing
from keras_ts.testing.oracle import reference_windows
from keras_ts.testing.strategies import panels, series, windowed_series

__all__ = ["check_windowing", "panels", "reference_windows", "series", "windowed_series"]
