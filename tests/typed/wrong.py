"""Mistakes that a type checker reports: an ignore on a line that is right is an error itself."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

import keras_ts

windows = keras_ts.WindowedSeries("20")  # type: ignore[arg-type]
windows = keras_ts.WindowedSeries(20, horizons=3)  # type: ignore[call-arg]
windows = keras_ts.WindowedSeries(20, missing="nonsense")  # type: ignore[arg-type]
preset = keras_ts.RecurrentPreset(cell="transformer")  # type: ignore[arg-type]
train = windows.build([1.0, 2.0])
origins: str = train.origins  # type: ignore[assignment]
keras_ts.forecast(steps=3)  # type: ignore[call-arg]
keras_ts.forecasts()  # type: ignore[attr-defined]
rate: str = keras_ts.find_learning_rate(None, train).suggest()  # type: ignore[assignment]
keras_ts.export_model(None, "model.onnx", format="pickle")  # type: ignore[arg-type]
keras_ts.from_preset("gru_32x2", unit=(4,))  # type: ignore[call-arg]
keras_ts.from_preset("gru_32x2", cell="transformer")  # type: ignore[arg-type]
keras_ts.sequence_to_vector(kind="sequence_to_vector")  # type: ignore[call-arg]
preset.windows_for([1.0, 2.0], 7, calender="week")  # type: ignore[call-arg]
preset.windows_for([1.0, 2.0], 7, targets="sequence")  # type: ignore[call-arg]
preset.split([1.0, 2.0], 7, at=1, missing="nonsense")  # type: ignore[arg-type]
keras_ts.choose_preset([1.0, 2.0], 7, time_columns="day")  # type: ignore[call-arg]
preset.fit(train, epoch=3)  # type: ignore[call-arg]
preset.fit(train, verbose="no")  # type: ignore[arg-type]
keras_ts.backtest(preset, [1.0, 2.0], 7, callback=None)  # type: ignore[call-arg]
keras_ts.layers.NormalizeWindow("nonsense")  # type: ignore[arg-type]
keras_ts.layers.MaskMissing("some")  # type: ignore[arg-type]
