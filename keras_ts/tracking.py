"""Logs a forecaster to MLflow: its settings, its scores, and a model that takes and returns frames.

It needs MLflow, so ``import keras_ts`` leaves it out: ``from keras_ts.tracking import ...``.

MLflow's own flavor for Keras logs a model that takes arrays, and loads it without importing
keras_ts, so that Keras refuses the model's layers. Here MLflow keeps the folder that ``save_model``
writes, and code that chooses a backend, imports keras_ts, and forecasts from frames.
"""

import importlib.metadata
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import mlflow
import pandas as pd
from mlflow.entities import Metric, RunTag
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from keras_ts import _checks
from keras_ts._version import __version__
from keras_ts.forecasting.forecast import forecast
from keras_ts.interface import Interface
from keras_ts.plotting.axes import own_axes
from keras_ts.plotting.forecast import plot_forecast
from keras_ts.presets.description import RecurrentPreset
from keras_ts.saving.load import load_model
from keras_ts.saving.save import save_model
from keras_ts.saving.scorecard import Judged, scorecard
from keras_ts.scores.card import Scorecard
from keras_ts.windows.reading.frames import open_frame
from keras_ts.windows.reading.panel import table_of

__all__ = ["log_forecaster"]

# The name of the folder among MLflow's files of a model.
_FILES = "forecaster"
# The column that a logged model takes, True in the rows known ahead.
_KNOWN_AHEAD = "known_ahead"
# Longer texts of parameters are cut to this many characters; ``settings.json`` holds them whole.
_LONGEST = 500
# Characters that MLflow does not allow in the name of a model.
_NO_NAME = "/:.%\"'"
# The most metrics that MLflow takes at once.
_BATCH = 1000
# MLflow runs this code to load a model. The code chooses a backend of Keras, unless KERAS_BACKEND
# is set or Keras is imported already.
_CODE = '''"""Loads a forecaster of keras_ts, which keras_ts.tracking.log_forecaster logged."""

import importlib.util
import os
import sys

import mlflow

backends = [name for name in ({backend!r}, "jax", "torch", "tensorflow")
            if importlib.util.find_spec(name)]
if "keras" not in sys.modules and backends:
    os.environ.setdefault("KERAS_BACKEND", backends[0])

from keras_ts.tracking import LoggedForecaster  # noqa: E402

mlflow.models.set_model(LoggedForecaster(zone={zone!r}))
'''


def log_forecaster(
    model: keras.Model,
    series: Any,
    *,
    future: Any = None,
    report: Judged | None = None,
    preset: RecurrentPreset | None = None,
    name: str = "forecaster",
    **log_arguments: Any,
) -> Any:
    """Log a forecaster to the active run of MLflow, so that any process can load it and forecast.

    The run gets:

    - parameters: the settings of the windows, of the preset and of its recipe, such as
      ``windows.window``, ``preset.units`` and ``recipe.learning_rate``;
    - metrics, if the model was judged: those of the report, the error of the best baseline, and
      both errors by step, such as ``mae_by_step``; verdict and best baseline are tags;
    - files under ``name``: the settings as JSON, a picture of a forecast and, if the model was
      judged, its card and a picture of its errors;
    - the model, with its signature, an example, and what to install.

    ``mlflow.pyfunc.load_model(uri).predict(frame)`` then returns what ``forecast`` does, in a
    process that imports MLflow alone. The pandas frame has the columns that the model was trained
    on. If the model reads columns known ahead, append the rows known ahead, and add a column
    ``known_ahead`` that is True in these rows and False in the past rows. In JSON, timestamps are
    text. ``predict(frame, params={"steps": 3, "incomplete": "nan"})`` sets ``steps`` and
    ``incomplete`` of ``forecast``.

    The process that loads the model needs keras_ts and a backend: that of ``KERAS_BACKEND``, else
    the one that logged the model, else one that is installed.

    Example:

    >>> from keras_ts.tracking import log_forecaster
    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     info = log_forecaster(model, table, report=compare(model, train, held_out))
    >>> mlflow.pyfunc.load_model(info.model_uri).predict(table)  # doctest: +SKIP

    Args:
        model: The model, which carries its windows.
        series: A frame of pandas or polars, or a ``Panel``, with the columns that ``forecast``
            needs. The last rows of its longest series are logged with the model as an example.
        future: The rows known ahead after ``series``, as for ``forecast``. Needed if the model
            reads columns known ahead. Defaults to None.
        report: What ``compare`` or ``backtest`` returned, as for ``save_model``: the model then
            keeps its scorecard. Defaults to None: the scorecard that the model has, if any.
        preset: The preset that built the model, for its settings. Defaults to None: only the
            settings of the windows are logged.
        name: The name of the model in MLflow. Defaults to ``"forecaster"``.
        **log_arguments: Arguments of ``mlflow.pyfunc.log_model``, such as
            ``registered_model_name``. A list ``extra_pip_requirements`` adds to the packages that a
            forecaster needs; ``pip_requirements`` or ``conda_env`` replaces all of them.

    Returns:
        The ``ModelInfo`` of MLflow, with ``model_uri``.

    Raises:
        TypeError: ``model`` is not a Keras model, ``series`` or ``future`` no frame, ``preset``
            no preset, or ``name`` no text.
        MlflowException: The run has the parameters of another forecaster: use a nested run.
        ValueError: MLflow does not allow ``name``; the model carries no windows, or was trained on
            an array; ``series`` lacks a column, or its last rows cannot be forecast; ``future`` is
            missing or not needed; or the scorecard belongs to other weights.
    """
    _checks.instance("preset", preset, RecurrentPreset | None)
    if not isinstance(name, str) or not name or set(name) & set(_NO_NAME):
        raise (ValueError if isinstance(name, str) else TypeError)(
            f"name must be a text without {' '.join(_NO_NAME)}, which MLflow refuses. "
            f"Received: name={_checks.shown(name)}."
        )
    interface = Interface.of(model, built=True)
    example = _example(interface, series, future)
    past, plan = _parted(example)
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        # The few rows of the example do not show which days are closed.
        warnings.filterwarnings("ignore", "future lacks rows")
        ahead = forecast(model, past, future=plan)
        folder, pictures = Path(temporary, _FILES), Path(temporary, "pictures")
        card = _saved(model, folder, report)
        settings = _settings(interface, preset)
        _log_parameters(settings)
        code = Path(temporary, "load_forecaster.py")
        time_column = interface.windows.time_column
        times = None if time_column is None else example[time_column].dtype
        zone = str(times.tz) if isinstance(times, pd.DatetimeTZDtype) else None
        text = _CODE.format(backend=keras.backend.backend(), zone=zone)
        code.write_text(text, encoding="utf-8")
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(code),
            artifacts={_FILES: str(folder)},
            signature=_signature(interface, example, ahead),
            input_example=example,
            **_with_requirements(log_arguments),
        )
        if card is not None:
            _log_scores(card, info.model_id)
        pictures.mkdir()
        plot_forecast(past, ahead, ax=own_axes(), filepath=pictures / "forecast.png")
        parts = {part: values for part, values in settings.items() if values}
        (pictures / "settings.json").write_text(json.dumps(parts, indent=1), encoding="utf-8")
        for file in folder.iterdir():
            if file.suffix != ".keras":
                file.rename(pictures / file.name)
        mlflow.log_artifacts(str(pictures), name)
    return info


def _example(interface: Interface, series: Any, future: Any) -> pd.DataFrame:
    """Return the last rows of the longest series, with the rows known ahead below them."""
    windows, carried = interface.windows, interface.carried
    read, planned = (carried.read, carried.planned) if carried else ([], [])
    keys = [name for name in (windows.id_column, windows.time_column) if name is not None]
    table = _frame("series", table_of(series), read and [*keys, *read])
    if _KNOWN_AHEAD in table.columns:
        raise ValueError(
            f"The model reads a column {_KNOWN_AHEAD!r}, which marks the rows known ahead in a "
            "logged model. Rename that column, and train with the new name."
        )
    plan = None
    if interface.known_ahead:
        if future is None:
            raise ValueError(
                f"The model reads future_columns={_checks.shown(windows.future_columns)}: pass "
                "future=, the rows of these columns after the end of the series."
            )
        plan = _frame("future", future, planned and [*keys, *planned])
    elif future is not None:
        raise ValueError("The model reads no columns known ahead: leave future out.")
    if windows.id_column is not None and len(table):
        ids = table[windows.id_column]
        # The plan may leave out a series that has ended.
        planned_ids = ids if plan is None else ids[ids.isin(plan[windows.id_column])]
        longest = (planned_ids if len(planned_ids) else ids).value_counts().index[0]
        table = table[ids == longest]
        plan = plan if plan is None else plan[plan[windows.id_column] == longest]
    table = table.tail(windows.geometry.reach)
    if plan is None:
        return table.reset_index(drop=True)
    marked = [table.assign(**{_KNOWN_AHEAD: False}), plan.assign(**{_KNOWN_AHEAD: True})]
    return pd.concat(marked, ignore_index=True)


def _frame(argument: str, frame: Any, names: list[Any]) -> pd.DataFrame:
    """Return the named columns of a frame, or all without names, as a pandas frame."""
    if not hasattr(frame, "columns"):
        raise TypeError(
            f"{argument} must be a frame of pandas or polars, since a logged model takes columns "
            f"by their names. Received: {type(frame).__name__}. For a plain array, train on a "
            'frame of one column: pd.DataFrame({"value": array}).'
        )
    table = open_frame(frame)
    names = list(dict.fromkeys(names)) or table.columns
    if not all(isinstance(name, str) for name in names):
        raise ValueError(
            "The model was trained on an array, whose columns are numbers, and a logged model "
            "takes columns by their names. Train it on a frame."
        )
    if lacking := [name for name in names if name not in table.columns]:
        raise ValueError(
            f"{argument} lacks the columns {lacking}, which the model reads. It has "
            f"{_checks.shown(list(table.columns))}."
        )
    return table.select(names).to_pandas()


def _saved(model: keras.Model, folder: Path, report: Judged | None) -> Scorecard | None:
    """Write the folder of a model; return its scorecard, or None if it was not judged."""
    save_model(model, folder, report=report)
    if not (folder / "README.md").exists():
        return None
    card = scorecard(model)
    if not card.ok:
        raise ValueError(f"{card.remarks[0]} Then pass report=.")
    save_model(model, folder, picture=True)
    return card


def _settings(interface: Interface, preset: RecurrentPreset | None) -> dict[str, Any]:
    """Return the settings of preset, recipe and windows as plain values."""
    of_preset = {} if preset is None else preset.get_config()
    recipe = of_preset.pop("recipe", None)
    return {"preset": of_preset, "recipe": recipe, "windows": interface.windows.get_config()}


def _log_parameters(settings: dict[str, Any]) -> None:
    """Log the settings that are not None; MLflow refuses to change a logged setting."""
    parameters = {
        f"{part}.{name}": str(value)[:_LONGEST]
        for part, values in settings.items()
        for name, value in (values or {}).items()
        if value is not None
    }
    mlflow.log_params(parameters)


def _signature(interface: Interface, example: pd.DataFrame, ahead: pd.DataFrame) -> ModelSignature:
    """Return the columns that a logged model takes and gives, and the arguments of ``predict``."""
    # MLflow needs these types to read ids and times from JSON. Other columns get AnyType, since
    # MLflow refuses integers for floats and floats for integers.
    typed = (interface.windows.id_column, interface.windows.time_column, _KNOWN_AHEAD)
    inputs = [
        ColSpec(_type(example[column]) if column in typed else AnyType(), column)
        for column in example.columns
    ]
    outputs = [ColSpec(_type(ahead[column]), column) for column in ahead.columns]
    params = [
        ParamSpec("steps", "long", interface.windows.horizon),
        ParamSpec("incomplete", "string", "raise"),
    ]
    return ModelSignature(Schema(inputs), Schema(outputs), ParamSchema(params))


def _type(column: pd.Series) -> Any:
    """Return MLflow's type of a column; AnyType for times with a zone and for categories."""
    kinds = pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype | pd.DatetimeTZDtype):
        return AnyType()
    for mlflow_type, fits in (
        ("boolean", kinds.is_bool_dtype),
        ("long", kinds.is_integer_dtype),
        ("double", kinds.is_float_dtype),
        ("datetime", kinds.is_datetime64_dtype),
        ("string", kinds.is_string_dtype),
    ):
        if fits(column):
            return mlflow_type
    return AnyType()


def _with_requirements(log_arguments: dict[str, Any]) -> dict[str, Any]:
    """Return ``log_arguments`` with the packages, as installed here, that a model needs."""
    # MLflow would run the model to find its packages, and would miss the backend.
    if {"pip_requirements", "conda_env"} & set(log_arguments):
        return log_arguments
    backend = keras.backend.backend()
    owners = importlib.metadata.packages_distributions()
    names = ["keras", owners.get(backend, [backend])[0], "numpy", "narwhals", "pandas"]
    # The package index has no versions such as 2.9.0+cpu.
    needed = [f"keras-ts=={__version__}"]
    needed += [f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names]
    rest = dict(log_arguments)
    return {"pip_requirements": [*needed, *rest.pop("extra_pip_requirements", [])], **rest}


def _log_scores(card: Scorecard, model_id: str) -> None:
    """Log scores as metrics, and the verdict and the name of the best baseline as tags."""
    run, client, now = mlflow.active_run().info.run_id, mlflow.MlflowClient(), time.time_ns()
    metrics = [
        Metric(metric, value, now // 1_000_000, step, model_id=model_id)
        for metric, value, step in _scores(card.values)
        if value is not None
    ]
    tags = {"verdict": card.values["verdict"], "best_baseline": card.values["best"]}
    client.log_batch(run, tags=[RunTag(f"keras_ts.{tag}", text) for tag, text in tags.items()])
    for first in range(0, len(metrics), _BATCH):
        client.log_batch(run, metrics=metrics[first : first + _BATCH])


def _scores(values: dict[str, Any]) -> Iterator[tuple[str, float | None, int]]:
    """Yield the name, value and step of each metric."""
    table, by = values["table"], values["by"]
    model_row, best_row = (table["name"].index(values[role]) for role in ("model", "best"))
    for metric, column in table.items():
        if metric != "name":
            yield metric, column[model_row], 0
    yield f"best_baseline_{by}", table[by][best_row], 0
    for role, beginning in (("model", ""), ("baseline", "best_baseline_")):
        for step, value in enumerate(values["steps"][role], 1):
            yield f"{beginning}{by}_by_step", value, step


class LoggedForecaster(mlflow.pyfunc.PythonModel):
    """Loads a model from MLflow's files, and forecasts; converts times in text to ``zone``."""

    def __init__(self, zone: str | None = None) -> None:
        self._zone = zone

    def load_context(self, context: Any) -> None:
        """Load the model."""
        self._model = load_model(context.artifacts[_FILES])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the forecast of the series in a frame."""
        windows = Interface.of(self._model).windows
        past, plan = _parted(_readable(model_input, windows.time_column, self._zone))
        return forecast(self._model, past, future=plan, **(params or {}))


def _readable(frame: pd.DataFrame, time_column: str | None, zone: str | None) -> pd.DataFrame:
    """Return the frame that MLflow passes, with times and numbers as ``forecast`` needs them."""
    # MLflow has no type for times with a zone, so these come as text. Numbers with gaps come as
    # objects.
    frame = frame.copy()
    for name in frame.columns:
        column = frame[name]
        if name == time_column and zone is not None and pd.api.types.is_string_dtype(column):
            frame[name] = pd.to_datetime(column, utc=True).dt.tz_convert(zone)
        elif name != time_column and column.dtype == object:
            frame[name] = column.where(column.notna(), None).infer_objects()
    return frame


def _parted(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the past rows, and those known ahead or None."""
    if _KNOWN_AHEAD not in frame.columns:
        return frame, None
    ahead = frame[_KNOWN_AHEAD]
    if ahead.isna().any() or not ahead.isin([True, False]).all():
        raise ValueError(
            f"The column {_KNOWN_AHEAD!r} must be True in the rows known ahead and False in the "
            f"others. Received: {_checks.shown(ahead.unique().tolist())}."
        )
    rest, ahead = frame.drop(columns=_KNOWN_AHEAD), ahead.astype(bool)
    return rest[~ahead], rest[ahead]
