"""Mistakes that a type checker reports: an ignore on a line that is right is an error itself."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

import keras_ts

windows = keras_ts.WindowedSeries("20")  # type: ignore[arg-type]
windows = keras_ts.WindowedSeries(20, horizons=3)  # type: ignore[call-arg]
windows = keras_ts.WindowedSeries(20, missing="fill")  # type: ignore[arg-type]
preset = keras_ts.RecurrentPreset(cell="transformer")  # type: ignore[arg-type]
train = windows.build([1.0, 2.0])
origins: str = train.origins  # type: ignore[assignment]
keras_ts.forecast(steps=3)  # type: ignore[call-arg]
keras_ts.forecasts()  # type: ignore[attr-defined]
rate: str = keras_ts.find_learning_rate(None, train).suggest()  # type: ignore[assignment]
keras_ts.export_model(None, "model.onnx", format="pickle")  # type: ignore[arg-type]
