"""The model that MLflow loads: a frame goes in, and what ``forecast`` returns comes out."""

from typing import Any

import mlflow
import pandas as pd

from keras_ts import _checks
from keras_ts.forecasting.forecast import forecast
from keras_ts.interface import Interface
from keras_ts.saving.load import load_model

# MLflow keeps the files of a model under this name.
FILES = "forecaster"
# The column of a logged model's input that is True in the rows known ahead.
KNOWN_AHEAD = "known_ahead"


class LoggedForecaster(mlflow.pyfunc.PythonModel):
    """Forecasts from frames, by the files that MLflow keeps; ``zone`` is the logged rows'."""

    def __init__(self, zone: str | None = None) -> None:
        self._zone = zone

    def load_context(self, context: Any) -> None:
        """Load the model."""
        self._model = load_model(context.artifacts[FILES])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the forecast of the series in a frame."""
        windows = Interface.of(self._model).windows
        past, plan = parted(_readable(model_input, windows.time_column, self._zone))
        return forecast(self._model, past, future=plan, **(params or {}))


def _readable(frame: pd.DataFrame, time_column: str | None, zone: str | None) -> pd.DataFrame:
    """Return a frame as ``forecast`` reads it, from what MLflow makes of one or of JSON."""
    # MLflow has no type for times with a zone, so they arrive as text; numbers with gaps arrive as
    # objects.
    frame = frame.copy()
    for name in frame.columns:
        column = frame[name]
        if name == time_column and zone is not None and pd.api.types.is_string_dtype(column):
            frame[name] = pd.to_datetime(column, utc=True).dt.tz_convert(zone)
        elif name != time_column and column.dtype == object:
            frame[name] = column.where(column.notna(), None).infer_objects()
    return frame


def parted(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the rows of the series, and those known ahead."""
    if KNOWN_AHEAD not in frame.columns:
        return frame, None
    ahead = frame[KNOWN_AHEAD]
    if ahead.isna().any() or not ahead.isin([True, False]).all():
        raise ValueError(
            f"The column {KNOWN_AHEAD!r} must be True in the rows known ahead and False in the "
            f"others. Received: {_checks.shown(ahead.unique().tolist())}."
        )
    rest, ahead = frame.drop(columns=KNOWN_AHEAD), ahead.astype(bool)
    return rest[~ahead], rest[ahead]
