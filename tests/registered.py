"""Lists every class that files name, with a call that makes an object of it.

The names are frozen: files saved today hold them. A rename keeps the old name alive.
"""

import keras_ts

REGISTERED = {
    "keras_ts>ExpandSeries": lambda: keras_ts.ExpandSeries(axis=1),
    "keras_ts>ScaleOutput": lambda: keras_ts.ScaleOutput([1.0, 2.0], 3.0),
    "keras_ts>NormalizeWindow": lambda: keras_ts.NormalizeWindow("last", causal=True),
    "keras_ts>RestoreWindow": keras_ts.RestoreWindow,
    "keras_ts>SelectColumns": lambda: keras_ts.SelectColumns([1, 0]),
    "keras_ts>KnownAhead": keras_ts.KnownAhead,
    "keras_ts>MaskMissing": lambda: keras_ts.MaskMissing("all"),
    "keras_ts>CarryForward": lambda: keras_ts.CarryForward(None),
    "keras_ts>MaskLike": keras_ts.MaskLike,
    "keras_ts>Unmask": keras_ts.Unmask,
    "keras_ts>SmoothedForecast": lambda: keras_ts.SmoothedForecast(3, 1, [2.0, 0.5], masked=True),
    "keras_ts>LinearForecast": lambda: keras_ts.LinearForecast(3),
    "keras_ts>CalendarEvents": lambda: keras_ts.CalendarEvents(3),
    "keras_ts>LastSteps": lambda: keras_ts.LastSteps(3),
    "keras_ts>StandardizedMSE": lambda: keras_ts.StandardizedMSE([2.0, 0.5], reduction="sum"),
    "keras_ts>SortedQuantiles": lambda: keras_ts.SortedQuantiles([0.1, 0.5, 0.9]),
    "keras_ts>ConformalInterval": lambda: keras_ts.ConformalInterval([0.5, 0.8], targets=[1]),
    "keras_ts>QuantileLoss": lambda: keras_ts.QuantileLoss([0.1, 0.5], reduction="sum"),
    "keras_ts>MedianMAE": lambda: keras_ts.MedianMAE([0.1, 0.5], name="error"),
    "keras_ts>IntervalCoverage": lambda: keras_ts.IntervalCoverage([0.1, 0.5]),
    "keras_ts>WindowedSeries": lambda: keras_ts.WindowedSeries(5, target_columns=["a"]),
    "keras_ts>WindowedInput": lambda: keras_ts.WindowedInput(
        keras_ts.WindowedSeries(5, target_columns=["a"]), frequency="1 day", quantiles=(0.1, 0.5)
    ),
    "keras_ts>RecurrentPreset": lambda: keras_ts.from_preset("bilstm_32"),
    "keras_ts>Rollout": lambda: keras_ts.Rollout(
        keras_ts.sequence_to_vector(units=(2,), window=5), keras_ts.WindowedSeries(5), 3
    ),
    "keras_ts>ExponentialLRSweep": lambda: keras_ts.ExponentialLRSweep(1e-4, 1.0, steps=7),
}
