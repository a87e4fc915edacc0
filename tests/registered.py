"""Lists every class that files name, with a call that makes an object of it.

The names are frozen: files saved today hold them. A rename keeps the old name alive.
"""

import keras_ts
from keras_ts import layers, losses, metrics

REGISTERED = {
    "keras_ts>ExpandSeries": lambda: keras_ts.ExpandSeries(axis=1),
    "keras_ts>ScaleOutput": lambda: keras_ts.ScaleOutput([1.0, 2.0], 3.0),
    "keras_ts>NormalizeWindow": lambda: layers.NormalizeWindow("last", causal=True),
    "keras_ts>RestoreWindow": layers.RestoreWindow,
    "keras_ts>RootMeanSquare": keras_ts.RootMeanSquare,
    "keras_ts>SelectColumns": lambda: keras_ts.SelectColumns([1, 0]),
    "keras_ts>KnownAhead": keras_ts.KnownAhead,
    "keras_ts>MaskMissing": lambda: layers.MaskMissing("all"),
    "keras_ts>CarryForward": lambda: keras_ts.CarryForward(None),
    "keras_ts>LevelByStatic": keras_ts.LevelByStatic,
    "keras_ts>MissingAsColumns": keras_ts.MissingAsColumns,
    "keras_ts>MaskAsColumn": keras_ts.MaskAsColumn,
    "keras_ts>MaskLike": keras_ts.MaskLike,
    "keras_ts>Unmask": keras_ts.Unmask,
    "keras_ts>SmoothedForecast": lambda: layers.SmoothedForecast(3, 1, [2.0, 0.5], masked=True),
    "keras_ts>LinearForecast": lambda: layers.LinearForecast(3),
    "keras_ts>CalendarEvents": lambda: layers.CalendarEvents(3, steps=7),
    "keras_ts>LastSteps": lambda: keras_ts.LastSteps(3),
    "keras_ts>MaskedLoss": lambda: losses.MaskedLoss("huber", reduction="sum"),
    "keras_ts>MaskedMAE": lambda: metrics.MaskedMAE(name="error"),
    "keras_ts>StandardizedMSE": lambda: losses.StandardizedMSE([2.0, 0.5], reduction="sum"),
    "keras_ts>SortedQuantiles": lambda: layers.SortedQuantiles([0.1, 0.5, 0.9]),
    "keras_ts>Bounded": lambda: layers.Bounded(0.0, 5.0),
    "keras_ts>ConformalInterval": lambda: layers.ConformalInterval(
        [0.5, 0.8], targets=[1], inputs=[1]
    ),
    "keras_ts>QuantileLoss": lambda: losses.QuantileLoss([0.1, 0.5], reduction="sum"),
    "keras_ts>MedianMAE": lambda: metrics.MedianMAE([0.1, 0.5], name="error"),
    "keras_ts>IntervalCoverage": lambda: metrics.IntervalCoverage([0.1, 0.5]),
    "keras_ts>WindowedSeries": lambda: keras_ts.WindowedSeries(5, target_columns=["a"]),
    "keras_ts>WindowedInput": lambda: keras_ts.WindowedInput(
        keras_ts.WindowedSeries(5, target_columns=["a"]),
        frequency="1 day",
        quantiles=(0.1, 0.5),
        scorecard={"format": 1, "table": {"mae": [1.5, None]}},
    ),
    "keras_ts>RecurrentPreset": lambda: keras_ts.from_preset("bilstm_32"),
    "keras_ts>Rollout": lambda: keras_ts.Rollout(
        keras_ts.sequence_to_vector(units=(2,), window=5), keras_ts.WindowedSeries(5), 3
    ),
    "keras_ts>ExponentialLRSweep": lambda: keras_ts.ExponentialLRSweep(1e-4, 1.0, steps=7),
}
